package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
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

func TestCompleteOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrState):
				t.Errorf("a late callback: %v", err)
			}
		})
	}
	wg.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d callbacks won", n)
	}
	if st := w.provider.Stats(); st.Exchanges != 1 || st.Requests[providertest.Exchange] != 1 {
		t.Errorf("the code was sent %d times", st.Requests[providertest.Exchange])
	}
	if n := len(w.rows(kindAuthorization)); n != 0 {
		t.Errorf("%d authorizations are left", n)
	}
}

func TestCallbacksThatDoNotFit(t *testing.T) {
	t.Parallel()
	set := func(name string, values ...string) func(url.Values) { return func(q url.Values) { q[name] = values } }
	for name, tt := range map[string]struct {
		binding string // empty: the right one
		edit    func(url.Values)
		keeps   bool // the authorization can still be completed
		want    error
	}{
		"another browser":   {binding: strings.Repeat("x", 43), keeps: true, want: ErrState},
		"no binding":        {binding: "-", keeps: true, want: ErrState},
		"no state":          {edit: func(q url.Values) { q.Del("state") }, keeps: true, want: ErrState},
		"another state":     {edit: set("state", strings.Repeat("x", 43)), keeps: true, want: ErrState},
		"two states":        {edit: func(q url.Values) { q.Add("state", q.Get("state")) }, keeps: true, want: ErrState},
		"an endless state":  {edit: set("state", strings.Repeat("x", 1e6)), keeps: true, want: ErrState},
		"an odd state":      {edit: set("state", "\x00\xff"), keeps: true, want: ErrState},
		"another issuer":    {edit: set("iss", "https://evil.example"), want: ErrInvalid},
		"no issuer":         {edit: func(q url.Values) { q.Del("iss") }, want: ErrInvalid},
		"no code":           {edit: func(q url.Values) { q.Del("code") }, want: ErrInvalid},
		"two codes":         {edit: func(q url.Values) { q.Add("code", "x") }, want: ErrInvalid},
		"an endless code":   {edit: set("code", strings.Repeat("x", 1e6)), want: ErrInvalid},
		"a wrong code":      {edit: set("code", "nonsense"), want: ErrTokenEndpoint},
		"denied":            {edit: set("error", "access_denied"), want: ErrDenied},
		"denied, with HTML": {edit: set("error", "<script>alert(1)</script>"), want: ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldOptions{provider: providertest.Options{SendIssuer: true}})
			w.integration("acme", "acme")
			a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
			bad := url.Values{}
			for k, v := range callback {
				bad[k] = append([]string(nil), v...)
			}
			if tt.edit != nil {
				tt.edit(bad)
			}
			binding := a.Binding.Reveal()
			switch tt.binding {
			case "":
			case "-":
				binding = ""
			default:
				binding = tt.binding
			}
			_, err := w.Connections.Complete(t.Context(), binding, bad)
			if !errors.Is(err, tt.want) {
				t.Errorf("Complete = %v, want %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "script") || strings.Contains(err.Error(), callback.Get("code"))) {
				t.Errorf("the error shows what was sent: %v", err)
			}
			if n := len(w.rows(kindConnection)); n != 0 {
				t.Errorf("%d connections were made", n)
			}
			_, err = w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
			if (err == nil) != tt.keeps {
				t.Errorf("the right callback afterwards: %v", err)
			}
		})
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	callback, _, err := w.provider.Deny(t.Context(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
	var denied *AuthorizationError
	if !errors.As(err, &denied) || denied.Code != "access_denied" {
		t.Errorf("Complete = %v", err)
	}
	if n := w.events.count(EventConnectFailed); n != 1 {
		t.Errorf("%d events", n)
	}
}

// What a callback calls an error is shown only if it looks like one.
func TestCallbackErrorsShowNoSecrets(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"state", "code", "binding"} {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		secret := callback.Get(what)
		if what == "binding" {
			secret = a.Binding.Reveal()
		}
		for _, echo := range []string{secret, secret[:min(len(secret), 30)]} {
			callback.Set("error", echo)
			_, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
			var denied *AuthorizationError
			if errors.As(err, &denied) && denied.Code != "unknown" || strings.Contains(fmt.Sprint(err), echo) || strings.Contains(w.log.String(), echo) {
				t.Errorf("%s in error: %v", what, err)
			}
		}
	}
	for echo, want := range map[string]string{"access_denied": "access_denied", "user_cancelled_login": "user_cancelled_login", "Access Denied": "unknown", "": "unknown", "x1": "unknown"} {
		if got := callbackCode(echo); got != want {
			t.Errorf("error %q is called %q, want %q", echo, got, want)
		}
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

// The connection is stored although the browser went away during the exchange.
func TestCompleteIsNotAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, DelayAfter: 5 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Connections.Complete(ctx, a.Binding.Reveal(), callback); err != context.DeadlineExceeded {
			t.Errorf("Complete = %v", err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		w.credential()
	})
}

// What a code was exchanged for is saved although the database is away for a moment.
func TestCompleteSavesAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := newWorld(t, worldOptions{store: s})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, Edit: func(*providertest.Answer) {
			writes.Store(true)
			time.AfterFunc(3*time.Second, func() { writes.Store(false) })
		}})
		if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
			t.Fatal(err)
		}
		w.credential()
	})
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

func TestIntegrationDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
	if err := w.Integrations.Delete(t.Context(), "acme", DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); !errors.Is(err, ErrState) {
		t.Errorf("Complete = %v", err)
	}
	if rows := append(w.rows(kindConnection), w.rows(kindAuthorization)...); len(rows) != 0 {
		t.Errorf("%d rows are left", len(rows))
	}
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
