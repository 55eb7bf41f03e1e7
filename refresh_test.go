package tieline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

func TestOneRefreshForManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
					t.Error("the expired token was served")
				}
			})
		}
		wg.Wait()
		w.wantRefreshes(1)
	})
}

// wantRefreshes checks that so many exchanges were made, and none with a token
// that had been spent.
func (w *world) wantRefreshes(n int) {
	w.t.Helper()
	st := w.provider.Stats()
	if st.Refreshes != n || st.ReusedRefreshTokens != 0 || st.RefreshRejected != 0 {
		w.t.Errorf("%d refreshes (want %d), %d with a spent token, %d rejected", st.Refreshes, n, st.ReusedRefreshTokens, st.RefreshRejected)
	}
}

func TestOneRefreshForManyProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		clients := []*Client{w.Client}
		for range 3 {
			c, _, _ := w.client(worldOptions{})
			clients = append(clients, c)
		}
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, DelayAfter: 3 * time.Second})
		for generation := 1; generation <= 5; generation++ {
			time.Sleep(time.Hour)
			var wg sync.WaitGroup
			for _, c := range clients {
				for range 8 {
					wg.Go(func() { w.credentialOf(c) })
				}
			}
			wg.Wait()
			w.wantRefreshes(generation)
		}
		if st := w.provider.Stats(); st.MaxConcurrentRefreshes != 1 {
			t.Errorf("%d refreshes of one grant were under way at once", st.MaxConcurrentRefreshes)
		}
	})
}

func TestStaleWhileRevalidate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		// An hour's token is due ten minutes before it expires, give or take one.
		time.Sleep(49 * time.Minute)
		w.credential()
		synctest.Wait()
		w.wantRefreshes(0)

		time.Sleep(3 * time.Minute)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 5 * time.Second})
		start := time.Now()
		if got := w.credential(); !got.AccessToken.Equal(first.AccessToken) || time.Since(start) != 0 {
			t.Errorf("a caller waited %v for a token that still works", time.Since(start))
		}
		time.Sleep(6 * time.Second)
		if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
			t.Error("the new token is not served")
		}
		w.wantRefreshes(1)
	})
}

func TestEarlyOption(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(35 * time.Minute)
		get := func(early time.Duration) {
			t.Helper()
			if _, err := w.Connections.CredentialWith(t.Context(), "acme", "alice", CredentialOptions{Early: early}); err != nil {
				t.Fatal(err)
			}
		}
		get(20 * time.Minute)
		w.wantRefreshes(0)
		get(26 * time.Minute)
		w.wantRefreshes(1)
		// More than half the lifetime cannot be had; asking must not become a storm.
		get(10 * time.Hour)
		w.wantRefreshes(1)
	})
}

func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 5 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Connections.Credential(ctx, "acme", "alice")
		if err != context.DeadlineExceeded {
			t.Errorf("the caller's deadline: %v", err)
		}
		time.Sleep(10 * time.Second)
		if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
			t.Error("the refresh was abandoned with its caller")
		}
		w.wantRefreshes(1)
	})
}

func TestDeadGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		w.provider.RevokeAll()
		time.Sleep(time.Hour)
		start := time.Now()
		_, err := w.Connections.Credential(t.Context(), "acme", "alice")
		var failure *RefreshError
		if !errors.Is(err, ErrReauthRequired) || !errors.As(err, &failure) || failure.Failure.Code != "invalid_grant" {
			t.Fatalf("Credential = %v", err)
		}
		if n := w.provider.Stats().RefreshRejected; n != 2 || time.Since(start) < 5*time.Second {
			t.Errorf("condemned after %d answers in %v, want 2, a pause between them", n, time.Since(start))
		}
		conn, err := w.Connections.Get(t.Context(), "acme", "alice")
		if err != nil || conn.Status != StatusNeedsReauth || conn.LastError == nil || conn.LastError.Code != "invalid_grant" {
			t.Errorf("connection %+v, %v", conn, err)
		}
		for range 3 {
			if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrReauthRequired) {
				t.Errorf("Credential = %v", err)
			}
		}
		if n := w.provider.Stats().RefreshRejected; n != 2 {
			t.Errorf("the provider was asked %d times about a dead grant", n)
		}
		synctest.Wait() // callers are answered before the event is told
		if n := w.events.count(EventReauthRequired); n != 1 {
			t.Errorf("%d events", n)
		}
		// The user can always come back.
		w.connect("acme", "alice")
		if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.Status != StatusActive || conn.LastError != nil {
			t.Errorf("after reconnecting: %s, %v", conn.Status, conn.LastError)
		}
		w.credential()
	})
}

// One refusal can be the provider's mistake.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, OAuthError: "invalid_grant"})
		w.credential()
		if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.Status != StatusActive {
			t.Errorf("status %s", conn.Status)
		}
	})
}

func TestProviderDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		clear := w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: 503, RetryAfter: "120"})
		time.Sleep(55 * time.Minute)
		for range 50 {
			if got := w.credential(); !got.AccessToken.Equal(first.AccessToken) {
				t.Fatal("the token that still works was not served")
			}
			time.Sleep(time.Second)
		}
		if n := w.provider.Stats().Requests[providertest.Refresh]; n != 1 {
			t.Errorf("%d requests within the time that the provider asked to wait", n)
		}
		conn, err := w.Connections.Get(t.Context(), "acme", "alice")
		if err != nil || conn.Status != StatusActive || conn.LastError == nil || conn.LastError.Status != 503 {
			t.Errorf("%+v, %v", conn.LastError, err)
		}
		time.Sleep(5 * time.Minute)
		_, err = w.Connections.Credential(t.Context(), "acme", "alice")
		var failure *RefreshError
		var token *TokenError
		if !errors.Is(err, ErrRefreshFailed) || !errors.As(err, &failure) || failure.RetryAt.IsZero() || !errors.As(err, &token) || token.Status != 503 {
			t.Errorf("after expiry: %v", err)
		}
		clear()
		time.Sleep(2 * time.Minute)
		w.credential()
		synctest.Wait() // callers do not wait for the save
		if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.LastError != nil {
			t.Errorf("the failure is remembered after a success: %+v", conn.LastError)
		}
	})
}

// Another process must not ask what one has just been refused.
func TestBackoffIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		other, _, _ := w.client(worldOptions{})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: 401, OAuthError: "invalid_client"})
		time.Sleep(time.Hour)
		for _, c := range []*Client{w.Client, other, other, w.Client} {
			if _, err := c.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrRefreshFailed) {
				t.Errorf("Credential = %v", err)
			}
		}
		if n := w.provider.Stats().Requests[providertest.Refresh]; n != 1 {
			t.Errorf("%d requests", n)
		}
		synctest.Wait() // what failed is told first and stored then
		if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.Status != StatusActive || conn.LastError.Class != ClassConfig {
			t.Errorf("a fault of the integration condemned the connection: %s %+v", conn.Status, conn.LastError)
		}
	})
}

// By the provider's clock, too, no refresh comes before its time: a token's life
// begins there when it is answered, not when it is asked for.
func TestNotEarlyByTheProvidersClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{provider: providertest.Options{TokenLifetime: time.Minute}})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Delay: 4 * time.Second})
		for range 200 {
			w.credential()
			time.Sleep(time.Second)
		}
		if st := w.provider.Stats(); st.Refreshes < 3 || st.MaxRemaining > 30*time.Second {
			t.Errorf("%d refreshes, one with %v left of a minute", st.Refreshes, st.MaxRemaining)
		}
	})
}

// Every spelling of expires_in leaves a connection that goes on working.
func TestOddLifetimes(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value any
		want  time.Duration
	}{
		"a string": {"3600", time.Hour}, "a float": {3600.5, time.Hour + 500*time.Millisecond}, "a duration": {"1h", time.Hour},
		"two seconds": {2, 2 * time.Second}, "zero": {0, 0}, "negative": {-1, 0}, "empty": {"", 0}, "a word": {"soon", 0}, "absurd": {1e12, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connected(t, worldOptions{})
				w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Fields: map[string]any{"expires_in": tt.value}})
				time.Sleep(time.Hour)
				before := time.Now()
				got := w.credential()
				if tt.want == 0 && !got.ExpiresAt.IsZero() || tt.want != 0 && !got.ExpiresAt.Equal(before.Add(tt.want)) {
					t.Errorf("expires %v after the request, want %v", got.ExpiresAt.Sub(before), tt.want)
				}
				w.credential()
				w.wantRefreshes(1)
				if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
					t.Errorf("the refresh token was lost: %v", err)
				}
			})
		})
	}
}
