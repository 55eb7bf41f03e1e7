package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

// A context that is done while a call waits for a connection ends the call at
// once, and nothing was sent.
func TestContextEndsTheWaitForAConnection(t *testing.T) {
	t.Parallel()
	s := fresh(t, "pool_max_conns=1")
	s.limits.linger = time.Hour
	row := put(t, s, store.Row{Key: key("a"), Data: []byte("old")})
	held, err := s.pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	next := row
	next.Data = []byte("new")
	_, getErr := s.Get(ctx, row.Key)
	_, putErr := s.Put(ctx, next)
	_, listErr := s.List(ctx, store.Query{Kind: "k"})
	for _, err := range []error{getErr, putErr, listErr, s.Delete(ctx, row.Key, row.Version)} {
		wantErr(t, err, context.DeadlineExceeded)
		if errors.Is(err, ErrUncertain) {
			t.Errorf("nothing was sent, and the error is %v", err)
		}
	}
	held.Release()
	holds(t, s, row)
}

// blocked is a Put that waits for a row that another transaction has locked.
type blocked struct {
	s, other *Store
	name     string
	tx       pgx.Tx
	next     store.Row
	done     chan error
}

func block(t testing.TB, ctx context.Context, linger time.Duration) *blocked {
	t.Helper()
	addr := freshAddress(t, "")
	name := "blocked " + randomID()
	b := &blocked{s: open(t, addr, named(name), single), other: open(t, addr), name: name, done: make(chan error, 1)}
	b.s.limits.linger = linger
	row := put(t, b.s, store.Row{Key: key("a"), Data: []byte("old")})
	b.tx = begin(t, b.other)
	if _, err := b.tx.Exec(context.Background(), inSchema(b.s, "SELECT 1 FROM @.record FOR UPDATE")); err != nil {
		t.Fatal(err)
	}
	b.next = row
	b.next.Data = []byte("new")
	go func() {
		_, err := b.s.Put(ctx, b.next)
		b.done <- err
	}()
	awaitLock(t, b.other, name)
	return b
}

func single(cfg *pgxpool.Config) { cfg.MaxConns = 1 }

func (b *blocked) release(t testing.TB) {
	t.Helper()
	if err := b.tx.Commit(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// A context that is done while a write is under way lets the write finish, so
// that its outcome is known.
func TestContextLetsAWriteFinish(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := block(t, ctx, time.Hour)
	cancel()
	b.release(t)
	if err := <-b.done; err != nil {
		t.Errorf("the write went through, and the error is %v", err)
	}
	b.next.Version++
	holds(t, b.s, b.next)
}

// A write that does not finish in time after its context is done is given up,
// and the caller is told that its outcome is not known.
func TestContextGivesUpAWrite(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b := block(t, ctx, 50*time.Millisecond)
	cancel()
	wantErr(t, <-b.done, context.Canceled, ErrUncertain)
	b.release(t)
	looker := &onlooker{s: b.other, name: b.name}
	if err := b.s.pool.Ping(context.Background()); err != nil {
		t.Fatal(err)
	}
	row := looker.settled(t, b.next)
	row.Data = []byte("later")
	put(t, b.s, row)
}

// settled returns the row as it is when nothing is under way any more, and checks
// that it is wholly old or wholly new.
func (b *onlooker) settled(t testing.TB, next store.Row) store.Row {
	t.Helper()
	b.awaitQuiet(t)
	now, err := b.s.Get(context.Background(), next.Key)
	if err != nil {
		t.Fatal(err)
	}
	isNew := now.Version == next.Version+1 && string(now.Data) == string(next.Data)
	if !isNew && (now.Version != next.Version || string(now.Data) == string(next.Data)) {
		t.Fatalf("the row is neither old nor new: %+v", now)
	}
	return now
}

// onlooker is another handle that watches the sessions of one under test, which
// has an application_name and a single connection.
type onlooker struct {
	s    *Store
	name string
}

// awaitQuiet returns when at most one session is left: one whose client has gone
// may still carry out what it had been sent.
func (b *onlooker) awaitQuiet(t testing.TB) {
	t.Helper()
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for number(t, b.s, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", b.name) > 1 {
		if time.Now().After(deadline) {
			t.Fatal("a session whose client has gone does not end")
		}
		<-ticker.C
	}
}

// Canceled at any moment, with a connection that is cut off and with one that
// may linger, a write leaves the row wholly old or wholly new. Where it may
// linger, the caller always knows which.
func TestCancelAnytime(t *testing.T) {
	t.Parallel()
	for name, linger := range map[string]time.Duration{"cut": 0, "lingering": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := freshAddress(t, "")
			b := &onlooker{s: open(t, addr), name: "canceled " + name}
			s := open(t, addr, named(b.name), single)
			s.limits.linger = linger
			start := time.Now()
			row := put(t, s, store.Row{Key: key("a"), Data: []byte{0}})
			row = put(t, s, row)
			usual := time.Since(start)
			var failed, succeeded int
			for i := range 300 {
				ctx, cancel := context.WithCancel(context.Background())
				timer := time.AfterFunc(rand.N(usual), cancel)
				if i%10 == 0 {
					cancel()
				}
				next := row
				next.Data = []byte{byte(i), 1}
				_, err := s.Put(ctx, next)
				timer.Stop()
				cancel()
				if err := s.pool.Ping(context.Background()); err != nil { // the one session that stays
					t.Fatal(err)
				}
				now := b.settled(t, next)
				switch {
				case err == nil && now.Version != next.Version+1:
					t.Fatal("the write succeeded, and the row is old")
				case err != nil && !errors.Is(err, context.Canceled):
					t.Fatalf("the error is %v, want context.Canceled", err)
				case err != nil && linger > 0 && (errors.Is(err, ErrUncertain) || now.Version != next.Version):
					t.Fatalf("the caller was told %v, and the version is %d after %d", err, now.Version, next.Version)
				case err != nil && !errors.Is(err, ErrUncertain) && now.Version != next.Version:
					t.Fatalf("the caller was told %v, and the row is new", err)
				}
				if err != nil {
					failed++
				} else {
					succeeded++
				}
				row = now
			}
			if failed == 0 || succeeded == 0 {
				t.Errorf("%d calls failed and %d succeeded: the test shows nothing", failed, succeeded)
			}
		})
	}
}

// A read whose context is done keeps its connection: a burst of callers who give
// up must not cost a burst of new connections.
func TestCanceledReadsKeepTheirConnections(t *testing.T) {
	t.Parallel()
	dials := 0
	s := open(t, freshAddress(t, "pool_max_conns=1"), func(cfg *pgxpool.Config) {
		cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { dials++; return nil }
	})
	s.limits.linger = time.Minute
	row := put(t, s, store.Row{Key: key("a")})
	failed := 0
	for i := range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*time.Microsecond)
		_, err := s.Get(ctx, row.Key)
		cancel()
		if err != nil {
			wantErr(t, err, context.DeadlineExceeded)
			failed++
		}
	}
	if failed == 0 || dials != 1 {
		t.Errorf("%d reads were given up, and %d connections made, want some and 1", failed, dials)
	}
}
