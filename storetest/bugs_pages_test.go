package storetest

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"sync"

	"github.com/tieline/tieline/store"
)

// lister is a List over the naive table whose every step can be replaced.
type lister struct {
	valid func(store.Query) error
	match func(store.Row, store.Query) bool
	order func(store.Query, []store.Row) []store.Row
	limit func(store.Query) int
	skip  func(q store.Query, row store.Row, at int) bool // row is before the page
	more  func(limit, found int) bool                     // a page with that many rows from its start on is not the last
	next  func(q store.Query, last store.Row, at int) string
}

// lists is a target with a bug in List.
func lists(edit func(*lister)) Target {
	l := lister{
		valid: validQuery, match: matches, order: ordered,
		limit: func(q store.Query) int { return min(cmp.Or(q.Limit, store.DefaultLimit), store.MaxLimit) },
		skip:  func(q store.Query, row store.Row, _ int) bool { return q.After != "" && cursor(q, row) <= q.After },
		more:  func(limit, found int) bool { return found > limit },
		next:  func(q store.Query, last store.Row, _ int) string { return cursor(q, last) },
	}
	edit(&l)
	return onNaive(func(m *mutant, n *naive) {
		m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
			if err := firstError(ctx.Err(), l.valid(q)); err != nil {
				return store.Page{}, err
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			return l.list(n, q), nil
		}
	})
}

func (l *lister) list(n *naive, q store.Query) store.Page {
	var found []store.Row
	for _, row := range n.rows {
		if l.match(row, q) {
			found = append(found, row)
		}
	}
	found = l.order(q, found)
	start := 0
	for start < len(found) && l.skip(q, found[start], start) {
		start++
	}
	page, limit := store.Page{Rows: []store.Row{}}, l.limit(q)
	for _, row := range found[start:][:max(min(limit, len(found)-start), 0)] {
		page.Rows = append(page.Rows, copied(row))
	}
	if len(page.Rows) > 0 && l.more(limit, len(found)-start) {
		at := start + len(page.Rows)
		page.Next = l.next(q, found[at-1], at)
	}
	return page
}

// pageBugs are about limits and cursors.
func pageBugs() []seededBug {
	return []seededBug{
		{"a full page is taken for one that another follows", "Pages", lists(func(l *lister) {
			l.more = func(limit, found int) bool { return found >= limit }
		})},
		{"Next is never empty", "Pages", lists(func(l *lister) { l.more = func(int, int) bool { return true } })},
		{"a row that is alone is said to be followed by another", "Pages", lists(func(l *lister) {
			l.order = func(q store.Query, rows []store.Row) []store.Row {
				if q.Unique != "" {
					rows = append(rows, rows...)
				}
				return ordered(q, rows)
			}
		})},
		{"the last page is taken for complete too early", "Pages", lists(func(l *lister) {
			l.more = func(limit, found int) bool { return found > limit+1 }
		})},
		{"a page has one row more than its Limit", "Pages", lists(func(l *lister) {
			limit := l.limit
			l.limit = func(q store.Query) int { return limit(q) + 1 }
		})},
		{"a page begins with the last row of the one before", "Pages", lists(func(l *lister) {
			l.skip = func(q store.Query, row store.Row, _ int) bool { return q.After != "" && cursor(q, row) < q.After }
		})},
		{"a cursor by Due skips rows that share it", "Pages", lists(func(l *lister) {
			skip := l.skip
			l.skip = func(q store.Query, row store.Row, at int) bool {
				if q.After == "" || q.DueBefore.IsZero() {
					return skip(q, row, at)
				}
				return dueCursor+row.Due.Format(dueLayout) <= q.After[:len(dueCursor)+len(dueLayout)]
			}
		})},
		{"a cursor is the number of rows before it", "PagesUnderChange", lists(byOffset)},
	}
}

func cursorBugs() []seededBug {
	return []seededBug{
		{"a cursor is lost when its row is", "Cursors", lists(func(l *lister) {
			l.order = func(q store.Query, rows []store.Row) []store.Row {
				rows = ordered(q, rows)
				for i, row := range rows {
					if cursor(q, row) == q.After {
						return rows[i:]
					}
				}
				if q.After != "" {
					return nil
				}
				return rows
			}
		})},
		{"cursors are not looked at", "Cursors", lists(func(l *lister) { l.valid = validBut(func(q *store.Query) { q.After = "" }) })},
		{"a cursor of the other ordering is taken for none", "Cursors", lists(func(l *lister) {
			other := func(q store.Query) bool {
				return strings.HasPrefix(q.After, dueCursor) == q.DueBefore.IsZero() && strings.HasPrefix(q.After, "by ")
			}
			skip := l.skip
			l.valid = validBut(func(q *store.Query) {
				if other(*q) {
					q.After = ""
				}
			})
			l.skip = func(q store.Query, row store.Row, at int) bool { return !other(q) && skip(q, row, at) }
		})},
		{"a cursor that is not ours is taken for none", "Cursors", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				if _, err := q.Cursor(); err != nil {
					q.After = ""
				}
				return list(ctx, q)
			}
		})},
	}
}

func boundCursorBugs() []seededBug {
	return []seededBug{
		{"a cursor holds for one handle only", "Cursors", onHandles(onMemory(func(*mutant) {}), func(m *mutant) {
			list, mine := m.list, map[string]bool{"": true}
			var mu sync.Mutex
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				mu.Lock()
				defer mu.Unlock()
				if !mine[q.After] && ctx.Err() == nil {
					return store.Page{}, store.ErrInvalid
				}
				page, err := list(ctx, q)
				mine[page.Next] = true
				return page, err
			}
		})},
		{"a cursor holds for one Limit only", "Cursors", lists(func(l *lister) {
			l.next = func(q store.Query, last store.Row, _ int) string {
				return cursor(q, last) + " limit " + strconv.Itoa(q.Limit)
			}
			l.valid = validBut(func(q *store.Query) {
				if _, limit, ok := strings.Cut(q.After, " limit "); ok && limit != strconv.Itoa(q.Limit) {
					q.After = "garbage"
				}
			})
			l.skip = func(q store.Query, row store.Row, _ int) bool {
				after, _, ok := strings.Cut(q.After, " limit ")
				return ok && cursor(q, row) <= after
			}
		})},
	}
}

func limitBugs() []seededBug {
	return []seededBug{
		{"the default Limit is 50", "Limits", lists(func(l *lister) { l.limit = capped(50, store.MaxLimit) })},
		{"Limit 0 means all", "Limits", lists(func(l *lister) { l.limit = capped(1<<30, store.MaxLimit+10) })},
		{"a Limit is capped at 500", "Limits", lists(func(l *lister) { l.limit = capped(store.DefaultLimit, 500) })},
		{"a Limit over the cap is the default", "Limits", lists(func(l *lister) {
			l.limit = func(q store.Query) int {
				if q.Limit == 0 || q.Limit > store.MaxLimit {
					return store.DefaultLimit
				}
				return q.Limit
			}
		})},
		{"Limit plus one overflows", "Limits", lists(func(l *lister) {
			l.limit = func(q store.Query) int {
				return max(min(cmp.Or(q.Limit, store.DefaultLimit)+1, store.MaxLimit+1), 1) - 1
			}
		})},
	}
}

func byOffset(l *lister) {
	l.valid = validBut(func(q *store.Query) {
		if _, err := strconv.Atoi(q.After); err == nil {
			q.After = ""
		}
	})
	l.skip = func(q store.Query, _ store.Row, at int) bool {
		before, _ := strconv.Atoi(q.After)
		return at < before
	}
	l.next = func(_ store.Query, _ store.Row, at int) string { return strconv.Itoa(at) }
}

// validBut validates a query after a change to it.
func validBut(change func(*store.Query)) func(store.Query) error {
	return func(q store.Query) error {
		change(&q)
		return validQuery(q)
	}
}

func capped(byDefault, most int) func(store.Query) int {
	return func(q store.Query) int { return min(cmp.Or(q.Limit, byDefault), most) }
}
