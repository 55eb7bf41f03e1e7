package functions

import (
	"context"
	"encoding/binary"
	"log/slog"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// pausedFor is how often it is looked whether a user has authorized again.
const pausedFor = 30 * time.Second

// grid is the points in time at which a function is due for a connection: one every
// so often, and not where those of others are.
type grid struct {
	every, offset int64 // microseconds
}

func (fn *Function) grid(connection string) grid {
	g := grid{every: fn.o.Every.Microseconds()}
	g.offset = int64(binary.BigEndian.Uint64(ids.Digest("grid", fn.name, connection)) % uint64(g.every))
	return g
}

// last is the latest point that is not after t.
func (g grid) last(t time.Time) time.Time {
	since := t.UnixMicro() - g.offset
	n := since / g.every
	if since < 0 && n*g.every != since {
		n--
	}
	return time.UnixMicro(n*g.every + g.offset).UTC()
}

// next is the first point after t.
func (g grid) next(t time.Time) time.Time {
	return time.UnixMicro(g.last(t).UnixMicro() + g.every).UTC()
}

// doState claims a schedule that is due, and makes an attempt at its next interval.
func (w *worker) doState(ctx context.Context, e entry, conn tieline.Connection, fn *Function) error {
	if fn.o.Every == 0 {
		w.unwanted(ctx, e, unscheduledFor)
		return nil
	}
	if conn.Status == tieline.StatusNeedsReauth {
		return w.pauseState(ctx, e)
	}
	now, g := w.now(), fn.grid(conn.RowID)
	to := g.last(now)
	if !to.After(e.rec.From) {
		// Another clock is ahead of this one, or the grid is another one now.
		next := e.edited()
		next.rec.Every = int64(fn.o.Every)
		next.row.Due = g.next(latest(now, e.rec.From))
		return w.putState(ctx, next)
	}
	died := e.rec.State == record.FunctionRunning
	h, err := w.claim(ctx, e, func(next *entry) {
		next.rec.To, next.rec.Every = to, int64(fn.o.Every)
		if died {
			next.rec.Fails++
		}
	})
	if err != nil {
		return err
	}
	_, err = w.runHeld(ctx, h, fn, conn, w.attemptInside)
	stopped := ctx.Err() != nil
	end := h.end(ctx, func(ctx context.Context) error {
		return h.last(ctx, func(next *entry) error { return w.endState(next, h.content, fn, g, err, stopped) })
	})
	w.ended(ctx, h, err, end)
	if end == nil {
		w.wake(ctx, h.e)
	}
	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// endState makes of an entry what an attempt at an interval has come to.
func (w *worker) endState(next *entry, content record.FunctionContent, fn *Function, g grid, err error, stopped bool) error {
	rec, now := next.rec, w.now()
	rec.State = record.FunctionWaiting
	switch {
	case err == nil:
		rec.From, rec.FinishedAt = rec.To, now
		rec.Completed++
		rec.Fails, rec.Attempts, rec.Paused = 0, 0, false
		next.row.Due = g.next(rec.To)
	case stopped:
		rec.Attempts--
		next.row.Due = now
		return nil
	default:
		rec.Fails++
		wait := now.Add(w.retryAfter(rec.Fails, err))
		switch kind := KindOf(err); {
		case kind == KindReauth:
			rec.Paused, rec.Attempts = true, 0
			next.row.Due = now.Add(pausedFor)
		case kind == KindTemporary && rec.Attempts < int64(fn.o.Attempts):
			next.row.Due = wait
		default:
			rec.Attempts = 0
			next.row.Due = latest(g.next(now), wait)
		}
	}
	rec.ErrKind, content.Error = string(KindOf(err)), ""
	if err != nil {
		content.Error = clip(err.Error())
	}
	return w.seal(*next, content)
}

// pauseState puts off a schedule whose user has to authorize again.
func (w *worker) pauseState(ctx context.Context, e entry) error {
	next := e.edited()
	if !next.rec.Paused {
		w.log.LogAttrs(ctx, slog.LevelInfo, "a schedule waits until the user has authorized again", e.attrs()...)
	}
	next.rec.Paused, next.rec.ErrKind = true, string(KindReauth)
	next.row.Due = w.now().Add(pausedFor)
	return w.putState(ctx, next)
}

// putState writes a schedule as one that nobody has claimed. That somebody was first
// is fine.
func (w *worker) putState(ctx context.Context, next entry) error {
	next.rec.State, next.rec.Claim = record.FunctionWaiting, 0
	_, err := w.store.Put(ctx, next.packed())
	if known(err) && err != store.ErrClosed {
		return errBusy
	}
	return err
}
