package tieline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
)

// faultStyles are the ways in which the sweeps of this file let a call fail.
var faultStyles = []faultStyle{
	{name: "fails"},
	{name: "happens and reports an error", happens: true},
	{name: "an outage begins", lasts: 30 * time.Second},
	{name: "an outage begins in which calls happen", happens: true, lasts: 30 * time.Second},
	{name: "an outage begins that outlasts a lease", lasts: 3 * time.Minute},
}

// sweep calls try for n = 1, 2, ... until it says that no n-th call was made.
func sweep(t *testing.T, least int, try func(n int) (fired bool)) {
	t.Helper()
	for n := 1; ; n++ {
		if !try(n) {
			if n <= least {
				t.Errorf("only %d calls were there to fail", n-1)
			}
			return
		}
		if t.Failed() {
			return
		}
		if n == 500 {
			t.Fatal("there is no end to the calls")
		}
	}
}

// Whichever call of the Store fails during a refresh, and however: no token is
// sent twice, and none is lost.
func TestNthCallFailsInARefresh(t *testing.T) {
	t.Parallel()
	for _, style := range faultStyles {
		for _, age := range []time.Duration{52 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%s/%v old", style.name, age), func(t *testing.T) {
				t.Parallel()
				sweep(t, 8, func(n int) (fired bool) {
					synctest.Test(t, func(t *testing.T) { fired = refreshUnderFault(t, n, style, age) })
					return fired
				})
			})
		}
	}
}

// refreshUnderFault has two processes refresh a token of this age while the
// n-th call fails, and checks what is left.
func refreshUnderFault(t *testing.T, n int, style faultStyle, age time.Duration) (fired bool) {
	defer func() {
		if t.Failed() {
			t.Logf("with call %d failing", n)
		}
	}()
	var faults nth
	memory := &store.Memory{}
	w := connected(t, worldOptions{store: faults.wrap(memory)})
	other, _, _ := w.client(worldOptions{})
	first := w.credential()
	time.Sleep(age)
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, DelayAfter: 100 * time.Millisecond})
	faults.arm(n, style)
	var wg sync.WaitGroup
	for _, c := range []*Client{w.Client, other} {
		wg.Go(func() {
			cred, err := c.Connections.Credential(t.Context(), "acme", "alice")
			if err == nil && age >= time.Hour && cred.(*OAuth2Token).AccessToken.Equal(first.AccessToken) {
				t.Error("an expired token was served")
			}
		})
	}
	wg.Wait()
	time.Sleep(style.lasts + time.Second)
	fired = faults.disarm()

	if style.lasts > 0 {
		// Longer than a lease is watched, and than the pause after a failure.
		time.Sleep(2 * time.Minute)
	}
	start := time.Now()
	for _, c := range []*Client{w.Client, other} {
		w.credentialOf(c)
	}
	if d := time.Since(start); style.lasts == 0 && d > time.Second {
		t.Errorf("after one failing call, callers had to wait %v", d)
	}
	time.Sleep(5 * time.Minute)
	for _, c := range []*Client{w.Client, other} {
		if got := w.credentialOf(c); got.AccessToken.Equal(first.AccessToken) {
			t.Error("the first token is still served")
		}
	}
	closeClean(t, w.Client, other)
	w.core.store = memory
	w.wantOncePerGeneration()
	w.wantRefreshes(1)
	w.wantNothingLost(1)
	return fired
}

// The same with a database, in real time.
func TestNthCallFailsOnSQLite(t *testing.T) {
	t.Parallel()
	// Short where a single failing call can cost a pause; a machine may be busy.
	policy := RefreshPolicy{Confirm: 10 * time.Millisecond, RetryMin: 10 * time.Millisecond, RetryMax: 20 * time.Millisecond}
	for _, style := range faultStyles[:2] {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			db, err := sqlite.Open(filepath.Join(t.TempDir(), "x.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			var faults nth
			var clock settableClock
			config := func(cfg *Config) { cfg.Now = clock.Now }
			w := connected(t, worldOptions{store: faults.wrap(db), policy: policy, config: config, provider: providertest.Options{Now: clock.Now}})
			other, _, _ := w.client(worldOptions{policy: policy, config: config})
			generation := 0
			sweep(t, 6, func(n int) bool {
				generation++
				return refreshOnSQLite(t, w, other, &faults, &clock, n, style, generation)
			})
			closeClean(t, w.Client, other)
			w.wantNothingLost(1)
		})
	}
}

func refreshOnSQLite(t *testing.T, w *world, other *Client, faults *nth, clock *settableClock, n int, style faultStyle, generation int) (fired bool) {
	clock.advance(time.Hour)
	faults.arm(n, style)
	var wg sync.WaitGroup
	for _, c := range []*Client{w.Client, other} {
		wg.Go(func() { _, _ = c.Connections.Credential(t.Context(), "acme", "alice") })
	}
	wg.Wait()
	// What the failure left behind goes on after the callers got their answers.
	w.flightsEnd(w.Client, other)
	fired = faults.disarm()
	clock.advance(time.Minute)
	for _, c := range []*Client{w.Client, other} {
		w.credentialOf(c)
	}
	w.flightsEnd(w.Client, other)
	w.wantOncePerGeneration()
	w.wantRefreshes(generation)
	w.wantNothingLost(1)
	return fired
}

// flightsEnd waits until nothing is under way.
func (w *world) flightsEnd(clients ...*Client) {
	w.t.Helper()
	for _, c := range clients {
		if err := c.core.flights.wait(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// The same when nobody asks, and two processes look for what is due.
func TestNthCallFailsInRun(t *testing.T) {
	t.Parallel()
	for _, style := range faultStyles {
		t.Run(style.name, func(t *testing.T) {
			t.Parallel()
			sweep(t, 20, func(n int) (fired bool) {
				synctest.Test(t, func(t *testing.T) { fired = runUnderFault(t, n, style) })
				return fired
			})
		})
	}
}

func runUnderFault(t *testing.T, n int, style faultStyle) (fired bool) {
	defer func() {
		if t.Failed() {
			t.Logf("with call %d failing", n)
		}
	}()
	var faults nth
	memory := &store.Memory{}
	w := connected(t, worldOptions{store: faults.wrap(memory)})
	other, _, _ := w.client(worldOptions{})
	first, start := w.credential(), time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var runs sync.WaitGroup
	for _, c := range []*Client{w.Client, other} {
		runs.Go(func() {
			if err := c.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v", err)
			}
		})
	}
	// An hour's token is due ten minutes before its end, or up to one later.
	time.Sleep(49*time.Minute + 50*time.Second)
	faults.arm(n, style)
	time.Sleep(80*time.Second + style.lasts)
	fired = faults.disarm()
	// A lease that could not be given back may cost it all but the last moments.
	time.Sleep(59*time.Minute + 50*time.Second - time.Since(start))
	cancel()
	runs.Wait()
	if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
		t.Error("what was due was not refreshed")
	}
	closeClean(t, w.Client, other)
	w.core.store = memory
	w.wantOncePerGeneration()
	w.wantRefreshes(1)
	w.wantNothingLost(1)
	return fired
}
