package tielineotel_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

func TestRefreshes(t *testing.T) {
	t.Parallel()
	o, w := newTelemetry(t), newWorld(t)
	c := w.client(o)
	w.connect(c)
	wantTree(t, o, "connect", `
tieline.connect (internal) tieline.outcome=connected
  tieline.token_request (client) http.response.status_code=200
`)
	refresh := func(want error) {
		t.Helper()
		if _, err := c.Connections.Refresh(t.Context(), "acme", "alice", nil); !errors.Is(err, want) {
			t.Fatalf("Refresh = %v, want %v", err, want)
		}
	}
	refresh(nil)
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Status: 429, RetryAfter: "1"})
	refresh(tieline.ErrRefreshFailed)
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: 2, Status: 400, OAuthError: "invalid_grant"})
	refresh(tieline.ErrReauthRequired)
	w.close(c) // what is told comes after what is answered

	wantTree(t, o, "refreshes", `
tieline.refresh (internal) tieline.outcome=refreshed tieline.refresh.exchanges=1
  tieline.token_request (client) http.response.status_code=200
tieline.refresh (internal) error.type=transient tieline.failure.code=http_429 tieline.outcome=failed tieline.refresh.exchanges=1 Error: transient: http_429
  tieline.token_request (client) error.type=transient http.response.status_code=429 Error: transient
tieline.refresh (internal) error.type=permanent tieline.failure.code=invalid_grant tieline.outcome=reauth_required tieline.refresh.exchanges=2 Error: permanent: invalid_grant
  tieline.token_request (client) error.type=permanent http.response.status_code=400 tieline.failure.code=invalid_grant Error: permanent: invalid_grant
  tieline.token_request (client) error.type=permanent http.response.status_code=400 tieline.failure.code=invalid_grant Error: permanent: invalid_grant
`)
	refreshes := []string{
		"1 tieline.outcome=refreshed tieline.provider=acme",
		"1 error.type=transient tieline.failure.code=http_429 tieline.outcome=failed tieline.provider=acme",
		"1 error.type=permanent tieline.failure.code=invalid_grant tieline.outcome=reauth_required tieline.provider=acme",
	}
	o.want("tieline.refresh.count {refresh}", refreshes...)
	o.want("tieline.refresh.duration s", refreshes...)
	o.want("tieline.connect.duration s", "1 tieline.outcome=connected tieline.provider=acme")
	o.want("tieline.token_request.duration s",
		"2 tieline.http.status_class=2xx tieline.provider=acme",
		"1 error.type=transient tieline.http.status_class=4xx tieline.provider=acme",
		"2 error.type=permanent tieline.failure.code=invalid_grant tieline.http.status_class=4xx tieline.provider=acme")
	o.want("tieline.event.count {event}",
		"1 tieline.event=connection.created tieline.provider=acme",
		"1 tieline.event=connection.refreshed tieline.provider=acme",
		"1 tieline.event=connection.refresh_failed tieline.provider=acme",
		"1 tieline.event=connection.reauth_required tieline.provider=acme")
}

func wantTree(t *testing.T, o *telemetry, what, want string) {
	t.Helper()
	if got := o.tree(); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("%s: the spans are\n%swant%s", what, got, want)
	}
}

// One process refreshes, another one waits for it.
func TestLeaseWait(t *testing.T) {
	t.Parallel()
	quiet, o, w := newTelemetry(t), newTelemetry(t), newWorld(t)
	first, second := w.client(quiet), w.client(o)
	w.connect(first)
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, When: func(*http.Request) bool {
		once.Do(func() { close(held) })
		select {
		case <-release:
		case <-time.After(30 * time.Second):
		}
		return false
	}})
	refreshed := make(chan error, 2)
	for _, c := range []*tieline.Client{first, second} {
		go func() {
			_, err := c.Connections.Refresh(context.Background(), "acme", "alice", nil)
			refreshed <- err
		}()
		select {
		case <-held:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody asks the provider")
		}
	}
	for second.Health().Counts.LeaseWaits == 0 && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	close(release)
	for range 2 {
		if err := <-refreshed; err != nil {
			t.Fatal(err)
		}
	}
	w.close(second)
	tree := o.tree()
	if !strings.HasPrefix(tree, "tieline.refresh (internal) ") || !strings.Contains(tree, "\n  tieline.lease_wait (internal)\n") {
		t.Errorf("the spans are\n%s", tree)
	}
	o.want("tieline.lease.wait.duration s", "1 tieline.provider=acme")
}

// A refresh is a trace of its own, and linked to the caller's. An API call is a part
// of the caller's.
func TestParents(t *testing.T) {
	t.Parallel()
	o, w := newTelemetry(t), newWorld(t)
	c := w.client(o)
	w.connect(c)
	o.tree()
	w.provider.ExpireAccessTokens()
	ctx, caller := o.traces.Tracer("test").Start(t.Context(), "caller")
	if _, err := c.Connections.Refresh(ctx, "acme", "alice", nil); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(ctx, "BREW", "/me?token=hidden-in-a-query", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Connections.HTTPClient("acme", "alice").Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	caller.End()
	w.close(c)
	found := map[string]bool{}
	for _, s := range o.spans.GetSpans() {
		found[s.Name] = true
		switch s.Name {
		case "tieline.refresh":
			if s.Parent.IsValid() || len(s.Links) != 1 || s.Links[0].SpanContext.SpanID() != caller.SpanContext().SpanID() {
				t.Errorf("the refresh has the parent %v and the links %v", s.Parent, s.Links)
			}
		case "tieline.api_call":
			if s.Parent.SpanID() != caller.SpanContext().SpanID() {
				t.Errorf("the API call has the parent %v", s.Parent)
			}
			if !slices.Contains(s.Attributes, attribute.String("http.request.method", "_OTHER")) {
				t.Errorf("attributes %v", s.Attributes)
			}
		}
		for _, a := range s.Attributes {
			if strings.Contains(a.Value.String(), "hidden") {
				t.Errorf("%s: %s shows a query", s.Name, a.Key)
			}
		}
	}
	if !found["tieline.refresh"] || !found["tieline.api_call"] {
		t.Errorf("there are spans %v", found)
	}
}

// Each attempt is a span: the one that was answered 401, and the next.
func TestAPICalls(t *testing.T) {
	t.Parallel()
	o, w := newTelemetry(t), newWorld(t)
	c := w.client(o)
	w.connect(c)
	o.tree()
	var calls atomic.Int64
	w.provider.FailFunc(func(r *http.Request) *providertest.Fault {
		if strings.HasSuffix(r.URL.Path, "/me") && calls.Add(1) == 1 {
			return &providertest.Fault{Status: 503}
		}
		return nil
	})
	resp, err := c.Connections.HTTPClientWith("acme", "alice", tieline.ClientOptions{Retry: tieline.RetryPolicy{Backoff: time.Millisecond}}).Get("/me")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	wantTree(t, o, "two attempts", `
tieline.api_call (client) error.type=503 http.request.method=GET http.response.status_code=503 Error: 503
tieline.api_call (client) http.request.method=GET http.request.resend_count=1 http.response.status_code=200
`)
	o.want("tieline.api_call.duration s",
		"1 error.type=503 http.request.method=GET tieline.http.status_class=5xx tieline.provider=acme",
		"1 http.request.method=GET tieline.http.status_class=2xx tieline.provider=acme")
}

func TestWatch(t *testing.T) {
	t.Parallel()
	o := newTelemetry(t)
	h := tieline.Health{Refreshing: 3, Unsaved: make([]tieline.UnsavedToken, 2), Breakers: make([]tieline.OpenBreaker, 1), Counts: tieline.RefreshCounts{
		Exchanges: 4, TakeOvers: 5, LostRotations: 6, SaveRetries: 7, Recovered: 8, Orphans: 9,
	}}
	registration, err := o.Watch(func() tieline.Health { return h })
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"tieline.unsaved_tokens {token}": "2", "tieline.open_breakers {breaker}": "1", "tieline.refreshing {refresh}": "3",
		"tieline.exchanges {exchange}": "4", "tieline.take_overs {take_over}": "5", "tieline.lost_rotations {grant}": "6",
		"tieline.save_retries {try}": "7", "tieline.recovered_tokens {token}": "8", "tieline.orphaned_tokens {token}": "9",
	} {
		o.want(name, want)
	}
	if err := registration.Unregister(); err != nil {
		t.Fatal(err)
	}
	if got := o.metrics(); len(got) != 0 {
		t.Errorf("after the end there is %v", got)
	}
}

// A provider's own words never become an attribute of a metric.
func TestBounded(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"invalid_grant": "invalid_grant", "http_503": "http_503", "http_999": "other", "http_+50": "other", "lost_rotation": "lost_rotation", "token-of-user-17": "other",
	} {
		o := newTelemetry(t)
		began := time.Now()
		_, end := o.Start(t.Context(), tieline.Operation{Name: tieline.OpRefresh, Provider: "acme", Began: began})
		end(tieline.Result{Ended: began.Add(time.Second), Exchanges: 1, Err: &tieline.RefreshError{Failure: tieline.Failure{Class: tieline.ClassAmbiguous, Code: code}}})
		o.want("tieline.refresh.count {refresh}", "1 error.type=ambiguous tieline.failure.code="+want+" tieline.outcome=failed tieline.provider=acme")
	}
}

// What is told later than it was has the times that it had.
func TestTimes(t *testing.T) {
	t.Parallel()
	o := newTelemetry(t)
	began := time.Now().Add(-time.Hour)
	_, end := o.Start(t.Context(), tieline.Operation{Name: tieline.OpLeaseWait, Began: began})
	end(tieline.Result{Ended: began.Add(time.Second)})
	if s := o.spans.GetSpans(); len(s) != 1 || !s[0].StartTime.Equal(began) || !s[0].EndTime.Equal(began.Add(time.Second)) {
		t.Errorf("spans %v, want one from %v", s, began)
	}
}

// An error that is none of the library's has no words of its own anywhere.
func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, err := range map[string]error{
		"_OTHER": errors.New("canary"), "cancelled": context.Canceled, "timeout": context.DeadlineExceeded,
		"verification": &tieline.VerificationError{Status: 401}, "invalid": &tieline.FieldError{Field: "canary"},
		"denied": &tieline.AuthorizationError{Code: "access_denied"}, "exists": tieline.ErrExists, "refresh_failed": &tieline.RefreshError{},
	} {
		o := newTelemetry(t)
		_, end := o.Start(t.Context(), tieline.Operation{Name: tieline.OpConnect, Integration: "acme", Connection: "alice", Provider: "acme"})
		end(tieline.Result{Err: err})
		tree := o.tree()
		if !strings.Contains(tree, " error.type="+kind+" ") || strings.Contains(tree, "canary") {
			t.Errorf("%v is told as %s", err, tree)
		}
	}
}

// Everything that is measured is in the table, with its unit, and nothing else.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n### Metrics\n")
	listed := map[string]bool{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `tieline.") {
			continue
		}
		first, _, _ := strings.Cut(line[2:], "|")
		for _, m := range regexp.MustCompile("`([a-z_.]+)`").FindAllStringSubmatch(first, -1) {
			listed[m[1]] = true
		}
	}
	o := newTelemetry(t)
	if _, err := o.Watch(func() tieline.Health { return tieline.Health{} }); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, op := range []tieline.OperationName{tieline.OpRefresh, tieline.OpConnect, tieline.OpTokenRequest, tieline.OpLeaseWait, tieline.OpVerify, tieline.OpAPICall} {
		_, end := o.Start(t.Context(), tieline.Operation{Name: op, Began: began})
		end(tieline.Result{Ended: began.Add(time.Second)})
	}
	o.OnEvent(t.Context(), tieline.Event{})
	_, _ = o.Store(newWorld(t).store).List(t.Context(), rowsOfAKind)
	measured := map[string]bool{}
	for name := range o.metrics() {
		name, _, _ = strings.Cut(name, " ")
		measured[name] = true
	}
	if !maps.Equal(measured, listed) {
		t.Errorf("measured are %q, documented are %q", slices.Sorted(maps.Keys(measured)), slices.Sorted(maps.Keys(listed)))
	}
}
