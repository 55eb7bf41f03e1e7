package tieline

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// answering is a way out on which a function answers.
type answering func(r *http.Request, body string) *http.Response

func (f answering) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	return f(r, string(body)), nil
}

// clientOf is a Client of one provider over a Store.
func clientOf(t *testing.T, s store.Store, provider string, out http.RoundTripper) *Client {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "x.yaml", Data: []byte("acme:\n  display_name: Acme\n  docs: https://example.com\n" + provider)})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	c, err := New(Config{Store: s, Keys: testKeys(t), Providers: catalog, CallbackURL: testCallback})
	if err != nil {
		t.Fatal(err)
	}
	c.core.tokenHTTP, c.core.apiHTTP = out, out
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

const (
	keyEntry   = "  auth_mode: API_KEY\n  proxy: {base_url: 'https://api.example.com', headers: {authorization: 'Bearer ${apiKey}'}}\n"
	oauthEntry = "  auth_mode: OAUTH2\n  authorization_url: https://e.example.com/a\n  token_url: https://e.example.com/t\n" +
		"  revocation: {url: https://e.example.com/r}\n  proxy: {base_url: 'https://api.example.com'}\n"
	mcpEntry = "  auth_mode: MCP_OAUTH2_GENERIC\n  connection_config: {mcp_server_url: {type: string, title: URL, format: uri}}\n"
)

// A provider's entry changes its mode under a connection: it cannot be used any
// more, and can be deleted.
func TestModeChangesUnderAConnection(t *testing.T) {
	t.Parallel()
	fine := answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 200, `{}`) })
	s := &store.Memory{}
	before := clientOf(t, s, keyEntry, fine)
	if _, err := before.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme"}); err != nil {
		t.Fatal(err)
	}
	if _, err := before.Connections.Create(t.Context(), "k", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("key")}}); err != nil {
		t.Fatal(err)
	}
	after := clientOf(t, s, oauthEntry, fine)
	if resp, err := after.Connections.HTTPClient("k", "alice").Get("/me"); !errors.Is(err, ErrWrongMode) {
		t.Errorf("a call: %v, %v", resp, err)
	}
	if _, err := after.Connections.Refresh(t.Context(), "k", "alice", nil); !errors.Is(err, ErrNotRefreshable) {
		t.Errorf("a refresh: %v", err)
	}
	if err := after.Connections.Delete(t.Context(), "k", "alice", DeleteOptions{}); err != nil {
		t.Errorf("deleting: %v", err)
	}
}

// A credential of any shape is none of a built-in mode, whatever it calls itself.
func TestFieldsAreNoBuiltinCredential(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	if _, err := w.Connections.Import(t.Context(), "acme", "bob", ConnectionInput{Credential: &Fields{Mode: ModeOAuth2}}); !errors.Is(err, ErrWrongMode) {
		t.Errorf("Import = %v", err)
	}
}

// The integration's secret is for one server, and a user may name any.
func TestMCPServerOfAUserGetsNoSecret(t *testing.T) {
	t.Parallel()
	const metadata = `{"issuer":"https://evil.example.net","authorization_endpoint":"https://evil.example.net/a","token_endpoint":"https://evil.example.net/t",
		"response_types_supported":["code"],"code_challenge_methods_supported":["S256"],"token_endpoint_auth_methods_supported":["client_secret_post"]}`
	leaked, asked := "", false
	c := clientOf(t, &store.Memory{}, mcpEntry, answering(func(r *http.Request, body string) *http.Response {
		if strings.Contains(body+r.Header.Get("Authorization"), "app-secret") {
			leaked = r.URL.String()
		}
		switch {
		case strings.Contains(r.URL.Path, "oauth-authorization-server"):
			return jsonResponse(r, 200, metadata)
		case r.URL.Path == "/t":
			asked = true
			return jsonResponse(r, 200, `{"access_token":"tok","token_type":"bearer"}`)
		}
		return jsonResponse(r, 404, `{}`)
	}))
	app := &OAuthApp{ClientID: "cid", ClientSecret: NewSecret("app-secret")}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: app}); err != nil {
		t.Fatal(err)
	}
	a, err := c.Connections.Authorize(t.Context(), "k", AuthorizeOptions{Config: map[string]string{"mcp_server_url": "https://evil.example.net/mcp"}})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Connections.Complete(t.Context(), a.Binding.Reveal(), url.Values{"state": {u.Query().Get("state")}, "code": {"c"}})
	if err != nil || !asked || leaked != "" {
		t.Errorf("Complete = %v, the secret went to %q", err, leaked)
	}
}

// Both tokens of CUSTOM are refused for good: the user has to come back.
func TestModesCustomEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "custom"), func(t *testing.T, w *modeWorld) {
		w.mustJoin()
		w.fail("refresh", statusFault("400", http.StatusBadRequest, `{"error":"invalid_grant"}`))
		w.fail("app-token", statusFault("404", http.StatusNotFound, `{}`))
		_, _ = w.refreshBoth()
		time.Sleep(10 * time.Minute)
		if _, err := w.Connections.Credential(t.Context(), "key", "alice"); !errors.Is(w.note(err), ErrReauthRequired) {
			t.Errorf("Credential = %v", err)
		}
	})
}

// The user's token of CUSTOM cannot be renewed for now: neither provider is asked
// over and over.
func TestModesCustomIsNotAskedOverAndOver(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "custom"), func(t *testing.T, w *modeWorld) {
		w.mustJoin()
		w.fail("refresh", unavailable)
		if _, err := w.refreshBoth(); err != nil {
			t.Fatal(err)
		}
		before := w.asked("app-token") + w.asked("refresh")
		for range 10 {
			time.Sleep(time.Second)
			_, err := w.Connections.Credential(t.Context(), "key", "alice")
			_ = w.note(err)
		}
		if n := w.asked("app-token") + w.asked("refresh") - before; n > 0 {
			t.Errorf("%d requests in ten seconds", n)
		}
	})
}

// Who counts requests has not looked at the credential.
func TestModesBusyIsNoRefusal(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ mode, role, body string }{
		"GitHub's secondary limit": {"app", "token", `{"message":"You have exceeded a secondary rate limit."}`},
		"throttled by STS":         {"aws", "sts", `{"Error":{"Code":"Throttling","Type":"Sender"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, tt.mode), func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				busy := modeFault{answer: func(rw http.ResponseWriter, _ *http.Request) {
					if tt.mode == "app" {
						rw.Header().Set("Retry-After", "60")
					}
					jsonAnswer(rw, map[string]int{"app": 403, "aws": 400}[tt.mode], tt.body)
				}}
				w.fail(tt.role, busy)
				if tt.mode == "app" {
					w.fail("app-token", busy)
				}
				_, err := w.Connections.Refresh(t.Context(), "key", "alice", nil)
				_ = w.note(err)
				conn, gerr := w.Connections.Get(t.Context(), "key", "alice")
				if err == nil || gerr != nil || conn.Status != StatusActive {
					t.Errorf("Refresh = %v, then %s", err, conn.Status)
				}
			})
		})
	}
}

const lookUpEntry = "  auth_mode: OAUTH2\n  authorization_url: https://e.example.com/a\n  token_url: https://e.example.com/t\n" +
	"  revocation: {url: https://e.example.com/r}\n  discovery: [{url: /me, values: {tenant: id}}]\n" +
	"  proxy: {base_url: 'https://api.example.com', headers: {x-tenant: '${connectionConfig.tenant}'}}\n"

// What has to be looked up cannot be. A new connection's grant is given back, and
// that of one which is there is not touched.
func TestLookUpFails(t *testing.T) {
	t.Parallel()
	down, revoked := false, 0
	c := clientOf(t, &store.Memory{}, lookUpEntry, answering(func(r *http.Request, _ string) *http.Response {
		switch {
		case r.URL.Path == "/t":
			return jsonResponse(r, 200, `{"access_token":"AT","refresh_token":"RT"}`)
		case r.URL.Path == "/r":
			revoked++
			return jsonResponse(r, 200, `{}`)
		case r.URL.Path == "/me" && down:
			return jsonResponse(r, 503, `{}`)
		}
		return jsonResponse(r, 200, `{"id":"T1"}`)
	}))
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: &OAuthApp{ClientID: "id", ClientSecret: NewSecret("s")}}); err != nil {
		t.Fatal(err)
	}
	connect := func(id string) (Connection, error) {
		a, err := c.Connections.Authorize(t.Context(), "k", AuthorizeOptions{ConnectionID: id})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(a.URL)
		if err != nil {
			t.Fatal(err)
		}
		return c.Connections.Complete(t.Context(), a.Binding.Reveal(), url.Values{"state": {u.Query().Get("state")}, "code": {"c"}})
	}
	if _, err := connect("alice"); err != nil {
		t.Fatal(err)
	}
	if conn, err := c.Connections.Get(t.Context(), "k", "alice"); err != nil || conn.Captured["tenant"] != "T1" {
		t.Errorf("captured %v, %v", conn.Captured, err)
	}
	down = true
	if _, err := connect("alice"); err == nil || revoked != 0 {
		t.Errorf("reconnecting: %v, %d grants revoked, want none", err, revoked)
	}
	if _, err := connect("bob"); err == nil || revoked != 1 {
		t.Errorf("connecting: %v, %d grants revoked, want 1", err, revoked)
	}
	if _, err := c.Connections.Get(t.Context(), "k", "bob"); !errors.Is(err, ErrNotFound) {
		t.Errorf("bob: %v", err)
	}
}

// A look-up whose host a callback chose gets no credential.
func TestLookUpElsewhereGetsNoCredential(t *testing.T) {
	t.Parallel()
	const entry = "  auth_mode: OAUTH2\n  authorization_url: https://e.example.com/a\n  token_url: https://e.example.com/t\n" +
		"  redirect_uri_metadata: [shop]\n  connection_config: {shop: {type: string, title: Shop, format: hostname, automated: true}}\n" +
		"  discovery:\n    - {url: 'https://${connectionConfig.shop}/me', values: {tenant: id}}\n    - {url: 'https://login.example.com/me', values: {login: id}}\n" +
		"  proxy: {base_url: 'https://api.example.com'}\n"
	sent := map[string]string{}
	c := clientOf(t, &store.Memory{}, entry, answering(func(r *http.Request, _ string) *http.Response {
		if r.URL.Path == "/t" {
			return jsonResponse(r, 200, `{"access_token":"AT"}`)
		}
		sent[r.URL.Host] = r.Header.Get("Authorization")
		return jsonResponse(r, 200, `{"id":"T1"}`)
	}))
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: app("id")}); err != nil {
		t.Fatal(err)
	}
	a, err := c.Connections.Authorize(t.Context(), "k", AuthorizeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	callback := url.Values{"code": {"c"}, "shop": {"evil.example.net"}, "state": {u.Query().Get("state")}}
	if _, err := c.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
		t.Fatal(err)
	}
	if got, asked := sent["evil.example.net"]; !asked || got != "" {
		t.Errorf("the host of the callback was asked: %t, with %q", asked, got)
	}
	if got := sent["login.example.com"]; got != "Bearer AT" {
		t.Errorf("the provider's own other host got %q", got)
	}
}

// shout is a mode of one provider's own.
type shout struct{ oauth2Mode }

func (shout) Attach(_ context.Context, _ *Subject, req *http.Request) error {
	req.Header.Set("X-Shout", "LOUD")
	return nil
}

// A single provider's mode goes before that of its entry.
func TestModeOfOneProvider(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{config: func(c *Config) { c.ProviderModes = map[string]Mode{"acme": shout{}} }})
	w.integration("acme", "acme")
	w.connect("acme", "alice")
	got := ""
	w.core.apiHTTP = answering(func(r *http.Request, _ string) *http.Response {
		got = r.Header.Get("X-Shout") + r.Header.Get("Authorization")
		return jsonResponse(r, 200, `{}`)
	})
	if _, err := w.Connections.HTTPClient("acme", "alice").Get("/me"); err != nil || got != "LOUD" {
		t.Errorf("the API got %q, %v", got, err)
	}
}

// The plugin's password is changed in the integration, and connections go on.
func TestPluginPasswordChanges(t *testing.T) {
	t.Parallel()
	const entry = "  auth_mode: INSTALL_PLUGIN\n  auth_type: BASIC\n  redirect_uri_metadata: [site]\n  proxy: {base_url: 'https://api.example.com'}\n"
	got := ""
	c := clientOf(t, &store.Memory{}, entry, answering(func(r *http.Request, _ string) *http.Response {
		_, got, _ = r.BasicAuth()
		return jsonResponse(r, 200, `{}`)
	}))
	plugin := &PluginApp{AppLink: "https://e.example.com/plugin", Username: "u", Password: NewSecret("old")}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: plugin}); err != nil {
		t.Fatal(err)
	}
	a, err := c.Connections.Authorize(t.Context(), "k", AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connections.Complete(t.Context(), a.Binding.Reveal(), url.Values{"site": {"s"}, "payload": {u.Query().Get("payload")}}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Integrations.Update(t.Context(), "k", func(i *Integration) error {
		i.App = &PluginApp{AppLink: plugin.AppLink, Username: "u", Password: NewSecret("new")}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connections.HTTPClient("k", "alice").Get("/me"); err != nil || got != "new" {
		t.Errorf("the API got the password %q, %v", got, err)
	}
}

func TestClientDocument(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	b, err := w.Integrations.ClientDocument("https://app.example.com/client.json", "App")
	if err != nil || !strings.Contains(string(b), testCallback) || !strings.Contains(string(b), `"client_id":"https://app.example.com/client.json"`) {
		t.Errorf("ClientDocument = %s, %v", b, err)
	}
	var failure *DiscoveryError
	if _, err := w.Integrations.ClientDocument("http://app.example.com/client.json", "App"); !errors.As(err, &failure) {
		t.Errorf("for plain http: %v", err)
	}
}
