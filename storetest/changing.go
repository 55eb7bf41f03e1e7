package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/tieline/tieline/store"
)

// A change writes to a shelf between two of its pages.
type change func(round int)

// checkPagesUnderChange pages through a shelf and writes between the pages.
// Inserts and deletes are also tried alone: where rows are counted instead of
// compared, the two of them can make up for each other.
func checkPagesUnderChange(e *env) {
	rows := e.shelf(10)
	c := &changer{e: e, h: e.open(), stable: slices.Clone(rows)}
	shelf := folderKey("shelf")
	queries := []store.Query{
		{Kind: item, Parent: shelf},
		{Kind: item, Labels: []string{"in"}},
		{Kind: item, DueBefore: far()},
		{Kind: item, DueBefore: far(), Labels: []string{"x"}, Parent: shelf},
	}
	for _, what := range []struct {
		name string
		change
	}{
		{"inserts", c.insert},
		{"deletes", c.delete},
		{"inserts and deletes", func(round int) { c.insert(round); c.delete(round) }},
		{"updates", c.update},
	} {
		for _, q := range queries {
			q.Limit = 3
			c.reset()
			e.checkStable(q, what.name, rows, what.change)
		}
	}
}

// checkStable pages with a change after every page, and expects each stable
// row once and all rows in order.
func (e *env) checkStable(q store.Query, what string, stable []store.Row, change change) {
	e.t.Helper()
	seen := map[string]int{}
	var all []store.Row
	for round := 0; ; round++ {
		page := e.s.page(q)
		all = append(all, page.Rows...)
		for _, row := range page.Rows {
			seen[row.ID]++
			e.checkMatches(q, row)
		}
		if page.Next == "" {
			break
		}
		if round > 500 {
			e.fatalf("List(%s) with %s between the pages does not come to an end", showQuery(q), what)
		}
		q.After = page.Next
		change(round)
	}
	for _, row := range stable {
		if n := seen[row.ID]; n != 1 {
			e.fatalf("List(%s) with %s between the pages gives %s, which was there all the while, %d times", showQuery(q), what, showKey(row.Key), n)
		}
	}
	if d := diffIDs(all, idsOf(ordered(q, all))); d != "" {
		e.fatalf("List(%s) with %s between the pages is out of order: %s", showQuery(q), what, d)
	}
	for id, n := range seen {
		if n > 1 {
			e.fatalf("List(%s) with %s between the pages gives %q %d times", showQuery(q), what, id, n)
		}
	}
}

// changer stores and removes rows on both sides of wherever a cursor is.
type changer struct {
	e      *env
	h      handle
	stable []store.Row // as they are
	extra  []store.Row // the others
	serial int
}

// insert adds two rows at the ends of the order, and one in between. The
// number of rows is bounded, so that a reader at the end gets there.
func (c *changer) insert(round int) {
	if round > 6 {
		return
	}
	for i, prefix := range []string{"\x01", "a0", "~"} {
		c.serial++
		row := c.h.put(store.Row{
			Key: itemKey(fmt.Sprintf("%s extra %d", prefix, c.serial)), Parent: folderKey("shelf"), Labels: []string{"x", "in"},
			Due: noon().Add(time.Duration(i-1) * 1000 * time.Hour),
		})
		c.extra = append(c.extra, row)
	}
}

// delete removes rows that were inserted, the oldest and the newest.
func (c *changer) delete(int) {
	for _, newest := range []bool{true, false, false} {
		if len(c.extra) == 0 {
			return
		}
		i := 0
		if newest {
			i = len(c.extra) - 1
		}
		c.h.delete(c.extra[i].Key, c.extra[i].Version)
		c.extra = append(c.extra[:i:i], c.extra[i+1:]...)
	}
}

// update writes a third of the stable rows without moving them.
func (c *changer) update(round int) {
	for i, row := range c.stable {
		if i%3 == round%3 {
			row.Data = fmt.Append(nil, "changed in round ", round)
			c.stable[i] = c.h.put(row)
		}
	}
}

// reset begins with a few rows that can be deleted.
func (c *changer) reset() {
	for len(c.extra) > 0 {
		c.delete(0)
	}
	for round := range 2 {
		c.insert(round)
	}
}
