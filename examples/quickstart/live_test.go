package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

// liveRun is a run of the live walk that waits for its user.
type liveRun struct {
	t    *testing.T
	out  *output
	http *http.Client // the user's browser
	done chan error
	url  string // to open
}

// output is written by the run and read by the test.
type output struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	wait string        // what the test waits for
	seen chan struct{} // closed when it has been written
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	defer func() {
		if o.wait != "" && strings.Contains(o.buf.String(), o.wait) {
			o.wait = ""
			close(o.seen)
		}
	}()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// start runs the walk up to where the user has to open a page.
func start(t *testing.T, provider *providertest.Server, yaml string, o options) *liveRun {
	t.Helper()
	file := filepath.Join(t.TempDir(), "overlay.yaml")
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	credentials := provider.Credentials()
	o.provider, o.catalog, o.addr, o.wait = "acme", file, "127.0.0.1:0", time.Minute
	o.clientID, o.clientSecret = credentials.ClientID, credentials.ClientSecret
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	l := &liveRun{
		t: t, done: make(chan error, 1), out: &output{wait: "\nopen ", seen: make(chan struct{})},
		http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
	}
	go func() { l.done <- run(t.Context(), o, l.out) }()
	select {
	case <-l.out.seen:
	case err := <-l.done:
		t.Fatalf("%v\n%s", err, l.out)
	}
	l.url = regexp.MustCompile(`(?m)^open +(\S+)$`).FindStringSubmatch(l.out.String())[1]
	t.Cleanup(func() { noSecrets(t, l.out.String(), credentials.ClientSecret) })
	return l
}

// open opens a page and says where it leads or what it shows.
func (l *liveRun) open(address string) (status int, location, text string, cookies []*http.Cookie) {
	l.t.Helper()
	resp, page, err := get(l.t.Context(), l.http, address)
	if err != nil {
		l.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), page, resp.Cookies()
}

// come opens the page to open, answers the consent page and comes back.
func (l *liveRun) come(decide func(context.Context, string) (url.Values, string, error)) (status int, text string) {
	l.t.Helper()
	_, consent, _, cookies := l.open(l.url)
	if len(cookies) != 1 || !cookies[0].HttpOnly || cookies[0].SameSite != http.SameSiteLaxMode ||
		cookies[0].Secure || strings.HasPrefix(cookies[0].Name, "__Host-") {
		l.t.Errorf("the cookies are %v", cookies)
	}
	callback, redirectURI, err := decide(l.t.Context(), consent)
	if err != nil {
		l.t.Fatal(err)
	}
	status, _, text, _ = l.open(redirectURI + "?" + callback.Encode())
	return status, text
}

// end waits for the run to end and checks what it printed after "open".
func (l *liveRun) end(want ...string) {
	l.t.Helper()
	if err := <-l.done; err != nil {
		l.t.Fatalf("%v\n%s", err, l.out)
	}
	_, rest, _ := strings.Cut(l.out.String(), "\nopen ")
	for _, w := range want {
		if !strings.Contains(rest, w) {
			l.t.Errorf("there is nothing of %q in:\n%s", w, l.out)
		}
	}
}

func TestLive(t *testing.T) {
	t.Parallel()
	loopback := providertest.Options{AnyLoopbackRedirect: true, TokenLifetime: time.Hour}
	without := loopback
	without.NoRefreshToken = true
	forever := loopback
	forever.TokenLifetime = 0
	eternal := forever
	eternal.NoRefreshToken = true
	for name, tt := range map[string]struct {
		provider providertest.Options
		overlay  func(yaml string) string
		scopes   []string
		want     []string
	}{
		"with an endpoint": {loopback, func(yaml string) string {
			return strings.Replace(yaml, "/api\"\n", "/api\"\n"+verification("GET", "/me"), 1)
		}, nil, []string{
			`"you" is active`, "GET /me answers 200 OK", `for "alice"`, "expires at", "in 1h0m0s; it is refreshed",
		}},
		"without one":          {loopback, nil, []string{"read", "write"}, []string{"granted: read write"}},
		"without refresh":      {without, nil, nil, []string{"expires at", "there is no refresh token"}},
		"without expiry":       {forever, nil, nil, []string{"does not expire", "when the API refuses it"}},
		"without either":       {eternal, nil, nil, []string{"does not expire", "there is no refresh token"}},
		"with a user endpoint": {loopback, userinfo, nil, []string{"/api/me answers 200 OK"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := providertest.New(t, tt.provider)
			yaml := string(provider.ProvidersYAML())
			if tt.overlay != nil {
				yaml = tt.overlay(yaml)
			}
			l := start(t, provider, yaml, options{scopes: tt.scopes})
			if status, text := l.come(provider.Authorize); status != http.StatusOK || !strings.Contains(text, "Connected") {
				t.Errorf("the user gets %d %s", status, text)
			}
			l.end(tt.want...)
			if _, err := os.Stat(filepath.Dir(databaseOf(t, l.out.String()))); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the temporary folder is still there: %v", err)
			}
		})
	}
}

// verification is what the entry of the test provider lacks: the endpoint at
// which credentials are tried out.
func verification(method, endpoint string) string {
	return "    verification:\n      method: " + method + "\n      endpoints: [\"" + endpoint + "\"]\n"
}

// userinfo adds the endpoint that says who the user is.
func userinfo(yaml string) string {
	base := regexp.MustCompile(`base_url: "(.+)"`).FindStringSubmatch(yaml)[1]
	return strings.Replace(yaml, "  proxy:\n", "  userinfo_url: "+base+"/me\n  proxy:\n", 1)
}

func TestLiveKeepsTheDatabase(t *testing.T) {
	t.Parallel()
	provider := providertest.New(t, providertest.Options{AnyLoopbackRedirect: true})
	l := start(t, provider, string(provider.ProvidersYAML()), options{keep: true})
	l.come(provider.Authorize)
	l.end()
	path := databaseOf(t, l.out.String())
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(path)) })
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range provider.Grants() {
		if bytes.Contains(data, []byte(g.AccessToken)) || bytes.Contains(data, []byte(g.RefreshToken)) {
			t.Error("a token is in the database in the clear")
		}
	}
}

func TestLiveStrayCallback(t *testing.T) {
	t.Parallel()
	provider := providertest.New(t, providertest.Options{AnyLoopbackRedirect: true})
	l := start(t, provider, string(provider.ProvidersYAML()), options{})
	status, _, text, _ := l.open(strings.TrimSuffix(l.url, "/connect") + "/callback?code=x&state=y")
	if status != http.StatusBadRequest || !strings.Contains(text, l.url) {
		t.Errorf("a stray callback gets %d %s", status, text)
	}
	l.come(provider.Authorize)
	l.end(`"you" is active`)
}

func TestLiveFailures(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault *providertest.Fault
		deny  bool
		want  error
	}{
		"denied":             {nil, true, tieline.ErrDenied},
		"wrong client":       {&providertest.Fault{Endpoint: providertest.Exchange, OAuthError: "invalid_client"}, false, tieline.ErrTokenEndpoint},
		"provider went away": {&providertest.Fault{Endpoint: providertest.Exchange, Dropped: true}, false, tieline.ErrTokenEndpoint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := providertest.New(t, providertest.Options{AnyLoopbackRedirect: true})
			l := start(t, provider, string(provider.ProvidersYAML()), options{})
			if tt.fault != nil {
				provider.Fail(*tt.fault)
			}
			decide := provider.Authorize
			if tt.deny {
				decide = provider.Deny
			}
			if status, text := l.come(decide); status != http.StatusBadGateway {
				t.Errorf("the user gets %d %s", status, text)
			}
			if err := <-l.done; !errors.Is(err, tt.want) {
				t.Errorf("the run ends with %v", err)
			}
		})
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	a := &app{outcome: make(chan error, 1)}
	if err := a.wait(t.Context(), time.Nanosecond); err == nil || !strings.Contains(err.Error(), "nobody came back") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.wait(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	a.settle(nil)
	a.settle(errors.New("second"))
	if err := a.wait(t.Context(), time.Hour); err != nil {
		t.Errorf("got %v", err)
	}
}

// Every built-in provider that the live walk is for has a request that is
// complete, or none.
func TestProbe(t *testing.T) {
	t.Parallel()
	want := map[string]request{
		"github":  {method: http.MethodGet, url: "/user"},
		"dropbox": {method: http.MethodPost, url: "/2/users/get_current_account"},
		"google":  {method: http.MethodGet, url: "https://openidconnect.googleapis.com/v1/userinfo"},
		"linear":  {method: http.MethodPost, url: "/graphql"},
	}
	found := 0
	for p := range tieline.Builtin().All() {
		if p.AuthMode != tieline.ModeOAuth2 {
			continue
		}
		got, ok := probe(p)
		if ok {
			found++
		}
		if ok && (got.method == "" || strings.Contains(got.url, "${")) {
			t.Errorf("%s: %s %s", p.Name, got.method, got.url)
		}
		if w, has := want[p.Name]; has && (got.method != w.method || got.url != w.url || (p.Name == "linear") != (got.body != nil)) {
			t.Errorf("%s: %s %s %s", p.Name, got.method, got.url, got.body)
		}
	}
	if found < 20 {
		t.Errorf("only %d providers have a request to try credentials out", found)
	}
}

// An address with variables in it is not one to call.
func TestProbeLeavesVariablesAlone(t *testing.T) {
	t.Parallel()
	provider := providertest.New(t, providertest.Options{})
	yaml := userinfo(string(provider.ProvidersYAML()))
	for endpoint, want := range map[string]string{
		"/users/1":                        "/users/1",
		"/users/${connectionConfig.user}": provider.URL + "/api/me",
	} {
		data := strings.Replace(yaml, "/api\"\n", "/api\"\n"+verification("GET", endpoint), 1)
		data = strings.Replace(data, "  proxy:\n", "  connection_config:\n    user:\n      type: string\n      title: User\n  proxy:\n", 1)
		catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "overlay.yaml", Data: []byte(data)})
		p, err := catalog.Get("acme")
		if err != nil {
			t.Fatal(err, problems)
		}
		if got, ok := probe(p); !ok || got.url != want {
			t.Errorf("%s: %+v", endpoint, got)
		}
	}
}

func TestLiveSendsWhatTheEntrySays(t *testing.T) {
	t.Parallel()
	provider := providertest.New(t, providertest.Options{AnyLoopbackRedirect: true})
	seen := make(chan string, 1)
	provider.FailFunc(func(r *http.Request) *providertest.Fault {
		if r.URL.Path == "/api/echo" {
			seen <- fmt.Sprint(r.Method, " ", r.Header.Get("Content-Type"), " ", r.ContentLength)
		}
		return nil
	})
	yaml := strings.Replace(string(provider.ProvidersYAML()), "/api\"\n", "/api\"\n"+verification("POST", "/echo")+"      data: {a: b}\n", 1)
	l := start(t, provider, yaml, options{})
	l.come(provider.Authorize)
	l.end("POST /echo answers 200 OK")
	if got, want := <-seen, `POST application/json 9`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestNamed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"login":"octocat","name":"The Octocat"}`:  `, for "octocat"`,
		`{"user":{"id":1},"email":"a@example.com"}`: `, for "a@example.com"`,
		`{"access_token":"t","name":""}`:            "",
		`[]`:                                        "",
		"<html>":                                    "",
		`{"name":"two\nlines"}`:                     `, for "two\nlines"`,
		`{"id":7,"user":"alice","token":"acme-at-1-1"}`: `, for "alice"`,
	} {
		if got := named([]byte(body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}
