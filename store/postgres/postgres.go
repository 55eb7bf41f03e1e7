package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

// DefaultSchema is where the tables are unless [Options] say otherwise.
const DefaultSchema = "tieline"

// Options tune a [Store]. The zero Options are the recommended ones.
type Options struct {
	// Schema holds the tables. Any name that PostgreSQL takes will do; it is
	// used exactly as written. Empty means [DefaultSchema]. Two schemas are two
	// stores that know nothing of each other.
	Schema string

	// Logger is told by Open of server settings that put data at risk. Nil
	// discards that.
	Logger *slog.Logger
}

// Store is a [store.Store] in a PostgreSQL database. Get one from [Open].
type Store struct {
	pool   *pgxpool.Pool
	schema string
	sql    statements
	closed atomic.Bool
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.PathGetter = (*Store)(nil)
)

// Open returns a Store in the database that the pool connects to, and makes its
// tables if they are not there. The pool stays the caller's: it may be used for
// other things, and is closed after the Store. The pool must lead to the primary.
//
// Besides errors of the connection it fails with [ErrStandby], [ErrForeign] or
// [ErrNewerSchema].
func Open(ctx context.Context, pool *pgxpool.Pool, opts Options) (*Store, error) {
	s := &Store{pool: pool, schema: opts.Schema}
	if s.schema == "" {
		s.schema = DefaultSchema
	}
	if pool == nil {
		return nil, fmt.Errorf("postgres: open: %w: the pool is nil", store.ErrInvalid)
	}
	if strings.ContainsRune(s.schema, 0) || len(s.schema) > maxIdentifier {
		return nil, fmt.Errorf("postgres: open: %w: Schema is longer than %d bytes, or holds a NUL", store.ErrInvalid, maxIdentifier)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if err := s.inspect(ctx, opts.Logger); err != nil {
		return nil, s.explain("open", err)
	}
	s.sql = newStatements(s.schema)
	if err := s.migrate(ctx); err != nil {
		return nil, s.explain("open", err)
	}
	return s, nil
}

// maxIdentifier is the most bytes of a name; PostgreSQL cuts longer ones, and two
// of them could become one.
const maxIdentifier = 63

// inspect looks at the server.
func (s *Store) inspect(ctx context.Context, log *slog.Logger) error {
	var standby bool
	var fsync, encoding string
	err := s.pool.QueryRow(ctx, `SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('server_encoding')`).
		Scan(&standby, &fsync, &encoding)
	switch {
	case err != nil:
		return err
	case standby:
		return ErrStandby
	case encoding != "UTF8":
		return fmt.Errorf("the database is encoded in %s, not UTF8", encoding)
	}
	if fsync != "on" {
		log.LogAttrs(ctx, slog.LevelWarn, "postgres: fsync is off: a crash of the machine can lose grants and the whole database")
	}
	return nil
}

// Close makes all later calls fail with [store.ErrClosed]. Calls under way go on.
// The pool is the caller's to close.
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

// statements are the ones whose text does not depend on the call.
type statements struct {
	tables *strings.Replacer // {record} and {label} to the tables

	get, path, insert, update, drop, state string
}

func newStatements(schema string) statements {
	name := func(table string) string { return pgx.Identifier{schema, table}.Sanitize() }
	s := statements{tables: strings.NewReplacer("{record}", name("record"), "{label}", name("record_label"))}
	s.get = s.tables.Replace(getSQL)
	s.path = s.tables.Replace(pathSQL)
	s.state = s.tables.Replace(stateSQL)
	s.insert = s.tables.Replace(insertSQL + durableSQL)
	s.update = s.tables.Replace(updateSQL + durableSQL)
	s.drop = s.tables.Replace(deleteSQL + durableSQL)
	return s
}
