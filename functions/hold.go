package functions

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// times are those of a claim. Whoever holds one writes to the row every beat, and
// gives up when none of these writes has succeeded for hold. Whoever finds a row that
// was not written for due begins to watch it, and takes it over when it has stood
// still for watch, which is longer than hold by enough for the function to notice
// that its context is done.
type times struct{ beat, due, hold, watch time.Duration }

// timesFor divides the time after which another process takes over.
func timesFor(takeOver time.Duration) times {
	return times{beat: takeOver / 6, due: takeOver / 3, hold: takeOver / 2, watch: takeOver * 2 / 3}
}

// endFor is how long it is tried to write down what became of a run.
const endFor = 20 * time.Second

// errBusy: somebody else has the row, or has changed it.
var errBusy = errors.New("another process was first")

// watch is what this process has seen of another one's claim.
type watch struct {
	claim, beat int64
	since, seen time.Time // monotonic
}

// mayTake watches a claimed row, and says whether it stood still for long enough.
func (f *Functions) mayTake(e entry) bool {
	now := time.Now()
	f.dmu.Lock()
	defer f.dmu.Unlock()
	w, ok := f.watches[e.row.ID]
	if !ok || w.claim != e.rec.Claim || w.beat != e.rec.Beat {
		w = watch{claim: e.rec.Claim, beat: e.rec.Beat, since: now}
	}
	w.seen = now
	f.watches[e.row.ID] = w
	return now.Sub(w.since) >= f.times.watch
}

// watching reports whether this process has an eye on another one's claim.
func (f *Functions) watching() bool {
	f.dmu.Lock()
	defer f.dmu.Unlock()
	for _, w := range f.watches {
		if time.Since(w.seen) < f.times.watch {
			return true
		}
	}
	return false
}

// forgetWatches drops what is not looked at any more.
func (f *Functions) forgetWatches() {
	f.dmu.Lock()
	defer f.dmu.Unlock()
	for id, w := range f.watches {
		if time.Since(w.seen) > 10*f.times.watch {
			delete(f.watches, id)
		}
	}
}

// hold is a claim of this process: from a durable write until what became of the run
// is written down.
type hold struct {
	f     *Functions
	claim int64
	// turn has a token that goes to who writes the row. What follows is theirs.
	turn    chan struct{}
	e       entry
	beat    int64 // of the last write that was tried; none is tried twice
	content record.FunctionContent

	renewed atomic.Pointer[time.Time] // from before the last write that succeeded
}

func (f *Functions) newHold(e entry, content record.FunctionContent) *hold {
	h := &hold{f: f, claim: newMark(), turn: make(chan struct{}, 1), e: e, beat: e.rec.Beat, content: content}
	h.turn <- struct{}{}
	h.wrote(time.Now())
	return h
}

func (h *hold) wrote(began time.Time) { h.renewed.Store(&began) }

// claim takes a row that waits, or whose holder is gone. edit says what else to
// write. errBusy: somebody else did.
func (f *Functions) claim(ctx context.Context, e entry, edit func(*entry)) (*hold, error) {
	content, err := f.open(e)
	if err != nil {
		return nil, err
	}
	h := f.newHold(e, content)
	next := e.edited()
	next.rec.State, next.rec.Claim, next.rec.Unwanted = record.FunctionRunning, h.claim, time.Time{}
	next.rec.Attempts++
	next.rec.StartedAt = f.now()
	edit(&next)
	row, err := f.store.Put(ctx, h.numbered(next))
	switch {
	case errors.Is(err, store.ErrConflict), errors.Is(err, store.ErrNotFound):
		return nil, errBusy
	case err == nil:
		h.e = entry{row, next.rec}
	default:
		if rerr := h.read(ctx, err); rerr != nil {
			return nil, rerr
		}
		if h.e.rec.Claim != h.claim {
			return nil, err
		}
	}
	return h, nil
}

// held is the hold on a new row that is about to be written as claimed.
func (f *Functions) held(e entry, content record.FunctionContent) *hold {
	h := f.newHold(e, content)
	e.rec.State, e.rec.Claim, e.rec.Attempts, e.rec.StartedAt = record.FunctionRunning, h.claim, 1, f.now()
	h.e.row = h.numbered(e)
	return h
}

// numbered is the row under a new beat, due when it may begin to be watched, or as it
// is if the claim ends with it.
func (h *hold) numbered(next entry) store.Row {
	h.beat++
	next.rec.Beat = h.beat
	if next.rec.State == record.FunctionRunning {
		next.row.Due = h.f.now().Add(h.f.times.due)
	}
	return next.packed()
}

// read reads the row again after a write that failed with err.
func (h *hold) read(ctx context.Context, err error) error {
	key := h.e.row.Key
	row, rerr := h.f.store.Get(ctx, key)
	if errors.Is(rerr, store.ErrNotFound) {
		return rerr
	}
	if rerr != nil {
		return errors.Join(err, rerr)
	}
	h.e, err = parseEntry(row)
	return err
}

// take waits for the turn to write.
func (h *hold) take(ctx context.Context) error {
	select {
	case <-h.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *hold) pass() { h.turn <- struct{}{} }

// write changes the row under the claim. It repeats itself after conflicts, which
// come of moving rows to another key, and says ErrTakenOver when the claim is lost and
// [store.ErrNotFound] when the row is gone.
func (h *hold) write(ctx context.Context, edit func(*entry) error) error {
	return h.put(ctx, false, edit)
}

// last is the write that ends the claim. It may be tried again after an error, and
// knows when an earlier try got through.
func (h *hold) last(ctx context.Context, edit func(*entry) error) error {
	return h.put(ctx, true, edit)
}

func (h *hold) put(ctx context.Context, last bool, edit func(*entry) error) error {
	if err := h.take(ctx); err != nil {
		return err
	}
	defer h.pass()
	first := h.beat + 1
	for {
		if done, err := h.standing(first, last); done || err != nil {
			return err
		}
		next := h.e.edited()
		if err := edit(&next); err != nil {
			return err
		}
		began := time.Now()
		row, err := h.f.store.Put(ctx, h.numbered(next))
		if err == nil {
			h.e = entry{row, next.rec}
			h.wrote(began)
			return nil
		}
		if known(err) && !errors.Is(err, store.ErrConflict) {
			return err
		}
		if rerr := h.read(ctx, err); rerr != nil {
			return rerr
		}
		if known(err) {
			continue
		}
		if done, serr := h.standing(first, last); done || serr != nil {
			return serr
		}
		return err
	}
}

// standing says what the row, as last read, means for a write whose first try has the
// beat first: that it is done already, or that it cannot be done any more.
func (h *hold) standing(first int64, last bool) (done bool, err error) {
	switch {
	case h.e.rec.Claim != h.claim:
		return false, ErrTakenOver
	case h.e.rec.Beat >= first:
		return true, nil // only the answer was lost
	case h.e.rec.State == record.FunctionRunning:
		return false, nil
	case last:
		return true, nil // by an earlier try
	}
	return false, ErrTakenOver // by whoever is next: the run is over here
}

// remove deletes the row under the claim.
func (h *hold) remove(ctx context.Context) error {
	if err := h.take(ctx); err != nil {
		return err
	}
	defer h.pass()
	for {
		if _, err := h.standing(h.beat+1, false); err != nil {
			return err
		}
		err := h.f.store.Delete(ctx, h.e.row.Key, h.e.row.Version)
		if err == nil || errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if rerr := h.read(ctx, err); errors.Is(rerr, store.ErrNotFound) {
			return nil
		} else if rerr != nil {
			return rerr
		}
	}
}

// end writes what became of the run, and tries that for a while.
func (h *hold) end(ctx context.Context, write func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endFor)
	defer cancel()
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		err := write(ctx)
		if err == nil || errors.Is(err, ErrTakenOver) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrClosed) {
			return err
		}
		if !pause(ctx, wait) {
			return err
		}
	}
}

// pause waits, and answers false when ctx is done first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// saveCheckpoint is [Call.SaveCheckpoint].
func (h *hold) saveCheckpoint(ctx context.Context, checkpoint []byte) error {
	return translate(h.write(ctx, func(next *entry) error {
		content := h.content
		content.Checkpoint = checkpoint
		err := h.f.seal(*next, content)
		if err == nil {
			// It may be stored whatever the answer is, and is no older than what is.
			h.content = content
		}
		return err
	}))
}

// keep writes to the row until ctx is done, which is when the function has returned.
// When it cannot, it ends the function's context. over is closed when that is done: a
// function that goes on nevertheless keeps the claim for one beat more.
func (h *hold) keep(ctx context.Context, over <-chan struct{}, lost context.CancelCauseFunc) {
	var late <-chan time.Time
	beat := time.NewTimer(h.f.times.beat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			over, late = nil, time.After(h.f.times.beat)
		case <-late:
			return
		case <-beat.C:
			next := h.f.times.beat
			if err := h.renew(ctx); err != nil {
				if !h.alive(err) {
					lost(ErrTakenOver)
					return
				}
				next /= 5
			}
			beat.Reset(next)
		}
	}
}

// renew writes that the holder is alive.
func (h *hold) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, h.left())
	defer cancel()
	return h.write(ctx, func(*entry) error { return nil })
}

// left is for how long the claim can be believed in without another write.
func (h *hold) left() time.Duration { return h.f.times.hold - time.Since(*h.renewed.Load()) }

// alive reports whether a hold outlives a failure to renew it.
func (h *hold) alive(err error) bool {
	if errors.Is(err, ErrTakenOver) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrClosed) {
		return false
	}
	return h.left() > 0
}
