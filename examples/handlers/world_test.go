package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// world is a provider and the application, both on loopback and on one clock.
type world struct {
	t        *testing.T
	provider *providertest.Server
	client   *tieline.Client
	app      *httptest.Server
	clock    *clock
	logs     *strings.Builder
}

// clock is the time of day, moved on by hand.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(d time.Duration) { c.ahead.Add(int64(d)) }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: &clock{}, logs: &strings.Builder{}}
	w.app = httptest.NewUnstartedServer(nil)
	callbackURL := "http://" + w.app.Listener.Addr().String() + "/callback"
	w.provider = providertest.New(t, providertest.Options{
		RedirectURIs: []string{callbackURL}, TokenLifetime: time.Hour, Now: w.clock.now,
	})
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "acme.yaml", Data: w.provider.ProvidersYAML()})
	for _, p := range problems {
		t.Fatal(p)
	}
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	w.client, err = tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog, CallbackURL: callbackURL, Now: w.clock.now,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		// Before a grant is taken for dead, the provider is asked twice.
		Refresh: tieline.RefreshPolicy{Confirm: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.register()
	w.app.Config.Handler = (&accounts{
		client: w.client, user: standIn, profile: map[string]string{"acme": "/me", "absent": "/me"},
		log: slog.New(slog.NewTextHandler(&locked{w: w.logs}, nil)),
	}).handler()
	w.app.Start()
	t.Cleanup(w.close)
	return w
}

func (w *world) register() {
	w.t.Helper()
	credentials := w.provider.Credentials()
	_, err := w.client.Integrations.Create(w.t.Context(), tieline.Integration{
		Key: "acme", Provider: "acme",
		App: &tieline.OAuthApp{ClientID: credentials.ClientID, ClientSecret: tieline.NewSecret(credentials.ClientSecret)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// connectByKey makes a connection through an integration that no page is for.
func (w *world) connectByKey(integration, id string) {
	w.t.Helper()
	_, err := w.client.Integrations.Create(w.t.Context(), tieline.Integration{Key: integration, Provider: "acme-key"})
	if err != nil {
		w.t.Fatal(err)
	}
	_, err = w.client.Connections.Create(w.t.Context(), integration, id, tieline.ConnectionInput{
		Credential: &tieline.APIKey{Key: tieline.NewSecret(w.provider.Credentials().APIKey)},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) close() {
	w.app.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := w.client.Close(ctx); err != nil {
		w.t.Error(err)
	}
}

// browser is a user's: it has cookies, and stays where it is sent from.
type browser struct {
	w    *world
	user string
	http *http.Client
}

func (w *world) browser(user string) *browser {
	w.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return &browser{w: w, user: user, http: &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is what a browser shows.
type page struct {
	status int
	header http.Header
	text   string
}

func (b *browser) do(method, target string, header http.Header) page {
	b.w.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.w.app.URL + target
	}
	req, err := http.NewRequestWithContext(b.w.t.Context(), method, target, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if b.user != "" {
		req.SetBasicAuth(b.user, "")
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return page{resp.StatusCode, resp.Header, string(text)}
}

func (b *browser) get(target string) page {
	b.w.t.Helper()
	return b.do(http.MethodGet, target, nil)
}

// begin goes to the provider, and returns its consent page's address.
func (b *browser) begin() string {
	b.w.t.Helper()
	p := b.get("/connect/acme")
	if p.status != http.StatusSeeOther {
		b.w.t.Fatalf("/connect/acme: %d %s", p.status, p.text)
	}
	return p.header.Get("Location") + "&login_hint=" + url.QueryEscape(b.user)
}

// decide answers the consent page, and returns the address of the callback.
func (b *browser) decide(consent string, with func(context.Context, string) (url.Values, string, error)) string {
	b.w.t.Helper()
	callback, redirectURI, err := with(b.w.t.Context(), consent)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return redirectURI + "?" + callback.Encode()
}

// connect walks the whole way.
func (b *browser) connect() {
	b.w.t.Helper()
	p := b.get(b.decide(b.begin(), b.w.provider.Authorize))
	if to := p.header.Get("Location"); p.status != http.StatusSeeOther || to != "/me/acme" {
		b.w.t.Fatalf("callback: %d, to %q: %s", p.status, to, p.text)
	}
}
