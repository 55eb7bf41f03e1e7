package tieline

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// refusedWorld has connections whose tokens have expired, at a provider that does
// not know the application any more.
func refusedWorld(t *testing.T, connections int) (w *world, help func()) {
	w = newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	for i := range connections {
		w.connect("acme", fmt.Sprint("user-", i))
	}
	help = w.provider.Fail(providertest.Fault{
		Endpoint: providertest.Refresh, Times: providertest.Always, Status: 401, OAuthError: "invalid_client",
	})
	time.Sleep(time.Hour)
	return w, help
}

// ask gets the credential of a user.
func (w *world) ask(n int) error {
	_, err := w.Connections.Credential(w.t.Context(), "acme", fmt.Sprint("user-", n))
	return err
}

func (w *world) refreshRequests() int { return w.provider.Stats().Requests[providertest.Refresh] }

// A provider that refuses the application is not asked again for each
// connection, and no connection has to suffer for it.
func TestBreakerOpens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := refusedWorld(t, 20)
		for n := range 20 {
			var failure *RefreshError
			err := w.ask(n)
			if !errors.As(err, &failure) || failure.Reauth || failure.Failure.Code != "invalid_client" || time.Until(failure.RetryAt) < 59*time.Second {
				t.Errorf("user %d: %v", n, err)
			}
		}
		if n := w.refreshRequests(); n != 1 {
			t.Errorf("%d requests", n)
		}
		synctest.Wait() // what failed is told first and stored then
		for n := range 20 {
			conn, err := w.Connections.Get(t.Context(), "acme", fmt.Sprint("user-", n))
			if err != nil || conn.Status != StatusActive || (conn.LastError != nil) != (n == 0) {
				t.Errorf("user %d: %s, %v, %v", n, conn.Status, conn.LastError, err)
			}
		}
		if n := w.events.count(EventIntegrationRefused); n != 1 {
			t.Errorf("%d alerts", n)
		}
		h := w.Health()
		if len(h.Breakers) != 1 || h.Breakers[0].Integration != "acme" || h.Breakers[0].Failure.Code != "invalid_client" || !errors.Is(h.Err(), ErrRefreshFailed) {
			t.Errorf("health %+v, %v", h, h.Err())
		}
	})
}

// While it is open, one attempt at a time finds out whether it can close, less
// and less often.
func TestBreakerProbes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := refusedWorld(t, 4)
		var asked []time.Duration
		start, seen := time.Now(), 0
		for time.Since(start) < 20*time.Minute {
			for n := range 4 {
				_ = w.ask(n)
			}
			if n := w.refreshRequests(); n != seen {
				if n != seen+1 {
					t.Errorf("%d requests at once", n-seen)
				}
				seen = n
				asked = append(asked, time.Since(start).Round(time.Second))
			}
			time.Sleep(time.Second)
		}
		want := []time.Duration{0, 1 * time.Minute, 3 * time.Minute, 7 * time.Minute, 12 * time.Minute, 17 * time.Minute}
		if len(asked) != len(want) {
			t.Fatalf("asked at %v, want %v", asked, want)
		}
		for i := range want {
			if d := (asked[i] - want[i]).Abs(); d > 10*time.Second {
				t.Errorf("asked at %v, want %v", asked, want)
			}
		}
		if n := w.events.count(EventIntegrationRefused); n != 1 {
			t.Errorf("%d alerts", n)
		}
	})
}

// Of many who ask at once when the time has come, one is let through.
func TestBreakerLetsOneThrough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, help := refusedWorld(t, 10)
		_ = w.ask(0)
		help()
		w.provider.Fail(providertest.Fault{
			Endpoint: providertest.Refresh, Times: providertest.Always, Status: 401, OAuthError: "invalid_client", Delay: time.Second,
		})
		time.Sleep(2 * time.Minute)
		var wg sync.WaitGroup
		for n := range 10 {
			wg.Go(func() { _ = w.ask(n) })
		}
		wg.Wait()
		if n := w.refreshRequests(); n != 2 {
			t.Errorf("%d requests", n)
		}
	})
}

func TestBreakerCloses(t *testing.T) {
	t.Parallel()
	for name, then := range map[string]providertest.Fault{
		"the provider accepts":         {},
		"it refuses one user's grant":  {OAuthError: "invalid_grant", Times: 2},
		"it refuses, and then accepts": {Status: 401, OAuthError: "invalid_client", Times: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, help := refusedWorld(t, 3)
				_ = w.ask(0)
				help()
				if then.OAuthError != "" {
					then.Endpoint = providertest.Refresh
					w.provider.Fail(then)
				}
				time.Sleep(10 * time.Minute)
				_ = w.ask(0)
				time.Sleep(10 * time.Minute)
				_ = w.ask(1)
				time.Sleep(10 * time.Minute)
				for n := 1; n < 3; n++ {
					if err := w.ask(n); err != nil {
						t.Errorf("user %d: %v", n, err)
					}
					synctest.Wait() // the caller has the token before the breaker closes
				}
				if h := w.Health(); len(h.Breakers) != 0 || h.Err() != nil {
					t.Errorf("health %+v", h)
				}
				if n := w.events.count(EventIntegrationAccepted); n != 1 {
					t.Errorf("%d events that it is over", n)
				}
			})
		})
	}
}

// An edit of the integration may be the help that was needed. Nobody has to wait
// for the next attempt then.
func TestBreakerAndEdit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, help := refusedWorld(t, 2)
		_ = w.ask(0)
		if err := w.ask(1); !errors.Is(err, ErrRefreshFailed) {
			t.Errorf("before the edit: %v", err)
		}
		help()
		_, err := w.Integrations.Update(t.Context(), "acme", func(i *Integration) error {
			i.DisplayName = "Acme"
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.ask(1); err != nil {
			t.Errorf("after the edit: %v", err)
		}
	})
}

// A connection that has a client of its own neither stops others nor is stopped.
func TestBreakerIsOfAClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := refusedWorld(t, 1)
		_, err := w.Connections.Import(t.Context(), "acme", "own", ConnectionInput{Credential: &OAuth2Token{
			RefreshToken: NewSecret("r"), ClientID: "own-client", ClientSecret: NewSecret("own-secret"),
		}})
		if err != nil {
			t.Fatal(err)
		}
		own := func() {
			t.Helper()
			if _, err := w.Connections.Credential(t.Context(), "acme", "own"); !errors.Is(err, ErrRefreshFailed) {
				t.Errorf("Credential = %v", err)
			}
		}
		own()
		_ = w.ask(0)
		if n := w.refreshRequests(); n != 2 {
			t.Errorf("%d requests, want one of each client", n)
		}
		if n := len(w.Health().Breakers); n != 2 {
			t.Errorf("%d breakers", n)
		}
	})
}

// What the application asks for in so many words is done.
func TestBreakerAndForce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, help := refusedWorld(t, 2)
		_ = w.ask(0)
		help()
		if _, err := w.Connections.Refresh(t.Context(), "acme", "user-1", nil); err != nil {
			t.Errorf("Refresh = %v", err)
		}
		synctest.Wait()
		if n := len(w.Health().Breakers); n != 0 {
			t.Errorf("%d breakers after a success", n)
		}
	})
}
