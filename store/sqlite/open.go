package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	driver "modernc.org/sqlite"
)

const defaultBusyTimeout = 10 * time.Second

// Open opens the database at path, a file name and not a URI, and creates it
// when it is not there. The caller closes the Store.
//
// It fails with one of the errors of this package where the file or its place
// cannot be used, and leaves a file of another origin as it was.
func Open(path string, opts Options) (*Store, error) {
	if err := checkPath(path); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(path) // connections made later must not depend on the working directory
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s, err := newStore(path, opts)
	if err != nil {
		return nil, err
	}
	if err := checkFS(path, networkFS(filepath.Dir(path)), opts); err != nil {
		return nil, err
	}
	if err := createFile(path); err != nil {
		return nil, err
	}
	if err := s.openPools(opts); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.writer.Close() // the first error counts
		s.readers.Close()
		return nil, err
	}
	return s, nil
}

func checkPath(path string) error {
	switch {
	case path == "":
		return errors.New("sqlite: the path is empty")
	case strings.IndexByte(path, 0) >= 0:
		return errors.New("sqlite: the path holds a NUL")
	case strings.HasPrefix(path, ":memory:"), strings.HasPrefix(path, "file::memory:"):
		return errors.New("sqlite: a database in memory is refused, because every connection would have one of its own; use a store.Memory")
	case strings.HasPrefix(path, "file:"):
		return fmt.Errorf("sqlite: %s: the path must be a file name, not a URI", path)
	}
	return nil
}

// newStore applies the options, and opens nothing yet.
func newStore(path string, opts Options) (*Store, error) {
	s := &Store{path: path, busyTimeout: opts.BusyTimeout, closed: make(chan struct{})}
	switch {
	case s.busyTimeout == 0:
		s.busyTimeout = defaultBusyTimeout
	case s.busyTimeout < 0:
		s.busyTimeout = 0
	}
	readers := opts.MaxReaders
	switch {
	case readers == 0:
		readers = runtime.GOMAXPROCS(0)
	case readers < 0:
		return nil, errors.New("sqlite: Options.MaxReaders is negative")
	}
	if opts.Synchronous != Full && opts.Synchronous != Normal {
		return nil, errors.New("sqlite: Options.Synchronous is neither Full nor Normal")
	}
	s.writeGate, s.readGate = newGate(1, s.closed), newGate(readers, s.closed)
	return s, nil
}

// openPools makes the pools, as large as their gates are wide. They open no
// connection before one is needed.
func (s *Store) openPools(opts Options) error {
	var err error
	if s.writer, err = newPool(dsn(s.path, opts, false), cap(s.writeGate.slots)); err != nil {
		return fmt.Errorf("sqlite: %s: %w", s.path, err)
	}
	if s.readers, err = newPool(dsn(s.path, opts, true), cap(s.readGate.slots)); err != nil {
		s.writer.Close() // the first error counts
		return fmt.Errorf("sqlite: %s: %w", s.path, err)
	}
	return nil
}

// newPool makes a pool that keeps its connections, and the statements prepared
// on them, for good.
func newPool(dsn string, size int) (*sql.DB, error) {
	connector, err := driver.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// dsn says how a connection is opened. What has to hold on each connection is in
// here: set with a statement it would hold on one connection of the pool. The
// journal mode is not, as it is kept in the file.
func dsn(path string, opts Options, readOnly bool) string {
	// The file was made by createFile: SQLite would make it readable by all.
	params := []string{
		"mode=rw",
		"_busy_timeout=0", // patiently waits instead
		"_foreign_keys=1",
		"_txlock=immediate",
		"_defensive=1",
		"_dqs=0",
		"_error_rc=1",
	}
	if opts.Synchronous == Normal {
		params = append(params, "_synchronous=NORMAL")
	} else {
		params = append(params, "_synchronous=FULL")
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		// There, fsync leaves the data in the drive's cache.
		params = append(params, "_pragma=fullfsync(1)", "_pragma=checkpoint_fullfsync(1)")
	}
	if readOnly {
		params = append(params, "_query_only=1")
	}
	return fileURI(path) + "?" + strings.Join(params, "&")
}

// fileURI returns the absolute path as a URI (https://sqlite.org/uri.html). An
// empty authority keeps a path that begins with two slashes whole.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/...
	}
	return "file://" + strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23").Replace(path)
}

// checkFS refuses a network file system, by its name.
func checkFS(path, name string, opts Options) error {
	if name == "" || opts.AllowNetworkFS {
		return nil
	}
	return fmt.Errorf("sqlite: %s: %w (%s), where it would be damaged; if it is local after all, set Options.AllowNetworkFS", path, ErrNetworkFS, name)
}

// createFile makes an empty file when there is none, for its owner alone. SQLite
// gives the files beside it the mode of this one. It never opens a file that is
// there: closing it again would drop the locks that another Store of this
// process has on it.
func createFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("sqlite: %s: not a regular file", path)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case err == nil:
		if err := f.Close(); err != nil {
			return fmt.Errorf("sqlite: %w", err)
		}
		return nil
	case errors.Is(err, fs.ErrExist): // another process was faster
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: %s: the directory is not there: %w", path, err)
	case isReadOnlyFS(err):
		return fmt.Errorf("sqlite: %w: %w", ErrReadOnly, err)
	}
	return fmt.Errorf("sqlite: %w", err)
}

// open makes the first connection, and makes sure that the database is ours
// before it changes anything.
func (s *Store) open() error {
	ctx := context.Background()
	err := s.patiently(ctx, func() error {
		version, err := s.schemaVersion(ctx, s.writer)
		if err != nil {
			return err
		}
		if err := s.checkWritable(ctx); err != nil {
			return err
		}
		if err := s.setWAL(ctx); err != nil {
			return err
		}
		if version < len(migrations()) {
			if err := s.migrate(ctx); err != nil {
				return err
			}
		}
		return s.prepare(ctx)
	})
	switch {
	case err == nil:
		return nil
	case primary(err) == codeCantOpen:
		return s.explainCantOpen(err)
	case code(err) != 0 && !errors.Is(err, ErrBusy):
		return s.explain(err)
	}
	return err
}

// checkWritable asks the driver, because SQLite opens a file that it may not
// write without a word, and begins a write transaction on it as well.
func (s *Store) checkWritable(ctx context.Context) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() // back into the pool
	return conn.Raw(func(c any) error {
		readOnly, err := c.(interface {
			IsReadOnly(schema string) (bool, error)
		}).IsReadOnly("main")
		if err == nil && readOnly {
			err = fmt.Errorf("sqlite: %s: %w", s.path, ErrReadOnly)
		}
		return err
	})
}

// setWAL switches the file to a write-ahead log, which it then remembers.
func (s *Store) setWAL(ctx context.Context) error {
	var mode string
	if err := s.writer.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("sqlite: %s: SQLite cannot keep a write-ahead log here, its journal mode stays %q", s.path, mode)
	}
	return nil
}

// explainCantOpen looks for the reason that SQLite does not give: it has to
// write files beside the database, and says the same when a file cannot be read.
func (s *Store) explainCantOpen(err error) error {
	f, probe := os.CreateTemp(filepath.Dir(s.path), ".tieline-*")
	if probe != nil && isReadOnlyFS(probe) {
		return fmt.Errorf("sqlite: %s: %w: %w: %w", s.path, ErrReadOnly, err, probe)
	}
	if probe == nil {
		f.Close() // it is empty, and nothing depends on it
		os.Remove(f.Name())
	}
	return s.explain(err)
}
