package tieline

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// The answers of the matrix. A code of "" is JSON without an error, and "html"
// a page.
var (
	matrixStatuses = []int{200, 202, 307, 400, 401, 403, 404, 405, 408, 409, 422, 429, 500, 502, 503, 504}
	matrixCodes    = []string{
		"invalid_grant", "invalid_refresh_token", "token_revoked", "bad_refresh_token",
		"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"slow_down", "temporarily_unavailable", "server_error", "invalid_request", "access_denied", "consent_required",
		"", "html",
	}
)

// cell is one answer that a token endpoint gives again and again.
type cell struct {
	status     int
	code       string
	retryAfter bool
}

func (c cell) String() string {
	name := fmt.Sprintf("%d %s", c.status, c.code)
	if c.retryAfter {
		name += " Retry-After"
	}
	return name
}

const matrixRetryAfter = 2 * time.Minute

// class is the table of the protocol, written down a second time. Where two of
// its lines claim an answer, the provider's word that it has not looked (429, and
// 503 with a Retry-After) goes first, then what the error code says, then what
// the status says. What no line claims may have spent the token.
func (c cell) class() ErrorClass {
	oauth := c.code != "" && c.code != "html"
	switch {
	case c.status == 429, c.status == 503 && c.retryAfter:
		return ClassTransient
	case slices.Contains([]string{"slow_down", "temporarily_unavailable"}, c.code):
		return ClassTransient
	case slices.Contains([]string{"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}, c.code):
		return ClassConfig
	case slices.Contains([]string{"invalid_grant", "invalid_refresh_token", "token_revoked", "bad_refresh_token"}, c.code):
		return ClassPermanent
	case c.code == "server_error", c.code == "invalid_request":
		return ClassAmbiguous
	case c.status == 401 && !oauth, c.status == 404, c.status == 405:
		return ClassConfig
	case c.status == 307:
		// Not in the table, but a redirect that is not followed is an answer of
		// something in front of the endpoint.
		if oauth {
			return ClassAmbiguous
		}
		return ClassConfig
	}
	return ClassAmbiguous
}

func (c cell) fault() providertest.Fault {
	f := providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: c.status}
	switch c.code {
	case "html":
		f.Body = "<!doctype html><title>sorry</title>"
	case "":
		f.Body = `{"message":"sorry"}`
	default:
		f.OAuthError = c.code
	}
	if c.status == 307 {
		f.Header = http.Header{"Location": {"http://provider.test/elsewhere"}}
	}
	if c.retryAfter {
		f.RetryAfter = fmt.Sprint(int(matrixRetryAfter / time.Second))
	}
	return f
}

func TestStatusAndErrorMatrix(t *testing.T) {
	t.Parallel()
	for _, status := range matrixStatuses {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			for _, code := range matrixCodes {
				for _, retryAfter := range []bool{false, true} {
					c := cell{status, code, retryAfter}
					t.Run(c.String(), func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) { c.test(t) })
					})
				}
			}
		})
	}
}

// sendTimes are the moments at which requests went to a token endpoint.
type sendTimes struct {
	mu  sync.Mutex
	all []time.Time
}

func (s *sendTimes) note(*http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, time.Now())
}

func (s *sendTimes) since(start time.Time) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []time.Duration
	for _, at := range s.all {
		out = append(out, at.Sub(start))
	}
	return out
}

// test asks for the credential every five seconds, from when it is due until
// after it has expired, and compares what comes of it with the class.
func (c cell) test(t *testing.T) {
	const life, poll = time.Hour, 5 * time.Second
	start := time.Now()
	w := connected(t, worldOptions{})
	var sent sendTimes
	w.core.tokenHTTP = hookedTripper{next: w.core.tokenHTTP, before: sent.note}
	w.provider.Fail(c.fault())
	first := w.credential()
	time.Sleep(52 * time.Minute)
	for ; time.Since(start) < life; time.Sleep(poll) {
		// A refresh that fails costs nobody the token that still works.
		cred, err := w.Connections.Credential(t.Context(), "acme", "alice")
		if time.Since(start) >= life {
			break // it was waited for in the last moments of the token
		}
		if err != nil || !cred.(*OAuth2Token).AccessToken.Equal(first.AccessToken) {
			t.Fatalf("after %v the token that works was not served: %v", time.Since(start), err)
		}
	}
	_, err := w.Connections.Credential(t.Context(), "acme", "alice")
	synctest.Wait() // what failed is told first and stored then
	conn, gerr := w.Connections.Get(t.Context(), "acme", "alice")
	if gerr != nil || conn.LastError == nil {
		t.Fatalf("connection %+v, %v", conn, gerr)
	}
	class := c.class()
	if conn.LastError.Class != class {
		t.Errorf("class %s, want %s", conn.LastError.Class, class)
	}
	var failure *RefreshError
	if !errors.As(err, &failure) {
		t.Fatalf("after it had expired: %v", err)
	}
	wantReauth := class == ClassPermanent
	if failure.Reauth != wantReauth || errors.Is(err, ErrReauthRequired) != wantReauth || errors.Is(err, ErrRefreshFailed) == wantReauth {
		t.Errorf("after it had expired: %v, want the user asked for: %t", err, wantReauth)
	}
	if wantStatus := map[bool]Status{true: StatusNeedsReauth, false: StatusActive}[wantReauth]; conn.Status != wantStatus {
		t.Errorf("status %s, want %s", conn.Status, wantStatus)
	}
	if n := w.provider.Stats().Requests[providertest.Other]; n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
	c.checkTimes(t, class, sent.since(start.Add(52*time.Minute)), poll)
}

// checkTimes compares when requests were sent, counted from when the credential
// was first asked for after it was due, with what the class demands.
func (c cell) checkTimes(t *testing.T, class ErrorClass, at []time.Duration, poll time.Duration) {
	t.Helper()
	const confirm, lastMoments, expiry = 5 * time.Second, 90 * time.Second, 8 * time.Minute
	between := func(i int, least, most time.Duration) {
		t.Helper()
		if i >= len(at) || at[i] < least || at[i] > most {
			t.Errorf("requests at %v, want number %d between %v and %v", at, i+1, least, most)
		}
	}
	for i := 1; i < len(at); i++ {
		if at[i]-at[i-1] < 2*time.Second {
			t.Errorf("requests at %v: one attempt sent two", at)
		}
	}
	between(0, 0, 0)
	switch class {
	case ClassPermanent:
		between(1, confirm, confirm+time.Second)
		if len(at) > 2 {
			t.Errorf("requests at %v, want a refusal and its confirmation, and no more", at)
		}
	case ClassTransient:
		least, most := 2500*time.Millisecond, 5*time.Second+poll
		if c.retryAfter {
			least, most = matrixRetryAfter, matrixRetryAfter+poll
		}
		between(1, least, most)
	case ClassAmbiguous:
		// Reuse may be punished, so the token that still works is used up first.
		between(1, expiry-lastMoments, expiry-lastMoments+poll)
	case ClassConfig:
		between(1, 2*time.Second, expiry+time.Second)
	case ClassNotSent:
		t.Error("no answer means that nothing was sent")
	}
}
