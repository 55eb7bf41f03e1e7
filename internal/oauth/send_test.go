package oauth

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/outbound"
)

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func transport(t *testing.T) http.RoundTripper {
	tr := outbound.New(nil, outbound.Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(tr.CloseIdle)
	return tr.Token
}

// server answers every request with handler and counts them.
func server(t *testing.T, handler http.HandlerFunc) (*url.URL, *int) {
	t.Helper()
	count := new(int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*count++
		handler(w, r)
	}))
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u, count
}

func refresh(u *url.URL) *Call {
	return &Call{URL: u, ClientID: "a:b", ClientSecret: "p%q+r &é", Params: map[string]any{"grant_type": "refresh_token", "refresh_token": "RT"}}
}

var requestTable = []struct {
	name                string
	edit                func(*Call)
	method, query, auth string
	contentType, body   string
}{
	{name: "default", method: "POST", contentType: "application/x-www-form-urlencoded",
		body: "client_id=a%3Ab&client_secret=p%25q%2Br+%26%C3%A9&grant_type=refresh_token&refresh_token=RT"},
	{name: "basic", edit: func(c *Call) { c.Auth = AuthBasic }, method: "POST", contentType: "application/x-www-form-urlencoded",
		auth: basic("a%3Ab", "p%25q%2Br+%26%C3%A9"), body: "grant_type=refresh_token&refresh_token=RT"},
	{name: "basic raw", edit: func(c *Call) { c.Auth = AuthBasicRaw }, method: "POST", contentType: "application/x-www-form-urlencoded",
		auth: basic("a:b", "p%q+r &é"), body: "grant_type=refresh_token&refresh_token=RT"},
	{name: "custom", edit: func(c *Call) { c.Auth = AuthCustom }, method: "POST", contentType: "application/x-www-form-urlencoded",
		body: "grant_type=refresh_token&password=p%25q%2Br+%26%C3%A9&refresh_token=RT&username=a%3Ab"},
	{name: "secret as user name", edit: func(c *Call) { c.Auth = AuthBasicSecret }, method: "POST", contentType: "application/x-www-form-urlencoded",
		auth: basic("p%q+r &é", ""), body: "grant_type=refresh_token&refresh_token=RT"},
	{name: "part in the query", edit: func(c *Call) {
		c.Auth, c.Format, c.QueryParams = AuthNone, JSON, []string{"redirect_uri", "client_id", "code"}
		c.Params["redirect_uri"] = "https://a/b"
		c.Names = map[string]string{"client_id": "app_id"}
	}, method: "POST", contentType: "application/json", query: "keep=1&app_id=a%3Ab&redirect_uri=https%3A%2F%2Fa%2Fb",
		body: `{"grant_type":"refresh_token","refresh_token":"RT"}`},
	{name: "all in the query, by name and by format", edit: func(c *Call) { c.Format, c.Auth, c.QueryParams = Query, AuthNone, []string{"grant_type"} }, method: "POST",
		query: "keep=1&grant_type=refresh_token&client_id=a%3Ab&refresh_token=RT"},
	{name: "part in the query and in the body", edit: func(c *Call) {
		c.Auth, c.Format, c.RepeatedParams = AuthNone, JSON, []string{"client_id", "code"}
		c.Names = map[string]string{"client_id": "app_id"}
	}, method: "POST", contentType: "application/json", query: "keep=1&app_id=a%3Ab",
		body: `{"app_id":"a:b","grant_type":"refresh_token","refresh_token":"RT"}`},
	{name: "all in the query, and once", edit: func(c *Call) { c.Format, c.Auth, c.RepeatedParams = Query, AuthNone, []string{"grant_type"} }, method: "POST",
		query: "keep=1&client_id=a%3Ab&grant_type=refresh_token&refresh_token=RT"},
	{name: "dropped from the query", edit: func(c *Call) {
		c.Auth, c.QueryParams, c.Names = AuthNone, []string{"client_id"}, map[string]string{"client_id": ""}
	}, method: "POST", contentType: "application/x-www-form-urlencoded", body: "grant_type=refresh_token&refresh_token=RT"},
	{name: "public client", edit: func(c *Call) { c.Auth = AuthNone }, method: "POST", contentType: "application/x-www-form-urlencoded",
		body: "client_id=a%3Ab&grant_type=refresh_token&refresh_token=RT"},
	{name: "renamed and dropped", edit: func(c *Call) {
		c.Auth = AuthNone
		c.Names = map[string]string{"client_id": "app_id", "grant_type": ""}
	}, method: "POST", contentType: "application/x-www-form-urlencoded", body: "app_id=a%3Ab&refresh_token=RT"},
	{name: "JSON", edit: func(c *Call) {
		c.Format, c.Auth = JSON, AuthNone
		c.Params["nested"] = map[string]any{"k": "v"}
	}, method: "POST", contentType: "application/json",
		body: `{"client_id":"a:b","grant_type":"refresh_token","nested":{"k":"v"},"refresh_token":"RT"}`},
	{name: "query", edit: func(c *Call) { c.Format, c.Auth, c.Method = Query, AuthNone, http.MethodPut }, method: "PUT",
		query: "keep=1&client_id=a%3Ab&grant_type=refresh_token&refresh_token=RT"},
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range requestTable {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			call := refresh(&url.URL{Scheme: "https", Host: "example.com", Path: "/token", RawQuery: "keep=1"})
			if tt.edit != nil {
				tt.edit(call)
			}
			req, err := call.request(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			body := ""
			if req.Body != nil {
				b, _ := io.ReadAll(req.Body)
				body = string(b)
			}
			want := []string{tt.method, tt.auth, tt.contentType, tt.body}
			got := []string{req.Method, req.Header.Get("Authorization"), req.Header.Get("Content-Type"), body}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("method, auth, type, body (-want +got):\n%s", diff)
			}
			if q := cmp.Or(tt.query, "keep=1"); req.URL.RawQuery != q {
				t.Errorf("query %q, want %q", req.URL.RawQuery, q)
			}
			if req.GetBody != nil {
				t.Error("net/http could send the body again")
			}
		})
	}
}

func TestRequestRefused(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "https", Host: "example.com"}
	for name, call := range map[string]*Call{
		"nested in a form":  {URL: u, Params: map[string]any{"a": map[string]any{}}},
		"auth":              {URL: u, Auth: "magic"},
		"format":            {URL: u, Format: "yaml"},
		"nested in a query": {URL: u, Format: JSON, Params: map[string]any{"a": map[string]any{}}, QueryParams: []string{"a"}},
		"no secret":         {URL: u, Auth: AuthBasicSecret, ClientID: "id"},
	} {
		answer, err := Send(t.Context(), transport(t), call, now)
		if answer != nil || err == nil || err.Class != Config {
			t.Errorf("%s: %v, %v", name, answer, err)
		}
	}
}

func TestClassification(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, header, body string
		status             int
		rules              []Rule
		want               Class // empty: success
	}{
		{name: "success", status: 200, body: `{"access_token":"AT"}`},
		{name: "201", status: 201, body: `{"access_token":"AT"}`},
		{name: "success beside an error", status: 200, body: `{"access_token":"AT","error":"invalid_grant"}`},
		{name: "invalid_grant 400", status: 400, body: `{"error":"invalid_grant"}`, want: Permanent},
		{name: "invalid_grant 403", status: 403, body: `{"error":"invalid_grant"}`, want: Permanent},
		{name: "invalid_grant 200", status: 200, body: `{"error":"invalid_grant"}`, want: Permanent},
		{name: "Slack", status: 200, body: `{"ok":false,"error":"invalid_refresh_token"}`, want: Permanent},
		{name: "429", status: 429, body: `{"error":"invalid_grant_rate"}`, want: Transient},
		{name: "429 page", status: 429, body: `<html>`, want: Transient},
		{name: "503 with Retry-After", status: 503, header: "5", want: Transient},
		{name: "503 without", status: 503, want: Ambiguous},
		{name: "slow_down", status: 400, body: `{"error":"slow_down"}`, want: Transient},
		{name: "invalid_client", status: 401, body: `{"error":"invalid_client"}`, want: Config},
		{name: "unauthorized_client", status: 400, body: `{"error":"unauthorized_client"}`, want: Config},
		{name: "invalid_scope", status: 400, body: `{"error":"invalid_scope"}`, want: Config},
		{name: "401 page", status: 401, body: `<html>`, want: Config},
		{name: "404", status: 404, want: Config},
		{name: "405", status: 405, want: Config},
		{name: "redirect", status: 307, want: Config},
		{name: "500", status: 500, want: Ambiguous},
		{name: "server_error", status: 500, body: `{"error":"server_error"}`, want: Ambiguous},
		{name: "502 page", status: 502, body: `<html>`, want: Ambiguous},
		{name: "invalid_request", status: 400, body: `{"error":"invalid_request"}`, want: Ambiguous},
		{name: "200 page", status: 200, body: `<html>`, want: Ambiguous},
		{name: "200 empty", status: 200, want: Ambiguous},
		{name: "rule by code", status: 400, body: `{"error":"invalid_request"}`, rules: []Rule{{Code: "invalid_request", Class: Permanent}}, want: Permanent},
		{name: "rule by status", status: 404, rules: []Rule{{Status: 404, Class: Transient}}, want: Transient},
		{name: "rule for another status", status: 404, rules: []Rule{{Status: 400, Class: Transient}}, want: Config},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, count := server(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.header != "" {
					w.Header().Set("Retry-After", tt.header)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				_, _ = io.WriteString(w, tt.body)
			})
			call := refresh(u)
			call.Rules = tt.rules
			_, err := Send(t.Context(), transport(t), call, now)
			var got Class
			if err != nil {
				got = err.Class
			}
			if got != tt.want {
				t.Errorf("class %q, want %q (%v)", got, tt.want, err)
			}
			if *count != 1 {
				t.Errorf("%d requests were sent", *count)
			}
		})
	}
}

func TestTokensSurviveABrokenAnswer(t *testing.T) {
	t.Parallel()
	u, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "500")
		_, _ = io.WriteString(w, `{"refresh_token":"RT2","access_token":"AT2","scope":"`)
	})
	answer, err := Send(t.Context(), transport(t), refresh(u), now)
	if err != nil || answer.RefreshToken != "RT2" || answer.AccessToken != "AT2" {
		t.Errorf("%+v, %v", answer, err)
	}

	u, _ = server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"refresh_token":"RT2"}`) })
	answer, err = Send(t.Context(), transport(t), refresh(u), now)
	if err == nil || err.Class != Ambiguous || answer == nil || answer.RefreshToken != "RT2" {
		t.Errorf("a new refresh token without an access token: %+v, %v", answer, err)
	}

	u, _ = server(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"refresh_token":"RT2","access_token":"AT2","junk":"`+strings.Repeat("x", maxBody)+`"}`)
	})
	answer, err = Send(t.Context(), transport(t), refresh(u), now)
	if err != nil || answer.RefreshToken != "RT2" {
		t.Errorf("an oversized answer: %v", err)
	}
}

func TestConnectionFailures(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := &url.URL{Scheme: "http", Host: closed.Addr().String()}
	closed.Close()
	hangUp, _ := server(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	for name, tt := range map[string]struct {
		url  *url.URL
		want Class
	}{
		"nobody listens":         {nobody, NotSent},
		"forbidden address":      {&url.URL{Scheme: "https", Host: "10.0.0.1"}, NotSent},
		"forbidden scheme":       {&url.URL{Scheme: "ftp", Host: "example.com"}, NotSent},
		"closed without answer":  {hangUp, Ambiguous},
		"not an HTTPS server":    {&url.URL{Scheme: "https", Host: hangUp.Host}, NotSent},
		"no such name (RFC2606)": {&url.URL{Scheme: "https", Host: "nothing.invalid"}, NotSent},
	} {
		_, err := Send(t.Context(), transport(t), refresh(tt.url), now)
		if err == nil || err.Class != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	u, _ := server(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := Send(ctx, transport(t), refresh(u), now)
	if err == nil || err.Class != Ambiguous || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled after the request arrived: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "99999999999999999": time.Hour, "1.5": 0, "soon": 0,
		now().Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second,
		now().Add(-time.Hour).Format(http.TimeFormat):       0,
		now().Add(48 * time.Hour).Format(http.TimeFormat):   time.Hour,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {v}}, now()); got != want {
			t.Errorf("Retry-After %q: %v, want %v", v, got, want)
		}
	}
}

// A server that echoes what it was sent must not get it into an error's text.
func TestErrorsShowNoSecrets(t *testing.T) {
	t.Parallel()
	secrets := []string{"RT-canary", "secret-canary"}
	for _, body := range []string{
		`{"error":"RT-canary"}`, `{"error":"RT-cana"}`, `{"error":"code-RT-canary"}`, `{"error":"secret-canary"}`, `{"error":{"code":"RT-canary"}}`,
		`{"error":"x","error_description":"RT-canary secret-canary"}`, `RT-canary`, `HTTP/1.1 secret-canary`,
	} {
		u, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if strings.HasPrefix(body, "{") {
				_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad\r\nConnection: close\r\n\r\n")
			}
			_, _ = io.WriteString(conn, body)
		})
		call := refresh(u)
		call.ClientSecret = secrets[1]
		call.Params["refresh_token"] = secrets[0]
		_, err := Send(t.Context(), transport(t), call, now)
		if err == nil {
			t.Fatalf("%s: no error", body)
		}
		for _, s := range secrets {
			if strings.Contains(err.Error(), s[:7]) {
				t.Errorf("%s: the error shows a secret: %v", body, err)
			}
		}
	}
}
