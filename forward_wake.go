package tieline

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store"
)

const (
	// forwardQueueSweep is the least time between two looks at the Store for what is to
	// be forwarded while there is a Queue.
	forwardQueueSweep = 30 * time.Second
	// wakeTimeout is how long the Queue has to take a wake-up.
	wakeTimeout = 5 * time.Second
	// maxEarly is how far the clock that a wake-up goes by may be ahead of this one's.
	maxEarly = 5 * time.Second
	// maxLooks bounds the messages that are in memory because of wake-ups and have no
	// place yet.
	maxLooks = 8
)

// wakeForward asks for a look at a message when it is due. If that fails, a sweep
// finds it a little later.
func (c *core) wakeForward(ctx context.Context, m message) {
	q := c.forwarding.queue
	if q == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wakeTimeout)
	defer cancel()
	if err := q.Add(ctx, queue.Wake{Kind: string(kindForward), ID: m.row.ID, At: m.row.Due}); err != nil {
		c.logForward(ctx, "a wake-up could not be queued", m, err.Error())
	}
}

// sweepForwards is forwardDue, more rarely with a Queue.
func (r *runner) sweepForwards(ctx context.Context) error {
	if r.forwarding.queue == nil {
		return r.forwardDue(ctx)
	}
	now := time.Now()
	if now.Before(r.forwardLook) {
		return nil
	}
	err := r.forwardDue(ctx)
	if err == nil {
		r.forwardLook = now.Add(forwardQueueSweep)
	}
	return err
}

// receiveForwards takes wake-ups until ctx is done.
func (r *runner) receiveForwards(ctx context.Context) {
	looks := make(chan struct{}, maxLooks)
	do := func(ctx context.Context, wake queue.Wake) error {
		select {
		case looks <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		defer func() { <-looks }()
		return r.forwardWoken(ctx, wake)
	}
	for ctx.Err() == nil {
		err := r.forwarding.queue.Receive(ctx, []string{string(kindForward)}, do)
		if err != nil && ctx.Err() == nil {
			r.log.LogAttrs(ctx, slog.LevelWarn, "receiving wake-ups failed", errorAttr(err))
		}
		_ = pause(ctx, time.Second) // the loop sees why it was short
	}
}

// forwardWoken begins to send the message that a wake-up names, if it is due. Where
// there is no room for it, whoever sends what is due at the receiver finds it.
func (r *runner) forwardWoken(ctx context.Context, wake queue.Wake) error {
	if isClosed(r.flights.stopping()) {
		return ErrClosed
	}
	m, err := r.dueForward(ctx, wake)
	if err != nil || m.rec == nil {
		return err
	}
	if early := m.row.Due.Sub(r.now()); early > 0 {
		if err := pause(ctx, early); err != nil {
			return err
		}
	}
	target, size := m.rec.Target, sizeSmall
	if m.large() {
		size = sizeLarge
	}
	room := r.rooms.of(m)
	if !room.tryEnter(target) {
		r.forwardMore(ctx, target, size)
		return nil
	}
	return r.claimAndDeliver(ctx, m, room)
}

// forwardMore begins to send what is due at one receiver, or has it looked for once
// more after what is under way.
func (r *runner) forwardMore(ctx context.Context, target, size string) {
	lane := target + "/" + size
	r.mu.Lock()
	if _, underWay := r.lanes[lane]; underWay {
		r.lanes[lane] = true
	}
	r.mu.Unlock()
	r.forwardTo(ctx, target, size, r.soon())
}

// soon is a time that what is due now is before.
func (r *runner) soon() time.Time { return r.now().Add(time.Microsecond) }

// dueForward is the message that a wake-up names, or one without a record if there is
// nothing to do about it: it is gone or has failed, or its time is another one, which
// another wake-up is for, or a sweep.
func (r *runner) dueForward(ctx context.Context, wake queue.Wake) (message, error) {
	row, err := r.store.Get(ctx, store.Key{Kind: kindForward, ID: wake.ID})
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		return message{}, nil
	}
	if err != nil {
		return message{}, translate(err)
	}
	m := message{row: row}
	rec, err := record.ParseForward(row.Data)
	if err != nil {
		return message{}, nil // the sweep tells of it
	}
	if m.rec = rec; m.failed() || row.Due.Sub(r.now()) > maxEarly {
		return message{}, nil
	}
	return m, nil
}
