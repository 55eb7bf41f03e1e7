package tieline

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

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
			floor := func(int) { do(bare, to.bare, token.AccessToken) }
			allocs := testing.AllocsPerRun(100, func() { floor(0) })
			inTurns(b, 1, 512, floor, func(int) { do(client, to.client, "") })
			b.ReportMetric(allocs, "floor-allocs/op")
		})
	}
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
