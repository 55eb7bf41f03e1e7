package browser

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/httpapi"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

const tokenPrefix = "nango_connect_session_"

// world is a service with a provider to connect to, and an application that uses it.
type world struct {
	client   *tieline.Client
	provider *providertest.Server
	log      logBuffer
	later    atomic.Int64 // how far the service's clock is ahead

	service     string // URL
	keyHash     string // of the service's certificate, as Chromium is told of it
	application string // URL, an origin that the service knows
	stranger    string // URL of the same at an origin that it does not

	mu     sync.Mutex
	tokens []string // of all sessions, without prefix
}

// logBuffer is what the service logs.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// providers is beside the provider of package providertest: one with every kind of field.
const providers = `
shop:
  display_name: <b>Shop</b> & "Co"
  docs: https://example.com
  docs_connect: https://example.com/help#top
  auth_mode: API_KEY
  connection_config:
    subdomain: {type: string, title: Shop, description: The name of your shop, prefix: "https://", suffix: .example.com, format: hostname, example: acme, doc_section: name}
    region: {type: string, title: Region, enum: [eu, us], default_value: eu}
    cell: {type: string, title: Cell, pattern: '^[0-9]+$', visible_when: {field: region, equals: us}}
    private_key: {type: string, title: Private key, description: In PEM, optional: true}
  credentials: {apiKey: {type: string, title: API key, description: The key of a person who may do everything}}
  proxy: {base_url: "https://${connectionConfig.subdomain}.example.com", headers: {x-key: "${apiKey}"}}
`

// newWorld starts a service on https, with the cookies of https.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	port := newApplication(t, &w.service)
	w.application, w.stranger = "http://app.localhost:"+port, "http://evil.localhost:"+port
	mux := http.NewServeMux()
	srv := httptest.NewTLSServer(mux)
	t.Cleanup(srv.Close)
	w.service = strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
	sum := sha256.Sum256(srv.Certificate().RawSubjectPublicKeyInfo)
	w.keyHash = base64.StdEncoding.EncodeToString(sum[:])

	callback := w.service + "/oauth/callback"
	w.provider = providertest.New(t, providertest.Options{RedirectURIs: []string{callback}})
	w.client = w.newClient(t, callback)
	w.integrations(t)
	keys, err := httpapi.NewKeys(nil)
	check(t, err)
	handler, err := httpapi.New(w.client, httpapi.Options{
		Keys: keys, PublicURL: w.service, Origins: []string{w.application}, ConfirmUser: confirmUser, Logger: w.logger(), Now: w.now,
	})
	check(t, err)
	mux.Handle("/", handler)
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.later.Load())) }

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (w *world) newClient(t *testing.T, callback string) *tieline.Client {
	t.Helper()
	catalog, problems := tieline.Builtin().With(
		tieline.CatalogFile{Name: "acme.yaml", Data: w.provider.ProvidersYAML()}, tieline.CatalogFile{Name: "shop.yaml", Data: []byte(providers)})
	for _, p := range problems {
		if p.Severity == tieline.SeverityRejected {
			t.Fatal(p)
		}
	}
	ring, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(t, err)
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: ring, Providers: catalog, CallbackURL: callback, Logger: w.logger(), Now: w.now,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		check(t, client.Close(ctx))
	})
	return client
}

// integrations are enough for the page to have a search.
func (w *world) integrations(t *testing.T) {
	t.Helper()
	app := w.provider.Credentials()
	all := []tieline.Integration{
		{Key: "acme", Provider: "acme", App: &tieline.OAuthApp{ClientID: app.ClientID, ClientSecret: tieline.NewSecret(app.ClientSecret), Scopes: []string{"profile", "files.read"}}},
		{Key: "acme-key", Provider: "acme-key"},
		{Key: "shop", Provider: "shop"},
	}
	for _, name := range []string{"github", "slack", "hubspot", "notion", "salesforce"} {
		all = append(all, tieline.Integration{Key: name, Provider: name, App: &tieline.OAuthApp{ClientID: "id", ClientSecret: tieline.NewSecret("secret")}})
	}
	for _, in := range all {
		_, err := w.client.Integrations.Create(t.Context(), in)
		check(t, err)
	}
}

// session makes a link for one of the application's users, named by their ID.
func (w *world) session(ctx context.Context, user string, integrations []string) (token string, err error) {
	_, secret, err := w.client.Sessions.Create(ctx, tieline.Session{
		EndUser: &tieline.EndUser{ID: user, DisplayName: user, Email: user + "@example.com"}, Integrations: integrations,
	})
	if err != nil {
		return "", err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, secret.Reveal())
	return tokenPrefix + secret.Reveal(), nil
}

// silent checks that no link and no credential is in the log.
func (w *world) silent(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	secrets := append([]string{w.provider.Credentials().APIKey, w.provider.Credentials().ClientSecret}, w.tokens...)
	for _, g := range w.provider.Grants() {
		secrets = append(secrets, g.AccessToken, g.RefreshToken)
	}
	log := w.log.String()
	if len(w.tokens) == 0 || !strings.Contains(log, "/connect/api/status") {
		t.Error("there is nothing to look for, or nowhere to look")
	}
	for _, s := range secrets {
		if strings.Contains(log, s) {
			t.Errorf("the log has a secret of %d characters", len(s))
		}
	}
}
