package storetest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline/store"
)

func (s *toySQL) List(ctx context.Context, q store.Query) (store.Page, error) {
	invalid := validQuery(q)
	if s.bug.offset {
		after := q.After
		q.After = ""
		invalid = validQuery(q)
		q.After = after
	}
	if err := s.begin(ctx, invalid); err != nil {
		return store.Page{}, err
	}
	limit := min(q.Limit, store.MaxLimit)
	if limit == 0 {
		limit = store.DefaultLimit
	}
	text, args := s.listSQL(q)
	rows, err := s.rows(ctx, s.db, text, append(args, limit+1)...)
	if err != nil {
		return store.Page{}, toyError(ctx, err)
	}
	page := store.Page{Rows: rows}
	full := len(rows) > limit
	if s.bug.noProbe {
		full = len(rows) >= limit
	}
	if full {
		page.Rows = rows[:limit]
		page.Next = cursor(q, page.Rows[limit-1])
		if s.bug.offset {
			before, _ := strconv.Atoi(q.After)
			page.Next = strconv.Itoa(before + limit)
		}
	}
	return page, nil
}

// listSQL returns a query whose last argument, the limit, is still missing.
func (s *toySQL) listSQL(q store.Query) (text string, args []any) {
	where := []string{"kind = ?"}
	args = []any{q.Kind}
	and := func(condition string, values ...any) {
		where = append(where, condition)
		args = append(args, values...)
	}
	if q.Parent != (store.Key{}) {
		and("parent_kind = ? AND parent_id = ?", q.Parent.Kind, q.Parent.ID)
	}
	if q.Unique != "" {
		and("uniq = ?", q.Unique)
	}
	var labels []string
	for _, l := range q.Labels {
		labels = append(labels, "EXISTS (SELECT 1 FROM json_each(labels) WHERE value = ?)")
		args = append(args, l)
	}
	if len(labels) > 0 {
		where = append(where, "("+strings.Join(labels, map[bool]string{false: " AND ", true: " OR "}[s.bug.orLabels])+")")
	}
	order := "id"
	if !q.DueBefore.IsZero() {
		and("due < ?", toyDue(q.DueBefore))
		order = "due, id"
	}
	if q.After != "" && !s.bug.offset {
		and(s.after(q))
	}
	text = fmt.Sprintf("SELECT %s FROM row WHERE %s ORDER BY %s LIMIT ?", toyColumns, strings.Join(where, " AND "), order)
	if s.bug.offset {
		before, _ := strconv.Atoi(q.After)
		text = strings.Replace(text, "LIMIT ?", fmt.Sprintf("LIMIT ? OFFSET %d", before), 1)
	}
	return text, slices.Clip(args)
}

func (s *toySQL) after(q store.Query) (string, any) {
	if id, ok := strings.CutPrefix(q.After, idCursor); ok {
		return "id > ?", id
	}
	rest := strings.TrimPrefix(q.After, dueCursor)
	due, _ := time.Parse(dueLayout, rest[:len(dueLayout)]) // it is valid
	return fmt.Sprintf("(due, id) > (%d, ?)", due.UnixMicro()), rest[len(dueLayout):]
}
