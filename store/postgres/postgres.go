package postgres

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

// Options tune a [Store]. The zero Options are the recommended ones.
type Options struct {
	// Schema is where the tables are. Open creates it when it is not there. It
	// may be any name that Postgres allows, up to 63 bytes; the search_path is
	// neither used nor changed. Empty means "tieline".
	Schema string

	// Logger hears at Open of a server that does not keep what it
	// acknowledges. Nil means that nobody hears it.
	Logger *slog.Logger
}

// Store is a [store.Store] in a PostgreSQL database. Get one from [Open].
type Store struct {
	pool   *pgxpool.Pool
	schema string
	sql    statements
	limits limits
	closed atomic.Bool
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.PathGetter = (*Store)(nil)
)

// limits say how long a call goes on when something is in its way. They are
// fields so that tests can shorten them.
type limits struct {
	// linger is how long a statement that was sent may go on after the context
	// is done.
	linger time.Duration
	// connect is for how long a call is tried again that found no connection,
	// or lost it before it could have changed anything.
	connect time.Duration
	// settle is for how long a write whose connection was lost is followed up.
	settle time.Duration
	// contend is for how long a call is tried again that Postgres gave up for
	// the sake of another.
	contend time.Duration
}

func defaultLimits() limits {
	return limits{linger: 2 * time.Second, connect: time.Second, settle: 5 * time.Second, contend: 10 * time.Second}
}

// Close makes every later call answer [store.ErrClosed]. The pool is the
// caller's, and stays open; closing it waits for the calls that run. The error is
// always nil.
func (s *Store) Close() error {
	s.closed.Store(true)
	return nil
}

// check is the start of every call.
func (s *Store) check(ctx context.Context) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	return ctx.Err()
}
