package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// lostWrite is a write whose connection breaks.
type lostWrite struct {
	s      *Store // whose connection it is
	other  *Store // another handle
	n      *network
	row    store.Row // the row as stored before, or to be created
	op     string
	result store.Row
}

func (w *lostWrite) run() (err error) {
	ctx := context.Background()
	if w.op == "delete" {
		return w.s.Delete(ctx, w.row.Key, w.row.Version)
	}
	next := w.row
	next.Data = []byte("new")
	w.result, err = w.s.Put(ctx, next)
	return err
}

// took checks that the write has taken effect once.
func (w *lostWrite) took(t testing.TB) {
	t.Helper()
	if w.op == "delete" {
		absent(t, w.other, w.row.Key)
		return
	}
	want := w.row
	want.Version, want.Data = want.Version+1, []byte("new")
	holds(t, w.other, want)
	if w.result.Version != want.Version {
		t.Errorf("Put returned version %d, want %d", w.result.Version, want.Version)
	}
}

// meddle writes the row through the other handle.
func (w *lostWrite) meddle(t testing.TB) {
	row, err := w.other.Get(context.Background(), w.row.Key)
	if errors.Is(err, store.ErrNotFound) {
		row, err = w.row, nil
	}
	if err != nil {
		t.Errorf("meddling: %v", err)
	}
	row.Data = []byte("other")
	if _, err := w.other.Put(context.Background(), row); err != nil {
		t.Errorf("meddling: %v", err)
	}
}

// remove deletes the row, or its parent, through the other handle.
func (w *lostWrite) remove(t testing.TB, k store.Key) {
	row, err := w.other.Get(context.Background(), k)
	if err == nil {
		err = w.other.Delete(context.Background(), k, row.Version)
	}
	if err != nil {
		t.Errorf("removing: %v", err)
	}
}

func ops() []string { return []string{"create", "update", "delete"} }

// newLostWrite prepares a write to a row below "parent".
func newLostWrite(t testing.TB, op string) *lostWrite {
	t.Helper()
	addr := freshAddress(t, "default_query_exec_mode=exec")
	w := &lostWrite{op: op, other: open(t, addr)}
	w.s, w.n = openBroken(t, addr)
	put(t, w.other, store.Row{Key: key("parent")})
	w.row = store.Row{Key: key("a"), Parent: key("parent"), Unique: "u", Labels: []string{"x"}, Due: someday(), Data: []byte("old")}
	if op != "create" {
		w.row = put(t, w.other, w.row)
	}
	absent(t, w.s, key("none")) // the connection is up
	return w
}

// Whenever a connection breaks under a write, and nobody meddles, the write takes
// effect exactly once and the caller hears of no trouble.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	for _, op := range ops() {
		for name, f := range map[string]fault{"refused": refuseRequest, "request": loseRequest, "delayed": delayRequest, "answer": loseAnswer} {
			t.Run(op+"/"+name, func(t *testing.T) {
				t.Parallel()
				w := newLostWrite(t, op)
				w.n.strike(f, nil)
				if err := w.run(); err != nil {
					t.Error(err)
				}
				w.took(t)
				if f == delayRequest { // it comes after the one that was sent again
					w.n.deliver(t)
					w.took(t)
				}
			})
		}
	}
}

// A statement that was sent twice and arrives after others have gone on changes
// nothing: a row that is deleted stays deleted.
func TestLateStatement(t *testing.T) {
	t.Parallel()
	for _, op := range ops() {
		for _, meddle := range []bool{false, true} {
			w := newLostWrite(t, op)
			w.n.strike(delayRequest, nil)
			if err := w.run(); err != nil {
				t.Error(err)
			}
			switch {
			case op == "delete": // the row is gone already
			case meddle:
				w.meddle(t)
				want := w.row
				want.Version, want.Data = want.Version+2, []byte("other")
				w.n.deliver(t)
				holds(t, w.other, want)
				continue
			default:
				w.remove(t, w.row.Key)
			}
			w.n.deliver(t)
			absent(t, w.other, w.row.Key)
		}
	}
}

// Losing the answer to the question what became of the write as well changes
// nothing.
func TestLostTwice(t *testing.T) {
	t.Parallel()
	for _, op := range ops() {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w := newLostWrite(t, op)
			again := func() { w.n.strike(loseAnswer, func() { w.n.strike(loseRequest, nil) }) }
			w.n.strike(loseAnswer, again)
			if err := w.run(); err != nil {
				t.Error(err)
			}
			w.took(t)
		})
	}
}

// lostCase is what others do to the row after a connection broke, and what the
// writer must be told.
type lostCase struct {
	name  string
	op    string
	fault fault
	then  func(*lostWrite, testing.TB)
	want  error // nil: the write took effect
}

func lostCases() []lostCase {
	meddle := func(w *lostWrite, t testing.TB) { w.meddle(t) }
	meddleTwice := func(w *lostWrite, t testing.TB) { w.meddle(t); w.meddle(t) }
	remove := func(w *lostWrite, t testing.TB) { w.remove(t, w.row.Key) }
	orphan := func(w *lostWrite, t testing.TB) { w.remove(t, w.row.Parent) }
	return []lostCase{
		// It took effect, and was then replaced: whose version that was is lost.
		{"replaced", "create", loseAnswer, meddle, ErrUncertain},
		{"replaced", "update", loseAnswer, meddle, ErrUncertain},
		// It took effect, and the row was deleted then.
		{"removed", "create", loseAnswer, remove, nil},
		{"removed", "update", loseAnswer, remove, nil},
		{"cascaded", "update", loseAnswer, orphan, ErrUncertain},
		{"cascaded", "create", loseAnswer, orphan, store.ErrNotFound},
		// It did not take effect, and others were faster.
		{"taken", "create", loseRequest, meddle, store.ErrExists},
		{"overtaken", "update", loseRequest, meddle, store.ErrConflict},
		{"overtaken", "delete", loseRequest, meddle, store.ErrConflict},
		{"overtaken twice", "update", loseRequest, meddleTwice, ErrUncertain},
		{"removed before", "update", loseRequest, remove, ErrUncertain},
		{"removed before", "delete", loseRequest, remove, store.ErrNotFound},
		{"no parent", "create", loseRequest, orphan, store.ErrNotFound},
		// Nothing was sent: the answers are those of a write that comes later.
		{"taken, unsent", "create", refuseRequest, meddle, store.ErrExists},
		{"overtaken, unsent", "update", refuseRequest, meddleTwice, store.ErrConflict},
		{"removed, unsent", "update", refuseRequest, remove, store.ErrNotFound},
	}
}

func TestLostAndMeddled(t *testing.T) {
	t.Parallel()
	for _, c := range lostCases() {
		t.Run(c.op+"/"+c.name, func(t *testing.T) {
			t.Parallel()
			w := newLostWrite(t, c.op)
			w.n.strike(c.fault, func() { c.then(w, t) })
			err := w.run()
			switch {
			case c.want == nil && err != nil:
				t.Errorf("the error is %v, want none", err)
			case !errors.Is(err, c.want):
				t.Errorf("the error is %v, want %v", err, c.want)
			case errors.Is(c.want, ErrUncertain) && !errors.Is(err, errBroken):
				t.Errorf("the error does not say what happened: %v", err)
			}
			// A row that others have deleted stays deleted.
			if c.want == nil {
				absent(t, w.other, w.row.Key)
			}
		})
	}
}

// A write whose connection broke because the server is gone is followed up until
// it can be known, and no longer than the limit.
func TestLostServer(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Start(t)
	addr := address(t, cluster.URL(), "default_query_exec_mode=exec", "lost")
	for _, back := range []bool{true, false} {
		w := &lostWrite{op: "update", other: open(t, addr)}
		w.s, w.n = openBroken(t, addr)
		w.s.limits.settle = time.Minute
		id := "stays away"
		if back {
			id = "comes back"
		}
		w.row = put(t, w.s, store.Row{Key: key(id), Data: []byte("old")})
		w.n.strike(loseAnswer, func() {
			if err := cluster.Stop(postgrestest.Immediate); err != nil {
				t.Error(err)
			}
			if !back {
				w.s.limits.settle = 300 * time.Millisecond
			} else if err := cluster.Start(); err != nil {
				t.Error(err)
			}
		})
		err := w.run()
		if !back {
			wantErr(t, err, ErrUncertain)
			if err := cluster.Start(); err != nil {
				t.Fatal(err)
			}
			want := w.row
			want.Version, want.Data = 2, []byte("new")
			holds(t, w.other, want)
			return
		}
		if err != nil {
			t.Errorf("the server came back, and the error is %v", err)
		}
		w.took(t)
	}
}
