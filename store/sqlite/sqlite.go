package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"

	"github.com/tieline/tieline/store"
)

// Options tune a [Store]. The zero Options are the recommended ones.
type Options struct {
	// BusyTimeout is how long a call waits while another process holds the lock
	// of the file, before it fails with [ErrBusy]. Waiting for other goroutines
	// of this process does not count; the context bounds both. 0 means 10
	// seconds, a negative value not to wait.
	BusyTimeout time.Duration

	// Synchronous says what a write waits for. The zero value is [Full].
	Synchronous Synchronous

	// MaxReaders is the number of read connections. 0 means as many as
	// [runtime.GOMAXPROCS] gives, more than which does not make reads faster.
	MaxReaders int

	// AllowNetworkFS lets Open use a file on what looks like a network file
	// system: NFS, SMB, NCP, AFS, Coda, Ceph or FUSE. Set it for a FUSE file
	// system that is local and used by this machine only; on a shared one, data
	// is lost. Only on Linux can Open tell.
	AllowNetworkFS bool
}

// Synchronous is what a write waits for before it returns. See
// https://sqlite.org/pragma.html#pragma_synchronous.
type Synchronous int

const (
	// Full waits until the write is on the disk: it survives a power cut.
	Full Synchronous = iota
	// Normal waits for the operating system: a write survives the end of the
	// process, but the last ones before a power cut may be undone. A rotated
	// refresh token lost this way cannot be had again. Writes are about ten
	// times as fast.
	Normal
)

// Store is a [store.Store] in a SQLite file. Get one from [Open].
type Store struct {
	path        string
	busyTimeout time.Duration

	writer, readers     *sql.DB // one connection, and MaxReaders of them
	writeGate, readGate gate
	statements          statements
	lists               listCache

	closed    chan struct{}
	closeOnce sync.Once
	closeErr  error
}

var (
	_ store.Store      = (*Store)(nil)
	_ store.PathGetter = (*Store)(nil)
)

// Close waits for the calls that run, lets those that wait for their turn and
// those that come later fail with [store.ErrClosed], and releases the file. The
// last process to close it leaves a single file. Closing again returns the same
// as the first time.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closed)
		s.readGate.drain()
		s.writeGate.drain()
		s.closeErr = s.closePools()
	})
	return s.closeErr
}

func (s *Store) closePools() error {
	err := s.readers.Close()
	// Best effort: other processes may be reading, and SQLite does the same
	// work when the last connection goes.
	_, _ = s.writer.ExecContext(context.Background(), "PRAGMA wal_checkpoint(TRUNCATE)")
	if err = errors.Join(err, s.writer.Close()); err != nil {
		return s.explain(err)
	}
	return nil
}

// check is the start of every call.
func (s *Store) check(ctx context.Context) error {
	select {
	case <-s.closed:
		return store.ErrClosed
	default:
		return ctx.Err()
	}
}

// statements are the ones whose text never changes, prepared on each connection
// of their pool. database/sql prepares them again on a new connection.
type statements struct {
	get, path                                     *sql.Stmt // readers
	insert, update, relabel, replace, drop, state *sql.Stmt // writer
}

func (s *Store) prepare(ctx context.Context) error {
	for _, p := range []struct {
		to   **sql.Stmt
		pool *sql.DB
		text string
	}{
		{&s.statements.get, s.readers, getSQL},
		{&s.statements.path, s.readers, pathSQL},
		{&s.statements.insert, s.writer, insertSQL},
		{&s.statements.update, s.writer, updateSQL},
		{&s.statements.relabel, s.writer, relabelSQL},
		{&s.statements.replace, s.writer, replaceSQL},
		{&s.statements.drop, s.writer, deleteSQL},
		{&s.statements.state, s.writer, stateSQL},
	} {
		stmt, err := p.pool.PrepareContext(ctx, p.text)
		if err != nil {
			return err
		}
		*p.to = stmt
	}
	return nil
}
