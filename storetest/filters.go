package storetest

import (
	"fmt"
	"slices"
	"time"

	"github.com/tieline/tieline/store"
)

func checkLabels(e *env) {
	e.bystanders.neighbors(e, folder)
	second := e.open()
	rows := map[string][]string{
		"1": {"status=active", "tag:env=prod", "tag:team=a"},
		"2": {"status=active", "tag:env=prod"},
		"3": {"status=active", "tag:env=production"},
		"4": {"STATUS=ACTIVE", "tag:env=prod"},
		"5": {"status=active,tag:env=prod"},
		"6": {"tag:env=prod", "tag:env=prod", "tag:env=prod"},
		"7": nil,
		"8": {"status=activ\u00e9"},
		"9": {"status=active "},
	}
	for id, labels := range rows {
		e.s.create(store.Row{Key: itemKey(id), Labels: labels})
	}
	for _, c := range []struct{ labels, want []string }{
		{nil, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{[]string{}, []string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}},
		{[]string{"status=active"}, []string{"1", "2", "3"}},
		{[]string{"tag:env=prod"}, []string{"1", "2", "4", "6"}},
		{[]string{"status=active", "tag:env=prod"}, []string{"1", "2"}},
		{[]string{"tag:env=prod", "status=active"}, []string{"1", "2"}},
		{[]string{"tag:team=a", "tag:env=prod", "status=active"}, []string{"1"}},
		{[]string{"tag:env=prod", "tag:env=prod"}, []string{"1", "2", "4", "6"}}, // a set: one label, written twice
		{[]string{"status=active", "none"}, nil},
		{[]string{"none"}, nil},
		{[]string{"status"}, nil},
		{[]string{"status=acti"}, nil},
		{[]string{"status=%"}, nil},
		{[]string{"status=activ_"}, nil},
		{[]string{"Status=Active"}, nil},
		{[]string{"active"}, nil},
		{[]string{"tag:env=prod,status=active"}, nil},
		{[]string{"status=active,tag:env=prod"}, []string{"5"}},
		{[]string{"status=activ\u00e9"}, []string{"8"}},
		{[]string{"status=active\u0301"}, nil},
		{[]string{"status=active "}, []string{"9"}},
	} {
		second.listsIDs(store.Query{Kind: item, Labels: c.labels}, c.want...)
		second.listsIDs(store.Query{Kind: item, Labels: c.labels, Limit: 1}, c.want...)
	}
	e.checkLabelsFollow(second)
	e.checkOddLabels(second)
}

// checkLabelsFollow: a label that a row has lost does not find it any more.
func (e *env) checkLabelsFollow(second handle) {
	e.t.Helper()
	const kind store.Kind = "moving"
	find := func(label string, want ...string) {
		e.t.Helper()
		second.listsIDs(store.Query{Kind: kind, Labels: []string{label}}, want...)
	}
	row := e.s.create(store.Row{Key: store.Key{Kind: kind, ID: "row"}, Labels: []string{"a", "b"}})
	row.Labels = []string{"b", "c"}
	row = e.s.put(row)
	find("a")
	find("b", "row")
	find("c", "row")
	row.Labels = nil
	row = e.s.put(row)
	find("b")
	find("c")
	row.Labels = []string{"a"}
	row = e.s.put(row)
	find("a", "row")
	e.s.delete(row.Key, row.Version)
	find("a")
	find("b")
	e.s.put(store.Row{Key: store.Key{Kind: kind, ID: "next"}, Labels: []string{"b"}})
	find("a")
	find("b", "next")
}

// checkOddLabels gives each odd name to a row of its own as a label, and all of
// them to one more.
func (e *env) checkOddLabels(second handle) {
	e.t.Helper()
	const kind store.Kind = "odd labels"
	names := oddNames()
	all := e.s.put(store.Row{Key: store.Key{Kind: kind, ID: "all"}, Labels: names})
	for i, name := range names {
		row := e.s.put(store.Row{Key: store.Key{Kind: kind, ID: fmt.Sprintf("%03d", i)}, Labels: []string{name}})
		second.lists(store.Query{Kind: kind, Labels: []string{name}}, row, all)
	}
	for some := range slices.Chunk(names, 8) {
		second.lists(store.Query{Kind: kind, Labels: some}, all)
	}
}

func checkDue(e *env) {
	second := e.open()
	e.bystanders.neighbors(e, folder)
	us := func(n int) time.Time { return noon().Add(time.Duration(n) * time.Microsecond) }
	early := time.Date(1955, time.May, 5, 5, 5, 5, 0, time.UTC)
	first := time.Date(1, time.January, 1, 0, 0, 0, 1000, time.UTC)
	last := time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
	for _, row := range []struct {
		id  string
		due time.Time
	}{
		// Neither in the order of the times nor of the IDs.
		{"m", us(1)}, {"a", last}, {"z", first}, {"k", us(0)}, {"j", us(1)}, {"never", time.Time{}},
		{"x", early}, {"l", us(1)}, {"b", us(2)}, {"y", time.Unix(0, 0)}, {"c", us(1).Add(999)},
		{"K", us(0)}, {"w", early.Add(time.Microsecond)}, {"also never", time.Time{}},
	} {
		e.s.create(store.Row{Key: itemKey(row.id), Due: row.due})
	}
	order := []string{"z", "x", "w", "y", "K", "k", "c", "j", "l", "m", "b", "a"}
	for _, c := range []struct {
		before time.Time
		want   []string
	}{
		{first, nil},
		{first.Add(time.Microsecond), order[:1]},
		{early, order[:1]},
		{early.Add(time.Microsecond), order[:2]},
		{time.Unix(0, 0), order[:3]},
		{time.Unix(0, 1000), order[:4]},
		{us(0), order[:4]},
		{us(1), order[:6]},
		{us(1).In(time.FixedZone("east", 3600)), order[:6]},
		{us(2), order[:10]},
		{us(3), order[:11]},
		{last, order[:11]},
	} {
		for _, limit := range []int{0, 1, 4} {
			second.listsIDs(store.Query{Kind: item, DueBefore: c.before, Limit: limit}, c.want...)
		}
	}
	all := append([]string{"never", "also never"}, order...)
	slices.Sort(all)
	second.listsIDs(store.Query{Kind: item}, all...)
	e.checkDueFollows(second)
}

// checkDueFollows: the order is that of the stored Due, not of an earlier one.
func (e *env) checkDueFollows(second handle) {
	e.t.Helper()
	const kind store.Kind = "moving"
	q := store.Query{Kind: kind, DueBefore: noon()}
	key := func(id string) store.Key { return store.Key{Kind: kind, ID: id} }
	a := e.s.create(store.Row{Key: key("a"), Due: noon().Add(-2 * time.Second)})
	e.s.create(store.Row{Key: key("b"), Due: noon().Add(-time.Second)})
	second.listsIDs(q, "a", "b")
	a.Due = noon().Add(-time.Millisecond)
	a = e.s.put(a)
	second.listsIDs(q, "b", "a")
	a.Due = time.Time{}
	a = e.s.put(a)
	second.listsIDs(q, "b")
	a.Due = noon().Add(-time.Minute)
	a = e.s.put(a)
	second.listsIDs(q, "a", "b")
	a.Due = noon()
	e.s.put(a)
	second.listsIDs(q, "b")
}

// checkFilters tries every combination of conditions on a table in which every
// combination of fields occurs.
func checkFilters(e *env) {
	second := e.open()
	parents := []store.Key{{}, folderKey("p"), itemKey("p"), folderKey("q")}
	for _, p := range parents[1:] {
		e.s.create(store.Row{Key: p})
	}
	labels := [][]string{nil, {"a"}, {"b"}, {"a", "b"}}
	dues := []time.Time{{}, noon(), noon().Add(time.Microsecond)}
	const kind store.Kind = "row"
	var table []store.Row
	for i := range len(parents) * len(labels) * len(dues) {
		row := store.Row{
			Key:    store.Key{Kind: kind, ID: fmt.Sprintf("%02d", i*11%48)},
			Parent: parents[i%4], Labels: labels[i/4%4], Due: dues[i/16],
		}
		if i%5 == 0 {
			row.Unique = fmt.Sprintf("unique %d", i)
		}
		table = append(table, e.s.put(row))
	}
	befores := []time.Time{{}, noon().Add(time.Microsecond), noon().Add(time.Second)}
	for _, parent := range append(parents, folderKey("none")) {
		for _, unique := range []string{"", "unique 0", "unique 20"} {
			for _, l := range append(labels, []string{"b", "a"}) {
				for _, before := range befores {
					q := store.Query{Kind: kind, Parent: parent, Unique: unique, Labels: l, DueBefore: before, Limit: 7}
					var want []store.Row
					for _, row := range table {
						if matches(row, q) {
							want = append(want, row)
						}
					}
					second.lists(q, ordered(q, want)...)
				}
			}
		}
	}
}
