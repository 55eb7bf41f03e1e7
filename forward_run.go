package tieline

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/tieline/tieline/store"
)

// forwardDue begins to send what is due, and deletes what was kept long enough. It is
// a look at the Store, and no more while there is nothing.
func (r *runner) forwardDue(ctx context.Context) error {
	now := r.now()
	page, err := r.store.List(ctx, store.Query{Kind: kindForward, DueBefore: now, Limit: 1})
	if err != nil || len(page.Rows) == 0 {
		return err
	}
	for _, size := range []string{sizeSmall, sizeLarge} {
		if r.forwards() {
			for slot := range maxForwardURLs {
				r.forwardLane(ctx, strconv.Itoa(slot), size, now)
			}
			r.forwardLane(ctx, forwardToOwn, size, now)
		}
		if err := r.clearFailed(ctx, size, now); err != nil {
			return err
		}
	}
	return nil
}

// forwardLane begins to send what is due in a lane, unless that is under way. The
// lanes do not wait for each other.
func (r *runner) forwardLane(ctx context.Context, lane, size string, due time.Time) {
	name := "forward/" + lane + "/" + size // no provider has this name
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining[name] {
		return
	}
	if r.draining == nil {
		r.draining = map[string]bool{}
	}
	r.draining[name] = true
	r.drains.Go(func() {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.draining, name)
		}()
		err := r.drainLane(ctx, lane, size, due)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			r.log.LogAttrs(ctx, slog.LevelWarn, "forwarding what is due failed", slog.String("error", translate(err).Error()))
		}
	})
}

// drainLane claims what is due in a lane and sends it, as fast as there is room. Where
// many receivers share the lane, what there is no room for is passed over, for the
// next look, so that a receiver that hangs does not hold up the others.
func (r *runner) drainLane(ctx context.Context, lane, size string, due time.Time) error {
	stop := r.flights.stopping()
	for m, err := range r.messages(ctx, size, due, labelForwardState+stateWaiting, labelForwardTo+lane) {
		if m.rec == nil {
			if err != nil && m.row.ID == "" {
				return err
			}
			r.log.LogAttrs(ctx, slog.LevelWarn, "a message to forward cannot be read",
				slog.String("forward", m.row.ID), slog.String("error", translate(err).Error()))
			continue
		}
		room := r.rooms.of(m)
		if lane == forwardToOwn {
			if !room.tryEnter(m.rec.Target) {
				continue
			}
		} else if !room.enter(ctx, stop, m.rec.Target) {
			return nil
		}
		if isClosed(stop) || ctx.Err() != nil {
			room.leave(m.rec.Target)
			return nil
		}
		if err := r.claimAndDeliver(ctx, m, room); err != nil {
			return err
		}
	}
	return nil
}

// claimAndDeliver sends a message that is due, in a task, unless somebody else was
// first. It gives the place in the room back.
func (r *runner) claimAndDeliver(ctx context.Context, m message, room *room) error {
	target := m.rec.Target
	err := r.claim(&m)
	if err == nil {
		err = r.write(ctx, &m)
	}
	if err != nil {
		room.leave(target)
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	r.tasks.start(func() {
		defer room.leave(target)
		r.deliver(context.WithoutCancel(ctx), m)
	})
	return nil
}

// clearFailed deletes what could not be forwarded and was kept long enough.
func (c *core) clearFailed(ctx context.Context, size string, now time.Time) error {
	for m, err := range c.messages(ctx, size, now, labelForwardState+stateFailed) {
		if err != nil && m.row.ID == "" {
			return err
		}
		err := c.store.Delete(ctx, m.row.Key, m.row.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
