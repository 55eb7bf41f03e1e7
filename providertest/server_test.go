package providertest

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// No goroutine outlives Close, whatever the connections are doing. Not
// parallel: it counts all goroutines there are.
func TestCloseLeavesNoGoroutine(t *testing.T) {
	before := runtime.NumGoroutine()
	s, err := Start(withCallback(Options{}))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	a := newApp(t, s, transport)
	token := a.connect().refresh // leaves idle connections
	s.Fail(Fault{Endpoint: Refresh, Delay: time.Hour})
	s.Fail(Fault{Endpoint: API, Delay: time.Hour, Late: true})
	var waiting sync.WaitGroup
	refresh := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token)
	waiting.Go(func() { wantClosed(t, a.do(refresh)) })
	call := a.request("POST", "/api/echo", "x")
	waiting.Go(func() { wantClosed(t, a.do(call)) })
	half, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := half.Write([]byte("POST /token HTTP/1.1\r\nHo")); err != nil {
		t.Fatal(err)
	}
	until(t, "both requests are in", func() bool {
		st := s.Stats()
		return st.Requests[Refresh] == 1 && st.Requests[API] == 1
	})
	begun := time.Now()
	s.Close()
	s.Close()
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("Close took %v", took)
	}
	waiting.Wait()
	equal(t, "processed", s.Stats().Refreshes, 0)
	_ = half.Close()
	transport.CloseIdleConnections()
	until(t, "the goroutines have ended", func() bool { return runtime.NumGoroutine() <= before })
}

func wantClosed(t *testing.T, r reply) {
	if r.err == nil {
		t.Errorf("answered with %d after Close", r.status)
	}
}

// until spins: what it waits for is already under way.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("never came true: %s", what)
		}
	}
}

// Over the network too, a client that gives up during a delay leaves its request
// unprocessed, unless the fault is Late.
func TestGivingUpOverTheNetwork(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		a := networkApp(t, New(t, withCallback(Options{})))
		token := a.connect().refresh
		fault := Fault{Endpoint: Refresh, Delay: time.Hour}
		if late {
			fault = Fault{Endpoint: Refresh, Delay: 50 * time.Millisecond, Late: true}
		}
		a.s.Fail(fault)
		ctx, cancel := context.WithCancel(t.Context())
		r := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token).WithContext(ctx)
		var waiting sync.WaitGroup
		waiting.Go(func() { wantErr(t, "request", a.do(r).err, context.Canceled) })
		until(t, "the request is in", func() bool { return a.s.Stats().Requests[Refresh] == 1 })
		cancel()
		waiting.Wait()
		until(t, "the request is over", func() bool {
			a.s.mu.Lock()
			defer a.s.mu.Unlock()
			return a.s.inRefresh == 0
		})
		equal(t, "refresh token live", a.s.IsLive(token), !late)
	}
}

func TestAfterClose(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		a.s.Close()
		wantErr(t, "request", a.do(a.request("GET", "/", "")).err, syscall.ECONNREFUSED)
		if _, _, err := a.s.Authorize(t.Context(), a.authorizationURL()); err == nil {
			t.Error("the consent page is still there")
		}
	})
}

func TestAddr(t *testing.T) {
	t.Parallel()
	s := New(t, Options{Addr: "127.0.0.1:0"})
	if !strings.HasPrefix(s.URL, "http://127.0.0.1:") || strings.HasSuffix(s.URL, ":0") {
		t.Errorf("URL %s", s.URL)
	}
	if other, err := Start(Options{Addr: s.host}); err == nil {
		other.Close()
		t.Error("two Servers listen on one address")
	}
	addr := s.host
	s.Close()
	again, err := Start(Options{Addr: addr})
	if err != nil {
		t.Fatalf("the address is not free after Close: %v", err)
	}
	again.Close()
	equal(t, "unspecified address", reachable("[::]:8080"), "127.0.0.1:8080")
	equal(t, "named address", reachable("192.0.2.1:8080"), "192.0.2.1:8080")
}

func TestInvalidOptions(t *testing.T) {
	t.Parallel()
	for field, o := range map[string]Options{
		"PKCE": {PKCE: "sometimes"}, "ClientAuth": {ClientAuth: "header"}, "Rotation": {Rotation: "yes"},
		"GraceAnswer": {GraceAnswer: "x"}, "Reuse": {Reuse: "x"}, "OldAccessToken": {OldAccessToken: "x"},
		"TokenLifetime": {TokenLifetime: -1}, "Grace": {Grace: -1}, "Remember": {Remember: -1},
		"Username": {Username: "a:b"}, "RedirectURIs[1]": {RedirectURIs: []string{callbackURI, "x"}},
	} {
		_, err := Start(o)
		wantErr(t, field, err, errOptions)
		if err != nil && !strings.Contains(err.Error(), field) {
			t.Errorf("%s: error %q does not name it", field, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("NewInProcess took invalid Options")
		}
	}()
	NewInProcess(Options{PKCE: "x"})
}

func TestOptionsAreCopied(t *testing.T) {
	t.Parallel()
	uris := []string{callbackURI}
	a := inProcessApp(t, Options{RedirectURIs: uris})
	uris[0] = "https://evil.example/"
	a.connect()
}

// A transport tells its client how far a request got; classifying a failed
// refresh depends on it.
func TestRoundTripperTraces(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	for _, tt := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"answered", Fault{}, "headers request answer"},
		{"lost", Fault{Lost: true}, "headers request"},
		{"dropped", Fault{Dropped: true}, "headers request"},
		{"refused", Fault{Refused: true}, ""},
	} {
		var seen []string
		note := func(what string) { seen = append(seen, what) }
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			WroteHeaders:         func() { note("headers") },
			WroteRequest:         func(httptrace.WroteRequestInfo) { note("request") },
			GotFirstResponseByte: func() { note("answer") },
		})
		a.s.Fail(tt.fault)
		a.do(a.request("GET", "/api/ping", "").WithContext(ctx))
		equal(t, tt.name, strings.Join(seen, " "), tt.want)
	}
}

func TestRoundTripperReachesNoOtherHost(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	for _, url := range []string{"http://elsewhere.test/api/ping", "https://provider.test/api/ping"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.s.RoundTripper().RoundTrip(r)
		var dns *net.DNSError
		if !errors.As(err, &dns) || !dns.IsNotFound {
			t.Errorf("%s: error %v", url, err)
		}
	}
	equal(t, "requests", len(a.s.Stats().Requests), 0)
}

func TestRoundTripperClosesTheBody(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	for _, url := range []string{a.s.URL + "/", "http://elsewhere.test/"} {
		body := &closing{Reader: strings.NewReader("x")}
		r, err := http.NewRequestWithContext(t.Context(), "POST", url, body)
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := a.s.RoundTripper().RoundTrip(r); err == nil {
			_ = resp.Body.Close()
		}
		equal(t, "body closed", body.closed, true)
	}
}

func TestRoundTripperRefusesDoneContexts(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	token := a.connect().refresh
	ctx, cancel := context.WithCancel(t.Context())
	r := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token).WithContext(ctx)
	cancel()
	wantErr(t, "done before", a.do(r).err, context.Canceled)
	equal(t, "requests", a.s.Stats().Requests[Refresh], 0)

	// Done while it is answered: processed, and nobody there to hear of it.
	ctx, cancel = context.WithCancel(t.Context())
	a.s.Fail(Fault{Edit: func(*Answer) { cancel() }})
	wantErr(t, "done meanwhile", a.do(a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token).WithContext(ctx)).err, context.Canceled)
	equal(t, "processed", a.s.Stats().Refreshes, 1)
}

// The log tells requests apart and holds nothing that is secret.
func TestLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	var log syncBuffer
	a := inProcessApp(t, Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	one := a.connect()
	a.me(a.mustTokens(a.refresh(one.refresh)).access)
	a.s.Fail(Fault{Lost: true})
	a.do(a.request("GET", "/api/me", "", "X-Api-Key", a.s.Credentials().APIKey))
	text := log.String()
	for _, want := range []string{"endpoint=exchange", "endpoint=refresh", "path=/api/me", "status=200", `outcome="not answered"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	for _, secret := range []string{"acme-at-", "acme-rt-", "acme-code-", a.s.Credentials().APIKey, "acme+secret", "acme secret", verifier} {
		if strings.Contains(text, secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

type closing struct {
	*strings.Reader
	closed bool
}

func (c *closing) Close() error { c.closed = true; return nil }
