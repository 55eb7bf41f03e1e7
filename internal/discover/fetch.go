package discover

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/tieline/tieline/internal/outbound"
)

// userAgent is what requests say of their sender.
const userAgent = "tieline"

// get asks for u and follows redirects within its origin. The caller closes the
// answer's body. An Error has ErrUnreachable or ErrRedirect.
func get(ctx context.Context, rt http.RoundTripper, step string, u *url.URL, accept string) (*http.Response, *Error) {
	for hop := 0; ; hop++ {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, fail(step, ErrURL, "", 0)
		}
		req.Header.Set("Accept", accept)
		req.Header.Set("User-Agent", userAgent)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			return nil, unreachable(ctx, step, 0, err)
		}
		if !isRedirect(resp.StatusCode) {
			return resp, nil
		}
		_ = resp.Body.Close()
		next, err := u.Parse(resp.Header.Get("Location"))
		if err != nil || hop == maxRedirects || next.User != nil || !sameOrigin(u, next) {
			failure := fail(step, ErrRedirect, "", resp.StatusCode)
			failure.foreign = true
			return nil, failure
		}
		u = next
	}
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// unreachable keeps what may be shown of an error of the transport.
func unreachable(ctx context.Context, step string, status int, err error) *Error {
	failure := fail(step, ErrUnreachable, "", status)
	failure.cause = outbound.SafeError(ctx, err)
	return failure
}

// isNo says whether a status means that there is nothing, and not that there
// may be something at another time.
func isNo(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 400 && status < 500
}

// fetch gets the document at u.
func fetch(ctx context.Context, rt http.RoundTripper, step string, u *url.URL) (object, *Error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, failure := get(ctx, rt, step, u, "application/json")
	if failure != nil {
		return nil, failure
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusOK:
	case isNo(resp.StatusCode):
		return nil, fail(step, ErrNone, "", resp.StatusCode)
	default:
		return nil, fail(step, ErrStatus, "", resp.StatusCode)
	}
	return read(ctx, step, resp)
}

// read reads the object in an answer, whatever its Content-Type is.
func read(ctx context.Context, step string, resp *http.Response) (object, *Error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, unreachable(ctx, step, resp.StatusCode, err)
	}
	reason := ErrNotJSON
	if len(body) > maxBody {
		reason = ErrTooLarge
	} else if o, ok := parseObject(body); ok {
		return o, nil
	}
	failure := fail(step, reason, "", resp.StatusCode)
	failure.foreign = true
	return nil, failure
}

// firstOf reads the documents at the places until one is of what was asked about,
// and what that one says is final. A place that has none, or something else, is
// passed over: many servers answer every path with their start page. Of those
// the first is the error when nothing follows.
func firstOf[T any](ctx context.Context, rt http.RoundTripper, step string, places []*url.URL, parse func(object, *url.URL) (T, *Error)) (T, error) {
	var zero T
	var passed *Error
	for _, place := range places {
		var value T
		doc, failure := fetch(ctx, rt, step, place)
		if failure == nil {
			value, failure = parse(doc, place)
		}
		switch {
		case failure == nil:
			return value, nil
		case failure.foreign:
			if passed == nil || errors.Is(passed, ErrNone) {
				passed = failure
			}
		case errors.Is(failure, ErrNone):
			if passed == nil {
				passed = failure
			}
		default:
			return zero, failure
		}
	}
	return zero, passed
}
