package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tieline/tieline/store"
)

// Errors of Open and of the calls on a [Store], to be tested with [errors.Is].
// They come wrapped with the name of the call and with what PostgreSQL said.
var (
	// ErrStandby: the server is a standby. What is read there may be old, and a
	// refresh token read there may be spent.
	ErrStandby = errors.New("the server is a standby, not the primary")
	// ErrReadOnly: the server or the session takes no writes, as after a failover
	// to which the pool has not caught up.
	ErrReadOnly = errors.New("the database cannot be written")
	// ErrForeign: the schema holds tables of something else.
	ErrForeign = errors.New("the schema belongs to something else")
	// ErrNewerSchema: the schema needs a newer version of this package.
	ErrNewerSchema = errors.New("the schema needs a newer version of this package")
	// ErrFull: the server's disk is full. Nothing was changed, and writes work
	// again when there is space.
	ErrFull = errors.New("no space left for the database")
	// ErrDenied: the user may not do what the Store needs.
	ErrDenied = errors.New("the database user lacks a privilege")
	// ErrNoSchema: the tables are not there any more.
	ErrNoSchema = errors.New("the tables of the schema are missing")
)

// SQLSTATE codes, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	uniqueViolation     = "23505"
	foreignKeyViolation = "23503"
	checkViolation      = "23514"

	undefinedTable  = "42P01"
	undefinedSchema = "3F000"
	undefinedColumn = "42703"

	serializationFailure = "40001"
	deadlockDetected     = "40P01"

	// What a session answers whose prepared statements were taken from under it:
	// the table was altered, or a pooler gave it another server session.
	featureNotSupported  = "0A000" // cached plan must not change result type
	invalidStatementName = "26000"
	duplicateStatement   = "42P05"
	protocolViolation    = "08P01"

	readOnlyTransaction = "25006"
	diskFull            = "53100"
	denied              = "42501"
	tooLarge            = "54000" // program limit exceeded
)

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

func isCode(err error, codes ...string) bool {
	c := code(err)
	return c != "" && slices.Contains(codes, c)
}

// isRefused says whether a constraint kept a row out: its key or its Unique is
// taken, or its parent is missing or itself.
func isRefused(err error) bool {
	return isCode(err, uniqueViolation, foreignKeyViolation, checkViolation)
}

// isTransient says whether the statement was undone and may work at once.
func isTransient(err error) bool { return isCode(err, serializationFailure, deadlockDetected) }

// isStale says whether a prepared statement was lost. Nothing was done.
func isStale(err error) bool {
	return isCode(err, featureNotSupported, invalidStatementName, duplicateStatement, protocolViolation)
}

// isLost says whether the connection broke, so that nobody knows what became of a
// statement that was sent.
func isLost(err error) bool {
	if err == nil {
		return false
	}
	c := code(err)
	switch {
	case c == "": // not an answer of the server
		return !errors.Is(err, pgx.ErrNoRows) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	case strings.HasPrefix(c, "57P"), strings.HasPrefix(c, "08") && c != protocolViolation:
		return true // it is being shut down, or ended our session
	}
	return false
}

// explain turns an error of the driver into one that a caller can act on. Errors
// of package store and package context stay what they are.
func (s *Store) explain(call string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	var sentinel error
	switch code(err) {
	case readOnlyTransaction:
		sentinel = ErrReadOnly
	case diskFull:
		sentinel = ErrFull
	case denied:
		sentinel = ErrDenied
	case undefinedTable, undefinedSchema, undefinedColumn:
		sentinel = ErrNoSchema
	case tooLarge:
		sentinel = store.ErrInvalid
	default:
		return fmt.Errorf("postgres: %s: %w", call, err)
	}
	return fmt.Errorf("postgres: %s: %w: %w", call, sentinel, err)
}
