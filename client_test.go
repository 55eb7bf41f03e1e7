package tieline

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

func body(t testing.TB, resp *http.Response, err error) (int, string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func TestHTTPClient(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	w.integration("acme", "acme")
	w.connect("acme", "alice")
	for _, integration := range []string{"acme-key", "acme-basic", "acme-cc", "acme-none"} {
		if _, err := w.Connections.Create(t.Context(), integration, "alice", w.goodInput(integration)); err != nil {
			t.Fatal(err)
		}
	}
	for _, integration := range []string{"acme", "acme-key", "acme-basic", "acme-cc"} {
		client := w.Connections.HTTPClient(integration, "alice")
		for _, target := range []string{"/me", "me", w.provider.URL + "/api/me?x=%2F"} {
			resp, err := client.Get(target)
			if code, text := body(t, resp, err); code != 200 {
				t.Errorf("%s %s: %d %s", integration, target, code, text)
			}
			for name := range resp.Request.Header {
				if name == "Authorization" || name == "X-Api-Key" {
					t.Errorf("%s: the caller gets to see the %s header", integration, name)
				}
			}
		}
		resp, err := client.Post("/echo?a=b", "text/plain", strings.NewReader("hello"))
		if code, text := body(t, resp, err); code != 200 || !strings.Contains(text, "hello") {
			t.Errorf("%s: echo %d %s", integration, code, text)
		}
	}
	resp, err := w.Connections.HTTPClient("acme-none", "alice").Get("/ping")
	if code, _ := body(t, resp, err); code != 200 {
		t.Errorf("ping: %d", code)
	}
}

func TestUnauthorizedIsRefreshedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		client := w.Connections.HTTPClient("acme", "alice")
		time.Sleep(time.Minute)
		w.provider.ExpireAccessTokens()
		resp, err := client.Post("/echo", "text/plain", strings.NewReader("hello"))
		if code, text := body(t, resp, err); code != 200 || !strings.Contains(text, "hello") {
			t.Errorf("%d %s", code, text)
		}
		w.wantRefreshes(1)
		// A provider that never accepts its tokens is asked once and left alone.
		w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Times: providertest.Always, Status: 401})
		time.Sleep(time.Minute)
		for range 10 {
			resp, err := client.Get("/me")
			if code, _ := body(t, resp, err); code != 401 {
				t.Errorf("%d", code)
			}
		}
		w.wantRefreshes(2)
	})
}

// A body that is gone leaves the caller with the 401. Its next request has a newer
// credential, even if all that it ever sends are such bodies.
func TestBodyThatCannotBeSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		client := w.Connections.HTTPClient("acme", "alice")
		time.Sleep(time.Minute)
		w.provider.ExpireAccessTokens()
		for _, want := range []int{401, 200, 200} {
			resp, err := client.Post("/echo", "text/plain", io.MultiReader(strings.NewReader("once")))
			if code, _ := body(t, resp, err); code != want {
				t.Errorf("%d, want %d", code, want)
			}
		}
		w.wantRefreshes(1)
	})
}

func TestStaticCredentialsAreNotRefreshed(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	if _, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key")); err != nil {
		t.Fatal(err)
	}
	w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Times: providertest.Always, Status: 401})
	before := w.provider.Stats().Requests[providertest.API]
	resp, err := w.Connections.HTTPClient("acme-key", "alice").Get("/me")
	if code, _ := body(t, resp, err); code != 401 {
		t.Errorf("%d", code)
	}
	if n := w.provider.Stats().Requests[providertest.API] - before; n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestErrorsOfTheConnectionReachTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		get := func(integration, id string) error {
			resp, err := w.Connections.HTTPClient(integration, id).Get("/me")
			if err == nil {
				resp.Body.Close()
			}
			return err
		}
		if err := get("acme", "bob"); !errors.Is(err, ErrNotFound) {
			t.Errorf("unknown connection: %v", err)
		}
		if err := get("a/b", "bob"); !errors.Is(err, ErrInvalid) {
			t.Errorf("odd integration: %v", err)
		}
		w.provider.RevokeAll()
		time.Sleep(time.Hour)
		if err := get("acme", "alice"); !errors.Is(err, ErrReauthRequired) {
			t.Errorf("dead grant: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/me", nil)
		if _, err := w.Connections.HTTPClient("acme", "alice").Do(req); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	})
}

const twoHostsYAML = `
two-hosts:
  display_name: Two hosts
  auth_mode: API_KEY
  docs: https://example.com
  proxy:
    base_url: HOST/v1
    headers:
      x-api-key: ${apiKey}
      x-version: "2"
    query:
      app: ${connectionConfig.app}
  credentials:
    apiKey: {type: string, title: Key, secret: true}
  connection_config:
    app: {type: string, title: App, optional: true}
`

// The credential goes to the provider's own origin and nowhere else, however the
// request gets there.
func TestCredentialStaysAtHome(t *testing.T) {
	t.Parallel()
	var foreign http.Header
	var foreignQuery string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		foreign, foreignQuery = r.Header.Clone(), r.URL.RawQuery
	}))
	defer other.Close()
	var seen *http.Request
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = r.Clone(context.Background())
		switch r.URL.Path {
		case "/v1/away":
			http.Redirect(w, r, other.URL+"/x", http.StatusTemporaryRedirect)
		case "/v1/here":
			http.Redirect(w, r, "there", http.StatusFound)
		}
	}))
	defer home.Close()

	w := newWorld(t, worldOptions{config: func(c *Config) {
		c.Outbound.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}})
	w.catalog, _ = w.catalog.With(CatalogFile{Name: "two.yaml", Data: []byte(strings.ReplaceAll(twoHostsYAML, "HOST", home.URL))})
	c, err := New(Config{Store: w.store, Keys: w.keys, Providers: w.catalog, Outbound: Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "two", Provider: "two-hosts"}); err != nil {
		t.Fatal(err)
	}
	_, err = c.Connections.Create(t.Context(), "two", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("k3y")}, Config: map[string]string{"app": "a&b"}})
	if err != nil {
		t.Fatal(err)
	}
	client := c.Connections.HTTPClient("two", "alice")
	get := func(target string) {
		t.Helper()
		resp, err := client.Get(target)
		body(t, resp, err)
	}
	get("/things?z=1&a=2")
	if seen.Header.Get("X-Api-Key") != "k3y" || seen.Header.Get("X-Version") != "2" || seen.URL.RawQuery != "z=1&a=2&app=a%26b" {
		t.Errorf("at home: %v %s", seen.Header, seen.URL.RawQuery)
	}
	get("/here")
	if seen.URL.Path != "/v1/there" || seen.Header.Get("X-Api-Key") != "k3y" {
		t.Errorf("a relative redirect led to %s with %q", seen.URL.Path, seen.Header.Get("X-Api-Key"))
	}
	for name, target := range map[string]string{"redirect": "/away", "absolute URL": other.URL + "/y"} {
		foreign = nil
		get(target)
		if foreign == nil || foreign.Get("X-Api-Key") != "" || foreignQuery != "" {
			t.Errorf("%s: another host got %v %s", name, foreign, foreignQuery)
		}
	}
	for _, bad := range []string{"//" + strings.TrimPrefix(other.URL, "http://") + "/x", "mailto:a@b"} {
		foreign = nil
		if resp, err := client.Get(bad); err == nil {
			resp.Body.Close()
			t.Errorf("%s: no error", bad)
		}
		if foreign != nil {
			t.Errorf("%s reached another host", bad)
		}
	}
}

func TestReaches(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	e, err := w.core.entry("acme-key")
	if err != nil {
		t.Fatal(err)
	}
	entry := *e
	entry.APIHosts = []string{"uploads.example.com", "*.cdn.example.com"}
	base := &url.URL{Scheme: "https", Host: "api.example.com", Path: "/v1"}
	for target, want := range map[string]bool{
		"https://api.example.com/x": true, "https://API.example.com:443/x": true, "https://api.example.com./x": true,
		"http://api.example.com/x": false, "https://api.example.com:8443/x": false, "https://example.com/x": false,
		"https://api.example.com.evil.test/x": false, "https://evilapi.example.com": false,
		"https://uploads.example.com/x": true, "http://uploads.example.com/x": false, "https://uploads.example.com:8443/x": false,
		"https://a.cdn.example.com/": true, "https://cdn.example.com/": false, "https://api.example.com@evil.test/": false,
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got := reaches(&entry, base, u); got != want {
			t.Errorf("reaches(%s) = %v", target, got)
		}
	}
}
