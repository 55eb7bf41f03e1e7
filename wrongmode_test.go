package tieline

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// What does not fit a provider's auth mode is refused by every call that it does
// not fit, and changes nothing.
func TestWrongMode(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	if _, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key")); err != nil {
		t.Fatal(err)
	}
	w.integration("acme", "acme")
	before := len(w.table())
	token := ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("a")}}
	key := ConnectionInput{Credential: &APIKey{Key: NewSecret("k")}}
	for name, call := range map[string]func() error{
		"Authorize of a key": func() error {
			_, err := w.Connections.Authorize(t.Context(), "acme-key", AuthorizeOptions{})
			return err
		},
		"Create of a token":      func() error { _, err := w.Connections.Create(t.Context(), "acme", "bob", token); return err },
		"Create of another type": func() error { _, err := w.Connections.Create(t.Context(), "acme-key", "bob", token); return err },
		"Import of another type": func() error { _, err := w.Connections.Import(t.Context(), "acme", "bob", key); return err },
		"TokenSource of a key":   func() error { _, err := w.Connections.TokenSource("acme-key", "alice").Token(); return err },
		"an app for a key": func() error {
			_, err := w.Integrations.Create(t.Context(), Integration{Key: "x", Provider: "acme-key", App: app("x")})
			return err
		},
		"an app of another kind": func() error {
			_, err := w.Integrations.Create(t.Context(), Integration{Key: "x", Provider: "acme", App: &GitHubApp{}})
			return err
		},
	} {
		if err := call(); !errors.Is(err, ErrWrongMode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Connections.Refresh(t.Context(), "acme-key", "alice", nil); !errors.Is(err, ErrNotRefreshable) {
		t.Errorf("Refresh of a key: %v", err)
	}
	// A credential of another type is not the stored one, whatever was refused.
	if cred, err := w.Connections.Refresh(t.Context(), "acme-key", "alice", &OAuth2Token{}); err != nil || cred.Type() != ModeAPIKey {
		t.Errorf("Refresh with a token: %v", err)
	}
	if len(w.table()) != before {
		t.Error("the Store changed")
	}
}

func TestOddListings(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	for name, call := range map[string]func(after string, limit int) error{
		"Integrations": func(after string, limit int) error {
			_, err := w.Integrations.List(t.Context(), after, limit)
			return err
		},
		"Connections": func(after string, limit int) error {
			_, err := w.Connections.List(t.Context(), Filter{}, after, limit)
			return err
		},
	} {
		for what, err := range map[string]error{
			"no cursor": call("nonsense", 0), "odd cursor": call("é\xff", 0), "negative limit": call("", -1),
		} {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	long := strings.Repeat("x", 300)
	for _, f := range []Filter{{Provider: long}, {EndUser: "\xff"}, {Organization: long}, {Status: Status(long)}, {Tags: map[string]string{"": "x"}}, {Integration: "a/b"}} {
		if _, err := w.Connections.List(t.Context(), f, "", 0); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

func TestOddProviderNames(t *testing.T) {
	t.Parallel()
	c := Builtin()
	for _, name := range []string{"", "nobody", "GitHub", "git\x00hub", "e\u0301", "\xff", strings.Repeat("x", 10_000), "../github"} {
		if _, err := c.Get(name); !errors.Is(err, ErrUnknownProvider) {
			t.Errorf("Get(%q) = %v", name[:min(len(name), 20)], err)
		}
	}
	for _, text := range []string{"\xff", "no such thing at all", strings.Repeat("x", 10_000), "\x00"} {
		if found := slices.Collect(c.Search(text)); len(found) != 0 {
			t.Errorf("Search(%q) found %d", text[:min(len(text), 20)], len(found))
		}
	}
}

// net/http quotes an answer that it cannot read, and an answer may hold anything.
func TestMalformedAnswerIsNotQuoted(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"HTTP/1.1 canary-123 OK", "canary-123 is no HTTP", "HTTP/1.1 200 OK\r\ncanary-123 is no header"} {
		w := connected(t, worldOptions{})
		w.core.apiHTTP = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			go func() {
				defer server.Close()
				_, _ = http.ReadRequest(bufio.NewReader(server))
				_, _ = io.WriteString(server, line+"\r\n\r\n")
			}()
			return client, nil
		}}
		_, err := w.Connections.HTTPClient("acme", "alice").Get("/me")
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestCompleteWithOddInput(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "bob"})
	for name, try := range map[string]func() (string, url.Values){
		"no binding":     func() (string, url.Values) { return "", callback },
		"an odd binding": func() (string, url.Values) { return "é\x00", callback },
		"a long binding": func() (string, url.Values) { return strings.Repeat("b", 10_000), callback },
		"no callback":    func() (string, url.Values) { return a.Binding.Reveal(), nil },
		"an unknown state": func() (string, url.Values) {
			return a.Binding.Reveal(), url.Values{"state": {"\xff"}, "code": {"c"}}
		},
	} {
		binding, values := try()
		if _, err := w.Connections.Complete(t.Context(), binding, values); !errors.Is(err, ErrState) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
		t.Errorf("the real one is used up: %v", err)
	}
}
