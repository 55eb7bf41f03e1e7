package tieline

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"golang.org/x/oauth2"
)

func TestTokenSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		source := w.Connections.TokenSource("acme", "alice")
		token, err := source.Token()
		if err != nil || token.AccessToken != w.credential().AccessToken.Reveal() || token.RefreshToken != "" || !token.Valid() {
			t.Fatalf("%v, %v", token.TokenType, err)
		}
		if token.TokenType != "Bearer" || token.Expiry.IsZero() {
			t.Errorf("%s, %v", token.TokenType, token.Expiry)
		}
		time.Sleep(time.Hour)
		next, err := source.Token()
		if err != nil || next.AccessToken == token.AccessToken || !next.Valid() {
			t.Errorf("after expiry: %v", err)
		}
		// Another process refreshes: within MaxStale the handle knows.
		other, _, _ := w.client(worldOptions{})
		forced, err := other.Connections.Refresh(t.Context(), "acme", "alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second)
		if now, _ := source.Token(); now.AccessToken != forced.(*OAuth2Token).AccessToken.Reveal() {
			t.Error("the handle did not look into the Store")
		}
		if _, err := w.Connections.TokenSource("acme", "bob").Token(); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown connection: %v", err)
		}
	})
}

func TestTokenSourceOfAKey(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	if _, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Connections.TokenSource("acme-key", "alice").Token(); !errors.Is(err, ErrWrongMode) {
		t.Errorf("Token = %v", err)
	}
}

func TestMaxStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, reads := flaky()
		w := connected(t, worldOptions{store: s})
		always, _, _ := w.client(worldOptions{config: func(c *Config) { c.MaxStale = -1 }})
		cached, fresh := w.Connections.TokenSource("acme", "alice"), always.Connections.TokenSource("acme", "alice")
		for _, source := range []oauth2.TokenSource{cached, fresh} {
			if _, err := source.Token(); err != nil {
				t.Fatal(err)
			}
		}
		reads.Store(true)
		time.Sleep(4 * time.Second)
		if _, err := cached.Token(); err != nil {
			t.Errorf("within MaxStale: %v", err)
		}
		if _, err := fresh.Token(); !errors.Is(err, errDown) {
			t.Errorf("with a negative MaxStale: %v", err)
		}
		time.Sleep(2 * time.Second)
		if _, err := cached.Token(); !errors.Is(err, errDown) {
			t.Errorf("after MaxStale: %v", err)
		}
	})
}

const tenantYAML = `
tenant:
  display_name: Tenant
  auth_mode: OAUTH2
  docs: https://example.com
  authorization_url: URL/authorize
  token_url: URL/token
  token_response_metadata: [tenant_host]
  redirect_uri_metadata: [state]
  refresh: {grant: refresh_token, rotation: always, reuse: revoke_family}
  connection_config:
    tenant_host: {type: string, title: Host, automated: true, format: hostname, source: "token_response:tenant_host"}
  proxy:
    base_url: https://${connectionConfig.tenant_host}/api
`

// What the provider tells with the token is kept, sealed, and used in URLs.
func TestCapturedValues(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.catalog, _ = w.catalog.With(CatalogFile{Name: "tenant.yaml", Data: []byte(strings.ReplaceAll(tenantYAML, "URL", w.provider.URL))})
	w.Client, _, _ = w.client(worldOptions{})
	cred := w.provider.Credentials()
	_, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "tenant", App: &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}})
	if err != nil {
		t.Fatal(err)
	}
	w.connect("acme", "without")
	if _, err := w.Connections.TokenSource("acme", "without").Token(); err != nil {
		t.Errorf("a token needs no base URL: %v", err)
	}
	var field *FieldError
	if resp, err := w.Connections.HTTPClient("acme", "without").Get("/x"); !errors.As(err, &field) || field.Field != "config.tenant_host" {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("a request without a base URL: %v", err)
	}

	w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, Fields: map[string]any{"tenant_host": "eu-canary.example.com"}})
	conn := w.connect("acme", "alice")
	if conn.Captured["tenant_host"] != "eu-canary.example.com" || len(conn.Config) != 0 {
		t.Errorf("captured %v, config %v", conn.Captured, conn.Config)
	}
	for _, row := range w.rows(kindConnection) {
		if strings.Contains(string(row.Data), "eu-canary") {
			t.Error("a captured value is stored in the clear")
		}
	}
	s, err := (&handle{core: w.core, integration: "acme", id: "alice"}).get(t.Context())
	if err != nil || s.base == nil || s.base.String() != "https://eu-canary.example.com/api" {
		t.Errorf("base URL %v, %v", s.base, err)
	}
	for listed, err := range w.Connections.All(t.Context(), Filter{}) {
		if err != nil || listed.Captured != nil {
			t.Errorf("listed with %v, %v", listed.Captured, err)
		}
	}
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, Fields: map[string]any{"tenant_host": "evil.example.com/x#"}})
	w.connect("acme", "mallory")
	if resp, err := w.Connections.HTTPClient("acme", "mallory").Get("/x"); !errors.Is(err, ErrInvalid) {
		if err == nil {
			resp.Body.Close()
		}
		t.Errorf("a host that is none: %v", err)
	}
}
