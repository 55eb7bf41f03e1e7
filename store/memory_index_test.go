package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// After any sequence of writes the indexes hold what the rows say, and nothing
// of rows and values that are gone.
func TestMemoryIndexes(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(1, 2))
	var m Memory
	pick := func(n int) string { return fmt.Sprint(rnd.IntN(n)) }
	for i := range 5000 {
		key := Key{Kind("kind " + pick(2)), pick(60)}
		stored, _ := m.Get(ctx, key)
		row := Row{Key: key, Version: stored.Version, Parent: stored.Parent}
		if row.Version == 0 && rnd.IntN(2) == 0 {
			row.Parent = Key{Kind("kind " + pick(2)), pick(60)}
		}
		if rnd.IntN(2) == 0 {
			row.Unique = pick(30)
		}
		for range rnd.IntN(3) {
			row.Labels = append(row.Labels, pick(5))
		}
		if rnd.IntN(2) == 0 {
			row.Due = time.Unix(int64(rnd.IntN(5)), 0)
		}
		if rnd.IntN(8) == 0 {
			_ = m.Delete(ctx, key, row.Version) // of a row that is there or not
		} else {
			_, _ = m.Put(ctx, row) // refused now and then
		}
		if i%100 == 0 {
			checkIndexes(t, &m)
		}
	}
	for key, row := range m.rows {
		if m.rows[key] != nil { // not gone with its parent
			if err := m.Delete(ctx, key, row.Version); err != nil {
				t.Fatal(err)
			}
		}
	}
	checkIndexes(t, &m)
	if len(m.rows) != 0 || len(m.children) != 0 {
		t.Errorf("%d rows and %d parents are left", len(m.rows), len(m.children))
	}
}

// checkIndexes builds the indexes anew from the rows, and compares.
func checkIndexes(t *testing.T, m *Memory) {
	t.Helper()
	var fresh Memory
	for _, row := range m.rows {
		fresh.index(row, nil)
	}
	sets, want := m.sets(), fresh.sets()
	for name, set := range sets {
		if err := set.check(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if set.size > 0 && want[name] == nil {
			t.Fatalf("%s: %d rows, want none", name, set.size)
		}
		if set.size == 0 && want[name] == nil && name[0] == '?' {
			t.Fatalf("%s: an empty set was kept", name)
		}
	}
	for name, set := range want {
		got := sets[name]
		if got == nil || got.size != set.size {
			t.Fatalf("%s: want %d rows, got %+v", name, set.size, got)
		}
		for p, row := range set.after(place{due: -1 << 62}) {
			if c, i, found := got.find(p); !found || got.chunks[c][i].row != row {
				t.Fatalf("%s: row %s is missing at %v", name, row.ID, p)
			}
		}
	}
	for parent, kinds := range m.children {
		if len(kinds) == 0 {
			t.Fatalf("%v has no children, and was kept as a parent", parent)
		}
	}
	for kind, k := range m.kinds {
		for unique, row := range k.unique {
			if row.Unique != unique || m.rows[row.Key] != row || row.Kind != kind {
				t.Fatalf("Unique %q leads to %+v", unique, row)
			}
		}
	}
	for _, row := range m.rows {
		if row.Unique != "" && m.byUnique(row.Kind, row.Unique) != row {
			t.Fatalf("Unique %q is not found", row.Unique)
		}
	}
}

// sets are all ordered sets by a name; those that must not be kept when they
// are empty have one that starts with a question mark.
func (m *Memory) sets() map[string]*ordered {
	sets := map[string]*ordered{}
	for kind, k := range m.kinds {
		sets[fmt.Sprint("by ID of ", kind)] = &k.byID
		sets[fmt.Sprint("by Due of ", kind)] = &k.byDue
		for label, set := range k.labels {
			sets[fmt.Sprint("?label ", kind, label)] = set
		}
	}
	for parent, kinds := range m.children {
		for kind, set := range kinds {
			sets[fmt.Sprint("?children ", parent, kind)] = set
		}
	}
	return sets
}

// A query reads the set of its rarest condition, not the table.
func TestMemoryNarrowest(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var m Memory
	put := func(row Row) {
		if _, err := m.Put(ctx, row); err != nil {
			t.Fatal(err)
		}
	}
	put(Row{Key: Key{"p", "1"}})
	for i := range 100 {
		row := Row{Key: Key{"k", fmt.Sprintf("%03d", i)}, Labels: []string{"all"}, Unique: fmt.Sprint("u", i)}
		if i < 10 {
			row.Parent, row.Due = Key{"p", "1"}, time.Unix(int64(i), 0)
		}
		if i%20 == 0 {
			row.Labels = append(row.Labels, "few")
		}
		put(row)
	}
	parent := Key{"p", "1"}
	for name, tt := range map[string]struct {
		q    Query
		want int // rows in the set that is read
	}{
		"nothing":         {Query{Kind: "k"}, 100},
		"unique":          {Query{Kind: "k", Unique: "u5", Labels: []string{"all"}}, 1},
		"due":             {Query{Kind: "k", DueBefore: time.Unix(3, 0)}, 10},
		"parent":          {Query{Kind: "k", Parent: parent}, 10},
		"label":           {Query{Kind: "k", Labels: []string{"all"}}, 100},
		"labels":          {Query{Kind: "k", Labels: []string{"all", "few"}}, 5},
		"parent, label":   {Query{Kind: "k", Parent: parent, Labels: []string{"all"}}, 10},
		"parent, few":     {Query{Kind: "k", Parent: parent, Labels: []string{"few"}}, 5},
		"unknown label":   {Query{Kind: "k", Labels: []string{"all", "none"}}, 0},
		"unknown parent":  {Query{Kind: "k", Parent: Key{"p", "2"}, Labels: []string{"all"}}, 0},
		"unknown unique":  {Query{Kind: "k", Unique: "none"}, 0},
		"unknown Kind":    {Query{Kind: "none"}, 0},
		"unique, not due": {Query{Kind: "k", Unique: "u50", DueBefore: time.Unix(9, 0)}, 0},
	} {
		got := 0
		if set := m.narrowest(tt.q); set != nil {
			got = set.size
		}
		if got != tt.want {
			t.Errorf("%s: a set of %d rows is read, want %d", name, got, tt.want)
		}
	}
}

func TestMemoryCloseWhileInUse(t *testing.T) {
	t.Parallel()
	var m Memory
	ctx := context.Background()
	done := make(chan error)
	for g := range 4 {
		go func() {
			for i := 0; ; i++ {
				if _, err := m.Put(ctx, Row{Key: Key{"k", fmt.Sprint(g, ".", i)}}); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	for range 2 {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	for range 4 {
		if err := <-done; err != ErrClosed {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	if m.rows != nil {
		t.Error("a Put after Close has stored a row")
	}
}
