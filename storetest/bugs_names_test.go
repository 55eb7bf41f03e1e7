package storetest

import (
	"context"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/tieline/tieline/store"
)

// nameBugs take different names for one, or one order for another.
func nameBugs() []seededBug {
	ids := func(change func(string) string) Target {
		return onMemory(func(m *mutant) {
			m.keys(func(k store.Key) store.Key {
				if k.ID != "" {
					k.ID = change(k.ID)
				}
				return k
			})
		})
	}
	kinds := func(change func(string) string) Target {
		return onMemory(func(m *mutant) {
			m.keys(func(k store.Key) store.Key { k.Kind = store.Kind(change(string(k.Kind))); return k })
		})
	}
	trim := func(s string) string {
		return strings.TrimRight(s, " ") + map[bool]string{true: " "}[strings.Trim(s, " ") == ""]
	}
	return []seededBug{
		{"IDs are lower-cased", "OddKeys", ids(strings.ToLower)},
		{"IDs lose trailing spaces", "OddKeys", ids(trim)},
		{"IDs are composed: e and an accent become é", "OddKeys", ids(func(s string) string { return strings.ReplaceAll(s, "e\u0301", "\u00e9") })},
		{"IDs lose zero-width characters", "OddKeys", ids(func(s string) string { return strings.Trim(s, "\u200b\u200d\ufeff") })},
		{"IDs are cut at 200 bytes", "OddKeys", ids(func(s string) string { return s[:min(len(s), 200)] })},
		{"Kinds are lower-cased", "OddKeys", kinds(strings.ToLower)},
		{"Kinds lose surrounding spaces", "OddKeys", kinds(strings.TrimSpace)},
		{"Kind and ID are joined with a colon", "OddKeys", onMemory(func(m *mutant) {
			m.keys(func(k store.Key) store.Key {
				if kind, rest, ok := strings.Cut(string(k.Kind)+":"+k.ID, ":"); ok && k.ID != "" {
					return store.Key{Kind: store.Kind(kind), ID: rest}
				}
				return k
			})
		})},
		{"Unique is compared without regard to case", "OddKeys", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row { r.Unique = strings.ToLower(r.Unique); return r })
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				q.Unique = strings.ToLower(q.Unique)
				return list(ctx, q)
			}
		})},
	}
}

func joinBugs() []seededBug {
	return []seededBug{
		{"Kind and ID of a Parent are joined with a slash", "OddKeys", matching(func(row store.Row, q store.Query) bool {
			if string(q.Parent.Kind)+"/"+q.Parent.ID == string(row.Parent.Kind)+"/"+row.Parent.ID {
				q.Parent = row.Parent
			}
			return matches(row, q)
		})},
		{"Kind and Unique are joined with a slash", "OddKeys", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				n.mu.Lock()
				defer n.mu.Unlock()
				for _, r := range n.rows {
					if string(r.Kind)+"/"+r.Unique == string(row.Kind)+"/"+row.Unique && r.Kind != row.Kind && row.Unique != "" {
						return store.Row{}, store.ErrExists
					}
				}
				n.mu.Unlock()
				defer n.mu.Lock()
				return put(ctx, row)
			}
		})},
		{"a cursor ends at the first bar in an ID", "OddKeys", lists(func(l *lister) {
			l.next = func(q store.Query, last store.Row, _ int) string {
				before, _, _ := strings.Cut(cursor(q, last), "|")
				return before
			}
		})},
	}
}

func orderBugs() []seededBug {
	return []seededBug{
		{"List orders by UTF-16", "OddKeys", reordered(func(a, b store.Row) int {
			return slices.Compare(utf16.Encode([]rune(a.ID)), utf16.Encode([]rune(b.ID)))
		})},
		{"List orders without regard to case", "OddKeys", reordered(func(a, b store.Row) int {
			return strings.Compare(strings.ToLower(a.ID)+a.ID, strings.ToLower(b.ID)+b.ID)
		})},
		{"List orders by when rows were created", "Pages", createdOrder()},
	}
}

// reordered is a target whose lists by ID have another order. It is written
// over the naive table, whose cursors only fit its own order: pages are cut out
// of the whole.
func reordered(order func(a, b store.Row) int) Target {
	return onNaive(func(m *mutant, n *naive) {
		list := m.list
		m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
			if !q.DueBefore.IsZero() || q.Unique != "" {
				return list(ctx, q)
			}
			if err := validQuery(q); err != nil || ctx.Err() != nil {
				return list(ctx, q)
			}
			return n.cutPage(q, order), nil
		}
	})
}

func (n *naive) cutPage(q store.Query, order func(a, b store.Row) int) store.Page {
	n.mu.Lock()
	defer n.mu.Unlock()
	rows := []store.Row{}
	for _, row := range n.rows {
		if matches(row, q) {
			rows = append(rows, copied(row))
		}
	}
	slices.SortFunc(rows, order)
	if id, ok := strings.CutPrefix(q.After, idCursor); ok {
		i := slices.IndexFunc(rows, func(r store.Row) bool { return r.ID == id })
		rows = rows[i+1:]
	}
	limit := q.Limit
	if limit == 0 {
		limit = store.DefaultLimit
	}
	if limit = min(limit, store.MaxLimit); len(rows) > limit {
		return store.Page{Rows: rows[:limit], Next: cursor(q, rows[limit-1])}
	}
	return store.Page{Rows: rows}
}

func createdOrder() Target {
	return onNaive(func(m *mutant, n *naive) {
		created := map[store.Key]int{}
		put, list := m.put, m.list
		m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
			got, err := put(ctx, row)
			n.mu.Lock()
			defer n.mu.Unlock()
			if err == nil && got.Version == 1 {
				created[row.Key] = len(created)
			}
			return got, err
		}
		m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
			if validQuery(q) != nil || ctx.Err() != nil || !q.DueBefore.IsZero() {
				return list(ctx, q)
			}
			return n.cutPage(q, func(a, b store.Row) int { return created[a.Key] - created[b.Key] }), nil
		}
	})
}
