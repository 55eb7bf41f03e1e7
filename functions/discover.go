package functions

import (
	"context"
	"errors"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// discoverAgain looks for connections that a function on a schedule is new to, at once
// and then again and again.
func (w *worker) discoverAgain(ctx context.Context) {
	for ctx.Err() == nil {
		if err := w.discoverAll(ctx); err != nil {
			w.failed(ctx, "looking for connections that are new failed", err)
		}
		pause(ctx, w.discover*9/10+jitter(w.discover/5))
	}
}

// discoverAll makes a row for each schedule of each connection that has none. Rows that
// were seen once are not looked for again.
func (w *worker) discoverAll(ctx context.Context) error {
	seen := map[string]bool{}
	for i, err := range w.client.Integrations.All(ctx) {
		if err != nil {
			if i.RowID == "" {
				return err
			}
			continue // it is damaged; the Client says so
		}
		scheduled := w.scheduled(i)
		if len(scheduled) == 0 {
			continue
		}
		for conn, err := range w.client.Connections.All(ctx, tieline.Filter{Integration: i.Key}) {
			if err != nil {
				if conn.RowID == "" {
					return err
				}
				continue
			}
			for _, fn := range scheduled {
				if err := w.ensure(ctx, conn, fn, seen); err != nil {
					return err
				}
			}
		}
	}
	w.known = seen // without those that are gone
	return nil
}

// scheduled are the functions of an integration that are on a schedule.
func (w *worker) scheduled(i tieline.Integration) []*Function {
	var out []*Function
	for _, fn := range w.of(i.Key, i.Provider) {
		if fn.o.Every > 0 {
			out = append(out, fn)
		}
	}
	return out
}

// ensure makes the row of a schedule, or adapts the one that is there to another
// interval.
func (w *worker) ensure(ctx context.Context, conn tieline.Connection, fn *Function, seen map[string]bool) error {
	unique := store.JoinPath(conn.RowID, fn.name)
	seen[unique] = true
	if w.known[unique] {
		return nil
	}
	row, err := store.GetUnique(ctx, w.store, kindState, unique)
	if errors.Is(err, store.ErrNotFound) {
		err = w.newState(ctx, conn, fn, unique)
	} else if err == nil {
		err = w.adapt(ctx, row, fn)
	}
	if known(err) && !errors.Is(err, store.ErrClosed) {
		return nil // another process was first, or the connection is gone
	}
	if err == nil {
		w.known[unique] = true // also when a later one fails
	}
	return err
}

// newState writes the row of a schedule, due at the first point of its grid.
func (w *worker) newState(ctx context.Context, conn tieline.Connection, fn *Function, unique string) error {
	e := newEntry(kindState, conn, fn, w.now())
	e.row.Unique = unique
	e.row.Due = fn.grid(conn.RowID).next(e.rec.CreatedAt)
	e.rec.Every = int64(fn.o.Every)
	if err := w.seal(e, record.FunctionContent{}); err != nil {
		return err
	}
	e, err := w.create(ctx, e)
	if err == nil {
		w.wake(ctx, e)
	}
	return err
}

// adapt makes a schedule due by its new interval, if it has another one than before.
func (w *worker) adapt(ctx context.Context, row store.Row, fn *Function) error {
	e, err := parseEntry(row)
	if err != nil || e.rec.State == record.FunctionRunning || e.rec.Every == int64(fn.o.Every) {
		return nil // who cannot read it says so when it is due
	}
	next := e.edited()
	next.rec.Every = int64(fn.o.Every)
	due := fn.grid(row.Parent.ID).next(w.now())
	if next.rec.Fails == 0 || due.Before(next.row.Due) {
		next.row.Due = due
	}
	stored, err := w.store.Put(ctx, next.packed())
	if err == nil {
		w.wake(ctx, entry{stored, next.rec})
	}
	return err
}

// Schedule is where a function on a schedule stands for a connection.
type Schedule struct {
	Function string
	Next     time.Time // when it is due next
	Running  bool      // an attempt is under way, or was when its process ended
	// Paused reports that it waits until the user has authorized again.
	Paused bool

	CompletedTo time.Time // the end of the last completed interval; zero: none is
	Completed   int       // how many are
	Fails       int       // attempts that failed since
	Kind        Kind      // of the last failure, "" after a success
	Error       string    // what the function returned then
}

// Schedules are those of a connection, in no particular order. One that cannot be read
// has its Function empty and Error set.
func (f *Functions) Schedules(ctx context.Context, to Target) ([]Schedule, error) {
	q, err := f.runsQuery(ctx, to, "")
	if err != nil {
		return nil, opError("list schedules", err, to, "")
	}
	q.Kind = kindState
	out := []Schedule{}
	for row, err := range f.rows(ctx, q) {
		if err != nil {
			return nil, opError("list schedules", translate(err), to, "")
		}
		e, content, err := f.read(row)
		if err != nil {
			out = append(out, Schedule{Error: err.Error()})
			continue
		}
		out = append(out, Schedule{
			Function: e.rec.Name, Next: row.Due, Running: e.rec.State == record.FunctionRunning, Paused: e.rec.Paused,
			CompletedTo: e.rec.From, Completed: int(e.rec.Completed), Fails: int(e.rec.Fails),
			Kind: Kind(e.rec.ErrKind), Error: content.Error,
		})
	}
	return out, nil
}
