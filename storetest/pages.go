package storetest

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/tieline/tieline/store"
)

// byDue is the order of a Query with DueBefore.
func byDue(a, b store.Row) int {
	return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID))
}

func byID(a, b store.Row) int { return cmp.Compare(a.ID, b.ID) }

// far is after every Due of the rules about pages.
func far() time.Time { return noon().AddDate(10, 0, 0) }

// shelf stores n items below a folder, in an order that is neither theirs nor
// its reverse, among rows that match no Query of the rule. All have the label
// "in" and a Due that some share, and that orders them otherwise than the ID.
func (e *env) shelf(n int) []store.Row {
	e.t.Helper()
	e.bystanders.neighbors(e, folder)
	parent := e.s.create(store.Row{Key: folderKey("shelf")})
	other := e.s.create(store.Row{Key: folderKey("other shelf")})
	var rows []store.Row
	for i := range n {
		k := (i*7 + 3) % n
		id := fmt.Sprintf("%s%0*d", []string{"a", "B", "\u00e9"}[k%3], k%3+1, k)
		rows = append(rows, e.s.create(store.Row{
			Key: itemKey(id), Parent: parent.Key, Unique: "name of " + id, Labels: []string{"in", "x"},
			Due: noon().Add(time.Duration(-k/3) * time.Hour), Data: []byte(id),
		}))
		if i%4 == 0 {
			e.s.put(store.Row{Key: itemKey("out " + id), Parent: other.Key, Labels: []string{"out"}, Due: far()})
			e.s.put(store.Row{Key: store.Key{Kind: "items", ID: id}, Parent: parent.Key, Labels: []string{"in"}, Due: noon()})
		}
	}
	return rows
}

// shelfQueries are the ways to list exactly the rows of a shelf.
func shelfQueries() []store.Query {
	shelf := folderKey("shelf")
	return []store.Query{
		{Kind: item, Parent: shelf},
		{Kind: item, Labels: []string{"in"}},
		{Kind: item, Labels: []string{"x", "in"}, Parent: shelf},
		{Kind: item, DueBefore: far()},
		{Kind: item, DueBefore: far(), Parent: shelf},
		{Kind: item, DueBefore: far(), Labels: []string{"in"}},
	}
}

// ordered sorts rows as the Query does.
func ordered(q store.Query, rows []store.Row) []store.Row {
	rows = slices.Clone(rows)
	if q.DueBefore.IsZero() {
		slices.SortFunc(rows, byID)
	} else {
		slices.SortFunc(rows, byDue)
	}
	return rows
}

func checkPages(e *env) {
	const n = 24
	rows := e.shelf(n)
	second := e.open()
	for _, q := range shelfQueries() {
		want := ordered(q, rows)
		for _, limit := range []int{1, 3, 4, 7, n - 1, n, n + 1, 0} {
			q.Limit = limit
			e.checkPaging(second, q, want)
		}
	}
	e.checkPaging(second, store.Query{Kind: item, Unique: rows[0].Unique, Limit: 1}, rows[:1])
	e.checkPaging(second, store.Query{Kind: "none"}, nil)
	e.checkPaging(second, store.Query{Kind: item, Labels: []string{"in"}, Unique: "none", Limit: 1}, nil)
}

// checkPaging compares each page with its part of want.
func (e *env) checkPaging(h handle, q store.Query, want []store.Row) {
	e.t.Helper()
	limit := q.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	pages := h.pages(q)
	parts := slices.Collect(slices.Chunk(want, limit))
	if len(want) == 0 {
		parts = [][]store.Row{nil}
	}
	for i, page := range pages {
		if i >= len(parts) {
			e.fatalf("List(%s) gives %d pages for %d rows, want %d", showQuery(q), len(pages), len(want), len(parts))
		}
		if d := diffRows(page.Rows, parts[i]); d != "" {
			e.fatalf("List(%s), page %d: %s", showQuery(q), i+1, d)
		}
	}
	if len(pages) < len(parts) {
		e.fatalf("List(%s) gives %d pages for %d rows, want %d", showQuery(q), len(pages), len(want), len(parts))
	}
}

func checkLimits(e *env) {
	const n = 1003
	e.bystanders.neighbors(e, folder)
	// Enough rows for the cap, stored by several goroutines to be quick.
	handles := []handle{e.s, e.open()}
	const workers = 4
	e.parallel(workers, func(w int) {
		for i := w; i < n; i += workers {
			handles[w%2].put(store.Row{Key: itemKey(fmt.Sprintf("%04d", i)), Due: noon()})
		}
	})
	for _, c := range []struct {
		q           store.Query
		least, most int // rows in the page
	}{
		{store.Query{Limit: 0}, store.DefaultLimit, store.DefaultLimit},
		{store.Query{Limit: 1}, 1, 1},
		{store.Query{Limit: 99}, 99, 99},
		{store.Query{Limit: 101}, 101, 101},
		{store.Query{Limit: 1000}, 1000, 1000},
		{store.Query{Limit: n}, 1000, n},
		{store.Query{Limit: math.MaxInt}, 1000, n},
		{store.Query{Limit: 0, DueBefore: far()}, store.DefaultLimit, store.DefaultLimit},
		{store.Query{Limit: 999, DueBefore: far()}, 999, 999},
		{store.Query{Limit: math.MaxInt32, DueBefore: far()}, 1000, n},
	} {
		c.q.Kind = item
		page := e.s.page(c.q)
		if len(page.Rows) < c.least || len(page.Rows) > c.most {
			e.fatalf("List(%s) of %d rows gives %d, want %d to %d", showQuery(c.q), n, len(page.Rows), c.least, c.most)
		}
		if (page.Next != "") != (len(page.Rows) < n) {
			e.fatalf("List(%s) gives %d of %d rows and Next %q", showQuery(c.q), len(page.Rows), n, page.Next)
		}
	}
	q := store.Query{Kind: item, Limit: 400}
	if rows := e.s.all(q); len(rows) != n {
		e.fatalf("List(%s) gives %d rows on all pages, want %d", showQuery(q), len(rows), n)
	}
	e.s.refuseList(store.ErrInvalid, store.Query{Kind: item, Limit: -1}, "a negative Limit")
}

func checkCursors(e *env) {
	const n = 12
	rows := e.shelf(n)
	second := e.open()
	for _, q := range shelfQueries() {
		want := ordered(q, rows)
		for _, at := range []int{1, 2, 5, n - 1} {
			q.Limit, q.After = at, ""
			next := e.s.page(q).Next
			// From any cursor on, with any Limit, from any handle, again and again.
			for _, limit := range []int{3, n, 0} {
				q.Limit, q.After = limit, next
				second.lists(q, want[at:]...)
			}
		}
		for _, garbage := range []string{"garbage", "\x00", "\xff\xfe", "!", " ", "not a cursor", "\u00e9", "null", "{}", rows[0].ID} {
			q.After = garbage
			e.s.refuseList(store.ErrInvalid, q, "a cursor that is not ours")
		}
	}
	e.checkOtherOrdering()
	e.checkCursorOutlivesRow(rows)
}

// checkOtherOrdering gives a cursor by ID to a Query by Due, and the reverse.
func (e *env) checkOtherOrdering() {
	e.t.Helper()
	byID := store.Query{Kind: item, Labels: []string{"in"}, Limit: 2}
	byDue := byID
	byDue.DueBefore = far()
	idCursor, dueCursor := e.s.page(byID).Next, e.s.page(byDue).Next
	byID.After, byDue.After = dueCursor, idCursor
	e.s.refuseList(store.ErrInvalid, byID, "a cursor of the ordering by Due")
	e.s.refuseList(store.ErrInvalid, byDue, "a cursor of the ordering by ID")
}

// checkCursorOutlivesRow deletes the rows on both sides of a cursor.
func (e *env) checkCursorOutlivesRow(rows []store.Row) {
	e.t.Helper()
	for _, q := range []store.Query{{Kind: item, Labels: []string{"in"}}, {Kind: item, Labels: []string{"in"}, DueBefore: far()}} {
		left := ordered(q, rows)
		q.Limit = 3
		next := e.s.page(q).Next
		for _, row := range left[2:4] {
			e.s.delete(row.Key, row.Version)
		}
		q.After = next
		e.s.lists(q, left[4:]...)
		rows = slices.Concat(left[:2], left[4:])
	}
}
