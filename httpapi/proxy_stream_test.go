package httpapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// served is the world's handler behind a real server.
func (w *world) served() *httptest.Server {
	server := httptest.NewServer(w.server)
	w.t.Cleanup(server.Close)
	return server
}

func (w *world) proxyRequest(ctx context.Context, method, url string, body io.Reader) *http.Request {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Provider-Config-Key", "verified")
	r.Header.Set("Connection-Id", "alice")
	return r
}

// An event reaches the caller when it is sent, and a caller who leaves is noticed.
func TestProxyStreamsEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	left := make(chan struct{})
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(rw, "data: 1\n\n")
		_ = http.NewResponseController(rw).Flush()
		<-r.Context().Done()
		close(left)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	resp, err := w.served().Client().Do(w.proxyRequest(ctx, "GET", w.served().URL+"/proxy/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "data: 1\n" {
		t.Errorf("%q, %v", line, err)
	}
	cancel()
	<-left
}

// zeros is a body of n bytes.
type zeros struct{ n int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.n == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), z.n)
	z.n -= n
	return int(n), nil
}

// Bodies of any length pass in both directions without being in memory.
func TestProxyMemory(t *testing.T) { //nolint:paralleltest // it measures the whole process
	const size = 64 << 20
	w := newWorld(t).proxied()
	w.serve = func(rw http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(rw).EnableFullDuplex()
		_, _ = io.Copy(rw, r.Body)
	}
	server := w.served()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := w.proxyRequest(t.Context(), "POST", server.URL+"/proxy/echo", &zeros{size})
	r.Header.Set("Content-Type", "application/octet-stream")
	resp, err := server.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || n != size || resp.StatusCode != 200 {
		t.Errorf("%d, %d bytes, %v", resp.StatusCode, n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > size/4 {
		t.Errorf("%d MiB were allocated on the way", grown>>20)
	}
}

// An answer that breaks off is not taken for a whole one.
func TestProxyAnswerBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	w.serve = func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(rw, "half")
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	}
	server := w.served()
	resp, err := server.Client().Do(w.proxyRequest(t.Context(), "GET", server.URL+"/proxy/x", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); string(text) != "half" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", text, err)
	}
	server.Close() // waits for the handler
	if log := w.log.String(); !strings.Contains(log, "route=/proxy/ status=200") {
		t.Errorf("the request is not in the log: %s", log)
	}
}

// A caller who does not send what was announced.
func TestProxyBodyBreaksOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	r := w.proxyRequest(t.Context(), "POST", "/proxy/x", nil)
	r.Body, r.ContentLength = io.NopCloser(io.MultiReader(strings.NewReader("{"), failingReader{})), -1
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	answer{rec, t}.want(400, `{"error":{"code":"invalid_body","message":"The body could not be read"}}`)
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
