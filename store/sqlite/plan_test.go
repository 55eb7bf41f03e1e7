package sqlite

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// plan returns the steps that SQLite would take.
func plan(t testing.TB, s *Store, text string, args ...any) []string {
	t.Helper()
	if args == nil {
		args = make([]any, strings.Count(text, "?"))
	}
	rows, err := s.writer.Query("EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil || len(steps) == 0 {
		t.Fatalf("%s: no plan, %v", text, err)
	}
	return steps
}

// wantSearch checks that no table is read or sorted as a whole.
func wantSearch(t testing.TB, steps []string, text string) {
	t.Helper()
	for _, step := range steps {
		switch step {
		case "SCAN CONSTANT ROW", "SCAN (subquery-1)", "SCAN d", "SCAN doomed": // no table, but what was found so far
			continue
		case "SCAN j VIRTUAL TABLE INDEX 1:": // an argument
			continue
		}
		if strings.HasPrefix(step, "SCAN") || strings.Contains(step, "TEMP B-TREE") {
			t.Errorf("%s\nin %s", step, text)
		}
	}
}

// wantFirst checks the first step of a List: it goes straight to the place that
// the cursor names, and ends where the condition on the index does.
func wantFirst(t testing.TB, step, index, text string) {
	t.Helper()
	want := map[string]string{
		byKey:    "SEARCH r USING INDEX record_key (kind=? AND id>?)",
		byUnique: "SEARCH r USING INDEX record_unique (kind=? AND unique_name=?)",
		byDue:    "SEARCH r USING INDEX record_due (kind=? AND (due,id)>(?,?) AND due<?)",
		byParent: "SEARCH r USING INDEX record_parent (parent_kind=? AND parent_id=? AND kind=? AND id>?)",
		byLabel:  "SEARCH l USING PRIMARY KEY (kind=? AND label=? AND id>?)",
	}[index]
	if step != want {
		t.Errorf("it starts with %q, want %q\nin %s", step, want, text)
	}
}

// planStore has data of all sorts, and statistics if asked: the plans must not
// depend on either.
func planStore(t testing.TB, analyze bool) *Store {
	t.Helper()
	s := fresh(t, Options{Synchronous: Normal})
	for i := range 5 {
		put(t, s, store.Row{Key: store.Key{Kind: "p", ID: fmt.Sprint(i)}, Unique: fmt.Sprint(i)})
	}
	for i := range 200 {
		row := store.Row{Key: key(fmt.Sprint(i)), Parent: store.Key{Kind: "p", ID: fmt.Sprint(i % 5)}, Labels: []string{"all"}}
		if i%2 == 0 {
			row.Unique, row.Due = fmt.Sprint(i), someday
		}
		if i%50 == 0 {
			row.Labels = append(row.Labels, "few")
		}
		put(t, s, row)
	}
	if analyze {
		run(t, s.writer, "ANALYZE")
	}
	return s
}

func TestPlans(t *testing.T) {
	t.Parallel()
	for _, analyze := range []bool{false, true} {
		s := planStore(t, analyze)
		for _, text := range []string{getSQL, pathSQL, updateSQL, relabelSQL, replaceSQL, deleteSQL, stateSQL} {
			wantSearch(t, plan(t, s, text), text)
		}
		for _, q := range everyQuery() {
			for _, from := range sources(q) {
				stmt := listStatement(q, store.Cursor{}, from)
				text := stmt.text.String()
				steps := plan(t, s, text, stmt.args...)
				wantSearch(t, steps, text)
				wantFirst(t, steps[0], from.index, text)
				if from.index == byParent || from.index == byLabel {
					stmt := countStatement(q, store.Cursor{}, from, probe)
					text := stmt.text.String()
					wantSearch(t, plan(t, s, text, stmt.args...), text)
				}
			}
		}
	}
}

// The test above would see a scan.
func TestPlansSeeAScan(t *testing.T) {
	t.Parallel()
	s := planStore(t, false)
	for text, want := range map[string]string{
		"SELECT * FROM record WHERE data = ?":                   "SCAN record",
		"SELECT * FROM record WHERE kind = ? ORDER BY data = ?": "USE TEMP B-TREE FOR ORDER BY",
	} {
		if steps := strings.Join(plan(t, s, text), "; "); !strings.Contains(steps, want) {
			t.Errorf("%s: %s, want %s", text, steps, want)
		}
	}
}

// everyQuery has each combination of conditions.
func everyQuery() []store.Query {
	var all []store.Query
	for _, parent := range []store.Key{{}, {Kind: "p", ID: "1"}} {
		for _, unique := range []string{"", "u"} {
			for _, labels := range [][]string{nil, {"a"}, {"a", "b"}, {"a", "b", "c", "d", "e", "f"}} {
				for _, before := range []time.Time{{}, someday} {
					all = append(all, store.Query{Kind: "k", Parent: parent, Unique: unique, Labels: labels, DueBefore: before}.Normalize())
				}
			}
		}
	}
	return all
}

// sources are all that narrowest may choose for the query.
func sources(q store.Query) []source {
	switch {
	case q.Unique != "":
		return []source{{index: byUnique}}
	case !q.DueBefore.IsZero():
		return []source{{index: byDue}}
	case q.Parent == (store.Key{}) && q.Labels == nil:
		return []source{{index: byKey}}
	}
	var all []source
	if q.Parent != (store.Key{}) {
		all = append(all, source{index: byParent})
	}
	for i := range q.Labels {
		all = append(all, source{byLabel, i})
	}
	return all
}

func TestNarrowest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := planStore(t, false)
	parent, none := store.Key{Kind: "p", ID: "1"}, store.Key{Kind: "p", ID: "none"}
	for name, tt := range map[string]struct {
		q    store.Query
		want source
	}{
		"nothing":        {store.Query{}, source{index: byKey}},
		"unique":         {store.Query{Unique: "u", Parent: parent, Labels: []string{"few"}}, source{index: byUnique}},
		"due":            {store.Query{DueBefore: someday, Parent: parent, Labels: []string{"few"}}, source{index: byDue}},
		"parent":         {store.Query{Parent: parent}, source{index: byParent}},
		"label":          {store.Query{Labels: []string{"all"}}, source{byLabel, 0}},
		"rare label":     {store.Query{Labels: []string{"all", "few"}}, source{byLabel, 1}},
		"rare parent":    {store.Query{Parent: parent, Labels: []string{"all"}}, source{index: byParent}},
		"rarer label":    {store.Query{Parent: parent, Labels: []string{"all", "few"}}, source{byLabel, 1}},
		"unknown label":  {store.Query{Parent: parent, Labels: []string{"few", "none"}}, source{byLabel, 1}},
		"unknown parent": {store.Query{Parent: none, Labels: []string{"few"}}, source{index: byParent}},
	} {
		tt.q.Kind = "k"
		got, err := s.narrowest(ctx, tt.q.Normalize(), store.Cursor{})
		if err != nil || got != tt.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tt.want)
		}
	}
	// What is before the cursor does not count.
	q := store.Query{Kind: "k", Parent: parent, Labels: []string{"all"}}
	for _, tt := range []struct {
		from       source
		id         string
		most, want int
	}{
		{source{index: byParent}, "", probe, 40},
		{source{index: byParent}, "", 7, 7},
		{source{index: byParent}, "90", probe, 2}, // 91 and 96
		{source{byLabel, 0}, "95", probe, 4},
	} {
		got, err := s.count(ctx, countStatement(q, store.Cursor{ID: tt.id}, tt.from, tt.most))
		if err != nil || got != tt.want {
			t.Errorf("%+v after %q, up to %d: %d, %v, want %d", tt.from, tt.id, tt.most, got, err, tt.want)
		}
	}
}

// The statements that are kept are few, however many labels a query has, and a
// query may have any number.
func TestListCacheIsBounded(t *testing.T) {
	t.Parallel()
	s := planStore(t, false)
	list := func(q store.Query) int {
		page, err := s.List(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Rows)
	}
	var labels []string
	for i := range 1100 {
		labels = append(labels, fmt.Sprint(i))
	}
	put(t, s, store.Row{Key: key("labeled"), Labels: labels, Parent: store.Key{Kind: "p", ID: "1"}, Due: someday})
	for _, q := range everyQuery() {
		list(q)
	}
	most := len(s.lists.prepared)
	for _, n := range []int{6, 7, 63, 64, 65, 1100} {
		q := store.Query{Kind: "k", Labels: labels[:n]}
		if got := list(q); got != 1 {
			t.Errorf("%d labels find %d rows, want 1", n, got)
		}
		n = min(n, 65) // each row is compared
		if got := list(store.Query{Kind: "k", DueBefore: someday.AddDate(1, 0, 0), Labels: append([]string{"all"}, labels[:n]...)}); got != 0 {
			t.Errorf("%d labels, and one that the row does not have, find %d rows", n, got)
		}
	}
	if got := len(s.lists.prepared); most == 0 || got != most {
		t.Errorf("%d statements are kept, and %d after queries with many labels", most, got)
	}
}
