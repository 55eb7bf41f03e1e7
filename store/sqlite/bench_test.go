package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// The benchmarks run the product and its floor, the barest statement that does
// the same work, in turns on the same file, and report how many times the floor
// the product takes (x/floor, the median over the turns). ns/op is the
// product's time, floor-ns/op the floor's.

// turn is how many calls a goroutine makes before it is the other's turn.
const turn = 64

// compare runs the two in turns, in each of g goroutines.
func compare(b *testing.B, g int, floor, product func(i int) error) {
	b.Helper()
	var ratios []float64
	var floorTime, productTime time.Duration
	calls := 0
	for b.Loop() {
		f := burst(b, g, calls, floor)
		p := burst(b, g, calls, product)
		floorTime, productTime, calls = floorTime+f, productTime+p, calls+g*turn
		ratios = append(ratios, float64(p)/float64(f))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x/floor")
	b.ReportMetric(float64(floorTime.Nanoseconds())/float64(calls), "floor-ns/op")
	b.ReportMetric(float64(productTime.Nanoseconds())/float64(calls), "ns/op")
}

// burst makes one turn in each of g goroutines and returns how long that took.
func burst(b *testing.B, g, from int, call func(i int) error) time.Duration {
	b.Helper()
	var wg sync.WaitGroup
	start := time.Now()
	for worker := range g {
		wg.Go(func() {
			for i := range turn {
				if err := call(from + worker*turn + i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

const benchParents = 20

// benchStore returns a Store with n rows of 1200 bytes, as connections are:
// below 20 parents, with a Unique, two labels and a Due.
func benchStore(b *testing.B, n int) (*Store, []store.Row) {
	b.Helper()
	ctx := context.Background()
	path := filepath.Join(b.TempDir(), "bench.db")
	s, err := Open(path, Options{Synchronous: Normal})
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchParents {
		if _, err := s.Put(ctx, store.Row{Key: store.Key{Kind: "integration", ID: fmt.Sprint(i)}, Unique: fmt.Sprint("key-", i)}); err != nil {
			b.Fatal(err)
		}
	}
	rows := make([]store.Row, n)
	for i := range rows {
		row := store.Row{
			Key:    store.Key{Kind: "connection", ID: randomID()},
			Parent: store.Key{Kind: "integration", ID: fmt.Sprint(i % benchParents)},
			Unique: store.JoinPath(fmt.Sprint(i%benchParents), fmt.Sprint("user-", i)),
			Labels: []string{"status=active", fmt.Sprint("tag:org=", i/10)},
			Due:    time.UnixMicro(1_800_000_000_000_000 + int64(i)),
			Data:   make([]byte, 1200),
		}
		rand.Read(row.Data)
		if rows[i], err = s.Put(ctx, row); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	if s, err = Open(path, Options{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	mathrand.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return s, rows
}

func randomID() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		s, rows := benchStore(b, n)
		ctx := context.Background()
		bare, err := s.readers.Prepare(`SELECT data FROM record WHERE kind = ? AND id = ?`)
		if err != nil {
			b.Fatal(err)
		}
		floor := func(i int) error {
			// Half the rows away from the product: neither finds the pages that
			// the other has just read.
			row, data := &rows[(i+n/2)%n], []byte(nil)
			return bare.QueryRow(string(row.Kind), row.ID).Scan(&data)
		}
		get := func(i int) error {
			_, err := s.Get(ctx, rows[i%n].Key)
			return err
		}
		path := func(i int) error {
			row := &rows[i%n]
			_, err := s.GetPath(ctx, row.Parent.Kind, "key-"+row.Parent.ID, row.Kind, row.Unique[len(row.Parent.ID)+1:])
			return err
		}
		for _, g := range []int{1, 16} {
			b.Run(fmt.Sprintf("op=Get/rows=%d/g=%d", n, g), func(b *testing.B) { compare(b, g, floor, get) })
			b.Run(fmt.Sprintf("op=GetPath/rows=%d/g=%d", n, g), func(b *testing.B) { compare(b, g, floor, path) })
		}
	}
}

func BenchmarkPut(b *testing.B) {
	const n = 10_000
	s, rows := benchStore(b, n)
	ctx := context.Background()
	bare, err := s.writer.Prepare(`UPDATE record SET version = version + 1, data = ? WHERE kind = ? AND id = ?`)
	if err != nil {
		b.Fatal(err)
	}
	for _, g := range []int{1, 16} {
		// The floor writes one half of the rows and the product the other,
		// each goroutine rows of its own.
		floor := func(i int) error {
			row := &rows[i%(n/2)]
			_, err := bare.Exec(row.Data, string(row.Kind), row.ID)
			return err
		}
		put := func(change func(*store.Row)) func(int) error {
			return func(i int) error {
				row := &rows[n/2+i%(n/2)]
				change(row)
				next, err := s.Put(ctx, *row)
				if err == nil {
					row.Version = next.Version
				}
				return err
			}
		}
		same := put(func(*store.Row) {})
		due := put(func(r *store.Row) { r.Due = r.Due.Add(time.Hour) })
		label := put(func(r *store.Row) {
			r.Labels = []string{fmt.Sprint("status=", r.Version%2), r.Labels[1]}
		})
		b.Run(fmt.Sprintf("change=data/g=%d", g), func(b *testing.B) { compare(b, g, floor, same) })
		b.Run(fmt.Sprintf("change=due/g=%d", g), func(b *testing.B) { compare(b, g, floor, due) })
		b.Run(fmt.Sprintf("change=labels/g=%d", g), func(b *testing.B) { compare(b, g, floor, label) })
	}
}

// A page costs the same wherever it is: the floor is the first one.
func BenchmarkList(b *testing.B) {
	const n = 100_000
	s, rows := benchStore(b, n)
	ctx := context.Background()
	slices.SortFunc(rows, func(a, b store.Row) int { return strings.Compare(a.ID, b.ID) })
	list := func(q store.Query) func(int) error {
		return func(int) error {
			page, err := s.List(ctx, q)
			if err == nil && len(page.Rows) == 0 {
				err = errors.New("an empty page")
			}
			return err
		}
	}
	late := time.UnixMicro(1_800_000_000_000_000 + n)
	deep := func(q store.Query) store.Query {
		q.After = q.CursorAfter(store.Row{Key: rows[n/2].Key, Due: late.Add(-n / 2 * time.Microsecond)})
		return q
	}
	byID := store.Query{Kind: "connection"}
	byParent := store.Query{Kind: "connection", Parent: store.Key{Kind: "integration", ID: "1"}}
	byDue := store.Query{Kind: "connection", DueBefore: late}
	byLabel := store.Query{Kind: "connection", Labels: []string{"status=active"}}
	rare := store.Query{Kind: "connection", Labels: []string{"status=active", "tag:org=77"}}
	for _, c := range []struct {
		name  string
		first store.Query
		q     store.Query
	}{
		{"id", byID, deep(byID)},
		{"parent", byParent, deep(byParent)},
		{"due", byDue, deep(byDue)},
		{"label", byLabel, deep(byLabel)},
		{"rare-label-vs-page-by-id", byID, rare},
	} {
		b.Run("deep="+c.name, func(b *testing.B) { compare(b, 1, list(c.first), list(c.q)) })
	}
}
