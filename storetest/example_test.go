package storetest_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
	"github.com/tieline/tieline/storetest"
)

// TestStore would be the whole test file of the Store in package sqlite, but
// for its name: a variable here, a function there.
func Example() {
	var TestStore = func(t *testing.T) {
		storetest.Run(t, storetest.Target{
			New: func(t testing.TB) string {
				return filepath.Join(t.TempDir(), "rows.db")
			},
			Open: func(t testing.TB, addr string) store.Store {
				s, err := sqlite.Open(addr, sqlite.Options{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			},
		})
	}
	_ = TestStore
}

// ExampleRules prints the names of the subtests. Behind the colon each has the
// sentence of the contract that it checks.
func ExampleRules() {
	for _, rule := range storetest.Rules() {
		name, _, _ := strings.Cut(rule, ":")
		fmt.Println(name)
	}
	// Output:
	// RoundTrip
	// Times
	// BigData
	// OddKeys
	// NoAlias
	// NotFound
	// Invalid
	// Precedence
	// ErrorsChangeNothing
	// Closed
	// Versions
	// CompareAndSwap
	// CASContention
	// CreateOnce
	// DeleteOnce
	// TornReads
	// ReadLatest
	// Unique
	// UniqueRace
	// Parent
	// Cascade
	// CascadeRace
	// NoOrphans
	// Pages
	// PagesUnderChange
	// Limits
	// Cursors
	// Labels
	// Due
	// Filters
	// GetPath
	// Canceled
	// CancelMidway
	// Lease
	// Model
	// Reopen
	// Processes
	// KillNine
}
