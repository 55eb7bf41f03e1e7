package tieline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/sign"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/internal/xmlbody"
)

// maxAPIAnswer bounds the answer of a call that is made around a connection, in
// bytes.
const maxAPIAnswer = 4 << 20

// maxFound bounds a value that is looked up, in bytes.
const maxFound = 2 << 10

// lookUp finds out what the provider's data wants to be known of a new connection,
// such as its tenant, and returns the grant with it. An application that gave the
// values spares it the look-up.
func (s *Subject) lookUp(ctx context.Context, g Grant, callback url.Values) (Grant, error) {
	if len(s.provider.Discovery) == 0 {
		return g, nil
	}
	found := maps.Clone(g.Captured)
	sub := s.withCredential(g.Credential).withCaptured(found)
	sub.searching = true
	for i := range s.provider.Discovery {
		d := &s.provider.Discovery[i]
		if d.OnlyIfMissing && sub.knows(d) {
			continue
		}
		values, err := sub.discovered(ctx, d, g, callback)
		if err != nil && d.Optional {
			continue
		}
		if err != nil {
			return g, lookUpError(d, err)
		}
		for name, v := range values {
			found = put(found, name, v)
		}
		sub = sub.withCaptured(values)
	}
	g.Captured = found
	return g, nil
}

func (s *Subject) knows(d *spec.Discovery) bool {
	return !slices.ContainsFunc(d.Values, func(v spec.DiscoveredValue) bool { return s.config[v.Name] == "" })
}

func lookUpError(d *spec.Discovery, err error) error {
	return fmt.Errorf("look up %s: %w", namesOf(d), err)
}

func namesOf(d *spec.Discovery) string {
	if d.Effect {
		return "nothing, and tell the provider of the connection"
	}
	names := make([]string, len(d.Values))
	for i, v := range d.Values {
		names[i] = v.Name
	}
	return strings.Join(names, ", ")
}

// discovered looks one thing up.
func (s *Subject) discovered(ctx context.Context, d *spec.Discovery, g Grant, callback url.Values) (map[string]string, error) {
	var source any
	switch d.From {
	case spec.DiscoverResponse:
		if len(d.Values) == 1 && d.Values[0].Answers {
			return s.answers(ctx, d)
		}
		answer, err := s.apiCall(ctx, d.Call)
		if err != nil {
			return nil, err
		}
		if d.Effect {
			return nil, nil
		}
		source = answer.value
	case spec.DiscoverTokenResponse:
		raw, _ := s.private.cred.field("raw")
		source = decodeLogin("", []byte(raw))
	case spec.DiscoverAccessToken, spec.DiscoverIDToken:
		token, _ := s.private.cred.field("accessToken")
		if d.From == spec.DiscoverIDToken {
			token = g.idToken
		}
		claims, ok := sign.Claims(token)
		if !ok {
			return nil, errors.New("the token is no JWT")
		}
		source = claims
	case spec.DiscoverCredential:
		id, _ := s.client()
		name, _ := s.private.cred.field("username")
		source = map[string]any{"clientId": id, "username": name}
	case spec.DiscoverCallback:
		values := map[string]any{}
		for name := range callback {
			values[name] = callback.Get(name)
		}
		source = values
	}
	out, err := d.Read(source, s.env())
	if err != nil {
		return nil, configError(err)
	}
	for name, v := range out {
		if len(v) > maxFound || strings.ContainsFunc(v, isControl) {
			return nil, &FieldError{Field: "config." + name, Reason: "what was found is longer than a value may be, or has a control character"}
		}
	}
	// A value may become the host that the credential goes to.
	_, _, problems := s.provider.ConnectionConfig.Validate(out, spec.ValidateOptions{Partial: true, AllowUnknown: true})
	return out, fieldErrors("config.", problems)
}

// answers looks up whether a call is answered. That it is refused is an answer as
// well; that the credential is, or that the provider is busy or failed, is none.
func (s *Subject) answers(ctx context.Context, d *spec.Discovery) (map[string]string, error) {
	answer, err := s.apiAsk(ctx, d.Call, nil)
	if err != nil {
		return nil, err
	}
	value := "true"
	switch {
	case answer.status >= 200 && answer.status < 300:
	case answer.status == http.StatusUnauthorized, answer.status == http.StatusRequestTimeout, answer.status == http.StatusTooManyRequests,
		answer.status < 400, answer.status >= 500:
		return nil, fmt.Errorf("the provider answered %d", answer.status)
	default:
		value = "false"
	}
	return map[string]string{d.Values[0].Name: value}, nil
}

// apiCall makes a call that the provider's data describes, with the connection's
// credential if it goes where that may go. Any status but 2xx is an error.
func (s *Subject) apiCall(ctx context.Context, call *spec.APICall) (*apiAnswer, error) {
	answer, err := s.apiAsk(ctx, call, nil)
	if err != nil {
		return nil, err
	}
	if answer.status < 200 || answer.status > 299 {
		return nil, fmt.Errorf("the provider answered %d", answer.status)
	}
	return answer, nil
}

// apiAnswer is the answer of an API.
type apiAnswer struct {
	loginAnswer
	status int
}

// apiAsk makes a call below base, or below the connection's own base URL if that is
// nil, and takes any status. It follows no redirect: a sign-in page is no good
// answer, and another host must not see the credential.
//
// last are headers that win over those of every call and may speak of the request,
// such as a signature of it.
func (s *Subject) apiAsk(ctx context.Context, call *spec.APICall, base *url.URL, last ...spec.Param) (*apiAnswer, error) {
	req, err := s.apiRequest(ctx, call, base)
	if err != nil {
		return nil, err
	}
	if err := expandInto(last, s.requestEnv(req), req.Header.Set); err != nil {
		return nil, err
	}
	rt, err := s.certified(s.core.apiHTTP)
	if err != nil {
		return nil, err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, outbound.SafeError(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAPIAnswer))
	if err != nil {
		return nil, outbound.SafeError(ctx, err)
	}
	answer := &apiAnswer{status: resp.StatusCode}
	answer.header, answer.raw, answer.value = resp.Header, string(body), decodeLogin(resp.Header.Get("Content-Type"), body)
	return answer, nil
}

func (s *Subject) apiRequest(ctx context.Context, call *spec.APICall, base *url.URL) (*http.Request, error) {
	env := s.env()
	target, err := call.URL.Expand(env)
	if err != nil {
		return nil, configError(err)
	}
	if base == nil {
		base, err = s.baseURL()
		if err != nil && !target.IsAbs() {
			return nil, err // it may be what is being looked up
		}
	}
	if base != nil {
		target = joinURL(base, target)
	}
	if !target.IsAbs() {
		return nil, &FieldError{Field: "url", Reason: "is relative, and the provider has no base URL"}
	}
	body, kind, err := callBody(call, env)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, target.String(), body)
	if err != nil {
		return nil, &FieldError{Field: "url", Reason: "cannot be used"}
	}
	if body != nil {
		req.Header.Set("Content-Type", kind)
	}
	if err := expandInto(call.Headers, env, req.Header.Set); err != nil {
		return nil, err
	}
	if !s.sendsTo(base, target) {
		return req, nil
	}
	own := req.Header.Clone()
	if err := s.core.attach(s, req); err != nil {
		return nil, err
	}
	maps.Copy(req.Header, own) // the call's own headers win over that of the auth mode
	return req, nil
}

// callBody is the body of a call and its media type; a nil body is none.
func callBody(call *spec.APICall, env *template.Env) (body io.Reader, kind string, err error) {
	if call.Data.Kind == spec.Null {
		return nil, "", nil
	}
	v, err := call.Data.Expand(env)
	if err != nil {
		return nil, "", configError(err)
	}
	var b []byte
	switch call.Body {
	case spec.BodyForm:
		b, err = formBody(v.Map)
		kind = "application/x-www-form-urlencoded"
	case spec.BodyXML:
		b, err = xmlbody.Encode(v)
		kind = "application/xml"
	default:
		b, err = json.Marshal(v)
		kind = "application/json"
	}
	return bytes.NewReader(b), kind, err
}

// formBody is a form, in which a mapping or a list is JSON.
func formBody(params spec.Map) ([]byte, error) {
	form := url.Values{}
	for _, p := range params {
		text := p.Value.Text
		if !p.Value.IsScalar() {
			b, err := json.Marshal(p.Value)
			if err != nil {
				return nil, err
			}
			text = string(b)
		}
		form.Set(p.Name, text)
	}
	return []byte(form.Encode()), nil
}

// sendsTo says whether the credential may go to a URL of the provider's data. A
// literal host in it is the provider's word that it is its own.
func (s *Subject) sendsTo(base, target *url.URL) bool {
	return s.reaches(base, target) || target.Scheme == "https" && s.namesHost(target.Hostname())
}

// namesHost says whether the provider's data has the host written out in a call
// of its own.
func (s *Subject) namesHost(host string) bool {
	named := func(u *template.URL) bool { return u != nil && slices.Contains(u.LiteralHosts(), host) }
	for i := range s.provider.Discovery {
		if c := s.provider.Discovery[i].Call; c != nil && named(c.URL) {
			return true
		}
	}
	for i := range s.provider.Verify {
		if named(s.provider.Verify[i].Call.URL) {
			return true
		}
	}
	if v := s.provider.Verification; v != nil && slices.ContainsFunc(v.Endpoints, named) {
		return true
	}
	if c := s.provider.ConfirmInstallation; c != nil && named(c.URL) {
		return true
	}
	return s.provider.Uninstall != nil && named(s.provider.Uninstall.URL)
}

// uninstall tells the provider that the connection is about to end, where its data
// has a call for that.
func (s *Subject) uninstall(ctx context.Context) error {
	if s.provider.Uninstall == nil {
		return nil
	}
	_, err := s.apiCall(ctx, s.provider.Uninstall)
	return err
}
