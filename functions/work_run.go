package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

const (
	retryMin = 5 * time.Second
	retryMax = 10 * time.Minute
	askedMax = time.Hour // of what a provider may ask for

	// putOffGrace is how long a row stays due for other processes that can do
	// something about it; then it is put off for putOffFor.
	putOffGrace = time.Minute
	putOffFor   = 10 * time.Minute

	// unknownFor is how long a row waits for a process that has its function, and
	// unscheduledFor for one that has it on a schedule. Then it is given up.
	unknownFor     = 30 * 24 * time.Hour
	unscheduledFor = 24 * time.Hour
)

// errNobody: the attempts all ended with their process.
var errNobody = fmt.Errorf("no attempt came to its end: %w", ErrTakenOver)

// errNoFunction: nobody had the function for unknownFor.
var errNoFunction = fmt.Errorf("%w: there has been none of this name for %v", ErrBug, unknownFor)

// doRun claims a run and makes an attempt.
func (w *worker) doRun(ctx context.Context, e entry, conn tieline.Connection, fn *Function) error {
	tooOften := e.rec.Attempts >= int64(fn.o.Attempts)
	h, err := w.claim(ctx, e, func(next *entry) {
		if tooOften {
			next.rec.Attempts--
		}
	})
	if err != nil {
		return err
	}
	if tooOften {
		w.endRun(ctx, h, fn, nil, errNobody)
		return nil
	}
	out, err := w.runHeld(ctx, h, fn, conn, func(ctx context.Context, fn *Function, call *Call, input json.RawMessage) (json.RawMessage, error) {
		if conn.Status == tieline.StatusNeedsReauth {
			return nil, tieline.ErrReauthRequired
		}
		return w.attemptInside(ctx, fn, call, input)
	})
	w.endRun(ctx, h, fn, out, err)
	return nil
}

// endRun writes what became of an attempt.
func (w *worker) endRun(ctx context.Context, h *hold, fn *Function, out []byte, err error) {
	stopped := ctx.Err() != nil
	again := err != nil && (stopped || Temporary(err) && h.e.rec.Attempts < int64(fn.o.Attempts))
	end := h.end(ctx, func(ctx context.Context) error {
		return h.last(ctx, func(next *entry) error {
			if !again {
				return w.over(next, h.content, out, err)
			}
			return w.requeue(next, h.content, err, stopped)
		})
	})
	w.ended(ctx, h, err, end)
	if again && end == nil {
		w.wake(ctx, h.e)
	}
}

// requeue makes an entry one that waits for its next attempt. One that was stopped was
// none.
func (w *worker) requeue(next *entry, content record.FunctionContent, err error, stopped bool) error {
	next.rec.State = record.FunctionWaiting
	if stopped {
		next.rec.Attempts--
		next.row.Due = w.now()
		return nil
	}
	next.row.Due = w.now().Add(w.retryAfter(next.rec.Attempts, err))
	next.rec.ErrKind, content.Error = string(KindOf(err)), clip(err.Error())
	return w.seal(*next, content)
}

// retryAfter is how long to wait after so many failures in a row.
func (f *Functions) retryAfter(fails int64, err error) time.Duration {
	wait := retryMax
	if n := max(fails, 1) - 1; n < 10 {
		wait = min(retryMin<<n, retryMax)
	}
	wait += jitter(wait / 5)
	var refused *RefusedError
	var refresh *tieline.RefreshError
	switch {
	case errors.As(err, &refused):
		wait = max(wait, min(refused.RetryAfter, askedMax))
	case errors.As(err, &refresh) && !refresh.RetryAt.IsZero():
		wait = max(wait, min(refresh.RetryAt.Sub(f.now()), askedMax))
	}
	return wait
}

// ended tells what became of an attempt, and whether that could be stored.
func (w *worker) ended(ctx context.Context, h *hold, err, end error) {
	attrs := h.e.attrs(slog.Int64(keyAttempt, h.e.rec.Attempts))
	if err != nil && ctx.Err() == nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "a function failed", append(attrs, slog.String(keyKind, string(KindOf(err))), errorAttr(err))...)
	}
	switch {
	case end == nil, errors.Is(end, store.ErrNotFound):
	case errors.Is(end, ErrTakenOver):
		w.log.LogAttrs(ctx, slog.LevelWarn, "a run was taken over", attrs...)
	default:
		w.failed(ctx, "what became of a run could not be stored", end, attrs...)
	}
}

// putOff leaves a row alone that nothing can be done about here and now: its bytes
// are damaged or under another key, or the Store fails. The row stays as it is.
func (w *worker) putOff(ctx context.Context, e entry, err error) {
	bad := errors.Is(err, tieline.ErrDamaged) || errors.Is(err, tieline.ErrUnknownKey)
	if !bad && !errors.Is(err, tieline.ErrNewerFormat) {
		w.failed(ctx, "a row that is due could not be worked on", err, e.attrs()...)
		return
	}
	if w.once("damaged " + e.row.ID) {
		w.log.LogAttrs(ctx, slog.LevelError, "a row that is due cannot be read", e.attrs(errorAttr(err))...)
	}
	now := w.now()
	if !bad || now.Sub(e.row.Due) < putOffGrace {
		return
	}
	e.row.Due = now.Add(putOffFor)
	if _, err := w.store.Put(ctx, e.row); err != nil && !known(err) {
		w.failed(ctx, "a row could not be put off", err, e.attrs()...)
	}
}

// unwanted leaves a row to processes that have its function, and gives it up when
// none has come for a long time: code may have been rolled back.
func (w *worker) unwanted(ctx context.Context, e entry, patience time.Duration) {
	if w.once("unknown " + string(e.row.Kind) + e.rec.Integration + "/" + e.rec.Name) {
		w.log.LogAttrs(ctx, slog.LevelWarn, "what is due is of a function that is not here", e.attrs()...)
	}
	now := w.now()
	if now.Sub(e.row.Due) < putOffGrace {
		return
	}
	next := e.edited()
	if next.rec.Unwanted.IsZero() {
		next.rec.Unwanted = now
	}
	since := now.Sub(next.rec.Unwanted)
	next.row.Due = now.Add(min(max(since/10, time.Minute), time.Hour))
	var err error
	switch {
	case since < patience:
		_, err = w.store.Put(ctx, next.packed())
	case e.row.Kind == kindState:
		err = w.store.Delete(ctx, e.row.Key, e.row.Version)
	default:
		content, _ := w.open(e)
		next.rec.Claim = 0
		if err = w.over(&next, content, nil, errNoFunction); err == nil {
			_, err = w.store.Put(ctx, next.packed())
		}
	}
	if err != nil && !known(err) {
		w.failed(ctx, "a row could not be put off", err, e.attrs()...)
	}
}
