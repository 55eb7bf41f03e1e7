package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

const (
	joinMin = 20 * time.Millisecond
	joinMax = time.Second
)

var errCallAt = errors.New("a call is made at once: it has no RunOptions.At")

// CallWith is [Functions.Call] with an idempotency key, without which it is the same.
// The first call with a key runs the function; every other one gets what came of that,
// for as long as it is kept. One that comes while the first is under way waits for
// it, until ctx is done, and runs the function itself if the process of the first one
// is gone.
//
// What is temporary ([Temporary]), wants the user, or does not fit is not kept: the
// next call with the key tries again. That of a run of [Functions.Start], or of a call
// that Work had to take over, is. A failure of another call is a [RunError].
func (f *Functions) CallWith(ctx context.Context, to Target, name string, input json.RawMessage, o RunOptions) (json.RawMessage, error) {
	if o == (RunOptions{}) {
		return f.Call(ctx, to, name, input)
	}
	out, err := f.callOnce(ctx, to, name, input, o)
	if err != nil {
		return nil, callError(err, to, name)
	}
	return out, nil
}

func (f *Functions) callOnce(ctx context.Context, to Target, name string, input json.RawMessage, o RunOptions) (json.RawMessage, error) {
	if !o.At.IsZero() {
		return nil, &InputError{Err: errCallAt}
	}
	a, err := f.order(ctx, to, name, input, o)
	if err != nil {
		return nil, err
	}
	if a.conn.Status == tieline.StatusNeedsReauth {
		return nil, tieline.ErrReauthRequired
	}
	for wait := joinMin; ; wait = min(wait*3/2, joinMax) {
		h, e, content, err := f.join(ctx, a)
		switch {
		case err != nil:
			return nil, err
		case h != nil:
			out, err := f.runHeld(ctx, h, a.fn, a.conn, f.attempt)
			if end := f.endCall(ctx, h, out, err); !errors.Is(end, ErrTakenOver) {
				return out, errors.Join(err, end)
			}
			// What whoever took over comes to is what is kept.
		case e.rec.State == record.FunctionDone:
			return content.Output, nil
		case e.rec.State == record.FunctionFailed:
			return nil, &RunError{Kind: Kind(e.rec.ErrKind), Text: content.Error}
		}
		if !pause(ctx, wait) {
			return nil, ctx.Err()
		}
	}
}

// join finds the run of a key, or makes it. hold is not nil if it is to be run here.
func (f *Functions) join(ctx context.Context, a order) (*hold, entry, record.FunctionContent, error) {
	e, content, err := f.byUnique(ctx, a)
	if errors.Is(err, store.ErrNotFound) {
		var mine *hold
		e, content, err = f.accept(ctx, a, func(e entry, c record.FunctionContent) *hold {
			mine = f.held(e, c)
			return mine
		})
		if err == nil && mine.e.row.ID == e.row.ID {
			mine.e = e
			return mine, e, content, nil
		}
	}
	if err != nil {
		return nil, e, content, translate(err)
	}
	waits := e.rec.State == record.FunctionWaiting && !e.row.Due.After(f.now())
	if waits || e.rec.State == record.FunctionRunning && f.mayTake(e) {
		h, err := f.claim(ctx, e, func(*entry) {})
		if errors.Is(err, errBusy) {
			err = nil
		}
		return h, e, content, translate(err)
	}
	return nil, e, content, nil
}

// endCall writes what became of a call, if that is to be kept.
func (f *Functions) endCall(ctx context.Context, h *hold, out json.RawMessage, err error) error {
	write := func(ctx context.Context) error {
		return h.last(ctx, func(next *entry) error { return f.over(next, h.content, out, err) })
	}
	if err != nil {
		kind := KindOf(err)
		if ctx.Err() != nil || kind == KindTemporary || kind == KindReauth || kind == KindInput {
			write = h.remove
		}
	}
	end := h.end(ctx, write)
	if end == nil || errors.Is(end, store.ErrNotFound) || errors.Is(end, ErrTakenOver) {
		return ignoreNotFound(end)
	}
	return fmt.Errorf("what became of the call could not be stored: %w", translate(end))
}

// ignoreNotFound: the connection was deleted, and its runs with it.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// maxErrorText bounds the text of an error that is kept, in bytes.
const maxErrorText = 4 << 10

func clip(s string) string {
	if len(s) > maxErrorText {
		return s[:maxErrorText] + "..."
	}
	return s
}

// over makes an entry one of a run that has come to its end.
func (f *Functions) over(next *entry, content record.FunctionContent, out json.RawMessage, err error) error {
	now := f.now()
	next.rec.FinishedAt, next.row.Due = now, now.Add(f.keep)
	content.Input, content.Checkpoint, content.WebhookHeader, content.WebhookBody = nil, nil, nil, nil
	if err == nil {
		next.rec.State, next.rec.ErrKind = record.FunctionDone, ""
		content.Output, content.Error = out, ""
	} else {
		next.rec.State, next.rec.ErrKind = record.FunctionFailed, string(KindOf(err))
		content.Error = clip(err.Error())
	}
	return f.seal(*next, content)
}

// runHeld runs a function under a claim, which it keeps alive, and ends the
// function's context if that cannot be done.
func (f *Functions) runHeld(ctx context.Context, h *hold, fn *Function, conn tieline.Connection,
	attempt func(context.Context, *Function, *Call, json.RawMessage) (json.RawMessage, error),
) (json.RawMessage, error) {
	call := f.newCall(conn, fn)
	rec, content := h.e.rec, h.content
	call.RunID, call.Attempt = h.e.row.ID, int(rec.Attempts)
	call.Log = call.Log.With(keyRun, call.RunID, keyAttempt, call.Attempt)
	call.checkpoint = content.Checkpoint
	call.save = func(ctx context.Context, data json.RawMessage) error { return h.saveCheckpoint(ctx, data) }
	if h.e.row.Kind == kindState {
		call.Interval = Interval{From: rec.From, To: rec.To}
	}
	if content.Webhook {
		call.Webhook = &Webhook{ID: content.WebhookID, Type: content.WebhookType, Header: content.WebhookHeader, Body: content.WebhookBody}
	}
	fctx, lost := context.WithCancelCause(ctx)
	defer lost(nil)
	fctx, cancel := context.WithTimeoutCause(fctx, fn.o.Timeout, errTimeout)
	defer cancel()
	kctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var keeper sync.WaitGroup
	keeper.Go(func() { h.keep(kctx, fctx.Done(), lost) })
	defer keeper.Wait()
	defer stop()
	return attempt(fctx, fn, call, content.Input)
}
