package tieline

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

const slackEntry = "  webhook_routing_script: slackWebhookRouting\n  token_response_metadata: [team.id]\n"

func sorted(s []string) []string { slices.Sort(s); return s }

func teams(id string) ConnectionInput {
	return ConnectionInput{Config: map[string]string{"team.id": id}}
}

// What is signed reaches the application, with the connections that it is about.
func TestWebhookIsVerified(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, slackEntry, &store.Memory{}, nil)
	w.integration(nil)
	w.connection("alice", teams("T1"))
	w.connection("bob", teams("T1"))
	w.connection("carol", teams("T2"))
	const body = `{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"message"}}`
	if rec := w.post("?a=b", body, w.slackHeaders(hookSecret, body, w.now)...); rec.Code != 200 || rec.Body.Len() != 0 {
		t.Fatalf("answered with %d %s", rec.Code, rec.Body)
	}
	hook := w.only()
	if !hook.Verified || hook.Reason != "" || !hook.BodySigned || hook.Integration != "key" || hook.Provider != "acme" ||
		hook.ID != "Ev1" || hook.Type != "message" || string(hook.Body) != body || hook.Query.Get("a") != "b" || !hook.ReceivedAt.Equal(w.now) {
		t.Errorf("the application got %+v", hook)
	}
	if ids := w.ids(hook); ids != "alice bob" {
		t.Errorf("it is about %q", ids)
	}
}

// Whatever is wrong with a delivery, the application does not get it, and the answer
// says what the sender may know.
func TestWebhookIsRefused(t *testing.T) {
	t.Parallel()
	const body = `{"type":"event_callback","team_id":"T1"}`
	w := newHookWorld(t, slackEntry, &store.Memory{}, nil)
	w.integration(nil)
	good := func() []string { return w.slackHeaders(hookSecret, body, w.now) }
	for _, tt := range []struct {
		name    string
		method  string
		target  string
		body    string
		headers []string
		status  int
		code    string
	}{
		{name: "another body", body: body + " ", headers: good(), status: 401, code: "webhook_refused_mismatch"},
		{name: "another secret", headers: w.slackHeaders("wrong", body, w.now), status: 401, code: "webhook_refused_mismatch"},
		{name: "the client secret", headers: w.slackHeaders("client-secret", body, w.now), status: 401, code: "webhook_refused_mismatch"},
		{name: "too old", headers: w.slackHeaders(hookSecret, body, w.now.Add(-6*time.Minute)), status: 401, code: "webhook_refused_stale"},
		{name: "no signature", headers: []string{"X-A", "b"}, status: 401, code: "webhook_refused_missing"},
		{name: "half a signature", headers: []string{"X-Slack-Signature", "v0=ab", "X-Slack-Request-Timestamp", good()[1]}, status: 401, code: "webhook_refused_mismatch"},
		{name: "no hexadecimal", headers: []string{"X-Slack-Signature", "v0=zz", "X-Slack-Request-Timestamp", good()[1]}, status: 401, code: "webhook_refused_malformed"},
		{name: "unknown integration", target: "/anywhere/other", headers: good(), status: 404, code: "unknown_integration"},
		{name: "no key", target: "/", headers: good(), status: 404, code: "unknown_integration"},
		{name: "an impossible key", target: "/anywhere/%00", headers: good(), status: 404, code: "unknown_integration"},
		{name: "method", method: "DELETE", headers: good(), status: 405, code: "method_not_allowed"},
		{name: "too large", body: strings.Repeat("x", defaultMaxBody+1), headers: good(), status: 413, code: "payload_too_large"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.method == "" {
				tt.method = "POST"
			}
			if tt.target == "" {
				tt.target = "/anywhere/key"
			}
			if tt.body == "" {
				tt.body = body
			}
			rec := w.send(tt.method, tt.target, tt.body, tt.headers...)
			if rec.Code != tt.status || rec.Body.String() != `{"error":"`+tt.code+`"}` {
				t.Errorf("answered with %d %s", rec.Code, rec.Body)
			}
			if len(w.got) != 0 {
				t.Errorf("the application got %+v", w.got)
			}
		})
	}
	if rec := w.send("HEAD", "/anywhere/key", ""); rec.Code != 200 || len(w.got) != 0 {
		t.Errorf("HEAD was answered with %d", rec.Code)
	}
	for _, secret := range []string{hookSecret, "client-secret", "v0=", "event_callback"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, w.log.String())
		}
	}
	if !strings.Contains(w.log.String(), "webhook refused") {
		t.Error("the log does not tell of refusals")
	}
}

// A provider that signs nothing, and one of which nothing is known, may be
// anybody: the application is told so.
func TestUnverifiedWebhooks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, entry, secret, reason string }{
		{"unknown", "", hookSecret, "no scheme"},
		{"signs nothing", "  webhook_routing_script: unauthenticatedWebhookRouting\n", hookSecret, "the provider signs nothing"},
		{"no secret", slackEntry, "", "no secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newHookWorld(t, tt.entry, &store.Memory{}, nil)
			w.integration(func(in *Integration) { in.App.(*OAuthApp).WebhookSecret = NewSecret(tt.secret) })
			const body = `{"team_id":"T1"}`
			if rec := w.post("", body, w.slackHeaders(hookSecret, body, w.now)...); rec.Code != 200 {
				t.Fatalf("answered with %d %s", rec.Code, rec.Body)
			}
			if hook := w.only(); hook.Verified || hook.BodySigned || hook.Reason != tt.reason {
				t.Errorf("the application got %+v", hook)
			}
		})
	}
}

// Old and new secrets are good at the same time.
func TestWebhookSecretsRotate(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, slackEntry, &store.Memory{}, nil)
	w.integration(func(in *Integration) { in.WebhookSecrets = []Secret{NewSecret("newest"), NewSecret("older")} })
	const body = `{}`
	for _, secret := range []string{"newest", "older", hookSecret} {
		if rec := w.post("", body, w.slackHeaders(secret, body, w.now)...); rec.Code != 200 || !w.only().Verified {
			t.Errorf("%s: answered with %d", secret, rec.Code)
		}
	}
	_, err := w.Integrations.Update(t.Context(), "key", func(in *Integration) error {
		if len(in.WebhookSecrets) != 2 || in.WebhookSecrets[1].Reveal() != "older" {
			t.Errorf("the secrets came back as %d", len(in.WebhookSecrets))
		}
		in.WebhookSecrets = in.WebhookSecrets[:1]
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rec := w.post("", body, w.slackHeaders("older", body, w.now)...); rec.Code != 401 {
		t.Errorf("a secret that was taken away: %d", rec.Code)
	}
	for _, bad := range [][]Secret{{{}}, {NewSecret("a\x00b")}, slices.Repeat([]Secret{NewSecret("x")}, 11), {NewSecret(strings.Repeat("x", 4097))}} {
		_, err := w.Integrations.Update(t.Context(), "key", func(in *Integration) error { in.WebhookSecrets = bad; return nil })
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%d bad secrets were accepted: %v", len(bad), err)
		}
	}
}

// What the application answers is what the provider gets to see.
func TestWebhookResponse(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, "", &store.Memory{}, nil)
	w.integration(nil)
	for _, tt := range []struct {
		name   string
		answer func(context.Context, Webhook) (WebhookResponse, error)
		status int
		body   string
	}{
		{"nobody", nil, 200, ""},
		{"own", func(context.Context, Webhook) (WebhookResponse, error) {
			return WebhookResponse{Status: 202, Header: http.Header{"X-Own": {"a"}}, Body: []byte("taken")}, nil
		}, 202, "taken"},
		{"error", func(context.Context, Webhook) (WebhookResponse, error) {
			return WebhookResponse{}, errors.New("the database is away")
		}, 500, `{"error":"internal_error"}`},
		{"panic", func(context.Context, Webhook) (WebhookResponse, error) { panic(hookSecret) }, 500, `{"error":"internal_error"}`},
		{"no status", func(context.Context, Webhook) (WebhookResponse, error) { return WebhookResponse{Status: 42}, nil }, 500, `{"error":"internal_error"}`},
	} {
		w.handler = w.Integrations.WebhookHandler(WebhookOptions{Receive: tt.answer})
		rec := w.post("", `{}`)
		if rec.Code != tt.status || rec.Body.String() != tt.body || rec.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: answered with %d %s", tt.name, rec.Code, rec.Body)
		}
		if tt.name == "own" && rec.Header().Get("X-Own") != "a" {
			t.Error("the header is lost")
		}
	}
	if strings.Contains(w.log.String(), hookSecret) {
		t.Error("the log has what the application panicked with")
	}
}

// While the Store fails the provider is asked to come again, and nothing is told.
func TestWebhookWhileTheStoreFails(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk is gone")
	failing := false
	s := storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
		if failing && (op == "List" || op == "Get") {
			return broken
		}
		return nil
	}, nil)
	w := newHookWorld(t, slackEntry, s, nil)
	w.integration(nil)
	failing = true
	const body = `{"team_id":"T1"}`
	rec := w.post("", body, w.slackHeaders(hookSecret, body, w.now)...)
	if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || len(w.got) != 0 {
		t.Errorf("answered with %d, and the application got %d", rec.Code, len(w.got))
	}
}
