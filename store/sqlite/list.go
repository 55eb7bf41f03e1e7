package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"sync"

	"github.com/tieline/tieline/store"
)

// List implements [store.Store].
func (s *Store) List(ctx context.Context, q store.Query) (store.Page, error) {
	if err := s.check(ctx); err != nil {
		return store.Page{}, err
	}
	if err := q.Validate(); err != nil {
		return store.Page{}, err
	}
	cursor, err := q.Cursor()
	if err != nil {
		return store.Page{}, err
	}
	q = q.Normalize()
	var page store.Page
	err = s.read(ctx, func() error {
		from, err := s.narrowest(ctx, q, cursor)
		if err != nil {
			return err
		}
		page, err = s.page(ctx, q, listStatement(q, cursor, from))
		return err
	})
	if err != nil {
		return store.Page{}, err
	}
	return page, nil
}

func (s *Store) page(ctx context.Context, q store.Query, stmt statement) (store.Page, error) {
	rows, err := s.query(ctx, stmt)
	if err != nil {
		return store.Page{}, err
	}
	defer rows.Close() // Err has what counts
	page := store.Page{Rows: []store.Row{}}
	for rows.Next() {
		if len(page.Rows) == q.Limit { // one more than fits was asked for
			page.Next = q.CursorAfter(page.Rows[q.Limit-1])
			break
		}
		var r record
		var id string
		if err := rows.Scan(append([]any{&id}, r.dest()...)...); err != nil {
			return store.Page{}, err
		}
		row, err := s.decode(&r, store.Key{Kind: q.Kind, ID: id})
		if err != nil {
			return store.Page{}, err
		}
		page.Rows = append(page.Rows, row)
	}
	return page, rows.Err()
}

// source is the index that a List reads in order. The statement names it: SQLite,
// which keeps no statistics here, would have to guess.
type source struct {
	index string
	label int // of q.Labels, where the index is that of a label
}

const (
	byKey    = "record_key"
	byUnique = "record_unique"
	byDue    = "record_due"
	byParent = "record_parent"
	byLabel  = "record_label"
)

// probe is how many entries narrowest counts: enough to tell the label of a few
// rows from one that most rows have, at less than the cost of a page. maxProbes
// is of how many indexes.
const (
	probe     = 500
	maxProbes = 8
)

// narrowest picks the index with the fewest entries to look at. Where a query
// has several labels, or a label and a Parent, it looks how many there are of
// each: a label such as the status that nearly all rows share must not be
// searched for the few rows of one end user.
func (s *Store) narrowest(ctx context.Context, q store.Query, cursor store.Cursor) (source, error) {
	switch {
	case q.Unique != "":
		return source{index: byUnique}, nil
	case !q.DueBefore.IsZero():
		return source{index: byDue}, nil
	}
	var candidates []source
	if q.Parent != (store.Key{}) {
		candidates = append(candidates, source{index: byParent})
	}
	for i := range q.Labels {
		candidates = append(candidates, source{byLabel, i})
	}
	switch len(candidates) {
	case 0:
		return source{index: byKey}, nil
	case 1:
		return candidates[0], nil
	}
	best, fewest := candidates[0], probe+1
	for _, c := range candidates[:min(len(candidates), maxProbes)] {
		n, err := s.count(ctx, countStatement(q, cursor, c, fewest))
		if err != nil {
			return source{}, err
		}
		if n < fewest {
			best, fewest = c, n
		}
		if n == 0 {
			break // nothing can match
		}
	}
	return best, nil
}

// statement is the text of a SELECT and its arguments, grown side by side. There
// are less than a hundred different texts.
type statement struct {
	text strings.Builder
	args []any
}

func (b *statement) add(text string, args ...any) {
	b.text.WriteString(text)
	b.args = append(b.args, args...)
}

// listStatement selects one page, and one row more to know whether it is the
// last.
func listStatement(q store.Query, cursor store.Cursor, from source) statement {
	var b statement
	b.add("SELECT r.id, " + columns + " FROM ")
	b.from(q, from)
	id := "r.id"
	if from.index == byLabel {
		id = "l.id"
	}
	if q.DueBefore.IsZero() {
		b.add(" AND "+id+" > ?", cursor.ID)
	} else {
		b.add(" AND r.due < ? AND (r.due, r.id) > (?, ?)", q.DueBefore.UnixMicro(), cursor.Due.UnixMicro(), cursor.ID)
	}
	if q.Parent != (store.Key{}) && from.index != byParent {
		b.add(" AND r.parent_kind = ? AND r.parent_id = ?", string(q.Parent.Kind), q.Parent.ID)
	}
	labels := q.Labels
	if from.index == byLabel {
		labels = slices.Delete(slices.Clone(labels), from.label, from.label+1)
	}
	b.having(labels)
	if q.DueBefore.IsZero() {
		b.add(" ORDER BY "+id+" LIMIT ?", q.Limit+1)
	} else {
		b.add(" ORDER BY r.due, r.id LIMIT ?", q.Limit+1)
	}
	return b
}

// from adds the index and the condition that finds the part of it to read.
func (b *statement) from(q store.Query, from source) {
	kind := string(q.Kind)
	switch from.index {
	case byUnique:
		b.add("record AS r INDEXED BY record_unique WHERE r.kind = ? AND r.unique_name = ?", kind, q.Unique)
	case byParent:
		b.add("record AS r INDEXED BY record_parent WHERE r.parent_kind = ? AND r.parent_id = ? AND r.kind = ?",
			string(q.Parent.Kind), q.Parent.ID, kind)
	case byLabel:
		b.add("record_label AS l CROSS JOIN record AS r INDEXED BY record_key ON r.kind = l.kind AND r.id = l.id"+
			" WHERE l.kind = ? AND l.label = ?", kind, q.Labels[from.label])
	default:
		b.add("record AS r INDEXED BY "+from.index+" WHERE r.kind = ?", kind)
	}
}

// fewLabels is up to how many labels have a condition each, which is quicker;
// more are handed over as one list.
const fewLabels = 4

// having adds the condition that a row has all the labels. It is not made of
// EXISTS, which SQLite would turn into joins, and plan for seconds when there
// are many.
func (b *statement) having(labels []string) {
	if len(labels) <= fewLabels {
		for _, label := range labels {
			b.add(" AND (SELECT 1 FROM record_label AS x WHERE x.kind = r.kind AND x.label = ? AND x.id = r.id)", label)
		}
		return
	}
	b.add(" AND (SELECT count(*) FROM json_each(?) AS j CROSS JOIN record_label AS x"+
		" ON x.kind = r.kind AND x.label = j.value AND x.id = r.id) = ?", encodeLabels(labels), len(labels))
}

// countStatement counts what a page would read of an index, up to most.
func countStatement(q store.Query, cursor store.Cursor, from source, most int) statement {
	var b statement
	b.add("SELECT count(*) FROM (SELECT 1 FROM ")
	if from.index == byLabel {
		b.add("record_label WHERE kind = ? AND label = ? AND id > ? LIMIT ?)",
			string(q.Kind), q.Labels[from.label], cursor.ID, most)
	} else {
		b.from(q, from)
		b.add(" AND r.id > ? LIMIT ?)", cursor.ID, most)
	}
	return b
}

func (s *Store) count(ctx context.Context, stmt statement) (n int, err error) {
	rows, err := s.query(ctx, stmt)
	if err != nil {
		return 0, err
	}
	defer rows.Close() // Err has what counts
	for rows.Next() {
		if err := rows.Scan(&n); err != nil {
			return 0, err
		}
	}
	return n, rows.Err()
}

// listCache keeps the statements of List prepared, by their text.
type listCache struct {
	mu       sync.Mutex
	prepared map[string]*sql.Stmt
}

func (s *Store) query(ctx context.Context, stmt statement) (*sql.Rows, error) {
	prepared, err := s.lists.get(ctx, s.readers, stmt.text.String())
	if err != nil {
		return nil, err
	}
	return prepared.QueryContext(ctx, stmt.args...)
}

func (c *listCache) get(ctx context.Context, db *sql.DB, text string) (*sql.Stmt, error) {
	c.mu.Lock()
	prepared := c.prepared[text]
	c.mu.Unlock()
	if prepared != nil {
		return prepared, nil
	}
	fresh, err := db.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if first := c.prepared[text]; first != nil { // another goroutine was faster
		return first, fresh.Close()
	}
	if c.prepared == nil {
		c.prepared = make(map[string]*sql.Stmt)
	}
	c.prepared[text] = fresh
	return fresh, nil
}
