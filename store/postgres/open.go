package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	defaultSchema = "tieline"
	// maxName is the most bytes of a name. Postgres cuts off what is longer.
	maxName = 63
)

// Open makes a Store of the database that the pool is connected to, and creates
// or updates its tables. Where they are up to date it changes nothing, and needs
// no permission to. The pool stays the caller's, who closes it last.
//
// It fails with one of the errors of this package where the database cannot be
// used.
func Open(ctx context.Context, pool *pgxpool.Pool, opts Options) (*Store, error) {
	schema := opts.Schema
	if schema == "" {
		schema = defaultSchema
	}
	if err := checkSchema(schema); err != nil {
		return nil, err
	}
	if pool == nil {
		return nil, errors.New("postgres: the pool is nil")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{pool: pool, schema: schema, sql: newStatements(schema), limits: defaultLimits()}
	if err := s.checkServer(ctx, opts); err != nil {
		return nil, s.openError(ctx, err)
	}
	if err := s.migrate(ctx); err != nil {
		return nil, s.openError(ctx, err)
	}
	return s, nil
}

func checkSchema(name string) error {
	switch {
	case len(name) > maxName:
		return fmt.Errorf("postgres: Options.Schema is longer than %d bytes", maxName)
	case !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0:
		return errors.New("postgres: Options.Schema is not text that Postgres can keep")
	case strings.HasPrefix(name, "pg_"):
		return errors.New("postgres: Options.Schema begins with pg_, which Postgres keeps for itself")
	}
	return nil
}

// checkServer finds out whether the server is one to write to.
func (s *Store) checkServer(ctx context.Context, opts Options) error {
	var standby, readOnly bool
	var encoding, fsync string
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, `SELECT pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('transaction_read_only') = 'on',
			pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('fsync')`).
			Scan(&standby, &readOnly, &encoding, &fsync)
	})
	switch {
	case err != nil:
		return err
	case standby:
		return fmt.Errorf("%w: the server is a standby", ErrReadOnly)
	case readOnly:
		return fmt.Errorf("%w: default_transaction_read_only is on", ErrReadOnly)
	case encoding != "UTF8":
		return fmt.Errorf("the encoding of the database is %s, and has to be UTF8", encoding)
	}
	if fsync != "on" && opts.Logger != nil {
		opts.Logger.WarnContext(ctx, "tieline: the PostgreSQL server has fsync=off: a crash of its machine can lose refresh tokens that cannot be had again")
	}
	return nil
}

// openError names the schema, and says what an error means that comes from
// creating tables.
func (s *Store) openError(ctx context.Context, err error) error {
	what := fmt.Sprintf("open schema %q", s.schema)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return ended(what, ctx)
	}
	switch code(err) {
	case codeTableTwice, codeFunctionTwice, codeNoColumn:
		err = fmt.Errorf("%w: %w", ErrForeign, err)
	}
	return explain(what, err)
}
