package tieline

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// servedWorld is a connection to an API on loopback, over the real way out.
func servedWorld(t *testing.T, handler http.HandlerFunc) *http.Client {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	catalog, problems := LoadCatalog(CatalogFile{Name: "api.yaml", Data: []byte("api:\n  display_name: API\n  docs: https://example.com\n  auth_mode: API_KEY\n" +
		"  proxy: {base_url: '" + srv.URL + "', headers: {authorization: 'Bearer ${apiKey}'}}\n")})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	w := &apiWorld{t: t}
	w.open(catalog, "api", &APIKey{Key: NewSecret("k3y")}, nil)
	real, err := New(Config{
		Store: w.core.store, Keys: testKeys(t), Providers: catalog,
		Outbound: Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = real.Close(context.Background()) })
	return real.Connections.HTTPClient("api", "alice")
}

// Each side says its second half only when the other has read the first.
func TestClientStreams(t *testing.T) {
	t.Parallel()
	half := strings.Repeat("x", 4096)
	heard, read := make(chan bool), make(chan bool)
	client := servedWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadFull(r.Body, make([]byte, len(half))); err != nil {
			t.Error(err)
		}
		close(heard)
		if rest, err := io.ReadAll(r.Body); err != nil || string(rest) != half {
			t.Errorf("%d bytes, %v", len(rest), err)
		}
		_, _ = io.WriteString(w, half)
		_ = http.NewResponseController(w).Flush()
		<-read
		_, _ = io.WriteString(w, half)
	})
	from, to := io.Pipe()
	go func() {
		_, _ = io.WriteString(to, half)
		<-heard
		_, _ = io.WriteString(to, half)
		_ = to.Close()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, _ := http.NewRequestWithContext(ctx, http.MethodPut, "/x", from)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, len(half))); err != nil {
		t.Error(err)
	}
	close(read)
	_, rest := body(t, resp, err)
	if rest != half {
		t.Errorf("%d bytes", len(rest))
	}
}

// A context that ends while the answer's body is read ends the reading.
func TestClientContextWhileReading(t *testing.T) {
	t.Parallel()
	left := make(chan bool)
	client := servedWorld(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/x", nil)
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := resp.Body.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("Read = %v", err)
	}
	<-left
}

// Answers are unpacked as net/http does it, unless the caller says what it takes.
func TestClientEncodings(t *testing.T) {
	t.Parallel()
	var asked string
	client := servedWorld(t, func(w http.ResponseWriter, r *http.Request) {
		if asked = r.Header.Get("Accept-Encoding"); !strings.Contains(asked, "gzip") {
			_, _ = io.WriteString(w, "plain")
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		zip := gzip.NewWriter(w)
		_, _ = io.WriteString(zip, "packed")
		_ = zip.Close()
	})
	for _, tt := range []struct {
		accept, asked, body, encoding string
		unpacked                      bool
	}{{"", "gzip", "packed", "", true}, {"identity", "identity", "plain", "", false}, {"br, gzip", "br, gzip", "\x1f\x8b", "gzip", false}} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil)
		if tt.accept != "" {
			req.Header.Set("Accept-Encoding", tt.accept)
		}
		resp, err := client.Do(req)
		_, text := body(t, resp, err)
		if asked != tt.asked || !strings.HasPrefix(text, tt.body) || resp.Header.Get("Content-Encoding") != tt.encoding || resp.Uncompressed != tt.unpacked {
			t.Errorf("%q: the API was asked for %q and answered %.6q, %v", tt.accept, asked, text, resp.Header)
		}
	}
}

// A request that waits uses the credential as it is afterwards, and one 401 is a
// reason to renew it, not two.
func TestRetryWithAnotherCredential(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{provider: providertest.Options{TokenLifetime: 10 * time.Minute}})
		client := w.Connections.HTTPClientWith("acme", "alice", ClientOptions{Retry: RetryPolicy{MaxWait: time.Hour, MaxTotal: time.Hour}})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Status: 503, RetryAfter: "900"})
		resp, err := client.Get("/me")
		if status, _ := body(t, resp, err); status != 200 {
			t.Errorf("%d", status)
		}
		w.wantRefreshes(1)
		if n := w.provider.Stats().APIUnauthorized; n != 0 {
			t.Errorf("an old token was used %d times", n)
		}

		time.Sleep(time.Minute)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Status: 401})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Status: 503, RetryAfter: "60"})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Status: 401})
		resp, err = client.Get("/me")
		if status, _ := body(t, resp, err); status != 401 {
			t.Errorf("%d", status)
		}
		w.wantRefreshes(2)
	})
}

// A caller that leaves during a wait leaves at once.
func TestRetryIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "", told{status: 503, header: "Retry-After: 20"})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(3*time.Second, cancel)
		if err := drop(t, w.client(ClientOptions{}), ctx, "/x"); !errors.Is(err, context.Canceled) || time.Since(w.began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(w.began))
		}
		if len(w.sent) != 1 || !w.bodies[0].closed {
			t.Errorf("sent %d, closed %v", len(w.sent), w.bodies[0].closed)
		}
	})
}

// stuck is a body of which nothing comes until it is closed.
type stuck struct{ closed chan bool }

func (s *stuck) Read([]byte) (int, error) {
	<-s.closed
	return 0, io.ErrClosedPipe
}

func (s *stuck) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

// A peer that does not end its answer holds nobody up for long.
func TestDrainIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		drain(&stuck{closed: make(chan bool)})
		if d := time.Since(began); d != drainTime {
			t.Errorf("a body that is stuck took %v", d)
		}
		w := newAPIWorld(t, "", told{status: 500, body: strings.Repeat("x", 2*maxDrain)}, told{})
		resp, err := w.client(ClientOptions{}).Get("/x")
		body(t, resp, err)
		if long := w.bodies[0]; !long.closed || long.Len() != maxDrain {
			t.Errorf("of a long body %d bytes are left, closed %v", long.Len(), long.closed)
		}
	})
}

// Who looks for a wait in an answer that never ends gets that answer all the same, and
// can leave it.
func TestPeekIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, googleRetry)
		w.core.apiHTTP = answering(func(r *http.Request, _ string) *http.Response {
			resp := jsonResponse(r, http.StatusTooManyRequests, "")
			resp.Header.Set("Retry-After", "3600") // longer than the client waits
			resp.Body = &stuck{closed: make(chan bool)}
			return resp
		})
		began := time.Now()
		resp, err := w.client(ClientOptions{}).Get("/x")
		if err != nil || time.Since(began) != drainTime {
			t.Fatalf("after %v: %v", time.Since(began), err)
		}
		time.AfterFunc(time.Minute, func() { _ = resp.Body.Close() })
		if _, err := io.ReadAll(resp.Body); err != io.ErrClosedPipe || time.Since(began) != drainTime+time.Minute {
			t.Errorf("read for %v: %v", time.Since(began), err)
		}
	})
}

// A redirect does not begin the time anew in which a request is repeated.
func TestRedirectsShareTheTotal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := told{status: 503, header: "Retry-After: 25"}
		w := newAPIWorld(t, "", busy, told{status: 307, header: "Location: /b"}, busy, told{})
		resp, err := w.client(ClientOptions{Retry: RetryPolicy{MaxTotal: 40 * time.Second}}).Get("/a")
		body(t, resp, err)
		if resp.StatusCode != 503 || len(w.sent) != 3 {
			t.Errorf("%d after %d requests, %v apart", resp.StatusCode, len(w.sent), w.waits())
		}
	})
}

// failingOnce is a reader that has its error for one call only.
type failingOnce struct{ err error }

func (f *failingOnce) Read([]byte) (int, error) {
	err := f.err
	f.err = io.EOF
	return 0, err
}

// What was read of an answer to learn when to come back is given to the caller all
// the same, with the error that was met.
func TestBodyIsGivenBack(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	in := newAPIWorld(t, googleRetry)
	s, err := (&handle{core: in.core, integration: "api", id: "alice"}).get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{}", strings.Repeat("x", maxPeek), strings.Repeat("x", maxPeek+1), strings.Repeat("y", 3*maxPeek)} {
		for _, end := range []error{io.EOF, broken} {
			from := &closing{}
			resp := &http.Response{Body: struct {
				io.Reader
				io.Closer
			}{io.MultiReader(strings.NewReader(text), &failingOnce{end}), from}}
			if wait := bodyWait(s.subject.provider.Retry.InBody, resp, time.Now()); wait != 0 {
				t.Errorf("waits %v", wait)
			}
			got, err := io.ReadAll(resp.Body)
			if string(got) != text || end == broken && err != broken || end == io.EOF && err != nil {
				t.Errorf("%d of %d bytes, %v", len(got), len(text), err)
			}
			if err := resp.Body.Close(); err != nil || !from.closed {
				t.Errorf("Close = %v", err)
			}
		}
	}
}
