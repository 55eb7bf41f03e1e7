package tieline

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// However many callers there are in a process, one flight works on the row: it
// writes twice and reads a few times.
func TestManyCallersAreOneFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var puts, gets atomic.Int64
		s := storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
			switch {
			case key.Kind != kindConnection:
			case op == "Put":
				puts.Add(1)
			case op == "Get": // callers use GetPath
				gets.Add(1)
			}
			return nil
		}, nil)
		w := connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 3 * time.Second})
		puts.Store(0)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { w.credential() })
		}
		wg.Wait()
		synctest.Wait()
		if p, g := puts.Load(), gets.Load(); p != 2 || g > 5 {
			t.Errorf("%d writes and %d reads, want a begin and a commit, and a look before each", p, g)
		}
	})
}

// The user reconnects after the lease was taken and before the token is sent:
// the old token must stay unsent.
func TestReconnectBeforeSending(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w *world
		var armed atomic.Bool
		s := storetest.Faulty(&store.Memory{}, nil, func(op string, key store.Key) error {
			if op == "Put" && key.Kind == kindConnection && armed.Swap(false) {
				w.connect("acme", "alice")
			}
			return nil
		})
		w = connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		armed.Store(true)
		w.credential()
		w.wantRefreshes(0)
	})
}

// The provider condemns the old grant while the user has already made a new one.
func TestReconnectWhileCondemned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, OAuthError: "invalid_grant", DelayAfter: 5 * time.Second})
		done := make(chan error, 1)
		go func() {
			_, err := w.Connections.Credential(t.Context(), "acme", "alice")
			done <- err
		}()
		time.Sleep(time.Second)
		w.connect("acme", "alice")
		if err := <-done; err != nil {
			t.Errorf("the caller got %v although a new grant is stored", err)
		}
		synctest.Wait()
		conn, err := w.Connections.Get(t.Context(), "acme", "alice")
		if err != nil || conn.Status != StatusActive || conn.LastError != nil {
			t.Errorf("%s, %v, %v", conn.Status, conn.LastError, err)
		}
	})
}

// A token that is not due but was replaced by force must not be served again
// while its successor waits to be saved.
func TestUnsavedTokenReplacesAStoredOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := connected(t, worldOptions{store: s, provider: providertest.Options{OldAccessToken: providertest.OldAccessTokenDies}})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { writes.Store(true) }})
		forced, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.credential(); !sameCredential(got, forced) {
			t.Error("the dead token of the Store was served")
		}
		writes.Store(false)
	})
}

const secretConfigYAML = `
acme-tenant:
  display_name: Acme with a secret in its config
  alias: acme
  connection_config:
    region: {type: string, title: Region, optional: true}
    subscription_key: {type: string, title: Key, secret: true, optional: true}
`

func TestSecretConfigEditedDuringRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		w.catalog, _ = w.catalog.With(CatalogFile{Name: "tenant.yaml", Data: []byte(secretConfigYAML)})
		w.Client, _, _ = w.client(worldOptions{})
		cred := w.provider.Credentials()
		_, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme-tenant",
			App: &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}})
		if err != nil {
			t.Fatal(err)
		}
		w.connect("acme", "alice")
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 10 * time.Second})
		done := make(chan struct{})
		go func() {
			w.credential()
			close(done)
		}()
		time.Sleep(time.Second)
		_, err = w.Connections.Update(t.Context(), "acme", "alice", func(c *Connection) error {
			c.Config = map[string]string{"subscription_key": "canary-key", "region": "eu"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		<-done
		synctest.Wait()
		row, rec := w.connectionRecord()
		p, err := w.core.openPrivate(row.ID, rec)
		if err != nil || p.secrets["subscription_key"] != "canary-key" {
			t.Errorf("the secret given during the refresh: %q, %v", p.secrets["subscription_key"], err)
		}
		if bytes.Contains(row.Data, []byte("canary-key")) {
			t.Error("the secret is stored in the clear")
		}
		conn, err := w.Connections.Get(t.Context(), "acme", "alice")
		if err != nil || conn.Config["region"] != "eu" || conn.Config["subscription_key"] != "" {
			t.Errorf("config %v, %v", conn.Config, err)
		}
		w.credential()
		w.wantRefreshes(1)
	})
}

func TestEarlyMargin(t *testing.T) {
	t.Parallel()
	exact := &spec.Entry{ExpiryBuffer: 30 * time.Second}
	for _, tt := range []struct {
		name     string
		policy   RefreshPolicy
		provider *spec.Entry
		lifetime time.Duration
		want     time.Duration
	}{
		{"an hour", RefreshPolicy{}, &spec.Entry{}, time.Hour, 10 * time.Minute},
		{"a day", RefreshPolicy{}, &spec.Entry{}, 24 * time.Hour, 10 * time.Minute},
		{"twenty minutes", RefreshPolicy{}, &spec.Entry{}, 20 * time.Minute, 4 * time.Minute},
		{"five minutes", RefreshPolicy{}, &spec.Entry{}, 5 * time.Minute, 90 * time.Second},
		{"two minutes", RefreshPolicy{}, &spec.Entry{}, 2 * time.Minute, time.Minute},
		{"two seconds", RefreshPolicy{}, &spec.Entry{}, 2 * time.Second, time.Second},
		{"the provider's", RefreshPolicy{}, exact, time.Hour, 30 * time.Second},
		{"the provider's, too long", RefreshPolicy{}, exact, 10 * time.Second, 5 * time.Second},
		{"the policy's", RefreshPolicy{Early: 20 * time.Minute}, exact, time.Hour, 20 * time.Minute},
		{"the policy's, too long", RefreshPolicy{Early: 2 * time.Hour}, exact, time.Hour, 30 * time.Minute},
	} {
		if got := tt.policy.early(tt.lifetime, tt.provider); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestPolicyIsChecked(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]RefreshPolicy{
		"negative":             {Early: -1},
		"negative exchange":    {Exchange: -1},
		"impatient take-over":  {TakeOver: 41 * time.Second},
		"long exchange":        {Exchange: time.Minute},
		"retry bounds crossed": {RetryMin: time.Hour},
		"concurrency":          {Concurrency: -1},
	} {
		if _, err := p.withDefaults(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := (RefreshPolicy{Exchange: time.Minute, TakeOver: 2 * time.Minute}).withDefaults(); err != nil {
		t.Error(err)
	}
}
