package discover

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// answer is what a fake server says at one URL.
type answer struct {
	status int // 0 means 200
	header http.Header
	body   string
	err    error
}

// web is a RoundTripper: the answers of all servers there are, by URL, perhaps
// after a method and a space. It answers 404 elsewhere and keeps what it was
// asked.
type web struct {
	t       *testing.T
	answers map[string]answer
	open    atomic.Int32 // bodies

	mu    sync.Mutex
	asked []string
}

func newWeb(t *testing.T, answers map[string]answer) *web {
	t.Helper()
	w := &web{t: t, answers: answers}
	t.Cleanup(func() {
		if n := w.open.Load(); n != 0 {
			t.Errorf("%d bodies are left open", n)
		}
	})
	return w
}

// body counts what is left open.
type body struct {
	io.Reader
	open *atomic.Int32
	once sync.Once
}

func (b *body) Close() error {
	b.once.Do(func() { b.open.Add(-1) })
	return nil
}

func (w *web) RoundTrip(req *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.asked = append(w.asked, req.Method+" "+req.URL.String())
	w.mu.Unlock()
	if req.Body != nil {
		_, _ = io.Copy(io.Discard, req.Body)
		_ = req.Body.Close()
	}
	if req.Header.Get("Authorization") != "" {
		w.t.Error("a request carries a credential")
	}
	if !strings.Contains(req.Header.Get("Accept"), "application/json") {
		w.t.Errorf("a request accepts %q", req.Header.Get("Accept"))
	}
	a, ok := w.answers[req.Method+" "+req.URL.String()]
	if !ok {
		a, ok = w.answers[req.URL.String()]
	}
	if !ok {
		a = answer{status: http.StatusNotFound, body: "<html>not here</html>"}
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	if a.header == nil {
		a.header = http.Header{}
	}
	w.open.Add(1)
	return &http.Response{StatusCode: a.status, Header: a.header, Body: &body{Reader: strings.NewReader(a.body), open: &w.open}, Request: req}, nil
}

// requests are those made so far, without the methods.
func (w *web) requests() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.asked {
		_, u, _ := strings.Cut(r, " ")
		out = append(out, u)
	}
	return out
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func redirect(status int, location string) answer {
	return answer{status: status, header: http.Header{"Location": {location}}}
}

func challenge(values ...string) answer {
	return answer{status: http.StatusUnauthorized, header: http.Header{"Www-Authenticate": values}}
}

// wantError checks sentinel and step, and that the error shows nothing of what
// the fake servers say: all their texts hold "leak".
func wantError(t *testing.T, err, want error, step string) *Error {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("%v (%T), want an *Error", err, err)
	}
	if !errors.Is(err, want) || e.Step != step {
		t.Fatalf("error %v at %q, want %v at %q", err, e.Step, want, step)
	}
	if strings.Contains(err.Error(), "leak") || strings.Contains(e.Code+e.Field, "leak") {
		t.Fatalf("the error quotes the server: %v", err)
	}
	return e
}
