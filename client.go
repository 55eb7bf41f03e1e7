package tieline

import (
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
// provider's data lists, also after redirects; other hosts get the request
// without it. An answer 401 is taken as a reason to refresh once, and the
// request is then repeated if its body can be had again ([http.Request.GetBody]).
//
// The request's context governs; the client has no timeout of its own. Errors
// of the connection, such as ErrReauthRequired, are found inside the
// [*url.Error] with errors.Is.
func (m *Connections) HTTPClient(integration, id string) *http.Client {
	return &http.Client{Transport: &transport{handle{core: m.core, integration: integration, id: id}}}
}

// transport is the RoundTripper of a connection.
type transport struct {
	handle handle
}

// maxDrain is how much of an answer that is thrown away is read so that its
// connection can be used again, in bytes.
const maxDrain = 64 << 10

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.roundTrip(req)
	if err != nil {
		return nil, opError("connections: request", err, t.handle.integration, t.handle.id)
	}
	return resp, nil
}

func (t *transport) roundTrip(req *http.Request) (*http.Response, error) {
	s, err := t.handle.get(req.Context())
	if err != nil {
		closeReader(req.Body)
		return nil, err
	}
	resp, attached, err := t.send(s, req, req.Body)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !attached {
		return resp, err
	}
	return t.again(s, req, resp)
}

// again repeats a request that was answered 401 with a newer credential, if
// there is one to be had. If not, the caller gets the 401.
func (t *transport) again(s *snapshot, req *http.Request, refused *http.Response) (*http.Response, error) {
	if req.Body != nil && req.Body != http.NoBody && req.GetBody == nil {
		return refused, nil
	}
	newer, err := t.handle.renewed(req.Context(), s)
	if err != nil || sameCredential(newer.cred, s.cred) {
		if isContextError(err) {
			_ = refused.Body.Close()
			return nil, err
		}
		return refused, nil
	}
	body := req.Body
	if req.GetBody != nil {
		if body, err = req.GetBody(); err != nil {
			return refused, nil
		}
	}
	_, _ = io.CopyN(io.Discard, refused.Body, maxDrain)
	_ = refused.Body.Close()
	resp, _, err := t.send(newer, req, body)
	return resp, err
}

// send makes the request as it leaves: with an absolute URL, and with the
// credential if that may go there. The caller's request is not changed.
func (t *transport) send(s *snapshot, req *http.Request, body io.ReadCloser) (resp *http.Response, attached bool, err error) {
	target, err := resolve(s, req.URL)
	if err != nil {
		closeReader(body)
		return nil, false, err
	}
	out := req.Clone(req.Context())
	out.URL, out.Body = target, body
	if s.base != nil && reaches(s.subject.provider, s.base, target) {
		if err := t.handle.core.attach(s.subject, out); err != nil {
			closeReader(body)
			return nil, false, err
		}
		attached = true
	}
	rt := t.handle.core.apiHTTP
	if attached {
		if rt, err = s.subject.certified(rt); err != nil {
			closeReader(body)
			return nil, false, err
		}
	}
	resp, err = rt.RoundTrip(out)
	if err != nil {
		return nil, attached, withoutAnswer(err)
	}
	// What the caller gets to see has no credential in it.
	shown := *req
	shown.URL = target
	resp.Request = &shown
	absoluteLocation(resp, target)
	return resp, attached, nil
}

// errMalformed stands for errors in which net/http quotes the answer.
var errMalformed = errors.New("the server's answer is not HTTP")

func withoutAnswer(err error) error {
	if text := err.Error(); strings.Contains(text, "malformed HTTP") || strings.Contains(text, "malformed MIME") {
		return errMalformed
	}
	return err
}

// resolve makes a URL absolute. One without a host belongs behind the base URL.
func resolve(s *snapshot, u *url.URL) (*url.URL, error) {
	switch {
	case u.Host != "" && u.Scheme != "":
		c := *u
		return &c, nil
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
