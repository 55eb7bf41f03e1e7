package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// crashWriter keeps writing its own row, and notes what was acknowledged.
type crashWriter struct {
	s      *Store
	acked  store.Row // the last version that was acknowledged
	wrote  int
	failed error
}

// write goes on until the context is done. A write that failed is looked up, as a
// caller does.
func (w *crashWriter) write(ctx context.Context) {
	for i := 0; ctx.Err() == nil; i++ {
		next := w.acked
		next.Data = fmt.Append(nil, w.acked.ID, i)
		row, err := w.s.Put(context.Background(), next)
		if err == nil {
			w.acked, w.wrote = row, w.wrote+1
			continue
		}
		got, getErr := w.s.Get(context.Background(), next.Key)
		switch {
		case getErr != nil:
			w.failed = errors.Join(err, getErr)
			return
		case got.Version < w.acked.Version, got.Version > w.acked.Version+1:
			w.failed = fmt.Errorf("version %d was acknowledged, and version %d is there", w.acked.Version, got.Version)
			return
		}
		w.acked = got
	}
}

// A server that crashes under load and comes back has everything that it ever
// acknowledged, also where the session was told that it need not.
func TestCrashUnderLoad(t *testing.T) {
	t.Parallel()
	const writers, rounds = 4, 4
	// Without waiting for the disk, what is acknowledged would stay in memory for
	// up to ten seconds.
	cluster := postgrestest.Start(t, "wal_writer_delay=10s")
	s := open(t, address(t, cluster.URL(), "", "crash"), func(cfg *pgxpool.Config) {
		cfg.ConnConfig.RuntimeParams["synchronous_commit"] = "off"
	})
	s.limits = limits{linger: time.Minute, connect: time.Minute, settle: time.Minute, contend: time.Minute}
	var all [writers]*crashWriter
	for i := range all {
		all[i] = &crashWriter{s: s, acked: put(t, s, store.Row{Key: key(fmt.Sprint("writer ", i))})}
	}
	other := put(t, s, store.Row{Key: key("other"), Labels: []string{"x"}})
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for _, w := range all {
			wg.Go(func() { w.write(ctx) })
		}
		awaitProgress(t, s, key("writer 0"), 20)
		// One write that nothing comes after: no later one flushes it.
		cancel()
		wg.Wait()
		other.Data = []byte{byte(round)}
		other = put(t, s, other)
		if round%2 == 0 {
			ctx, cancel = context.WithCancel(t.Context())
			for _, w := range all {
				wg.Go(func() { w.write(ctx) })
			}
			awaitProgress(t, s, key("writer 0"), 10)
		}
		if err := cluster.Stop(postgrestest.Immediate); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
		cancel()
		wg.Wait()
		for _, w := range all {
			if w.failed != nil {
				t.Fatal(w.failed)
			}
			holds(t, s, w.acked)
		}
		holds(t, s, other)
	}
	checkTables(t, s)
}

// awaitProgress returns when the row has been written n times more.
func awaitProgress(t testing.TB, s *Store, k store.Key, n int64) {
	t.Helper()
	row, err := s.Get(context.Background(), k)
	if err != nil {
		t.Fatal(err)
	}
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(30 * time.Second)
	for range ticker.C {
		now, err := s.Get(context.Background(), k)
		switch {
		case err != nil:
			t.Fatal(err)
		case now.Version >= row.Version+n:
			return
		case time.Now().After(deadline):
			t.Fatalf("version %d after %d: the writer makes no progress", now.Version, row.Version)
		}
	}
}

// A delete and a create are made durable as well.
func TestEveryWriteIsDurable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cluster := postgrestest.Start(t, "wal_writer_delay=10s", "synchronous_commit=off")
	s := open(t, address(t, cluster.URL(), "", "durable"))
	doomed := put(t, s, store.Row{Key: key("doomed"), Labels: []string{"x"}})
	crash := func() {
		t.Helper()
		if err := cluster.Stop(postgrestest.Immediate); err != nil {
			t.Fatal(err)
		}
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
	crash()
	holds(t, s, doomed)
	if err := s.Delete(ctx, doomed.Key, doomed.Version); err != nil {
		t.Fatal(err)
	}
	crash()
	absent(t, s, doomed.Key)
	checkTables(t, s)
	if sync := setting(t, s, "synchronous_commit"); sync != "off" {
		t.Errorf("synchronous_commit is %s after a write, and was off", sync)
	}
}

func setting(t testing.TB, s *Store, name string) (value string) {
	t.Helper()
	if err := s.pool.QueryRow(context.Background(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}
