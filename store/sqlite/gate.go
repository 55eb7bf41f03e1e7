package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tieline/tieline/store"
)

// gate lets a number of calls in at a time, the others in the order they came.
// database/sql would hand a freed connection to a random waiter, which at 16
// writers makes the unlucky ones wait ten times as long as the rest.
type gate struct {
	slots  chan struct{} // senders on a full channel queue first in, first out
	closed <-chan struct{}
}

func newGate(size int, closed <-chan struct{}) gate {
	return gate{slots: make(chan struct{}, size), closed: closed}
}

// enter waits for a slot. The caller gives it back with leave.
func (g gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
	default:
		select {
		case g.slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		case <-g.closed:
			return store.ErrClosed
		}
	}
	select {
	case <-g.closed: // a slot that Close left open is not for use
		g.leave()
		return store.ErrClosed
	default:
		return nil
	}
}

func (g gate) leave() { <-g.slots }

// drain waits until every call that is inside has left, and takes all slots for
// good. The gate must be closed.
func (g gate) drain() {
	for range cap(g.slots) {
		g.slots <- struct{}{}
	}
}

// The pause before a call that found the file locked is tried again. The bounds
// are those of SQLite's own busy handler, which is not used because it does not
// look at the context while it sleeps.
const (
	firstPause = time.Millisecond
	lastPause  = 25 * time.Millisecond
)

// patiently makes the call again for as long as it finds the file locked by
// another process, until the context is done, the Store closed, or the
// BusyTimeout over. Until then the call has changed nothing.
func (s *Store) patiently(ctx context.Context, call func() error) error {
	err := call()
	if !isBusy(err) {
		return err
	}
	deadline := time.NewTimer(s.busyTimeout)
	defer deadline.Stop()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		again := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return ctx.Err()
		case <-s.closed:
			again.Stop()
			return store.ErrClosed
		case <-deadline.C:
			again.Stop()
			return s.explain(err)
		}
		if err = call(); !isBusy(err) {
			return err
		}
	}
}

// read runs a call on one of the read connections, write one on the writing
// connection. What the call returns is explained unless it is of this module.
func (s *Store) read(ctx context.Context, call func() error) error {
	return s.run(ctx, s.readGate, call)
}

func (s *Store) write(ctx context.Context, call func() error) error {
	return s.run(ctx, s.writeGate, call)
}

func (s *Store) run(ctx context.Context, g gate, call func() error) error {
	if err := g.enter(ctx); err != nil {
		return err
	}
	defer g.leave()
	err := s.patiently(ctx, call)
	if err == nil || code(err) == 0 || errors.Is(err, ErrBusy) {
		return err
	}
	return s.explain(err)
}
