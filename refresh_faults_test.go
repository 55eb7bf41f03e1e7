package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// flaky is a Memory that can be switched off.
func flaky() (s store.Store, writes, reads *atomic.Bool) {
	writes, reads = new(atomic.Bool), new(atomic.Bool)
	s = storetest.Faulty(&store.Memory{}, func(op string, _ store.Key) error {
		if (op == "Put" || op == "Delete") && writes.Load() || op != "Put" && op != "Delete" && reads.Load() {
			return errDown
		}
		return nil
	}, nil)
	return s, writes, reads
}

func TestSaveIsRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := connected(t, worldOptions{store: s})
		first := w.credential()
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { writes.Store(true) }})
		second := w.credential()
		if second.AccessToken.Equal(first.AccessToken) {
			t.Fatal("the old token was served")
		}
		// Ten minutes of outage: the new token is served from memory all the while,
		// and the old refresh token is not touched.
		for range 60 {
			time.Sleep(10 * time.Second)
			if got := w.credential(); !got.AccessToken.Equal(second.AccessToken) {
				t.Fatal("the unsaved token is not served")
			}
		}
		if n := w.events.count(EventUnsaved); n != 1 {
			t.Errorf("%d events about the unsaved token", n)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var unsaved *UnsavedError
		if err := w.Close(ctx); !errors.As(err, &unsaved) || len(unsaved.Connections) != 1 || unsaved.Connections[0] != "acme/alice" {
			t.Errorf("Close = %v, want the connection named", err)
		}
		writes.Store(false)
		if err := w.Close(t.Context()); err != nil {
			t.Errorf("Close after the outage = %v", err)
		}
		other, _, _ := w.client(worldOptions{})
		if got := w.credentialOf(other); !got.AccessToken.Equal(second.AccessToken) {
			t.Error("the token was not saved")
		}
		w.wantRefreshes(1)
	})
}

// A Store that cannot be written must be noticed before the token is spent.
func TestBeginIsAWrite(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		writes.Store(true)
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, errDown) {
			t.Errorf("Credential = %v", err)
		}
		if n := w.provider.Stats().Requests[providertest.Refresh]; n != 0 {
			t.Errorf("%d tokens were spent that could not have been saved", n)
		}
		writes.Store(false)
		w.credential()
		w.wantRefreshes(1)
	})
}

// A write that took effect although its answer was lost must not end in two
// exchanges or in a lease that nobody holds.
func TestLostAcknowledgements(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 4; n++ {
		synctest.Test(t, func(t *testing.T) {
			var puts atomic.Int64
			var armed atomic.Bool
			s := storetest.Faulty(&store.Memory{}, nil, func(op string, key store.Key) error {
				if armed.Load() && op == "Put" && key.Kind == kindConnection && puts.Add(1) == int64(n) {
					return errDown
				}
				return nil
			})
			w := connected(t, worldOptions{store: s})
			first := w.credential()
			time.Sleep(time.Hour)
			armed.Store(true)
			if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
				t.Errorf("lost answer %d: the old token was served", n)
			}
			time.Sleep(time.Minute)
			w.wantRefreshes(1)
			if _, rec := w.connectionRecord(); rec.State.Holder != "" || rec.State.TokenFence != rec.State.Fence || rec.State.Gen != 2 {
				t.Errorf("lost answer %d: %+v", n, rec.State)
			}
		})
	}
}

// The answer is lost after the rotation: nothing can be saved, but the reason is
// told apart from a revocation.
func TestLostRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Lost: true})
		_, err := w.Connections.Credential(t.Context(), "acme", "alice")
		var failure *RefreshError
		if !errors.As(err, &failure) || !failure.Reauth || failure.Failure.Code != lostRotation {
			t.Errorf("Credential = %v", err)
		}
	})
}

// Where the previous token is accepted for a while, the same loss costs nothing.
func TestLostAnswerWithGrace(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]providertest.Options{
		"grace":       {Grace: time.Minute},
		"no rotation": {Rotation: providertest.RotationNone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connected(t, worldOptions{provider: o})
				time.Sleep(time.Hour)
				w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Lost: true})
				start := time.Now()
				w.credential()
				if d := time.Since(start); d < 5*time.Second || d > 6*time.Second {
					t.Errorf("retried after %v, want 5 s", d)
				}
				if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.Status != StatusActive {
					t.Errorf("status %s", conn.Status)
				}
			})
		})
	}
}

// The answer breaks off within the new refresh token. The access token in it is
// used, but the old refresh token is no longer trusted: where it is forgiven it is
// used again while it is, and where it is not, its end is called what it is.
func TestTornAnswer(t *testing.T) {
	t.Parallel()
	torn := providertest.Fault{Endpoint: providertest.Refresh, Process: true, Body: `{"access_token":"first half","refresh_token":"sec`}
	t.Run("forgiven", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := connected(t, worldOptions{provider: providertest.Options{Grace: time.Minute}})
			time.Sleep(time.Hour)
			w.provider.Fail(torn)
			if token := w.credential().AccessToken.Reveal(); token != "first half" {
				t.Errorf("access token %q, want that of the torn answer", token)
			}
			time.Sleep(10 * time.Second)
			w.credential() // and in the background, with the old refresh token, a whole answer
			time.Sleep(2 * time.Hour)
			w.credential()
			if s := w.provider.Stats(); s.Refreshes != 3 || s.FamiliesRevoked != 0 {
				t.Errorf("%d refreshes, %d grants revoked, want 3 and 0", s.Refreshes, s.FamiliesRevoked)
			}
		})
	})
	t.Run("punished", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			w := connected(t, worldOptions{})
			time.Sleep(time.Hour)
			w.provider.Fail(torn)
			w.credential()
			time.Sleep(2 * time.Hour)
			_, err := w.Connections.Credential(t.Context(), "acme", "alice")
			var failure *RefreshError
			if !errors.As(err, &failure) || !failure.Reauth || failure.Failure.Code != lostRotation {
				t.Errorf("Credential = %v, want %s", err, lostRotation)
			}
		})
	})
}

func TestRefreshTokenWithoutAccessToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(55 * time.Minute)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Omit: []string{"access_token"}})
		w.credential()
		time.Sleep(time.Minute)
		w.credential()
		time.Sleep(time.Minute)
		w.wantRefreshes(2)
	})
}

func TestReconnectWins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 10 * time.Second})
		late := make(chan error, 1)
		go func() {
			_, err := w.Connections.Credential(t.Context(), "acme", "alice")
			late <- err
		}()
		time.Sleep(time.Second)
		w.connect("acme", "alice")
		fresh := w.credential()
		if err := <-late; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := w.credential(); !got.AccessToken.Equal(fresh.AccessToken) {
			t.Error("a late save undid the user's new grant")
		}
		if _, rec := w.connectionRecord(); rec.State.Holder != "" || rec.State.TokenFence != rec.State.Fence {
			t.Errorf("%+v", rec.State)
		}
	})
}

func TestDeleteDuringRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 10 * time.Second})
		go func() { _, _ = w.Connections.Credential(t.Context(), "acme", "alice") }()
		time.Sleep(time.Second)
		if err := w.Connections.Delete(t.Context(), "acme", "alice", DeleteOptions{SkipRevocation: true}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if n := len(w.rows(kindConnection)); n != 0 {
			t.Errorf("%d connections: the deleted one came back", n)
		}
		if n := len(w.provider.Grants()); n != 0 {
			t.Errorf("%d grants live on that nobody can reach", n)
		}
	})
}

// Edits and refreshes change their own parts and neither undoes the other.
func TestEditDuringRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 10 * time.Second})
		done := make(chan *OAuth2Token, 1)
		go func() { done <- w.credential() }()
		time.Sleep(time.Second)
		if _, err := w.Connections.SetMetadata(t.Context(), "acme", "alice", json.RawMessage(`{"a":1}`)); err != nil {
			t.Fatal(err)
		}
		<-done
		synctest.Wait()
		conn, err := w.Connections.Get(t.Context(), "acme", "alice")
		if err != nil || string(conn.Metadata) != `{"a":1}` {
			t.Errorf("metadata %s, %v", conn.Metadata, err)
		}
		w.credential()
		w.wantRefreshes(1)
	})
}

// panicking is a mode whose refresh panics.
type panicking struct{ oauth2Mode }

func (panicking) Refresh(context.Context, *Subject) (Grant, error) {
	panic("secret-canary")
}

func TestPanicIsOneFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		w.core.modes[ModeOAuth2] = panicking{}
		time.Sleep(time.Hour)
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrRefreshFailed) {
			t.Errorf("Credential = %v", err)
		}
		w.core.modes[ModeOAuth2] = oauth2Mode{}
		time.Sleep(10 * time.Minute)
		w.credential()
		if strings.Contains(w.log.String(), "secret-canary") {
			t.Error("the panic's value was logged")
		}
	})
}

func TestEventHookPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{config: func(cfg *Config) {
			cfg.OnEvent = func(context.Context, Event) { panic("hook") }
		}})
		time.Sleep(time.Hour)
		w.credential()
		time.Sleep(time.Hour)
		w.credential()
		w.wantRefreshes(2)
	})
}

func TestCloseDrains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		time.Sleep(55 * time.Minute)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 10 * time.Second})
		w.credential() // starts a refresh that nobody waits for
		time.Sleep(time.Second)
		start := time.Now()
		if err := w.Close(t.Context()); err != nil || time.Since(start) < 9*time.Second {
			t.Errorf("Close = %v after %v", err, time.Since(start))
		}
		if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
			t.Error("Close did not wait for the save")
		}
		time.Sleep(time.Hour)
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrClosed) {
			t.Errorf("a refresh after Close: %v", err)
		}
		w.wantRefreshes(1)
	})
}
