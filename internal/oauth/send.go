package oauth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline/internal/outbound"
)

// maxBody bounds an answer, in bytes, also once it is unpacked. What lies beyond
// is not read. Tokens have been seen behind more than anybody would expect.
const maxBody = 4 << 20

// Error is a failed call. Its text has no part of the answer but the error
// code: servers echo what they were sent.
type Error struct {
	Class       Class
	Status      int           // of the answer, 0 without one
	Code        string        // RFC 6749 section 5.2, empty if the server gave none that looks like one
	Description string        // the server's text, not to be printed
	RetryAfter  time.Duration // what the server asked for, 0 if it did not
	Err         error         // what happened to the connection, nil with an answer
}

func (e *Error) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("token endpoint not reached or answer lost (%s): %v", e.Class, e.Err)
	case e.Code != "":
		return fmt.Sprintf("token endpoint answered %d, %s (%s)", e.Status, e.Code, e.Class)
	default:
		return fmt.Sprintf("token endpoint answered %d (%s)", e.Status, e.Class)
	}
}

func (e *Error) Unwrap() error { return e.Err }

// Send makes the call once, whatever happens. It follows no redirect. A nil
// error means that the answer is a success and has an access token, unless the
// call needs none. With an error, the answer is nil or has a new refresh token
// all the same, which must be kept.
func Send(ctx context.Context, rt http.RoundTripper, call *Call, now func() time.Time) (*Answer, *Error) {
	answer, _, failure := send(ctx, rt, call, now)
	if failure == nil || answer != nil && answer.RefreshToken != "" {
		return answer, failure
	}
	return nil, failure
}

// Notify makes a call once whose answer is its status, such as a revocation
// (RFC 7009 section 2.2).
func Notify(ctx context.Context, rt http.RoundTripper, call *Call, now func() time.Time) *Error {
	answer, yes, failure := send(ctx, rt, call, now)
	if answer != nil && yes && (answer.ErrorCode == "" || call.Success.Path != "") {
		return nil
	}
	return failure
}

// send makes the call. The answer is nil when there was none. yes says that the
// status and what the call asks of an answer are those of a success.
func send(ctx context.Context, rt http.RoundTripper, call *Call, now func() time.Time) (answer *Answer, yes bool, failure *Error) {
	req, err := call.request(ctx)
	if err != nil {
		return nil, false, &Error{Class: Config, Err: err}
	}
	// A transport that asks for a connection tells when it has one and writes.
	// One that does not is not net/http's, and may have sent anything.
	var asked, wrote atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:      func(string) { asked.Store(true) },
		WroteHeaders: func() { wrote.Store(true) },
	}))
	resp, err := rt.RoundTrip(req)
	if err != nil {
		class := Ambiguous
		if errors.Is(err, outbound.ErrForbidden) || asked.Load() && !wrote.Load() {
			class = NotSent
		}
		return nil, false, &Error{Class: class, Err: outbound.SafeError(ctx, err)}
	}
	defer resp.Body.Close()
	// A body that breaks off may still hold the tokens.
	body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	body = unpack(body, resp.Header.Get("Content-Encoding"))
	answer = Parse(body, call.Fields, now())
	answer.Status = resp.StatusCode
	yes, answer.ErrorCode = call.Success.check(answer, body)
	if call.sent(answer.ErrorCode) {
		answer.ErrorCode = ""
	}
	yes = yes && call.Success.good(resp.StatusCode)
	if !sendable(answer.AccessToken) {
		answer.AccessToken = "" // no header could carry it
	}
	if yes && (answer.AccessToken != "" || call.NoToken && call.prolongs(answer, body)) {
		return answer, yes, nil
	}
	if call.sent(answer.RefreshToken) {
		answer.RefreshToken = "" // it only repeats what it was sent
	}
	failure = &Error{
		Class:       classify(resp.StatusCode, answer.ErrorCode, resp.Header, call.Rules),
		Status:      resp.StatusCode,
		Code:        answer.ErrorCode,
		Description: answer.ErrorDescription,
		RetryAfter:  RetryAfter(resp.Header, now()),
	}
	if readErr != nil && answer.ErrorCode == "" {
		failure.Class, failure.Err = Ambiguous, outbound.SafeError(ctx, readErr)
	}
	return answer, yes, failure
}

// prolongs says whether an answer without an access token, but with a good
// status, is a yes: what the call asks for was said, or nothing speaks against
// it. A page that is no answer of the endpoint speaks against it.
func (c *Call) prolongs(a *Answer, body []byte) bool {
	if c.Success.Path != "" {
		return true
	}
	return a.ErrorCode == "" && (!a.Torn || len(body) == 0)
}

// sendable says whether a token can be part of a header (RFC 6750 section 2.1).
func sendable(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r == 0x7f })
}
