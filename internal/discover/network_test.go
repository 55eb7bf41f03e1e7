package discover

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/internal/outbound"
)

// secure starts a TLS server and the guarded transport that trusts it.
func secure(t *testing.T, handler http.HandlerFunc) (*httptest.Server, http.RoundTripper) {
	t.Helper()
	srv := httptest.NewTLSServer(handler)
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	tr := outbound.New(&http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}, outbound.Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(tr.CloseIdle)
	return srv, tr.API
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var elsewhere atomic.Int32
	other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	tests := []struct {
		name string
		hops []string // Location of each request in turn, SELF and HOST are the server's own
		ok   bool
	}{
		{"none", nil, true},
		{"three, of every form", []string{"/a", "SELF/b?x=1", "c#f"}, true},
		{"four", []string{"/a", "/b", "/c", "/d"}, false},
		{"another port", []string{other.URL + "/x"}, false},
		{"another host after two", []string{"/a", "/b", other.URL + "/x"}, false},
		{"another scheme", []string{"http://HOST/x"}, false},
		{"a network path", []string{"//" + strings.TrimPrefix(other.URL, "https://")}, false},
		{"a private address", []string{"https://10.0.0.1/x"}, false},
		{"a metadata service", []string{"https://169.254.169.254/latest/meta-data"}, false},
		{"user information", []string{"https://leak@HOST/x"}, false},
		{"no Location", []string{""}, true}, // the server's own URL again
		{"not a URL", []string{"https://%zz"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int32
			srv, rt := secure(t, func(w http.ResponseWriter, r *http.Request) {
				origin := "https://" + r.Host
				if r.URL.Path == "/.well-known/openid-configuration" {
					http.NotFound(w, r)
					return
				}
				i := int(n.Add(1)) - 1
				if i < len(tt.hops) {
					location := strings.NewReplacer("SELF", origin, "HOST", r.Host).Replace(tt.hops[i])
					w.Header().Set("Location", location)
					w.WriteHeader([]int{301, 302, 303, 307, 308}[i%5])
					return
				}
				_, _ = io.WriteString(w, strings.ReplaceAll(metadata(nil), issuer, origin))
			})
			_, err := AuthorizationServer(t.Context(), rt, srv.URL, Options{})
			if tt.ok {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, ErrRedirect, StepServer)
		})
	}
	t.Cleanup(func() {
		if elsewhere.Load() > 0 {
			t.Error("a redirect to another origin was followed")
		}
	})
}

// A server that never stops talking is not listened to for long.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	srv, rt := secure(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "oauth-authorization-server") && r.Method == http.MethodGet {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, `{"issuer":"`)
		for range 10 << 10 {
			if _, err := io.WriteString(w, strings.Repeat("leak", 256)); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, `"}`)
	})
	_, err := AuthorizationServer(t.Context(), rt, srv.URL, Options{})
	wantError(t, err, ErrTooLarge, StepServer)
	_, err = Register(t.Context(), rt, srv.URL, client(), Options{})
	wantError(t, err, ErrTooLarge, StepRegistration)
}

// greedy is the body of an answer that is read too far.
type greedy struct {
	t    *testing.T
	read int
}

func (g *greedy) Read(p []byte) (int, error) {
	if g.read += len(p); g.read > 3*maxBody {
		g.t.Error("an answer is read without bound")
		return 0, io.EOF
	}
	return copy(p, strings.Repeat(" ", len(p))), nil
}

func (*greedy) Close() error { return nil }

func TestBoundedReading(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 400, 500} {
		rt := checked(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{}, Body: &greedy{t: t}}
		})
		_, _ = ProtectedResource(t.Context(), rt, mustURL(t, mcp), Options{})
		_, _ = AuthorizationServer(t.Context(), rt, issuer, Options{})
		_, _ = Register(t.Context(), rt, register, client(), Options{})
	}
}

// The answer breaks off although it was announced longer.
func TestBrokenOff(t *testing.T) {
	t.Parallel()
	var posts atomic.Int32
	srv, rt := secure(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, metadata(nil))
	})
	_, err := AuthorizationServer(t.Context(), rt, srv.URL, Options{})
	wantError(t, err, io.ErrUnexpectedEOF, StepServer)
	_, err = Register(t.Context(), rt, srv.URL, client(), Options{})
	wantError(t, err, ErrUnreachable, StepRegistration)
	if posts.Load() != 1 {
		t.Errorf("%d registrations were sent, want 1", posts.Load())
	}
}

// The guard of the transport holds for every kind of request.
func TestGuarded(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	t.Cleanup(srv.Close)
	rt := outbound.New(nil, outbound.Policy{}).API
	opts := Options{PlainLoopback: true}
	_, err := ProtectedResource(t.Context(), rt, mustURL(t, srv.URL), opts)
	wantError(t, err, outbound.ErrForbidden, StepResource)
	_, err = AuthorizationServer(t.Context(), rt, srv.URL, opts)
	wantError(t, err, outbound.ErrForbidden, StepServer)
	_, err = Register(t.Context(), rt, srv.URL, client(), opts)
	wantError(t, err, outbound.ErrForbidden, StepRegistration)
	if asked.Load() > 0 {
		t.Error("a private address was asked")
	}
}

// stuck is a RoundTripper, and a body, of a server that does not go on.
type stuck struct{ headers bool }

func (s stuck) RoundTrip(req *http.Request) (*http.Response, error) {
	if !s.headers {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: stuckBody{req.Context()}}, nil
}

type stuckBody struct{ ctx context.Context }

func (b stuckBody) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

func (stuckBody) Close() error { return nil }

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for _, headers := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			rt := stuck{headers}
			for name, call := range map[string]func(context.Context) error{
				StepResource: func(ctx context.Context) error {
					_, err := ProtectedResource(ctx, rt, mustURL(t, mcp), Options{})
					return err
				},
				StepServer: func(ctx context.Context) error {
					_, err := AuthorizationServer(ctx, rt, issuer, Options{})
					return err
				},
				StepRegistration: func(ctx context.Context) error {
					_, err := Register(ctx, rt, register, client(), Options{})
					return err
				},
			} {
				start := time.Now()
				wantError(t, call(t.Context()), context.DeadlineExceeded, name)
				if took := time.Since(start); took > 2*requestTimeout {
					t.Errorf("%s took %v", name, took)
				}
				mine := errors.New("mine")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Second, func() { cancel(mine) })
				start = time.Now()
				wantError(t, call(ctx), mine, name)
				if took := time.Since(start); took != time.Second {
					t.Errorf("%s took %v after the context was done", name, took)
				}
			}
		})
	}
}
