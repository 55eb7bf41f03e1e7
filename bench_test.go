package tieline

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
	"golang.org/x/oauth2"
)

// The benchmarks print "x/floor": their time divided by that of the least that
// could do the work, measured in the same run and in turns with it, so that a
// busy machine slows both. Run them with
//
//	go test -run '^$' -bench . -benchmem .

// benchWorld is a Client over a store with many connections.
type benchWorld struct {
	client *Client
	ids    []string
	tokens *httptest.Server
}

const benchProvider = `
bench:
  display_name: Bench
  auth_mode: OAUTH2
  docs: https://example.com
  authorization_url: URL/authorize
  token_url: URL/token
  refresh: {grant: refresh_token, rotation: none}
  proxy: {base_url: URL/api}
`

// rawAnswer is as long as a real one: about 900 bytes.
var rawAnswer = `{"token_type":"bearer","scope":"read write","id_token":"` + strings.Repeat("x", 750) + `"}`

func newBenchWorld(b *testing.B, s store.Store, rows int) *benchWorld {
	b.Helper()
	// A heap as large as a real process has, so that the collector runs as
	// often as it does there and not after every four megabytes.
	ballast := make([]byte, 64<<20)
	b.Cleanup(func() { runtime.KeepAlive(ballast) })
	w := &benchWorld{tokens: httptest.NewServer(http.HandlerFunc(answerToken))}
	b.Cleanup(w.tokens.Close)
	catalog, _ := LoadCatalog(CatalogFile{Name: "bench.yaml", Data: []byte(strings.ReplaceAll(benchProvider, "URL", w.tokens.URL))})
	client, err := New(Config{
		Store: s, Keys: testKeys(b), Providers: catalog,
		Outbound: Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = client.Close(context.Background()) })
	w.client = client
	if _, err := client.Integrations.Create(b.Context(), Integration{Key: "bench", Provider: "bench", App: app("id")}); err != nil {
		b.Fatal(err)
	}
	w.fill(b, rows)
	return w
}

// fill stores rows as an import does, without looking first whether they exist.
func (w *benchWorld) fill(b *testing.B, rows int) {
	b.Helper()
	c := w.client.core
	i, err := c.integration(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	for n := range rows {
		id := fmt.Sprintf("user-%08x", n)
		d, err := c.draft(b.Context(), i, id, ConnectionInput{Config: map[string]string{}})
		if err != nil {
			b.Fatal(err)
		}
		s, err := c.newRow(d)
		if err == nil {
			err = c.fill(&s, d, &private{cred: &OAuth2Token{
				AccessToken: NewSecret("access-" + id), RefreshToken: NewSecret("refresh-" + id),
				ExpiresAt: c.now().Add(24 * time.Hour), Raw: NewSecret(rawAnswer),
			}}, Grant{IssuedAt: c.now()})
		}
		if err == nil {
			_, err = c.store.Put(b.Context(), s.row)
		}
		if err != nil {
			b.Fatal(err)
		}
		w.ids = append(w.ids, id)
	}
}

func answerToken(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint("a", rand.Uint64()), "refresh_token": "r", "expires_in": 3600, "pad": rawAnswer})
}

// inTurns runs floor and product in turns of so many calls, in g goroutines, and
// reports the ratio of their times.
func inTurns(b *testing.B, g, turn int, floor, product func(n int)) {
	b.Helper()
	var floorTime, productTime time.Duration
	run := func(n int, f func(int)) time.Duration {
		start := time.Now()
		var wg sync.WaitGroup
		for range g {
			wg.Go(func() {
				for i := range max(1, n/g) {
					f(i)
				}
			})
		}
		wg.Wait()
		return time.Since(start)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		n := min(turn, b.N-done)
		productTime += run(n, product)
		b.StopTimer()
		floorTime += run(n, floor)
		b.StartTimer()
	}
	b.ReportMetric(float64(productTime)/float64(floorTime), "x/floor")
	b.ReportMetric(float64(floorTime)/float64(b.N), "floor-ns/op")
	b.ReportMetric(float64(productTime-floorTime)/float64(b.N), "overhead-ns/op")
}

// BenchmarkCredential gets a fresh credential. The floor is the same without a
// library around it: one look-up of the row, one decryption of its sealed bytes
// with a cipher at hand, one look at the clock.
func BenchmarkCredential(b *testing.B) {
	for _, rows := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("store=memory/rows=%d", rows), func(b *testing.B) {
			w := newBenchWorld(b, &store.Memory{}, rows)
			floor := w.memoryFloor(b)
			for _, g := range []int{1, 16} {
				b.Run(fmt.Sprintf("g=%d", g), func(b *testing.B) { inTurns(b, g, 1024, floor, w.getCredential(b)) })
			}
		})
		b.Run(fmt.Sprintf("store=sqlite/rows=%d", rows), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "bench.db")
			build, err := sqlite.Open(path, sqlite.Options{Synchronous: sqlite.Normal})
			if err != nil {
				b.Fatal(err)
			}
			w := newBenchWorld(b, build, rows)
			if err := build.Close(); err != nil {
				b.Fatal(err)
			}
			db, err := sqlite.Open(path, sqlite.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			w.client.core.store = db
			floor := w.sqliteFloor(b, path)
			for _, g := range []int{1, 16} {
				b.Run(fmt.Sprintf("g=%d", g), func(b *testing.B) { inTurns(b, g, 1024, floor, w.getCredential(b)) })
			}
		})
	}
}

func (w *benchWorld) getCredential(b *testing.B) func(int) {
	return func(int) {
		if _, err := w.client.Connections.Credential(b.Context(), "bench", w.ids[rand.IntN(len(w.ids))]); err != nil {
			b.Error(err)
		}
	}
}

// memoryFloor is a map of sealed bytes.
func (w *benchWorld) memoryFloor(b *testing.B) func(int) {
	type entry struct {
		sealed  []byte
		rowID   string
		expires time.Time
	}
	type name struct{ integration, id string }
	ring, err := seal.New([][]byte{[]byte(strings.Repeat("k", seal.KeySize))}, nil)
	if err != nil {
		b.Fatal(err)
	}
	entries := make(map[name]entry, len(w.ids))
	for _, id := range w.ids {
		rowID := "row-" + id
		sealed, err := ring.Seal(make([]byte, 1000), seal.Binding{Purpose: purposeCredential, RowID: rowID, Generation: 1})
		if err != nil {
			b.Fatal(err)
		}
		entries[name{"bench", id}] = entry{sealed, rowID, time.Now().Add(time.Hour)}
	}
	var mu sync.RWMutex
	return func(int) {
		mu.RLock()
		e := entries[name{"bench", w.ids[rand.IntN(len(w.ids))]}]
		mu.RUnlock()
		if _, err := ring.Open(nil, e.sealed, seal.Binding{Purpose: purposeCredential, RowID: e.rowID, Generation: 1}); err != nil || time.Now().After(e.expires) {
			b.Error("floor")
		}
	}
}

// sqliteFloor is a bare look-up of one row in the same file by its unique name.
func (w *benchWorld) sqliteFloor(b *testing.B, path string) func(int) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)&_pragma=query_only(1)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(runtime.NumCPU())
	db.SetMaxIdleConns(runtime.NumCPU())
	stmt, err := db.Prepare(`SELECT version, data FROM record WHERE kind = 'connection' AND unique_name = ?`)
	if err != nil {
		b.Fatal(err)
	}
	parent, err := w.client.core.integration(b.Context(), "bench")
	if err != nil {
		b.Fatal(err)
	}
	return func(int) {
		var version int64
		var data []byte
		if err := stmt.QueryRow(store.JoinPath(parent.row.ID, w.ids[rand.IntN(len(w.ids))])).Scan(&version, &data); err != nil {
			b.Error(err)
		}
	}
}

// BenchmarkRefresh makes a whole refresh. Its floor is what the protocol cannot do
// without, done bare: a durable update, a POST to the token endpoint on a new
// connection, and a second durable update.
func BenchmarkRefresh(b *testing.B) {
	for _, kind := range []string{"memory", "sqlite"} {
		for _, g := range []int{1, 16} {
			b.Run(fmt.Sprintf("store=%s/g=%d", kind, g), func(b *testing.B) {
				var s store.Store = &store.Memory{}
				path := filepath.Join(b.TempDir(), "bench.db")
				if kind == "sqlite" {
					db, err := sqlite.Open(path, sqlite.Options{})
					if err != nil {
						b.Fatal(err)
					}
					defer db.Close()
					s = db
				}
				w := newBenchWorld(b, s, 256)
				inTurns(b, g, 32, w.refreshFloor(b), func(int) {
					if _, err := w.client.Connections.Refresh(b.Context(), "bench", w.ids[rand.IntN(len(w.ids))], nil); err != nil {
						b.Error(err)
					}
				})
			})
		}
	}
}

// refreshFloor works on rows of its own, through the same Store and the same
// transport. What the refresh reads, it knows.
func (w *benchWorld) refreshFloor(b *testing.B) func(int) {
	type slot struct {
		sync.Mutex
		row store.Row
	}
	c := w.client.core
	slots := make([]slot, 256)
	put := func(s *slot) {
		row, err := c.store.Put(b.Context(), s.row)
		if err != nil {
			b.Error(err)
			return
		}
		s.row.Version = row.Version
	}
	for i := range slots {
		slots[i].row = store.Row{Key: store.Key{Kind: "floor", ID: fmt.Sprint(i)}, Data: make([]byte, 1300)}
		put(&slots[i])
	}
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"r"}}.Encode()
	return func(int) {
		s := &slots[rand.IntN(len(slots))]
		s.Lock()
		defer s.Unlock()
		put(s)
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, w.tokens.URL+"/token", strings.NewReader(form))
		if err != nil {
			b.Error(err)
			return
		}
		resp, err := c.tokenHTTP.RoundTrip(req)
		if err != nil {
			b.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		put(s)
	}
}

// BenchmarkTokenSource is a live handle with a token that is still good, beside
// the one of x/oauth2.
func BenchmarkTokenSource(b *testing.B) {
	w := newBenchWorld(b, &store.Memory{}, 1)
	source := w.client.Connections.TokenSource("bench", w.ids[0])
	token, err := source.Token()
	if err != nil {
		b.Fatal(err)
	}
	reference := oauth2.ReuseTokenSource(token, nil)
	for _, g := range []int{1, 16} {
		b.Run(fmt.Sprintf("g=%d", g), func(b *testing.B) {
			inTurns(b, g, 1<<16,
				func(int) { _, _ = reference.Token() },
				func(int) { _, _ = source.Token() })
		})
	}
}
