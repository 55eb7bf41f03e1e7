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

// wantSearch checks that no table is read or sorted as a whole, and that the
// first step is a search of the index, if one is named.
func wantSearch(t testing.TB, steps []string, index, text string) {
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
	if !strings.HasPrefix(steps[0], "SEARCH") && index != "" {
		t.Errorf("it starts with %q, want a search\nin %s", steps[0], text)
	}
	want := " INDEX " + index + " "
	if index == byLabel {
		want = "SEARCH l USING PRIMARY KEY "
	}
	if index != "" && !strings.Contains(steps[0], want) {
		t.Errorf("it starts with %q, want the index %s\nin %s", steps[0], index, text)
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
		for text, index := range map[string]string{
			getSQL: byKey, pathSQL: byUnique, updateSQL: byKey, relabelSQL: byKey, replaceSQL: byKey, deleteSQL: "", stateSQL: "",
		} {
			wantSearch(t, plan(t, s, text), index, text)
		}
		for _, q := range everyQuery() {
			for _, from := range sources(q) {
				stmt := listStatement(q, store.Cursor{}, from)
				wantSearch(t, plan(t, s, stmt.text.String(), stmt.args...), from.index, stmt.text.String())
				if from.index == byParent || from.index == byLabel {
					count := countStatement(q, store.Cursor{}, from, probe)
					wantSearch(t, plan(t, s, count.text.String(), count.args...), "", count.text.String())
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
	for i := range 2000 {
		labels = append(labels, fmt.Sprint(i))
	}
	put(t, s, store.Row{Key: key("labeled"), Labels: labels, Parent: store.Key{Kind: "p", ID: "1"}, Due: someday})
	for _, q := range everyQuery() {
		list(q)
	}
	most := len(s.lists.prepared)
	for _, n := range []int{6, 7, 63, 64, 65, 1000, 2000} {
		q := store.Query{Kind: "k", Labels: labels[:n]}
		if got := list(q); got != 1 {
			t.Errorf("%d labels find %d rows, want 1", n, got)
		}
		if got := list(store.Query{Kind: "k", DueBefore: someday.AddDate(1, 0, 0), Labels: append([]string{"all"}, labels[:n]...)}); got != 0 {
			t.Errorf("%d labels, and one that the row does not have, find %d rows", n, got)
		}
	}
	if got := len(s.lists.prepared); most == 0 || got != most {
		t.Errorf("%d statements are kept, and %d after queries with many labels", most, got)
	}
}
