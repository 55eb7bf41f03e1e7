package storetest

import (
	"path/filepath"
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
)

// inFile is a target on SQLite. What survives a power cut is not the subject
// here, and waiting for the disk would only cost time.
func inFile() Target {
	return Target{
		New: func(t testing.TB) string { return filepath.Join(t.TempDir(), "rows.db") },
		Open: func(t testing.TB, addr string) store.Store {
			s, err := sqlite.Open(addr, sqlite.Options{Synchronous: sqlite.Normal})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s
		},
	}
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	Run(t, inFile())
}
