package providertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"sync"
	"time"
)

// Dialect plays the provider that an entry of a provider file describes, and
// checks every request against the entry. It is the server's side of the format,
// written without the client's code: where the two read an entry differently,
// [Dialect.Problems] says so.
//
// Give it to the client as its [http.RoundTripper]: it answers for any host, in
// process. Everything in it is invented, so its records may be printed.
//
// Where the format's own reference system does something that breaks a standard,
// the Dialect asks for what the provider needs: the client authenticates in one
// place, a refresh has the refresh_token grant, the query of a URL is kept.
// [Dialect.Doubts] lists what in an entry had to be guessed.
type Dialect struct {
	// Now is the provider's clock. Nil means time.Now. Set it before the first request.
	Now func() time.Time
	// Override replaces parts of the provider's behaviour. Set it before the first request.
	Override Override

	name  string
	mode  string
	entry map[string]any
	start Inputs // what NewDialect invented

	mu       sync.Mutex
	in       Inputs
	learned  map[string]string         // connection config that comes from the provider
	steps    map[int]map[string]string // what the answers of a sign-in in steps hold
	raw      map[string]string         // extra values of a token response: ${credentials.raw.x}
	routes   []route
	doubts   []string
	problems []string
	log      []DialectExchange
	faults   map[string][]fault
	grants   grants
}

// DialectExchange is a request that a Dialect has seen.
type DialectExchange struct {
	Role   string // "authorize", "token", "refresh", "step2", "verify", "lookup", "api", "par", "request-token", "registration", "discovery", "sts", "unknown"
	Method string
	URL    string
	Header http.Header
	Body   []byte
	Status int // of the answer; 0 for the user's visit
}

// Override changes what a Dialect does, for providers that the entry alone does
// not describe. A hook that is nil, or returns status 0, leaves things as they
// are. Hooks run without the Dialect's lock and may call its methods.
type Override struct {
	// Authorize stands in for the user's visit.
	Authorize func(authorization *url.URL) (url.Values, error)
	// Token answers a token request (roles "token" and "step2", ...) whose parameters are form.
	Token func(r *http.Request, form url.Values) (status int, body any)
	// Refresh answers a refresh.
	Refresh func(r *http.Request, form url.Values) (status int, body any)
	// API answers a request below the base URL.
	API func(r *http.Request) (status int, body any)
	// Other answers a request for a URL that the entry does not name, such as a
	// look-up after the connection was made.
	Other func(r *http.Request, body []byte) (status int, answer any)
	// Answer edits the token response before it is sent.
	Answer func(role string, answer map[string]any)
	// Allow lists extra parameters that a request of a role may have.
	Allow func(role, parameter string) bool
}

type fault func(w http.ResponseWriter, r *http.Request) bool

// errDialect is what every error of a Dialect wraps.
var errDialect = errors.New("providertest: dialect")

// NewDialect plays the provider called name. The entry is resolved (what it
// inherits is merged into it) and as encoding/json or yaml.v3 decode it into
// map[string]any. The error says what makes the entry unusable even as a
// description: no auth mode, or a template that does not parse.
func NewDialect(name string, entry map[string]any) (*Dialect, error) {
	d := &Dialect{name: name, entry: entry, mode: textOf(entry["auth_mode"]), faults: map[string][]fault{}}
	if d.mode == "" {
		return nil, fmt.Errorf("%w: %s: no auth_mode", errDialect, name)
	}
	if err := checkPatterns(entry); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errDialect, name, err)
	}
	if err := d.invent(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errDialect, name, err)
	}
	d.start = d.in.clone()
	d.grants.init(name)
	d.plan()
	return d, nil
}

// Mode is the entry's auth mode.
func (d *Dialect) Mode() string { return d.mode }

// Inputs is what to create the integration and the connection with.
func (d *Dialect) Inputs() Inputs {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.in.clone()
}

// Use replaces the inputs, to leave an optional field out or to ask for other
// scopes. Call it before the first request.
func (d *Dialect) Use(in Inputs) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.in = in.clone()
	d.doubts = nil
	d.plan()
}

// BaseURL is where the API begins, without a slash at the end; empty if the entry has none.
func (d *Dialect) BaseURL() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.base("")
}

// Log lists the requests seen.
func (d *Dialect) Log() []DialectExchange {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.log)
}

// Problems lists every way in which a request differed from what the entry asks
// for. Empty means good.
func (d *Dialect) Problems() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.problems)
}

// Doubts lists where the entry is silent, broken or contradicts itself, and how
// the Dialect reads it.
func (d *Dialect) Doubts() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.doubts)
}

// Problem records a problem, for the hooks of an Override.
func (d *Dialect) Problem(role, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.problem(role, format, args...)
}

func (d *Dialect) problem(role, format string, args ...any) {
	d.problems = append(d.problems, role+": "+fmt.Sprintf(format, args...))
}

func (d *Dialect) doubt(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if !slices.Contains(d.doubts, s) {
		d.doubts = append(d.doubts, s)
	}
}

// Fail puts f in front of the provider for a role: where f returns true, what it
// wrote is the answer, and the provider has neither checked nor processed the
// request. The returned function takes f away again.
func (d *Dialect) Fail(role string, f func(w http.ResponseWriter, r *http.Request) bool) (clear func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.faults[role] = append(d.faults[role], f)
	i := len(d.faults[role]) - 1
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.faults[role][i] = nil
	}
}

// Expire makes everything issued so far that gives access stop working. Refresh
// tokens live on.
func (d *Dialect) Expire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.grants.access {
		a.expired = true
	}
}

func (d *Dialect) now() time.Time {
	if d.Now != nil {
		return d.Now()
	}
	return time.Now()
}

// RoundTrip implements [http.RoundTripper] for every host.
func (d *Dialect) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		_ = r.Body.Close() // a RoundTripper always closes it
		if err != nil {
			return nil, err
		}
		body = b
	}
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(r.Context())
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	traceSent(trace)
	a := d.serve(r, body)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return a.response(r)
}

// hit is a request together with what it was recognized as.
type hit struct {
	r    *http.Request
	body []byte
	route
	parameters url.Values // of the body, or of the query for body_format query
}

func (d *Dialect) serve(r *http.Request, body []byte) Answer {
	d.mu.Lock()
	if p := r.URL.Path; p != "" && p[0] != '/' && r.URL.Opaque == "" {
		d.problem("unknown", "the path %q has no slash in front, so that the request line is malformed", p)
		r = withPath(r, "/"+p)
	}
	h := &hit{r: r, body: body}
	h.route = d.classify(r, body)
	faults := slices.Clone(d.faults[h.role])
	d.mu.Unlock()

	a, done := d.overridden(h, faults)
	if !done {
		d.mu.Lock()
		a = d.answer(h)
		d.mu.Unlock()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, DialectExchange{
		Role: h.role, Method: r.Method, URL: r.URL.String(),
		Header: r.Header.Clone(), Body: body, Status: a.Status,
	})
	return a
}

// overridden asks faults and hooks for an answer.
func (d *Dialect) overridden(h *hit, faults []fault) (Answer, bool) {
	for _, f := range faults {
		w := &recorder{header: http.Header{}}
		if f != nil && f(w, withBody(h.r, h.body)) {
			return w.answer(), true
		}
	}
	r := withBody(h.r, h.body)
	status, body := 0, any(nil)
	switch o := d.Override; {
	case h.role == "refresh" && o.Refresh != nil:
		status, body = o.Refresh(r, looseParameters(r, h.body))
	case h.isToken() && h.role != "refresh" && o.Token != nil:
		status, body = o.Token(r, looseParameters(r, h.body))
	case (h.role == "api" || h.role == "verify") && o.API != nil:
		status, body = o.API(r)
	case h.role == "unknown" && o.Other != nil:
		status, body = o.Other(r, h.body)
	}
	if status == 0 {
		return Answer{}, false
	}
	return anyAnswer(status, body), true
}

// answer dispatches by role. The lock is held.
func (d *Dialect) answer(h *hit) Answer {
	switch {
	case len(h.body) > maxBody:
		d.problem(h.role, "the body is larger than %d bytes", maxBody)
		return textAnswer(http.StatusRequestEntityTooLarge, "too large")
	case h.serve != nil:
		return h.serve(h)
	}
	d.problem(h.role, "nothing in the entry names %s %s", h.r.Method, h.r.URL)
	return textAnswer(http.StatusNotFound, "not found")
}

// Authorize plays the user who opens the URL and allows the access. It returns
// the query of the redirect back.
func (d *Dialect) Authorize(ctx context.Context, authorizationURL string) (url.Values, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if d.Override.Authorize != nil {
		u, err := url.Parse(authorizationURL)
		if err != nil {
			return nil, fmt.Errorf("%w: the authorization URL does not parse", errDialect)
		}
		if v, err := d.Override.Authorize(u); v != nil || err != nil {
			return v, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.log = append(d.log, DialectExchange{Role: "authorize", Method: http.MethodGet, URL: authorizationURL})
	return d.visit(authorizationURL)
}

func (in Inputs) clone() Inputs {
	in.Scopes = slices.Clone(in.Scopes)
	for _, m := range []*map[string]string{&in.IntegrationConfig, &in.Config, &in.Credentials, &in.AssertionOption, &in.Discovered} {
		*m = maps.Clone(*m)
	}
	return in
}
