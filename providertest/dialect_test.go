package providertest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestNewDialectRefuses(t *testing.T) {
	t.Parallel()
	for name, entry := range map[string]map[string]any{
		"nothing":        {},
		"open template":  {"auth_mode": "OAUTH2", "token_url": "https://${connectionConfig.x"},
		"empty template": {"auth_mode": "OAUTH2", "token_url": "https://${}"},
		"in a function":  {"auth_mode": "BASIC", "proxy": map[string]any{"headers": map[string]any{"a": "${base64(${})}"}}},
	} {
		if d, err := NewDialect("x", entry); d != nil || !errors.Is(err, errDialect) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// connected is a Dialect with one connection, by a client that has it right.
func connected(t *testing.T) (w *wire, in Inputs, access, refresh string) {
	t.Helper()
	d := newTestDialect(t, "basic", basicEntry+"token_request_auth_method: basic\nproxy: {base_url: https://api.vendor.test}")
	w, in = &wire{t: t, d: d}, d.Inputs()
	back, _ := w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{
		"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {state16}, "scope": {strings.Join(in.Scopes, " ")},
	}})
	r := w.do("token", msg{url: "https://vendor.test/token", header: appHeader(in), json: map[string]any{
		"grant_type": "authorization_code", "code": back.Get("code"), "redirect_uri": callback,
	}})
	return w, in, r.str("access_token"), r.str("refresh_token")
}

func appHeader(in Inputs) http.Header {
	return http.Header{"Authorization": {basicHeader(in.ClientID, in.ClientSecret)}}
}

func refreshOf(w *wire, in Inputs, token string) wired {
	return w.do("refresh", msg{url: "https://vendor.test/refresh?now", header: appHeader(in), json: map[string]any{
		"grant_type": "refresh_token", "refresh_token": token,
	}})
}

func TestDialectFail(t *testing.T) {
	t.Parallel()
	w, in, _, refresh := connected(t)
	faults := map[string]func(http.ResponseWriter, *http.Request){
		"html": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusBadGateway)
			_, _ = io.WriteString(w, "<h1>no</h1>")
		},
		"truncated": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"access_token":"a`) },
		"10 MB": func(w http.ResponseWriter, _ *http.Request) {
			for range 10 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		},
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if !strings.Contains(string(body), "refresh_token") {
				t.Error("the fault cannot read the body")
			}
			http.Redirect(w, r, "https://elsewhere.test/", http.StatusTemporaryRedirect)
		},
	}
	want := map[string]struct{ status, length int }{"html": {502, 11}, "truncated": {200, 18}, "10 MB": {200, 10 << 20}, "redirect": {307, 0}}
	for name, f := range faults {
		clear := w.d.Fail("refresh", func(rw http.ResponseWriter, r *http.Request) bool { f(rw, r); return true })
		r := refreshOf(w, in, refresh)
		if r.status != want[name].status || len(r.text) != want[name].length && name != "redirect" {
			t.Errorf("%s: %d with %d bytes", name, r.status, len(r.text))
		}
		if name == "redirect" && r.header.Get("Location") != "https://elsewhere.test/" {
			t.Errorf("the redirect has the header %v", r.header)
		}
		clear()
	}
	w.d.Fail("refresh", func(http.ResponseWriter, *http.Request) bool { return false })
	w.d.Fail("api", func(http.ResponseWriter, *http.Request) bool { return true })
	if r := refreshOf(w, in, refresh); r.status != 200 {
		t.Errorf("%d: a fault has spent the refresh token, or one that declines answers", r.status)
	}
	if p := w.d.Problems(); len(p) > 0 {
		t.Errorf("%q", p)
	}
	if n := len(w.d.Log()); n != 7 {
		t.Errorf("%d requests in the log, want those with faults too", n)
	}
}

func TestDialectStateIsUsedOnce(t *testing.T) {
	t.Parallel()
	w, in, _, _ := connected(t)
	w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{
		"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {state16}, "scope": {strings.Join(in.Scopes, " ")},
	}})
	if p := w.d.Problems(); len(p) != 1 || !strings.Contains(p[0], "was used before") {
		t.Errorf("%q", p)
	}
}

// A verifier that matches its challenge must still be long enough (RFC 7636 section 4.1).
func TestDialectShortVerifier(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "pkce", "auth_mode: OAUTH2\nauthorization_url: https://vendor.test/a\ntoken_url: https://vendor.test/t")
	w, in := &wire{t: t, d: d}, d.Inputs()
	back, _ := w.visit(msg{url: "https://vendor.test/a", form: url.Values{
		"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {state16}, "scope": {strings.Join(in.Scopes, " ")},
		"code_challenge": {challengeOf("short")}, "code_challenge_method": {"S256"},
	}})
	w.do("token", msg{url: "https://vendor.test/t", form: url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "code_verifier": {"short"},
		"client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
	}})
	if p := d.Problems(); len(p) != 1 || !strings.Contains(p[0], "has 5 characters") {
		t.Errorf("%q", p)
	}
}

func TestDialectTokenLife(t *testing.T) {
	t.Parallel()
	w, in, access, refresh := connected(t)
	api := func(token string) int {
		return w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(token)}).status
	}
	w.d.Now = func() time.Time { return testClock.Add(tokenLife - time.Second) }
	if s := api(access); s != 200 {
		t.Errorf("%d before the token's end", s)
	}
	w.d.Now = func() time.Time { return testClock.Add(tokenLife) }
	if s := api(access); s != 401 {
		t.Errorf("%d after the token's end", s)
	}
	again := refreshOf(w, in, refresh)
	if s := api(again.str("access_token")); s != 200 {
		t.Errorf("%d for the new token", s)
	}
	if s := api(access); s != 401 {
		t.Errorf("%d for the old token", s)
	}
	if again.str("refresh_token") == refresh || again.str("expires_in") != "3600" {
		t.Errorf("the answer is %s", again.text)
	}
	if p := w.d.Problems(); len(p) > 0 {
		t.Errorf("%q", p)
	}
	if refreshOf(w, in, refresh).status != 400 || len(w.d.Problems()) != 1 {
		t.Errorf("a refresh token works twice: %q", w.d.Problems())
	}
}

func TestDialectOverride(t *testing.T) {
	t.Parallel()
	w, in, _, refresh := connected(t)
	d := w.d
	var access string
	d.Override = Override{
		Refresh: func(_ *http.Request, form url.Values) (int, any) {
			if form.Get("refresh_token") != refresh {
				d.Problem("refresh", "the hook does not see the parameters: %v", form)
			}
			access, _ = d.Issue(time.Minute)
			return http.StatusCreated, map[string]any{"data": map[string]any{"token": access}}
		},
		Token: func(*http.Request, url.Values) (int, any) { return 418, "teapot" },
		Other: func(r *http.Request, body []byte) (int, any) {
			if r.URL.Path == "/elsewhere" {
				return 200, []string{string(body)}
			}
			return 0, nil
		},
		Allow:     func(role, name string) bool { return role == "authorize" && name == "extra" },
		Authorize: func(u *url.URL) (url.Values, error) { return url.Values{"code": {u.Path}}, nil },
	}
	if r := refreshOf(w, in, refresh); r.status != 201 || r.str("data", "token") != access {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(access)}); r.status != 200 {
		t.Errorf("%d for an issued token", r.status)
	}
	if r := w.do("token", msg{url: "https://vendor.test/token", json: map[string]any{}}); r.status != 418 || r.text != "teapot" {
		t.Errorf("%d %s", r.status, r.text)
	}
	if r := w.do("other", msg{url: "https://other.test/elsewhere", raw: "b"}); r.text != `["b"]` {
		t.Errorf("%s", r.text)
	}
	if back, err := d.Authorize(t.Context(), "https://x.test/page"); err != nil || back.Get("code") != "/page" {
		t.Errorf("%v %v", back, err)
	}
	d.Override.Authorize = nil
	if _, err := d.Authorize(t.Context(), "https://vendor.test/authorize?extra=1&"+url.Values{
		"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {state16 + "2"}, "scope": {strings.Join(in.Scopes, " ")},
	}.Encode()); err != nil {
		t.Error(err)
	}
	if p := d.Problems(); len(p) > 0 {
		t.Errorf("%q", p)
	}
}

func TestDialectOverrideOfTheAPI(t *testing.T) {
	t.Parallel()
	w, in, _, refresh := connected(t)
	d := w.d
	d.Override = Override{
		API:    func(r *http.Request) (int, any) { return 200, map[string]any{"path": r.URL.Path} },
		Answer: func(role string, a map[string]any) { a["role"] = role },
	}
	if r := w.do("api", msg{url: "https://api.vendor.test/x"}); r.str("path") != "/x" {
		t.Errorf("%s", r.text)
	}
	if r := refreshOf(w, in, refresh); r.str("role") != "refresh" {
		t.Errorf("%s", r.text)
	}
	if w.do("other", msg{url: "https://other.test/nowhere"}).status != 404 || len(d.Problems()) != 1 {
		t.Errorf("an unknown URL gives %q", d.Problems())
	}
}

type closeCounter struct {
	io.Reader
	closed int
}

func (c *closeCounter) Close() error { c.closed++; return nil }

func TestDialectRoundTrip(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "none", "auth_mode: NONE\nproxy: {base_url: 'https://api.vendor.test'}")
	body := &closeCounter{Reader: strings.NewReader("x")}
	var traced []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GetConn:              func(host string) { traced = append(traced, host) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { traced = append(traced, "wrote") },
		GotFirstResponseByte: func() { traced = append(traced, "byte") },
	})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.vendor.test/x", body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := d.RoundTrip(r)
	if err != nil || resp.StatusCode != 200 || resp.Request != r || body.closed != 1 {
		t.Fatalf("%v %v, closed %d times", resp, err, body.closed)
	}
	_ = resp.Body.Close()
	if got := strings.Join(traced, " "); got != "api.vendor.test wrote byte" {
		t.Errorf("the trace is %q", got)
	}
	done, cancel := context.WithCancel(t.Context())
	cancel()
	if resp, err := d.RoundTrip(r.Clone(done)); !errors.Is(err, context.Canceled) {
		_ = resp.Body.Close()
		t.Errorf("%v for a context that is done", err)
	}
	if _, err := d.Authorize(done, "https://x.test"); !errors.Is(err, context.Canceled) {
		t.Errorf("%v for a context that is done", err)
	}
	if n := len(d.Log()); n != 1 {
		t.Errorf("%d requests were processed", n)
	}
	w := &wire{t: t, d: d}
	if s := w.do("api", msg{url: "https://api.vendor.test/", raw: strings.Repeat("x", maxBody+1)}).status; s != http.StatusRequestEntityTooLarge {
		t.Errorf("%d for a body without end", s)
	}
	r.Body, r.URL = http.NoBody, &url.URL{Scheme: "https", Host: "api.vendor.test", Path: "x"}
	if resp, err := d.RoundTrip(r); err != nil || resp.StatusCode != 200 {
		t.Errorf("%v %v", resp, err)
	}
	d.Problem("hook", "number %d", 7)
	if p := d.Problems(); len(p) != 3 || !strings.Contains(p[1], "no slash in front") || !strings.Contains(p[0], "is larger than") || p[2] != "hook: number 7" {
		t.Errorf("the problems are %q", p)
	}
}

// Of many concurrent refreshes with one token, one succeeds.
func TestDialectConcurrency(t *testing.T) {
	t.Parallel()
	w, in, access, refresh := connected(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 20 {
		wg.Go(func() {
			w := &wire{t: t, d: w.d}
			w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(access)})
			if refreshOf(w, in, refresh).status == 200 {
				mu.Lock()
				won++
				mu.Unlock()
			}
			_, _ = w.d.Log(), w.d.Inputs()
		})
	}
	wg.Wait()
	if won != 1 || len(w.d.Problems()) != 19 {
		t.Errorf("%d refreshes won, %d problems", won, len(w.d.Problems()))
	}
}

func TestDialectUse(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "use", `
auth_mode: OAUTH2_CC
token_url: https://${connectionConfig.region}.vendor.test/t || https://vendor.test/t
proxy: {base_url: "https://${connectionConfig.host}/v1/"}
connection_config: {host: {format: hostname}, region: {type: string, optional: true}}
`)
	in := d.Inputs()
	if d.BaseURL() != "https://use.example.com/v1" || d.Mode() != "OAUTH2_CC" || in.Config["region"] == "" {
		t.Errorf("%s %s %+v", d.BaseURL(), d.Mode(), in)
	}
	if d.routes[0].url.Host != in.Config["region"]+".vendor.test" {
		t.Errorf("the token URL is %s", d.routes[0].url)
	}
	delete(in.Config, "region")
	if d.Inputs().Config["region"] == "" {
		t.Error("Inputs hands out its own map")
	}
	d.Use(in)
	if d.routes[0].url.Host != "vendor.test" {
		t.Errorf("without the optional field the token URL is %s", d.routes[0].url)
	}
	delete(in.Config, "host")
	d.Use(in)
	if d.BaseURL() != "" || len(d.Doubts()) != 1 {
		t.Errorf("without the host: %q, doubts %q", d.BaseURL(), d.Doubts())
	}
}
