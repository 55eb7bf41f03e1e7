package tieline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// manyFlights is a world in which a refresh of each of n connections is under
// way. The provider takes up to 18 s to answer.
func manyFlights(t *testing.T, o worldOptions, n int) *world {
	w := newWorld(t, o)
	w.integration("acme", "acme")
	for i := range n {
		w.connect("acme", fmt.Sprintf("user%04d", i))
	}
	random := rand.New(rand.NewPCG(7, uint64(n)))
	var mu sync.Mutex
	w.provider.FailFunc(func(*http.Request) *providertest.Fault {
		mu.Lock()
		defer mu.Unlock()
		total := time.Duration(random.Int64N(int64(18 * time.Second)))
		before := time.Duration(random.Int64N(int64(total) + 1))
		return &providertest.Fault{Delay: before, DelayAfter: total - before}
	})
	time.Sleep(55 * time.Minute)
	for i := range n {
		// What is due and works is returned, and refreshed behind the caller's back.
		if _, err := w.Connections.Credential(t.Context(), "acme", fmt.Sprintf("user%04d", i)); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	if got := w.provider.Stats().Requests[providertest.Refresh]; got != n {
		t.Fatalf("%d refreshes are under way, want %d", got, n)
	}
	return w
}

// A Client that is closed in the middle of a thousand refreshes ends them all.
func TestCloseDuringManyFlights(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		w := manyFlights(t, worldOptions{}, n)
		time.Sleep(time.Second)
		start := time.Now()
		if err := w.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		if d := time.Since(start); d > w.core.policy.Exchange+time.Second {
			t.Errorf("Close took %v", d)
		}
		w.wantOncePerGeneration()
		w.wantRefreshes(n)
		w.wantNothingLost(n)

		w.wantNoNewFlights(n)
	})
}

// wantNoNewFlights checks that a closed Client serves what is stored for as long
// as that is good, and then says that it is closed.
func (w *world) wantNoNewFlights(n int) {
	w.t.Helper()
	for _, wait := range []time.Duration{0, 55 * time.Minute, 20 * time.Minute} {
		time.Sleep(wait)
		for i := range n {
			_, err := w.Connections.Credential(w.t.Context(), "acme", fmt.Sprintf("user%04d", i))
			if expired := wait == 20*time.Minute; expired && !errors.Is(err, ErrClosed) || !expired && err != nil {
				w.t.Fatalf("after Close and %v: Credential = %v", wait, err)
			}
		}
		if _, err := w.Connections.Refresh(w.t.Context(), "acme", "user0000", nil); !errors.Is(err, ErrClosed) {
			w.t.Errorf("after Close: Refresh = %v", err)
		}
	}
	synctest.Wait()
	if got := w.provider.Stats().Requests[providertest.Refresh]; got != n {
		w.t.Errorf("%d requests, want no more than the %d from before Close", got, n)
	}
}

// With the Store down, every connection whose new token is not saved is named,
// and none is forgotten once the Store is back.
func TestCloseWithTheStoreDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		s, writes, reads := flaky()
		w := manyFlights(t, worldOptions{store: s}, n)
		time.Sleep(9 * time.Second) // half of the answers are in and saved
		saved := w.provider.Stats().Refreshes
		writes.Store(true)
		reads.Store(true)
		ctx, cancel := context.WithTimeout(t.Context(), w.core.policy.Exchange+time.Second)
		defer cancel()
		err := w.Close(ctx)
		writes.Store(false)
		reads.Store(false)
		var unsaved *UnsavedError
		if !errors.As(err, &unsaved) {
			t.Fatalf("Close = %v", err)
		}
		if want := w.notSaved(); !slices.Equal(unsaved.Connections, want) || len(want) < n/10 || saved < n/10 {
			t.Errorf("Close names %d connections, and %d are not saved", len(unsaved.Connections), len(want))
		}
		if err := w.Close(t.Context()); err != nil {
			t.Errorf("Close with the Store back = %v", err)
		}
		w.wantOncePerGeneration()
		w.wantRefreshes(n)
		w.wantNothingLost(n)
	})
}

// notSaved names the connections whose newest refresh token is not stored.
func (w *world) notSaved() []string {
	w.t.Helper()
	var names []string
	for _, row := range w.rows(kindConnection) {
		token, _ := w.storedToken(row)
		if !w.provider.IsLive(token.RefreshToken.Reveal()) {
			names = append(names, "acme/"+connectionID(row))
		}
	}
	slices.Sort(names)
	return names
}

// Close waits for those it has to wait for however often and from wherever it
// is called.
func TestCloseFromManyGoroutines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const n = 50
		w := manyFlights(t, worldOptions{}, n)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i+1)*2*time.Second)
				defer cancel()
				err := w.Close(ctx)
				if left := w.notSaved(); err == nil && len(left) > 0 {
					t.Errorf("Close = nil, and %d connections are not saved", len(left))
				}
				if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					var unsaved *UnsavedError
					if !errors.As(err, &unsaved) {
						t.Errorf("Close = %v", err)
					}
				}
			})
		}
		wg.Wait()
		w.wantNothingLost(n)
	})
}
