package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

func TestTriggerAction(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	w.trigger("people.greet", fields{"name": "Bob"}).want(200, `{"text":"Hello, Bob, from alice"}`)
	w.trigger("people.greet", fields{"name": "Bob"}, "X-Async", "false", "X-Max-Retries", "5", "Nango-Is-Sync", "false", "Idempotency-Key", "").want(200, `{"text":"*"}`)
	w.call("POST", "/integrations/verified/functions/people.greet", fields{"name": "Bob"}, "Connection-Id", "alice").want(200, `{"text":"Hello, Bob, from alice"}`)
	if a := w.trigger("people.greet", fields{"name": "Bob"}); a.Header().Get("Content-Type") != "application/json; charset=utf-8" || a.Header().Get("X-Request-Id") == "" {
		t.Errorf("the header is %v", a.Header())
	}
	if log := w.log.String(); !strings.Contains(log, `route="POST /action/trigger" status=200`) || !strings.Contains(log, `route="POST /integrations/{key}/functions/{name}" status=200`) {
		t.Errorf("the log has %s", log)
	}
}

// The function gets what the caller has written, byte by byte.
func TestActionInputIsAsWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied().withFunctions(nil,
		functions.Define("echo", func(_ context.Context, _ *functions.Call, in json.RawMessage) (json.RawMessage, error) {
			return in, nil
		}, functions.Options{}))
	for _, input := range []string{`{"n":12345678901234567890,"f":1.10,"s":"<&é"}`, `[null]`, `"x"`, `null`, `false`} {
		for _, a := range []answer{
			w.call("POST", "/action/trigger", `{"input":{},"input" : `+input+` ,"action_name":"echo"}`, "Provider-Config-Key", "verified", "Connection-Id", "alice"),
			w.call("POST", "/integrations/verified/functions/echo", " "+input+"\n", "Connection-Id", "alice"),
		} {
			if a.Code != 200 || a.Body.String() != input {
				t.Errorf("%s: answered with %d %s", input, a.Code, a.Body)
			}
		}
	}
}

func TestTriggerActionIsProtected(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	for target, body := range map[string]any{
		"POST /action/trigger": fields{"action_name": "people.greet"}, "POST /integrations/verified/functions/people.greet": fields{}, "GET /action/x": nil,
	} {
		method, path, _ := strings.Cut(target, " ")
		w.protected(method, path, body)
		session := w.session(tieline.Session{Integrations: []string{"verified"}})
		w.call(method, path, body, "Authorization", "Bearer "+session).want(401, `{"error":{"code":"invalid_secret_key_format","message":"*","payload":{}}}`)
		w.call(method, path, body, "Authorization", w.keyWith(ScopeProxy, ScopeFunctionsRead)).want(403,
			`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:actions:execute"}}`)
	}
	w.trigger("people.greet", fields{"name": "Bob"}, "Authorization", w.keyWith("environment:actions:*")).want(200, `{"text":"*"}`)
	w.trigger("people.greet", fields{"name": "Bob"}, "Content-Type", "text/plain").want(415, `{"error":{"code":"invalid_content_type","message":"*"}}`)
}

func TestTriggerActionThatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	w.call("POST", "/action/trigger", fields{}).want(400, `{"error":{"code":"invalid_headers","errors":[
		{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider-config-key"]},
		{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["connection-id"]}]}}`)
	for _, h := range [][4]string{
		{"X-Async", "maybe", "invalid_value", `Invalid option: expected one of "true"|"false"`},
		{"X-Max-Retries", "6", "too_big", "Too big: expected number to be <=5"},
		{"X-Max-Retries", "-1", "too_small", "Too small: expected number to be >=0"},
		{"X-Max-Retries", "many", "invalid_type", "Invalid input: expected number, received NaN"},
		{"Idempotency-Key", strings.Repeat("k", 256), "too_big", "Too big: expected string to have <=255 characters"},
		{"Connection-Id", "é", "invalid_format", "Invalid string: must match pattern /" + patternConnection + "/"},
	} {
		w.trigger("people.greet", nil, h[0], h[1]).want(400, errorBody("invalid_headers", h[2], h[3], strings.ToLower(h[0])))
	}
	post := func(path, body string) answer {
		return w.call("POST", path, body, "Provider-Config-Key", "verified", "Connection-Id", "alice")
	}
	post("/action/trigger?x=1", `{"action_name":"people.greet"}`).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "x"`))
	post("/action/trigger", `{}`).want(400, errorBody("invalid_body", "invalid_type", "Invalid input: expected string, received undefined", "action_name"))
	post("/action/trigger", `{"action_name":"a b"}`).want(400, errorBody("invalid_body", "invalid_format", "Invalid string: must match pattern /"+patternAction+"/", "action_name"))
	post("/action/trigger", `{"action_name":"people.greet","Input":{}}`).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "Input"`))
	post("/action/trigger", `{"action_name":`).want(400, notJSON)
	large := `{"action_name":"people.greet","input":{"name":"` + strings.Repeat("x", 1<<20) + `"}}`
	post("/action/trigger", large).want(413, tooLarge)
	post("/integrations/verified/functions/people.greet", large).want(413, tooLarge)
	post("/integrations/verified/functions/people.greet", `{`).want(400, `{"error":{"code":"invalid_action_input","message":"*","errors":"*"}}`)

	w.trigger("none", nil).want(404, `{"error":{"code":"not_found","message":"The integration has no function \"none\""}}`)
	w.trigger("people.greet", nil, "Connection-Id", "bob").want(404, `{"error":{"code":"unknown_connection","message":"Failed to get connection","payload":{}}}`)
	w.trigger("people.greet", nil, "Provider-Config-Key", "none").want(404, `{"error":{"code":"unknown_provider_config","message":"There is no such integration","payload":{}}}`)
	w.integration("algolia", "algolia") // of another provider, which has no functions
	w.connect("algolia", "alice")
	w.trigger("people.greet", nil, "Provider-Config-Key", "algolia").want(404, `{"error":{"code":"not_found","message":"*"}}`)
}

// What does not fit is named by JSON pointers, with nothing of its values.
func TestActionInputThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	a := w.trigger("people.greet", fields{"age": 1000, "tags": []string{"a~b", "s3cret"}, "x/y~z": 1})
	a.want(400, `{"error":{"code":"invalid_action_input","message":"Failed to validate the input passed to the action","errors":[
		{"code":"custom","message":"*","path":["input","age"]},{"code":"custom","message":"*","path":["input","tags","1"]},
		{"code":"custom","message":"*","path":["input","x/y~z"]},{"code":"custom","message":"*","path":["input","name"]}]}}`)
	for _, pointer := range []string{`"/age `, `"/tags/1 `, `"/x~1y~0z `, `"/name `} {
		if !strings.Contains(a.Body.String(), pointer) {
			t.Errorf("%s is not in %s", pointer, a.Body)
		}
	}
	if strings.Contains(a.Body.String()+w.log.String(), "s3cret") {
		t.Errorf("the value is shown: %s", a.Body)
	}
	w.trigger("people.greet", "Bob").want(400, `{"error":{"code":"invalid_action_input","message":"*","errors":[{"code":"custom","message":"*","path":["input"]}]}}`)
	w.trigger("people.greet", fields{}, "X-Async", "true").want(400, `{"error":{"code":"invalid_action_input","message":"*","errors":"*"}}`)
	w.trigger("fail", fields{"kind": "input"}).want(400, `{"error":{"code":"invalid_action_input","message":"nobody is called that"}}`)
	w.withFunctions(func(cfg *functions.Config) { cfg.MaxBytes = 10 }, greet())
	w.trigger("people.greet", fields{"name": "Robert"}).want(400, `{"error":{"code":"invalid_action_input","message":"it has 17 bytes, more than 10"}}`)
}

// Every kind of failure has its answer, and texts of providers and of bugs stay here.
func TestActionFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting(slow())
	for _, tt := range []struct {
		kind, after, body string
		status            int
	}{
		{"refused", "", `{"error":{"code":"script_http_error","message":"The provider refused what the action asked for","payload":{"status":404}}}`, 424},
		{"busy", "77", `{"error":{"code":"action_unavailable","message":"The action could not be carried out for now"}}`, 503},
		{"broken", "3600", `{"error":{"code":"action_unavailable","message":"*"}}`, 503},
		{"panic", "", `{"error":{"code":"action_script_runtime_error","message":"*"}}`, 500},
		{"output", "", `{"error":{"code":"action_script_runtime_error","message":"*"}}`, 500},
		{"lost", "", `{"error":{"code":"action_script_failure","message":"page 7 not found"}}`, 500},
		{"other", "", `{"error":{"code":"action_script_failure","message":"there is no more paper"}}`, 500},
	} {
		a := w.trigger("fail", failure{tt.kind}).want(tt.status, tt.body)
		if got := a.Header().Get("Retry-After"); got != tt.after || strings.Contains(a.Body.String(), "s3cret") {
			t.Errorf("%s: Retry-After is %q, and %s", tt.kind, got, a.Body)
		}
		if id := a.Header().Get("X-Request-Id"); !strings.Contains(w.log.String(), `msg="action failed" request_id=`+id) {
			t.Errorf("%s: the log has %s", tt.kind, w.log)
		}
	}
	if a := w.trigger("slow", failure{}).want(504, `{"error":{"code":"execution_timeout","message":"The action took too long"}}`); a.Header().Get("Retry-After") != "5" {
		t.Errorf("slow: Retry-After is %q", a.Header().Get("Retry-After"))
	}
	w.api.Close()
	a := w.trigger("fail", failure{"call"}).want(503, `{"error":{"code":"action_unavailable","message":"*"}}`)
	if strings.Contains(a.Body.String(), "thing") || strings.Contains(w.log.String(), "s3cret-panic") || strings.Contains(w.log.String(), "k3y") {
		t.Errorf("%s, and the log has %s", a.Body, w.log)
	}
}

// expire makes a connection one whose user has to authorize again.
func (w *world) expire(integration, id string) {
	w.t.Helper()
	conn, err := w.client.Connections.Get(w.t.Context(), integration, id)
	if err != nil {
		w.t.Fatal(err)
	}
	row, err := w.store.Get(w.t.Context(), store.Key{Kind: "connection", ID: conn.RowID})
	if err != nil {
		w.t.Fatal(err)
	}
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	rec.State.Status = record.NeedsReauth
	row.Data = rec.Encode()
	if _, err := w.store.Put(w.t.Context(), row); err != nil {
		w.t.Fatal(err)
	}
}

func TestActionNeedsTheUser(t *testing.T) {
	t.Parallel()
	const answer = `{"error":{"code":"connection_refresh_exhausted","message":"Failed to get connection credentials: the user has to authorize again"}}`
	w := newWorld(t).acting()
	w.expire("verified", "alice")
	w.trigger("people.greet", fields{"name": "Bob"}).want(424, answer)
	w.trigger("people.greet", fields{"name": "Bob"}, "Idempotency-Key", "k").want(424, answer)
	a := w.trigger("people.greet", fields{"name": "Bob"}, "X-Async", "true").want(202, `{"id":"*","statusUrl":"*"}`)
	w.work()
	w.result(a.at("id").(string)).want(424, answer)
}

// A failure of the Store is not the function's, and says nothing to callers.
func TestActionsWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	fails := errors.New("dial postgres://user:pass@10.0.0.1: refused")
	w := newWorld(t).proxied()
	w.withFunctions(func(cfg *functions.Config) {
		cfg.Store = storetest.Faulty(w.store, func(string, store.Key) error { return fails }, nil)
	}, greet())
	const answer = `{"error":{"code":"server_error","message":"Something went wrong. The request ID tells the operator what."}}`
	w.trigger("people.greet", fields{"name": "Bob"}, "Idempotency-Key", "k").want(500, answer)
	w.trigger("people.greet", fields{"name": "Bob"}, "X-Async", "true").want(500, answer)
	w.call("GET", "/action/x", nil).want(500, answer)
	if !strings.Contains(w.log.String(), "refused") {
		t.Errorf("the log has %s", w.log)
	}
	w.withFunctions(func(cfg *functions.Config) { cfg.Store, cfg.Keys = nil, nil }, greet())
	w.trigger("people.greet", fields{"name": "Bob"}).want(200, `{"text":"*"}`)
	w.trigger("people.greet", fields{"name": "Bob"}, "X-Async", "true").want(501, `{"error":{"code":"not_implemented","message":"This service keeps no runs"}}`)
	w.call("GET", "/action/x", nil).want(404, `{"error":{"code":"not_found","message":"No action 'x' found"}}`)
}

// A service that has no functions answers as one that does not know the routes.
func TestNoFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	s := w.server.(*server)
	for _, rt := range append(s.actionRoutes(), s.functionRoutes()...) {
		path := strings.NewReplacer("{key}", "verified", "{name}", "f", "{id}", "x").Replace(rt.pattern)
		w.call(rt.method, path, nil).want(404, `{"error":{"code":"not_found","message":"There are no functions here"}}`)
	}
}

// Who goes away takes the function along.
func TestActionCallersWhoDoNotWait(t *testing.T) {
	t.Parallel()
	began, ended := make(chan struct{}), make(chan error, 1)
	w := newWorld(t).acting(functions.Define("wait", func(ctx context.Context, _ *functions.Call, _ struct{}) (struct{}, error) {
		close(began)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return struct{}{}, ctx.Err()
	}, functions.Options{}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	r := httptest.NewRequestWithContext(ctx, "POST", "/integrations/verified/functions/wait", nil)
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Connection-Id", "alice")
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	if err := <-ended; rec.Code != statusGone || !errors.Is(err, context.Canceled) {
		t.Errorf("answered with %d, and the function ended with %v", rec.Code, err)
	}
}

func TestActionLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *tieline.Config, o *Options) {
		o.Limit = func(r *http.Request, _ string) time.Duration {
			_, _ = io.Copy(io.Discard, r.Body)
			return 3 * time.Second
		}
	}).acting()
	if a := w.trigger("people.greet", fields{"name": "Bob"}); a.Code != 429 || a.Header().Get("Retry-After") != "3" {
		t.Errorf("answered with %d %v", a.Code, a.Header())
	}
}
