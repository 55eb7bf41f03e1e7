package tieline

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

func TestForcedRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		force := func(rejected Credential) (*OAuth2Token, error) {
			cred, err := w.Connections.Refresh(t.Context(), "acme", "alice", rejected)
			token, _ := cred.(*OAuth2Token)
			return token, err
		}
		// Right after a commit a 401 is no reason, an explicit wish is.
		if _, err := force(first); !errors.Is(err, ErrRefreshFailed) {
			t.Errorf("a refusal right after the commit: %v", err)
		}
		w.wantRefreshes(0)
		second, err := force(nil)
		if err != nil || second.AccessToken.Equal(first.AccessToken) {
			t.Fatalf("forced: %v", err)
		}
		w.wantRefreshes(1)
		// The rejected one is not the stored one any more.
		if got, err := force(first); err != nil || !got.AccessToken.Equal(second.AccessToken) {
			t.Errorf("a refusal of an old credential: %v", err)
		}
		w.wantRefreshes(1)
		time.Sleep(31 * time.Second)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if got, err := force(second); err != nil || got.AccessToken.Equal(second.AccessToken) {
					t.Errorf("a refusal of the stored credential: %v", err)
				}
			})
		}
		wg.Wait()
		w.wantRefreshes(2)
	})
}

// Each wish for a new credential that comes after the last one was granted is a
// request of its own, also while the last one's token is still being saved.
func TestForcedOneAfterAnother(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testForcedOneAfterAnother)
}

func testForcedOneAfterAnother(t *testing.T) {
	slow := storetest.Faulty(&store.Memory{}, func(op string, _ store.Key) error {
		if op == "Put" {
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	}, nil)
	w := connected(t, worldOptions{store: slow})
	seen := map[string]bool{}
	for range 10 {
		cred, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		seen[cred.(*OAuth2Token).AccessToken.Reveal()] = true
	}
	w.wantRefreshes(10)
	if len(seen) != 10 {
		t.Errorf("10 calls returned %d tokens", len(seen))
	}
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Status: 503, RetryAfter: "60"})
	if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); !errors.Is(err, ErrRefreshFailed) {
		t.Errorf("Refresh = %v", err)
	}
	if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
		t.Errorf("the failure of another call was handed on: %v", err)
	}
}

// A refusal of a token that another process is replacing waits for the new one.
func TestRejectedWhileAnotherRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		other, _, _ := w.client(worldOptions{})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 3 * time.Second})
		go func() { _, _ = other.Connections.Refresh(t.Context(), "acme", "alice", nil) }()
		time.Sleep(time.Second)
		got, err := w.Connections.Refresh(t.Context(), "acme", "alice", first)
		if err != nil || got.(*OAuth2Token).AccessToken.Equal(first.AccessToken) {
			t.Errorf("Refresh = %v", err)
		}
		w.wantRefreshes(1)
	})
}

// Callers that force at once share one exchange, but one that comes while a
// flight finds nothing to do gets its own.
func TestForceDuringAnIdleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		var wg sync.WaitGroup
		for range 20 {
			w.core.refreshSoon(w.rows(kindConnection)[0].Key)
			wg.Go(func() {
				if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := w.provider.Stats().Refreshes; n < 1 || n > 20 {
			t.Errorf("%d refreshes", n)
		}
	})
}

func TestNotRefreshable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{provider: providertest.Options{NoRefreshToken: true}})
		if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); !errors.Is(err, ErrNotRefreshable) {
			t.Errorf("Refresh = %v", err)
		}
		time.Sleep(59 * time.Minute)
		w.credential()
		time.Sleep(time.Minute)
		_, err := w.Connections.Credential(t.Context(), "acme", "alice")
		if !errors.Is(err, ErrReauthRequired) {
			t.Errorf("an expired token without a refresh token: %v", err)
		}
	})
}
