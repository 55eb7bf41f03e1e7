package tieline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

func TestWebhookBodies(t *testing.T) {
	t.Parallel()
	const rest = `"providerConfigKey":"key","type":"forward","verified":true}`
	for _, tt := range []struct {
		name, payload, want string
	}{
		{"JSON stays as it is", " {\"b\": 1.0, \"a\":\"<\\u00e9>\", \"b\":123456789012345678901}\n", " {\"b\": 1.0, \"a\":\"<\\u00e9>\", \"b\":123456789012345678901}\n" + `,"payloadEncoding":"json",`},
		{"a JSON string", `"x"`, `"x","payloadEncoding":"json",`},
		{"a form", "a=1&b=<2>", `"a=1&b=<2>","payloadEncoding":"text",`},
		{"quotes and lines", "\"a\"\n\u2028", `"\"a\"\n\u2028","payloadEncoding":"text",`},
		{"nothing", "", `"","payloadEncoding":"text",`},
		{"bytes", "\xff\x00", `"/wA=","payloadEncoding":"base64",`},
		{"JSON that is not UTF-8", "{\"a\":\"\xff\"}", `"eyJhIjoi/yJ9","payloadEncoding":"base64",`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := hook(1)
			m.payload = []byte(tt.payload)
			body, err := webhookBody(&m)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "body", `{"connectionId":"alice","contentType":"application/json","from":"acme","payload":`+tt.want+rest, string(body))
			if !json.Valid(body) {
				t.Error("the body is not JSON")
			}
		})
	}
	m := hook(1)
	m.connection, m.contentType, m.verified = "", "", false
	body, err := webhookBody(&m)
	if err != nil {
		t.Fatal(err)
	}
	diff(t, "without a connection", `{"from":"acme","payload":{"n":1},"payloadEncoding":"json","providerConfigKey":"key","type":"forward","verified":false}`, string(body))
}

func TestForwardedHeaders(t *testing.T) {
	t.Parallel()
	in := http.Header{
		"X-Acme-Event": {"push", "again"}, "X-Hub-Signature-256": {"sha256=00"}, "Accept": {"*/*"}, "Test-Mode": {"1"}, "Idempotency-Key": {"k"}, "X-Odd": {"a\x01b"},
		"X-Bad Name": {"x"},
	}
	for _, name := range strings.Fields(`Host Authorization Connection Keep-Alive Content-Length Content-Type Content-Encoding Cookie Set-Cookie Referer
		User-Agent Sec-Fetch-Mode Proxy-Authorization Www-Authenticate Server Transfer-Encoding Te Via Upgrade Expect Accept-Encoding
		Forwarded X-Forwarded-For X-Real-Ip X-Original-Url X-Http-Method-Override Webhook-Id Webhook-Signature Svix-Id X-Nango-Signature
		X-Gitlab-Token X-Goog-Channel-Token Nango-Webhook-Secret X-Api-Key X-Acme-Authorization`) {
		in[name] = []string{"canary"}
	}
	diff(t, "headers", http.Header{
		"X-Acme-Event": {"push", "again"}, "X-Hub-Signature-256": {"sha256=00"}, "Accept": {"*/*"}, "Test-Mode": {"1"}, "Idempotency-Key": {"k"},
	}, forwardedHeader(in))

	out := forwardedHeader(http.Header{"A": {strings.Repeat("x", maxForwardedHeader-100)}, "B": {strings.Repeat("x", 200)}, "C": {"x"}})
	if len(out) != 2 || out.Get("B") != "" {
		t.Errorf("a long header: %d are left", len(out))
	}
}

// What a receiver gets, whole.
func TestForwardedRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.forward(hook(1))
		w.settle()
		g := w.received()[0]
		id := g.header.Get("Webhook-Id")
		signature := g.header.Get("Webhook-Signature")
		if !strings.HasPrefix(id, "msg_") || len(id) != 56 || signature == "" || verified(g, forwardSecret, time.Now()) != nil {
			t.Errorf("signed as %q: %q", id, signature)
		}
		g.header.Del("Webhook-Id")
		g.header.Del("Webhook-Signature")
		diff(t, "headers", http.Header{
			"Content-Type": {"application/json"}, "User-Agent": {"tieline"}, "X-Acme-Event": {"push"},
			"Webhook-Timestamp": {"946684800"}, // when bubbles begin
		}, g.header)
		diff(t, "URL", receiverA, g.url)
		w.left(0)
	})
}

func TestEventBodies(t *testing.T) {
	t.Parallel()
	full := &Connection{
		Tags:    map[string]string{"env": "<a&b>"},
		EndUser: &EndUser{ID: "u", Email: "u@example.com", DisplayName: "U", Tags: map[string]string{"a": "b"}, Organization: &Organization{ID: "o"}},
	}
	const head, tail = `{"authMode":"API_KEY","connectionId":"alice",`, `"provider":"acme","providerConfigKey":"key",`
	for _, tt := range []struct {
		name string
		e    Event
		conn *Connection
		want string
	}{
		{"connected", Event{Type: EventConnected}, full, head + `"endUser":{"endUserEmail":"u@example.com","endUserId":"u","organizationId":"o","tags":{"a":"b"}},"event":"connection.created","from":"tieline","operation":"creation",` +
			tail + `"success":true,"tags":{"env":"<a&b>"},"time":"2026-01-02T03:04:05Z","type":"auth"}`},
		{"reconnected", Event{Type: EventReconnected}, &Connection{EndUser: &EndUser{ID: "u"}}, head + `"endUser":{"endUserId":"u"},"event":"connection.reconnected","from":"tieline","operation":"override",` +
			tail + `"success":true,"time":"2026-01-02T03:04:05Z","type":"auth"}`},
		{"denied", Event{Type: EventConnectFailed, Err: &AuthorizationError{Code: "access_denied", Description: NewSecret("canary")}}, nil, head +
			`"error":{"description":"authorization denied: access_denied","type":"access_denied"},"event":"connection.failed","from":"tieline","operation":"creation",` + tail + `"success":false,"time":"2026-01-02T03:04:05Z","type":"auth"}`},
		{"reauth", Event{Type: EventReauthRequired, Err: &RefreshError{Failure: Failure{Code: "invalid_grant"}, Reauth: true}}, nil, head +
			`"error":{"description":"user has to authorize again (invalid_grant)","type":"invalid_grant"},"event":"connection.reauth_required","from":"tieline","operation":"refresh",` + tail + `"success":false,"time":"2026-01-02T03:04:05Z","type":"auth"}`},
		{"refresh failed", Event{Type: EventRefreshFailed, Err: &TokenError{Class: ClassTransient, Status: 500}}, nil, head +
			`"error":{"description":"token endpoint: transient, status 500","type":"transient"},"event":"connection.refresh_failed","from":"tieline","operation":"refresh",` + tail + `"success":false,"time":"2026-01-02T03:04:05Z","type":"auth"}`},
		{"deleted", Event{Type: EventDisconnected}, nil, head + `"event":"connection.deleted","from":"tieline",` + tail + `"success":true,"time":"2026-01-02T03:04:05Z","type":"connection.deleted"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newForwardWorld(t, nil, nil)
			e := tt.e
			e.Integration, e.Connection, e.Provider, e.Time = "key", "alice", "acme", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
			body, err := w.core.eventBody(e, tt.conn)
			if err != nil {
				t.Fatal(err)
			}
			diff(t, "body", tt.want, string(body))
		})
	}
	for err, want := range map[error]string{errDown: "failed", ErrVerification: "verification_failed", &TokenError{Class: ClassPermanent, Code: "invalid_scope"}: "invalid_scope"} {
		if got := errorType(err); got != want {
			t.Errorf("%v is called %q, want %q", err, got, want)
		}
	}
}

// Events are told like webhooks, where the connection wants them.
func TestEventsAreForwarded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		events []EventType
		url    string // of the connection
		want   []string
	}{
		{"by default", nil, "", []string{receiverA + " connection.created", receiverA + " connection.reconnected"}},
		{"none", []EventType{}, "", []string{}},
		{"chosen", []EventType{EventDisconnected}, "", []string{receiverA + " connection.deleted"}},
		{"where the connection wants them", nil, receiverB, []string{receiverB + " connection.created", receiverB + " connection.reconnected"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newForwardWorld(t, nil, func(c *Config) { c.Forward.Events = tt.events })
				w.connection(ConnectionInput{WebhookURL: tt.url, Tags: map[string]string{"env": "prod"}})
				w.settle()
				if _, err := w.Connections.Import(t.Context(), "key", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("another")}}); err != nil {
					t.Fatal(err)
				}
				w.settle()
				if err := w.Connections.Delete(t.Context(), "key", "alice", DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
				// Close waits for what is under way.
				if err := w.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				got := []string{}
				for _, g := range w.received() {
					var body struct {
						Event string
						Tags  map[string]string
					}
					if err := json.Unmarshal([]byte(g.body), &body); err != nil {
						t.Fatal(err)
					}
					if body.Event != "connection.deleted" && body.Tags["env"] != "prod" {
						t.Errorf("tags %v", body.Tags)
					}
					got = append(got, g.url+" "+body.Event)
				}
				diff(t, "events", tt.want, got)
				w.left(0)
			})
		})
	}
}

// An event waits for a Store that is down, and the operation does not wait for it.
// What was stored at the first try has the same ID at the second.
func TestEventsWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		puts := 0
		s := storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
			if op == "Put" && key.Kind == kindForward {
				if puts++; puts == 2 || puts == 4 {
					return errDown
				}
			}
			return nil
		}, nil)
		w := newForwardWorld(t, s, func(c *Config) {
			c.Forward.Events = nil
			c.Forward.URLs = []string{receiverA, receiverB}
		})
		began := time.Now()
		w.core.emit(t.Context(), Event{Type: EventConnected, Integration: "key", Connection: "alice", Provider: "acme"})
		if time.Since(began) != 0 {
			t.Error("the operation waited")
		}
		w.settle()
		if ids := w.ids(); len(ids) != 2 || puts != 6 {
			t.Errorf("received after %d writes: %v", puts, ids)
		}
		w.left(0)
	})
}

// Payloads of many bytes are forwarded like any other, one at a time for a receiver.
func TestLargeForwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		var now, most atomic.Int64
		w.answer = func(r *http.Request, n int) (*http.Response, error) {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			time.Sleep(time.Second)
			return jsonResponse(r, []int{500, 200}[min(n, 1)], ""), nil
		}
		payload := append(append([]byte(`"`), bytes.Repeat([]byte("x"), 2<<20)...), '"')
		for n := range 2 {
			m := hook(n)
			m.payload = payload
			w.forward(m)
		}
		w.settle()
		for range 2 {
			time.Sleep(time.Hour)
			w.sweep(w.Client)
		}
		ids := w.ids()
		for _, g := range w.received() {
			if !bytes.Contains([]byte(g.body), payload) {
				t.Fatalf("%d bytes arrived", len(g.body))
			}
		}
		if len(ids) != 2 || most.Load() != 1 {
			t.Errorf("%d messages arrived, at most %d at the same time", len(ids), most.Load())
		}
		w.left(0)
	})
}

// A message that the Store does not take is not acknowledged.
func TestForwardIsRefusedByTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := newForwardWorld(t, s, nil)
		writes.Store(true)
		if err := w.core.forward(t.Context(), hook(1)); !errors.Is(err, errDown) {
			t.Errorf("forward = %v", err)
		}
		writes.Store(false)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.core.forward(ctx, hook(1)); !errors.Is(err, context.Canceled) {
			t.Errorf("forward = %v", err)
		}
		w.settle()
		w.left(0)
		if n := len(w.received()); n != 0 || w.core.rooms.small.n != 0 {
			t.Errorf("%d sent, %d places taken", n, w.core.rooms.small.n)
		}
	})
}
