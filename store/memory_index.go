package store

import (
	"context"
	"slices"
)

// List implements [Store].
func (m *Memory) List(ctx context.Context, q Query) (Page, error) {
	if err := m.check(ctx); err != nil {
		return Page{}, err
	}
	if err := q.Validate(); err != nil {
		return Page{}, err
	}
	cursor, err := q.Cursor()
	if err != nil {
		return Page{}, err
	}
	q = q.Normalize()
	m.mu.RLock()
	if m.closed.Load() {
		m.mu.RUnlock()
		return Page{}, ErrClosed
	}
	page := m.scan(q, cursor)
	m.mu.RUnlock()
	for i, row := range page.Rows {
		page.Rows[i] = row.clone()
	}
	return page, nil
}

// scan collects one page. Its rows still share their slices with the Memory.
func (m *Memory) scan(q Query, cursor Cursor) Page {
	page := Page{Rows: []Row{}}
	set := m.narrowest(q)
	if set == nil {
		return page
	}
	from := place{id: cursor.ID}
	if !q.DueBefore.IsZero() {
		from.due = cursor.Due.UnixMicro()
	}
	for p, row := range set.after(from) {
		if !q.DueBefore.IsZero() && p.due >= q.DueBefore.UnixMicro() {
			break
		}
		if !q.matches(row) {
			continue
		}
		if len(page.Rows) == q.Limit {
			page.Next = q.CursorAfter(page.Rows[q.Limit-1])
			break
		}
		page.Rows = append(page.Rows, *row)
	}
	return page
}

// narrowest returns the set in the order of q with the fewest rows to look at,
// nil when no row can match.
func (m *Memory) narrowest(q Query) *ordered {
	k := m.kinds[q.Kind]
	if k == nil {
		return nil
	}
	if q.Unique != "" {
		row := k.unique[q.Unique]
		if row == nil || (!q.DueBefore.IsZero() && row.Due.IsZero()) {
			return nil
		}
		var one ordered
		one.insert(placeIn(q, row), row)
		return &one
	}
	if !q.DueBefore.IsZero() {
		return &k.byDue
	}
	best := &k.byID
	if q.Parent != (Key{}) {
		best = m.children[q.Parent][q.Kind]
	}
	for _, label := range q.Labels {
		if set := k.labels[label]; set == nil || best == nil {
			return nil
		} else if set.size < best.size {
			best = set
		}
	}
	return best
}

func placeIn(q Query, row *Row) place {
	if q.DueBefore.IsZero() {
		return place{id: row.ID}
	}
	return place{row.Due.UnixMicro(), row.ID}
}

// matches reports whether the row meets the conditions of q other than
// DueBefore, which is met by where the scan ends.
func (q Query) matches(row *Row) bool {
	if q.Parent != (Key{}) && row.Parent != q.Parent {
		return false
	}
	for _, label := range q.Labels {
		if _, ok := slices.BinarySearch(row.Labels, label); !ok {
			return false
		}
	}
	return true
}

// index enters the row into the indexes; was is what the same row was before,
// nil for a new one.
func (m *Memory) index(row, was *Row) {
	k := m.kinds[row.Kind]
	if k == nil {
		if m.kinds == nil {
			m.kinds = make(map[Kind]*kindIndex)
		}
		k = &kindIndex{unique: make(map[string]*Row), labels: make(map[string]*ordered)}
		m.kinds[row.Kind] = k
	}
	if row.Unique != "" {
		k.unique[row.Unique] = row
	}
	if !row.Due.IsZero() && (was == nil || !was.Due.Equal(row.Due)) {
		k.byDue.insert(place{row.Due.UnixMicro(), row.ID}, row)
	}
	if was == nil || !slices.Equal(was.Labels, row.Labels) {
		for _, label := range row.Labels {
			insertInto(k.labels, label, row)
		}
	}
	if was != nil {
		return
	}
	k.byID.insert(place{id: row.ID}, row)
	if row.Parent != (Key{}) {
		if m.children == nil {
			m.children = make(map[Key]map[Kind]*ordered)
		}
		if m.children[row.Parent] == nil {
			m.children[row.Parent] = make(map[Kind]*ordered)
		}
		insertInto(m.children[row.Parent], row.Kind, row)
	}
}

// unindex takes the row out of the indexes; next is what the same row is about
// to be, nil when it goes.
func (m *Memory) unindex(row, next *Row) {
	k := m.kinds[row.Kind]
	if row.Unique != "" {
		delete(k.unique, row.Unique)
	}
	if !row.Due.IsZero() && (next == nil || !next.Due.Equal(row.Due)) {
		k.byDue.remove(place{row.Due.UnixMicro(), row.ID})
	}
	if next == nil || !slices.Equal(next.Labels, row.Labels) {
		for _, label := range row.Labels {
			removeFrom(k.labels, label, row)
		}
	}
	if next != nil {
		return
	}
	k.byID.remove(place{id: row.ID})
	if siblings := m.children[row.Parent]; siblings != nil {
		removeFrom(siblings, row.Kind, row)
		if len(siblings) == 0 {
			delete(m.children, row.Parent)
		}
	}
}

func insertInto[K comparable](sets map[K]*ordered, k K, row *Row) {
	if sets[k] == nil {
		sets[k] = new(ordered)
	}
	sets[k].insert(place{id: row.ID}, row)
}

// removeFrom forgets a set that has become empty, so that labels and parents
// that come and go leave nothing behind.
func removeFrom[K comparable](sets map[K]*ordered, k K, row *Row) {
	sets[k].remove(place{id: row.ID})
	if sets[k].size == 0 {
		delete(sets, k)
	}
}
