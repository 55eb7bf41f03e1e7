package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tieline/tieline/store"
)

// SQLite would stop a cascade of its own at a depth of 1000.
func TestDeleteDeep(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, Options{Synchronous: Normal})
	top := put(t, s, store.Row{Key: key("top"), Labels: []string{"a"}})
	last := top
	for i := range 1100 {
		last = put(t, s, store.Row{Key: key(fmt.Sprint(i)), Parent: last.Key, Labels: []string{"a"}})
	}
	other := put(t, s, store.Row{Key: key("other"), Labels: []string{"a"}})
	if err := s.Delete(ctx, top.Key, 1); err != nil {
		t.Fatal(err)
	}
	page, err := s.List(ctx, store.Query{Kind: "k", Labels: []string{"a"}})
	if err != nil || len(page.Rows) != 1 || page.Rows[0].ID != other.ID {
		t.Errorf("left are %d rows, %v, want only the other", len(page.Rows), err)
	}
	checkFile(t, s)
}

// Delete does not lean on the foreign key, but a mistake in it would be stopped.
func TestForeignKeyHolds(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{})
	parent := put(t, s, store.Row{Key: key("parent")})
	put(t, s, store.Row{Key: key("child"), Parent: parent.Key})
	if _, err := s.writer.Exec("DELETE FROM record WHERE id = 'parent'"); code(err) != codeForeignKey {
		t.Errorf("a parent was deleted alone: %v", err)
	}
	if _, err := s.writer.Exec("UPDATE record SET id = 'x' WHERE id = 'parent'"); code(err) != codeForeignKey {
		t.Errorf("a parent was renamed: %v", err)
	}
}

// checkFile looks at what SQLite and the schema promise: sound pages, no orphan,
// and in record_label the labels of the records and no others.
func checkFile(t testing.TB, s *Store) {
	t.Helper()
	var sound string
	if err := s.writer.QueryRow("PRAGMA integrity_check").Scan(&sound); err != nil || sound != "ok" {
		t.Errorf("integrity_check: %s, %v", sound, err)
	}
	for name, text := range map[string]string{
		"orphans":        "SELECT count(*) FROM pragma_foreign_key_check",
		"labels missing": "SELECT count(*) FROM (SELECT r.kind, j.value, r.id FROM record AS r, json_each(r.labels) AS j EXCEPT SELECT kind, label, id FROM record_label)",
		"labels left":    "SELECT count(*) FROM (SELECT kind, label, id FROM record_label EXCEPT SELECT r.kind, j.value, r.id FROM record AS r, json_each(r.labels) AS j)",
	} {
		var n int
		if err := s.writer.QueryRow(text).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// A random walk over all kinds of changes, which take different statements.
func TestWritesKeepLabels(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	rnd := rand.New(rand.NewPCG(3, 4))
	s := fresh(t, Options{Synchronous: Normal})
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
				row.Labels = append(row.Labels, []string{"a", "b", "c", `"`, `\`, "é,[]"}[rnd.IntN(6)])
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
		if d := cmp.Diff(row, got); d != "" {
			t.Fatalf("Put %d (-want +got):\n%s", i, d)
		}
		if again, err := s.Get(ctx, row.Key); err != nil || cmp.Diff(row, again) != "" {
			t.Fatalf("Get after Put %d: %v\n%s", i, err, cmp.Diff(row, again))
		}
	}
	checkFile(t, s)
}

// What a write costs is the pages it has to make durable. One that changes the
// data alone writes the page that the row is on, and nothing else.
func TestPagesWritten(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{})
	parent := put(t, s, store.Row{Key: store.Key{Kind: "p", ID: "p"}})
	row := put(t, s, store.Row{
		Key: key("a"), Parent: parent.Key, Unique: "u", Labels: []string{"a", "b"}, Data: []byte("one"),
	})
	written := func(change func(*store.Row)) int64 {
		before := walSize(t, s)
		change(&row)
		row = put(t, s, row)
		return (walSize(t, s) - before) / (4096 + 24) // a frame is a page and a header
	}
	for _, tt := range []struct {
		name   string
		change func(*store.Row)
		want   int64
	}{
		{"nothing", func(*store.Row) {}, 1},
		{"data", func(r *store.Row) { r.Data = []byte("two") }, 1},
		{"due", func(r *store.Row) { r.Due = someday }, 2},
		{"labels", func(r *store.Row) { r.Labels = []string{"b", "c"} }, 3},
		{"unique", func(r *store.Row) { r.Unique = "v" }, 3},
	} {
		if got := written(tt.change); got != tt.want {
			t.Errorf("a change of %s writes %d pages, want %d", tt.name, got, tt.want)
		}
	}
}

func walSize(t testing.TB, s *Store) int64 {
	t.Helper()
	info, err := os.Stat(s.path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// A record that contradicts itself must not keep a call busy for good.
func TestSettleGivesUp(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{})
	run(t, s.writer, "CREATE TRIGGER deaf BEFORE INSERT ON record BEGIN SELECT raise(IGNORE); END")
	_, err := s.Put(context.Background(), store.Row{Key: key("a")})
	wantOnly(t, err, ErrCorrupt)
}

func TestLabelCodec(t *testing.T) {
	t.Parallel()
	for _, labels := range [][]string{
		{""}, {"a"}, {"", "a"}, {"a", "b", "c"}, {`"`}, {`\`}, {`a","b`}, {`["`, `"]`}, {"\x01\x1f\x7f"}, {"<&>", "\u2028"},
		{"é", "e\u0301", "\U0001f511"}, {",", ","},
	} {
		text := encodeLabels(labels)
		got, err := decodeLabels(text.(string))
		if err != nil || !slices.Equal(got, labels) {
			t.Errorf("%q became %s and then %q, %v", labels, text, got, err)
		}
	}
	if text := encodeLabels(nil); text != nil {
		t.Errorf("no labels became %v, want nil", text)
	}
}

// Any labels survive the way through Go's JSON, SQLite's JSON and back.
func FuzzLabelCodec(f *testing.F) {
	f.Add("a", "b")
	f.Add(`"`, `\`)
	f.Add("", `","`)
	f.Add("\u2028<", "\x01")
	s := fresh(f, Options{Synchronous: Normal})
	f.Fuzz(func(t *testing.T, a, b string) {
		row := store.Row{Key: key("id"), Labels: []string{a, b}}
		if row.Validate() != nil {
			t.Skip("not labels")
		}
		text := encodeLabels(row.Labels)
		if got, err := decodeLabels(text.(string)); err != nil || !slices.Equal(got, row.Labels) {
			t.Fatalf("%q became %s and then %q, %v", row.Labels, text, got, err)
		}
		var joined string
		err := s.writer.QueryRow("SELECT group_concat(value, char(10)) FROM (SELECT value FROM json_each(?) ORDER BY key)", text).Scan(&joined)
		if want := strings.Join(row.Labels, "\n"); err != nil || joined != want {
			t.Fatalf("SQLite reads %s as %q, %v, want %q", text, joined, err, want)
		}
	})
}
