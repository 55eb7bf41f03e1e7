package tieline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// HTTPClient returns a client that acts as the connection towards the provider's
// API. It is cheap to make and touches nothing before the first request.
//
// URLs may be relative to the provider's base URL: client.Get("/user"). The
// credential goes only to the base URL's own origin and to the hosts that the
// provider's data or [Integration.APIHosts] lists, also after redirects; other hosts
// get the request without it. With the credential, the Host header is that of the
// URL. An answer 401 is taken as a reason to refresh once, and the
// request is then repeated if its body can be had again ([http.Request.GetBody]).
// If not, the caller gets the 401, and the next request the new credential.
//
// Requests that failed are repeated as the zero [RetryPolicy] says, and wait while
// the provider wants the connection to; [Connections.HTTPClientWith] takes other
// rules.
//
// The request's context governs; the client has no timeout of its own. Errors
// of the connection, such as ErrReauthRequired, are found inside the
// [*url.Error] with errors.Is.
func (m *Connections) HTTPClient(integration, id string) *http.Client {
	return m.HTTPClientWith(integration, id, ClientOptions{})
}

// HTTPClientWith is HTTPClient with other rules. If the options cannot be accepted,
// every request is answered with an error that says why.
func (m *Connections) HTTPClientWith(integration, id string, o ClientOptions) *http.Client {
	return &http.Client{Transport: m.transport(integration, id, o)}
}

func (m *Connections) transport(integration, id string, o ClientOptions) *transport {
	t := &transport{handle: handle{core: m.core, integration: integration, id: id}, ignoreLimits: o.IgnoreLimits}
	t.retry, t.invalid = o.Retry.withDefaults()
	return t
}

// transport is the RoundTripper of a connection.
type transport struct {
	handle       handle
	retry        RetryPolicy // defaults filled in
	ignoreLimits bool
	invalid      error // of the options
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.roundTrip(req)
	if err != nil {
		return nil, opError("connections: request", err, t.handle.integration, t.handle.id)
	}
	return resp, nil
}

// again repeats a request that was answered 401 with a newer credential, if
// there is one to be had. If not, or if the body is gone, the caller gets the 401;
// in the latter case what the caller sends next has the newer credential.
func (c *apiCall) again(s *snapshot, refused sent) sent {
	ctx := c.req.Context()
	newer, err := c.t.handle.renewed(ctx, s)
	if err != nil || sameCredential(newer.cred, s.cred) {
		if isContextError(err) {
			_ = refused.resp.Body.Close()
			return sent{err: err}
		}
		return refused
	}
	if !c.hasBodyAgain() {
		return refused
	}
	body, err := c.bodyAgain()
	if err != nil {
		return refused
	}
	drain(refused.resp.Body)
	return c.send(newer, body)
}

// sent is what became of a request.
type sent struct {
	resp     *http.Response
	err      error
	s        *snapshot
	attached bool // the credential went along
	left     bool // err is of the network: the request may have gone out
}

// send makes the request as it leaves: with an absolute URL, and with the
// credential if that may go there. The caller's request is not changed.
func (c *apiCall) send(s *snapshot, body io.ReadCloser) (r sent) {
	r.s = s
	fail := func(err error) sent {
		closeReader(body)
		r.err = err
		return r
	}
	target, err := resolve(s, c.req.URL)
	if err != nil {
		return fail(err)
	}
	core := c.t.handle.core
	out := outgoing(c.req, target, body)
	rt := core.apiHTTP
	if s.takes(target) {
		// A server of many customers goes by this, and would hand the credential to
		// another one.
		out.Host = ""
		if err := core.attach(s.subject, out); err != nil {
			return fail(err)
		}
		if rt, err = s.subject.certified(rt); err != nil {
			return fail(err)
		}
		r.attached = true
	}
	c.sends++
	told := core.operation(c.req.Context(), Operation{
		Name: OpAPICall, Integration: c.t.handle.integration, Connection: c.t.handle.id, Provider: s.subject.provider.Name,
		Method: out.Method, Attempt: c.sends,
	})
	r.resp, err = rt.RoundTrip(out)
	if err != nil {
		r.err, r.left = unreached(withoutAnswer(err)), true
		told.finish(Result{Err: r.err})
		return r
	}
	told.finish(Result{Status: r.resp.StatusCode})
	// What the caller gets to see has no credential in it.
	shown := *c.req
	shown.URL = target
	r.resp.Request = &shown
	if r.resp.StatusCode >= 300 && r.resp.StatusCode < 400 {
		r.resp.Request = shown.WithContext(context.WithValue(shown.Context(), beganKey{}, c.began))
	}
	absoluteLocation(r.resp, target)
	return r
}

// outgoing is a copy of the caller's request that can be changed.
func outgoing(req *http.Request, target *url.URL, body io.ReadCloser) *http.Request {
	out := req.WithContext(req.Context())
	u := *target
	out.URL, out.Body = &u, body
	if out.Header = req.Header.Clone(); out.Header == nil {
		out.Header = http.Header{}
	}
	return out
}

// takes says whether the credential may go to target.
func (s *snapshot) takes(target *url.URL) bool {
	return s.subject.reaches(s.base, target)
}

// errMalformed stands for errors in which net/http quotes the answer.
var errMalformed = errors.New("the server's answer is not HTTP")

// unreached marks an error of the network.
func unreached(err error) error {
	if isContextError(err) || errors.Is(err, ErrForbidden) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

func withoutAnswer(err error) error {
	if text := err.Error(); strings.Contains(text, "malformed HTTP") || strings.Contains(text, "malformed MIME") {
		return errMalformed
	}
	return err
}

// resolve makes a URL absolute. One without a host belongs behind the base URL.
func resolve(s *snapshot, u *url.URL) (*url.URL, error) {
	switch {
	case u.Host != "" && u.Scheme != "" && u.Opaque == "":
		return u, nil
	case u.Host != "" || u.Scheme != "" || u.Opaque != "":
		return nil, &FieldError{Field: "url", Reason: "must be absolute, or a path"}
	case s.baseErr != nil:
		return nil, s.baseErr
	case s.base == nil:
		return nil, fmt.Errorf("%w: the provider has no base URL, so the request needs an absolute one", ErrInvalid)
	}
	return joinURL(s.base, u), nil
}

// absoluteLocation spares http.Client from resolving a redirect against the
// relative URL that it was given.
func absoluteLocation(resp *http.Response, target *url.URL) {
	location := resp.Header.Get("Location")
	if location == "" {
		return
	}
	if u, err := target.Parse(location); err == nil {
		resp.Header.Set("Location", u.String())
	}
}

func closeReader(body io.Closer) {
	if body != nil {
		_ = body.Close()
	}
}
