package storetest

import (
	"context"
	"errors"

	"github.com/tieline/tieline/store"
)

// handle makes calls that have to succeed, under the rule's context, and
// compares every answer with what the contract leaves no choice about.
type handle struct {
	e *env
	s store.Store
}

// put stores the row and returns it as stored.
func (h handle) put(row store.Row) store.Row {
	h.e.t.Helper()
	got, err := h.s.Put(h.e.ctx, row)
	if err != nil {
		h.e.fatalf("Put(%s): %v", show(row), err)
	}
	if d := diff(got, stored(row)); d != "" {
		h.e.fatalf("Put(%s) returned another row: %s", show(row), d)
	}
	return got
}

// create is put of a new row, and of a bystander in another Kind that has the
// same ID, Unique, Labels and Due.
func (h handle) create(row store.Row) store.Row {
	h.e.t.Helper()
	row.Version = 0
	h.e.bystanders.shadow(h.e, row)
	return h.put(row)
}

func (h handle) get(key store.Key) store.Row {
	h.e.t.Helper()
	got, err := h.s.Get(h.e.ctx, key)
	if err != nil {
		h.e.fatalf("Get(%s): %v", showKey(key), err)
	}
	return got
}

// delete removes a version of a row that has to be there.
func (h handle) delete(key store.Key, version int64) {
	h.e.t.Helper()
	if err := h.s.Delete(h.e.ctx, key, version); err != nil {
		h.e.fatalf("Delete(%s, version %d): %v", showKey(key), version, err)
	}
}

// holds checks that the row is stored exactly so.
func (h handle) holds(want store.Row) {
	h.e.t.Helper()
	if d := diff(h.get(want.Key), want); d != "" {
		h.e.fatalf("Get(%s): %s", showKey(want.Key), d)
	}
}

// absent checks that there is no such row.
func (h handle) absent(keys ...store.Key) {
	h.e.t.Helper()
	for _, key := range keys {
		row, err := h.s.Get(h.e.ctx, key)
		if err == nil {
			h.e.fatalf("Get(%s) found %s, which is not there any more", showKey(key), show(row))
		}
		h.e.wantErr(err, store.ErrNotFound, "Get(%s)", showKey(key))
	}
}

// page is one List.
func (h handle) page(q store.Query) store.Page {
	h.e.t.Helper()
	page, err := h.s.List(h.e.ctx, q)
	if err != nil {
		h.e.fatalf("List(%s): %v", showQuery(q), err)
	}
	if page.Rows == nil {
		h.e.fatalf("List(%s): Rows is nil", showQuery(q))
	}
	limit := q.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	if len(page.Rows) > limit {
		h.e.fatalf("List(%s): %d rows, more than the limit", showQuery(q), len(page.Rows))
	}
	return page
}

// pages follows Next to the end. It gives up on pages without end.
func (h handle) pages(q store.Query) []store.Page {
	h.e.t.Helper()
	const tooMany = 10_000
	var out []store.Page
	for {
		page := h.page(q)
		out = append(out, page)
		if page.Next == "" {
			return out
		}
		if page.Next == q.After || len(out) == tooMany {
			h.e.fatalf("List(%s): Next leads nowhere after %d pages", showQuery(q), len(out))
		}
		q.After = page.Next
	}
}

// all is every row that matches.
func (h handle) all(q store.Query) []store.Row {
	h.e.t.Helper()
	rows := []store.Row{}
	for _, page := range h.pages(q) {
		rows = append(rows, page.Rows...)
	}
	return rows
}

// lists checks that the query gives exactly these rows in this order.
func (h handle) lists(q store.Query, want ...store.Row) {
	h.e.t.Helper()
	if d := diffRows(h.all(q), want); d != "" {
		h.e.fatalf("List(%s): %s", showQuery(q), d)
	}
}

// listsIDs is lists for when only the choice and order of rows matter.
func (h handle) listsIDs(q store.Query, want ...string) {
	h.e.t.Helper()
	if d := diffIDs(h.all(q), want); d != "" {
		h.e.fatalf("List(%s): %s", showQuery(q), d)
	}
}

// refusePut, refuseDelete and refuseList check that a call fails as it should.
func (h handle) refusePut(want error, row store.Row, why string) {
	h.e.t.Helper()
	_, err := h.s.Put(h.e.ctx, row)
	h.e.wantErr(err, want, "Put(%s), %s", show(row), why)
}

func (h handle) refuseDelete(want error, key store.Key, version int64, why string) {
	h.e.t.Helper()
	err := h.s.Delete(h.e.ctx, key, version)
	h.e.wantErr(err, want, "Delete(%s, version %d), %s", showKey(key), version, why)
}

func (h handle) refuseList(want error, q store.Query, why string) {
	h.e.t.Helper()
	_, err := h.s.List(h.e.ctx, q)
	h.e.wantErr(err, want, "List(%s), %s", showQuery(q), why)
}

// answers are the errors that a Store gives on purpose. Each excludes the
// others: callers act on the first that matches.
func answers() []error {
	return []error{
		store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrInvalid, store.ErrClosed,
		context.Canceled, context.DeadlineExceeded,
	}
}

// answer is the one of answers that err is, nil for nil, and err itself when
// it is none of them.
func answer(err error) error {
	for _, a := range answers() {
		if errors.Is(err, a) {
			return a
		}
	}
	return err
}

// wantErr checks that errors.Is finds want in err, and nothing else that a
// caller could act on.
func (e *env) wantErr(err, want error, format string, args ...any) {
	e.t.Helper()
	if err == nil {
		e.fatalf(format+": it succeeded, want %q", append(args, want)...)
	}
	if !errors.Is(err, want) {
		e.fatalf(format+": error %q, want one that errors.Is(err, %q)", append(args, err, want)...)
	}
	for _, other := range answers() {
		if other != want && errors.Is(err, other) {
			e.fatalf(format+": error %q is both %q and %q", append(args, err, want, other)...)
		}
	}
}
