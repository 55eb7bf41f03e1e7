package sdk

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// The names that all tests use.
const (
	integration = "app"
	user        = "alice"
)

// seen is a request as the stub got it. The body is only kept below maxKept.
type seen struct {
	method, url, auth, body string
	header                  http.Header
}

const maxKept = 4 << 10

// stub is a provider: a token endpoint, and an API that takes the newest access
// token and no other.
type stub struct {
	*httptest.Server
	t   *testing.T
	api http.HandlerFunc // gets requests with the right token

	mu         sync.Mutex
	generation int // of the access token
	refreshes  int
	refuses    bool // to refresh
	log        []seen
}

func newStub(t *testing.T, api http.HandlerFunc) *stub {
	t.Helper()
	s := &stub{t: t, api: api, generation: 1}
	s.Server = httptest.NewUnstartedServer(s)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

const tokenPath = "/login/oauth/access_token"

func accessToken(n int) string { return fmt.Sprintf("ghu_access.secret.%d", n) }

func refreshToken(n int) string { return fmt.Sprintf("ghr_refresh.secret.%d", n) }

// ServeHTTP implements [http.Handler].
func (s *stub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == tokenPath {
		s.token(w, r)
		return
	}
	if r.ProtoMajor != 2 {
		s.t.Errorf("%s %s came by %s", r.Method, r.URL, r.Proto)
	}
	got := seen{method: r.Method, url: r.URL.RequestURI(), auth: r.Header.Get("Authorization"), header: r.Header.Clone()}
	if r.ContentLength >= 0 && r.ContentLength < maxKept {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
		}
		got.body = string(body)
		r.Body = io.NopCloser(strings.NewReader(got.body))
	}
	s.mu.Lock()
	s.log = append(s.log, got)
	good := got.auth == "Bearer "+accessToken(s.generation)
	s.mu.Unlock()
	if !good {
		answer(w, http.StatusUnauthorized, `{"message":"Bad credentials","error":{"code":401,"message":"Invalid Credentials"}}`)
		return
	}
	s.api(w, r)
}

// token is the endpoint that exchanges refresh tokens. Like GitHub's it refuses with
// status 200.
func (s *stub) token(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refreshes++
	if s.refuses || r.PostFormValue("grant_type") != "refresh_token" || r.PostFormValue("refresh_token") != refreshToken(s.refreshes) {
		answer(w, http.StatusOK, `{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired."}`)
		return
	}
	s.generation++
	answer(w, http.StatusOK, fmt.Sprintf(`{"access_token":%q,"expires_in":3600,"refresh_token":%q,"token_type":"bearer"}`,
		accessToken(s.generation), refreshToken(s.refreshes+1)))
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// requests are those so far, without the token endpoint's.
func (s *stub) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]seen(nil), s.log...)
}

// want checks how many requests and refreshes there were.
func (s *stub) want(requests, refreshes int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) != requests || s.refreshes != refreshes {
		s.t.Errorf("%d requests and %d refreshes, want %d and %d", len(s.log), s.refreshes, requests, refreshes)
		for _, r := range s.log {
			s.t.Logf("%s %s %q", r.method, r.url, r.auth)
		}
	}
}

// app is an application with one connection to a stub, which goes by a clock of its
// own.
type app struct {
	*tieline.Client
	passed *atomic.Int64 // nanoseconds since the test began
}

// tokenLife is how long the connection's tokens live.
const tokenLife = time.Hour

// newApp starts one. The provider is an entry of the built-in catalog, moved to the
// stub; proxy are the keys of its proxy beside the base URL.
func newApp(t *testing.T, s *stub, provider, proxy string) *app {
	t.Helper()
	catalog, problems := tieline.Builtin().With(tieline.CatalogFile{Name: "moved.yaml", Data: fmt.Appendf(nil,
		"%s:\n  alias: %[1]s\n  token_url: %s%s\n  proxy:\n    base_url: %[2]s\n%[4]s", provider, s.URL, tokenPath, proxy)})
	for _, p := range problems {
		if p.Severity == tieline.SeverityRejected {
			t.Fatal(p)
		}
	}
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	a := &app{passed: new(atomic.Int64)}
	a.Client, err = tieline.New(tieline.Config{
		Store: new(store.Memory), Keys: keys, Providers: catalog,
		Now: func() time.Time { return began.Add(time.Duration(a.passed.Load())) },
		Outbound: tieline.Outbound{
			AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			Transport: &http.Transport{
				TLSClientConfig:   &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, MinVersion: tls.VersionTLS12},
				ForceAttemptHTTP2: true,
			},
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
	a.connect(t, provider, began)
	return a
}

func (a *app) connect(t *testing.T, provider string, now time.Time) {
	t.Helper()
	_, err := a.Integrations.Create(t.Context(), tieline.Integration{
		Key: integration, Provider: provider,
		App: &tieline.OAuthApp{ClientID: "client", ClientSecret: tieline.NewSecret("client.secret")},
	})
	if err == nil {
		_, err = a.Connections.Import(t.Context(), integration, user, tieline.ConnectionInput{
			Credential: &tieline.OAuth2Token{
				AccessToken: tieline.NewSecret(accessToken(1)), RefreshToken: tieline.NewSecret(refreshToken(1)), ExpiresAt: now.Add(tokenLife),
			},
			SkipVerification: true,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// revoke makes the connection's token one that the provider does not take any more.
// Some time has passed since it was stored: a 401 right after that is no reason to
// ask for another.
func (a *app) revoke(s *stub) {
	a.passed.Add(int64(time.Minute))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
}

// expire lets the connection's token expire.
func (a *app) expire() { a.passed.Add(int64(tokenLife + time.Minute)) }

// http is the connection's client.
func (a *app) http() *http.Client { return a.Connections.HTTPClient(integration, user) }

// secretless checks that neither an error nor the request that an answer belongs to
// has a secret.
func secretless(t *testing.T, err error, resp *http.Response) {
	t.Helper()
	texts := []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)}
	if resp != nil {
		texts = append(texts, fmt.Sprint(resp.Header, resp.Request.URL, resp.Request.Header))
	}
	for _, text := range texts {
		if strings.Contains(text, ".secret") {
			t.Errorf("it shows a secret: %s", text)
		}
	}
}
