package functions

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store"
)

// Work runs what is due until ctx is done, and returns ctx's error: accepted runs,
// schedules, what webhooks started. Any number of processes may be at it, and a
// process may go at any moment: what it had in hand is taken up by another one, half a
// minute later.
//
// When ctx is done, functions under way are told so by their contexts, and Work waits
// for them; what they did not finish is put back and does not count as an attempt.
//
// Failures of runs and of single rows are logged. A Store that fails is tried again; one
// that is closed is the end.
func (f *Functions) Work(ctx context.Context) error {
	if err := f.durably(); err != nil {
		return err
	}
	wctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	w := &worker{Functions: f, slots: make(chan struct{}, f.concurrency), stop: stop, known: map[string]bool{}}
	var loops sync.WaitGroup
	loops.Go(func() { w.sweepAgain(wctx, kindRun, f.nudge) })
	loops.Go(func() { w.sweepAgain(wctx, kindState, nil) })
	loops.Go(func() { w.discoverAgain(wctx) })
	if f.queue != nil {
		loops.Go(func() { w.receive(wctx) })
	}
	loops.Wait()
	w.runs.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return context.Cause(wctx)
}

// worker is one call of Work.
type worker struct {
	*Functions
	slots chan struct{} // a token for each function under way
	runs  sync.WaitGroup
	stop  context.CancelCauseFunc
	known map[string]bool // schedules whose rows were seen, by Unique
}

// failed logs that something of the worker's did not work, or ends it if it never
// will.
func (w *worker) failed(ctx context.Context, text string, err error, attrs ...slog.Attr) {
	switch {
	case errors.Is(err, store.ErrClosed), errors.Is(err, tieline.ErrClosed):
		w.stop(tieline.ErrClosed)
	case ctx.Err() == nil:
		w.log.LogAttrs(ctx, slog.LevelWarn, text, append(attrs, errorAttr(translate(err)))...)
	}
}

// sweepAgain looks for what is due, more often while there is something.
func (w *worker) sweepAgain(ctx context.Context, kind store.Kind, nudge <-chan struct{}) {
	for ctx.Err() == nil {
		n, err := w.sweep(ctx, kind)
		wait := w.poll
		switch {
		case err != nil:
			w.failed(ctx, "looking for what is due failed", err)
			wait = max(wait, 5*time.Second)
		case n > 0:
			wait /= 4
		case w.watching():
			wait = min(wait, w.times.watch/4) // or nobody sees soon that it stood still
		}
		timer := time.NewTimer(wait*9/10 + jitter(wait/5))
		select {
		case <-timer.C:
		case <-nudge:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// jitter is a random time below d.
func jitter(d time.Duration) time.Duration { return rand.N(max(d, 1)) }

// sweep begins to do what is due, and waits for room where there is none. It answers
// with how many rows it found something to do about.
func (w *worker) sweep(ctx context.Context, kind store.Kind) (n int, err error) {
	w.forgetWatches()
	for row, err := range w.rows(ctx, store.Query{Kind: kind, DueBefore: w.now().Add(time.Microsecond), Limit: runsPage}) {
		if err != nil {
			return n, err
		}
		if w.offer(ctx, row, nil) {
			n++
		}
	}
	return n, nil
}

// offer begins to do what a row that is due asks for, as soon as there is room, and
// calls done after it. It answers false if that is nothing.
func (w *worker) offer(ctx context.Context, row store.Row, done func()) bool {
	e, err := parseEntry(row)
	if err != nil {
		w.putOff(ctx, entry{row: row}, err)
		return false
	}
	switch {
	case e.rec.Finished():
		if err := w.store.Delete(ctx, row.Key, row.Version); err != nil && !known(err) {
			w.failed(ctx, "a run that is over could not be deleted", err, e.attrs()...)
		}
		return false
	case e.rec.State == record.FunctionRunning && !w.mayTake(e), !w.take(row.ID):
		return false
	}
	select {
	case w.slots <- struct{}{}:
	case <-ctx.Done():
		w.drop(row.ID)
		return false
	}
	w.runs.Go(func() {
		defer func() {
			<-w.slots
			w.drop(row.ID)
			if done != nil {
				done()
			}
		}()
		w.do(ctx, e)
	})
	return true
}

// take notes that this process is about to hold a row, unless it does.
func (w *worker) take(id string) bool {
	w.dmu.Lock()
	defer w.dmu.Unlock()
	if w.inHand[id] {
		return false
	}
	w.inHand[id] = true
	return true
}

func (w *worker) drop(id string) {
	w.dmu.Lock()
	defer w.dmu.Unlock()
	delete(w.inHand, id)
}

// do does what a row asks for.
func (w *worker) do(ctx context.Context, e entry) {
	conn, fn, err := w.subject(ctx, e)
	switch {
	case err == nil:
	case errors.Is(err, ErrUnknownFunction):
		w.unwanted(ctx, e, unknownFor)
		return
	case errors.Is(err, tieline.ErrNotFound):
		return // the row is gone with its connection
	default:
		w.putOff(ctx, e, err)
		return
	}
	leave, ok := w.tryEnter(fn, conn.RowID)
	if !ok {
		return // it stays due
	}
	defer leave()
	if e.row.Kind == kindState {
		err = w.doState(ctx, e, conn, fn)
	} else {
		err = w.doRun(ctx, e, conn, fn)
	}
	if err != nil && !errors.Is(err, errBusy) {
		w.putOff(ctx, e, err)
	}
}

// subject finds the connection and the function of a row. The connection's names may
// have changed since the row was made.
func (f *Functions) subject(ctx context.Context, e entry) (tieline.Connection, *Function, error) {
	conn, err := f.client.Connections.Get(ctx, e.rec.Integration, e.rec.Connection)
	if errors.Is(err, tieline.ErrNotFound) || err == nil && conn.RowID != e.row.Parent.ID {
		conn, err = f.connection(ctx, e.row.Parent)
	}
	if err != nil {
		return tieline.Connection{}, nil, err
	}
	fn, err := f.lookup(conn.Integration, conn.Provider, e.rec.Name)
	return conn, fn, err
}

// connection finds a connection by its row.
func (f *Functions) connection(ctx context.Context, key store.Key) (tieline.Connection, error) {
	row, err := f.store.Get(ctx, key)
	if err != nil {
		return tieline.Connection{}, translate(err)
	}
	parent, err := f.store.Get(ctx, row.Parent)
	if err != nil {
		return tieline.Connection{}, translate(err)
	}
	return f.client.Connections.Get(ctx, parent.Unique, row.Unique[len(store.JoinPath(parent.ID, "")):])
}

// maxEarly is how far the clock that a wake-up goes by may be ahead of this one's.
const maxEarly = 5 * time.Second

// receive takes wake-ups until ctx is done.
func (w *worker) receive(ctx context.Context) {
	for ctx.Err() == nil {
		err := w.queue.Receive(ctx, []string{string(kindRun), string(kindState)}, w.woken)
		if err != nil && ctx.Err() == nil {
			w.failed(ctx, "receiving wake-ups failed", err)
		}
		pause(ctx, time.Second)
	}
}

// woken looks at the row that a wake-up names, and is back when that is done.
func (w *worker) woken(ctx context.Context, wake queue.Wake) error {
	row, err := w.store.Get(ctx, store.Key{Kind: store.Kind(wake.Kind), ID: wake.ID})
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
		return nil
	case err != nil:
		return translate(err)
	case row.Kind != kindRun && row.Kind != kindState, row.Due.IsZero():
		return nil
	}
	early := row.Due.Sub(w.now())
	if early > maxEarly {
		return nil // there is another wake-up for that, or a sweep
	}
	if early >= 0 && !pause(ctx, early+time.Millisecond) {
		return ctx.Err()
	}
	done := make(chan struct{})
	if w.offer(ctx, row, func() { close(done) }) {
		<-done
	}
	return ctx.Err()
}
