package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/template"
)

// authorization compiles the keys of the authorization request.
func (c *checker) authorization(e *Entry) {
	p := c.p
	e.AuthorizationURL = c.url("authorization_url", p.AuthorizationURL, atAuthorize, 0)
	e.AuthorizationParams = c.params("authorization_params", p.AuthorizationParams, atAuthorize, template.Plain)
	e.DeviceAuthorizationURL = c.url("device_authorization_url", p.DeviceAuthorizationURL, atAuthorize, 0)
	e.PushedAuthorizationURL = c.url("pushed_authorization_url", p.PushedAuthorizationURL, atAuthorize, 0)
	e.RegistrationURL = c.url("registration_url", p.RegistrationURL, atAuthorize, 0)
	e.RequestURL = c.url("request_url", p.RequestURL, atAuthorize, 0)
	e.AccessTokenURL = c.url("access_token_url", p.AccessTokenURL, atAuthorize, 0)
	e.RequestParams = c.params("request_params", p.RequestParams, atAuthorize, template.Plain)
}

// token compiles the keys of the token request and of the steps that follow it.
func (c *checker) token(e *Entry) {
	p := c.p
	e.TokenURL = c.url("token_url", p.TokenURL.URL, atToken, 0)
	for _, mode := range slices.Sorted(maps.Keys(p.TokenURL.ByMode)) {
		if u := c.url("token_url."+mode, p.TokenURL.ByMode[mode], atToken, 0); u != nil {
			if e.TokenURLs == nil {
				e.TokenURLs = map[string]*template.URL{}
			}
			e.TokenURLs[mode] = u
		}
	}
	e.TokenParams = c.object("token_params", p.TokenParams, atToken, 0)
	if p.AuthMode.in(oauthModes...) {
		e.TokenParams = e.TokenParams.Without("grant_type")
	}
	e.TokenHeaders = c.headers("token_headers", p.TokenHeaders, atToken)
	for i, s := range p.AdditionalSteps {
		e.Steps = append(e.Steps, c.step(i, s, e))
	}
}

// step compiles the i-th additional step, which can see the answers of the
// first call, step1, and of the i steps before it.
func (c *checker) step(i int, s Step, e *Entry) CompiledStep {
	path := fmt.Sprintf("additional_steps[%d]", i)
	out := CompiledStep{
		URL:    c.url(path+".token_url", s.TokenURL, atStep, i+1),
		Params: c.object(path+".token_params", s.TokenParams, atStep, i+1),
		Method: "POST",
		Body:   e.BodyFormat,
	}
	if s.TokenRequestMethod != "" {
		out.Method = s.TokenRequestMethod
	}
	if s.BodyFormat != "" {
		out.Body = BodyFormat(s.BodyFormat)
	}
	for _, m := range s.TokenHeaders {
		item := joinPath(path+".token_headers", m.Name)
		if !validHeaderName(m.Name) {
			c.reject(item, "header-name", "this is not the name of a header")
			continue
		}
		o := c.options(item, atStep, i+1)
		o.Position = template.Header
		if t := c.textWith(item, m.Value.Text, o); t != nil {
			out.Headers = append(out.Headers, Param{Name: m.Name, Value: t, Optional: c.vars.optional(t.Refs())})
		}
	}
	if out.URL == nil && s.TokenURL == "" {
		c.reject(path, "missing-key", "a step needs a token_url")
	}
	return out
}

// refresh compiles the keys of the refresh request.
func (c *checker) refresh(e *Entry) {
	p := c.p
	e.RefreshURL = c.url("refresh_url", p.RefreshURL, atRefresh, 0)
	if e.RefreshURL == nil {
		e.RefreshURL = e.TokenURL
	}
	if e.RefreshURL == nil {
		e.RefreshURL = e.TokenURLs[string(OAuth2)]
	}
	// Parameters such as a resource or an audience are wanted again at the
	// refresh, unless the entry spells out what is; those of the code exchange
	// itself never are.
	if p.AuthMode.in(codeModes...) {
		e.RefreshParams = e.TokenParams.Without("redirect_uri", "code", "code_verifier")
	}
	if p.RefreshParams != nil {
		e.RefreshParams = c.object("refresh_params", p.RefreshParams, atRefresh, 0).Without("grant_type")
	}
	e.RefreshTokenParams = c.object("refresh_token_params", p.RefreshTokenParams, atRefresh, 0)
	e.Refresh.Headers = e.TokenHeaders
	if p.Refresh != nil && p.Refresh.Headers != nil {
		e.Refresh.Headers = c.headers("refresh.headers", p.Refresh.Headers, atRefresh)
	}
	e.RefreshTokenHeaders = e.TokenHeaders
	if p.RefreshTokenHeaders != nil {
		e.RefreshTokenHeaders = c.headers("refresh_token_headers", p.RefreshTokenHeaders, atRefresh)
	}
}

// signed compiles what is signed: tokens and assertions.
func (c *checker) signed(e *Entry) {
	p := c.p
	if p.Token != nil {
		e.Token = &CompiledToken{
			Lifetime: milliseconds(p.Token.ExpiresInMS),
			Header:   c.object("token.header", p.Token.Header, atSign, 0),
			Payload:  c.object("token.payload", p.Token.Payload, atSign, 0),
		}
		if p.Token.SigningKey != "" {
			// Two bars in a signing key are two bars: a key may be made of two
			// values joined by them.
			o := c.options("token.signing_key", atSign, 0)
			o.Fallback = false
			e.Token.SigningKey = c.textWith("token.signing_key", p.Token.SigningKey, o)
		}
	}
	if p.Assertion != nil {
		e.Assertion = c.assertion(p.Assertion)
	}
}

func (c *checker) assertion(a *Assertion) *CompiledAssertion {
	text := func(key, src string) *template.Text { return c.optionalText("assertion."+key, src, atAssertion) }
	out := &CompiledAssertion{SAML: a.Type != "jwt", Key: text("key", a.Key), Lifetime: seconds(a.LifetimeInSeconds)}
	if !out.SAML {
		out.Header = c.object("assertion.header", a.Header, atAssertion, 0)
		out.Payload = c.object("assertion.payload", a.Payload, atAssertion, 0)
		out.Lifetime = cmp.Or(out.Lifetime, time.Hour)
		return out
	}
	out.Lifetime = cmp.Or(out.Lifetime, 5*time.Minute)
	out.Issuer = text("issuer", a.Issuer)
	out.NameIdentifier = text("nameIdentifier", a.NameIdentifier)
	out.Recipient = text("recipient", a.Recipient)
	out.SessionIndex = text("sessionIndex", a.SessionIndex)
	out.InResponseTo = text("inResponseTo", a.InResponseTo)
	out.UID = text("uid", a.UID)
	out.Attributes = c.params("assertion.attributes", a.Attributes, atAssertion, template.Plain)
	audiences := a.Audiences.List
	if a.Audiences.Kind == String {
		audiences = []Value{a.Audiences}
	}
	for _, v := range audiences {
		if t := text("audiences", v.Text); t != nil {
			out.Audiences = append(out.Audiences, t)
		}
	}
	return out
}
