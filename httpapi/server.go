package httpapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// server is what the handlers share.
type server struct {
	client  *tieline.Client
	options Options
	log     *slog.Logger
	mux     *http.ServeMux
	hooks   http.Handler
	pages   *template.Template
	assets  map[string]asset
}

// New returns a handler that serves the Client. The error names the option that is
// wrong.
func New(client *tieline.Client, o Options) (http.Handler, error) {
	if client == nil {
		return nil, fmt.Errorf("httpapi: %w", &tieline.FieldError{Field: "client", Reason: "is required"})
	}
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	s := &server{client: client, options: o, log: o.Logger, mux: http.NewServeMux()}
	s.hooks = client.Integrations.WebhookHandler(o.Webhooks)
	if s.pages, s.assets, err = loadPages(); err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	for _, rt := range s.routes() {
		s.mux.Handle(rt.method+" "+rt.pattern, s.handle(rt))
	}
	return s, nil
}

// ServeHTTP is the outermost layer: every request gets an ID, a line in the log, and
// an answer, whatever happens below.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := s.options.Now()
	id := newRequestID()
	r = r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id))
	rec := &recorder{ResponseWriter: w}
	h := rec.Header()
	h.Set("X-Request-Id", id)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	defer func() {
		p := recover()
		if p != nil && p != http.ErrAbortHandler {
			s.panicked(rec, r)
		}
		s.log.InfoContext(r.Context(), "request", "request_id", id, "method", r.Method, "route", rec.route,
			"status", rec.status, "bytes", rec.bytes, "duration", s.options.Now().Sub(began).Round(time.Microsecond))
		if p != nil && (p == http.ErrAbortHandler || rec.wrote) {
			panic(http.ErrAbortHandler) // the caller must not take what it has for a whole answer
		}
	}()
	s.serve(rec, r)
}

// panicked answers for a handler that did not. What it panicked with may hold
// anything; the stack may be seen.
func (s *server) panicked(w *recorder, r *http.Request) {
	id := requestID(r.Context())
	s.log.ErrorContext(r.Context(), "handler panicked", "request_id", id, "stack", string(debug.Stack()))
	if w.wrote = w.status != 0; w.wrote {
		return
	}
	s.fail(w, r, &problem{status: http.StatusInternalServerError, code: "generic_error_support",
		message: fmt.Sprintf("An error occurred. Please contact support with this unique id: %q", id), payload: id})
}

func (s *server) serve(w *recorder, r *http.Request) {
	p := r.URL.EscapedPath()
	if p == "/proxy" || strings.HasPrefix(p, "/proxy/") {
		// Before the router, which would tidy up what is the provider's path.
		w.route = "/proxy/"
		s.handle(s.proxyRoute()).ServeHTTP(w, r)
		return
	}
	if path.Clean(p) != strings.TrimSuffix(p, "/") && p != "/" {
		s.fail(w, r, notFound("There is no such path")) // the router would redirect, credentials and all
		return
	}
	_, w.route = s.mux.Handler(r)
	if w.route == "" {
		s.unrouted(w, r)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// unrouted answers what no route is for, and what is for another method.
func (s *server) unrouted(w *recorder, r *http.Request) {
	var allowed []string
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		probe := r.Clone(r.Context())
		probe.Method = method
		if _, pattern := s.mux.Handler(probe); pattern != "" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		s.fail(w, r, notFound("There is no such path"))
		return
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	s.fail(w, r, &problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: "The path does not take this method"})
}

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

func newRequestID() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	route  string
	status int
	bytes  int64
	wrote  bool // before a panic
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
