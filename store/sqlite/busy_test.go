package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

var someday = time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)

// lock takes the write lock of the file as another process would.
func lock(t testing.TB, s *Store) (release func()) {
	t.Helper()
	db := raw(t, s.path)
	run(t, db, "BEGIN IMMEDIATE")
	return func() { run(t, db, "COMMIT") }
}

// unchanged checks that the row is as it was, which also shows that reads do not
// wait for a writer.
func unchanged(t testing.TB, s *Store, want store.Row) {
	t.Helper()
	got, err := s.Get(context.Background(), want.Key)
	if err != nil || got.Version != want.Version || string(got.Data) != string(want.Data) {
		t.Errorf("the row is %+v, %v, want version %d with %q", got, err, want.Version, want.Data)
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, timeout := range map[string]time.Duration{"waits": 60 * time.Millisecond, "does not wait": -1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fresh(t, Options{BusyTimeout: timeout})
			row := put(t, s, store.Row{Key: key("a"), Data: []byte("old")})
			release := lock(t, s)
			next := row
			next.Data = []byte("new")
			start := time.Now()
			_, err := s.Put(ctx, next)
			wantOnly(t, err, ErrBusy)
			if took := time.Since(start); took < timeout {
				t.Errorf("gave up after %v, before the BusyTimeout of %v", took, timeout)
			}
			wantOnly(t, s.Delete(ctx, row.Key, row.Version), ErrBusy)
			unchanged(t, s, row)
			open(t, s.path, Options{BusyTimeout: -1}) // takes no lock
			release()
			put(t, s, next)
		})
	}
}

// A writer that waits for another process gets its turn when it is released.
func TestBusyForAWhile(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{})
	row := put(t, s, store.Row{Key: key("a")})
	release := lock(t, s)
	done := make(chan error)
	go func() {
		_, err := s.Put(context.Background(), row)
		done <- err
	}()
	waitInside(s.writeGate)
	release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// waitInside returns once a call is inside the gate.
func waitInside(g gate) {
	for len(g.slots) == 0 {
		runtime.Gosched()
	}
}

// A context that ends while another process has the lock ends the wait, long
// before the BusyTimeout, for the writer and for the one in the queue behind it.
func TestBusyContext(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{BusyTimeout: time.Hour})
	row := put(t, s, store.Row{Key: key("a"), Data: []byte("old")})
	release := lock(t, s)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	for range 2 {
		go func() {
			next := row
			next.Data = []byte("new")
			_, err := s.Put(ctx, next)
			done <- err
		}()
	}
	waitInside(s.writeGate)
	cancel()
	for range 2 {
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("Put: %v, want context.Canceled", err)
		}
	}
	unchanged(t, s, row)
	release()
	put(t, s, row)
}

// Close does not wait out a lock that another process holds.
func TestBusyClose(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{BusyTimeout: time.Hour})
	row := put(t, s, store.Row{Key: key("a")})
	release := lock(t, s)
	defer release()
	done := make(chan error)
	go func() {
		_, err := s.Put(context.Background(), row)
		done <- err
	}()
	waitInside(s.writeGate)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, store.ErrClosed) {
		t.Errorf("Put: %v, want ErrClosed", err)
	}
}

// A List that is interrupted costs its connection; the next call has another.
func TestInterruptedList(t *testing.T) {
	t.Parallel()
	const rows, calls = 300, 100
	s := fresh(t, Options{MaxReaders: 1, Synchronous: Normal})
	for i := range rows {
		put(t, s, store.Row{Key: key(fmt.Sprint(i)), Labels: []string{"x", "y"}, Data: make([]byte, 5000)})
	}
	q := store.Query{Kind: "k", Labels: []string{"x", "y"}, Limit: rows}
	list := func(ctx context.Context) error {
		page, err := s.List(ctx, q)
		if err == nil && len(page.Rows) != rows {
			t.Fatalf("List returned %d rows of %d, and no error", len(page.Rows), rows)
		}
		return err
	}
	start := time.Now()
	if err := list(context.Background()); err != nil {
		t.Fatal(err)
	}
	whole, interrupted := time.Since(start), 0
	for i := range calls {
		ctx, cancel := context.WithTimeout(context.Background(), whole*time.Duration(i)/calls)
		if err := list(ctx); errors.Is(err, context.DeadlineExceeded) {
			interrupted++
		} else if err != nil {
			t.Fatalf("List: %v, want context.DeadlineExceeded", err)
		}
		cancel()
	}
	if interrupted < 2 {
		t.Errorf("%d calls were interrupted: the test shows nothing", interrupted)
	}
	if err := list(context.Background()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
