package functions

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// observer is a Store that checks every write to a schedule's row against the one
// before: intervals follow each other without a gap, each is completed once, and a
// checkpoint, which is to be a number that grows by one, never goes back.
type observer struct {
	*store.Memory
	w *world

	mu        sync.Mutex
	last      map[string]entry // by row
	completed map[string][]Interval
	points    map[string]int // the checkpoint
}

// observe puts an observer between a world and its Store, for processes made after it.
func (w *world) observe() *observer {
	o := &observer{Memory: w.store, w: w, last: map[string]entry{}, completed: map[string][]Interval{}, points: map[string]int{}}
	w.base = o
	return o
}

// Put looks at a row that was written.
func (o *observer) Put(ctx context.Context, row store.Row) (store.Row, error) {
	if row.Kind != kindState {
		return o.Memory.Put(ctx, row)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	stored, err := o.Memory.Put(ctx, row)
	if err == nil {
		o.check(stored)
	}
	return stored, err
}

func (o *observer) check(row store.Row) {
	t := o.w.t
	e, err := parseEntry(row)
	if err != nil {
		t.Errorf("a schedule's row: %v", err)
		return
	}
	content, err := (&Functions{durable: &durable{keys: o.w.keys}}).open(e)
	if err != nil {
		t.Errorf("a schedule's row: %v", err)
	}
	point := 0
	if len(content.Checkpoint) > 0 {
		if err := json.Unmarshal(content.Checkpoint, &point); err != nil {
			t.Error(err)
		}
	}
	if was := o.points[row.ID]; point != was && point != was+1 {
		t.Errorf("%s: the checkpoint went from %d to %d", e.rec.Connection, was, point)
	}
	o.points[row.ID] = point
	was, ok := o.last[row.ID]
	o.last[row.ID] = e
	switch {
	case !ok:
		if !e.rec.From.IsZero() || e.rec.Completed != 0 {
			t.Errorf("%s begins with %+v", e.rec.Connection, e.rec)
		}
	case e.rec.Completed == was.rec.Completed:
		if !e.rec.From.Equal(was.rec.From) {
			t.Errorf("%s: an interval went from %v to %v", e.rec.Connection, was.rec.From, e.rec.From)
		}
	case e.rec.Completed == was.rec.Completed+1:
		if !e.rec.From.Equal(was.rec.To) || !e.rec.From.After(was.rec.From) {
			t.Errorf("%s: %v to %v was completed as %v", e.rec.Connection, was.rec.From, was.rec.To, e.rec.From)
		}
		o.completed[e.rec.Connection] = append(o.completed[e.rec.Connection], Interval{was.rec.From, e.rec.From})
	default:
		t.Errorf("%s: %d intervals were completed at once", e.rec.Connection, e.rec.Completed-was.rec.Completed)
	}
}

// intervals are those that were completed for a connection. They are contiguous, and
// the first has no beginning.
func (o *observer) intervals(connection string) []Interval {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.completed[connection]
	for i, iv := range all {
		if i == 0 && !iv.From.IsZero() || i > 0 && !iv.From.Equal(all[i-1].To) {
			o.w.t.Errorf("%s: interval %d begins at %v", connection, i, iv.From)
		}
	}
	return all
}

// count is a function on a schedule that counts in its checkpoint, and checks that
// nobody else has.
func count(t testing.TB, every time.Duration, body func(ctx context.Context, call *Call) error) *Function {
	return Define("count", func(ctx context.Context, call *Call, _ struct{}) (int, error) {
		n := 0
		if _, err := call.Checkpoint(&n); err != nil {
			t.Error(err)
		}
		if err := body(ctx, call); err != nil {
			return 0, err
		}
		return n + 1, call.SaveCheckpoint(ctx, n+1)
	}, Options{Every: every, Timeout: 10 * time.Minute})
}

func nothing(context.Context, *Call) error { return nil }
