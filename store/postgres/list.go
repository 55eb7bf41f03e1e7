package postgres

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/tieline/tieline/store"
)

// List implements [store.Store]. It is one statement, and one before it that
// counts where a query could be answered from several indexes.
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
		return store.Page{}, s.readError(ctx, "list", err)
	}
	return page, nil
}

func (s *Store) page(ctx context.Context, q store.Query, stmt *statement) (store.Page, error) {
	rows, err := s.pool.Query(ctx, s.sql.tables.Replace(stmt.text.String()), stmt.args...)
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
		page.Rows = append(page.Rows, r.row(store.Key{Kind: q.Kind, ID: id}))
	}
	rows.Close()
	return page, rows.Err()
}

// source is the index that a List reads in order.
type source struct {
	index string
	label int // of q.Labels, where the index is that of a label
}

const (
	byKey    = "key"
	byUnique = "unique"
	byDue    = "due"
	byParent = "parent"
	byLabel  = "label"
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
	candidates = candidates[:min(len(candidates), maxProbes)]
	stmt := countStatement(q, cursor, candidates)
	counts := make([]int64, len(candidates))
	dest := make([]any, len(candidates))
	for i := range counts {
		dest[i] = &counts[i]
	}
	if err := s.pool.QueryRow(ctx, s.sql.tables.Replace(stmt.text.String()), stmt.args...).Scan(dest...); err != nil {
		return source{}, err
	}
	return candidates[slices.Index(counts, slices.Min(counts))], nil
}

// statement is the text of a SELECT and its arguments, grown side by side. There
// are few different texts, so the driver's cache of prepared ones serves all.
type statement struct {
	text strings.Builder
	args []any
}

// add appends text, in which each question mark stands for the next argument.
func (b *statement) add(text string, args ...any) {
	for {
		before, after, found := strings.Cut(text, "?")
		b.text.WriteString(before)
		if !found {
			return
		}
		b.args = append(b.args, args[0])
		b.text.WriteString("$" + strconv.Itoa(len(b.args)))
		text, args = after, args[1:]
	}
}

// listStatement selects one page, and one row more to know whether it is the
// last.
func listStatement(q store.Query, cursor store.Cursor, from source) *statement {
	b := &statement{}
	b.add("SELECT r.id, " + columns + " FROM ")
	b.from(q, cursor, from)
	if !q.DueBefore.IsZero() {
		b.add(" AND r.due < ? AND (r.due, r.id) > (?, ?)", q.DueBefore.UnixMicro(), cursor.Due.UnixMicro(), cursor.ID)
	}
	if q.Parent != (store.Key{}) && from.index != byParent {
		b.add(" AND r.parent_kind = ? AND r.parent_id = ?", string(q.Parent.Kind), q.Parent.ID)
	}
	if labels := remaining(q, from); len(labels) > 0 {
		b.add(" AND r.labels @> ?", labels)
	}
	b.add(" ORDER BY "+order(from)+" LIMIT ?", q.Limit+1)
	return b
}

// remaining are the labels that the index does not see to.
func remaining(q store.Query, from source) []string {
	if from.index != byLabel {
		return q.Labels
	}
	return slices.Delete(slices.Clone(q.Labels), from.label, from.label+1)
}

// order is that of the index as it is written there, with the columns that are
// fixed: so no other index gives it, and the planner cannot be misled by a guess
// of how many rows match.
func order(from source) string {
	switch from.index {
	case byParent:
		return "r.parent_kind, r.parent_id, r.kind, r.id"
	case byLabel:
		return "l.kind, l.label, l.id"
	case byDue:
		return "r.due, r.id"
	default:
		return "r.id"
	}
}

// from adds the index and the condition that finds the part of it to read, from
// the cursor on.
func (b *statement) from(q store.Query, cursor store.Cursor, from source) {
	kind := string(q.Kind)
	after := cursor.ID
	if !q.DueBefore.IsZero() {
		after = "" // the order is another
	}
	switch from.index {
	case byUnique:
		b.add("{record} AS r WHERE r.kind = ? AND r.unique_name = ? AND r.id > ?", kind, q.Unique, after)
	case byParent:
		b.add("{record} AS r WHERE (r.parent_kind, r.parent_id, r.kind, r.id) > (?, ?, ?, ?)"+
			" AND (r.parent_kind, r.parent_id, r.kind) <= (?, ?, ?)",
			string(q.Parent.Kind), q.Parent.ID, kind, after, string(q.Parent.Kind), q.Parent.ID, kind)
	case byLabel:
		label := q.Labels[from.label]
		b.add("{label} AS l JOIN {record} AS r ON r.kind = l.kind AND r.id = l.id"+
			" WHERE (l.kind, l.label, l.id) > (?, ?, ?) AND (l.kind, l.label) <= (?, ?)", kind, label, after, kind, label)
	case byDue:
		b.add("{record} AS r WHERE r.kind = ?", kind)
	default:
		b.add("{record} AS r WHERE r.kind = ? AND r.id > ?", kind, after)
	}
}

// countStatement counts what a page would read of each index, up to a bound.
func countStatement(q store.Query, cursor store.Cursor, candidates []source) *statement {
	b := &statement{}
	b.add("SELECT ")
	for i, c := range candidates {
		if i > 0 {
			b.add(", ")
		}
		b.add("(SELECT count(*) FROM (SELECT 1 FROM ")
		if c.index == byLabel {
			b.add("{label} AS l WHERE l.kind = ? AND l.label = ? AND l.id > ?", string(q.Kind), q.Labels[c.label], cursor.ID)
		} else {
			b.from(q, cursor, c)
		}
		b.add(" LIMIT ?) AS found)", probe)
	}
	return b
}
