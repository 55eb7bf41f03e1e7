package tieline

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

func TestAuthorizationURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{
		ConnectionID: "alice", Scopes: []string{"read", "write:all"}, Params: map[string]string{"login_hint": "a@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": w.provider.Credentials().ClientID, "redirect_uri": testCallback,
		"scope": "read write:all", "code_challenge_method": "S256", "login_hint": "a@example.com",
	} {
		if q.Get(name) != want {
			t.Errorf("%s = %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q.Get("code_challenge")) != 43 || len(q.Get("state")) < 22 {
		t.Errorf("challenge %q, state %q", q.Get("code_challenge"), q.Get("state"))
	}
	if a.ConnectionID != "alice" || a.Binding.IsZero() || time.Until(a.ExpiresAt) > 10*time.Minute {
		t.Errorf("%+v", a)
	}
	again, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{Binding: a.Binding.Reveal()})
	if err != nil || !again.Binding.Equal(a.Binding) || again.ConnectionID == "" || again.URL == a.URL {
		t.Errorf("a second window: %+v, %v", again, err)
	}
	for _, mangled := range []string{"short", strings.Repeat("\x00", 43), strings.Repeat("é", 43), strings.Repeat("x", 300)} {
		other, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{Binding: mangled})
		if err != nil || other.Binding.Reveal() == mangled || len(other.Binding.Reveal()) != bindingLength {
			t.Errorf("a mangled cookie: %v", err)
		}
	}
}

func TestComplete(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{provider: providertest.Options{SendIssuer: true}})
	w.integration("acme", "acme")
	user := &EndUser{ID: "u1", Email: "u1@example.com", Organization: &Organization{ID: "o1"}}
	conn, err := w.tryConnect("acme", AuthorizeOptions{
		ConnectionID: "alice", Metadata: json.RawMessage(`{"plan": "pro"}`), Tags: map[string]string{"Env": "prod"}, EndUser: user,
		WebhookURL: "https://example.com/hook", Scopes: []string{"read"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Connection{
		ID: "alice", Integration: "acme", Provider: "acme", Metadata: json.RawMessage(`{"plan":"pro"}`),
		Tags: map[string]string{"env": "prod"}, EndUser: user, WebhookURL: "https://example.com/hook", Status: StatusActive,
		RowID: conn.RowID, Number: conn.Number, CreatedAt: conn.CreatedAt, UpdatedAt: conn.UpdatedAt, ExpiresAt: conn.ExpiresAt, FetchedAt: conn.FetchedAt,
	}
	if diff := cmp.Diff(want, conn); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
	if conn.RowID == "" || conn.Number <= 0 || conn.CreatedAt.IsZero() || time.Until(conn.ExpiresAt) < 59*time.Minute {
		t.Errorf("%+v", conn)
	}
	stored, err := w.Connections.Get(t.Context(), "acme", "alice")
	if diff := cmp.Diff(conn, stored); err != nil || diff != "" {
		t.Errorf("as stored (-completed +stored):\n%s%v", diff, err)
	}
	token := w.credential()
	if !w.provider.IsLive(token.AccessToken.Reveal()) || token.RefreshToken.IsZero() || !cmp.Equal(token.Scopes, []string{"read"}) {
		t.Errorf("token %+v", token)
	}
	var raw map[string]any
	if err := json.Unmarshal([]byte(token.Raw.Reveal()), &raw); err != nil || raw["access_token"] != token.AccessToken.Reveal() {
		t.Errorf("Raw is not the provider's answer: %v", err)
	}
	if got := w.events.types(); !cmp.Equal(got, []EventType{EventConnected}) {
		t.Errorf("events %v", got)
	}
}

func TestReconnectInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	first, err := w.tryConnect("acme", AuthorizeOptions{ConnectionID: "alice", Metadata: json.RawMessage(`{"a":1}`), Tags: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	token := w.credential()
	second, err := w.tryConnect("acme", AuthorizeOptions{ConnectionID: "alice", Tags: map[string]string{"c": "d"}})
	if err != nil {
		t.Fatal(err)
	}
	if second.RowID != first.RowID || !second.CreatedAt.Equal(first.CreatedAt) || string(second.Metadata) != `{"a":1}` || !cmp.Equal(second.Tags, map[string]string{"c": "d"}) {
		t.Errorf("reconnected: %+v", second)
	}
	if got := w.credential(); got.AccessToken.Equal(token.AccessToken) {
		t.Error("the old credential is still there")
	}
	if got := w.events.types(); !cmp.Equal(got, []EventType{EventConnected, EventReconnected}) {
		t.Errorf("events %v", got)
	}
	if _, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{ConnectionID: "alice", NewOnly: true}); !errors.Is(err, ErrExists) {
		t.Errorf("NewOnly: %v", err)
	}
}

// NewOnly holds also when the other connection comes while the user is away; the
// grant that nobody will use is revoked.
func TestNewOnlyAtCompletion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice", NewOnly: true})
	w.connect("acme", "alice")
	token := w.credential()
	if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); !errors.Is(err, ErrExists) {
		t.Errorf("Complete = %v", err)
	}
	if !w.credential().AccessToken.Equal(token.AccessToken) {
		t.Error("the connection was replaced")
	}
}

func TestAuthorizationExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{})
		b, late := w.consent("acme", AuthorizeOptions{})
		time.Sleep(10*time.Minute - time.Second)
		if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); errors.Is(err, ErrState) {
			t.Errorf("before ten minutes: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := w.Connections.Complete(t.Context(), b.Binding.Reveal(), late); !errors.Is(err, ErrState) {
			t.Errorf("after ten minutes: %v", err)
		}
	})
}

// A state that was made before the keys were rotated is found after it.
func TestAuthorizationOutlivesKeyRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
	w.keys = testKeys(t, 2, 1)
	rotated, _, _ := w.client(worldOptions{})
	if _, err := rotated.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
		t.Error(err)
	}
}

func TestOwnClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		_, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme", App: &OAuthApp{ClientID: "wrong", ClientSecret: NewSecret("wrong")}})
		if err != nil {
			t.Fatal(err)
		}
		cred := w.provider.Credentials()
		_, err = w.tryConnect("acme", AuthorizeOptions{ConnectionID: "alice", ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if got := w.credential(); got.ClientID != cred.ClientID {
			t.Errorf("client %q", got.ClientID)
		}
		w.wantRefreshes(1)
	})
}

// Nothing of a pending authorization can be read in the Store.
func TestPendingAuthorizationIsSealed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{ConnectionID: "alice-canary"})
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(a.URL)
	row := w.rows(kindAuthorization)[0]
	stored := string(row.Data) + row.ID + row.Unique + strings.Join(row.Labels, " ")
	for name, v := range map[string]string{"state": u.Query().Get("state"), "binding": a.Binding.Reveal(), "connection": "alice-canary"} {
		if strings.Contains(stored, v) {
			t.Errorf("the %s is stored in the clear", name)
		}
	}
	if row.Due.IsZero() || (row.Parent == store.Key{}) {
		t.Errorf("the row does not go away by itself: due %v, parent %v", row.Due, row.Parent)
	}
}
