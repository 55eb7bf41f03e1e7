package tieline

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// maxToken bounds a token that is given to us, in bytes.
const maxToken = 16 << 10

// tokenCall is a request to the provider's token endpoint, without parameters
// of the grant.
func (s *Subject) tokenCall() (*oauth.Call, error) {
	e := s.provider
	env := s.env()
	target, err := s.tokenURL(env)
	if err != nil {
		return nil, err
	}
	id, secret := s.client()
	call := &oauth.Call{
		URL: target, Method: e.TokenMethod, Format: oauth.Format(e.BodyFormat), Header: http.Header{},
		Params: map[string]any{}, Names: e.TokenParamNames,
		Auth: oauth.ClientAuth(e.ClientAuth), ClientID: id, ClientSecret: secret,
		Fields: responseFields(e), QueryParams: e.TokenQueryParams, RepeatedParams: e.TokenRepeatedParams,
		Success: success(e.Success),
	}
	for _, r := range e.Refresh.Errors {
		call.Rules = append(call.Rules, oauth.Rule{Status: int(r.Status), Code: r.Code, Class: oauth.Class(r.Class)})
	}
	for _, p := range e.TokenHeaders {
		v, send, err := p.Expand(env)
		if err != nil {
			return nil, configError(err)
		}
		if send {
			call.Header.Set(p.Name, v)
		}
	}
	if e.TokenSignature != nil {
		call.Sign = s.signTokenRequest
	}
	if secret == "" && e.AuthMode.IsMCP() {
		call.Auth = oauth.AuthNone // a client that registered itself has none
	}
	return call, nil
}

// badData is about a request that cannot be made of what the provider's entry and
// the connection say. Nothing was sent.
func badData(err error) *TokenError {
	return &TokenError{Class: ClassConfig, Code: "provider_data", Err: err}
}

// send makes a call to the token endpoint once.
func (s *Subject) send(ctx context.Context, call *oauth.Call) (*oauth.Answer, *oauth.Error) {
	out, err := s.identify(call)
	if err != nil {
		return nil, &oauth.Error{Class: oauth.Config, Code: "provider_data", Err: err}
	}
	return s.ask(ctx, out, call)
}

// identify completes a call with what says who makes it, and returns the way that it
// has to go.
func (s *Subject) identify(call *oauth.Call) (http.RoundTripper, error) {
	if call.Auth == oauth.ClientAuth(spec.ClientAuthPrivateKeyJWT) {
		if err := s.assertClient(call); err != nil {
			return nil, err
		}
	}
	if err := s.hook(call); err != nil {
		return nil, err
	}
	return s.certified(s.core.tokenHTTP)
}

func (s *Subject) tokenURL(env *template.Env) (*url.URL, error) {
	u := s.provider.TokenURL
	if u == nil {
		u = s.provider.TokenURLs[string(s.provider.AuthMode)]
	}
	if u == nil && s.provider.AuthMode == spec.Custom {
		u = s.provider.TokenURLs[string(spec.OAuth2)]
	}
	if u == nil {
		return nil, fmt.Errorf("%w: the provider has no token URL", ErrWrongMode)
	}
	target, err := u.Expand(env)
	if err != nil {
		return nil, configError(err)
	}
	return target, nil
}

// refreshURL is where the connection is refreshed.
func (s *Subject) refreshURL(env *template.Env) (*url.URL, error) {
	u := s.provider.RefreshURL
	if u == nil {
		return s.tokenURL(env)
	}
	target, err := u.Expand(env)
	if err != nil {
		return nil, configError(err)
	}
	return target, nil
}

// addParams adds what the provider's data says to send beside the grant's own
// parameters. The data may override those; that is what some providers need.
func (s *Subject) addParams(call *oauth.Call, tree spec.Tree) error {
	if tree.IsZero() {
		return nil
	}
	v, err := tree.Expand(s.env())
	if err != nil {
		return configError(err)
	}
	for _, m := range v.Map {
		call.Params[m.Name] = plainValue(m.Value)
	}
	return nil
}

// plainValue is a value as encoding/json takes it; numbers and booleans keep
// their text in forms.
func plainValue(v spec.Value) any {
	switch v.Kind {
	case spec.Object:
		m := make(map[string]any, len(v.Map))
		for _, e := range v.Map {
			m[e.Name] = plainValue(e.Value)
		}
		return m
	case spec.List:
		list := make([]any, len(v.List))
		for i, e := range v.List {
			list[i] = plainValue(e)
		}
		return list
	default:
		return v.Text
	}
}

func responseFields(e *spec.Entry) oauth.Fields {
	fields := fieldsOf(e.ResponseFields, e.ExpiresInUnit)
	fields.ExpiresAtFormat, fields.ExpiryInToken = oauth.ExpiresAtFormat(e.ExpiresAtFormat), e.ExpiryInToken
	if p := e.AlternateAccessTokenResponsePath; p != "" {
		fields.Alternates = []string{p}
	}
	if e.AuthMode == spec.OAuth2CC {
		fields.Alternates = append(fields.Alternates, "data", "data.token", "jwt")
	}
	return fields
}

func fieldsOf(f map[string]string, unit time.Duration) oauth.Fields {
	return oauth.Fields{
		AccessToken: f["access_token"], RefreshToken: f["refresh_token"], IDToken: f["id_token"], TokenType: f["token_type"],
		ExpiresIn: f["expires_in"], ExpiresAt: f["expires_at"], ExpiresInUnit: unit, Scope: f["scope"],
		Error: f["error"], ErrorDescription: f["error_description"],
	}
}

func success(s spec.Success) oauth.Success {
	return oauth.Success{Path: s.Path, Test: oauth.Test(s.Test), Want: s.Want, Status: s.Status}
}

// expiry is when a token expires that was asked for at issued. fallback is for
// an answer without a usable lifetime, after what the provider's data says; 0
// means that such a token is used until it is refused.
func (s *Subject) expiry(answer *oauth.Answer, issued time.Time, fallback time.Duration) time.Time {
	r := &s.provider.Refresh
	d := answer.Lifetime(issued)
	if r.MaxExpiresIn > 0 && d > r.MaxExpiresIn {
		d = 0
	}
	if d == 0 && !r.Introspect { // the provider is asked first
		d = r.DefaultExpiresIn
	}
	if d == 0 {
		d = fallback
	}
	if d == 0 {
		return time.Time{}
	}
	return issued.Add(d).UTC()
}

// capture takes from an answer, and from a callback, what the provider's data
// says is part of the connection. The callback wins. What does not fit its field
// is left out.
func (s *Subject) capture(answer *oauth.Answer, callback url.Values) map[string]string {
	out := s.captureFrom(spec.FromTokenResponse, func(path string) string {
		if answer == nil {
			return ""
		}
		v, _ := jsonpath.Text(jsonpath.At(answer.Values, path))
		return v
	})
	for name, v := range s.captureFrom(spec.FromCallback, callback.Get) {
		out = put(out, name, v)
	}
	return out
}

func (s *Subject) captureFrom(from spec.CaptureFrom, get func(path string) string) map[string]string {
	var out map[string]string
	for _, cp := range s.provider.Captures {
		if cp.From != from {
			continue
		}
		if v := get(cp.Path); v != "" && len(v) <= maxToken {
			out = put(out, cp.Field, v)
		}
	}
	// Who brings a callback chooses what is in it, and a value may become the
	// host that the credential goes to: it has to be what the field allows.
	_, _, problems := s.provider.ConnectionConfig.Validate(out, spec.ValidateOptions{Partial: true, AllowUnknown: true})
	for _, p := range problems {
		delete(out, p.Name)
	}
	return out
}

// splitScopes reads the granted scopes. Providers that join with a comma often
// answer with spaces, and the other way round.
func splitScopes(text, separator string) []string {
	return slices.Collect(strings.FieldsFuncSeq(text, func(r rune) bool {
		return r == ' ' || r == ',' || strings.ContainsRune(separator, r)
	}))
}

// revokeToken ends a grant at the provider's revocation endpoint (RFC 7009).
func (s *Subject) revokeToken(ctx context.Context, access, refresh Secret) error {
	r := s.provider.Revocation
	if r == nil {
		return nil
	}
	env := s.env()
	target, err := r.URL.Expand(env)
	if err != nil {
		return configError(err)
	}
	token, hint := refresh, "refresh_token"
	if r.Token == "access_token" || token.IsZero() && r.Token == "" {
		token, hint = access, "access_token"
	}
	if token.IsZero() {
		return nil
	}
	id, secret := s.client()
	call := &oauth.Call{
		URL: target, Method: r.Method, Format: oauth.Format(r.Body), Header: http.Header{},
		Params: map[string]any{r.TokenParam: token.Reveal()}, Auth: oauth.ClientAuth(r.Auth), ClientID: id, ClientSecret: secret,
	}
	if r.Auth == spec.ClientAuthBearer {
		call.Auth = oauth.AuthAbsent
		call.Header.Set("Authorization", "Bearer "+access.Reveal())
	}
	if r.TokenParam == "token" && r.Auth != spec.ClientAuthBearer {
		call.Params["token_type_hint"] = hint
	}
	if err := expandInto(r.Params, env, func(name, v string) { call.Params[name] = v }); err != nil {
		return err
	}
	if err := expandInto(r.Headers, env, call.Header.Set); err != nil {
		return err
	}
	if call.Auth == oauth.AuthNone && call.Header.Get("Authorization") != "" {
		call.Auth = oauth.AuthAbsent // the header says who the client is
	}
	out, err := s.identify(call)
	if err != nil {
		return err
	}
	if failure := oauth.Notify(ctx, out, call, s.core.now); failure != nil {
		return newTokenError(failure)
	}
	return nil
}

func expandInto(params []spec.Param, env *template.Env, set func(name, value string)) error {
	for _, p := range params {
		v, send, err := p.Expand(env)
		if err != nil {
			return configError(err)
		}
		if send {
			set(p.Name, v)
		}
	}
	return nil
}

// configError names the field that a template needs and cannot use.
func configError(err error) error {
	var missing *template.MissingError
	var value *template.ValueError
	switch {
	case errors.As(err, &missing) && fieldOf(missing.Ref) != "":
		return fmt.Errorf("%w: %w", &FieldError{Field: fieldOf(missing.Ref), Reason: "is required"}, err)
	case errors.As(err, &value) && fieldOf(value.Ref) != "":
		return fmt.Errorf("%w: %w", &FieldError{Field: fieldOf(value.Ref), Reason: value.Reason}, err)
	default:
		return err
	}
}

// fieldOf is the field that a variable stands for, empty if it is none.
func fieldOf(r template.Ref) string {
	switch r.Space {
	case "connectionConfig", "integrationConfig":
		return "config." + r.Name
	case "credentials":
		return "credential." + r.Name
	case "assertionOption":
		return "credential.options." + r.Name
	}
	return ""
}

// missingValue says whether an error is about a variable without a value.
func missingValue(err error) bool {
	var missing *template.MissingError
	return errors.As(err, &missing)
}

func basicAuth(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
