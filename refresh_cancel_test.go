package tieline

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store/sqlite"
)

// Callers leave at any moment of a refresh: they are let go at once, and the
// refresh goes on to its end.
func TestCallersLeaveAtAnyMoment(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testCallersLeave)
}

func testCallersLeave(t *testing.T) {
	const users, rounds = 20, 500
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	for i := range users {
		w.connect("acme", fmt.Sprint("user", i))
	}
	exchange := func(before, after time.Duration) func() {
		return w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Delay: before, DelayAfter: after})
	}
	random := rand.New(rand.NewPCG(1, 2))
	left, stayed := 0, 0
	for round := range rounds {
		// The provider rotates early in its 50 ms, in the middle, or late.
		before := time.Duration(random.Int64N(int64(50 * time.Millisecond)))
		clear := exchange(before, 50*time.Millisecond-before)
		if round%2 == 0 {
			time.Sleep(time.Hour) // what is stored has expired
		}
		var wg sync.WaitGroup
		results := make([]bool, users)
		for i := range users {
			leaves := time.Duration(1 + random.Int64N(int64(60*time.Millisecond)))
			wg.Go(func() { results[i] = leaveAfter(t, w, fmt.Sprint("user", i), round%2 == 1, leaves) })
		}
		wg.Wait()
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		clear()
		if n := w.provider.Stats().Refreshes; n != users*(round+1) {
			t.Fatalf("round %d: %d refreshes, want one for each user and round", round, n)
		}
		for _, l := range results {
			if l {
				left++
			} else {
				stayed++
			}
		}
	}
	if left < users*rounds/2 || stayed < users*rounds/20 {
		t.Errorf("%d callers left and %d stayed: not much of a test", left, stayed)
	}
	closeClean(t, w.Client)
	w.wantOncePerGeneration()
	w.wantNothingLost(users)
}

// leaveAfter asks for a new credential and leaves. It says whether it left
// before there was one.
func leaveAfter(t *testing.T, w *world, id string, force bool, after time.Duration) (left bool) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := time.Now()
	timer := time.AfterFunc(after, cancel)
	defer timer.Stop()
	var err error
	if force {
		_, err = w.Connections.Refresh(ctx, "acme", id, nil)
	} else {
		_, err = w.Connections.Credential(ctx, "acme", id)
	}
	took := time.Since(start)
	switch {
	case err == nil && took > after:
		t.Errorf("a caller that left after %v was kept until %v", after, took)
	case err != nil && (!errors.Is(err, context.Canceled) || took != after):
		t.Errorf("a caller that left after %v got %v after %v", after, err, took)
	}
	return err != nil
}

// The same with a database and in real time.
func TestCallersLeaveOnSQLite(t *testing.T) {
	t.Parallel()
	const users, rounds = 8, 40
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "x.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := newWorld(t, worldOptions{store: db})
	w.integration("acme", "acme")
	for i := range users {
		w.connect("acme", fmt.Sprint("user", i))
	}
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Delay: time.Millisecond, DelayAfter: time.Millisecond})
	var wg sync.WaitGroup
	for i, row := range w.rows(kindConnection) {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(i), 3))
			for range rounds {
				leaveSoon(t, w, connectionID(row), time.Duration(random.Int64N(int64(6*time.Millisecond))))
				if f := w.core.flights.find(row.ID); f != nil {
					<-f.done // or the next one only joins it
				}
			}
		})
	}
	wg.Wait()
	closeClean(t, w.Client)
	w.wantOncePerGeneration()
	w.wantNothingLost(users)
	if n := w.provider.Stats().Refreshes; n < users*rounds/8 {
		t.Errorf("only %d refreshes", n)
	}
}

func leaveSoon(t *testing.T, w *world, id string, after time.Duration) {
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	// The context ends during any call of the database as well.
	if _, err := w.Connections.Refresh(ctx, "acme", id, nil); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Refresh = %v", err)
	}
}
