package tieline

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

const (
	gitlabEntry = "  webhook_routing_script: gitlabWebhookRouting\n  token_response_metadata: [group]\n"
	teamHook    = `{"team_id":"T1"}`
)

// slackHook delivers a signed webhook and returns whom it is about.
func (w *hookWorld) slackHook(body string) string {
	w.t.Helper()
	if rec := w.post("", body, w.slackHeaders(hookSecret, body, w.now)...); rec.Code != 200 {
		w.t.Fatalf("answered with %d %s", rec.Code, rec.Body)
	}
	return w.ids(w.only())
}

// A connection is found by what it has now, whatever happened to it since it was
// made.
func TestWebhooksFollowTheConnection(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, slackEntry, &store.Memory{}, nil)
	w.integration(nil)
	w.connection("alice", teams("T1"))
	steps := []struct {
		what string
		do   func() error
		want string
	}{
		{"at first", func() error { return nil }, "alice"},
		{"metadata", func() error {
			_, err := w.Connections.SetMetadata(t.Context(), "key", "alice", json.RawMessage(`{"a":1}`))
			return err
		}, "alice"},
		{"another team", func() error {
			_, err := w.Connections.Update(t.Context(), "key", "alice", func(c *Connection) error { c.Config["team.id"] = "T2"; return nil })
			return err
		}, ""},
		{"reconnected", func() error { w.connection("alice", teams("T1")); return nil }, "alice"},
		{"tags", func() error {
			_, err := w.Connections.Update(t.Context(), "key", "alice", func(c *Connection) error { c.Tags = map[string]string{"a": "b"}; return nil })
			return err
		}, "alice"},
		{"renamed integration", func() error {
			_, err := w.Integrations.Update(t.Context(), "key", func(i *Integration) error { i.DisplayName = "Other"; return nil })
			return err
		}, "alice"},
		{"deleted", func() error { return w.Connections.Delete(t.Context(), "key", "alice", DeleteOptions{}) }, ""},
	}
	w.core.tokenHTTP = answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 200, `{}`) })
	for _, step := range steps {
		if err := step.do(); err != nil {
			t.Fatal(step.what, err)
		}
		if got := w.slackHook(teamHook); got != step.want {
			t.Errorf("%s: the webhook is about %q", step.what, got)
		}
	}
}

// Connections of other integrations are nobody's business, and what is captured at
// one is found under the same value at no other: the labels differ.
func TestWebhooksStayWithTheirIntegration(t *testing.T) {
	t.Parallel()
	s := &store.Memory{}
	w := newHookWorld(t, slackEntry, s, nil)
	w.integration(nil)
	w.connection("alice", teams("T1"))
	in := Integration{Key: "other", Provider: "acme", App: &OAuthApp{ClientID: "c", ClientSecret: NewSecret("s")}}
	if _, err := w.Integrations.Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	bob := teams("T1")
	bob.Credential = &OAuth2Token{AccessToken: NewSecret("a")}
	if _, err := w.Connections.Import(t.Context(), "other", "bob", bob); err != nil {
		t.Fatal(err)
	}
	if got := w.slackHook(teamHook); got != "alice" {
		t.Errorf("the webhook is about %q", got)
	}
	page, err := s.List(t.Context(), store.Query{Kind: kindConnection})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, row := range page.Rows {
		for _, l := range row.Labels {
			if isWebhookLabel(l) && (seen[l] || strings.Contains(l, "T1")) {
				t.Errorf("the label %q shows the value, or is that of another integration", l)
			}
			seen[l] = true
		}
	}
}

// The application's own values name connections, too, also several in a list.
func TestWebhooksByMetadataAndTag(t *testing.T) {
	t.Parallel()
	entry := "  webhook:\n    verify: [{kind: none}]\n    connection: [{body: hook, metadata: hooks.id}, {body: shop, tag: shop}]\n"
	w := newHookWorld(t, entry, &store.Memory{}, nil)
	w.integration(nil)
	w.connection("alice", ConnectionInput{Metadata: json.RawMessage(`{"hooks":{"id":["h1","h2"]}}`)})
	w.connection("bob", ConnectionInput{Metadata: json.RawMessage(`{"hooks":{"id":7}}`), Tags: map[string]string{"shop": "s1"}})
	for body, want := range map[string]string{
		`{"hook":"h1"}`: "alice", `{"hook":"h2"}`: "alice", `{"hook":7}`: "bob", `{"hook":"h3"}`: "", `{"shop":"s1"}`: "bob",
		`{"hook":"h1","shop":"s1"}`: "alice bob", `[]`: "", `not JSON`: "",
	} {
		if rec := w.post("", body); rec.Code != 200 {
			t.Fatalf("%s: %d", body, rec.Code)
		}
		if got := w.ids(w.only()); got != want {
			t.Errorf("%s is about %q", body, got)
		}
	}
	if _, err := w.Connections.SetMetadata(t.Context(), "key", "alice", json.RawMessage(`{"hooks":{"id":"h3"}}`)); err != nil {
		t.Fatal(err)
	}
	w.post("", `{"hook":"h3"}`)
	if got := w.ids(w.only()); got != "alice" {
		t.Errorf("after an edit it is about %q", got)
	}
}

// A secret of a connection's own proves that connection and no other, whatever the
// delivery says.
func TestOwnWebhookSecrets(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, gitlabEntry, &store.Memory{}, nil)
	w.integration(func(in *Integration) { in.App.(*OAuthApp).WebhookSecret = Secret{} })
	own := func(s string) ConnectionInput { return ConnectionInput{Config: map[string]string{ownWebhookSecret: s}} }
	w.connection("alice", own("alice-hook"))
	w.connection("bob", own("bob-hook"))
	for _, tt := range []struct {
		name, query, token string
		status             int
		want               string
	}{
		{"named", "?nangoConnectionId=alice", "alice-hook", 200, "alice"},
		{"of another", "?nangoConnectionId=alice", "bob-hook", 401, ""},
		{"unnamed", "", "bob-hook", 200, "bob"},
		{"of nobody", "", "eve-hook", 401, ""},
		{"the client secret", "", "client-secret", 401, ""},
	} {
		rec := w.post(tt.query, `{}`, "X-Gitlab-Token", tt.token)
		if rec.Code != tt.status {
			t.Errorf("%s: answered with %d", tt.name, rec.Code)
			continue
		}
		if tt.status == 200 {
			if hook := w.only(); !hook.Verified || hook.BodySigned || w.ids(hook) != tt.want {
				t.Errorf("%s: verified %v, about %q", tt.name, hook.Verified, w.ids(hook))
			}
		}
	}
	conn, err := w.Connections.Get(t.Context(), "key", "alice")
	if err != nil || len(conn.Config) != 0 {
		t.Errorf("the secret came back: %v, %v", conn.Config, err)
	}

	// A new grant, also with other config, leaves the secret; an edit can take it away.
	w.connection("alice", ConnectionInput{Config: map[string]string{"group": "g"}})
	if rec := w.post("", `{}`, "X-Gitlab-Token", "alice-hook"); rec.Code != 200 || w.ids(w.only()) != "alice" {
		t.Errorf("after a new grant: %d", rec.Code)
	}
	_, err = w.Connections.Update(t.Context(), "key", "alice", func(c *Connection) error { c.Config = map[string]string{ownWebhookSecret: ""}; return nil })
	if err != nil {
		t.Fatal(err)
	}
	if rec := w.post("", `{}`, "X-Gitlab-Token", "alice-hook"); rec.Code != 401 {
		t.Errorf("a secret that was taken away: %d", rec.Code)
	}
}

// The ID in the URL is not signed: it singles out one of those that the body is
// about, and names nobody else.
func TestWebhookOfOneConnection(t *testing.T) {
	t.Parallel()
	entry := "  webhook:\n    verify: [{kind: hmac, header: x-sig}]\n    connection: [{body: team_id, config: team.id}]\n    connection_id: [{query: c}]\n  token_response_metadata: [team.id]\n"
	w := newHookWorld(t, entry, &store.Memory{}, nil)
	w.integration(nil)
	w.connection("alice", teams("T1"))
	w.connection("bob", teams("T1"))
	w.connection("carol", teams("T2"))
	for _, tt := range []struct{ query, body, want string }{
		{"", teamHook, "alice bob"},
		{"?c=bob", teamHook, "bob"},
		{"?c=carol", teamHook, "alice bob"},
		{"?c=nobody", teamHook, "alice bob"},
		{"?c=carol", `{}`, "carol"},
		{"?c=nobody", `{}`, ""},
		{"?c=%00", `{}`, ""},
	} {
		if rec := w.post(tt.query, tt.body, "X-Sig", hookMAC(hookSecret, tt.body)); rec.Code != 200 {
			t.Fatalf("%s: %d", tt.query, rec.Code)
		}
		if got := w.ids(w.only()); got != tt.want {
			t.Errorf("%s %s is about %q", tt.query, tt.body, got)
		}
	}
}

// A row that cannot be read does not keep the others from their webhooks, and a
// Store that fails in the middle is no reason to say that nobody was found.
func TestWebhookAndABadRow(t *testing.T) {
	t.Parallel()
	memory := &store.Memory{}
	failing := false
	s := storetest.Faulty(memory, func(op string, key store.Key) error {
		if failing && op == "List" && key.Kind == kindConnection {
			return errors.New("the disk is gone")
		}
		return nil
	}, nil)
	w := newHookWorld(t, slackEntry, s, nil)
	w.integration(nil)
	w.connection("alice", teams("T1"))
	w.connection("bob", teams("T1"))
	row, err := w.core.namedRow(t.Context(), "key", "bob")
	if err != nil {
		t.Fatal(err)
	}
	row.Data = []byte{0xff}
	if _, err := memory.Put(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if got := w.slackHook(teamHook); got != "alice" {
		t.Errorf("the webhook is about %q", got)
	}
	failing = true
	if rec := w.post("", teamHook, w.slackHeaders(hookSecret, teamHook, w.now)...); rec.Code != 503 || len(w.got) != 0 {
		t.Errorf("answered with %d", rec.Code)
	}
}
