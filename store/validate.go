package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The methods in this file are for those who write a Store: they hold the part
// of the contract that needs no database, so that every Store refuses and
// stores the same things.

// Validate reports whether a row can have this Key. The error is [ErrInvalid],
// wrapped with what is wrong.
func (k Key) Validate() error {
	if err := validName("Kind", string(k.Kind)); err != nil {
		return err
	}
	return validName("ID", k.ID)
}

// Validate reports whether a Store may accept the row in a Put, as far as that
// can be seen without reading the database. The error is [ErrInvalid], wrapped
// with what is wrong; it repeats nothing of the row's content.
func (r Row) Validate() error {
	if err := r.Key.Validate(); err != nil {
		return err
	}
	if r.Version < 0 {
		return invalid("Version is negative")
	}
	if err := validParent(r.Parent); err != nil {
		return err
	}
	if err := validText("Unique", r.Unique); err != nil {
		return err
	}
	if err := validLabels(r.Labels); err != nil {
		return err
	}
	return validTime("Due", r.Due)
}

// Validate reports whether a Store can answer the query. The error is
// [ErrInvalid], wrapped with what is wrong.
func (q Query) Validate() error {
	if err := validName("Kind", string(q.Kind)); err != nil {
		return err
	}
	if err := validParent(q.Parent); err != nil {
		return err
	}
	if err := validText("Unique", q.Unique); err != nil {
		return err
	}
	if err := validLabels(q.Labels); err != nil {
		return err
	}
	if err := validTime("DueBefore", q.DueBefore); err != nil {
		return err
	}
	if q.Limit < 0 {
		return invalid("Limit is negative")
	}
	_, err := q.Cursor()
	return err
}

// ValidatePath reports whether a [PathGetter] can be asked for these names. The
// error is [ErrInvalid], wrapped with what is wrong.
func ValidatePath(parentKind Kind, parentUnique string, kind Kind, name string) error {
	if err := validName("Kind of the parent", string(parentKind)); err != nil {
		return err
	}
	if err := validName("Unique of the parent", parentUnique); err != nil {
		return err
	}
	if err := validName("Kind", string(kind)); err != nil {
		return err
	}
	return validText("name", name)
}

// Normalize returns the row as a Store keeps it and gives it back: the Labels
// sorted, each once, nil when there are none; Due in UTC, rounded towards the
// past to the microsecond; Data never nil. The Version is left alone. The
// result shares no memory with r. It expects a row that [Row.Validate] accepts.
func (r Row) Normalize() Row {
	r.Labels = CleanLabels(r.Labels)
	r.Due = wholeMicros(r.Due)
	r.Data = copyData(r.Data)
	return r
}

// wholeMicros rounds towards the past. A zero Time in another zone than UTC
// becomes the zero Time.
func wholeMicros(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}

// copyData never returns nil. The compiler sees that make and copy belong
// together and does not clear the memory first.
func copyData(data []byte) []byte {
	fresh := make([]byte, len(data))
	copy(fresh, data)
	return fresh
}

// Normalize returns an equal query in the one form a Store has to deal with:
// the Labels sorted, each once; DueBefore in UTC, rounded up to the microsecond
// (as every Due is a whole one, the same rows are before it); Limit between 1
// and [MaxLimit]. The result shares no memory with q. It expects a query that
// [Query.Validate] accepts.
func (q Query) Normalize() Query {
	q.Labels = CleanLabels(q.Labels)
	if !q.DueBefore.IsZero() {
		q.DueBefore = wholeMicros(q.DueBefore.Add(time.Microsecond - 1))
	}
	if q.Limit == 0 {
		q.Limit = DefaultLimit
	}
	q.Limit = min(q.Limit, MaxLimit)
	return q
}

// CleanLabels returns the labels as a set: a new slice, sorted by their bytes,
// each once, or nil when there are none.
func CleanLabels(labels []string) []string {
	if len(labels) == 0 {
		return nil
	}
	set := slices.Clone(labels)
	slices.Sort(set)
	return slices.Compact(set)
}

func invalid(what string) error { return fmt.Errorf("%w: %s", ErrInvalid, what) }

func validName(field, s string) error {
	if s == "" {
		return invalid(field + " is empty")
	}
	return validText(field, s)
}

// validText refuses what some database cannot keep: Postgres has no NUL in
// text, and neither Postgres nor SQLite compares invalid UTF-8 reliably.
func validText(field, s string) error {
	if !utf8.ValidString(s) {
		return invalid(field + " is not valid UTF-8")
	}
	if strings.IndexByte(s, 0) >= 0 {
		return invalid(field + " holds a NUL")
	}
	return nil
}

func validParent(p Key) error {
	if p == (Key{}) {
		return nil
	}
	if p.Kind == "" || p.ID == "" {
		return invalid("Parent is half-filled")
	}
	if err := validText("Kind of the Parent", string(p.Kind)); err != nil {
		return err
	}
	return validText("ID of the Parent", p.ID)
}

func validLabels(labels []string) error {
	for _, l := range labels {
		if err := validText("Label", l); err != nil {
			return err
		}
	}
	return nil
}

// validTime also refuses the first microsecond of year 1: rounded, it would be
// the zero Time, and something long due would become never due.
func validTime(field string, t time.Time) error {
	if t.IsZero() {
		return nil
	}
	if y := t.UTC().Year(); y < 1 || y > 9999 || t.Before(time.Time{}.Add(time.Microsecond)) {
		return invalid(field + " is not within the years 1 to 9999")
	}
	return nil
}
