package providertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// Server is a running provider. All its methods may be called from many goroutines.
//
// It speaks RFC 6749 (authorization code, client credentials, refresh), RFC 7636
// (PKCE with S256), RFC 7009 (revocation), RFC 9207 (iss) and RFC 6750 (bearer
// tokens), and is strict wherever a real provider may be. Its paths are
//
//	/authorize            the consent page
//	/token                the token endpoint
//	/revoke               the revocation endpoint
//	/api/me               who calls, as JSON; GET
//	/api/echo             what was sent, as JSON, without the credentials
//	/api/redirect?to=URL  302 to any URL
//	/api/status/CODE      that status, 200 to 599
//	/api/ping             an answer that needs no credential
//
// The API takes a bearer token, the header X-API-Key, or HTTP Basic, and answers
// 401 with a WWW-Authenticate header to anything else. Everything is in memory.
type Server struct {
	// URL is where the provider is, without a slash at the end:
	// "http://127.0.0.1:43210", or "http://provider.test" in process.
	URL string

	options Options
	host    string // of URL

	mu sync.Mutex // held for moments only, never during a wait, a callback or I/O
	state
	closed bool

	done  chan struct{}  // closed by Close: ends every wait
	calls sync.WaitGroup // requests being served

	listener *http.Server // nil in process
	serving  sync.WaitGroup
}

// Start listens and serves until [Server.Close]. The errors are those of
// net.Listen, and one that names the fields of o which are wrong.
func Start(o Options) (*Server, error) {
	s, err := newServer(o)
	if err != nil {
		return nil, err
	}
	addr := o.Addr
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("providertest: %w", err)
	}
	s.host = reachable(l.Addr().String())
	s.URL = "http://" + s.host
	s.listener = &http.Server{
		Handler:           http.HandlerFunc(s.serveHTTP),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          slog.NewLogLogger(s.options.Logger.Handler(), slog.LevelDebug),
		ConnState:         s.countConn,
	}
	s.serving.Go(func() {
		if err := s.listener.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.options.Logger.Error("providertest: serve", "error", err)
		}
	})
	return s, nil
}

// New is [Start] for a test: it fails the test on an error, and closes the
// Server when the test is over.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// NewInProcess makes a Server that listens nowhere: it is reached through
// [Server.RoundTripper] alone, at http://provider.test. It panics when o is invalid.
//
// In a testing/synctest bubble, make it inside the bubble; a Server from outside
// would keep the bubble's clock from moving.
func NewInProcess(o Options) *Server {
	s, err := newServer(o)
	if err != nil {
		panic(err)
	}
	s.host = "provider.test"
	s.URL = "http://" + s.host
	return s
}

func newServer(o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, done: make(chan struct{})}
	s.redirects = make(map[string]bool)
	s.codes = make(map[hash]*code)
	s.grants = make(map[int]*grant)
	s.access = make(map[hash]*accessToken)
	s.refresh = make(map[hash]*refreshToken)
	s.stats = newStats()
	for _, uri := range o.RedirectURIs {
		s.redirects[uri] = true
	}
	return s, nil
}

// reachable replaces an unspecified listening address, which clients cannot
// dial everywhere, by loopback.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return addr
}

// Credentials returns what the provider accepts.
func (s *Server) Credentials() Credentials {
	return Credentials{
		ClientID:     s.options.ClientID,
		ClientSecret: s.options.ClientSecret,
		APIKey:       s.options.APIKey,
		Username:     s.options.Username,
		Password:     s.options.Password,
	}
}

// Close stops the Server and waits until none of its goroutines is left. Waits
// of faults are cut short: a request that was not processed yet never is, and one
// that was gets no answer. A callback of a [Fault] that blocks keeps Close waiting.
// Requests after Close fail as if nobody listened. Closing twice does no harm.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.done)
	}
	s.mu.Unlock()
	if s.listener != nil {
		// Serve may hand over one last connection while the first Close runs;
		// the second one gets it.
		_ = s.listener.Close()
		s.serving.Wait()
		_ = s.listener.Close()
	}
	s.calls.Wait()
}

// countConn makes Close wait for the goroutine of every connection.
func (s *Server) countConn(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		s.calls.Add(1)
	case http.StateClosed, http.StateHijacked:
		s.calls.Done()
	case http.StateActive, http.StateIdle:
	}
}

// enter announces a request; the caller calls s.calls.Done when it returned true.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.calls.Add(1)
	return true
}

// wait sleeps for d, and says why it could not.
func (s *Server) wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		// Under fake time a deadline may fall on this very moment. Giving up
		// wins, whichever timer runs first: tests want one outcome.
		if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
			return context.DeadlineExceeded
		}
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	case <-s.done:
		return errConnClosed
	}
}

// errConnClosed is what a client sees of a connection that ended without an answer.
var errConnClosed = fmt.Errorf("providertest: connection closed: %w", io.EOF)

// serveHTTP serves one request of the listener.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	c, err := s.receive(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	ctx := r.Context()
	if c.fault.Late {
		ctx = context.WithoutCancel(ctx)
	}
	a, err := s.run(ctx, c)
	if err != nil {
		panic(http.ErrAbortHandler) // net/http closes the connection
	}
	a.write(w)
}
