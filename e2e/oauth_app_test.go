package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
	"github.com/tieline/tieline/store"
)

// longLife is how long access tokens live where a test goes by a clock of its own:
// longer than the test takes.
const longLife = time.Hour

// app is an application with a provider file of one test, on a store in memory.
type app struct {
	*tieline.Client
	t *testing.T
	// clock is what the application goes by; the server has the real time.
	clock *clock
	logs  *buffer
}

// newApp starts an application. In the provider file SERVER stands for the URL of
// the server; roots vouch for it if it has TLS.
func newApp(t *testing.T, file, serverURL string, roots *x509.CertPool) *app {
	t.Helper()
	return newAppTLS(t, file, serverURL, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
}

func newAppTLS(t *testing.T, file, serverURL string, settings *tls.Config) *app {
	t.Helper()
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{
		Name: "interop.yaml", Data: []byte(strings.ReplaceAll(file, "SERVER", serverURL)),
	})
	for _, p := range problems {
		t.Fatal(p)
	}
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{t: t, clock: newClock(), logs: new(buffer)}
	a.Client, err = tieline.New(tieline.Config{
		Store: new(store.Memory), Keys: keys, Providers: catalog, CallbackURL: callbackURL,
		Now: a.clock.now, Logger: debugLogger(a.logs),
		Outbound: tieline.Outbound{
			AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			Transport:    &http.Transport{TLSClientConfig: settings},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return a
}

// integrate makes the integration of the tests.
func (a *app) integrate(provider string, creds tieline.AppCredential) {
	a.t.Helper()
	if _, err := a.Integrations.Create(a.t.Context(), tieline.Integration{Key: integration, Provider: provider, App: creds}); err != nil {
		a.t.Fatal(err)
	}
}

// consent takes a user to the server, by way of edit if there is one, and back.
func (a *app) consent(s *authserver.Server, edit func(url.Values)) (binding string, callback url.Values) {
	a.t.Helper()
	auth, err := a.Connections.Authorize(a.t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	if err != nil {
		a.t.Fatal(err)
	}
	target := auth.URL
	if edit != nil {
		target = edited(a.t, target, edit)
	}
	callback, err = s.Browse(a.t.Context(), target, false)
	if err != nil {
		a.t.Fatal(err)
	}
	return auth.Binding.Reveal(), callback
}

// edited is the URL with another query.
func edited(t *testing.T, target string, edit func(url.Values)) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	edit(q)
	u.RawQuery = q.Encode()
	return u.String()
}

func (a *app) connect(s *authserver.Server) {
	a.t.Helper()
	binding, callback := a.consent(s, nil)
	if _, err := a.Connections.Complete(a.t.Context(), binding, callback); err != nil {
		a.t.Fatal(err)
	}
}

// token is the user's.
func (a *app) token() *tieline.OAuth2Token {
	a.t.Helper()
	cred, err := a.Connections.Credential(a.t.Context(), integration, user)
	if err != nil {
		a.t.Fatal(err)
	}
	return cred.(*tieline.OAuth2Token)
}

// calls checks that the server's API takes what the application's HTTP client sends.
func (a *app) calls(path string) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, path, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.Connections.HTTPClient(integration, user).Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		a.t.Errorf("GET %s: %s", path, resp.Status)
	}
}

// nobody checks that no connection was stored.
func (a *app) nobody() {
	a.t.Helper()
	if _, err := a.Connections.Get(a.t.Context(), integration, user); !errors.Is(err, tieline.ErrNotFound) {
		a.t.Errorf("there is a connection: %v", err)
	}
}

// counts are how many exchanges of each grant type the server has seen.
func counts(s *authserver.Server) map[string]int {
	out := map[string]int{}
	for _, x := range s.Referee.Exchanges() {
		out[x.GrantType]++
	}
	return out
}

// wantTokenError checks for a refusal by the token endpoint, or one like it.
func wantTokenError(t *testing.T, err error, code string, class tieline.ErrorClass) {
	t.Helper()
	var refusal *tieline.TokenError
	if !errors.Is(err, tieline.ErrTokenEndpoint) || !errors.As(err, &refusal) || refusal.Code != code || refusal.Class != class {
		t.Errorf("got %v, want %s of class %s", err, code, class)
	}
}
