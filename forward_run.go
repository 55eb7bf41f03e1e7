package tieline

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"time"

	"github.com/tieline/tieline/store"
)

const (
	// maxLanes bounds the receivers that Run sends to at the same time.
	maxLanes = 128
	// laneWait is how long Run waits for a receiver before it lets go of it until its
	// next look.
	laneWait = 5 * time.Second
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
				r.forwardTo(ctx, strconv.Itoa(slot), size, now)
			}
			err = errors.Join(err, r.forwardToOwn(ctx, size, now))
		}
		err = errors.Join(err, r.clearFailed(ctx, size, now))
	}
	return err
}

// forwardToOwn begins to send what is due at receivers of connections' own.
func (r *runner) forwardToOwn(ctx context.Context, size string, now time.Time) error {
	for m, err := range r.messages(ctx, size, now, labelForwardState+stateWaiting, labelForwardOwn) {
		if err != nil && m.row.ID == "" {
			return err
		}
		if err == nil {
			r.forwardTo(ctx, m.rec.Target, size, now)
		}
	}
	return nil
}

// forwardTo begins to send what is due at one receiver, unless that is under way.
// Receivers do not wait for each other.
func (r *runner) forwardTo(ctx context.Context, target, size string, now time.Time) {
	lane := target + "/" + size
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, underWay := r.lanes[lane]; underWay || len(r.lanes) >= maxLanes {
		return
	}
	if r.lanes == nil {
		r.lanes = map[string]bool{}
	}
	r.lanes[lane] = false
	r.drains.Go(func() {
		for more := true; more; now = r.soon() {
			err := r.drainLane(ctx, target, size, now)
			if err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) && !errors.Is(err, errNoRoom) {
				r.log.LogAttrs(ctx, slog.LevelWarn, "forwarding what is due failed", errorAttr(translate(err)))
			}
			more = r.leaveLane(lane, err == nil)
		}
	})
}

// leaveLane ends what is under way for a receiver, unless there is more, and time for it.
func (r *runner) leaveLane(lane string, ok bool) (more bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ok && r.lanes[lane] {
		r.lanes[lane] = false
		return true
	}
	delete(r.lanes, lane)
	return false
}

// errNoRoom: the receiver is busy, or hangs.
var errNoRoom = errors.New("there is no room")

// drainLane claims what is due at a receiver and sends it, as fast as there is room.
func (r *runner) drainLane(ctx context.Context, target, size string, now time.Time) error {
	for m, err := range r.messages(ctx, size, now, labelForwardState+stateWaiting, labelForwardTo+target) {
		if err != nil {
			if m.row.ID == "" {
				return err
			}
			r.logForward(ctx, "a message to forward cannot be read", m, translate(err).Error())
			continue
		}
		room := r.rooms.of(m)
		if !r.enter(ctx, room, target) {
			return errNoRoom
		}
		if err := r.claimAndDeliver(ctx, m, room); err != nil {
			return err
		}
	}
	return nil
}

// enter waits for a place, but not for long, and not when there is no time left.
func (r *runner) enter(ctx context.Context, room *room, target string) bool {
	wait, cancel := context.WithTimeout(ctx, laneWait)
	defer cancel()
	stop := r.flights.stopping()
	if !room.enter(wait, stop, target) {
		return false
	}
	if isClosed(stop) || ctx.Err() != nil {
		room.leave(target)
		return false
	}
	return true
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
