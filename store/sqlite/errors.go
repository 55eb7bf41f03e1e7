package sqlite

import (
	"errors"
	"fmt"

	driver "modernc.org/sqlite"

	"github.com/tieline/tieline/store"
)

// Errors of Open and of the calls on a [Store], to be tested with [errors.Is].
// They come wrapped with the path of the file and with what SQLite said.
var (
	// ErrNotDatabase: the file is not a SQLite database.
	ErrNotDatabase = errors.New("not a SQLite database")
	// ErrForeign: the file is a SQLite database of another application.
	ErrForeign = errors.New("the database belongs to another application")
	// ErrNewerSchema: the file was written by a newer version of this package.
	ErrNewerSchema = errors.New("the database was written by a newer version of this package")
	// ErrReadOnly: the file, its directory or its file system cannot be written.
	ErrReadOnly = errors.New("the database cannot be written")
	// ErrFull: the disk is full. Nothing was changed, and writes work again when
	// there is space.
	ErrFull = errors.New("no space left for the database")
	// ErrCorrupt: the file is damaged. It is never repaired or created anew.
	ErrCorrupt = errors.New("the database is damaged")
	// ErrBusy: another process, or another Store, held the lock for longer than
	// the BusyTimeout. Nothing was changed.
	ErrBusy = errors.New("the database stays locked by another process")
	// ErrNetworkFS: the file is on a network file system, see
	// [Options].AllowNetworkFS.
	ErrNetworkFS = errors.New("the database is on a network file system")
)

// Result codes, https://sqlite.org/rescode.html. The low byte is the primary
// code, the rest says more.
const (
	codeBusy     = 5
	codeLocked   = 6
	codeReadOnly = 8
	codeCorrupt  = 11
	codeFull     = 13
	codeCantOpen = 14
	codeTooBig   = 18
	codeNotADB   = 26

	codeCheck      = 275
	codeForeignKey = 787
	codePrimaryKey = 1555
	codeUnique     = 2067
	codeShmSize    = 4874 // the -shm file cannot grow
)

// code returns the extended result code of err, and 0 when it is not SQLite's.
func code(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

func primary(err error) int { return code(err) & 0xff }

// isBusy reports whether another connection was in the way. SQLite then has done
// nothing, and the same call may work a moment later.
func isBusy(err error) bool {
	c := primary(err)
	return c == codeBusy || c == codeLocked
}

// isRefused reports whether a constraint kept a row out: its key or its Unique
// is taken, or its parent is missing or itself.
func isRefused(err error) bool {
	c := code(err)
	return c == codeUnique || c == codePrimaryKey || c == codeForeignKey || c == codeCheck
}

// explain turns an error of SQLite into one that a caller can act on.
func (s *Store) explain(err error) error {
	var sentinel error
	switch c := primary(err); {
	case c == codeBusy, c == codeLocked:
		sentinel = ErrBusy
	case c == codeReadOnly:
		sentinel = ErrReadOnly
	case c == codeCorrupt:
		sentinel = ErrCorrupt
	case c == codeFull, code(err) == codeShmSize:
		sentinel = ErrFull
	case c == codeTooBig:
		sentinel = store.ErrInvalid
	case c == codeNotADB:
		sentinel = ErrNotDatabase
	default:
		return fmt.Errorf("sqlite: %s: %w", s.path, err)
	}
	return fmt.Errorf("sqlite: %s: %w: %w", s.path, sentinel, err)
}
