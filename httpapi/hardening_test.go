package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

const (
	notJSON  = `{"error":{"code":"invalid_json","message":"The body is not JSON"}}`
	tooLarge = `{"error":{"code":"payload_too_large","message":"The body is too large"}}`
	noPath   = `{"error":{"code":"not_found","message":"There is no such path"}}`
	badQuery = `{"error":{"code":"invalid_query_params","message":"The query cannot be read"}}`
)

func TestBodiesThatAreWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(body string) answer { return w.call("POST", "/integrations", body) }
	for _, body := range []string{
		`{`, `}`, `{"a"}`, `{"a":1}}`, `{} {}`, `{"a":1,}`, `{'a':1}`, "{\"a\":\"\xff\"}", "\xef\xbb\xbf{}", "\x00", `{"a":NaN}`, "{\"a\":\"\n\"}",
		strings.Repeat("[", 20_000), strings.Repeat(`{"a":`, 20_000),
	} {
		post(body).want(400, notJSON)
	}
	for body, kind := range map[string]string{`[]`: "array", `null`: "null", `1`: "number", `"x"`: "string", `true`: "boolean"} {
		post(body).want(400, errorBody("invalid_body", "invalid_type", "Invalid input: expected object, received "+kind))
	}
	empty := `{"error":{"code":"invalid_body","errors":[
		{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider"]},
		{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["unique_key"]}]}}`
	for _, body := range []string{``, ` `, `{}`} {
		post(body).want(400, empty)
	}
	const good = `{"provider":"algolia","unique_key":"k",`
	post(good+`"zzz":1}`).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "zzz"`))
	post(good+`"zzz":1,"aaa":{"x":[]},"zzz":2}`).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized keys: "zzz", "aaa"`))
	post(good+`"__proto__":{}}`).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "__proto__"`))
	post(`{"provider":null,"unique_key":["k"]}`).want(400, `{"error":{"code":"invalid_body","errors":[
		{"code":"invalid_type","message":"Invalid input: expected string, received null","path":["provider"]},
		{"code":"invalid_type","message":"Invalid input: expected string, received array","path":["unique_key"]}]}}`)
	w.call("GET", "/integrations", nil).want(200, `{"data":[]}`) // none of them did anything
}

// A body is measured as it comes, whatever its header announces.
func TestBodiesThatAreTooLarge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *tieline.Config, o *Options) { o.MaxBody = 1000 })
	fits := `{"provider":"algolia","unique_key":"k","display_name":"` + strings.Repeat("x", 200) + `"}`
	fits += strings.Repeat(" ", 1000-len(fits))
	w.call("POST", "/integrations", fits).want(200, `{"data":"*"}`)
	w.call("POST", "/integrations", fits+" ").want(413, tooLarge)
	server := httptest.NewServer(w.server)
	t.Cleanup(server.Close)
	// Without a length, so that it is sent in chunks.
	r, err := http.NewRequestWithContext(t.Context(), "POST", server.URL+"/integrations", struct{ io.Reader }{&zeros{64 << 10}})
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 413 {
		t.Errorf("answered with %d", resp.StatusCode)
	}
}

func TestContentTypes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "json"} {
		for _, target := range []string{"POST /integrations", "GET /providers", "PATCH /integrations/x", "DELETE /integrations/x"} {
			method, path, _ := strings.Cut(target, " ")
			w.call(method, path, `{}`, "Content-Type", kind).want(415,
				`{"error":{"code":"invalid_content_type","message":"Content-Type header must be application/json"}}`)
		}
	}
	for _, kind := range []string{"", "application/json", "Application/JSON; charset=utf-8"} {
		if a := w.call("POST", "/integrations", `{}`, "Content-Type", kind); a.Code != 400 {
			t.Errorf("%q: answered with %d", kind, a.Code)
		}
	}
	// Who is not let in is told nothing else.
	w.call("POST", "/integrations", `{`, "Content-Type", "text/plain", "Authorization", "").want(401,
		`{"error":{"message":"Authentication failed. The request is missing the Authorization header.","payload":{},"code":"missing_auth_header"}}`)
}

func TestQueriesThatAreWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, query := range []string{"search=%zz", "search=%", "search=a;b=c", "search=%ff", "%ff=1"} {
		w.call("GET", "/providers?"+query, nil).want(400, badQuery)
	}
	w.call("GET", "/providers?search=a&search=b", nil).want(400, errorBody("invalid_query_params", "invalid_type", "Invalid input: expected string, received array", "search"))
	w.call("GET", "/providers?search[a]=b", nil).want(400, errorBody("invalid_query_params", "invalid_type", "Invalid input: expected string, received object", "search"))
	w.call("GET", "/providers?b=1&a=2", nil).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized keys: "a", "b"`))
}

// The router never tidies a path up, and never redirects.
func TestPathTricks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("github", "github")
	for _, path := range []string{
		"/", "/integrations/", "//integrations", "/integrations//github", "/integrations/../integrations", "/integrations/./github", "/integrations/github/",
		"/integrations/github/..", "/x/..//integrations", "/%69ntegrations/x/y", "/proxyx", "/proxy%2Fme", "/nothing", "/integrations/a/b", "/providers/../health",
	} {
		a := w.call("GET", path, nil).want(404, noPath)
		if a.Header().Get("Location") != "" {
			t.Errorf("%s: redirects to %s", path, a.Header().Get("Location"))
		}
	}
	for _, path := range []string{"/integrations/a%2Fb", "/integrations/%2e%2e%2fgithub", "/integrations/%00", "/integrations/git%0d%0ahub", "/integrations/%ff", "/integrations/a%3Fb", "/integrations/%C3%A9"} {
		w.call("GET", path, nil).want(400, errorBody("invalid_uri_params", "invalid_format", "Invalid string: must match pattern /"+patternKey+"/", "uniqueKey"))
	}
	w.call("GET", "/integrations/"+strings.Repeat("a", 256), nil).want(400, errorBody("invalid_uri_params", "too_big", "Too big: expected string to have <=255 characters", "uniqueKey"))
	for _, path := range []string{"/integrations/%2e%2e", "/integrations/%20"} { // odd names are names
		w.call("GET", path, nil).want(404, `{"error":{"code":"not_found","message":"*"}}`)
	}
}

// Programs call with a key, so no page of another origin has any business here.
func TestOtherOriginsAreNotAllowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	for _, path := range []string{"/integrations", "/providers", "/health", "/proxy/me", "/webhook/" + defaultEnvironment + "/verified", "/nothing", "/openapi.json"} {
		for _, method := range []string{"OPTIONS", "GET", "POST"} {
			for _, key := range []string{"", "Bearer " + testKey} {
				a := w.call(method, path, nil, "Origin", "https://evil.example.com", "Access-Control-Request-Method", "POST",
					"Access-Control-Request-Headers", "authorization", "Authorization", key, "Provider-Config-Key", "verified", "Connection-Id", "alice")
				for name := range a.Header() {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("%s %s: allows other origins: %s", method, path, name)
					}
				}
				if method == "OPTIONS" && a.Code < 400 && key == "" {
					t.Errorf("OPTIONS %s: answered with %d", path, a.Code)
				}
			}
		}
	}
}

func TestMethodsThatAreNotTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for target, allow := range map[string]string{
		"PUT /integrations": "GET, POST", "POST /integrations/github": "GET, PATCH, DELETE", "OPTIONS /providers": "GET", "TRACE /health": "GET", "X /health": "GET",
	} {
		method, path, _ := strings.Cut(target, " ")
		a := w.call(method, path, nil).want(405, `{"error":{"code":"method_not_allowed","message":"The path does not take this method"}}`)
		if a.Header().Get("Allow") != allow {
			t.Errorf("%s: allows %q", target, a.Header().Get("Allow"))
		}
	}
	if a := w.call("HEAD", "/health", nil); a.Code != 200 {
		t.Errorf("HEAD: answered with %d", a.Code)
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	var asked []string
	wait := time.Duration(0)
	w := newWorld(t, func(_ *tieline.Config, o *Options) {
		o.Limit = func(r *http.Request, caller string) time.Duration {
			asked = append(asked, r.Method+" "+caller)
			return wait
		}
	})
	session, token, err := w.client.Sessions.Create(t.Context(), tieline.Session{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		wait  time.Duration
		after string
	}{{1, "1"}, {time.Second, "1"}, {1001 * time.Millisecond, "2"}, {time.Hour, "3600"}} {
		wait = tc.wait
		for _, path := range []string{"/integrations", "/proxy/me"} {
			a := w.call("GET", path, nil).want(429, `{"error":{"code":"too_many_request","message":"Too many requests"}}`)
			if got := a.Header().Get("Retry-After"); got != tc.after {
				t.Errorf("%v: Retry-After is %s", tc.wait, got)
			}
		}
	}
	asked, wait = nil, 0
	w.call("GET", "/integrations", nil).want(200, `{"data":[]}`)
	w.call("GET", "/integrations", nil, "Authorization", "Bearer "+sessionPrefix+token.Reveal()).want(200, `{"data":[]}`)
	w.protected("GET", "/integrations", nil)
	w.call("GET", "/health", nil)
	if want := []string{"GET static-1", "GET " + session.ID}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

// panicking is a Store that breaks down.
type panicking struct{ store.Store }

func (panicking) List(context.Context, store.Query) (store.Page, error) { panic("s3cret") }

func TestPanicsAreContained(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *tieline.Config, _ *Options) { cfg.Store = panicking{cfg.Store} })
	a := w.call("GET", "/integrations", nil)
	id := a.Header().Get("X-Request-Id")
	a.want(500, fmt.Sprintf(`{"error":{"code":"generic_error_support","message":"An error occurred. Please contact support with this unique id: \"%s\"","payload":%q}}`, id, id))
	log := w.log.String()
	if strings.Contains(log, "s3cret") || !strings.Contains(log, "hardening_test.go") || !strings.Contains(log, "status=500") {
		t.Errorf("the log has %s", log)
	}
	w.call("GET", "/providers/linear", nil).want(200, `{"data":"*"}`) // and life goes on
}

// failing is a Store that says more than callers may know.
type failing struct{ store.Store }

func (failing) List(context.Context, store.Query) (store.Page, error) {
	return store.Page{}, errors.New("dial postgres://user:pass@10.0.0.1: refused")
}

func TestErrorsThatNobodyForesaw(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(cfg *tieline.Config, _ *Options) { cfg.Store = failing{cfg.Store} })
	a := w.call("GET", "/integrations", nil).want(500,
		`{"error":{"code":"server_error","message":"Something went wrong. The request ID tells the operator what."}}`)
	if log := w.log.String(); !strings.Contains(log, "refused") || !strings.Contains(log, a.Header().Get("X-Request-Id")) {
		t.Errorf("the log has %s", log)
	}
	w.call("GET", "/ready", nil).want(503, `{"error":{"code":"not_ready","message":"The store does not answer"}}`)
	w.call("GET", "/health", nil).want(200, `{"result":"ok"}`)
}

// An answer that has begun cannot be taken back, so it must not look whole.
func TestPanicInTheMiddle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.server.(*server).mux.HandleFunc("GET /boom", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "half")
		panic("s3cret")
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler || strings.Contains(w.log.String(), "s3cret") || !strings.Contains(w.log.String(), "bytes=4") {
			t.Errorf("%v, the log has %s", p, w.log)
		}
	}()
	w.call("GET", "/boom", nil)
	t.Error("the answer looks whole")
}

// Who does not wait is no error of the server's.
func TestCallersWhoDoNotWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	call := func(ctx context.Context) int {
		r := httptest.NewRequestWithContext(ctx, "GET", "/integrations", nil)
		r.Header.Set("Authorization", "Bearer "+testKey)
		rec := httptest.NewRecorder()
		w.server.ServeHTTP(rec, r)
		return rec.Code
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if code := call(ctx); code != statusGone || strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("answered with %d, the log has %s", code, w.log)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if code := call(ctx); code != http.StatusGatewayTimeout {
		t.Errorf("too late: answered with %d", code)
	}
}

func TestRequestsHaveIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	seen := map[string]bool{}
	for _, path := range []string{"/health", "/health", "/nothing", "/integrations", "/integrations//x", "/proxy/x"} {
		a := w.call("GET", path, nil, "X-Request-Id", "forged\nline")
		id := a.Header().Get("X-Request-Id")
		if len(id) != 24 || seen[id] || !strings.Contains(w.log.String(), "request_id="+id) {
			t.Errorf("%s: the ID is %q", path, id)
		}
		seen[id] = true
		if a.Header().Get("X-Content-Type-Options") != "nosniff" || a.Header().Get("Cache-Control") != "no-store" || a.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: the header is %v", path, a.Header())
		}
	}
}

// The log tells what was called and how it went, and nothing that was said.
func TestTheLogHasNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	token := w.session(tieline.Session{})
	w.call("GET", "/integrations?api_key=s3cret-query", nil)
	w.call("GET", "/integrations/s3cret-path", nil, "Cookie", "a=s3cret-cookie")
	w.call("GET", "/providers", nil, "Authorization", "Bearer "+token)
	w.call("GET", "/nothing/s3cret-nowhere?x=s3cret", nil, "Authorization", "Bearer s3cret-key")
	w.call("POST", "/integrations", `{"provider":"github","unique_key":"x","credentials":{"type":"OAUTH2","client_id":"a","client_secret":"s3cret-body"}}`).want(200, `{"data":"*"}`)
	w.through("POST", "/a/s3cret-path?x=s3cret-query", `{"x":"s3cret-body"}`, "Nango-Proxy-X-Token", "s3cret-header").want(200, `{"ok":true}`)
	w.call("POST", "/webhook/"+defaultEnvironment+"/verified?secret=s3cret-hook", `{"x":"s3cret-hook"}`)
	log := w.log.String()
	for _, secret := range []string{"s3cret", testKey, token, strings.TrimPrefix(token, sessionPrefix), "k3y"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %q: %s", secret, log)
		}
	}
	if !strings.Contains(log, `route="GET /integrations/{key}" status=404`) || !strings.Contains(log, "method=POST route=/proxy/ status=200") {
		t.Errorf("the log has %s", log)
	}
}
