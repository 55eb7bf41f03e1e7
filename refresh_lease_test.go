package tieline

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// crashDuring leaves the row as a process does that dies in the middle of a
// refresh: held, with the time of its own clock.
func (w *world) crashDuring(beat time.Time) {
	w.t.Helper()
	row, rec := w.connectionRecord()
	rec.State.Fence++
	rec.State.Holder, rec.State.Beat, rec.State.Sent = "dead", beat, true
	if _, err := w.store.Put(w.t.Context(), connectionRow(row, rec)); err != nil {
		w.t.Fatal(err)
	}
}

func TestTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.crashDuring(time.Now())
		start := time.Now()
		w.credential()
		if d := time.Since(start); d < 45*time.Second || d > 50*time.Second {
			t.Errorf("took over after %v, want 45 s of watching", d)
		}
		w.wantRefreshes(1)
	})
}

// Time that passed before anybody watched does not count, whatever the clocks say.
func TestTakeOverIsByObservation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, reads := flaky()
		w := connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		w.crashDuring(time.Now())
		time.Sleep(30 * time.Minute)
		start := time.Now()
		go func() {
			time.Sleep(30 * time.Second)
			reads.Store(true) // an outage makes what was seen worthless
			time.Sleep(3 * time.Second)
			reads.Store(false)
		}()
		w.credential()
		if d := time.Since(start); d < 78*time.Second {
			t.Errorf("took over after %v, of which only %v were watched without a break", d, d-33*time.Second)
		}
		w.wantRefreshes(1)
	})
}

// Between the taking over and the sending, an outage does not count either.
func TestOutageAfterTakingOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, reads := flaky()
		w := connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		w.crashDuring(time.Now())
		start := time.Now()
		go func() {
			time.Sleep(40 * time.Second)
			reads.Store(true)
			time.Sleep(3 * time.Second)
			reads.Store(false)
		}()
		w.credential()
		if d := time.Since(start); d < 50*time.Second {
			t.Errorf("sent after %v", d)
		}
		w.wantRefreshes(1)
	})
}

func TestAncientLeaseIsTakenAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		w.crashDuring(time.Now())
		time.Sleep(61 * time.Minute)
		start := time.Now()
		w.credential()
		if d := time.Since(start); d > 9*time.Second {
			t.Errorf("waited %v for a process that died an hour ago", d)
		}
		w.wantRefreshes(1)
	})
}

// With a provider that punishes reuse, a token that may have been spent is tried
// again only when the access token is nearly over.
func TestStrictProviderIsTriedLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(51 * time.Minute)
		w.crashDuring(time.Now())
		for range 5 {
			w.credential()
			time.Sleep(time.Minute)
		}
		if n := w.provider.Stats().Requests[providertest.Refresh]; n != 0 {
			t.Errorf("%d requests while the access token had minutes left", n)
		}
		time.Sleep(2 * time.Minute)
		w.credential()
		time.Sleep(time.Minute)
		w.wantRefreshes(1)
	})
}

// A machine that was suspended between taking the lease and sending must not send.
func TestNotSentAfterAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var stall atomic.Bool
		s := storetest.Faulty(&store.Memory{}, nil, func(op string, key store.Key) error {
			if op == "Put" && key.Kind == kindConnection && stall.Swap(false) {
				time.Sleep(11 * time.Second)
			}
			return nil
		})
		w := connected(t, worldOptions{store: s, policy: RefreshPolicy{SaveTimeout: 13 * time.Second, TakeOver: time.Minute}})
		time.Sleep(time.Hour)
		sent := make(chan time.Time, 10)
		w.provider.FailFunc(func(r *http.Request) *providertest.Fault {
			if strings.HasSuffix(r.URL.Path, "/token") {
				sent <- time.Now()
			}
			return nil
		})
		stall.Store(true)
		start := time.Now()
		w.credential()
		if d := (<-sent).Sub(start); d < 11*time.Second {
			t.Errorf("sent after %v", d)
		}
		if _, rec := w.connectionRecord(); rec.State.Fence < 3 {
			t.Errorf("sent under the old lease: fence %d", rec.State.Fence)
		}
		w.wantRefreshes(1)
	})
}
