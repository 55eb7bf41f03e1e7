package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// The benchmarks run the product and its floor in turns and report how many
// times the floor the product takes (x/floor, the median over the turns). ns/op
// is the product's time, floor-ns/op the floor's.

// turn is how many calls a goroutine makes before it is the other's turn.
const turn = 1000

func compare(b *testing.B, g int, floor, product func(i int)) {
	b.Helper()
	var ratios []float64
	var floorTime, productTime time.Duration
	calls := 0
	for b.Loop() {
		f := burst(g, calls, floor)
		p := burst(g, calls, product)
		floorTime, productTime, calls = floorTime+f, productTime+p, calls+g*turn
		ratios = append(ratios, float64(p)/float64(f))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x/floor")
	b.ReportMetric(float64(floorTime.Nanoseconds())/float64(calls), "floor-ns/op")
	b.ReportMetric(float64(productTime.Nanoseconds())/float64(calls), "ns/op")
}

// burst makes one turn in each of g goroutines and returns how long that took.
func burst(g, from int, call func(i int)) time.Duration {
	var wg sync.WaitGroup
	start := time.Now()
	for worker := range g {
		wg.Go(func() {
			for i := range turn {
				call(from + worker*turn + i)
			}
		})
	}
	wg.Wait()
	return time.Since(start)
}

// benchMemory returns a Memory with n rows, as connections are, and the rows in
// random order.
func benchMemory(b *testing.B, n, size int) (*Memory, []Row) {
	b.Helper()
	m, ctx := new(Memory), context.Background()
	parent, err := m.Put(ctx, Row{Key: Key{Kind: "integration", ID: "i"}, Unique: "key"})
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]Row, n)
	for i := range rows {
		row := Row{
			Key:    Key{Kind: "connection", ID: fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64())},
			Parent: parent.Key, Unique: JoinPath("i", fmt.Sprint("user-", i)),
			Labels: []string{"status=active", fmt.Sprint("tag:org=", i/10)},
			Due:    time.UnixMicro(1_800_000_000_000_000 + int64(i)),
			Data:   make([]byte, size),
		}
		if rows[i], err = m.Put(ctx, row); err != nil {
			b.Fatal(err)
		}
	}
	rand.Shuffle(n, func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return m, rows
}

// The floor of a Get is a look-up in a map under an RWMutex, and the copy that
// the contract asks for.
func BenchmarkMemoryGet(b *testing.B) {
	ctx := context.Background()
	for _, n := range []int{1000, 100_000} {
		m, rows := benchMemory(b, n, 1200)
		bare := make(map[Key]*Row, n)
		for i := range rows {
			bare[rows[i].Key] = &rows[i]
		}
		var mu sync.RWMutex
		floor := func(i int) {
			key := rows[(i+n/2)%n].Key
			mu.RLock()
			row := *bare[key]
			mu.RUnlock()
			if row.clone().Version != 1 {
				b.Error("wrong row")
			}
		}
		product := func(i int) {
			if _, err := m.Get(ctx, rows[i%n].Key); err != nil {
				b.Error(err)
			}
		}
		path := func(i int) {
			if _, err := m.GetPath(ctx, "integration", "key", "connection", rows[i%n].Unique[2:]); err != nil {
				b.Error(err)
			}
		}
		for _, g := range []int{1, 16} {
			b.Run(fmt.Sprintf("op=Get/rows=%d/g=%d", n, g), func(b *testing.B) { compare(b, g, floor, product) })
			b.Run(fmt.Sprintf("op=GetPath/rows=%d/g=%d", n, g), func(b *testing.B) { compare(b, g, floor, path) })
		}
	}
}

// A page costs the same wherever it is, in whatever order: the floor is the
// first page of a small table.
func BenchmarkMemoryList(b *testing.B) {
	const n = 500_000
	ctx := context.Background()
	small, _ := benchMemory(b, 1000, 100)
	m, rows := benchMemory(b, n, 100)
	list := func(m *Memory, q Query) func(int) {
		return func(int) {
			if page, err := m.List(ctx, q); err != nil || len(page.Rows) != 10 {
				b.Errorf("%d rows, %v", len(page.Rows), err)
			}
		}
	}
	ids := make([]string, n)
	for i := range rows {
		ids[i] = rows[i].ID
	}
	slices.Sort(ids)
	middle := Row{Key: Key{Kind: "connection", ID: ids[n/2]}}
	late := time.UnixMicro(1_800_000_000_000_000 + n)
	deep := func(q Query) Query {
		q.After = q.CursorAfter(Row{Key: middle.Key, Due: late.Add(-n / 2 * time.Microsecond)})
		return q
	}
	byID := Query{Kind: "connection", Limit: 10}
	byParent := Query{Kind: "connection", Limit: 10, Parent: Key{Kind: "integration", ID: "i"}}
	byDue := Query{Kind: "connection", Limit: 10, DueBefore: late}
	byLabels := Query{Kind: "connection", Limit: 10, Labels: []string{"status=active", "tag:org=77"}}
	for _, c := range []struct {
		name string
		q    Query
	}{
		{"first", byID},
		{"deep", deep(byID)},
		{"parent-deep", deep(byParent)},
		{"due-deep", deep(byDue)},
		{"rare-label", byLabels},
	} {
		b.Run(fmt.Sprintf("page=%s/rows=%d", c.name, n), func(b *testing.B) { compare(b, 1, list(small, byID), list(m, c.q)) })
	}
}

// What a Put costs beside the copies, on a table of a thousand rows and on a
// large one.
func BenchmarkMemoryPut(b *testing.B) {
	ctx := context.Background()
	put := func(m *Memory, rows []Row) func(int) {
		return func(i int) {
			row := &rows[i%len(rows)]
			row.Due = row.Due.Add(time.Hour)
			var err error
			if *row, err = m.Put(ctx, *row); err != nil {
				b.Error(err)
			}
		}
	}
	small, smallRows := benchMemory(b, 1000, 1200)
	large, largeRows := benchMemory(b, 200_000, 1200)
	b.Run("rows=200000/floor=rows=1000", func(b *testing.B) {
		compare(b, 1, put(small, smallRows), put(large, largeRows))
	})
}
