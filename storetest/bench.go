package storetest

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// Bench measures the calls that Tieline makes most, with 1,000 and with
// 100,000 rows of a kilobyte stored, and with 1 and with 16 goroutines
// (-short leaves out the 100,000):
//
//   - Get, of a row by its key, and GetPath, of a row by names.
//   - Put, of the next version of a row; each goroutine has its own rows.
//   - List, of the 100 rows that are due.
//
// Filling the database is not measured, but takes its time where a write waits
// for the disk.
func Bench(b *testing.B, target Target) {
	target.validate(b)
	for _, rows := range []int{1_000, 100_000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			if rows > 1_000 && testing.Short() {
				b.Skip("filling the database takes long, and -short is set")
			}
			s := target.Open(b, target.New(b))
			keys := benchFill(b, s, rows)
			for _, op := range benchOps(s, keys) {
				for _, goroutines := range []int{1, 16} {
					b.Run(fmt.Sprintf("%s/goroutines=%d", op.name, goroutines), func(b *testing.B) {
						benchRun(b, goroutines, op.start)
					})
				}
			}
		})
	}
}

// benchOp is a call to measure. start prepares goroutine g of n, unmeasured,
// and returns the call for it to repeat.
type benchOp struct {
	name  string
	start func(b *testing.B, g, n int) func(i int) error
}

const benchParent = "integration"

func benchOps(s store.Store, keys []store.Key) []benchOp {
	ctx := context.Background()
	at := func(g, i int) store.Key { return keys[(uint64(g)*7919+uint64(i)*104_729)%uint64(len(keys))] }
	return []benchOp{
		{"Get", func(_ *testing.B, g, _ int) func(int) error {
			return func(i int) error {
				_, err := s.Get(ctx, at(g, i))
				return err
			}
		}},
		{"GetPath", func(_ *testing.B, g, _ int) func(int) error {
			return func(i int) error {
				_, err := store.GetPath(ctx, s, folder, benchParent, item, at(g, i).ID)
				return err
			}
		}},
		{"Put", func(b *testing.B, g, n int) func(int) error {
			var mine []store.Row
			for i := g; i < len(keys) && len(mine) < 16; i += n {
				row, err := s.Get(ctx, keys[i])
				if err != nil {
					b.Error(err)
				}
				mine = append(mine, row)
			}
			return func(i int) (err error) {
				row := &mine[i%len(mine)]
				*row, err = s.Put(ctx, *row)
				return err
			}
		}},
		{"List", func(*testing.B, int, int) func(int) error {
			q := store.Query{Kind: item, DueBefore: noon(), Limit: benchDue}
			return func(int) error {
				page, err := s.List(ctx, q)
				if err == nil && len(page.Rows) != benchDue {
					err = fmt.Errorf("%d rows are due, want %d", len(page.Rows), benchDue)
				}
				return err
			}
		}},
	}
}

// benchRun shares b.N calls among goroutines.
func benchRun(b *testing.B, goroutines int, start func(b *testing.B, g, n int) func(int) error) {
	calls := make([]func(int) error, goroutines)
	for g := range calls {
		calls[g] = start(b, g, goroutines)
	}
	if b.Failed() {
		return
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for g, call := range calls {
		wg.Go(func() {
			for i := range (b.N + g) / goroutines { // together b.N
				if err := call(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// benchDue is how many rows are due.
const benchDue = 100

// benchFill stores one parent with n rows below it, some of them due, and
// returns the keys.
func benchFill(b *testing.B, s store.Store, n int) []store.Key {
	b.Helper()
	ctx := context.Background()
	parent, err := s.Put(ctx, store.Row{Key: folderKey("parent"), Unique: benchParent})
	if err != nil {
		b.Fatal(err)
	}
	keys := make([]store.Key, n)
	const writers = 16
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := w; i < n; i += writers {
				row := benchRow(parent.ID, i, i%(n/benchDue) == 0)
				keys[i] = row.Key
				if _, err := s.Put(ctx, row); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return keys
}

func benchRow(parent string, i int, isDue bool) store.Row {
	id := fmt.Sprintf("%08x-%d", uint32(i)*2_654_435_761, i) // in no order
	due := noon().Add(time.Hour)
	if isDue {
		due = noon().Add(-time.Duration(i+1) * time.Millisecond)
	}
	return store.Row{
		Key: itemKey(id), Parent: folderKey(parent), Unique: store.JoinPath(parent, id),
		Labels: []string{"status=active", "tag:group=" + strconv.Itoa(i%10)}, Due: due, Data: make([]byte, 1024),
	}
}
