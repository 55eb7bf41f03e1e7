package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// The benchmarks run the product and its floor, the barest calls of pgx that do
// the same work, in turns on the same pool, and report how many times the floor
// the product takes (x/floor, the median over the turns). ns/op is the product's
// time, floor-ns/op the floor's.

// compare runs the two in turns of so many calls, in each of g goroutines.
func compare(b *testing.B, g, turn int, floor, product func(i int) error) {
	b.Helper()
	var ratios []float64
	var floorTime, productTime time.Duration
	calls := 0
	for b.Loop() {
		f := burst(b, g, turn, calls, floor)
		p := burst(b, g, turn, calls, product)
		floorTime, productTime, calls = floorTime+f, productTime+p, calls+g*turn
		ratios = append(ratios, float64(p)/float64(f))
	}
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "x/floor")
	b.ReportMetric(float64(floorTime.Nanoseconds())/float64(calls), "floor-ns/op")
	b.ReportMetric(float64(productTime.Nanoseconds())/float64(calls), "ns/op")
}

// burst makes one turn in each of g goroutines and returns how long that took.
func burst(b *testing.B, g, turn, from int, call func(i int) error) time.Duration {
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

func randomID() string {
	var raw [16]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}

// benchFill stores n rows of 1200 bytes, as connections are: below 20 parents,
// with a Unique, two labels and a Due. One statement of ours does it, as the
// Store itself would take minutes.
func benchFill(b *testing.B, s *Store, n int) []store.Row {
	b.Helper()
	ctx := context.Background()
	for i := range benchParents {
		put(b, s, store.Row{Key: store.Key{Kind: "integration", ID: fmt.Sprint(i)}, Unique: fmt.Sprint("key-", i)})
	}
	rows := make([]store.Row, n)
	ids := make([]string, n)
	for i := range rows {
		ids[i] = randomID()
		parent := fmt.Sprint(i % benchParents)
		rows[i] = store.Row{
			Key: store.Key{Kind: "connection", ID: ids[i]}, Version: 1, Parent: store.Key{Kind: "integration", ID: parent},
			Unique: store.JoinPath(parent, fmt.Sprint("user-", i)),
			Labels: []string{"status=active", fmt.Sprint("tag:org=", i/10)},
			Due:    time.UnixMicro(benchDue + int64(i)).UTC(), Data: make([]byte, 1200),
		}
	}
	_, err := s.pool.Exec(ctx, inSchema(s, `INSERT INTO @.record
			(kind, id, version, parent_kind, parent_id, unique_name, labels, due, write_id, data)
		SELECT 'connection', u.id, 1, 'integration', (u.n - 1) % $2, (u.n - 1) % $2 || '/user-' || u.n - 1,
			ARRAY['status=active', 'tag:org=' || (u.n - 1) / 10], $3 + u.n - 1, u.n, decode(repeat('a5', 1200), 'hex')
		FROM unnest($1::text[]) WITH ORDINALITY AS u (id, n)`), ids, int64(benchParents), int64(benchDue))
	if err == nil {
		_, err = s.pool.Exec(ctx, inSchema(s, `VACUUM ANALYZE @.record, @.record_label`))
	}
	if err != nil {
		b.Fatal(err)
	}
	return rows
}

const benchDue = 1_800_000_000_000_000

// BenchmarkGetPath reads a row by two names. Its floor is the same statement;
// x/lookup is against the look-up of one row by one name instead.
func BenchmarkGetPath(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		s := fresh(b, "")
		rows := benchFill(b, s, n)
		ctx := b.Context()
		step := 7919 // visits the rows in no order
		at := func(i int) *store.Row { return &rows[i*step%n] }
		bare := func(i int) error {
			row := at(i)
			var id, parent string
			var version, due int64
			var labels []string
			var data []byte
			return s.pool.QueryRow(ctx, s.sql.path, "integration", "key-"+row.Parent.ID, "connection", row.Unique[len(row.Parent.ID)+1:]).
				Scan(&id, &version, &parent, &labels, &due, &data)
		}
		text := inSchema(s, `SELECT version, data FROM @.record WHERE kind = $1 AND unique_name = $2`)
		lookup := func(i int) error {
			var version int64
			var data []byte
			return s.pool.QueryRow(ctx, text, "connection", at(i).Unique).Scan(&version, &data)
		}
		path := func(i int) error {
			row := at(i)
			_, err := s.GetPath(ctx, "integration", "key-"+row.Parent.ID, "connection", row.Unique[len(row.Parent.ID)+1:])
			return err
		}
		for _, g := range []int{1, 16} {
			b.Run(fmt.Sprintf("rows=%d/g=%d", n, g), func(b *testing.B) { compare(b, g, 64, bare, path) })
			b.Run(fmt.Sprintf("rows=%d/g=%d/floor=lookup", n, g), func(b *testing.B) { compare(b, g, 64, lookup, path) })
		}
	}
}

// BenchmarkDue lists a hundred rows that are due, the first and some in the
// middle. The floor is the same where there are a thousand rows: what is not due
// costs nothing. TIELINE_BENCH_ROWS adds a size.
func BenchmarkDue(b *testing.B) {
	sizes := []int{1000, 100_000}
	if more, err := strconv.Atoi(os.Getenv("TIELINE_BENCH_ROWS")); err == nil {
		sizes = append(sizes, more)
	}
	small := dueScan(b, 1000, false)
	for _, n := range sizes {
		for _, deep := range []bool{false, true} {
			list := dueScan(b, n, deep)
			b.Run(fmt.Sprintf("rows=%d/deep=%v", n, deep), func(b *testing.B) { compare(b, 1, 16, small, list) })
		}
	}
}

// dueScan fills a Store and returns the call.
func dueScan(b *testing.B, n int, deep bool) func(int) error {
	b.Helper()
	s := fresh(b, "")
	rows := benchFill(b, s, n)
	q := store.Query{Kind: "connection", DueBefore: rows[n-1].Due, Limit: 100}
	if deep {
		q.After = q.CursorAfter(rows[n/2])
	}
	return func(int) error {
		page, err := s.List(context.Background(), q)
		if err == nil && len(page.Rows) != 100 {
			err = fmt.Errorf("%d rows, want 100", len(page.Rows))
		}
		return err
	}
}

// BenchmarkPut writes the next version of a row. The floor is a bare UPDATE of
// the data of another one.
func BenchmarkPut(b *testing.B) {
	const n = 10_000
	s := fresh(b, "")
	rows := benchFill(b, s, n)
	ctx := b.Context()
	text := inSchema(s, `UPDATE @.record SET version = version + 1, data = $3 WHERE kind = $1 AND id = $2`)
	floor := func(i int) error {
		row := &rows[i%(n/2)]
		_, err := s.pool.Exec(ctx, text, string(row.Kind), row.ID, row.Data)
		return err
	}
	for _, g := range []int{1, 16} {
		for name, change := range map[string]func(*store.Row){
			"data": func(*store.Row) {},
			"due":  func(r *store.Row) { r.Due = r.Due.Add(time.Hour) },
		} {
			b.Run(fmt.Sprintf("change=%s/g=%d", name, g), func(b *testing.B) {
				compare(b, g, 64, floor, func(i int) error {
					row := &rows[n/2+i%(n/2)]
					change(row)
					next, err := s.Put(ctx, *row)
					if err == nil {
						row.Version = next.Version
					}
					return err
				})
			})
		}
	}
}

// BenchmarkList reads one page by each of the indexes, the first and some in the
// middle. The floor is the first page by ID.
func BenchmarkList(b *testing.B) {
	const n = 100_000
	s := fresh(b, "")
	rows := benchFill(b, s, n)
	slices.SortFunc(rows, func(a, b store.Row) int { return strings.Compare(a.ID, b.ID) })
	list := func(q store.Query) func(int) error {
		return func(int) error {
			page, err := s.List(context.Background(), q)
			if err == nil && len(page.Rows) == 0 {
				err = errors.New("an empty page")
			}
			return err
		}
	}
	byID := store.Query{Kind: "connection"}
	deep := byID.CursorAfter(rows[n/2])
	parent := store.Key{Kind: "integration", ID: "1"}
	for _, c := range []struct {
		name string
		q    store.Query
	}{
		{"id", store.Query{After: deep}},
		{"parent", store.Query{Parent: parent, After: deep}},
		{"label", store.Query{Labels: []string{"status=active"}, After: deep}},
		{"rare-label", store.Query{Labels: []string{"status=active", "tag:org=77"}}},
		{"parent+label", store.Query{Parent: parent, Labels: []string{"status=active"}, After: deep}},
		{"parent+rare-label", store.Query{Parent: store.Key{Kind: "integration", ID: "11"}, Labels: []string{"tag:org=77"}}},
	} {
		c.q.Kind = "connection"
		b.Run("by="+c.name, func(b *testing.B) { compare(b, 1, 16, list(byID), list(c.q)) })
	}
}
