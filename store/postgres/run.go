package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// linger returns a context that is done some time after ctx. A statement that was
// sent runs on it: to cut it off at once would cost the connection, and leave the
// caller of a write without knowing what became of it.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if ctx.Done() == nil {
		return ctx, func() {}
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-own.Done():
		}
	})
	return own, func() { stop(); cancel() }
}

// on runs f with a connection. It waits for one on the context wait, and f has
// the other.
func (s *Store) on(wait, own context.Context, f func(context.Context, *pgx.Conn) error) error {
	conn, err := s.pool.Acquire(wait)
	if err != nil {
		return notSent{err}
	}
	defer conn.Release()
	err = f(own, conn.Conn())
	var e *pgconn.PgError
	if err != nil && !conn.Conn().IsClosed() && !errors.As(err, &e) {
		return answered{err}
	}
	return err
}

// read runs what changes nothing, or changes the same thing when it is run again,
// until it gets an answer.
func (s *Store) read(ctx context.Context, f func(context.Context, *pgx.Conn) error) error {
	own, release := linger(ctx, s.limits.linger)
	defer release()
	var r retries
	for {
		err := s.on(ctx, own, f)
		if err == nil {
			return nil
		}
		c := classify(err)
		if c == lost {
			c = unsent // nothing is lost by reading again
		}
		if c != final && ctx.Err() != nil {
			return ctx.Err()
		}
		if !r.pause(own, s.limits, c) {
			return err
		}
	}
}

// maxStale is how many outdated connections a call may meet. A change of the
// tables outdates all of a pool.
const maxStale = 100

// retries counts what was in the way of a call, by its class.
type retries struct {
	since [lost + 1]time.Time
	tries [lost + 1]int
}

// pause waits before another try, and reports whether there should be one.
func (r *retries) pause(ctx context.Context, l limits, c class) bool {
	var limit time.Duration
	switch c {
	case contend:
		limit = l.contend
	case unsent:
		limit = l.connect
	case lost:
		limit = l.settle
	case stale:
		r.tries[c]++
		return r.tries[c] <= maxStale
	default:
		return false
	}
	r.tries[c]++
	if r.tries[c] == 1 {
		r.since[c] = time.Now()
	} else if time.Since(r.since[c]) > limit {
		return false
	}
	longest := min(time.Millisecond<<min(r.tries[c], 10), 100*time.Millisecond)
	timer := time.NewTimer(rand.N(longest))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
