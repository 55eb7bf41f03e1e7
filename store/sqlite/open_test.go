package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/tieline/tieline/store"
)

// open opens a Store that is closed with the test.
func open(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fresh opens a Store on a new file.
func fresh(t testing.TB, opts Options) *Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "tieline.db"), opts)
}

func put(t testing.TB, s *Store, row store.Row) store.Row {
	t.Helper()
	row, err := s.Put(context.Background(), row)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func key(id string) store.Key { return store.Key{Kind: "k", ID: id} }

// files lists what is in the directory of the Store.
func files(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestOpenRefusesPath(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for path, want := range map[string]string{
		"":                                 "the path is empty",
		":memory:":                         "use a store.Memory",
		"file::memory:":                    "use a store.Memory",
		"file::memory:?cache=shared":       "use a store.Memory",
		"file:tieline.db?mode=memory":      "a file name, not a URI",
		"a\x00b":                           "holds a NUL",
		dir:                                "not a regular file",
		filepath.Join(dir, "none", "x.db"): "the directory is not there",
	} {
		s, err := Open(path, Options{})
		if err == nil {
			s.Close()
			t.Errorf("Open(%q) succeeded", path)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q): %q, want something with %q", path, err, want)
		}
	}
	if _, err := Open(filepath.Join(dir, "none", "x.db"), Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the directory: %v, want fs.ErrNotExist", err)
	}
	if got := files(t, dir); got != nil {
		t.Errorf("refused calls have left %q", got)
	}
}

func TestOpenRefusesOptions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, opts := range []Options{{MaxReaders: -1}, {Synchronous: 2}, {Synchronous: -1}} {
		if s, err := Open(filepath.Join(dir, "x.db"), opts); err == nil {
			s.Close()
			t.Errorf("Open with %+v succeeded", opts)
		}
	}
	if got := files(t, dir); got != nil {
		t.Errorf("refused calls have left %q", got)
	}
}

// In a URI, the percent sign, the question mark and the number sign would end or
// change the name.
func TestOpenOddPaths(t *testing.T) {
	t.Parallel()
	names := []string{"a%20b?c#d.db", "spaces and 'quotes'.db", "%", "é.db", "&=+;.db", "mode=ro"}
	if runtime.GOOS == "windows" {
		names = []string{"a%20b#d.db", "spaces and 'quotes'.db", "é.db"}
	}
	for _, name := range names {
		dir := t.TempDir()
		s := open(t, filepath.Join(dir, name), Options{})
		put(t, s, store.Row{Key: key("a")})
		if got := files(t, dir); len(got) != 3 || got[0] != name || got[1] != name+"-shm" || got[2] != name+"-wal" {
			t.Errorf("%q: the files are %q", name, got)
		}
	}
}

func TestFileURI(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/a%b?c#d":  "file:///a%25b%3fc%23d",
		"//srv/x":   "file:////srv/x", // a UNC path, its slashes turned
		"C:/dir/x":  "file:///C:/dir/x",
		"/a b/ü.db": "file:///a b/ü.db",
	} {
		if got := fileURI(path); got != want {
			t.Errorf("fileURI(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestFileModes(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no file modes")
	}
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "new.db"), Options{})
	put(t, s, store.Row{Key: key("a")})
	for _, name := range files(t, dir) {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o, want 600", name, got)
		}
	}

	// One that is there keeps its mode.
	old := filepath.Join(dir, "old.db")
	if err := os.WriteFile(old, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(old, 0o640); err != nil { // whatever the umask is
		t.Fatal(err)
	}
	put(t, open(t, old, Options{}), store.Row{Key: key("a")})
	if info, err := os.Stat(old); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the old file has mode %v, %v, want 640", info.Mode(), err)
	}
}

// What a connection needs must hold on each, not on the one that happened to run
// a statement.
func TestEveryConnection(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, opts := range map[string]Options{
		"full":   {MaxReaders: 3},
		"normal": {MaxReaders: 3, Synchronous: Normal},
	} {
		s := fresh(t, opts)
		want := map[string]int{"foreign_keys": 1, "busy_timeout": 0, "synchronous": 2, "query_only": 1}
		if opts.Synchronous == Normal {
			want["synchronous"] = 1
		}
		for i := range 4 {
			pool := s.readers
			if i == 3 {
				pool, want["query_only"] = s.writer, 0
			}
			conn, err := pool.Conn(ctx) // held, so that the next one is another
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			for pragma, want := range want {
				var got int
				if err := conn.QueryRowContext(ctx, "PRAGMA "+pragma).Scan(&got); err != nil || got != want {
					t.Errorf("%s, connection %d: %s is %d, %v, want %d", name, i, pragma, got, err, want)
				}
			}
			var mode string
			if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil || mode != "wal" {
				t.Errorf("%s, connection %d: journal mode %q, %v", name, i, mode, err)
			}
		}
	}
}

// Open is called again while it runs, in one process; TestOpenAtOnce has several.
func TestOpenTwice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := Open(path, Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

// The pools open connections when they need them, perhaps much later.
func TestOpenRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	s := open(t, "x.db", Options{MaxReaders: 2})
	if !filepath.IsAbs(s.path) {
		t.Errorf("the path is %q", s.path)
	}
	t.Chdir(t.TempDir())
	for range 2 {
		conn, err := s.readers.Conn(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "x.db"), Options{})
	row := put(t, s, store.Row{Key: key("a")})
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.GetPath(context.Background(), "k", "u", "k", "n"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("GetPath: %v, want ErrClosed", err)
	}
	if _, err := s.Put(context.Background(), row); !errors.Is(err, store.ErrClosed) {
		t.Errorf("Put: %v, want ErrClosed", err)
	}
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("after Close there are %q, want one file", got)
	}
}

func TestCheckFS(t *testing.T) {
	t.Parallel()
	err := checkFS("/mnt/x.db", "NFS", Options{})
	wantOnly(t, err, ErrNetworkFS)
	if !strings.Contains(err.Error(), "NFS") || !strings.Contains(err.Error(), "AllowNetworkFS") {
		t.Errorf("%q does not say what it is and what to do", err)
	}
	if err := checkFS("/mnt/x.db", "NFS", Options{AllowNetworkFS: true}); err != nil {
		t.Errorf("although it is allowed: %v", err)
	}
	if err := checkFS("/mnt/x.db", "", Options{}); err != nil {
		t.Errorf("a local one: %v", err)
	}
}
