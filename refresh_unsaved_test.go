package tieline

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// A token that could not be saved until it had expired is not handed out.
func TestUnsavedTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { writes.Store(true) }})
		w.credential()
		time.Sleep(2 * time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cred, err := w.Connections.Credential(ctx, "acme", "alice")
		if err == nil && !time.Now().Before(cred.Expiry()) {
			t.Errorf("got a token that has been expired for %v", time.Since(cred.Expiry()))
		}
		writes.Store(false)
		if got := w.credential(); !time.Now().Before(got.ExpiresAt) {
			t.Error("an expired token after the outage, too")
		}
	})
}

// While a Store can be read and not written, who has a new token cannot save it and
// whoever watches sees its lease stand still. The first write that succeeds may be
// the watcher's. It must not spend the old token then.
func TestTakeOverWhenWritesReturn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &store.Memory{}
		var down atomic.Bool
		fail := func(op string, _ store.Key) error {
			if op == "Put" && down.Load() {
				return errDown
			}
			return nil
		}
		w := connected(t, worldOptions{store: storetest.Faulty(memory, fail, nil)})
		other, _, _ := w.client(worldOptions{config: func(c *Config) {
			c.Store = storetest.Faulty(memory, func(op string, _ store.Key) error {
				if op == "Put" {
					down.Store(false) // it is the first to find out that writes work again
				}
				return nil
			}, nil)
		}})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { down.Store(true) }})
		second := w.credential()
		if got := w.credentialOf(other); !got.AccessToken.Equal(second.AccessToken) {
			t.Error("the other process has another token")
		}
		w.wantRefreshes(1)
		if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.Status != StatusActive {
			t.Errorf("status %s", conn.Status)
		}
	})
}

// Who asked for a new token and waited for another process's is not handed one that
// expired before it could be saved.
func TestAwaitedTokenExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := connected(t, worldOptions{store: s, provider: providertest.Options{TokenLifetime: 20 * time.Second}})
		other, _, _ := w.client(worldOptions{})
		time.Sleep(12 * time.Second)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { writes.Store(true) }})
		w.credential()
		synctest.Wait()
		time.AfterFunc(25*time.Second, func() { writes.Store(false) })
		cred, err := other.Connections.Refresh(t.Context(), "acme", "alice", nil)
		if err != nil || !time.Now().Before(cred.Expiry()) {
			t.Errorf("Refresh = %v, expired for %v", err, time.Since(cred.Expiry()))
		}
	})
}

// A newer token than the one that was rejected is no good when it has expired.
func TestNewerThanRejectedHasExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		time.Sleep(time.Hour)
		w.credential()
		time.Sleep(2 * time.Hour)
		cred, err := w.Connections.Refresh(t.Context(), "acme", "alice", first)
		if err != nil || !time.Now().Before(cred.Expiry()) {
			t.Errorf("Refresh = %v, expired for %v", err, time.Since(cred.Expiry()))
		}
	})
}

// Why a grant was lost stays known when somebody asks for a refresh all the same.
func TestLostRotationStays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Lost: true})
		_, _ = w.Connections.Credential(t.Context(), "acme", "alice")
		_, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil)
		conn, gerr := w.Connections.Get(t.Context(), "acme", "alice")
		if !errors.Is(err, ErrReauthRequired) || gerr != nil || conn.LastError.Code != lostRotation {
			t.Errorf("Refresh = %v, then %+v", err, conn.LastError)
		}
	})
}
