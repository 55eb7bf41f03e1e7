package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/tieline/tieline/store"
)

// Errors of Open and of the calls on a [Store], to be tested with [errors.Is].
// They come wrapped with what was done to which row, and with what Postgres said.
var (
	// ErrReadOnly: the server is a standby, or the role or the database is set
	// to read only. Nothing was changed. A pool finds the primary of several
	// hosts with target_session_attrs=read-write.
	ErrReadOnly = errors.New("the database cannot be written")
	// ErrFull: the disk of the server is full. Nothing was changed, and writes
	// work again when there is space.
	ErrFull = errors.New("no space left for the database")
	// ErrPermission: the role may not do this.
	ErrPermission = errors.New("the role lacks a permission")
	// ErrNoTables: the tables are not there. Open makes them, so they were
	// dropped since.
	ErrNoTables = errors.New("the tables are missing")
	// ErrForeign: the schema has tables of another application.
	ErrForeign = errors.New("the schema belongs to another application")
	// ErrNewerSchema: the tables were made by a newer version of this package,
	// which this one cannot work with.
	ErrNewerSchema = errors.New("the tables were made by a newer version of this package")
	// ErrUncertain: the connection was lost after a write had been sent, and it
	// could not be learnt whether the write took effect. The row is wholly old
	// or wholly new.
	ErrUncertain = errors.New("it is not known whether the write took effect")
	// ErrCorrupt: what is stored contradicts itself.
	ErrCorrupt = errors.New("the database is damaged")
)

// Codes, https://www.postgresql.org/docs/current/errcodes-appendix.html.
const (
	codeProtocol       = "08P01"
	codeUnsupported    = "0A000" // a cached plan must not change result type
	codeForeignKey     = "23503"
	codeUnique         = "23505"
	codeCheck          = "23514"
	codeReadOnly       = "25006"
	codeNoStatement    = "26000"
	codeNoDatabase     = "3D000"
	codeNoSchema       = "3F000"
	codeSerialization  = "40001"
	codeDeadlock       = "40P01"
	codePermission     = "42501"
	codeStatementTwice = "42P05"
	codeNoTable        = "42P01"
	codeNoColumn       = "42703"
	codeTableTwice     = "42P07"
	codeFunctionTwice  = "42723"
	codeFull           = "53100"
	codeTooLarge       = "54000"
)

func code(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isMissing reports whether a table or its schema is not there.
func isMissing(err error) bool {
	c := code(err)
	return c == codeNoTable || c == codeNoSchema
}

// isRefused reports whether a constraint kept a row out: its Unique is taken, or
// its parent is missing or itself.
func isRefused(err error) bool {
	c := code(err)
	return c == codeUnique || c == codeForeignKey || c == codeCheck
}

// class is what an error means for the call.
type class int

const (
	final   class = iota // nothing was done, and another try would end the same
	contend              // nothing was done, because another call was in the way
	stale                // nothing was done, as the connection's statements were outdated
	unsent               // nothing was done, as there was no connection
	lost                 // the connection was lost, and what was done is not known
)

// notSent is an error from before anything was sent.
type notSent struct{ error }

func (e notSent) Unwrap() error { return e.error }

// answered is an error that left the connection whole, such as that there is no
// such row.
type answered struct{ error }

func (e answered) Unwrap() error { return e.error }

func classify(err error) class {
	var early notSent
	var local answered
	var e *pgconn.PgError
	isPg := errors.As(err, &e)
	switch {
	case errors.As(err, &early):
		// Who is refused at the door is refused again; a server that starts,
		// stops or is full lets in later.
		if errors.Is(err, puddle.ErrClosedPool) || isPg && (strings.HasPrefix(e.Code, "28") || e.Code == codeNoDatabase || e.Code == codePermission) {
			return final
		}
		return unsent
	case pgconn.SafeToRetry(err):
		return unsent
	case !isPg && errors.As(err, &local):
		return final
	case !isPg:
		return lost
	case e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC":
		return lost
	case e.Code == codeSerialization || e.Code == codeDeadlock:
		return contend
	case e.Code == codeUnsupported || e.Code == codeNoStatement || e.Code == codeStatementTwice || e.Code == codeProtocol:
		return stale
	}
	return final
}

// explain turns an error into one that a caller can act on. what names the call
// and the row.
func explain(what string, err error) error {
	var sentinel error
	switch code(err) {
	case codeReadOnly:
		sentinel = ErrReadOnly
	case codeFull:
		sentinel = ErrFull
	case codePermission:
		sentinel = ErrPermission
	case codeNoTable, codeNoSchema:
		sentinel = ErrNoTables
	case codeTooLarge:
		sentinel = store.ErrInvalid
	}
	if errors.Is(err, puddle.ErrClosedPool) {
		sentinel = store.ErrClosed
	}
	if sentinel != nil {
		return fmt.Errorf("postgres: %s: %w: %w", what, sentinel, err)
	}
	return fmt.Errorf("postgres: %s: %w", what, err)
}

// ended is the error of a call whose context was done before it could be
// finished.
func ended(what string, ctx context.Context) error {
	return fmt.Errorf("postgres: %s: %w", what, ctx.Err())
}
