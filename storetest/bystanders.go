package storetest

import (
	"cmp"
	"slices"
	"sync"

	"github.com/tieline/tieline/store"
)

// bystanders are rows that no call of a rule names. A statement with a
// condition too few changes them, and a table that holds only the rows under
// test would not show it.
type bystanders struct {
	mu   sync.Mutex
	rows map[store.Key]store.Row
}

// maxShadows keeps rules that store many rows from storing twice as many.
const maxShadows = 8

// shadowKind is the Kind of the rows that look like those of kind.
func shadowKind(kind store.Kind) store.Kind { return kind + " shadow" }

// shadow stores a row that equals row in everything but its Kind and Data, the
// Kind of its parent included.
func (b *bystanders) shadow(e *env, row store.Row) {
	e.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	key := store.Key{Kind: shadowKind(row.Kind), ID: row.ID}
	if _, there := b.rows[key]; there || len(b.rows) >= maxShadows {
		return
	}
	row.Key = key
	row.Data = []byte("bystander")
	for _, other := range b.rows {
		if other.Kind == key.Kind && other.Unique == row.Unique {
			row.Unique = "" // the rule gives one name to one row after the other
		}
	}
	parent := store.Key{Kind: shadowKind(row.Parent.Kind), ID: row.Parent.ID}
	row.Parent = store.Key{}
	if _, there := b.rows[parent]; there {
		row.Parent = parent
	}
	b.keep(e.s.put(row))
}

// neighbors stores rows of the same Kind, with the first two Versions. Rules
// that list a whole Kind compare its every row and need none.
func (b *bystanders) neighbors(e *env, kind store.Kind) {
	e.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, id := range []string{"neighbor 1", "neighbor 2"} {
		row := e.s.put(store.Row{
			Key:    store.Key{Kind: kind, ID: id},
			Unique: id + " of " + string(kind),
			Labels: []string{"status=active"},
			Due:    noon(),
			Data:   []byte(id),
		})
		for range i {
			row = e.s.put(row)
		}
		b.keep(row)
	}
}

func (b *bystanders) keep(row store.Row) {
	if b.rows == nil {
		b.rows = map[store.Key]store.Row{}
	}
	b.rows[row.Key] = row
}

// check fails the rule if a bystander is not as it was stored.
func (b *bystanders) check(e *env) {
	e.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	shadows := map[store.Kind][]store.Row{}
	for _, want := range b.rows {
		got, err := e.s.s.Get(e.ctx, want.Key)
		if err != nil {
			e.fatalf("a row that no call named, %s, cannot be read any more: %v", showKey(want.Key), err)
		}
		if d := diff(got, want); d != "" {
			e.fatalf("a row that no call named, %s, changed: %s", showKey(want.Key), d)
		}
		if string(want.Data) == "bystander" {
			shadows[want.Kind] = append(shadows[want.Kind], want)
		}
	}
	for kind, want := range shadows {
		slices.SortFunc(want, func(a, b store.Row) int { return cmp.Compare(a.ID, b.ID) })
		if d := diffRows(e.s.all(store.Query{Kind: kind}), want); d != "" {
			e.fatalf("rows of the Kind %q, which no call named: %s", kind, d)
		}
	}
}
