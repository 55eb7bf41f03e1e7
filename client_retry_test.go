package tieline

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

const githubLike = "retry: {at: [x-ratelimit-reset], remaining: x-ratelimit-remaining, error_code: ['403', 5xx, '429']}"

// In a bubble the clock stands at 2000-01-01T00:00:00Z, 946684800, until somebody waits.
var waitTests = []struct {
	name   string
	proxy  string
	answer string // the header of the first answer
	body   string
	status int           // of the first answer
	want   time.Duration // until the second; 0: there is none
}{
	{"Retry-After in seconds", "", "Retry-After: 7", "", 429, 7 * time.Second},
	{"Retry-After as a date", "", "Retry-After: Sat, 01 Jan 2000 00:00:09 GMT", "", 503, 9 * time.Second},
	{"Retry-After at the cap", "", "Retry-After: 30", "", 429, 30 * time.Second},
	{"Retry-After beyond the cap", "", "Retry-After: 31", "", 429, 0},
	{"Retry-After of a century", "", "Retry-After: 99999999999999999999", "", 500, time.Second},
	{"Retry-After that is past", "", "Retry-After: Fri, 31 Dec 1999 23:00:00 GMT", "", 503, time.Second},
	{"Retry-After of nothing", "", "Retry-After: 0", "", 503, time.Second},
	{"Retry-After below zero", "", "Retry-After: -5", "", 503, time.Second},
	{"Retry-After that is no number", "", "Retry-After: NaN", "", 503, time.Second},
	{"Retry-After without end", "", "Retry-After: Inf", "", 503, time.Second},
	{"at in seconds", "retry: {at: [x-reset]}", "X-Reset: 946684805", "", 429, 5 * time.Second},
	{"at in milliseconds", "retry: {at: [x-reset]}", "X-Reset: 946684805250", "", 429, 5250 * time.Millisecond},
	{"at with a fraction", "retry: {at: [x-reset]}", "X-Reset: 946684805.5", "", 429, 5500 * time.Millisecond},
	{"at as a date", "retry: {at: [x-reset]}", "X-Reset: Sat, 01 Jan 2000 00:00:04 GMT", "", 429, 4 * time.Second},
	{"at as RFC 3339", "retry: {at: [x-reset]}", "X-Reset: 2000-01-01T01:00:03.5+01:00", "", 429, 3500 * time.Millisecond},
	{"at that is past", "retry: {at: [x-reset]}", "X-Reset: 946684700", "", 429, time.Second},
	{"at that is a number of seconds", "retry: {at: [x-reset]}", "X-Reset: 60", "", 429, time.Second},
	{"after in seconds", "retry: {after: [x-wait]}", "X-Wait: 6", "", 429, 6 * time.Second},
	{"after with a fraction", "retry: {after: [x-wait]}", "X-Wait: 0.25", "", 429, 250 * time.Millisecond},
	{"after that is a moment", "retry: {after: [x-wait]}", "X-Wait: 946684805", "", 429, 0}, // 946,684,805 s
	{"after that is a moment of today", "retry: {after: [x-wait]}", "X-Wait: 1800000000", "", 429, time.Second},
	{"the longest counts", "retry: {at: [x-reset], after: [x-wait]}", "X-Reset: 946684803\nX-Wait: 8\nRetry-After: 5", "", 429, 8 * time.Second},
	{"the longest is Retry-After", "retry: {at: [x-reset]}", "X-Reset: 946684803\nRetry-After: 9", "", 429, 9 * time.Second},
	{"a window and a 500", "retry: {at: [x-reset]}", "X-Reset: 946688400", "", 500, time.Second},
	{"a window and a 503", "retry: {at: [x-reset]}", "X-Reset: 946684806", "", 503, 6 * time.Second},
	{"a window with calls left", githubLike, "X-Ratelimit-Reset: 946688400\nX-Ratelimit-Remaining: 9\nRetry-After: 3", "", 403, 3 * time.Second},
	{"a window without calls left", githubLike, "X-Ratelimit-Reset: 946684812\nX-Ratelimit-Remaining: 0\nRetry-After: 3", "", 403, 12 * time.Second},
	{"no calls left of a 404", "retry: {after: [x-wait], remaining: x-left}", "X-Left: 0\nX-Wait: 2", "", 404, 2 * time.Second},
	{"calls left of a 404", "retry: {after: [x-wait], remaining: x-left}", "X-Left: 1\nX-Wait: 2", "", 404, 0},
	{"no calls left of a 401", "retry: {after: [x-wait], remaining: x-left}", "X-Left: 0\nX-Wait: 2", "", 401, 0},
	{"in the body", googleRetry, "", `{"error":{"message":"User-rate limit exceeded.  Retry after 2000-01-01T00:00:11.000Z"}}`, 429, 11 * time.Second},
	{"in the body, another text", googleRetry, "", `{"error":{"message":"no"}}`, 429, time.Second},
	{"in the body, no JSON", googleRetry, "", "<html>", 429, time.Second},
	{"in the body, too far in", googleRetry, "", `{"pad":"` + strings.Repeat("x", maxPeek) + `","error":{"message":"User-rate limit exceeded. Retry after 2000-01-01T00:00:11Z"}}`, 429, time.Second},
	{"in the body, seconds", "retry: {in_body: {path: errors.0.text, value: 'in ([0-9.]+) s', strategy: after}}", "", `{"errors":[{"text":"again in 1.5 s"}]}`, 503, 1500 * time.Millisecond},
	{"another list", "retry: {error_code: ['418']}", "", "", 418, time.Second},
	{"not in another list", "retry: {error_code: ['418']}", "", "", 503, 0},
	{"a 501", "", "", "", 501, 0},
	{"a 505", "", "", "", 505, 0},
	{"a 501 in a list", "retry: {error_code: [5xx]}", "", "", 501, time.Second},
	{"a 502", "", "", "", 502, time.Second},
	{"a 404", "", "", "", 404, 0},
	{"a 401", "retry: {error_code: ['401', '429']}", "Retry-After: 1", "", 401, 0},
	{"a 200", "", "Retry-After: 1", "", 200, 0},
}

const googleRetry = "retry: {in_body: {path: error.message, value: '/User-rate limit exceeded\\. +Retry after (.+)/', strategy: at}}"

// Every rule for how long to wait, with backoff at its longest.
func TestRetryWaits(t *testing.T) {
	t.Parallel()
	for _, tt := range waitTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newAPIWorld(t, tt.proxy, told{status: tt.status, header: tt.answer, body: tt.body}, told{body: "done"})
				w.core.jitter = func(d time.Duration) time.Duration {
					if d == perWaiter {
						return 0
					}
					return d
				}
				resp, err := w.client(ClientOptions{}).Get("/x")
				status, text := body(t, resp, err)
				if tt.want == 0 {
					diffWaits(t, w)
					if status != tt.status || text != tt.body {
						t.Errorf("the caller got %d with %d bytes, not the answer itself", status, len(text))
					}
					return
				}
				diffWaits(t, w, tt.want)
				if status != 200 || text != "done" {
					t.Errorf("%d %s", status, text)
				}
				if b := w.bodies[0]; !b.closed || b.Len() > 0 && b.Size() <= maxDrain {
					t.Errorf("the first answer is closed: %v, %d bytes unread", b.closed, b.Len())
				}
			})
		})
	}
}

func TestRetryPolicy(t *testing.T) {
	t.Parallel()
	busy := told{status: 503, body: "busy"}
	sec := time.Second
	for _, tt := range []struct {
		name   string
		o      RetryPolicy
		answer told
		limit  time.Duration // of the context
		want   []time.Duration
	}{
		{"as it is", RetryPolicy{}, busy, 0, []time.Duration{sec, 2 * sec}},
		{"once", RetryPolicy{Attempts: 1}, busy, 0, nil},
		{"often", RetryPolicy{Attempts: 7, MaxWait: 5 * sec}, busy, 0, []time.Duration{sec, 2 * sec, 4 * sec, 5 * sec, 5 * sec, 5 * sec}},
		{"another backoff", RetryPolicy{Backoff: 3 * sec}, busy, 0, []time.Duration{3 * sec, 6 * sec}},
		{"in all", RetryPolicy{Attempts: 9, MaxTotal: 7 * sec}, busy, 0, []time.Duration{sec, 2 * sec, 4 * sec}},
		{"in all, asked for", RetryPolicy{Attempts: 9, MaxTotal: 25 * sec}, told{status: 503, header: "Retry-After: 10"}, 0, []time.Duration{10 * sec, 10 * sec}},
		{"a longer wait", RetryPolicy{MaxWait: time.Minute}, told{status: 429, header: "Retry-After: 50"}, 0, []time.Duration{50 * sec, 50 * sec}},
		{"a status", RetryPolicy{Statuses: []int{409, 425}}, told{status: 409}, 0, []time.Duration{sec, 2 * sec}},
		{"the context's deadline", RetryPolicy{}, busy, 2500 * time.Millisecond, []time.Duration{sec}},
		{"a wait until the deadline", RetryPolicy{}, busy, 3 * sec, []time.Duration{sec}},
		{"a wait before the deadline", RetryPolicy{}, busy, 3*sec + 1, []time.Duration{sec, 2 * sec}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newAPIWorld(t, "", tt.answer)
				w.core.jitter = func(d time.Duration) time.Duration {
					if d < 200*time.Millisecond {
						return 0 // of a limit
					}
					return d
				}
				ctx := t.Context()
				if tt.limit > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "/x", nil)
				resp, err := w.client(ClientOptions{Retry: tt.o}).Do(req)
				if status, text := body(t, resp, err); status != tt.answer.status || text != tt.answer.body {
					t.Errorf("%d %q, want the last answer", status, text)
				}
				diffWaits(t, w, tt.want...)
				for i, b := range w.bodies {
					if !b.closed {
						t.Errorf("answer %d is not closed", i+1)
					}
				}
			})
		})
	}
}

// Backoff is full jitter: anything from nothing to the longest wait of the turn.
func TestRetryJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "", told{status: 500})
		var asked []time.Duration
		w.core.jitter = func(d time.Duration) time.Duration {
			asked = append(asked, d)
			return d / 4
		}
		resp, err := w.client(ClientOptions{}).Get("/x")
		body(t, resp, err)
		diffWaits(t, w, 250*time.Millisecond, 500*time.Millisecond)
		if fmt.Sprint(asked) != "[1s 2s]" {
			t.Errorf("random waits up to %v", asked)
		}
	})
}

func TestRetryOptionsAreChecked(t *testing.T) {
	t.Parallel()
	for field, p := range map[string]RetryPolicy{
		"Retry.Attempts": {Attempts: -1}, "Retry.MaxWait": {MaxWait: -1}, "Retry.MaxTotal": {MaxTotal: -1}, "Retry.Backoff": {Backoff: -1},
		"Retry.Statuses": {Statuses: []int{503, 401}},
	} {
		w := newAPIWorld(t, "")
		_, err := w.client(ClientOptions{Retry: p}).Get("/x")
		var got *FieldError
		if !errors.As(err, &got) || got.Field != field || len(w.sent) > 0 {
			t.Errorf("%s: %v, sent %d", field, err, len(w.sent))
		}
	}
}

var (
	errDial = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	errLost = &net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}
)

func noBody() io.Reader     { return nil }
func textBody() io.Reader   { return strings.NewReader("text") }
func streamBody() io.Reader { return struct{ io.Reader }{strings.NewReader("text")} }

var methodTests = []struct {
	name   string
	method string
	body   func() io.Reader
	header string
	o      RetryPolicy
	answer told
	want   int // times
}{
	{"GET", "GET", noBody, "", RetryPolicy{}, told{status: 503}, 3},
	{"HEAD", "HEAD", noBody, "", RetryPolicy{}, told{status: 503}, 3},
	{"OPTIONS", "OPTIONS", noBody, "", RetryPolicy{}, told{status: 503}, 3},
	{"TRACE", "TRACE", noBody, "", RetryPolicy{}, told{status: 503}, 3},
	{"DELETE", "DELETE", noBody, "", RetryPolicy{}, told{status: 503}, 3},
	{"PUT", "PUT", textBody, "", RetryPolicy{}, told{status: 503}, 3},
	{"PUT of a stream", "PUT", streamBody, "", RetryPolicy{}, told{status: 503}, 1},
	{"PUT of a stream without a connection", "PUT", streamBody, "", RetryPolicy{}, told{err: errDial}, 1},
	{"POST", "POST", textBody, "", RetryPolicy{}, told{status: 503}, 1},
	{"POST, too many", "POST", textBody, "", RetryPolicy{}, told{status: 429, header: "Retry-After: 1"}, 1},
	{"PATCH", "PATCH", textBody, "", RetryPolicy{}, told{status: 503}, 1},
	{"a method of their own", "PURGE", noBody, "", RetryPolicy{}, told{status: 503}, 1},
	{"POST when asked", "POST", textBody, "", RetryPolicy{Unsafe: true}, told{status: 503}, 3},
	{"POST of a stream when asked", "POST", streamBody, "", RetryPolicy{Unsafe: true}, told{status: 503}, 1},
	{"POST with a key", "POST", textBody, "Idempotency-Key", RetryPolicy{}, told{status: 503}, 3},
	{"POST with an X key", "POST", textBody, "X-Idempotency-Key", RetryPolicy{}, told{status: 503}, 3},
	{"POST without a connection", "POST", textBody, "", RetryPolicy{}, told{err: errDial}, 3},
	{"POST whose answer was lost", "POST", textBody, "", RetryPolicy{}, told{err: errLost}, 1},
	{"POST at its end", "POST", textBody, "", RetryPolicy{}, told{err: io.EOF}, 1},
	{"GET whose answer was lost", "GET", noBody, "", RetryPolicy{}, told{err: errLost}, 3},
	{"GET at its end", "GET", noBody, "", RetryPolicy{}, told{err: io.ErrUnexpectedEOF}, 3},
	{"GET of no such host", "GET", noBody, "", RetryPolicy{}, told{err: &net.OpError{Op: "dial", Err: &net.DNSError{IsNotFound: true}}}, 1},
	{"GET while DNS is away", "GET", noBody, "", RetryPolicy{}, told{err: &net.OpError{Op: "dial", Err: &net.DNSError{IsTemporary: true}}}, 3},
	{"GET where it may not go", "GET", noBody, "", RetryPolicy{}, told{err: &net.OpError{Op: "dial", Err: ErrForbidden}}, 1},
	{"GET of nobody known", "GET", noBody, "", RetryPolicy{}, told{err: &tls.CertificateVerificationError{Err: errors.New("x")}}, 1},
	{"GET of no HTTP", "GET", noBody, "", RetryPolicy{}, told{err: errors.New("malformed HTTP response \"k3y\"")}, 1},
}

func TestRetryMethods(t *testing.T) {
	t.Parallel()
	for _, tt := range methodTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newAPIWorld(t, "", tt.answer)
				req, err := http.NewRequestWithContext(t.Context(), tt.method, "/x", tt.body())
				if err != nil {
					t.Fatal(err)
				}
				if tt.header != "" {
					req.Header.Set(tt.header, "once")
				}
				resp, err := w.client(ClientOptions{Retry: tt.o}).Do(req)
				switch {
				case tt.answer.err == nil:
					if status, _ := body(t, resp, err); status != tt.answer.status {
						t.Errorf("%d", status)
					}
				case !errors.Is(err, tt.answer.err) && !errors.Is(err, errMalformed):
					t.Errorf("Do = %v", err)
				}
				if len(w.sent) != tt.want {
					t.Errorf("sent %d times, want %d", len(w.sent), tt.want)
				}
				for _, s := range w.sent {
					if want := tt.body() != nil; (s.body == "text") != want || s.auth != "Bearer k3y" {
						t.Errorf("sent %+v", s)
					}
				}
			})
		})
	}
}
