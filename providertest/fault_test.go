package providertest

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// faultCase is a fault that strikes one refresh, and what the client sees of it.
type faultCase struct {
	name      string
	fault     Fault
	processed bool // and the refresh token rotated
	status    int
	contains  string            // in the body
	header    map[string]string // of the answer; "" for absent
	err       error             // instead of an answer
	check     func(t *testing.T, r reply)
}

func runFaultCases(t *testing.T, cases []faultCase) {
	t.Helper()
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			bothWays(t, Options{TokenLifetime: time.Hour}, tt.run)
		})
	}
}

func (tt *faultCase) run(t *testing.T, a app) {
	token := a.connect().refresh
	fault := tt.fault
	fault.Endpoint = Refresh
	a.s.Fail(fault)
	r := a.refresh(token)
	wantErr(t, "request", r.err, tt.err)
	equal(t, "status", r.status, tt.status)
	if !strings.Contains(r.raw, tt.contains) {
		t.Errorf("body %.200s lacks %s", r.raw, tt.contains)
	}
	for name, want := range tt.header {
		equal(t, name, r.header.Get(name), want)
	}
	if tt.check != nil {
		tt.check(t, r)
	}
	processed := 0
	if tt.processed {
		processed = 1
	}
	equal(t, "Refreshes", a.s.Stats().Refreshes, processed)
	equal(t, "old refresh token live", a.s.IsLive(token), !tt.processed)
	equal(t, "Faults", a.s.Stats().Faults, 1)
	if !tt.processed {
		a.mustTokens(a.refresh(token)) // the fault is over
	}
}

func TestFaultsInPlaceOfTheProvider(t *testing.T) {
	t.Parallel()
	const date = "Fri, 02 Jan 2026 03:04:05 GMT"
	runFaultCases(t, []faultCase{
		{name: "500", fault: Fault{Status: 500}, status: 500, contains: "<h1>500 Internal Server Error</h1>",
			header: map[string]string{"Content-Type": htmlType, "Retry-After": ""}},
		{name: "502", fault: Fault{Status: 502}, status: 502},
		{name: "503 with Retry-After", fault: Fault{Status: 503, RetryAfter: "3"}, status: 503,
			header: map[string]string{"Retry-After": "3"}},
		{name: "429 with a date", fault: Fault{Status: 429, RetryAfter: date}, status: 429,
			header: map[string]string{"Retry-After": date}},
		{name: "invalid_grant", fault: Fault{OAuthError: "invalid_grant"}, status: 400, contains: `"error":"invalid_grant"`,
			header: map[string]string{"Content-Type": jsonType}},
		{name: "slow_down with another status", fault: Fault{OAuthError: "slow_down", Status: 403}, status: 403, contains: `"slow_down"`},
		{name: "200 with an error", fault: Fault{OAuthError: "invalid_grant", Status: 200}, status: 200, contains: `"invalid_grant"`},
		{name: "JSON body", fault: Fault{Body: `{"ok":false}`}, status: 200, contains: `{"ok":false}`,
			header: map[string]string{"Content-Type": jsonType}},
		{name: "body with type", fault: Fault{Body: `<x/>`, Status: 418, ContentType: "application/xml"}, status: 418,
			header: map[string]string{"Content-Type": "application/xml"}},
		{name: "text body", fault: Fault{Body: "upstream connect error"}, status: 200, header: map[string]string{"Content-Type": textType}},
		{name: "empty", fault: Fault{Empty: true}, status: 200, check: wantBody("")},
		{name: "no content", fault: Fault{Status: 204}, status: 204, check: wantBody("")},
		{name: "redirect", fault: Fault{Redirect: "https://elsewhere.example/"}, status: 307,
			header: map[string]string{"Location": "https://elsewhere.example/"}},
		{name: "redirect 302", fault: Fault{Redirect: "/token", Status: 302}, status: 302},
		{name: "header", fault: Fault{Body: "x", Header: http.Header{"x-request-id": {"7"}, "Content-Type": nil}}, status: 200,
			header: map[string]string{"X-Request-Id": "7", "Content-Type": ""}},
		{name: "dropped", fault: Fault{Dropped: true}, err: io.EOF},
	})
}

func TestFaultsAfterTheRotation(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{name: "lost", fault: Fault{Lost: true}, processed: true, err: io.EOF},
		{name: "lost though it says otherwise", fault: Fault{Lost: true, Status: 503}, processed: true, err: io.EOF},
		{name: "truncated", fault: Fault{Truncated: true}, processed: true, status: 200, err: io.ErrUnexpectedEOF},
		{name: "truncated and compressed", fault: Fault{Truncated: true, Gzip: true}, processed: true, status: 200, err: io.ErrUnexpectedEOF},
		{name: "empty and truncated", fault: Fault{Empty: true, Process: true, Truncated: true}, processed: true, status: 200, err: io.ErrUnexpectedEOF},
		{name: "502", fault: Fault{Status: 502, Process: true}, processed: true, status: 502, contains: "Bad Gateway",
			check: func(t *testing.T, r reply) { equal(t, "tokens shown", strings.Contains(r.raw, "acme-"), false) }},
		{name: "201", fault: Fault{Status: 201, Process: true}, processed: true, status: 201, contains: `"refresh_token":"acme-rt`},
		{name: "body", fault: Fault{Body: `{"weird":1}`, Process: true}, processed: true, status: 200, check: wantBody(`{"weird":1}`)},
		{name: "error", fault: Fault{OAuthError: "server_error", Status: 500, Process: true}, processed: true, status: 500},
		{name: "gzip", fault: Fault{Gzip: true}, processed: true, status: 200, contains: `"refresh_token":"acme-rt`,
			header: map[string]string{"Content-Encoding": ""}},
		{name: "BOM", fault: Fault{BOM: true}, processed: true, status: 200, contains: "\ufeff{"},
		{name: "form", fault: Fault{Form: true}, processed: true, status: 200, contains: "&expires_in=3600&refresh_token=acme-rt",
			header: map[string]string{"Content-Type": formType}},
		{name: "huge", fault: Fault{Padding: 2 << 20}, processed: true, status: 200, check: func(t *testing.T, r reply) {
			equal(t, "longer than 2 MiB", len(r.raw) > 2<<20, true)
			equal(t, "refresh token is behind", strings.Index(r.raw, "refresh_token") > 2<<20, true)
		}},
		{name: "edited", fault: Fault{Edit: func(a *Answer) {
			a.Status = 206
			a.Body = fmt.Appendf(nil, `{"data":{"token":%q,"refresh":%q}}`, a.AccessToken, a.RefreshToken)
		}}, processed: true, status: 206, contains: `{"data":{"token":"acme-at`},
		{name: "edited into nonsense", fault: Fault{Edit: func(a *Answer) { *a = Answer{} }}, processed: true, status: 500},
		{name: "zero", fault: Fault{}, processed: true, status: 200, contains: `"refresh_token":"acme-rt`},
	})
}

func TestFaultsInTheTokenResponse(t *testing.T) {
	t.Parallel()
	field := func(name, value string) faultCase {
		return faultCase{name: name + "=" + value, processed: true, status: 200,
			fault: Fault{Fields: map[string]any{name: json.RawMessage(value)}}, contains: `"` + name + `":` + value}
	}
	omit := func(name string) faultCase {
		return faultCase{name: "no " + name, processed: true, status: 200, fault: Fault{Omit: []string{name}},
			check: func(t *testing.T, r reply) {
				_, there := r.json[name]
				equal(t, name+" is there", there, false)
				equal(t, "others are there", len(r.json) >= 3, true)
			}}
	}
	runFaultCases(t, []faultCase{
		field("expires_in", `"3600"`), field("expires_in", `3600.0`), field("expires_in", `""`), field("expires_in", `"1h"`),
		field("expires_in", `-1`), field("expires_in", `0`), field("expires_in", `1e400`), field("expires_in", `null`),
		field("token_type", `"mac"`), field("token_type", `7`), field("scope", `"<a>&b"`), field("error", `"none"`), field("id_token", `{"a":[1]}`),
		omit("expires_in"), omit("token_type"), omit("access_token"), omit("refresh_token"),
	})
}

func wantBody(want string) func(*testing.T, reply) {
	return func(t *testing.T, r reply) { t.Helper(); equal(t, "body", r.raw, want) }
}

func TestRefreshTokenFaults(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	token := a.connect().refresh
	a.s.Fail(Fault{Endpoint: Refresh, RefreshToken: RefreshTokenAbsent})
	equal(t, "absent", a.mustTokens(a.refresh(token)).refresh, "")
	a.s.Fail(Fault{Endpoint: Refresh, RefreshToken: RefreshTokenSame})
	equal(t, "same", a.mustTokens(a.refresh(token)).refresh, token)
	if next := a.mustTokens(a.refresh(token)).refresh; next == "" || next == token {
		t.Error("without a fault, it should rotate again")
	}
	b := inProcessApp(t, Options{Rotation: RotationNone})
	token = b.connect().refresh
	b.s.Fail(Fault{Endpoint: Refresh, RefreshToken: RefreshTokenRotated})
	if next := b.mustTokens(b.refresh(token)).refresh; next == "" || next == token {
		t.Error("the fault should make it rotate")
	}
}

func TestFaultTimes(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	pattern := func(n int) string {
		out := ""
		for range n {
			out += fmt.Sprint(a.do(a.request("GET", "/api/ping", "")).status, " ")
		}
		return strings.TrimSpace(out)
	}
	a.s.Fail(Fault{Status: 500})
	equal(t, "once", pattern(3), "500 200 200")
	a.s.Fail(Fault{Status: 500, Times: 2})
	equal(t, "twice", pattern(3), "500 500 200")
	clear := a.s.Fail(Fault{Status: 500, Times: Always})
	equal(t, "always", pattern(3), "500 500 500")
	clear()
	equal(t, "cleared", pattern(1), "200")
	clear()
	a.s.Fail(Fault{Status: 500})
	a.s.Fail(Fault{Status: 502})
	equal(t, "in the order of arming", pattern(3), "500 502 200")
	a.s.Fail(Fault{Status: 500, Times: Always})
	a.s.ClearFaults()
	equal(t, "all cleared", pattern(1), "200")
	equal(t, "Faults", a.s.Stats().Faults, 8)
}

func TestFaultEndpoints(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		endpoint Endpoint
		strikes  string
	}{
		{Any, "authorize exchange refresh client_credentials token revoke api other"},
		{Token, "exchange refresh client_credentials token"},
		{Authorize, "authorize"}, {Exchange, "exchange"}, {Refresh, "refresh"}, {ClientCredentials, "client_credentials"},
		{Revoke, "revoke"}, {API, "api"}, {Other, "other"},
	} {
		t.Run("at "+string(tt.endpoint), func(t *testing.T) {
			t.Parallel()
			a := inProcessApp(t, Options{})
			a.s.Fail(Fault{Endpoint: tt.endpoint, Status: 503, Times: Always})
			struck := ""
			for _, kind := range strings.Fields("authorize exchange refresh client_credentials token revoke api other") {
				if a.do(a.requestTo(Endpoint(kind))).status == 503 {
					struck += " " + kind
				}
				equal(t, "requests at "+kind, a.s.Stats().Requests[Endpoint(kind)], 1)
			}
			equal(t, "strikes", strings.TrimSpace(struck), tt.strikes)
		})
	}
}

// requestTo makes some request that belongs to an endpoint.
func (a app) requestTo(kind Endpoint) *http.Request {
	switch kind {
	case Authorize:
		return a.request("GET", "/authorize", "")
	case Exchange:
		return a.postRequest("/token", "grant_type", "authorization_code")
	case Refresh:
		return a.postRequest("/token", "grant_type", "refresh_token")
	case ClientCredentials:
		return a.postRequest("/token", "grant_type", "client_credentials")
	case Token:
		return a.postRequest("/token", "grant_type", "password")
	case Revoke:
		return a.postRequest("/revoke", "token", "x")
	case API:
		return a.request("GET", "/api/ping", "")
	}
	return a.request("GET", "/", "")
}

// Hooks see the request as it came, each with the body unread.
func TestFaultHooks(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		one, two := a.connect(), a.connect()
		seen := func(r *http.Request) bool {
			body, err := io.ReadAll(r.Body)
			return err == nil && strings.Contains(string(body), two.refresh) && r.PostForm.Get("refresh_token") == two.refresh
		}
		a.s.Fail(Fault{Endpoint: Refresh, When: seen, Status: 503})
		a.s.FailFunc(func(r *http.Request) *Fault {
			if seen(r) {
				return &Fault{OAuthError: "temporarily_unavailable"}
			}
			return nil
		})
		a.mustTokens(a.refresh(one.refresh))
		equal(t, "status by When", a.refresh(two.refresh).status, 503)
		a.mustFail(a.refresh(two.refresh), 400, "temporarily_unavailable")
		a.s.ClearFaults()
		a.mustTokens(a.refresh(two.refresh))
	})
}

// However many requests find a fault armed, it strikes as often as it should.
func TestFaultTimesUnderRace(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		gate := make(chan struct{})
		a.s.Fail(Fault{When: func(*http.Request) bool { <-gate; return true }, Status: 503, Times: 2})
		statuses := make(chan int, 5)
		for range cap(statuses) {
			r := a.request("GET", "/api/ping", "")
			go func() { statuses <- a.do(r).status }()
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		struck := 0
		for range cap(statuses) {
			if <-statuses == 503 {
				struck++
			}
		}
		equal(t, "struck", struck, 2)
		a.s.mu.Lock()
		defer a.s.mu.Unlock()
		equal(t, "still armed", len(a.s.faults), 0)
	})
}

// A hook that panics takes its request down, not the Server.
func TestFaultHookPanics(t *testing.T) {
	t.Parallel()
	a := networkApp(t, New(t, withCallback(Options{})))
	a.s.FailFunc(func(*http.Request) *Fault { panic("a bug in a test") })
	wantErr(t, "request", a.do(a.request("GET", "/", "")).err, io.EOF)
	a.s.ClearFaults()
	equal(t, "status afterwards", a.do(a.request("GET", "/", "")).status, 200)
}

func TestFailRefusesNonsense(t *testing.T) {
	t.Parallel()
	s := NewInProcess(Options{})
	for name, f := range map[string]Fault{
		"Endpoint": {Endpoint: "tokens"}, "Status": {Status: 42}, "Times": {Times: -2}, "Padding": {Padding: -1},
		"RefreshToken": {RefreshToken: "gone"}, "Fields": {Fields: map[string]any{"x": json.RawMessage("{")}},
	} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.Contains(p, name) {
					t.Errorf("%s: panic %q", name, p)
				}
			}()
			s.Fail(f)
		}()
	}
}

// Edit comes before the delay and the loss: a test can act at the moment when
// the provider has done its part.
func TestEditComesBeforeTheLoss(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		token := a.connect().refresh
		begun, edited := time.Now(), time.Duration(-1)
		issued := ""
		a.s.Fail(Fault{Endpoint: Refresh, DelayAfter: time.Second, Lost: true, Edit: func(a *Answer) {
			edited, issued = time.Since(begun), a.RefreshToken
		}})
		wantErr(t, "request", a.refresh(token).err, io.EOF)
		equal(t, "edited after", edited, 0)
		equal(t, "took", time.Since(begun), time.Second)
		equal(t, "issued", issued, a.s.Grants()[0].RefreshToken)
	})
}

// What Edit does to one answer is not in the next.
func TestEditStartsAfresh(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	a.s.Fail(Fault{Times: 2, Header: http.Header{"X-Note": {"note"}}, Edit: func(a *Answer) { a.Header["X-Note"][0] += "!" }})
	for range 2 {
		equal(t, "header", a.do(a.request("GET", "/api/ping", "")).header.Get("X-Note"), "note!")
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	token := a.connect().refresh
	a.s.Fail(Fault{Endpoint: Refresh, Refused: true})
	wantErr(t, "in process", a.refresh(token).err, syscall.ECONNREFUSED)
	equal(t, "requests", a.s.Stats().Requests[Refresh], 0)
	a.mustTokens(a.refresh(token))

	b := networkApp(t, New(t, Options{}))
	b.s.Fail(Fault{Refused: true})
	wantErr(t, "over the network", b.post("/token", "grant_type", "client_credentials").err, io.EOF)
}

// A client that asks for gzip itself gets it as it is, like from http.Transport.
func TestGzipAsked(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		a.s.Fail(Fault{Gzip: true})
		r := a.request("GET", "/api/ping", "", "Accept-Encoding", "gzip")
		got := a.do(r)
		equal(t, "Content-Encoding", got.header.Get("Content-Encoding"), "gzip")
		zip, err := gzip.NewReader(strings.NewReader(got.raw))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(zip)
		if err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		equal(t, "body", string(body), `{"pong":true}`)
	})
}
