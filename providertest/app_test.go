package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const callbackURI = "https://app.example/callback"

// verifier is a PKCE code verifier, of the allowed characters.
const verifier = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// app is a client of the provider.
type app struct {
	t    testing.TB
	s    *Server
	http *http.Client
}

// bothWays runs a test over the network and in process.
func bothWays(t *testing.T, o Options, test func(t *testing.T, a app)) {
	t.Helper()
	t.Run("network", func(t *testing.T) {
		t.Parallel()
		test(t, networkApp(t, New(t, withCallback(o))))
	})
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		test(t, inProcessApp(t, o))
	})
}

func withCallback(o Options) Options {
	if o.RedirectURIs == nil {
		o.RedirectURIs = []string{callbackURI}
	}
	return o
}

func networkApp(t testing.TB, s *Server) app {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return newApp(t, s, transport)
}

func inProcessApp(t testing.TB, o Options) app {
	s := NewInProcess(withCallback(o))
	t.Cleanup(s.Close)
	return newApp(t, s, s.RoundTripper())
}

func newApp(t testing.TB, s *Server, rt http.RoundTripper) app {
	return app{t: t, s: s, http: &http.Client{
		Transport:     rt,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// authorizationURL is a good request, changed by pairs of parameter and value;
// the value "-" takes a parameter out.
func (a app) authorizationURL(change ...string) string {
	query := url.Values{
		"response_type": {"code"}, "client_id": {a.s.Credentials().ClientID}, "redirect_uri": {callbackURI},
		"scope": {"read write"}, "state": {"s t&te"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	apply(query, change)
	return a.s.URL + "/authorize?" + query.Encode()
}

func apply(form url.Values, change []string) {
	for i := 0; i < len(change); i += 2 {
		if change[i+1] == "-" {
			form.Del(change[i])
		} else {
			form.Set(change[i], change[i+1])
		}
	}
}

// code walks to a fresh authorization code.
func (a app) code(change ...string) string {
	a.t.Helper()
	callback, _, err := a.s.Authorize(a.t.Context(), a.authorizationURL(change...))
	if err != nil {
		a.t.Fatal(err)
	}
	if callback.Get("code") == "" {
		a.t.Fatalf("callback without a code: %v", callback)
	}
	return callback.Get("code")
}

// reply is a JSON answer, read to its end.
type reply struct {
	status int
	header http.Header
	raw    string
	json   map[string]any
	err    error // of the request or of its body
}

func (r reply) str(field string) string { v, _ := r.json[field].(string); return v }

func (a app) do(r *http.Request) reply {
	a.t.Helper()
	resp, err := a.http.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	out := reply{status: resp.StatusCode, header: resp.Header, raw: string(body), err: err}
	_ = json.Unmarshal(body, &out.json) // not every answer is JSON
	return out
}

func (a app) request(method, path, body string, header ...string) *http.Request {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.s.URL+path, strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// post sends a form with the client's credentials in it.
func (a app) post(path string, change ...string) reply {
	a.t.Helper()
	return a.do(a.postRequest(path, change...))
}

func (a app) postRequest(path string, change ...string) *http.Request {
	a.t.Helper()
	c := a.s.Credentials()
	form := url.Values{"client_id": {c.ClientID}, "client_secret": {c.ClientSecret}}
	apply(form, change)
	return a.request(http.MethodPost, path, form.Encode(), "Content-Type", formType)
}

func (a app) exchange(code string, change ...string) reply {
	a.t.Helper()
	return a.post("/token", append([]string{"grant_type", "authorization_code", "code", code,
		"redirect_uri", callbackURI, "code_verifier", verifier}, change...)...)
}

func (a app) refresh(token string, change ...string) reply {
	a.t.Helper()
	return a.post("/token", append([]string{"grant_type", "refresh_token", "refresh_token", token}, change...)...)
}

// tokens are those of one token response.
type tokens struct{ access, refresh string }

// connect makes a new grant.
func (a app) connect(change ...string) tokens {
	a.t.Helper()
	return a.mustTokens(a.exchange(a.code(change...)))
}

func (a app) mustTokens(r reply) tokens {
	a.t.Helper()
	if r.err != nil || r.status != http.StatusOK || r.str("access_token") == "" {
		a.t.Fatalf("no tokens: status %d, error %v, body %s", r.status, r.err, r.raw)
	}
	return tokens{r.str("access_token"), r.str("refresh_token")}
}

func (a app) mustFail(r reply, status int, code string) {
	a.t.Helper()
	if r.err != nil || r.status != status || r.str("error") != code {
		a.t.Fatalf("got status %d, error %v, body %s; want %d %s", r.status, r.err, r.raw, status, code)
	}
}

func (a app) me(token string) reply {
	a.t.Helper()
	return a.do(a.request(http.MethodGet, "/api/me", "", "Authorization", "Bearer "+token))
}

func equal[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// clock is a wall clock moved by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock {
	return &clock{t: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}
