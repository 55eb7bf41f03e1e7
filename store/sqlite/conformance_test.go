package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
	"github.com/tieline/tieline/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, target(sqlite.Options{}))
}

// With a single connection in each pool, a call that holds one while it waits
// for another never ends.
func TestStoreOneConnection(t *testing.T) {
	t.Parallel()
	storetest.Run(t, target(sqlite.Options{MaxReaders: 1}))
}

func target(opts sqlite.Options) storetest.Target {
	return storetest.Target{
		New: func(t testing.TB) string { return filepath.Join(t.TempDir(), "tieline.db") },
		Open: func(t testing.TB, addr string) store.Store {
			s, err := sqlite.Open(addr, opts)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			return s
		},
	}
}
