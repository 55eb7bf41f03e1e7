package tieline

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
)

// makeDue moves the due time of the first n connections into the past.
func (w *benchWorld) makeDue(b *testing.B, n int, expired bool) {
	b.Helper()
	for _, id := range w.ids[:n] {
		row, err := w.client.core.namedRow(b.Context(), "bench", id)
		if err != nil {
			b.Fatal(err)
		}
		rec, err := record.ParseConnection(row.Data)
		if err != nil {
			b.Fatal(err)
		}
		s := &rec.State
		s.DueAt = time.Now().Add(-time.Minute)
		if expired {
			s.IssuedAt, s.ExpiresAt = s.DueAt.Add(-time.Hour), s.DueAt
		}
		if _, err := w.client.core.store.Put(b.Context(), connectionRow(row, rec)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchStore(b *testing.B, kind string, mode sqlite.Synchronous) store.Store {
	b.Helper()
	if kind == "memory" {
		return &store.Memory{}
	}
	db, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"), sqlite.Options{Synchronous: mode})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	return db
}

// BenchmarkDueScan looks for what is due, of which there are a hundred among ever
// more that are not. It takes turns between the sizes, and reports how many times
// as long it takes as with a thousand.
func BenchmarkDueScan(b *testing.B) {
	sizes := []int{1_000, 100_000, 1_000_000}
	for _, kind := range []string{"memory", "sqlite"} {
		b.Run("store="+kind, func(b *testing.B) {
			worlds := make([]*benchWorld, len(sizes))
			for i, rows := range sizes {
				worlds[i] = newBenchWorld(b, benchStore(b, kind, sqlite.Normal), rows)
				worlds[i].makeDue(b, 100, false)
			}
			times := make([]time.Duration, len(sizes))
			for b.Loop() {
				for i, w := range worlds {
					start := time.Now()
					page, err := w.client.core.store.List(b.Context(), store.Query{Kind: kindConnection, DueBefore: time.Now(), Limit: 1000})
					if err != nil || len(page.Rows) != 100 {
						b.Fatal(len(page.Rows), err)
					}
					times[i] += time.Since(start)
				}
			}
			for i, rows := range sizes[1:] {
				b.ReportMetric(float64(times[i+1])/float64(times[0]), fmt.Sprintf("x/1k(%d)", rows))
			}
		})
	}
}

// timed notes how long exchanges take.
type timed struct {
	base      http.RoundTripper
	exchanges atomic.Int64
	last      atomic.Int64 // nanoseconds
}

func (tr *timed) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	defer func() { tr.last.Store(int64(time.Since(start))) }()
	tr.exchanges.Add(1)
	time.Sleep(20 * time.Millisecond) // as far as a provider is away
	return tr.base.RoundTrip(req)
}

// BenchmarkHerd lets a thousand goroutines ask for one connection whose token has
// expired. It reports the 99th percentile of how long they wait, and that as a
// multiple of the exchange itself. There has to be one exchange.
func BenchmarkHerd(b *testing.B) {
	const callers = 1000
	for _, kind := range []string{"memory", "sqlite"} {
		b.Run("store="+kind, func(b *testing.B) {
			w := newBenchWorld(b, benchStore(b, kind, sqlite.Full), 1)
			tr := &timed{base: w.client.core.tokenHTTP}
			w.client.core.tokenHTTP = tr
			var p99, exchange time.Duration
			for b.Loop() {
				w.makeDue(b, 1, true)
				before := tr.exchanges.Load()
				waits := make([]time.Duration, callers)
				start := make(chan struct{})
				var wg sync.WaitGroup
				for i := range waits {
					wg.Go(func() {
						<-start
						began := time.Now()
						if _, err := w.client.Connections.Credential(b.Context(), "bench", w.ids[0]); err != nil {
							b.Error(err)
						}
						waits[i] = time.Since(began)
					})
				}
				close(start)
				wg.Wait()
				w.settled(b)
				if n := tr.exchanges.Load() - before; n != 1 {
					b.Fatalf("%d exchanges", n)
				}
				slices.Sort(waits)
				p99 += waits[callers*99/100]
				exchange += time.Duration(tr.last.Load())
			}
			b.ReportMetric(float64(p99)/float64(exchange), "p99/exchange")
			b.ReportMetric(float64(p99.Microseconds())/1000/float64(b.N), "p99-ms")
			b.ReportMetric(float64((p99-exchange).Microseconds())/1000/float64(b.N), "p99-over-ms")
		})
	}
}

// settled waits until the new token is saved.
func (w *benchWorld) settled(b *testing.B) {
	b.Helper()
	for w.client.Health().Refreshing > 0 {
		time.Sleep(time.Millisecond)
	}
}
