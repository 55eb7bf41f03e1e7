package e2e

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
	"github.com/tieline/tieline/e2e/internal/database"
)

const (
	callbackURL = "http://127.0.0.1/callback"

	// The names that all tests use.
	integration = "crm"
	machines    = "machines" // the integration of client credentials
	user        = "alice"
)

// site is what a process needs to know to be one of the application.
type site struct {
	Server string // URL of the authorization server
	DB     database.Address
	Key    string // as tieline.ParseKeyring takes it
}

// process is one of the application: a Client on a handle of its own.
type process struct {
	*tieline.Client
	store database.Store
}

// open makes a process of this one. edit may change the Config.
func (s site) open(edit func(*tieline.Config)) (*process, error) {
	keys, err := tieline.ParseKeyring(s.Key)
	if err != nil {
		return nil, err
	}
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "fosite.yaml", Data: authserver.Catalog(s.Server)})
	for _, p := range problems {
		err = errors.Join(err, errors.New(p.String()))
	}
	if err != nil {
		return nil, err
	}
	st, err := s.DB.Open(context.Background())
	if err != nil {
		return nil, err
	}
	cfg := tieline.Config{
		Store: st, Keys: keys, Providers: catalog, CallbackURL: callbackURL,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	if edit != nil {
		edit(&cfg)
	}
	client, err := tieline.New(cfg)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	return &process{Client: client, store: st}, nil
}

// close ends the process as an application should: first the Client, then the
// Store.
func (p *process) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(p.Client.Close(ctx), p.store.Close())
}

// world is a server and a process of the application with an integration.
type world struct {
	*process
	t      testing.TB
	server *authserver.Server
	site   site
}

func newWorld(t testing.TB, o authserver.Options, edit func(*tieline.Config)) *world {
	t.Helper()
	return newWorldOn(t, newFile(t), o, edit)
}

// newWorldOn is a world on a database that holds nothing yet.
func newWorldOn(t testing.TB, db database.Address, o authserver.Options, edit func(*tieline.Config)) *world {
	t.Helper()
	o.RedirectURI = callbackURL
	server := authserver.New(t, o)
	w := &world{t: t, server: server, site: site{
		Server: server.URL, DB: db, Key: tieline.GenerateKey(),
	}}
	w.process = w.another(edit)
	_, err := w.Integrations.Create(t.Context(), tieline.Integration{
		Key: integration, Provider: authserver.Provider,
		App: &tieline.OAuthApp{ClientID: server.ClientID, ClientSecret: tieline.NewSecret(server.ClientSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// another is one more process on the same file, which ends with the test.
func (w *world) another(edit func(*tieline.Config)) *process {
	w.t.Helper()
	p, err := w.site.open(edit)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		if err := p.close(); err != nil {
			w.t.Errorf("closing: %v", err)
		}
	})
	return p
}

// consent begins an authorization and takes the user to the server and back.
func (w *world) consent(o tieline.AuthorizeOptions) (binding string, callback url.Values) {
	w.t.Helper()
	return w.visit(o, false)
}

func (w *world) visit(o tieline.AuthorizeOptions, deny bool) (binding string, callback url.Values) {
	w.t.Helper()
	a, err := w.Connections.Authorize(w.t.Context(), integration, o)
	if err != nil {
		w.t.Fatal(err)
	}
	callback, err = w.server.Browse(w.t.Context(), a.URL, deny)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Binding.Reveal(), callback
}

// connect makes a connection, from the authorization to the row.
func (w *world) connect(id string) tieline.Connection {
	w.t.Helper()
	binding, callback := w.consent(tieline.AuthorizeOptions{ConnectionID: id})
	conn, err := w.Connections.Complete(w.t.Context(), binding, callback)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func (w *world) token(id string) *tieline.OAuth2Token {
	w.t.Helper()
	cred, err := w.Connections.Credential(w.t.Context(), integration, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return cred.(*tieline.OAuth2Token)
}

// works says whether a connection's credential is accepted by the resource server.
// On a busy machine a token may expire on its way there, or die because it is being
// renewed ahead of need; that is no answer, unless the next one fares no better.
func (w *world) works(id string) bool {
	w.t.Helper()
	var refused tieline.Secret
	for {
		token := w.token(id)
		if w.accepted(token.AccessToken) {
			return true
		}
		if time.Now().Before(token.ExpiresAt) {
			if !refused.IsZero() && !refused.Equal(token.AccessToken) {
				return false
			}
			refused = token.AccessToken
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// accepted says whether the resource server takes an access token now.
func (w *world) accepted(token tieline.Secret) bool {
	w.t.Helper()
	ok, err := w.server.Accepts(w.t.Context(), token.Reveal())
	if err != nil {
		w.t.Fatal(err)
	}
	return ok
}

// exchanges are those of a grant type that the referee has seen.
func (w *world) exchanges(grantType string) []authserver.Exchange {
	var out []authserver.Exchange
	for _, x := range w.server.Referee.Exchanges() {
		if x.GrantType == grantType {
			out = append(out, x)
		}
	}
	return out
}

// stored says whether there is such a connection.
func (w *world) stored(id string) bool {
	w.t.Helper()
	_, err := w.Connections.Get(w.t.Context(), integration, id)
	if err != nil && !errors.Is(err, tieline.ErrNotFound) {
		w.t.Fatal(err)
	}
	return err == nil
}

// clock stands still until it is set, so that no token is due before a test
// wants it to be, however busy the machine.
type clock struct {
	started time.Time
	passed  atomic.Int64 // nanoseconds
}

func newClock() *clock { return &clock{started: time.Now()} }

func (c *clock) now() time.Time { return c.started.Add(time.Duration(c.passed.Load())) }

func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

// config makes a Client go by the clock.
func (c *clock) config(cfg *tieline.Config) { cfg.Now = c.now }

// debugLogger logs everything there is.
func debugLogger(b *buffer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug, AddSource: true}))
}
