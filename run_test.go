package tieline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		for i := range 30 {
			w.connect("acme", fmt.Sprint("user-", i))
		}
		w.consent("acme", AuthorizeOptions{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 2)
		other, _, _ := w.client(worldOptions{})
		for _, c := range []*Client{w.Client, other} {
			go func() { done <- c.Run(ctx) }()
		}
		time.Sleep(49 * time.Minute)
		w.wantRefreshes(0)
		if n := len(w.rows(kindAuthorization)); n != 0 {
			t.Errorf("%d authorizations are left that nobody came back for", n)
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		w.wantRefreshes(30)
		if left := time.Until(w.rows(kindConnection)[0].Due); left < 40*time.Minute {
			t.Errorf("due again in %v", left)
		}
		cancel()
		for range 2 {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Run = %v", err)
			}
		}
	})
}

// What fails is tried again at its time, and does not keep the others waiting.
func TestRunGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _, reads := flaky()
		w := newWorld(t, worldOptions{store: s})
		w.integration("acme", "acme")
		w.connect("acme", "dead")
		w.connect("acme", "alice")
		w.provider.Revoke(w.provider.Grants()[0].ID)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		reads.Store(true)
		go func() { done <- w.Run(ctx) }()
		time.Sleep(30 * time.Minute)
		reads.Store(false)
		time.Sleep(3 * time.Hour)
		cancel()
		<-done
		conn, err := w.Connections.Get(t.Context(), "acme", "dead")
		if err != nil || conn.Status != StatusNeedsReauth {
			t.Errorf("the dead one: %s, %v", conn.Status, err)
		}
		if n := w.provider.Stats().RefreshRejected; n != 2 {
			t.Errorf("the dead one was tried %d times", n)
		}
		if conn, _ := w.Connections.Get(t.Context(), "acme", "alice"); conn.RefreshedAt.IsZero() {
			t.Error("the living one was not refreshed")
		}
	})
}

func TestRunEndsWithTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		done := make(chan error, 1)
		go func() { done <- w.Run(t.Context()) }()
		time.Sleep(time.Minute)
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, ErrClosed) {
			t.Errorf("Run = %v", err)
		}
	})
}

func TestRunEndsWithTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &store.Memory{}
		w := connected(t, worldOptions{store: m})
		_ = m.Close()
		if err := w.Run(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Run = %v", err)
		}
	})
}

// FetchedAt moves about once a day, and reading costs no write otherwise.
func TestFetchedAt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := keyWorld(t, worldOptions{})
		conn, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key"))
		if err != nil {
			t.Fatal(err)
		}
		read := func() store.Row {
			t.Helper()
			if _, err := w.Connections.Credential(t.Context(), "acme-key", "alice"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return w.rows(kindConnection)[0]
		}
		if row := read(); row.Version != 1 {
			t.Errorf("reading wrote the row: version %d", row.Version)
		}
		time.Sleep(25 * time.Hour)
		read()
		if row := read(); row.Version != 2 {
			t.Errorf("version %d after a day", row.Version)
		}
		if now, _ := w.Connections.Get(t.Context(), "acme-key", "alice"); !now.FetchedAt.Equal(conn.FetchedAt.Add(25*time.Hour)) || !now.UpdatedAt.Equal(conn.UpdatedAt) {
			t.Errorf("fetched %v, updated %v", now.FetchedAt, now.UpdatedAt)
		}
	})
}
