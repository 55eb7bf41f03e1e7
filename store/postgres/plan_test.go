package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
)

// planStore has 10,000 rows: all with the label "all" and five with "few", below
// "big" or, every thousandth, below "small".
func planStore(t testing.TB, params string) *Store {
	t.Helper()
	s := fresh(t, params)
	for _, id := range []string{"big", "small"} {
		put(t, s, store.Row{Key: store.Key{Kind: "p", ID: id}, Unique: id})
	}
	run(t, s, `INSERT INTO @.record (kind, id, version, parent_kind, parent_id, unique_name, labels, due, write_id, data)
		SELECT 'k', to_char(n, 'FM00000'), 1, 'p', p.id, p.id || '/' || n,
			CASE WHEN n % 2000 = 0 THEN ARRAY['all', 'few'] ELSE ARRAY['all'] END, n, n, ''
		FROM generate_series(1, 10000) AS n, LATERAL (SELECT CASE WHEN n % 1000 = 0 THEN 'small' ELSE 'big' END) AS p (id)`)
	run(t, s, "ANALYZE @.record")
	run(t, s, "ANALYZE @.record_label")
	return s
}

// planOf is how Postgres carries a query out, with what was read and thrown away.
func planOf(t testing.TB, s *Store, q store.Query) string {
	t.Helper()
	ctx := context.Background()
	q.Kind = "k"
	q = q.Normalize()
	cursor, err := q.Cursor()
	if err != nil {
		t.Fatal(err)
	}
	stmt := s.listStatement(q, cursor)
	rows, err := s.pool.Query(ctx, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+stmt.text.String(), stmt.args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(line, "never executed") {
			plan.WriteString(line + "\n")
		}
	}
	if rows.Err() != nil {
		t.Fatal(rows.Err())
	}
	return plan.String()
}

// Every kind of page is read from an index, from its place on: no step of a plan
// goes through more rows than a page has, or than are counted to find the best
// index. The planner has to see that also when it plans for any arguments.
func TestPlans(t *testing.T) {
	t.Parallel()
	big, small := store.Key{Kind: "p", ID: "big"}, store.Key{Kind: "p", ID: "small"}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		s := planStore(t, "plan_cache_mode="+mode)
		for _, c := range []struct {
			name string
			q    store.Query
		}{
			{"all", store.Query{}},
			{"unique", store.Query{Unique: "big/1"}},
			{"due", store.Query{DueBefore: someday()}},
			{"due and label", store.Query{DueBefore: someday(), Labels: []string{"all"}}},
			{"parent", store.Query{Parent: big}},
			{"label", store.Query{Labels: []string{"all"}}},
			{"labels", store.Query{Labels: []string{"all", "few"}}},
			{"parent and rare label", store.Query{Parent: big, Labels: []string{"few"}}},
			{"rare parent and label", store.Query{Parent: small, Labels: []string{"all"}}},
		} {
			for _, deep := range []bool{false, true} {
				if deep && c.q.Unique == "" {
					c.q.After = c.q.CursorAfter(store.Row{Key: key("03000"), Due: someday().AddDate(-200, 0, 0)})
				}
				plan := planOf(t, s, c.q)
				if strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Bitmap") || strings.Contains(plan, "Hash") {
					t.Errorf("%s: %s (deep %v) is not read from an index alone:\n%s", mode, c.name, deep, plan)
				}
				if most := mostRows(t, plan); most > max(store.DefaultLimit+1, probe) {
					t.Errorf("%s: %s (deep %v) goes through %d rows:\n%s", mode, c.name, deep, most, plan)
				}
			}
		}
	}
}

// mostRows is the largest number of rows that a step of the plan has read.
func mostRows(t testing.TB, plan string) int {
	t.Helper()
	most := 0
	for line := range strings.Lines(plan) {
		var n int
		if _, after, ok := strings.Cut(line, "rows="); ok {
			if _, err := fmt.Sscanf(after, "%d", &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		} else if _, after, ok := strings.Cut(line, "Rows Removed by Filter: "); ok {
			if _, err := fmt.Sscanf(after, "%d", &n); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
		}
		most = max(most, n)
	}
	return most
}

// Both branches of a query by Parent and label find the same rows, page by page.
func TestEitherBranch(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := planStore(t, "")
	for _, c := range []struct {
		parent string
		labels []string
		want   int
	}{
		{"small", []string{"all"}, 10}, {"small", []string{"few"}, 5}, {"small", []string{"all", "few"}, 5},
		{"big", []string{"few"}, 0}, {"big", []string{"all"}, 9990}, {"none", []string{"all"}, 0}, {"big", []string{"none"}, 0},
	} {
		q := store.Query{Kind: "k", Parent: store.Key{Kind: "p", ID: c.parent}, Labels: c.labels, Limit: 3}
		if c.want > 100 {
			q.Limit = 999
		}
		seen, last := 0, ""
		for {
			page, err := s.List(ctx, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range page.Rows {
				if row.ID <= last || row.Parent != q.Parent {
					t.Errorf("%s %v: %q comes after %q", c.parent, c.labels, row.ID, last)
				}
				last = row.ID
			}
			if seen += len(page.Rows); page.Next == "" {
				break
			}
			q.After = page.Next
		}
		if seen != c.want {
			t.Errorf("%s %v: %d rows, want %d", c.parent, c.labels, seen, c.want)
		}
	}
	many := make([]string, 1100)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	put(t, s, store.Row{Key: key("many"), Labels: many, Parent: store.Key{Kind: "p", ID: "small"}})
	for _, n := range []int{1, 7, 8, 9, 1100} {
		page, err := s.List(ctx, store.Query{Kind: "k", Labels: many[:n]})
		if err != nil || len(page.Rows) != 1 {
			t.Errorf("%d labels find %d rows, %v, want 1", n, len(page.Rows), err)
		}
	}
}
