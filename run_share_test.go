package tieline

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

const twinsYAML = `
acme-slow:
  display_name: Acme, slow
  alias: acme
  token_headers: {X-Twin: slow}
acme-quick:
  display_name: Acme, quick
  alias: acme
  token_headers: {X-Twin: quick}
acme-idle:
  display_name: Acme, forgetful
  alias: acme
  refresh: {idle_seconds: 36000}
`

// twins delays refreshes at the slow twin and notes how many run at once.
type twins struct {
	base http.RoundTripper

	mu         sync.Mutex
	slow, peak int
	quick      []time.Time
}

func (tw *twins) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Header.Get("X-Twin") == "slow" {
		tw.add(1)
		defer tw.add(-1)
		time.Sleep(15 * time.Second)
	} else {
		tw.mu.Lock()
		tw.quick = append(tw.quick, time.Now())
		tw.mu.Unlock()
	}
	return tw.base.RoundTrip(req)
}

func (tw *twins) add(n int) {
	tw.mu.Lock()
	defer tw.mu.Unlock()
	tw.slow += n
	tw.peak = max(tw.peak, tw.slow)
}

func twinWorld(t *testing.T, o worldOptions, connections map[string]int) *world {
	w := newWorld(t, o)
	var problems []Problem
	w.catalog, problems = w.catalog.With(CatalogFile{Name: "twins.yaml", Data: []byte(twinsYAML)})
	for _, p := range problems {
		t.Fatal(p)
	}
	w.Client, w.log, w.events = w.client(o)
	for provider, n := range connections {
		cred := w.provider.Credentials()
		_, err := w.Integrations.Create(t.Context(), Integration{Key: provider, Provider: provider,
			App: &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			w.connect(provider, fmt.Sprint("user-", i))
		}
	}
	return w
}

// running calls Run until the test ends.
func (w *world) running() (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	return func() {
		cancel()
		<-done
	}
}

// A provider with more to do than it can keeps nobody waiting but itself, and is
// not asked more at once than was agreed.
func TestRunIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := twinWorld(t, worldOptions{policy: RefreshPolicy{PerProvider: 3}}, map[string]int{"acme-slow": 200, "acme-quick": 20})
		tw := &twins{base: w.core.tokenHTTP}
		w.core.tokenHTTP = tw
		time.Sleep(55 * time.Minute)
		start := time.Now()
		stop := w.running()
		time.Sleep(time.Minute)
		tw.mu.Lock()
		quick := tw.quick
		tw.mu.Unlock()
		if len(quick) != 20 || quick[19].Sub(start) > 15*time.Second {
			t.Errorf("%d of 20 of the quick provider's were refreshed", len(quick))
		}
		time.Sleep(time.Hour)
		stop()
		tw.mu.Lock()
		defer tw.mu.Unlock()
		if tw.peak != 3 {
			t.Errorf("up to %d at once at the slow one, want 3", tw.peak)
		}
		if n := w.provider.Stats().Requests[providertest.Refresh]; n < 220 {
			t.Errorf("%d refreshes", n)
		}
	})
}

// A provider that asks for patience is not asked for the next connection in the
// same breath.
func TestRunIsPatient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := twinWorld(t, worldOptions{policy: RefreshPolicy{PerProvider: 2}}, map[string]int{"acme-quick": 100})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: 429, RetryAfter: "600"})
		time.Sleep(55 * time.Minute)
		stop := w.running()
		defer stop()
		time.Sleep(time.Minute)
		if n := w.refreshRequests(); n < 10 || n > 60 {
			t.Errorf("%d requests in a minute, want a few per sweep", n)
		}
	})
}

// A refresh token that dies of not being used is used in time, whether the
// access token lives longer or for ever.
func TestRunKeepsIdleTokensAlive(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func(*world){
		"an access token that lives longer": func(*world) {},
		"an access token that lives for ever": func(w *world) {
			w.provider.Fail(providertest.Fault{Times: providertest.Always, Omit: []string{"expires_in"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := twinWorld(t, worldOptions{provider: providertest.Options{TokenLifetime: 100 * time.Hour}}, nil)
				edit(w)
				cred := w.provider.Credentials()
				_, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme-idle",
					App: &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}})
				if err != nil {
					t.Fatal(err)
				}
				w.connect("acme", "alice")
				stop := w.running()
				defer stop()
				for range 4 {
					before := w.refreshRequests()
					time.Sleep(5 * time.Hour)
					w.credential()
					if n := w.refreshRequests(); n != before {
						t.Error("refreshed long before its time")
					}
					time.Sleep(3*time.Hour + time.Minute)
					synctest.Wait()
					if n := w.refreshRequests(); n != before+1 {
						t.Fatalf("%d refreshes in the time that the token may idle", n-before)
					}
					// Begin anew, right after a refresh.
					if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
						t.Fatal(err)
					}
				}
			})
		})
	}
}

// While it waits for a refresh that only keeps the token alive, a caller gets the
// access token that never expires, also when that refresh fails.
func TestIdleRefreshFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := twinWorld(t, worldOptions{}, nil)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, Times: providertest.Always, Omit: []string{"expires_in"}})
		cred := w.provider.Credentials()
		_, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme-idle",
			App: &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}})
		if err != nil {
			t.Fatal(err)
		}
		w.connect("acme", "alice")
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: 503, RetryAfter: "60"})
		time.Sleep(9 * time.Hour)
		start := time.Now()
		w.credential()
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %v for a token that was there", d)
		}
		synctest.Wait()
		if n := w.refreshRequests(); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// Connections that a breaker stops are not even looked at.
func TestRunAndBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var gets atomic.Int64
		s := storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
			if op == "Get" && key.Kind == kindConnection {
				gets.Add(1)
			}
			return nil
		}, nil)
		w := twinWorld(t, worldOptions{store: s}, map[string]int{"acme-quick": 200})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: 401, OAuthError: "invalid_client"})
		time.Sleep(55 * time.Minute)
		gets.Store(0)
		stop := w.running()
		defer stop()
		time.Sleep(50 * time.Second)
		if n := gets.Load(); n > 30 {
			t.Errorf("%d looks at connections that cannot be refreshed", n)
		}
		if n := w.refreshRequests(); n < 1 || n > 8 {
			t.Errorf("%d requests, want the first ones that ran at once", n)
		}
	})
}

// A process that finds another one at work goes on to the next connection.
func TestRunDoesNotWaitForOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := twinWorld(t, worldOptions{policy: RefreshPolicy{Concurrency: 1}}, map[string]int{"acme-quick": 2})
		other, _, _ := w.client(worldOptions{})
		time.Sleep(55 * time.Minute)
		clear := w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Delay: 15 * time.Second})
		first := w.rows(kindConnection)[0]
		go func() {
			_, _ = other.Connections.Credential(t.Context(), "acme-quick", connectionID(first))
		}()
		synctest.Wait()
		clear()
		stop := w.running()
		defer stop()
		time.Sleep(10 * time.Second)
		if n := w.refreshRequests(); n != 2 {
			t.Errorf("%d requests, want one of each process", n)
		}
		if n := w.Health().Counts.LeaseWaits; n != 0 {
			t.Errorf("waited %d times", n)
		}
	})
}
