package httpapi

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

// count counts how often it runs.
func count(runs *atomic.Int64) *functions.Function {
	return functions.Define("count", func(_ context.Context, _ *functions.Call, in person) (int64, error) {
		return runs.Add(1), nil
	}, functions.Options{})
}

func TestAsyncAction(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	a := w.trigger("people.greet", fields{"name": "Bob"}, "X-Async", "true").want(202, `{"id":"*","statusUrl":"*"}`)
	id, url := a.at("id").(string), a.at("statusUrl").(string)
	if url != "/action/"+id || a.Header().Get("Location") != testPublic+url {
		t.Errorf("it is at %q, and at %q", url, a.Header().Get("Location"))
	}
	waiting := w.call("GET", url, nil).want(404, `{"error":{"code":"action_not_completed","message":"The action has not completed yet","payload":{"status":"queued","attempt":0}}}`)
	if got := waiting.Header().Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After is %q", got)
	}
	w.work()
	w.result(id).want(200, `{"text":"Hello, Bob, from alice"}`)
	w.call("GET", url+"?x=1", nil).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "x"`))
	w.call("GET", url, nil, "Authorization", w.keyWith(ScopeConnectionsRead)).want(403, `{"error":{"code":"forbidden","message":"*"}}`)

	other := w.call("POST", "/integrations/verified/functions/people.greet", fields{"name": "Eve"}, "Connection-Id", "alice", "X-Async", "true")
	w.result(other.want(202, `{"id":"*","statusUrl":"*"}`).at("id").(string)).want(200, `{"text":"Hello, Eve, from alice"}`)
	for _, unknown := range []string{"x", strings.Repeat("a", 26), strings.Repeat("x", 300), "00000000-0000-4000-8000-000000000000", "é", "%00"} {
		w.call("GET", "/action/"+unknown, nil).want(404, `{"error":{"code":"not_found","message":"*"}}`)
	}
	if err := w.client.Connections.Delete(t.Context(), "verified", "alice", tieline.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.call("GET", url, nil).want(404, `{"error":{"code":"not_found","message":"*"}}`) // it went with its connection
}

// A run that is over tells how it failed, and not that it may be tried again.
func TestAsyncActionFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied().withFunctions(nil, faults(), once())
	w.work()
	for kind, want := range map[string]struct {
		status int
		code   string
	}{
		"refused": {424, "script_http_error"}, "panic": {500, "action_script_runtime_error"}, "input": {400, "invalid_action_input"}, "other": {500, "action_script_failure"},
	} {
		a := w.result(w.trigger("fail", failure{kind}, "X-Async", "true").at("id").(string))
		if a.Code != want.status || a.at("error.code") != want.code || strings.Contains(a.Body.String(), "s3cret") {
			t.Errorf("%s: answered with %d %s", kind, a.Code, a.Body)
		}
	}
	final := w.result(w.trigger("once", nil, "X-Async", "true", "Idempotency-Key", "k").at("id").(string))
	again := w.trigger("once", nil, "Idempotency-Key", "k") // is told what came of it
	for _, a := range []answer{final, again} {
		if a.want(500, `{"error":{"code":"action_unavailable","message":"*"}}`); a.Header().Get("Retry-After") != "" {
			t.Errorf("Retry-After is %q", a.Header().Get("Retry-After"))
		}
	}
}

// once is tried once, and fails.
func once() *functions.Function {
	return functions.Define("once", func(context.Context, *functions.Call, struct{}) (struct{}, error) {
		return struct{}{}, &functions.RefusedError{Status: 503}
	}, functions.Options{Attempts: 1})
}

// A run that waits for its next attempt says when to look again.
func TestAsyncActionIsTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	w.work()
	a := w.trigger("fail", failure{"busy"}, "X-Async", "true")
	for {
		got := w.call("GET", "/action/"+a.at("id").(string), nil)
		if got.at("error.payload.status") == "queued" && got.at("error.payload.attempt") == 1.0 {
			after, err := time.ParseDuration(got.Header().Get("Retry-After") + "s")
			if err != nil || after < 70*time.Second || after > 80*time.Second {
				t.Errorf("Retry-After is %v: %v", after, err)
			}
			return
		}
		<-w.written
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	w := newWorld(t).acting(count(&runs))
	bob := fields{"name": "Bob"}
	for range 2 {
		w.trigger("count", bob, "Idempotency-Key", "a").want(200, `1`)
	}
	w.trigger("count", bob).want(200, `2`)
	w.trigger("count", bob, "Idempotency-Key", "b").want(200, `3`)
	w.trigger("count", fields{"name": "Eve"}, "Idempotency-Key", "a").want(422, `{"error":{"code":"idempotency_key_reused","message":"*"}}`)
	w.trigger("people.greet", bob, "Idempotency-Key", "a").want(200, `{"text":"*"}`) // of another function
	w.connect("verified", "carol")
	w.trigger("count", bob, "Idempotency-Key", "a", "Connection-Id", "carol").want(200, `4`)

	first := w.trigger("count", bob, "Idempotency-Key", "c", "X-Async", "true").at("id")
	if second := w.trigger("count", bob, "Idempotency-Key", "c", "X-Async", "true").at("id"); first != second {
		t.Errorf("there are two runs: %v, %v", first, second)
	}
	w.work()
	w.result(first.(string)).want(200, `5`)
	w.trigger("count", bob, "Idempotency-Key", "c").want(200, `5`)
}
