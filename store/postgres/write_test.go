package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// A tree of any depth goes in one statement.
func TestDeleteDeep(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, "")
	top := put(t, s, store.Row{Key: key("top"), Labels: []string{"a"}})
	run(t, s, `INSERT INTO @.record (kind, id, version, parent_kind, parent_id, labels, write_id, data)
		SELECT 'k', n::text, 1, 'k', CASE n WHEN 1 THEN 'top' ELSE (n - 1)::text END, ARRAY['a'], n, '' FROM generate_series(1, 3000) AS n`)
	other := put(t, s, store.Row{Key: key("other"), Labels: []string{"a"}})
	if err := s.Delete(ctx, top.Key, 1); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(ctx, store.Query{Kind: "k", Labels: []string{"a"}})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != other.ID {
		t.Errorf("left are %d rows, %v, want only the other", len(page.Rows), err)
	}
	checkTables(t, s)
}

// checkTables looks at what the schema promises: no orphan, and in record_label
// the labels of the records and no others.
func checkTables(t testing.TB, s *Store) {
	t.Helper()
	for name, text := range map[string]string{
		"orphans": `SELECT count(*) FROM @.record AS r WHERE r.parent_kind IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM @.record AS p WHERE p.kind = r.parent_kind AND p.id = r.parent_id)`,
		"labels missing": `SELECT count(*) FROM (SELECT r.kind, l, r.id FROM @.record AS r, unnest(r.labels) AS l EXCEPT SELECT kind, label, id FROM @.record_label) AS x`,
		"labels left":    `SELECT count(*) FROM (SELECT kind, label, id FROM @.record_label EXCEPT SELECT r.kind, l, r.id FROM @.record AS r, unnest(r.labels) AS l) AS x`,
		"empty values":   `SELECT count(*) FROM @.record WHERE parent_kind = '' OR parent_id = '' OR unique_name = '' OR labels = '{}'`,
	} {
		if n := number(t, s, text); n != 0 {
			t.Errorf("%s: %d", name, n)
		}
	}
}

// A random walk over all kinds of changes keeps the labels where List finds
// them.
func TestWritesKeepLabels(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(3, 4))
	s := fresh(t, "")
	for i := range 800 {
		stored, err := s.Get(ctx, key(fmt.Sprint(rnd.IntN(40))))
		row := stored
		if errors.Is(err, store.ErrNotFound) {
			row = store.Row{Key: key(fmt.Sprint(rnd.IntN(40)))}
			if rnd.IntN(2) == 0 {
				row.Parent = key(fmt.Sprint(rnd.IntN(40)))
			}
		}
		if rnd.IntN(3) == 0 {
			row.Unique = []string{"", fmt.Sprint(rnd.IntN(60))}[rnd.IntN(2)]
		}
		if rnd.IntN(2) == 0 {
			row.Labels = nil
			for range rnd.IntN(4) {
				row.Labels = append(row.Labels, []string{"a", "b", "", `"`, `\`, "é,{}", "NULL"}[rnd.IntN(7)])
			}
		}
		if rnd.IntN(6) == 0 {
			_ = s.Delete(ctx, row.Key, row.Version) // of a row that is there or not
			continue
		}
		got, err := s.Put(ctx, row)
		if err != nil {
			continue // refused now and then
		}
		row = row.Normalize()
		row.Version++
		if !reflect.DeepEqual(got, row) {
			t.Fatalf("Put %d returned %+v, want %+v", i, got, row)
		}
		if again, err := s.Get(ctx, row.Key); err != nil || !reflect.DeepEqual(again, row) {
			t.Fatalf("Get after Put %d: %+v, %v, want %+v", i, again, err, row)
		}
	}
	checkTables(t, s)
}

// The foreign key stops what the statements would never do.
func TestConstraintsHold(t *testing.T) {
	t.Parallel()
	s := fresh(t, "")
	parent := put(t, s, store.Row{Key: key("parent")})
	put(t, s, store.Row{Key: key("child"), Parent: parent.Key})
	for text, want := range map[string]string{
		"UPDATE @.record SET id = 'x' WHERE id = 'parent'":                                         codeForeignKey,
		"UPDATE @.record SET parent_id = 'x' WHERE id = 'child'":                                   codeForeignKey,
		"UPDATE @.record SET parent_id = NULL WHERE id = 'child'":                                  codeForeignKey, // half a parent
		"UPDATE @.record SET parent_kind = 'k', parent_id = 'parent' WHERE id = 'parent'":          codeCheck,
		"UPDATE @.record SET version = 0 WHERE id = 'parent'":                                      codeCheck,
		"INSERT INTO @.record (kind, id, version, write_id, data) VALUES ('k', 'child', 1, 1, '')": codeUnique,
	} {
		if _, err := s.pool.Exec(context.Background(), inSchema(s, text)); code(err) != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// A write of the common kind, which changes no indexed column, touches no index.
func TestUpdatesStayOnTheirPage(t *testing.T) {
	t.Parallel()
	// On a server where nobody looks at old versions, which keeps them in place.
	s := open(t, address(t, postgrestest.Start(t).URL(), "pool_max_conns=1", "updates"))
	row := put(t, s, store.Row{Key: key("a"), Unique: "u", Labels: []string{"x"}, Due: someday(), Data: make([]byte, 1200)})
	const updates = 50
	for i := range updates {
		row.Data[0] = byte(i)
		row = put(t, s, row)
	}
	run(t, s, "SELECT pg_stat_force_next_flush()")
	count := func(column string) int64 {
		return number(t, s, "SELECT "+column+" FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'record'", s.schema)
	}
	// Autovacuum may look as well.
	if all, hot := count("n_tup_upd"), count("n_tup_hot_upd"); all != updates || hot < updates-5 {
		t.Errorf("of %d updates %d wrote no index, want nearly all of %d", all, hot, updates)
	}
}

// What a delete leaves behind does not grow with the number of deletes.
func TestEndingsAreBounded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, "")
	w := func(id int64) {
		row := put(t, s, store.Row{Key: key("a")})
		run(t, s, "UPDATE @.record SET write_id = $1", id)
		if _, err := s.pool.Exec(ctx, s.sql.drop, "k", row.ID, row.Version, id<<16); err != nil {
			t.Fatal(err)
		}
	}
	for i := range int64(20) {
		w(i << 16) // all in the same places
	}
	if n := number(t, s, "SELECT count(*) FROM @.ending"); n != 2 {
		t.Errorf("%d endings are kept, want 2", n)
	}
}
