package tieline

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
)

func TestAllows(t *testing.T) {
	t.Parallel()
	c := clientOf(t, &store.Memory{}, `  auth_mode: API_KEY
  connection_config: {shop: {type: string, title: Shop, description: The shop}}
  proxy: {base_url: "https://${connectionConfig.shop}.example.com/v1", headers: {x-key: "${apiKey}"}}
`, answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 200, `{}`) }))
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme"}); err != nil {
		t.Fatal(err)
	}
	input := ConnectionInput{Credential: &APIKey{Key: NewSecret("k3y")}, Config: map[string]string{"shop": "one"}}
	if _, err := c.Connections.Import(t.Context(), "acme", "alice", input); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]bool{
		"/me":                             true,
		"https://one.example.com/v2/x":    true,
		"https://one.example.com:443/":    true,
		"https://one.example.com:8443/":   false,
		"http://one.example.com/v1/me":    false,
		"https://two.example.com/v1/me":   false,
		"https://one.example.com.evil.io": false,
	} {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Connections.Allows(t.Context(), "acme", "alice", u); got != want || err != nil {
			t.Errorf("%s: %v, %v", target, got, err)
		}
	}
	if _, err := c.Connections.Allows(t.Context(), "acme", "bob", &url.URL{Path: "/"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown connection: %v", err)
	}
	if _, err := c.Connections.Allows(t.Context(), "none", "alice", &url.URL{Path: "/"}); !errors.Is(err, ErrUnknownIntegration) {
		t.Errorf("unknown integration: %v", err)
	}
	if _, err := c.Connections.Allows(t.Context(), "acme", "alice", &url.URL{Host: "one.example.com"}); !errors.Is(err, ErrInvalid) {
		t.Errorf("no scheme: %v", err)
	}
}

// The caller's path arrives as it is written.
func TestPathsAreLeftAsTheyAre(t *testing.T) {
	t.Parallel()
	for _, tc := range [][3]string{
		{"https://h", "/a//b", "https://h/a//b"},
		{"https://h", "//a", "https://h//a"},
		{"https://h/v1", "me", "https://h/v1/me"},
		{"https://h/v1/", "/me/", "https://h/v1/me/"},
		{"https://h/v1", "/a%2Fb/../c%20d", "https://h/v1/a%2Fb/../c%20d"},
		{"https://h/v1", "/%2Fa", "https://h/v1/%2Fa"},
		{"https://h/v%2F", "/a", "https://h/v%2F/a"},
		{"https://h/v1", "?x=%2F", "https://h/v1?x=%2F"},
		{"https://h?k=1", "/a?x=2", "https://h/a?k=1&x=2"},
	} {
		base, err := url.Parse(tc[0])
		if err != nil {
			t.Fatal(err)
		}
		path, query, _ := strings.Cut(tc[1], "?")
		ref := &url.URL{RawPath: path, RawQuery: query}
		if ref.Path, err = url.PathUnescape(path); err != nil {
			t.Fatal(err)
		}
		if got := joinURL(base, ref).String(); got != tc[2] {
			t.Errorf("%s and %s: %s, want %s", tc[0], tc[1], got, tc[2])
		}
	}
}

func TestErrorsOfTheNetworkAreMarked(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, "", told{err: io.ErrUnexpectedEOF})
	_, err := w.Connections.HTTPClientWith("api", "alice", ClientOptions{Retry: RetryPolicy{Attempts: 1}}).Get("/me")
	if !errors.Is(err, ErrUnreachable) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("lost on the way: %v", err)
	}
	if _, err = w.Connections.HTTPClient("api", "bob").Get("/me"); err == nil || errors.Is(err, ErrUnreachable) {
		t.Errorf("unknown connection: %v", err)
	}
}
