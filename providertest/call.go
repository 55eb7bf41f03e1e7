package providertest

import (
	"bytes"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Endpoint names a part of the provider, to aim a [Fault] at and to count by.
type Endpoint string

// The endpoints. The three kinds of token request are told apart by their grant type.
const (
	Any               Endpoint = ""          // every request; only to aim at
	Authorize         Endpoint = "authorize" // the consent page, shown and answered
	Token             Endpoint = "token"     // every request to the token endpoint
	Exchange          Endpoint = "exchange"  // of these: an authorization code
	Refresh           Endpoint = "refresh"   // of these: a refresh token
	ClientCredentials Endpoint = "client_credentials"
	Revoke            Endpoint = "revoke"
	API               Endpoint = "api"
	Other             Endpoint = "other" // any other path
)

// maxBody is the longest request body the provider takes, in bytes.
const maxBody = 4 << 20

// call is one request on its way through the provider.
type call struct {
	r       *http.Request // a copy for hooks: its form is parsed and its body unread
	body    []byte
	form    url.Values // of the body
	kind    Endpoint   // Token only if it is none of its three kinds
	arrived time.Time
	fault   Fault  // the zero Fault when none struck
	grant   *grant // of the refresh token presented, if the provider knows it
}

// receive reads a request, counts its arrival and picks its fault. Whoever
// called it must call run.
func (s *Server) receive(r *http.Request) (*call, error) {
	c := &call{arrived: s.options.Now()}
	if r.Body != nil {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
		if err != nil {
			return nil, err
		}
		c.body = body
	}
	c.r = r.Clone(r.Context())
	c.parse()
	c.kind = classify(r.URL.Path, c.form.Get("grant_type"))
	if !s.enter() {
		return nil, errConnClosed
	}
	s.arrive(c)
	picked := false
	defer func() {
		if !picked { // a hook panicked
			s.leave(c)
			s.calls.Done()
		}
	}()
	c.fault = s.pickFault(c)
	picked = true
	return c, nil
}

// parse fills in the form, for us and for hooks.
func (c *call) parse() {
	c.form = url.Values{}
	if t, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type")); err == nil && t == formType {
		if form, err := url.ParseQuery(string(c.body)); err == nil {
			c.form = form
		}
	}
	c.r.PostForm = c.form
	c.r.Form = c.r.URL.Query()
	for k, v := range c.form {
		c.r.Form[k] = append(append([]string(nil), v...), c.r.Form[k]...)
	}
}

// hookRequest is the request for one more hook, its body unread again.
func (c *call) hookRequest() *http.Request {
	c.r.Body = io.NopCloser(bytes.NewReader(c.body))
	return c.r
}

func classify(path, grantType string) Endpoint {
	switch {
	case path == "/authorize":
		return Authorize
	case path == "/token":
		switch grantType {
		case "authorization_code":
			return Exchange
		case "refresh_token":
			return Refresh
		case "client_credentials":
			return ClientCredentials
		}
		return Token
	case path == "/revoke":
		return Revoke
	case strings.HasPrefix(path, "/api/"):
		return API
	}
	return Other
}

// run serves a received request to its end, with whatever its fault does to it.
// An error means that the connection ends without an answer.
func (s *Server) run(ctx context.Context, c *call) (Answer, error) {
	defer s.calls.Done()
	defer s.leave(c)
	a, err := s.answer(ctx, c)
	s.log(c, a, err)
	return a, err
}

func (s *Server) answer(ctx context.Context, c *call) (Answer, error) {
	f := &c.fault
	if f.Refused || f.Dropped {
		return Answer{}, errConnClosed
	}
	if err := s.wait(ctx, f.Delay); err != nil {
		return Answer{}, err
	}
	var a Answer
	if f.processes() {
		a = s.dispatch(c)
	}
	f.shape(&a)
	if err := s.wait(ctx, f.DelayAfter); err != nil {
		return Answer{}, err
	}
	if f.Lost {
		return Answer{}, errConnClosed
	}
	return a, nil
}

func (s *Server) dispatch(c *call) Answer {
	if len(c.body) > maxBody {
		return textAnswer(http.StatusRequestEntityTooLarge, "the body is too long\n")
	}
	switch c.kind {
	case Authorize:
		return s.authorize(c)
	case Exchange, Refresh, ClientCredentials, Token:
		return s.token(c)
	case Revoke:
		return s.revocation(c)
	case API:
		return s.api(c)
	}
	if c.r.URL.Path == "/" {
		return textAnswer(http.StatusOK, "Acme, a provider to test against: /authorize /token /revoke /api/me\n")
	}
	return textAnswer(http.StatusNotFound, "no such page\n")
}

// log writes one record for a request. Nothing in it is secret: no query, no body.
func (s *Server) log(c *call, a Answer, err error) {
	outcome := "answered"
	switch {
	case err != nil:
		outcome = "not answered"
	case a.truncated:
		outcome = "answered in part"
	}
	s.options.Logger.Info("providertest: request", "endpoint", string(c.kind), "method", c.r.Method,
		"path", c.r.URL.Path, "status", a.Status, "outcome", outcome)
}
