package tieline

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
)

func TestHealthOfAnUnsavedToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := connected(t, worldOptions{store: s})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { writes.Store(true) }})
		since := time.Now()
		w.credential()
		time.Sleep(time.Minute)
		h := w.Health()
		want := []UnsavedToken{{Connection: "acme/alice", Since: since.UTC()}}
		if diff := cmp.Diff(want, h.Unsaved); diff != "" {
			t.Errorf("unsaved (-want +got):\n%s", diff)
		}
		var unsaved *UnsavedError
		if err := h.Err(); !errors.As(err, &unsaved) || unsaved.Connections[0] != "acme/alice" {
			t.Errorf("Err = %v", err)
		}
		if h.Refreshing != 1 || h.Counts.SaveRetries < 20 || h.Counts.Refreshed != 0 {
			t.Errorf("%+v", h)
		}
		writes.Store(false)
		time.Sleep(10 * time.Second)
		if h := w.Health(); h.Err() != nil || h.Refreshing != 0 || h.Counts.Refreshed != 1 {
			t.Errorf("after the outage: %+v", h)
		}
	})
}

// Another process began and is not heard of again.
func TestHealthCounts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.crashDuring(time.Now())
		start := time.Now()
		w.credential()
		waited := time.Since(start)
		synctest.Wait()
		got := w.Health().Counts
		want := RefreshCounts{Exchanges: 1, Refreshed: 1, LeaseWaits: 1, LeaseWaitTime: got.LeaseWaitTime, TakeOvers: 1}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		if got.LeaseWaitTime != waited {
			t.Errorf("the caller waited %v, of which %v for the lease", waited, got.LeaseWaitTime)
		}
		if n := w.events.count(EventTakenOver); n != 1 {
			t.Errorf("%d events about it", n)
		}
	})
}

func TestHealthOfALostRotation(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Lost: true})
		_, err := w.Connections.Credential(t.Context(), "acme", "alice")
		if !errors.Is(err, ErrReauthRequired) {
			t.Errorf("Credential = %v", err)
		}
		synctest.Wait()
		if got := w.Health().Counts; got.ReauthRequired != 1 || got.LostRotations != 1 || got.Exchanges != 3 {
			t.Errorf("%+v", got)
		}
	})
}
