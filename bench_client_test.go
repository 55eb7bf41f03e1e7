package tieline

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// nowhere answers every request at once and without a network.
type nowhere struct{ header http.Header }

func (n nowhere) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: n.header, Body: http.NoBody, Request: r,
	}, nil
}

// BenchmarkClient makes a request as a connection. The floor is a bare http.Client
// with the token pasted in. Both end in memory, so that what is left is what the
// client costs: "overhead-ns/op", and the allocations beyond "floor-allocs/op".
func BenchmarkClient(b *testing.B) {
	w := newBenchWorld(b, &store.Memory{}, 1)
	api := nowhere{http.Header{"Content-Type": {"application/json"}}}
	w.client.core.apiHTTP = api
	bare := &http.Client{Transport: api}
	client := w.client.Connections.HTTPClient("bench", w.ids[0])
	token, err := w.client.Connections.TokenSource("bench", w.ids[0]).Token()
	if err != nil {
		b.Fatal(err)
	}
	base := w.tokens.URL + "/api"
	for name, to := range map[string]struct{ bare, client string }{
		"absolute": {base + "/users/me?x=1", base + "/users/me?x=1"},
		"relative": {base + "/users/me?x=1", "/users/me?x=1"},
	} {
		b.Run("url="+name, func(b *testing.B) {
			do := func(client *http.Client, target, auth string) {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, target, nil)
				if err != nil {
					b.Error(err)
					return
				}
				req.Header.Set("Accept", "application/json")
				if auth != "" {
					req.Header.Set("Authorization", "Bearer "+auth)
				}
				resp, err := client.Do(req)
				if err != nil {
					b.Error(err)
					return
				}
				_ = resp.Body.Close()
			}
			overhead(b, func() { do(bare, to.bare, token.AccessToken) }, func() { do(client, to.client, "") })
		})
	}
}

// overhead runs floor and product in turns, and reports what the product costs
// beyond the floor.
func overhead(b *testing.B, floor, product func()) {
	b.Helper()
	const turn = 512
	var floorTime, productTime time.Duration
	run := func(n int, f func()) time.Duration {
		start := time.Now()
		for range n {
			f()
		}
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
	b.StopTimer()
	b.ReportMetric(float64(productTime)/float64(floorTime), "x/floor")
	b.ReportMetric(float64(productTime-floorTime)/float64(b.N), "overhead-ns/op")
	b.ReportMetric(testing.AllocsPerRun(100, floor), "floor-allocs/op")
}

// The allocations of a request are few, and do not grow unnoticed.
func TestClientAllocations(t *testing.T) {
	w := newAPIWorld(t, "")
	w.core.apiHTTP = nowhere{http.Header{}}
	client, bare := w.client(ClientOptions{}), &http.Client{Transport: nowhere{http.Header{}}}
	allocations := func(client *http.Client, target string) float64 {
		return testing.AllocsPerRun(200, func() {
			req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, target, strings.NewReader("x"))
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		})
	}
	const target = "https://api.example.com/v1/x"
	if more := allocations(client, target) - allocations(bare, target); more > 15 {
		t.Errorf("%v allocations more than a bare client's", more)
	}
}
