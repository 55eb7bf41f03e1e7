package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/store"
)

// matching is a target whose List selects rows otherwise.
func matching(match func(row store.Row, q store.Query) bool) Target {
	return lists(func(l *lister) { l.match = match })
}

// labelled is matching for all conditions but Labels, which has decides.
func labelled(has func(row store.Row, labels []string) bool) Target {
	return matching(func(row store.Row, q store.Query) bool {
		labels := q.Labels
		q.Labels = nil
		return matches(row, q) && has(row, labels)
	})
}

// each is for labelled: every label has to match some label of the row.
func each(same func(have, want string) bool) func(store.Row, []string) bool {
	return func(row store.Row, labels []string) bool {
		for _, want := range labels {
			if !slices.ContainsFunc(row.Labels, func(have string) bool { return same(have, want) }) {
				return false
			}
		}
		return true
	}
}

// filterBugs select or find the wrong rows.
func filterBugs() []seededBug {
	return slices.Concat(labelBugs(), dueBugs(), pathBugs(), []seededBug{
		{"a Query with Unique ignores everything else", "Filters", matching(func(row store.Row, q store.Query) bool {
			if q.Unique != "" {
				q = store.Query{Kind: q.Kind, Unique: q.Unique}
			}
			return matches(row, q)
		})},
		{"a Query with Parent ignores DueBefore", "Filters", matching(func(row store.Row, q store.Query) bool {
			if q.Parent != (store.Key{}) {
				q.DueBefore = time.Time{}
			}
			return matches(row, q)
		})},
		{"Labels and Parent are joined with OR", "Filters", matching(func(row store.Row, q store.Query) bool {
			byLabel, byParent := q, q
			byLabel.Parent, byParent.Labels = store.Key{}, nil
			if len(q.Labels) == 0 || q.Parent == (store.Key{}) {
				return matches(row, q)
			}
			return matches(row, byLabel) || matches(row, byParent)
		})},
		{"Query.Parent is compared without its Kind", "Filters", matching(func(row store.Row, q store.Query) bool {
			if q.Parent.ID == row.Parent.ID {
				q.Parent = row.Parent
			}
			return matches(row, q)
		})},
		{"Query.Parent selects rows at any depth", "GetPath", matching(func(row store.Row, q store.Query) bool {
			if q.Parent != (store.Key{}) && strings.HasPrefix(row.Unique, q.Parent.ID+"/") {
				q.Parent = row.Parent
			}
			return matches(row, q)
		})},
		{"Query.Unique matches the beginning", "OddKeys", matching(func(row store.Row, q store.Query) bool {
			if q.Unique != "" && strings.HasPrefix(row.Unique, q.Unique) {
				q.Unique = row.Unique
			}
			return matches(row, q)
		})},
	})
}

func labelBugs() []seededBug {
	return []seededBug{
		{"Labels are joined with OR", "Labels", labelled(func(row store.Row, labels []string) bool {
			return len(labels) == 0 || slices.ContainsFunc(labels, func(l string) bool { return slices.Contains(row.Labels, l) })
		})},
		{"a Label matches the beginning of one", "Labels", labelled(each(strings.HasPrefix))},
		{"a Label matches a part of one", "Labels", labelled(each(strings.Contains))},
		{"Labels match without regard to case", "Labels", labelled(each(strings.EqualFold))},
		{"Labels match without trailing spaces", "Labels", labelled(each(func(have, want string) bool {
			return strings.TrimRight(have, " ") == strings.TrimRight(want, " ")
		}))},
		{"Labels are kept in one string with commas", "Labels", labelled(func(row store.Row, labels []string) bool {
			joined := "," + strings.Join(row.Labels, ",") + ","
			for _, l := range labels {
				if !strings.Contains(joined, ","+l+",") {
					return false
				}
			}
			return true
		})},
		{"as many Labels must match as the Query has, repeated ones too", "Labels", labelled(func(row store.Row, labels []string) bool {
			n := 0
			for _, have := range row.Labels {
				if slices.Contains(labels, have) {
					n++
				}
			}
			return n == len(labels)
		})},
		{"only the first Label counts", "Labels", labelled(func(row store.Row, labels []string) bool {
			return len(labels) == 0 || slices.Contains(row.Labels, labels[0])
		})},
		{"a row has still the Labels it had before", "Labels", onNaive(keepLabels)},
	}
}

// keepLabels finds rows by all Labels they ever had.
func keepLabels(m *mutant, n *naive) {
	had := map[store.Key][]string{} // under n.mu
	put := m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		got, err := put(ctx, row)
		n.mu.Lock()
		defer n.mu.Unlock()
		if err == nil {
			had[row.Key] = append(had[row.Key], got.Labels...)
		}
		return got, err
	}
	l := lister{}
	_ = lists(func(fresh *lister) { l = *fresh })
	l.match = func(row store.Row, q store.Query) bool {
		row.Labels = had[row.Key]
		return matches(row, q)
	}
	m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
		if err := firstError(ctx.Err(), validQuery(q)); err != nil {
			return store.Page{}, err
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		return l.list(n, q), nil
	}
}

func dueBugs() []seededBug {
	return []seededBug{
		{"DueBefore includes its own time", "Due", matching(func(row store.Row, q store.Query) bool {
			if !q.DueBefore.IsZero() {
				q.DueBefore = q.DueBefore.Add(1)
			}
			return matches(row, q)
		})},
		{"rows that are never due are always due", "Due", matching(func(row store.Row, q store.Query) bool {
			if row.Due.IsZero() {
				q.DueBefore = time.Time{}
			}
			return matches(row, q)
		})},
		{"DueBefore is compared to the millisecond", "Due", matching(func(row store.Row, q store.Query) bool {
			row.Due = row.Due.Truncate(time.Millisecond)
			return matches(row, q)
		})},
		{"a page by Due is ordered by ID", "Due", lists(func(l *lister) {
			l.order = func(_ store.Query, rows []store.Row) []store.Row { return ordered(store.Query{}, rows) }
			l.skip = func(q store.Query, row store.Row, _ int) bool {
				return q.After != "" && idOf(cursor(q, row)) <= idOf(q.After)
			}
		})},
		{"rows of one Due are in reverse order", "Due", lists(func(l *lister) {
			l.order = func(q store.Query, rows []store.Row) []store.Row {
				if q.DueBefore.IsZero() {
					return ordered(q, rows)
				}
				slices.SortFunc(rows, func(a, b store.Row) int {
					if c := a.Due.Compare(b.Due); c != 0 {
						return c
					}
					return strings.Compare(b.ID, a.ID)
				})
				return rows
			}
		})},
		{"Due is ordered as text without trailing zeros", "Due", lists(func(l *lister) {
			l.order = func(q store.Query, rows []store.Row) []store.Row {
				if q.DueBefore.IsZero() {
					return ordered(q, rows)
				}
				slices.SortFunc(rows, func(a, b store.Row) int {
					return strings.Compare(a.Due.Format(time.RFC3339Nano)+a.ID, b.Due.Format(time.RFC3339Nano)+b.ID)
				})
				return rows
			}
		})},
	}
}

func idOf(cursor string) string {
	if due, ok := strings.CutPrefix(cursor, dueCursor); ok {
		return due[len(dueLayout):]
	}
	return strings.TrimPrefix(cursor, idCursor)
}

func pathBugs() []seededBug {
	// onPath is a GetPath over the rows of the naive table.
	onPath := func(find func(parent, child store.Row, parentKind store.Kind, parentUnique string, kind store.Kind, name string) bool) Target {
		return onNaive(func(m *mutant, n *naive) {
			m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
				n.mu.Lock()
				defer n.mu.Unlock()
				for _, parent := range ordered(store.Query{}, n.all()) {
					for _, child := range n.all() {
						if find(parent, child, parentKind, parentUnique, kind, name) {
							return copied(child), ctx.Err()
						}
					}
				}
				return store.Row{}, firstError(ctx.Err(), store.ErrNotFound)
			}
		})
	}
	return []seededBug{
		{"GetPath ignores the Kind of the parent", "GetPath", onPath(func(p, c store.Row, _ store.Kind, pu string, k store.Kind, name string) bool {
			return p.Unique == pu && c.Kind == k && c.Parent.ID == p.ID && c.Unique == store.JoinPath(p.ID, name)
		})},
		{"GetPath does not look at the Parent of what it finds", "GetPath", onPath(func(p, c store.Row, pk store.Kind, pu string, k store.Kind, name string) bool {
			return p.Kind == pk && p.Unique == pu && c.Kind == k && c.Unique == store.JoinPath(p.ID, name)
		})},
		{"GetPath does not look at the name of the parent", "GetPath", onPath(func(p, c store.Row, pk store.Kind, _ string, k store.Kind, name string) bool {
			return p.Kind == pk && c.Kind == k && c.Parent == p.Key && c.Unique == store.JoinPath(p.ID, name)
		})},
		{"GetPath ignores the Kind of the row", "GetPath", onPath(func(p, c store.Row, pk store.Kind, pu string, _ store.Kind, name string) bool {
			return p.Kind == pk && p.Unique == pu && c.Parent == p.Key && c.Unique == store.JoinPath(p.ID, name)
		})},
		{"GetPath takes the parent's ID for its name", "GetPath", onPath(func(p, c store.Row, pk store.Kind, pu string, k store.Kind, name string) bool {
			return p.Kind == pk && (p.Unique == pu || p.ID == pu) && c.Kind == k && c.Parent == p.Key && c.Unique == store.JoinPath(p.ID, name)
		})},
		{"GetPath looks for the name at the end of Unique", "GetPath", onPath(func(p, c store.Row, pk store.Kind, pu string, k store.Kind, name string) bool {
			return p.Kind == pk && p.Unique == pu && c.Kind == k && c.Parent == p.Key && strings.HasSuffix(c.Unique, "/"+name)
		})},
		{"GetPath below nothing is invalid", "GetPath", onMemory(func(m *mutant) {
			path := m.path
			m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
				row, err := path(ctx, parentKind, parentUnique, kind, name)
				if errors.Is(err, store.ErrNotFound) {
					err = store.ErrInvalid
				}
				return row, err
			}
		})},
	}
}

// all returns the rows, for a caller that holds n.mu.
func (n *naive) all() []store.Row {
	var rows []store.Row
	for _, row := range n.rows {
		rows = append(rows, row)
	}
	return rows
}
