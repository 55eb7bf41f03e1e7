package httpapi

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline"
)

// got is what the API was sent last.
type got struct {
	method, uri, host, body string
	header                  http.Header
}

// recording makes the API remember, and answer with 201.
func (w *world) recording() func() got {
	var last atomic.Pointer[got]
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		last.Store(&got{r.Method, r.RequestURI, r.Host, string(body), r.Header})
		rw.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(rw, `{"made":true}`)
	}
	return func() got { return *last.Load() }
}

func TestProxyPassesThePathAsItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	sent := w.recording()
	for target, want := range map[string]string{
		"":                            "/",
		"?a=b":                        "/?a=b",
		"/":                           "/",
		"/a/b?x=1&x=2&y=%2F+%20":      "/a/b?x=1&x=2&y=%2F+%20",
		"/a%2Fb":                      "/a%2Fb",
		"/%2Fetc":                     "/%2Fetc",
		"//a//b/":                     "//a//b/",
		"//evil.example.com/x":        "//evil.example.com/x",
		"/a/../b/./c":                 "/a/../b/./c",
		"/%2e%2e/b":                   "/%2e%2e/b",
		"/a%20b;c=d":                  "/a%20b;c=d",
		"/q?filter=%7B%22a%22%3A1%7D": "/q?filter=%7B%22a%22%3A1%7D",
		"/https://evil.example.com/x": "/https://evil.example.com/x",
		"/" + w.api.URL + "/me?a=b":   "/me?a=b",
		"/" + strings.Replace(w.api.URL, "//", "/", 1) + "/me": "/me",
	} {
		w.through("GET", target, nil).want(201, `{"made":true}`)
		if got := sent(); got.uri != want || got.host != strings.TrimPrefix(w.api.URL, "http://") {
			t.Errorf("%s: the API was called at %s %s", target, got.host, got.uri)
		}
	}
	w.through("GET", "/x//y?a=b", nil, "Base-Url-Override", w.api.URL+"/v2/").want(201, `{"made":true}`)
	if got := sent(); got.uri != "/v2/x//y?a=b" {
		t.Errorf("the API was called at %s", got.uri)
	}
}

func TestProxyPassesMethodAndBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	sent := w.recording()
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "REPORT"} {
		w.through(method, "/me", `{"a": 1}`).want(201, `{"made":true}`)
		if got := sent(); got.method != method || got.body != `{"a": 1}` || got.header.Get("Content-Type") != "application/json" || got.header.Get("X-Key") != "k3y" {
			t.Errorf("%s: the API got %+v", method, got)
		}
	}
	if a := w.through("HEAD", "/me", nil); a.Code != 201 || a.Body.Len() != 0 || sent().method != "HEAD" {
		t.Errorf("answered with %d %q", a.Code, a.Body)
	}
	for kind, body := range map[string]string{
		"multipart/form-data; boundary=xx":  "--xx\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\n\xff\x00\r\n--xx--\r\n",
		"application/x-www-form-urlencoded": "a=b&c=%20",
		"application/octet-stream":          strings.Repeat("\x00\xff", maxReplay),
		"text/xml":                          "<a/>",
		"":                                  "plain",
	} {
		w.through("POST", "/me", body, "Content-Type", kind).want(201, `{"made":true}`)
		if got := sent(); got.body != body || got.header.Get("Content-Type") != kind {
			t.Errorf("%s: the API got %d bytes of %q", kind, len(got.body), got.header.Get("Content-Type"))
		}
	}
}

// What is the caller's stays here, what is the provider's stays there.
func TestProxyHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	sent := w.recording()
	w.through("POST", "/me", `{}`, "Cookie", "a=b", "Proxy-Authorization", "x", "X-Forwarded-For", "192.0.2.1", "Accept-Language", "de", "Origin", "https://app.example.com",
		"Nango-Proxy-X-Custom", "yes", "Nango-Proxy-Host", "evil.example.com", "Nango-Proxy-Connection", "X-Key", "Nango-Proxy-Content-Length", "7",
		"Nango-Proxy-Transfer-Encoding", "chunked", "Nango-Proxy-Proxy-Authorization", "x", "Nango-Proxy-X-Key", "other", "Nango-Proxy-Accept", "text/csv").want(201, `{"made":true}`)
	got := sent()
	got.header.Del("Accept-Encoding")
	want := http.Header{"Content-Type": {"application/json"}, "X-Custom": {"yes"}, "Accept": {"text/csv"}, "X-Key": {"k3y"}, "User-Agent": {"Go-http-client/1.1"}, "Content-Length": {"2"}}
	if diff := cmp.Diff(want, got.header); diff != "" || got.host == "evil.example.com" {
		t.Errorf("%s, the API got (-want +got):\n%s", got.host, diff)
	}
	w.serve = func(rw http.ResponseWriter, _ *http.Request) {
		for name, value := range map[string]string{
			"Set-Cookie": "a=b", "Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true", "Strict-Transport-Security": "max-age=1",
			"Keep-Alive": "timeout=5", "Connection": "x-named, keep-alive", "X-Named": "1", "Proxy-Authenticate": "Basic", "Upgrade": "h3", "Clear-Site-Data": "*", "Alt-Svc": "clear",
			"X-Accel-Redirect": "/etc/passwd", "X-Sendfile": "/etc/passwd", "Cache-Control": "public, max-age=99", "CDN-Cache-Control": "max-age=99",
			"ETag": `"1"`, "Retry-After": "3", "X-RateLimit-Remaining": "0", "Link": "<x>; rel=next", "Www-Authenticate": "Bearer", "Content-Type": "text/csv",
		} {
			rw.Header().Set(name, value)
		}
		rw.WriteHeader(http.StatusForbidden)
	}
	a := w.through("GET", "/me", nil)
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		a.Header().Del(name)
	}
	want = http.Header{"Etag": {`"1"`}, "Retry-After": {"3"}, "X-Ratelimit-Remaining": {"0"}, "Link": {"<x>; rel=next"}, "Www-Authenticate": {"Bearer"}, "Content-Type": {"text/csv"},
		"Cache-Control": {"no-store"}, "X-Content-Type-Options": {"nosniff"}, "Referrer-Policy": {"no-referrer"}}
	if diff := cmp.Diff(want, a.Header()); diff != "" || a.Code != 403 {
		t.Errorf("answered with %d (-want +got):\n%s", a.Code, diff)
	}
}

func TestProxyStatuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	for _, status := range []int{200, 201, 202, 204, 206, 304, 400, 401, 404, 418, 429, 500, 503} {
		w.serve = func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(status) }
		if a := w.through("GET", "/me", nil); a.Code != status || a.Body.Len() > 0 {
			t.Errorf("%d: answered with %d %s", status, a.Code, a.Body)
		}
	}
}

// An integration can list further hosts, which the credential may then be sent to. The
// application's own network stays out of reach all the same.
func TestProxyReachesListedHosts(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	var key string
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		key = r.Header.Get("X-Key")
		_, _ = io.WriteString(rw, `{"path":"`+r.URL.Path+`"}`)
	}))
	t.Cleanup(other.Close)
	calls := func(status int, body string) {
		t.Helper()
		w.through("GET", "/x", nil, "Base-Url-Override", other.URL+"/v2").want(status, body)
	}
	const refused = `{"error":{"code":"base_url_override_not_allowed","message":"This base URL override is not allowed by server configuration."}}`
	calls(400, refused)
	_, err := w.client.Integrations.Update(t.Context(), "verified", func(in *tieline.Integration) error {
		in.APIHosts = []string{strings.TrimPrefix(other.URL, "http://")}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	calls(200, `{"path":"/v2/x"}`)
	if key != "k3y" {
		t.Errorf("the other host got the key %q", key)
	}
	w.through("GET", "/"+other.URL+"/y", nil).want(200, `{"path":"/y"}`)
	w.integration("inward", "inward")
	w.connect("inward", "alice")
	w.through("GET", "/x", nil, "Provider-Config-Key", "inward", "Base-Url-Override", "https://10.1.2.3").want(400, refused)
}

func TestProxyRetries(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	var calls atomic.Int32
	var answers []int
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := int(calls.Add(1)) - 1
		rw.Header().Set("Retry-After", "0.001")
		rw.WriteHeader(answers[min(n, len(answers)-1)])
	}
	for _, tc := range []struct {
		method        string
		answers       []int
		headers       []string
		status, calls int
	}{
		{"GET", []int{503, 200}, nil, 503, 1},
		{"GET", []int{503, 200}, []string{"Retries", "1"}, 200, 2},
		{"GET", []int{503}, []string{"Retries", "2"}, 503, 3},
		{"GET", []int{404, 200}, []string{"Retries", "2"}, 404, 1},
		{"GET", []int{404, 200}, []string{"Retries", "2", "Retry-On", "404,401,200"}, 200, 2},
		{"GET", []int{503}, []string{"Retries", "1000000"}, 503, 1 + maxRetries},
		{"GET", []int{503}, []string{"Retries", "99999999999999999999"}, 503, 1 + maxRetries},
		{"POST", []int{503, 200}, []string{"Retries", "2"}, 503, 1},
		{"POST", []int{503, 200}, []string{"Retries", "2", "Nango-Proxy-Idempotency-Key", "1"}, 200, 2},
		{"PUT", []int{503, 200}, []string{"Retries", "2"}, 200, 2},
	} {
		calls.Store(0)
		answers = tc.answers
		a := w.through(tc.method, "/me", `{"a":1}`, tc.headers...)
		if a.Code != tc.status || int(calls.Load()) != tc.calls {
			t.Errorf("%s %v: answered with %d after %d calls", tc.method, tc.headers, a.Code, calls.Load())
		}
	}
}

func TestProxyDecompress(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			_, _ = io.WriteString(rw, "plain")
			return
		}
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		_, _ = io.WriteString(z, "hello")
		_ = z.Close()
	}
	for _, tc := range []struct{ decompress, accept, body, encoding string }{
		{"", "gzip", "hello", ""},
		{"true", "gzip", "hello", ""},
		{"false", "", "plain", ""},
		{"false", "gzip, br", "\x1f\x8b", "gzip"},
	} {
		a := w.through("GET", "/me", nil, "Decompress", tc.decompress, "Accept-Encoding", tc.accept)
		if a.Header().Get("Content-Encoding") != tc.encoding || !strings.HasPrefix(a.Body.String(), tc.body) {
			t.Errorf("%v: answered with %q %q", tc, a.Header().Get("Content-Encoding"), a.Body)
		}
	}
}

func TestProxyRedirects(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	var header http.Header
	turns := 0
	other := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		header = r.Header
		_, _ = io.WriteString(rw, `{"other":true}`)
	}))
	t.Cleanup(other.Close)
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/there":
			if header = r.Header; header.Get("X-Custom") != "" {
				_, _ = io.WriteString(rw, `{"ok":true}`)
			}
		case "/loop":
			turns++
			http.Redirect(rw, r, "/loop", http.StatusFound)
		case "/inward":
			http.Redirect(rw, r, "http://169.254.169.254/", http.StatusFound)
		case "/own":
			http.Redirect(rw, r, "there", http.StatusFound)
		default:
			http.Redirect(rw, r, other.URL+"/x", http.StatusTemporaryRedirect)
		}
	}
	w.through("GET", "/own", nil, "Nango-Proxy-X-Custom", "1").want(200, `{"ok":true}`)
	if header.Get("X-Key") != "k3y" {
		t.Errorf("the API got %v", header)
	}
	for follow, want := range map[string]string{"": "", "false": "", "true": "1"} {
		w.through("POST", "/away?token=s3cret", `{}`, "Nango-Proxy-X-Custom", "1", "Nango-Proxy-Authorization", "mine", "Forward-Headers-On-Redirect", follow).want(200, `{"other":true}`)
		if header.Get("X-Key") != "" || header.Get("Authorization") != "" || header.Get("Referer") != "" || header.Get("X-Custom") != want {
			t.Errorf("follow %q: the other host got %v", follow, header)
		}
	}
	w.through("GET", "/loop", nil).want(502, `{"error":{"code":"too_many_redirects","message":"The provider redirects too often"}}`)
	if turns != 1+maxHops {
		t.Errorf("%d calls", turns)
	}
	w.through("GET", "/inward", nil).want(400, `{"error":{"code":"url_not_allowed","message":"The call may not go to this address"}}`)
}

// A key may be for other things than calls.
func TestProxyScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	_, secret, err := w.keys.Create(t.Context(), "reader", ScopeConnectionsRead)
	if err != nil {
		t.Fatal(err)
	}
	w.through("GET", "/me", nil, "Authorization", "Bearer "+secret.Reveal()).want(403,
		`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:proxy"}}`)
}

func TestProxyThatHangs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *tieline.Config, o *Options) { o.ProxyIdle = 50 * time.Millisecond }).proxied()
	w.serve = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	w.through("GET", "/me", nil).want(504, `{"error":{"code":"upstream_timeout","message":"The provider took too long"}}`)
}

func TestWholeURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"https://a.example.com/x": "https://a.example.com/x", "HTTPS:/a.example.com": "https://a.example.com", "http://a": "http://a",
		"https://u@a.example.com/": "", "https:///x": "", "ftp://a": "", "x": "", "https:a": "", "https://a b/": "", "https://a#x": "",
	} {
		u, ok := wholeURL(raw, "")
		if u == nil {
			u = &url.URL{}
		}
		if u.String() != want || ok != (want != "") {
			t.Errorf("%s: %s", raw, u)
		}
	}
}
