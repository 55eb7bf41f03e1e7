package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tieline/tieline/store"
)

// raw is a connection to a database that knows nothing of the Store.
func raw(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := newPool(fileURI(path)+"?_busy_timeout=5000", 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// broken makes a file that Open must refuse.
type broken struct {
	name string
	make func(t *testing.T, path string)
	want error
}

func brokenFiles() []broken {
	foreign := func(statements ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			db := raw(t, path)
			for _, s := range statements {
				run(t, db, s)
			}
			db.Close()
		}
	}
	content := func(data []byte) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return []broken{
		{"a short text", content([]byte("hello")), ErrNotDatabase},
		{"a long text", content(bytes.Repeat([]byte("not a database\n"), 1000)), ErrNotDatabase},
		{"tables of others", foreign("CREATE TABLE t (a)", "INSERT INTO t VALUES (1)"), ErrForeign},
		{"a view of others, in WAL mode", foreign("PRAGMA journal_mode = WAL", "CREATE VIEW v AS SELECT 1"), ErrForeign},
		{"an application ID of others", foreign("PRAGMA application_id = 7"), ErrForeign},
		{"a schema version of others", foreign("PRAGMA user_version = 1"), ErrForeign},
		{"our tables without our mark", func(t *testing.T, path string) {
			ours(t, path)
			foreign("PRAGMA application_id = 0")(t, path)
		}, ErrForeign},
		{"a newer schema", func(t *testing.T, path string) {
			ours(t, path)
			foreign(fmt.Sprintf("PRAGMA user_version = %d", len(migrations())+1))(t, path)
		}, ErrNewerSchema},
		{"half of ours", func(t *testing.T, path string) {
			ours(t, path)
			truncate(t, path, 0.5)
		}, ErrCorrupt},
		{"a header of ours", func(t *testing.T, path string) {
			ours(t, path)
			truncate(t, path, 0.001)
		}, ErrCorrupt},
		{"ours with its schema overwritten", func(t *testing.T, path string) {
			ours(t, path)
			overwrite(t, path, 100, 1000)
		}, ErrCorrupt},
	}
}

// ours makes a database with some rows, and closes it.
func ours(t testing.TB, path string) {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		put(t, s, store.Row{Key: key(fmt.Sprint(i)), Data: make([]byte, 2000)})
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func truncate(t testing.TB, path string, part float64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(float64(info.Size())*part)); err != nil {
		t.Fatal(err)
	}
}

// overwrite puts garbage into a file that no Store has open.
func overwrite(t testing.TB, path string, at int64, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, n), at); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// A file that is not ours, or is damaged, is refused by name and stays as it is.
func TestOpenRefusesFile(t *testing.T) {
	t.Parallel()
	for _, tt := range brokenFiles() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "x.db")
			tt.make(t, path)
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				s, err := Open(path, Options{})
				if err == nil {
					s.Close()
					t.Fatal("Open succeeded")
				}
				wantOnly(t, err, tt.want)
				if !bytes.Contains([]byte(err.Error()), []byte(path)) {
					t.Errorf("%q does not name the file", err)
				}
			}
			after, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(before, after) {
				t.Error("Open has changed the file")
			}
			if got := files(t, dir); len(got) != 1 {
				t.Errorf("Open has left %q", got)
			}
		})
	}
}

// wantOnly checks that err is want and none of the other errors.
func wantOnly(t testing.TB, err, want error) {
	t.Helper()
	for _, e := range []error{
		ErrNotDatabase, ErrForeign, ErrNewerSchema, ErrReadOnly, ErrFull, ErrCorrupt, ErrBusy, ErrNetworkFS,
		store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrInvalid, store.ErrClosed,
	} {
		if errors.Is(err, e) != (e == want) {
			t.Errorf("errors.Is(%q, %q) is %v", err, e, errors.Is(err, e))
		}
	}
}

// A page that was damaged while the database was closed fails the calls that
// need it, and no others.
func TestDamagedPage(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "x.db")
	ours(t, path)
	db := raw(t, path)
	var root int64 // of the index, which is read first
	if err := db.QueryRow("SELECT rootpage FROM sqlite_schema WHERE name = 'record_due'").Scan(&root); err != nil {
		t.Fatal(err)
	}
	db.Close()
	overwrite(t, path, (root-1)*4096, 4096)

	s := open(t, path, Options{})
	if _, err := s.Get(ctx, key("1")); err != nil {
		t.Errorf("Get, of sound pages: %v", err)
	}
	row := store.Row{Key: key("new"), Due: someday}
	_, err := s.Put(ctx, row)
	wantOnly(t, err, ErrCorrupt)
	row.Due = row.Due.AddDate(-1, 0, 0)
	_, err = s.List(ctx, store.Query{Kind: "k", DueBefore: someday})
	wantOnly(t, err, ErrCorrupt)
	if _, err := s.Get(ctx, row.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get, of what could not be put: %v, want ErrNotFound", err)
	}
}

// Labels that are no list cannot have come from us.
func TestDamagedLabels(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, Options{})
	put(t, s, store.Row{Key: key("a")})
	run(t, s.writer, "DROP TRIGGER record_update")
	run(t, s.writer, `UPDATE record SET labels = '{"a":1}'`)
	_, err := s.Get(ctx, key("a"))
	wantOnly(t, err, ErrCorrupt)
	_, err = s.List(ctx, store.Query{Kind: "k"})
	wantOnly(t, err, ErrCorrupt)
}

// The number of pages is limited instead of the disk; TestDiskFull has a disk.
func TestFull(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, Options{})
	small := put(t, s, store.Row{Key: key("small"), Labels: []string{"a"}, Data: []byte("kept")})
	var pages int
	if err := s.writer.QueryRow("PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	run(t, s.writer, fmt.Sprintf("PRAGMA max_page_count = %d", pages))

	big := store.Row{Key: key("big"), Labels: []string{"a", "b"}, Data: make([]byte, 1<<20)}
	grown := small
	grown.Data, grown.Labels = big.Data, big.Labels
	for range 2 {
		for _, row := range []store.Row{big, grown} {
			_, err := s.Put(ctx, row)
			wantOnly(t, err, ErrFull)
		}
	}
	if got, err := s.Get(ctx, small.Key); err != nil || string(got.Data) != "kept" || got.Version != 1 {
		t.Errorf("the row that could not grow: %+v, %v", got, err)
	}
	if _, err := s.Get(ctx, big.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the row that did not fit: %v, want ErrNotFound", err)
	}
	if page, err := s.List(ctx, store.Query{Kind: "k", Labels: []string{"b"}}); err != nil || len(page.Rows) != 0 {
		t.Errorf("a label of a row that did not fit finds %v, %v", page.Rows, err)
	}

	run(t, s.writer, "PRAGMA max_page_count = 1000000")
	put(t, s, big)
	put(t, s, grown)
}

// After the file has become read-only, which query_only stands in for, writes
// say so and reads go on.
func TestTurnedReadOnly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, Options{})
	row := put(t, s, store.Row{Key: key("a")})
	run(t, s.writer, "PRAGMA query_only = 1")
	_, err := s.Put(ctx, row)
	wantOnly(t, err, ErrReadOnly)
	wantOnly(t, s.Delete(ctx, row.Key, row.Version), ErrReadOnly)
	if _, err := s.Get(ctx, row.Key); err != nil {
		t.Error(err)
	}
	run(t, s.writer, "PRAGMA query_only = 0")
	put(t, s, row)
}

func TestTooBig(t *testing.T) {
	t.Parallel()
	s := fresh(t, Options{})
	_, err := s.Put(context.Background(), store.Row{Key: key("a"), Data: make([]byte, maxData+1)})
	wantOnly(t, err, store.ErrInvalid)
}
