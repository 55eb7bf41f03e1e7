package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tieline/tieline/store"
)

// List implements [store.Store], in one statement.
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
	stmt := s.listStatement(q, cursor)
	var page store.Page
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) (err error) {
		page, err = readPage(ctx, conn, q, stmt)
		return err
	})
	if err != nil {
		return store.Page{}, s.readError(ctx, fmt.Sprintf("list %s rows", q.Kind), err)
	}
	return page, nil
}

func readPage(ctx context.Context, conn *pgx.Conn, q store.Query, stmt *statement) (store.Page, error) {
	rows, err := conn.Query(ctx, stmt.text.String(), stmt.args...)
	if err != nil {
		return store.Page{}, err
	}
	defer rows.Close() // Err has what counts
	page := store.Page{Rows: []store.Row{}}
	for rows.Next() {
		if len(page.Rows) == q.Limit { // one more than fits was asked for
			page.Next = q.CursorAfter(page.Rows[q.Limit-1])
			continue
		}
		row := store.Row{Key: store.Key{Kind: q.Kind}}
		var due pgtype.Int8
		if err := rows.Scan(dest(&row, &due)...); err != nil {
			return store.Page{}, err
		}
		setDue(&row, due)
		page.Rows = append(page.Rows, row)
	}
	return page, rows.Err()
}

// statement is the text of a SELECT and its arguments, grown side by side. There
// are a dozen different texts for each Limit in use.
type statement struct {
	schema string // quoted
	text   strings.Builder
	args   []any
}

// add appends text in which each ? stands for the next argument, and an @ before
// a dot for the schema.
func (b *statement) add(text string, args ...any) {
	for {
		at := strings.IndexAny(text, "?@")
		if at < 0 {
			b.text.WriteString(text)
			return
		}
		b.text.WriteString(text[:at])
		switch {
		case strings.HasPrefix(text[at:], "@."):
			b.text.WriteString(b.schema)
		case text[at] == '@':
			b.text.WriteByte('@')
		default:
			b.args = append(b.args, args[0])
			args = args[1:]
			b.text.WriteString("$" + strconv.Itoa(len(b.args)))
		}
		text = text[at+1:]
	}
}

// listStatement selects one page, and one row more to know whether it is the
// last. The limit is in the text, where the planner sees it also when it makes a
// plan for any arguments.
func (s *Store) listStatement(q store.Query, cursor store.Cursor) *statement {
	b := &statement{schema: s.sql.schema}
	switch {
	case q.Unique != "" || !q.DueBefore.IsZero() || len(q.Labels) == 0:
		b.byRecord(q, cursor)
	case q.Parent == (store.Key{}):
		b.byLabel(q, cursor)
	default:
		b.byEither(q, cursor)
	}
	return b
}

// byRecord reads the record in the order of one of its own indexes.
func (b *statement) byRecord(q store.Query, cursor store.Cursor) {
	b.add("SELECT "+columns+" FROM @.record AS r WHERE r.kind = ?", string(q.Kind))
	b.filter(q)
	switch {
	case q.DueBefore.IsZero() && q.Unique != "": // one row needs no order
		b.add(" AND r.id > ?", cursor.ID)
	case q.DueBefore.IsZero():
		b.add(" AND r.id > ? ORDER BY r.id", cursor.ID)
	default:
		b.add(" AND r.due < ?::bigint AND (r.due, r.id) > (?::bigint, ?::text) ORDER BY r.due, r.id",
			q.DueBefore.UnixMicro(), cursor.Due.UnixMicro(), cursor.ID)
	}
	b.limit(q)
}

// labeled joins a label with its rows so that the planner has no choice but to
// begin with the label: OFFSET keeps it from moving conditions inside. It knows
// how many rows a label has on average, and that is far from any of them.
const labeled = ` FROM @.record_label AS l CROSS JOIN LATERAL
	(SELECT o.id, o.version, o.parent_kind, o.parent_id, o.unique_name, o.labels, o.due, o.data FROM @.record AS o WHERE o.kind = l.kind AND o.id = l.id OFFSET 0) AS r`

// byLabel reads the rows of one label in the order of their IDs.
func (b *statement) byLabel(q store.Query, cursor store.Cursor) {
	b.add("SELECT "+columns+labeled+" WHERE l.kind = ? AND l.id > ? AND l.label = ", string(q.Kind), cursor.ID)
	if len(q.Labels) == 1 {
		b.add("?", q.Labels[0])
	} else {
		b.add("(SELECT label FROM (")
		b.rarest(q, cursor)
		b.add(") AS rare)")
	}
	b.filter(q)
	b.add(" ORDER BY l.id")
	b.limit(q)
}

// byEither reads the rows below the Parent or those of a label, whichever are
// fewer. It has a branch for each, of which only one runs.
func (b *statement) byEither(q store.Query, cursor store.Cursor) {
	b.add("WITH few AS MATERIALIZED (SELECT rare.label, rare.n >= below.n AS by_parent FROM (SELECT count(*) AS n FROM"+
		" (SELECT 1 FROM @.record AS c WHERE c.parent_kind = ? AND c.parent_id = ? AND c.kind = ? AND c.id > ? ORDER BY c.id LIMIT ",
		string(q.Parent.Kind), q.Parent.ID, string(q.Kind), cursor.ID)
	b.add(strconv.Itoa(probe) + ") AS some_of) AS below CROSS JOIN LATERAL (")
	b.rarest(q, cursor)
	b.add(") AS rare) (SELECT "+columns+" FROM @.record AS r WHERE (SELECT by_parent FROM few) AND r.kind = ? AND r.id > ?",
		string(q.Kind), cursor.ID)
	b.filter(q)
	b.add(" ORDER BY r.id")
	b.limit(q)
	b.add(") UNION ALL (SELECT "+columns+labeled+
		" WHERE NOT (SELECT by_parent FROM few) AND l.label = (SELECT label FROM few) AND l.kind = ? AND l.id > ?",
		string(q.Kind), cursor.ID)
	b.filter(q)
	b.add(" ORDER BY l.id")
	b.limit(q)
	b.add(") ORDER BY 1")
}

// probe is how many entries of a label, or below a Parent, are counted: enough
// to tell the label of a few rows from one that most rows have, at less than the
// cost of a page. maxProbes is of how many labels.
const (
	probe     = 500
	maxProbes = 8
)

// rarest selects the label with the fewest rows to look at, and their number: a
// label such as the status that nearly all rows share must not be searched for
// the few rows of one end user.
func (b *statement) rarest(q store.Query, cursor store.Cursor) {
	b.add("SELECT n.label, (SELECT count(*) FROM (SELECT 1 FROM @.record_label AS c WHERE c.kind = ? AND c.label = n.label"+
		" AND c.id > ? ORDER BY c.id LIMIT ", string(q.Kind), cursor.ID)
	b.add(strconv.Itoa(probe)+") AS some_of) AS n FROM unnest(?::text[]) AS n (label) ORDER BY 2 LIMIT 1", q.Labels[:min(len(q.Labels), maxProbes)])
}

// filter adds the conditions on the record itself.
func (b *statement) filter(q store.Query) {
	if q.Parent != (store.Key{}) {
		b.add(" AND r.parent_kind = ? AND r.parent_id = ?", string(q.Parent.Kind), q.Parent.ID)
	}
	if q.Unique != "" {
		b.add(" AND r.unique_name = ?", q.Unique)
	}
	if len(q.Labels) > 0 {
		b.add(" AND r.labels @> ?::text[]", q.Labels)
	}
}

func (b *statement) limit(q store.Query) { b.add(" LIMIT " + strconv.Itoa(q.Limit+1)) }
