package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

const (
	testKey    = "11111111-2222-4333-8444-555555555555"
	testPublic = "http://localhost:3003"
)

// testProviders is beside the built-in catalog what cases need.
const testProviders = `
algolia:
  display_name: Algolia
  docs: https://example.com
  auth_mode: API_KEY
  connection_config: {APP_ID: {type: string, title: App ID, description: The ID, optional: true}}
  credentials: {apiKey: {type: string, title: API key, description: The key}}
  proxy: {base_url: "API", headers: {x-key: "${apiKey}"}}
hooked:
  display_name: Hooked
  docs: https://example.com
  auth_mode: API_KEY
  webhook_routing_script: googleWebhookRouting
  proxy: {base_url: "API", headers: {x-key: "${apiKey}"}}
verified:
  display_name: Verified
  docs: https://example.com
  auth_mode: API_KEY
  proxy: {base_url: "API", headers: {x-key: "${apiKey}"}, verification: {method: GET, endpoints: [/me]}}
`

// Beside those: one with webhooks, one without a base URL, and one in the application's own network.
const testProvidersMore = `
faced:
  display_name: Faced
  docs: https://example.com
  auth_mode: OAUTH2
  authorization_url: https://example.com/authorize
  token_url: https://example.com/token
  webhook_routing_script: facebookWebhookRouting
bare:
  display_name: Bare
  docs: https://example.com
  auth_mode: API_KEY
  proxy: {headers: {x-key: "${apiKey}"}}
inward:
  display_name: Inward
  docs: https://example.com
  auth_mode: API_KEY
  proxy: {base_url: "https://10.1.2.3", headers: {x-key: "${apiKey}"}}
`

// world is a server over a Client with the built-in catalog and an API.
type world struct {
	t      *testing.T
	client *tieline.Client
	store  store.Store
	keys   *Keys
	server http.Handler
	api    *httptest.Server
	serve  func(w http.ResponseWriter, r *http.Request) // the API
	log    *syncBuffer

	ring    *tieline.Keyring // of the client
	options Options          // of the server
	written chan struct{}    // a run was
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func newWorld(t *testing.T, change ...func(*tieline.Config, *Options)) *world {
	t.Helper()
	w := &world{t: t, store: &store.Memory{}, log: &syncBuffer{}}
	w.api = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if w.serve != nil {
			w.serve(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"ok":true}`)
	}))
	t.Cleanup(w.api.Close)
	catalog, problems := tieline.Builtin().With(tieline.CatalogFile{Name: "test.yaml", Data: []byte(strings.ReplaceAll(testProviders+testProvidersMore, `"API"`, `"`+w.api.URL+`"`))})
	for _, p := range problems {
		if p.Severity == tieline.SeverityRejected {
			t.Fatal(p)
		}
	}
	var err error
	if w.ring, err = tieline.ParseKeyring(tieline.GenerateKey()); err != nil {
		t.Fatal(err)
	}
	w.keys, err = NewKeys(w.store, StaticKey{Secret: tieline.NewSecret(testKey), Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	cfg := tieline.Config{
		Store: w.store, Keys: w.ring, Providers: catalog, CallbackURL: testPublic + "/oauth/callback", Logger: log,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	o := Options{Keys: w.keys, PublicURL: testPublic, Logger: log}
	for _, f := range change {
		f(&cfg, &o)
	}
	w.client, err = tieline.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = w.client.Close(ctx)
	})
	w.options = o
	w.restart()
	return w
}

// restart makes the server anew, of the options as they are now.
func (w *world) restart() {
	w.t.Helper()
	var err error
	if w.server, err = New(w.client, w.options); err != nil {
		w.t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	*httptest.ResponseRecorder
	t *testing.T
}

// call makes a request with the test's key; headers are pairs, and an empty
// authorization is none. A body that is not a string is sent as JSON.
func (w *world) call(method, target string, body any, headers ...string) answer {
	w.t.Helper()
	var text io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		text = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			w.t.Fatal(err)
		}
		text = bytes.NewReader(data)
	}
	r := httptest.NewRequestWithContext(w.t.Context(), method, target, text)
	r.Header.Set("Authorization", "Bearer "+testKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	for n := 0; n+1 < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
		if headers[n+1] == "" {
			r.Header.Del(headers[n])
		}
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return answer{rec, w.t}
}

// want checks status and body; the body is JSON in which "*" stands for anything.
func (a answer) want(status int, body string) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Errorf("answered with %d, want %d: %s", a.Code, status, a.Body)
		return a
	}
	var got, want any
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		a.t.Fatalf("the test's JSON: %v", err)
	}
	if err := json.Unmarshal(a.Body.Bytes(), &got); err != nil {
		a.t.Errorf("answered with %q", a.Body)
		return a
	}
	if diff := cmp.Diff(want, blank(got, want)); diff != "" {
		a.t.Errorf("answered otherwise (-want +got):\n%s", diff)
	}
	return a
}

// blank puts "*" into got where want has it.
func blank(got, want any) any {
	if want == "*" {
		return "*"
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return got
		}
		out := map[string]any{}
		for k, v := range g {
			out[k] = blank(v, w[k])
		}
		return out
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return got
		}
		out := make([]any, len(g))
		for n := range g {
			out[n] = blank(g[n], w[n])
		}
		return out
	}
	return got
}

// at is the value at a dotted path of the answer.
func (a answer) at(path string) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal(a.Body.Bytes(), &v); err != nil {
		a.t.Fatalf("answered with %q", a.Body)
	}
	for _, name := range strings.Split(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

// oauthApp is the body's part of an integration with an OAuth app.
func oauthApp() map[string]any {
	return map[string]any{"type": "OAUTH2", "client_id": "foo", "client_secret": "bar"}
}

// integration makes one through the Client.
func (w *world) integration(key, provider string) {
	w.t.Helper()
	in := tieline.Integration{Key: key, Provider: provider, ForwardWebhooks: true}
	p, err := w.client.Providers.Get(provider)
	if err != nil {
		w.t.Fatal(err)
	}
	if p.AuthMode == tieline.ModeOAuth2 {
		in.App = &tieline.OAuthApp{ClientID: "foo", ClientSecret: tieline.NewSecret("bar"), Scopes: []string{"hello", "world"}}
	}
	if _, err := w.client.Integrations.Create(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// session makes a connect session and returns its token as it is shown.
func (w *world) session(s tieline.Session) string {
	w.t.Helper()
	_, token, err := w.client.Sessions.Create(w.t.Context(), s)
	if err != nil {
		w.t.Fatal(err)
	}
	return sessionPrefix + token.Reveal()
}

// errorBody is the envelope with one validation item.
func errorBody(code, itemCode, message string, path ...string) string {
	if path == nil {
		path = []string{}
	}
	data, _ := json.Marshal(map[string]any{"error": map[string]any{
		"code": code, "errors": []any{map[string]any{"code": itemCode, "message": message, "path": path}},
	}})
	return string(data)
}

// protected checks that a route wants a key.
func (w *world) protected(method, target string, body any, headers ...string) {
	w.t.Helper()
	w.call(method, target, body, append(headers, "Authorization", "")...).want(401,
		`{"error":{"message":"Authentication failed. The request is missing the Authorization header.","payload":{},"code":"missing_auth_header"}}`)
}
