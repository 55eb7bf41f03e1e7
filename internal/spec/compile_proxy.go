package spec

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// proxy compiles how the API is called.
func (c *checker) proxy(e *Entry) {
	e.Retry = &CompiledRetry{}
	p := c.p.Proxy
	if p == nil {
		return
	}
	e.BaseURL = c.url("proxy.base_url", p.BaseURL, atBase, 0)
	e.ProxyHeaders = c.headers("proxy.headers", p.Headers, atRequest)
	e.ProxyQuery = c.params("proxy.query", p.Query, atParam, template.Plain)
	e.ProxyBody = c.object("proxy.body", p.Body, atParam, 0)
	e.Retry = p.Retry.compile()
	if p.Paginate.Works() {
		e.Paginate = p.Paginate
	}
	if p.Verification != nil {
		e.Verification = c.verification(p.Verification, e)
	}
}

// Works reports whether the keys suffice to find the next page.
func (p *Paginate) Works() bool {
	if p == nil {
		return false
	}
	switch p.Type {
	case "link":
		return p.LinkRelInResponseHeader != "" || p.LinkPathInResponseBody != ""
	case "cursor":
		return p.CursorNameInRequest != "" && p.CursorPathInResponse != ""
	case "offset":
		return p.OffsetNameInRequest != ""
	}
	return false
}

func (c *checker) verification(v *ProxyVerify, e *Entry) *Verification {
	const path = "proxy.verification"
	out := &Verification{
		Method:  cmp.Or(strings.ToUpper(v.Method), "GET"),
		Headers: c.headers(path+".headers", v.Headers, atParam),
		BaseURL: e.BaseURL,
		Data:    c.tree(path+".data", v.Data, func(path string) template.Options { return c.options(path, atParam, 0) }),
	}
	if v.BaseURLOverride != "" {
		out.BaseURL = c.url(path+".base_url_override", v.BaseURLOverride, atBase, 0)
	}
	for i, endpoint := range v.Endpoints {
		item := fmt.Sprintf("%s.endpoints[%d]", path, i)
		u, err := template.CompileEndpoint(endpoint, c.urlOptions(item, atBase, 0))
		if err != nil {
			c.failed(item, err)
			continue
		}
		out.Endpoints = append(out.Endpoints, u)
	}
	return out
}

// endpoints compiles the URLs around the grant.
func (c *checker) endpoints(e *Entry) {
	p := c.p
	e.UserinfoURL = c.url("userinfo_url", p.UserinfoURL, atBase, 0)
	if r := p.Revocation; r != nil {
		e.Revocation = &Revocation{
			URL:        c.url("revocation.url", r.URL, atRevoke, 0),
			Method:     cmp.Or(strings.ToUpper(r.Method), "POST"),
			Token:      r.Token,
			TokenParam: cmp.Or(r.TokenParam, "token"),
			Auth:       cmp.Or(ClientAuth(r.Auth), e.ClientAuth),
			Body:       cmp.Or(BodyFormat(r.BodyFormat), BodyForm),
			Params:     c.params("revocation.params", r.Params, atRevoke, template.Plain),
			Headers:    c.headers("revocation.headers", r.Headers, atRevoke),
		}
	}
	if i := p.Introspection; i != nil {
		e.Introspection = &Introspection{
			URL:  c.url("introspection.url", i.URL, atRevoke, 0),
			Auth: cmp.Or(ClientAuth(i.Auth), e.ClientAuth),
		}
	}
}

// urls calls f for every compiled URL of the entry, in a fixed order.
func (e *Entry) urls(f func(path string, u *template.URL)) {
	type named struct {
		path string
		url  *template.URL
	}
	list := []named{
		{"authorization_url", e.AuthorizationURL}, {"device_authorization_url", e.DeviceAuthorizationURL},
		{"pushed_authorization_url", e.PushedAuthorizationURL}, {"registration_url", e.RegistrationURL},
		{"request_url", e.RequestURL}, {"access_token_url", e.AccessTokenURL}, {"token_url", e.TokenURL},
		{"userinfo_url", e.UserinfoURL}, {"proxy.base_url", e.BaseURL},
	}
	for _, mode := range slices.Sorted(maps.Keys(e.TokenURLs)) {
		list = append(list, named{"token_url." + mode, e.TokenURLs[mode]})
	}
	if e.Provider.RefreshURL != "" {
		list = append(list, named{"refresh_url", e.RefreshURL})
	}
	for i, s := range e.Steps {
		list = append(list, named{fmt.Sprintf("additional_steps[%d].token_url", i), s.URL})
	}
	if v := e.Verification; v != nil {
		if v.BaseURL != e.BaseURL {
			list = append(list, named{"proxy.verification.base_url_override", v.BaseURL})
		}
		for i, u := range v.Endpoints {
			list = append(list, named{fmt.Sprintf("proxy.verification.endpoints[%d]", i), u})
		}
	}
	if e.Revocation != nil {
		list = append(list, named{"revocation.url", e.Revocation.URL})
	}
	if e.Introspection != nil {
		list = append(list, named{"introspection.url", e.Introspection.URL})
	}
	e.dialectURLs(func(path string, u *template.URL) { list = append(list, named{path, u}) })
	for _, n := range list {
		if n.url != nil {
			f(n.path, n.url)
		}
	}
}

// texts calls f for every compiled text of the entry, in a fixed order. leave
// says that the text is left out when its variables have no values.
func (e *Entry) texts(f func(path string, t *template.Text, leave bool)) {
	params := func(path string, list []Param) {
		for _, p := range list {
			f(joinPath(path, p.Name), p.Value, p.Optional)
		}
	}
	params("authorization_params", e.AuthorizationParams)
	params("request_params", e.RequestParams)
	e.TokenParams.texts("token_params", f)
	params("token_headers", e.TokenHeaders)
	for i, s := range e.Steps {
		s.Params.texts(fmt.Sprintf("additional_steps[%d].token_params", i), f)
		params(fmt.Sprintf("additional_steps[%d].token_headers", i), s.Headers)
	}
	if e.Provider.RefreshParams != nil {
		e.RefreshParams.texts("refresh_params", f)
	}
	e.RefreshTokenParams.texts("refresh_token_params", f)
	if e.Provider.RefreshTokenHeaders != nil {
		params("refresh_token_headers", e.RefreshTokenHeaders)
	}
	if t := e.Token; t != nil {
		if t.SigningKey != nil {
			f("token.signing_key", t.SigningKey, false)
		}
		t.Header.texts("token.header", f)
		t.Payload.texts("token.payload", f)
	}
	e.assertionTexts(f, params)
	params("proxy.headers", e.ProxyHeaders)
	params("proxy.query", e.ProxyQuery)
	e.ProxyBody.texts("proxy.body", f)
	if v := e.Verification; v != nil {
		params("proxy.verification.headers", v.Headers)
		v.Data.texts("proxy.verification.data", f)
	}
	if r := e.Revocation; r != nil {
		params("revocation.params", r.Params)
		params("revocation.headers", r.Headers)
	}
	e.dialectTexts(f, params)
}

func (e *Entry) assertionTexts(f func(path string, t *template.Text, leave bool), params func(string, []Param)) {
	a := e.Assertion
	if a == nil {
		return
	}
	a.Header.texts("assertion.header", f)
	a.Payload.texts("assertion.payload", f)
	params("assertion.attributes", a.Attributes)
	for _, n := range []struct {
		key  string
		text *template.Text
	}{
		{"key", a.Key}, {"issuer", a.Issuer}, {"nameIdentifier", a.NameIdentifier}, {"recipient", a.Recipient},
		{"sessionIndex", a.SessionIndex}, {"inResponseTo", a.InResponseTo}, {"uid", a.UID},
	} {
		if n.text != nil {
			f("assertion."+n.key, n.text, false)
		}
	}
	for _, t := range a.Audiences {
		f("assertion.audiences", t, false)
	}
}
