package tieline

import (
	"bytes"
	"compress/gzip"
	"hash/crc32"
	"io"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
)

// block is what transfers are made of, again and again. It is of no even length, so
// that a part that comes twice or not at all changes the checksum.
const block = 1<<20 - 7

// generated is so many bytes that nobody keeps.
type generated struct {
	block []byte
	left  int64
	at    int
}

func (g *generated) Read(p []byte) (int, error) {
	if g.left == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(int64(len(p)), g.left)], g.block[g.at:])
	g.at = (g.at + n) % len(g.block)
	g.left -= int64(n)
	return n, nil
}

// tallied counts what it is given, and keeps the largest heap that it saw meanwhile.
type tallied struct {
	n, next int64
	sum     uint32
	heap    uint64 // bytes
	sample  [1]metrics.Sample
}

func (c *tallied) Write(p []byte) (int, error) {
	c.sum = crc32.Update(c.sum, crc32.IEEETable, p)
	if c.n += int64(len(p)); c.n >= c.next {
		c.next += 4 << 20
		c.sample[0].Name = "/memory/classes/heap/objects:bytes"
		metrics.Read(c.sample[:])
		c.heap = max(c.heap, c.sample[0].Value.Uint64())
	}
	return len(p), nil
}

// drained reads everything, through a buffer as small as io.Copy's.
func drained(from io.Reader) (tallied, error) {
	var c tallied
	_, err := io.CopyBuffer(struct{ io.Writer }{&c}, struct{ io.Reader }{from}, make([]byte, 32<<10))
	return c, err
}

// transfers is an API that sends and takes any number of bytes: GET /plain?n= and
// /gzip?n=, and PUT /, which answers how many came and their checksum.
type transfers struct {
	t      testing.TB
	block  []byte
	zipped []byte // a gzip member that is one block
}

func newTransfers(t testing.TB) *transfers {
	t.Helper()
	api := &transfers{t: t, block: make([]byte, block)}
	for i := range api.block {
		api.block[i] = byte(i * i >> 8)
	}
	var b bytes.Buffer
	zip := gzip.NewWriter(&b)
	if _, err := zip.Write(api.block); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	api.zipped = b.Bytes()
	return api
}

// ServeHTTP implements [http.Handler].
func (a *transfers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.ParseInt(r.URL.Query().Get("n"), 10, 64)
	switch {
	case r.Method == http.MethodPut:
		got, err := drained(r.Body)
		if err != nil {
			a.t.Error(err)
		}
		_, _ = io.WriteString(w, got.String())
	case r.URL.Path == "/gzip" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
		w.Header().Set("Content-Encoding", "gzip")
		for range n / block {
			_, _ = w.Write(a.zipped)
		}
	default:
		w.Header().Set("Content-Length", strconv.FormatInt(n, 10))
		_, _ = io.Copy(w, &generated{block: a.block, left: n})
	}
}

func (c *tallied) String() string {
	return strconv.FormatInt(c.n, 10) + " " + strconv.FormatUint(uint64(c.sum), 16)
}

// want is what a transfer of n bytes has to come to.
func (a *transfers) want(n int64) string {
	got, err := drained(&generated{block: a.block, left: n})
	if err != nil {
		a.t.Fatal(err)
	}
	return got.String()
}

// transfer makes one of n bytes: "plain" or "gzip" down, "known" or "unknown" length
// up. It returns what came where, and the largest heap.
func (a *transfers) transfer(client *http.Client, base, kind string, n int64) (got string, heap uint64) {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, base+"/"+kind+"?n="+strconv.FormatInt(n, 10), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	var up tallied
	if kind == "known" || kind == "unknown" {
		req.Method, req.Body = http.MethodPut, io.NopCloser(io.TeeReader(&generated{block: a.block, left: n}, &up))
		if req.ContentLength = n; kind == "unknown" {
			req.ContentLength = -1
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	if req.Method == http.MethodPut {
		said, err := io.ReadAll(resp.Body)
		if err != nil {
			a.t.Fatal(err)
		}
		return string(said), up.heap
	}
	down, err := drained(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return down.String(), down.heap
}

// allocated is how many bytes were allocated, by anybody, while f ran.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// A transfer takes no more memory for being large. What is counted is the client's and
// the server's together, so it runs alone.
func TestTransferAllocations(t *testing.T) {
	const n, bound = 64 * block, 1 << 20
	api := newTransfers(t)
	want := api.want(n)
	client := servedWorld(t, api.ServeHTTP)
	api.transfer(client, "", "plain", 1) // reads the connection's row
	for _, kind := range []string{"plain", "gzip", "known", "unknown"} {
		t.Run(kind, func(t *testing.T) {
			var got string
			bytes := allocated(func() { got, _ = api.transfer(client, "", kind, n) })
			if got != want {
				t.Errorf("came as %q, want %q", got, want)
			}
			if bytes > bound {
				t.Errorf("%d bytes were allocated for %d", bytes, int64(n))
			}
			t.Logf("%d bytes were allocated for %d", bytes, int64(n))
		})
	}
}

// BenchmarkTransfer moves 1 GiB through a connection's client. The floor is a bare
// http.Client. "alloc-B/transfer" and "alloc-B/MiB" are what the client and the server
// allocate together, and "peak-heap-MiB" is the largest heap during a transfer.
func BenchmarkTransfer(b *testing.B) {
	const n = 1024 * block
	api := newTransfers(b)
	client := servedWorld(b, api.ServeHTTP)
	resp, err := client.Get("/plain?n=0")
	if err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
	base := "http://" + resp.Request.URL.Host
	bare := &http.Client{Transport: &http.Transport{}}
	b.Cleanup(bare.CloseIdleConnections)
	for _, kind := range []string{"plain", "gzip", "known", "unknown"} {
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(n)
			var bytes, peak uint64
			inTurns(b, 1, 1, func(int) { api.transfer(bare, base, kind, n) }, func(int) {
				bytes += allocated(func() {
					_, heap := api.transfer(client, "", kind, n)
					peak = max(peak, heap)
				})
			})
			perTransfer := float64(bytes) / float64(b.N)
			b.ReportMetric(perTransfer, "alloc-B/transfer")
			b.ReportMetric(perTransfer/(n/(1<<20)), "alloc-B/MiB")
			b.ReportMetric(float64(peak)/(1<<20), "peak-heap-MiB")
		})
	}
}
