package tieline

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// ClientOptions are the rules of a connection's client. The zero value is what
// [Connections.HTTPClient] uses.
type ClientOptions struct {
	// Retry says which requests are repeated, and for how long.
	Retry RetryPolicy

	// IgnoreLimits sends requests at once although the provider has asked the
	// connection to wait. Without it, a request waits when an answer to another one
	// of the same connection in this process was 429, or told that no calls are
	// left, and said until when. It waits within the limits of Retry; when they or
	// its context leave too little time, it is sent at once, and the caller gets
	// what the provider answers.
	IgnoreLimits bool
}

// RetryPolicy says when a client repeats a request. The zero value repeats what
// can be repeated safely up to twice; Attempts: 1 repeats nothing.
//
// Repeated are requests with a method that RFC 9110 section 9.2.2 calls idempotent,
// and those with an Idempotency-Key or X-Idempotency-Key in their header, as net/http
// has it; all others only if no connection came about. A body must be one that can
// be had again ([http.Request.GetBody]).
//
// The reasons are errors of the network, and the answers 429 and 5xx without 501
// and 505, or those of the provider's data in their place, and in any case errors
// with which the provider tells that no calls are left. A 401 is none of them: it
// is a matter of the credential.
//
// The wait is as long as the answer asks for, in Retry-After or in a way that the
// provider's data describes. Else it is random, up to Backoff the first time, twice
// as much the second, and so on. If a wait were longer than what is allowed here or
// by the context's deadline, the caller gets the answer at once: nothing is
// repeated sooner than asked for.
type RetryPolicy struct {
	// Attempts is how often a request is sent in all. Default: 3.
	Attempts int
	// Unsafe repeats requests of every method. A POST whose answer was lost can
	// then be carried out twice.
	Unsafe bool
	// Statuses are repeated in addition: 400 to 599, and not 401.
	Statuses []int
	// MaxWait bounds each wait. Default: 30 s.
	MaxWait time.Duration
	// MaxTotal is how long after the beginning a request is repeated at the latest.
	// Default: 2 min.
	MaxTotal time.Duration
	// Backoff is the longest first wait when nothing says how long to wait.
	// Default: 1 s.
	Backoff time.Duration
}

// withDefaults fills in the zero fields and copies the policy.
func (p RetryPolicy) withDefaults() (RetryPolicy, error) {
	for _, f := range []struct {
		name     string
		negative bool
	}{{"Attempts", p.Attempts < 0}, {"MaxWait", p.MaxWait < 0}, {"MaxTotal", p.MaxTotal < 0}, {"Backoff", p.Backoff < 0}} {
		if f.negative {
			return p, &FieldError{Field: "Retry." + f.name, Reason: "is negative"}
		}
	}
	for _, status := range p.Statuses {
		if status < 400 || status > 599 || status == http.StatusUnauthorized {
			return p, &FieldError{Field: "Retry.Statuses", Reason: fmt.Sprintf("has %d, which is no error that can be repeated", status)}
		}
	}
	p.Statuses = slices.Clone(p.Statuses)
	if p.Attempts == 0 {
		p.Attempts = 3
	}
	for _, f := range []struct {
		field    *time.Duration
		standard time.Duration
	}{{&p.MaxWait, 30 * time.Second}, {&p.MaxTotal, 2 * time.Minute}, {&p.Backoff, time.Second}} {
		if *f.field == 0 {
			*f.field = f.standard
		}
	}
	return p, nil
}

// beganKey is for when the caller's request began, in what a redirect shows of it.
type beganKey struct{}

// apiCall is one request of the caller, however often it is sent.
type apiCall struct {
	t       *transport
	req     *http.Request
	began   time.Time
	renewed bool // after a 401; it happens once
	sends   int  // how often it was sent
}

func (t *transport) roundTrip(req *http.Request) (*http.Response, error) {
	if t.invalid != nil {
		closeReader(req.Body)
		return nil, t.invalid
	}
	c := apiCall{t: t, req: req, began: time.Now()}
	if before := req.Response; before != nil && before.Request != nil { // which redirected here
		if at, ok := before.Request.Context().Value(beganKey{}).(time.Time); ok {
			c.began = at
		}
	}
	body := req.Body
	for n := 1; ; n++ {
		r := c.attempt(body)
		wait, again := c.next(n, &r)
		if !again {
			return r.resp, r.err
		}
		next, err := c.bodyAgain()
		if err != nil {
			return r.resp, r.err
		}
		if r.resp != nil {
			drain(r.resp.Body)
		}
		if err := pause(req.Context(), wait); err != nil {
			closeReader(next)
			return nil, err
		}
		body = next
	}
}

// attempt sends the request once, or twice if the credential was renewed. It takes
// the body over.
func (c *apiCall) attempt(body io.ReadCloser) sent {
	s, err := c.ready()
	if err != nil {
		closeReader(body)
		return sent{err: err}
	}
	r := c.send(s, body)
	if r.err != nil || r.resp.StatusCode != http.StatusUnauthorized || !r.attached || c.renewed {
		return r
	}
	c.renewed = true
	return c.again(s, r)
}

// ready waits for as long as the provider wants the connection to, and returns the
// credential as it is then.
func (c *apiCall) ready() (*snapshot, error) {
	for {
		s, err := c.t.handle.get(c.req.Context())
		if err != nil || c.t.ignoreLimits || !c.t.handle.core.limits.some.Load() {
			return s, err
		}
		target, err := resolve(s, c.req.URL)
		if err != nil || !s.takes(target) {
			return s, err
		}
		wait := c.limited(s, 0)
		if wait <= 0 || !c.fits(wait) {
			return s, nil
		}
		if err := pause(c.req.Context(), wait); err != nil {
			return nil, err
		}
	}
}

// limited is how long the connection has to wait, and at least wait. Requests that
// wait for the same moment are given different waits.
func (c *apiCall) limited(s *snapshot, wait time.Duration) time.Duration {
	if c.t.ignoreLimits {
		return wait
	}
	core := c.t.handle.core
	limit, spread := core.limits.wait(s.row)
	if wait = max(wait, limit); limit > 0 {
		wait += max(0, min(core.jitter(spread), c.t.retry.MaxWait-wait))
	}
	return wait
}

// fits says whether there is time for a wait.
func (c *apiCall) fits(wait time.Duration) bool {
	p := &c.t.retry
	if wait > p.MaxWait || time.Since(c.began)+wait > p.MaxTotal {
		return false
	}
	deadline, ok := c.req.Context().Deadline()
	return !ok || wait < time.Until(deadline)
}

// next says whether the request is to be sent again after the n-th time, and after
// which wait.
func (c *apiCall) next(n int, r *sent) (wait time.Duration, again bool) {
	if r.s == nil || c.req.Context().Err() != nil {
		return 0, false
	}
	if r.err != nil {
		again = r.left && !lasting(r.err) && (c.repeatable() || neverLeft(r.err))
	} else {
		wait, again = c.judge(r)
		again = again && c.repeatable()
	}
	p, core := &c.t.retry, c.t.handle.core
	if !again || n >= p.Attempts || !c.hasBodyAgain() {
		return 0, false
	}
	if wait == 0 {
		wait = core.jitter(backoff(p, n))
	}
	if r.attached {
		wait = c.limited(r.s, wait)
	}
	return wait, c.fits(wait)
}

// judge says whether an answer is one to repeat the request for, and how long it
// asks to wait. It remembers what the answer says of the connection's limit.
func (c *apiCall) judge(r *sent) (wait time.Duration, again bool) {
	rules := r.s.subject.provider.Retry
	again = c.t.retry.covers(rules, r.resp)
	limited := r.resp.StatusCode == http.StatusTooManyRequests || rules.Exhausted(r.resp.Header)
	if !again && !limited {
		return 0, false
	}
	now := c.t.handle.core.now()
	wait = askedWait(rules, r.resp, now)
	if r.resp.StatusCode >= 400 {
		wait = max(wait, bodyWait(rules.InBody, r.resp, now))
	}
	if limited && wait > 0 && r.attached && !c.t.ignoreLimits {
		c.t.handle.core.limits.set(r.s.row, wait)
	}
	return wait, again
}

// covers says whether an answer is one to repeat the request for.
func (p *RetryPolicy) covers(rules *spec.CompiledRetry, resp *http.Response) bool {
	status := resp.StatusCode
	switch {
	case status < 400, status == http.StatusUnauthorized:
		return false
	case slices.Contains(p.Statuses, status), rules.Exhausted(resp.Header):
		return true
	case rules.Replaces():
		return rules.Lists(status)
	}
	return status == http.StatusTooManyRequests ||
		status >= 500 && status != http.StatusNotImplemented && status != http.StatusHTTPVersionNotSupported
}

// backoff is the longest wait after the n-th time.
func backoff(p *RetryPolicy, n int) time.Duration {
	d := p.Backoff
	for ; n > 1 && d < p.MaxWait; n-- {
		d *= 2
	}
	return min(d, p.MaxWait)
}

// repeatable says whether the request may be carried out twice.
func (c *apiCall) repeatable() bool {
	switch c.req.Method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace, http.MethodPut, http.MethodDelete:
		return true
	}
	_, key := c.req.Header["Idempotency-Key"]
	_, xKey := c.req.Header["X-Idempotency-Key"]
	return c.t.retry.Unsafe || key || xKey
}

func (c *apiCall) hasBodyAgain() bool { return !hasBody(c.req) || c.req.GetBody != nil }

// bodyAgain is a new copy of the request's body.
func (c *apiCall) bodyAgain() (io.ReadCloser, error) {
	if c.req.GetBody == nil {
		return c.req.Body, nil
	}
	return c.req.GetBody()
}

// neverLeft says whether an error of the network means that nothing was sent.
func neverLeft(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// lasting says whether an error of the network is one that time does not heal.
func lasting(err error) bool {
	var (
		dns       *net.DNSError
		untrusted *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		alert     tls.AlertError
		host      x509.HostnameError
	)
	switch {
	case errors.Is(err, ErrForbidden), errors.Is(err, errMalformed), errors.Is(err, context.Canceled):
		return true
	case errors.As(err, &dns):
		return dns.IsNotFound
	}
	return errors.As(err, &untrusted) || errors.As(err, &record) || errors.As(err, &alert) || errors.As(err, &host)
}

const (
	// maxDrain is how much of an answer that is thrown away is read so that its
	// connection can be used again, in bytes, and drainTime is for how long.
	maxDrain  = 64 << 10
	drainTime = time.Second
)

// drain throws an answer away.
func drain(body io.ReadCloser) {
	timer := time.AfterFunc(drainTime, func() { _ = body.Close() })
	_, _ = io.CopyN(io.Discard, body, maxDrain)
	timer.Stop()
	_ = body.Close()
}
