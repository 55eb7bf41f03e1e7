package postgres

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

// Every call that succeeds is exactly one statement; one that is refused asks
// once more for the reason.
func TestStatements(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	count := &statementCount{}
	s := open(t, freshAddress(t, ""), func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = count })
	parent := put(t, s, store.Row{Key: store.Key{Kind: "p", ID: "p1"}, Unique: "parent"})
	row := store.Row{Key: key("a"), Parent: parent.Key, Unique: "p1/name", Labels: []string{"x", "y"}, Due: someday(), Data: []byte("1")}
	list := func(q store.Query) func() error {
		return func() error {
			q.Kind = "k"
			page, err := s.List(ctx, q)
			if err == nil && len(page.Rows) != 1 {
				err = fmt.Errorf("%d rows", len(page.Rows))
			}
			return err
		}
	}
	write := func(change func()) func() error {
		return func() (err error) {
			change()
			row, err = s.Put(ctx, row)
			return err
		}
	}
	later := someday().AddDate(1, 0, 0)
	for _, c := range []struct {
		name          string
		reads, writes int64
		call          func() error
	}{
		{"create", 0, 1, write(func() {})},
		{"update", 0, 1, write(func() { row.Data = []byte("2") })},
		{"update of everything", 0, 1, write(func() { row.Unique, row.Labels, row.Due = "p1/other", []string{"y", "z"}, later.AddDate(-1, 0, 0) })},
		{"get", 1, 0, func() error { _, err := s.Get(ctx, row.Key); return err }},
		{"get by path", 1, 0, func() error { _, err := s.GetPath(ctx, "p", "parent", "k", "other"); return err }},
		{"list", 1, 0, list(store.Query{})},
		{"list by unique", 1, 0, list(store.Query{Unique: "p1/other"})},
		{"list by due", 1, 0, list(store.Query{DueBefore: later})},
		{"list by parent", 1, 0, list(store.Query{Parent: parent.Key})},
		{"list by label", 1, 0, list(store.Query{Labels: []string{"y"}})},
		{"list by labels", 1, 0, list(store.Query{Labels: []string{"y", "z"}})},
		{"list by parent and labels", 1, 0, list(store.Query{Parent: parent.Key, Labels: []string{"y", "z"}})},
		{"list by all", 1, 0, list(store.Query{Parent: parent.Key, Labels: []string{"y", "z"}, DueBefore: later, Unique: "p1/other"})},
		{"conflict", 1, 1, func() error { return refused(s.Delete(ctx, row.Key, 77)) }},
		{"exists", 1, 1, func() error { _, err := s.Put(ctx, store.Row{Key: row.Key}); return refused(err) }},
		{"delete", 0, 1, func() error { return s.Delete(ctx, row.Key, row.Version) }},
		{"get by path of nothing", 1, 0, func() error { _, err := s.GetPath(ctx, "p", "parent", "k", "other"); return refused(err) }},
	} {
		count.take()
		if err := c.call(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if reads, writes := count.take(); reads != c.reads || writes != c.writes {
			t.Errorf("%s takes %d reads and %d writes, want %d and %d", c.name, reads, writes, c.reads, c.writes)
		}
	}
}

// refused turns an error into none, and none into one.
func refused(err error) error {
	if err == nil {
		return fmt.Errorf("it was not refused")
	}
	return nil
}
