package tieline

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

// sessionClient is a Client with a connection "key"/"alice" whose clock can be set.
func sessionClient(t *testing.T, s store.Store, now *time.Time, keys *Keyring) *Client {
	t.Helper()
	catalog, _ := LoadCatalog(CatalogFile{Name: "x.yaml", Data: []byte("acme:\n  display_name: Acme\n  docs: https://example.com\n" + keyEntry)})
	c, err := New(Config{Store: s, Keys: keys, Providers: catalog, Now: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func TestSessions(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	s := &store.Memory{}
	c := sessionClient(t, s, &now, testKeys(t))
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme"}); err != nil {
		t.Fatal(err)
	}
	conn, err := c.Connections.Import(t.Context(), "key", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("k")}})
	if err != nil {
		t.Fatal(err)
	}
	asked := Session{
		EndUser: &EndUser{ID: "u1", Email: "u@example.com"}, Tags: map[string]string{"Env": "prod"}, WebhookURL: "https://example.com/h",
		Integrations: []string{"key"}, Defaults: map[string]SessionDefaults{"key": {Config: map[string]string{"a": "b"}}},
		Reconnect: &ConnectionName{Integration: "key", ID: "alice"},
	}
	made, token, err := c.Sessions.Create(t.Context(), asked)
	if err != nil {
		t.Fatal(err)
	}
	if len(token.Reveal()) != 64 || made.ExpiresAt != now.Add(30*time.Minute) || made.Reconnect.RowID != conn.RowID || made.Tags["env"] != "prod" {
		t.Errorf("the session is %+v", made)
	}
	got, err := c.Sessions.Get(t.Context(), token.Reveal())
	if diff := cmp.Diff(made, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	row, err := s.List(t.Context(), store.Query{Kind: kindSession})
	if err != nil || len(row.Rows) != 1 {
		t.Fatal(row, err)
	}
	for _, secret := range []string{token.Reveal(), "u@example.com", "prod"} {
		if bytes.Contains(row.Rows[0].Data, []byte(secret)) || strings.Contains(row.Rows[0].ID, secret) {
			t.Errorf("the row shows %q", secret)
		}
	}
	for _, wrong := range []string{"", "x", strings.Repeat("0", 64), token.Reveal()[:63], strings.Repeat("0", 300)} {
		if _, err := c.Sessions.Get(t.Context(), wrong); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	now = now.Add(30 * time.Minute)
	if _, err := c.Sessions.Get(t.Context(), token.Reveal()); !errors.Is(err, ErrNotFound) {
		t.Errorf("an expired session: %v", err)
	}
	if err := c.core.clearExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Microsecond)
	if err := c.core.clearExpired(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page, err := s.List(t.Context(), store.Query{Kind: kindSession}); err != nil || len(page.Rows) != 0 {
		t.Errorf("an expired session is kept: %v, %v", page.Rows, err)
	}
}

// Of many that race to finish a session one wins, and it is the same for a repeat.
func TestSessionMakesOneConnection(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := sessionClient(t, &store.Memory{}, &now, testKeys(t))
	_, token, err := c.Sessions.Create(t.Context(), Session{})
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for n := range errs {
		wg.Go(func() {
			_, errs[n] = c.Sessions.Finish(t.Context(), token.Reveal(), ConnectionName{Integration: "key", ID: string(rune('a' + n))})
		})
	}
	wg.Wait()
	won := -1
	for n, err := range errs {
		switch {
		case err == nil && won >= 0:
			t.Errorf("%d and %d have won", won, n)
		case err == nil:
			won = n
		case !errors.Is(err, ErrExists):
			t.Error(err)
		}
	}
	again := ConnectionName{Integration: "key", ID: string(rune('a' + won))}
	if s, err := c.Sessions.Finish(t.Context(), token.Reveal(), again); err != nil || *s.Made != again {
		t.Errorf("the winner again: %+v, %v", s.Made, err)
	}
	if err := c.Sessions.Delete(t.Context(), token.Reveal()); err != nil {
		t.Fatal(err)
	}
	if err := c.Sessions.Delete(t.Context(), token.Reveal()); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestSessionErrors(t *testing.T) {
	t.Parallel()
	now := time.Now()
	c := sessionClient(t, &store.Memory{}, &now, testKeys(t))
	for name, tt := range map[string]struct {
		s    Session
		want error
	}{
		"tags":        {Session{Tags: map[string]string{"1": "x"}}, ErrInvalid},
		"end user":    {Session{EndUser: &EndUser{}}, ErrInvalid},
		"webhook":     {Session{WebhookURL: "nowhere"}, ErrInvalid},
		"integration": {Session{Integrations: []string{"none"}}, ErrUnknownIntegration},
		"defaults":    {Session{Defaults: map[string]SessionDefaults{"none": {}}}, ErrUnknownIntegration},
		"connection":  {Session{Reconnect: &ConnectionName{Integration: "none", ID: "x"}}, ErrNotFound},
	} {
		if _, token, err := c.Sessions.Create(t.Context(), tt.s); !errors.Is(err, tt.want) || !token.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A session outlives a change of keys, and moves to the new one with the rest.
func TestSessionAndKeyRotation(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := &store.Memory{}
	_, token, err := sessionClient(t, s, &now, testKeys(t, 1)).Sessions.Create(t.Context(), Session{Tags: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	c := sessionClient(t, s, &now, testKeys(t, 2, 1))
	report, err := c.Rewrap(t.Context())
	if err != nil || report.Rewrapped != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	if got, err := c.Sessions.Get(t.Context(), token.Reveal()); err != nil || got.Tags["a"] != "b" {
		t.Errorf("%+v, %v", got, err)
	}
}
