package tieline

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/store"
)

// Config is what [New] makes a Client of. Store and Keys are required; the
// zero value of every other field is a default that works.
type Config struct {
	// Store keeps integrations and connections. Required. The Client does not
	// close it.
	Store store.Store

	// Keys encrypts every secret before it reaches Store. Required: nothing is
	// ever stored in the clear.
	Keys *Keyring

	// Providers is the catalog. Default: Builtin().
	Providers *Catalog

	// CallbackURL is where providers send users back to after they authorized,
	// an absolute URL of the application, https or loopback. Required only to
	// authorize.
	CallbackURL string

	// WebhookURL is the prefix of the URLs at which the application takes
	// webhooks of providers, see [Integrations.WebhookURL]. Empty: none.
	WebhookURL string

	// LogoURL is the prefix of the URLs of provider logos, see
	// [Integrations.LogoURL]. Empty: none.
	LogoURL string

	// Outbound says how and where to requests leave.
	Outbound Outbound

	// Logger gets what happens. Nothing secret is ever logged. Default: nothing
	// is logged.
	Logger *slog.Logger

	// Now is the wall clock, for expiry times. Default: time.Now. Leases do not
	// use it.
	Now func() time.Time

	// Rand is the source of IDs, states and verifiers. Default: crypto/rand.
	Rand io.Reader

	// Refresh says how credentials are kept fresh. Zero fields take the defaults.
	Refresh RefreshPolicy

	// Journal keeps new tokens that Store does not take until it does, so that
	// they survive the end of the process. Default: none; they are then kept in
	// memory alone. See package journal for when one helps. The Client does not
	// close it.
	Journal Journal

	// MaxStale is how long a handle ([Connections.HTTPClient],
	// [Connections.TokenSource]) may go on without looking into the Store, where
	// another process may have put a newer credential. Default: 5 s; negative:
	// look every time.
	MaxStale time.Duration

	// Modes are auth modes of the application's own, and replacements of built-in
	// ones. A provider's entry names one of its own by an auth_mode that begins
	// with "X_".
	Modes map[AuthMode]Mode
	// ProviderModes are the modes of single providers, by the provider's name. They
	// go before the provider's auth mode.
	ProviderModes map[string]Mode

	// Forward says where webhooks and events are handed on to. Default: nowhere.
	Forward Forward

	// OnEvent is told what happens to connections. It is called while nothing
	// is locked, from the goroutine that did it, and should return soon. A panic
	// in it is contained.
	OnEvent func(context.Context, Event)

	// Tracer is told where time goes. Default: nobody is.
	Tracer Tracer
}

// Outbound says how requests leave and where they may go. Names are resolved
// before the address is checked, on every connection, redirects included.
// The zero value allows https to public addresses.
type Outbound struct {
	// Transport is cloned as the base of all requests, for its proxy and TLS
	// settings. Its dialing and InsecureSkipVerify are not used. Default: no
	// proxy, not even one from the environment. With a proxy, it is the proxy
	// that resolves names and has to keep requests out of private networks.
	Transport *http.Transport

	// AllowPrivate are the prefixes outside the public Internet that may be
	// reached, also by plain http. Addresses of cloud metadata services never
	// can.
	AllowPrivate []netip.Prefix

	// AllowedHosts, when not empty, are the only hosts that may be reached:
	// names, or "*.example.com" for everything below one.
	AllowedHosts []string
}

const defaultMaxStale = 5 * time.Second

// Client connects an application to its users' accounts. Make one per process
// with [New]; it is safe for concurrent use.
type Client struct {
	Integrations *Integrations
	Connections  *Connections
	Sessions     *Sessions
	Forwards     *Forwards
	Providers    *Catalog

	core *core
}

// core is what the managers share.
type core struct {
	store    store.Store
	keys     *seal.Keyring
	catalog  *Catalog
	callback string
	webhooks string
	logos    string
	log      *slog.Logger
	now      func() time.Time
	started  time.Time // monotonic, and what now said then
	startNow time.Time
	rand     io.Reader
	policy   RefreshPolicy
	maxStale time.Duration
	journal  Journal
	onEvent  func(context.Context, Event)
	tracer   Tracer

	private   []netip.Prefix    // Outbound.AllowPrivate
	tokenHTTP http.RoundTripper // token endpoints: never a reused connection
	apiHTTP   http.RoundTripper // everything else
	closeIdle func()

	builtin       map[AuthMode]Mode // to tell them from the application's own
	modes         map[AuthMode]Mode
	providerModes map[string]Mode
	flights       flights
	breakers      breakers
	counts        counts
	tasks         tasks
	limits        limits
	verifiers     verifiers
	keySets       keySets
	forwarding    forwardPlan
	rooms         rooms                             // for what is forwarded
	jitter        func(time.Duration) time.Duration // between 0 and that much
	touching      atomic.Int64
	scratch       sync.Pool // of *[]byte, for what was decrypted and not decoded yet
}

// New checks the Config and makes a Client. It touches neither the network nor
// the Store and starts no goroutine. The error names the field that is wrong.
func New(cfg Config) (*Client, error) {
	c, err := newCore(cfg)
	if err != nil {
		return nil, opError("tieline: new client", err)
	}
	return &Client{
		Integrations: &Integrations{core: c},
		Connections:  &Connections{core: c},
		Sessions:     &Sessions{core: c},
		Forwards:     &Forwards{core: c},
		Providers:    c.catalog,
		core:         c,
	}, nil
}

func newCore(cfg Config) (*core, error) {
	policy, policyErr := cfg.Refresh.withDefaults()
	forwarding, forwardErr := cfg.Forward.plan()
	err := errors.Join(
		required("Store", cfg.Store != nil),
		required("Keys", cfg.Keys != nil && cfg.Keys.ring != nil),
		checkURL("CallbackURL", cfg.CallbackURL),
		checkURL("WebhookURL", cfg.WebhookURL),
		checkURL("LogoURL", cfg.LogoURL),
		cfg.Outbound.check(),
		policyErr,
		forwardErr,
	)
	if err != nil {
		return nil, err
	}
	transports := outbound.New(cfg.Outbound.Transport, outbound.Policy{
		AllowPrivate: cfg.Outbound.AllowPrivate,
		AllowedHosts: cfg.Outbound.AllowedHosts,
	})
	c := &core{
		store:    cfg.Store,
		keys:     cfg.Keys.ring,
		catalog:  cfg.Providers,
		callback: cfg.CallbackURL,
		webhooks: strings.TrimSuffix(cfg.WebhookURL, "/"),
		logos:    strings.TrimSuffix(cfg.LogoURL, "/"),
		log:      cfg.Logger,
		now:      wallClock(cfg.Now),
		rand:     cfg.Rand,
		policy:   policy,
		maxStale: cfg.MaxStale,
		journal:  cfg.Journal,
		onEvent:  cfg.OnEvent,
		tracer:   cfg.Tracer,

		private:    slices.Clone(cfg.Outbound.AllowPrivate),
		forwarding: forwarding,
		rooms:      newRooms(),

		tokenHTTP: transports.Token,
		apiHTTP:   transports.API,
		closeIdle: transports.CloseIdle,

		builtin:       builtinModes(),
		modes:         builtinModes(),
		providerModes: maps.Clone(cfg.ProviderModes),
		jitter:        jitter,
	}
	maps.Copy(c.modes, cfg.Modes)
	c.started, c.startNow = time.Now(), c.now()
	if c.catalog == nil {
		c.catalog = Builtin()
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.rand == nil {
		c.rand = rand.Reader
	}
	if c.maxStale == 0 {
		c.maxStale = defaultMaxStale
	}
	c.keySets.http, c.keySets.now = c.apiHTTP, c.now
	return c, nil
}

// Close stops new refreshes and waits until those under way have ended and
// their tokens are saved, or ctx is done. A nil error means that nothing was
// left behind; an [*UnsavedError] names the connections whose new token exists
// only in this process. Call Close before the process ends: ending without
// it in the middle of a refresh can cost a connection its grant.
//
// After Close, what is stored can still be read; what would need a refresh, and
// connecting and deleting, is answered with ErrClosed. Closing again waits again.
func (c *Client) Close(ctx context.Context) error {
	err := c.core.drain(ctx)
	c.core.closeIdle()
	return opError("tieline: close client", err)
}

func (c *core) drain(ctx context.Context) error {
	c.flights.close()
	err := errors.Join(c.flights.wait(ctx), c.tasks.wait(ctx))
	if unsaved := c.flights.unsaved(); len(unsaved) > 0 {
		return Health{Unsaved: unsaved}.Err()
	}
	if err != nil {
		return ctx.Err()
	}
	return nil
}

// wallClock is a clock that reads as the Store keeps times: in UTC, to the
// microsecond, without a monotonic part.
func wallClock(now func() time.Time) func() time.Time {
	if now == nil {
		now = time.Now
	}
	return func() time.Time { return now().UTC().Truncate(time.Microsecond) }
}

// steady is what the wall clock would say if nobody had set it since New. On a
// machine that was suspended it is behind.
func (c *core) steady() time.Time { return c.startNow.Add(time.Since(c.started)) }

func required(field string, ok bool) error {
	if ok {
		return nil
	}
	return &FieldError{Field: field, Reason: "is required"}
}

// checkURL accepts absent, https, and http to the machine itself.
func checkURL(field, raw string) error {
	if raw == "" {
		return nil
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return &FieldError{Field: field, Reason: "must be an absolute URL"}
	case u.User != nil || u.Fragment != "":
		return &FieldError{Field: field, Reason: "must have no user and no fragment"}
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	default:
		return &FieldError{Field: field, Reason: "must be https, or http to a loopback address"}
	}
}

// check refuses what would never match and so never apply.
func (o *Outbound) check() error {
	for _, h := range o.AllowedHosts {
		if strings.TrimPrefix(h, "*.") == "" || strings.ContainsAny(strings.TrimPrefix(h, "*."), "*/@?# ") || strings.Contains(h, "://") {
			return &FieldError{Field: "Outbound.AllowedHosts", Reason: "must be host names, or *. and a host name"}
		}
	}
	for _, p := range o.AllowPrivate {
		if !p.IsValid() {
			return &FieldError{Field: "Outbound.AllowPrivate", Reason: "has a prefix that is not valid"}
		}
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// labelsWith is a sorted copy of labels in which the ones with the prefix are
// replaced by values.
func labelsWith(labels []string, prefix string, values ...string) []string {
	out := make([]string, 0, len(labels)+len(values))
	for _, l := range labels {
		if !strings.HasPrefix(l, prefix) {
			out = append(out, l)
		}
	}
	for _, v := range values {
		out = append(out, prefix+v)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
