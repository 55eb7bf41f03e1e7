// Package store defines what Tieline asks of a database: a small versioned
// table of opaque rows, with four methods. It also holds [Memory], the Store
// for tests and short-lived programs.
//
// Package storetest says when an implementation is finished.
package store

import (
	"context"
	"errors"
	"time"
)

// Errors that a Store answers with. Implementations may wrap them; callers
// test with [errors.Is].
var (
	// ErrNotFound: the row is not there, or the Parent of a new row is not.
	ErrNotFound = errors.New("store: not found")
	// ErrExists: a row with this Key, or with this Unique within the Kind, is there already.
	ErrExists = errors.New("store: already exists")
	// ErrConflict: the stored row has another Version than the caller named.
	ErrConflict = errors.New("store: version conflict")
	// ErrInvalid: the call can never succeed as written, see [Store].
	ErrInvalid = errors.New("store: invalid argument")
	// ErrClosed: the Store was closed.
	ErrClosed = errors.New("store: closed")
)

// Kind is a family of rows, such as "connection". Any non-empty valid UTF-8
// without NUL will do.
type Kind string

// Key names a row. Two Keys are the same when their bytes are: case, spaces
// and composed or decomposed accents all count.
type Key struct {
	Kind Kind
	ID   string
}

// Row is one record. The Store keeps it and looks things up by its plain
// fields; Data means nothing to it.
type Row struct {
	Key

	// Version counts the writes to this row. The Store sets it, from 1;
	// 0 means not stored yet.
	Version int64

	// Parent is the row this one is deleted with. It is fixed when the row
	// is created. The zero Key means none.
	Parent Key

	// Unique is a second name, unique within the Kind. Empty means that the
	// row has none.
	Unique string

	// Labels are what [Query.Labels] filters by, matched exactly. They are
	// a set: order and repetition given by the caller are not kept. They come
	// back sorted by their bytes, nil when there are none.
	Labels []string

	// Due orders rows by when they next need attention. It is kept to the
	// microsecond, rounded towards the past, and comes back in UTC. The zero
	// Time means never, and a row that is never due is in no DueBefore query.
	// Years 1 to 9999 are kept.
	Due time.Time

	// Data is opaque to the Store. It comes back non-nil, nil having been
	// stored as empty. Implementations accept at least 1 MiB.
	Data []byte
}

// Query selects rows of one Kind. All conditions given must hold.
type Query struct {
	Kind   Kind     // required
	Parent Key      // rows whose Parent is this one; the zero Key means any
	Unique string   // the row of this Unique; empty means any
	Labels []string // rows that have all of these

	// DueBefore selects rows that are due strictly before this time, and
	// orders the page by (Due, ID) instead of ID. The zero Time means any.
	DueBefore time.Time

	// After is the Next of the page before: an opaque cursor that holds for
	// the same Query with any Limit. Empty means from the start.
	After string

	// Limit is the most rows in a page. 0 means 100; a Store may cap it at
	// no less than 1000. A negative Limit is ErrInvalid.
	Limit int
}

// Page is one part of an answer to [Store.List].
type Page struct {
	Rows []Row  // never nil
	Next string // empty on the last page
}

// DefaultLimit is the page size that a Query with Limit 0 gets, and MaxLimit
// the largest a Query can have from the Stores of this module.
const (
	DefaultLimit = 100
	MaxLimit     = 1000
)

// Store keeps rows. All methods may be called from many goroutines at once,
// and handles on the same database, in any number of processes, see each
// other's writes as soon as the call that made them has returned.
//
// What a Store promises its callers:
//
//   - A read sees the latest write (no replica that lags behind).
//   - A write that returned nil survives the process; whether it survives a
//     power cut is up to the implementation, which says so.
//   - A call that returned an error of this package changed nothing. After any
//     other error (a broken connection, a done context) the row is wholly old or
//     wholly new, and the caller reads it again to learn which.
//   - No memory is shared: rows given and returned may be changed freely.
//   - A Store never reads a clock and starts no work of its own.
//
// What callers promise a Store: IDs are random and never used again, names live
// in Unique, and no call is made with a nil context.
//
// The situations and their answers:
//
//	Get, Delete, or Put with Version > 0, of a row that is not there   ErrNotFound
//	Put with Version 0 of a Key that is there                          ErrExists
//	Put with a Unique that another row of the Kind has                 ErrExists
//	Put or Delete with a Version that is not the stored one            ErrConflict
//	Put of a new row under a Parent that is not there                  ErrNotFound
//	Put that changes Parent; a negative Version;                       ErrInvalid
//	  an empty Kind or ID; NUL or invalid UTF-8 in Kind, ID, Unique or
//	  a Label; a half-filled Parent; Due or DueBefore out of range;
//	  a cursor that is not ours; a negative Limit
//	a done context                                                     its error
//	a closed Store                                                     ErrClosed
//
// Where several apply: a closed Store first, then the context, then
// ErrInvalid for what can be seen without reading the database, then the rest
// in the order of the table; Put that changes Parent is found after the Version
// was compared.
//
// The interface does not grow. New abilities are optional interfaces such as
// [PathGetter], with a fallback where a Store lacks them. A Store that holds
// resources has a Close() error method as well.
type Store interface {
	// Get returns the row.
	Get(ctx context.Context, key Key) (Row, error)

	// Put creates the row if row.Version is 0, else it replaces exactly that
	// version of it. It returns the row as stored, its Version one higher.
	Put(ctx context.Context, row Row) (Row, error)

	// Delete removes exactly that version of the row and, in the same atomic
	// step, every row below it at any depth. Of several concurrent deletes one
	// succeeds. A Delete with version 0 is ErrConflict when the row is there.
	Delete(ctx context.Context, key Key, version int64) error

	// List returns one page of the rows that match, ordered by the bytes of
	// their ID. Following Next until it is empty yields each row that was
	// there all the while exactly once, whatever else is written meanwhile.
	List(ctx context.Context, q Query) (Page, error)
}

// PathGetter is a Store that can find a row by names alone in one step.
type PathGetter interface {
	// GetPath returns the row of the Kind kind whose Unique is
	// JoinPath(ID of the parent row, name) and whose Parent is the row of the
	// Kind parentKind that has the Unique parentUnique. If either is missing
	// the answer is ErrNotFound.
	GetPath(ctx context.Context, parentKind Kind, parentUnique string, kind Kind, name string) (Row, error)
}

// JoinPath is the Unique of the row called name below the row with the given
// ID. IDs hold no slash, so two different pairs never give the same path.
func JoinPath(parentID, name string) string { return parentID + "/" + name }

// GetPath finds a row by names, through the Store's own method where it is a
// [PathGetter] and with two Lists where not.
func GetPath(ctx context.Context, s Store, parentKind Kind, parentUnique string, kind Kind, name string) (Row, error) {
	if p, ok := s.(PathGetter); ok {
		return p.GetPath(ctx, parentKind, parentUnique, kind, name)
	}
	parent, err := getUnique(ctx, s, Query{Kind: parentKind, Unique: parentUnique, Limit: 1})
	if err != nil {
		return Row{}, err
	}
	return getUnique(ctx, s, Query{Kind: kind, Parent: parent.Key, Unique: JoinPath(parent.ID, name), Limit: 1})
}

// GetUnique returns the row of the Kind that has this Unique.
func GetUnique(ctx context.Context, s Store, kind Kind, unique string) (Row, error) {
	return getUnique(ctx, s, Query{Kind: kind, Unique: unique, Limit: 1})
}

func getUnique(ctx context.Context, s Store, q Query) (Row, error) {
	if q.Unique == "" {
		return Row{}, ErrInvalid
	}
	page, err := s.List(ctx, q)
	if err != nil {
		return Row{}, err
	}
	if len(page.Rows) == 0 {
		return Row{}, ErrNotFound
	}
	return page.Rows[0], nil
}
