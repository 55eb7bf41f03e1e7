package spec

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/internal/webhook"
)

// dialect compiles what happens around the token request.
func (c *checker) dialect(e *Entry) {
	p := c.p
	c.tokenSignature(e)
	for i, raw := range p.Then {
		e.Then = append(e.Then, c.exchange(fmt.Sprintf("then[%d]", i), raw))
	}
	for i, raw := range p.Discovery {
		e.Discovery = append(e.Discovery, c.discovery(fmt.Sprintf("discovery[%d]", i), raw))
	}
	for i, raw := range p.Verify {
		path := fmt.Sprintf("verify[%d]", i)
		call := c.apiCall(path, raw.URL, raw.Method, "GET", nil, raw.Data)
		call.Body = BodyFormat(raw.BodyFormat)
		e.Verify = append(e.Verify, Check{Call: call, Headers: c.headers(path+".headers", raw.Headers, atRequest), Expect: expect(raw.Expect)})
	}
	if len(e.Verify) > 0 {
		e.Verification = nil
	}
	if u := p.ConfirmInstallation; u != nil {
		call := c.apiCall("confirm_installation", u.URL, u.Method, "PUT", u.Headers, u.Data)
		e.ConfirmInstallation = &call
	}
	if u := p.Uninstall; u != nil {
		call := c.apiCall("uninstall", u.URL, u.Method, "POST", u.Headers, u.Data)
		e.Uninstall = &call
	}
	for i, raw := range p.AdditionalTokens {
		e.AdditionalTokens = append(e.AdditionalTokens, c.additionalToken(fmt.Sprintf("additional_tokens[%d]", i), raw, e))
	}
	c.webhook(e)
}

// webhook compiles how deliveries are verified. A mistake in it rejects the entry: a
// delivery must not go unverified because of a slip of the pen.
func (c *checker) webhook(e *Entry) {
	if c.p.Webhook == nil {
		return
	}
	verifier, problems := webhook.Compile(e.Name, *c.p.Webhook)
	for _, p := range problems {
		c.reject("webhook."+pathOf(p.Key), "bad-value", p.Message)
	}
	e.Webhooks = verifier
}

// pathOf writes the elements of lists, which are numbers between dots, as paths have
// them: "verify.0.header" is "verify[0].header".
func pathOf(key string) string { return listElement().ReplaceAllString(key, "[$1]") }

var listElement = lazyRegexp(`\.([0-9]+)`)

func (c *checker) exchange(path string, raw RawThen) Exchange {
	if raw.URL == "" {
		c.reject(path, "missing-key", "an exchange needs a url")
	}
	return Exchange{
		URL:            c.url(path+".url", raw.URL, atThen, 0),
		Method:         cmp.Or(strings.ToUpper(raw.Method), "POST"),
		Params:         c.object(path+".params", raw.Params, atThen, 0),
		Headers:        c.headers(path+".headers", raw.Headers, atThen),
		Body:           callBody(raw.Method, raw.BodyFormat, BodyForm),
		ResponseFields: raw.ResponseFields,
		ExpiresInUnit:  timeUnit(raw.ExpiresInUnit),
		Optional:       raw.Optional,
	}
}

// apiCall compiles a call to the API.
func (c *checker) apiCall(path, url, method, defaultMethod string, headers Map, data Value) APICall {
	out := APICall{
		Method:  cmp.Or(strings.ToUpper(method), defaultMethod),
		Headers: c.headers(path+".headers", headers, atParam),
		Data:    c.tree(path+".data", data, func(path string) template.Options { return c.options(path, atParam, 0) }),
	}
	if url == "" {
		c.reject(path, "missing-key", "a call needs a url")
		return out
	}
	u, err := template.CompileEndpoint(url, c.urlOptions(path+".url", atBase, 0))
	if err != nil {
		c.failed(path+".url", err)
		return out
	}
	if u.IsRelative() && (c.p.Proxy == nil || c.p.Proxy.BaseURL == "") {
		c.reject(path+".url", "missing-key", "the URL is relative, and there is no proxy.base_url")
	}
	out.URL = u
	return out
}

func (c *checker) discovery(path string, raw RawDiscovery) Discovery {
	out := Discovery{
		From:          cmp.Or(DiscoveryFrom(raw.From), DiscoverResponse),
		OnlyIfMissing: raw.OnlyIfMissing,
		Optional:      raw.Optional,
		OnRefresh:     raw.OnRefresh,
		Effect:        raw.Effect,
	}
	if out.From == DiscoverResponse {
		call := c.apiCall(path, raw.URL, raw.Method, "GET", raw.Headers, raw.Data)
		out.Call = &call
	}
	if s := raw.Select; s != nil {
		out.Select = &Select{Path: s.Path, Where: c.conditions(path+".select.where", s.Where), Only: s.Only}
	}
	if len(raw.Values) == 0 && !raw.Effect {
		c.reject(path, "missing-key", "a discovery needs values, or effect")
	}
	for _, m := range raw.Values {
		out.Values = append(out.Values, c.discovered(joinPath(path+".values", m.Name), m))
	}
	return out
}

// conditionTests are what a condition can ask of a value.
var conditionTests = []string{"equals", "starts_with", "ends_with", "contains"}

// conditions compiles a where key, in the order in which it was written.
func (c *checker) conditions(path string, where Map) []Condition {
	var out []Condition
	for _, m := range where {
		item := joinPath(path, m.Name)
		tests := Map{{Name: "equals", Value: m.Value}}
		if m.Value.Kind == Object {
			tests = m.Value.Map
		}
		if len(tests) == 0 {
			c.reject(item, "missing-key", "the condition asks nothing")
		}
		for _, test := range tests {
			at := item
			if m.Value.Kind == Object {
				at = joinPath(item, test.Name)
			}
			switch {
			case !slices.Contains(conditionTests, test.Name):
				c.reject(at, "unknown-key", "a condition is one of "+strings.Join(conditionTests, ", "))
			case !test.Value.IsScalar() || test.Value.Kind == Null:
				c.reject(at, "wrong-type", "a single value is expected here")
			default:
				out = append(out, Condition{Path: m.Name, Test: test.Name, Value: c.text(at, test.Value.Text, atParam)})
			}
		}
	}
	return out
}

// discovered compiles an element of a values key: a path, or a path and what to
// do with what is there.
func (c *checker) discovered(path string, m Member) DiscoveredValue {
	out := DiscoveredValue{Name: m.Name, Path: m.Value.Text}
	if m.Value.Kind != Object {
		if m.Value.Kind != String && m.Value.Kind != Number {
			c.reject(path, "wrong-type", "a path is expected here, or a mapping")
		}
		return out
	}
	for _, key := range m.Value.Map {
		at := joinPath(path, key.Name)
		if !key.Value.IsScalar() {
			c.reject(at, "wrong-type", "a single value is expected here")
			continue
		}
		switch key.Name {
		case "path":
			out.Path = key.Value.Text
		case "answers":
			out.Answers = key.Value.Text == "true"
			if !out.Answers {
				c.reject(at, "bad-value", "only true means something here")
			}
		case "transform":
			out.Transform = key.Value.Text
		case "pattern":
			out.Pattern = c.groupPattern(at, key.Value.Text)
		default:
			c.doubt(at, "unknown-key", "the format has no key of this name")
		}
	}
	return out
}

// groupPattern compiles a pattern whose first group is what is wanted.
func (c *checker) groupPattern(path, pattern string) *regexp.Regexp {
	re, err := regexp.Compile(pattern)
	switch {
	case err != nil:
		c.reject(path, "bad-value", "the pattern is not one that RE2 can match")
	case re.NumSubexp() < 1:
		c.reject(path, "bad-value", "the pattern has no group for the value")
	default:
		return re
	}
	return nil
}

func expect(raw *RawExpect) Expect {
	if raw == nil {
		return Expect{}
	}
	out := Expect{Path: raw.Path, NotContains: raw.NotContains, ContentType: strings.ToLower(raw.ContentType)}
	for _, status := range raw.Status {
		out.Status = append(out.Status, int(status))
	}
	if raw.Equals != nil {
		out.Equals, out.HasEquals = *raw.Equals, true
	}
	return out
}

func (c *checker) additionalToken(path string, raw RawAdditionalToken, e *Entry) AdditionalToken {
	out := AdditionalToken{Name: raw.Name, ResponseFields: raw.ResponseFields, Optional: raw.Optional}
	r := raw.Refresh
	if r == nil {
		return out
	}
	out.Refresh = &TokenRefresh{
		Application: r.Grant == grantClientCredentials,
		URL:         c.url(path+".refresh.url", r.URL, atRefresh, 0),
		Method:      cmp.Or(strings.ToUpper(r.Method), "POST"),
		Params:      c.object(path+".refresh.params", r.Params, atRefresh, 0),
		Headers:     c.headers(path+".refresh.headers", r.Headers, atRefresh),
		Body:        callBody(r.Method, r.BodyFormat, e.Refresh.Body),
		ClientAuth:  cmp.Or(ClientAuth(r.ClientAuth), e.Refresh.ClientAuth),
	}
	if r.URL == "" {
		out.Refresh.URL = e.RefreshURL
	}
	return out
}

// dialectURLs calls f for every URL that dialect compiled.
func (e *Entry) dialectURLs(f func(path string, u *template.URL)) {
	for i, x := range e.Then {
		f(fmt.Sprintf("then[%d].url", i), x.URL)
	}
	for i, d := range e.Discovery {
		if d.Call != nil {
			f(fmt.Sprintf("discovery[%d].url", i), d.Call.URL)
		}
	}
	for i, v := range e.Verify {
		f(fmt.Sprintf("verify[%d].url", i), v.Call.URL)
	}
	if e.ConfirmInstallation != nil {
		f("confirm_installation.url", e.ConfirmInstallation.URL)
	}
	if e.Uninstall != nil {
		f("uninstall.url", e.Uninstall.URL)
	}
	for i, t := range e.AdditionalTokens {
		if t.Refresh != nil && e.Provider.AdditionalTokens[i].Refresh.URL != "" {
			f(fmt.Sprintf("additional_tokens[%d].refresh.url", i), t.Refresh.URL)
		}
	}
}

// dialectTexts calls f for every text that dialect compiled.
func (e *Entry) dialectTexts(f func(path string, t *template.Text, leave bool), params func(string, []Param)) {
	call := func(path string, a *APICall) {
		params(path+".headers", a.Headers)
		a.Data.texts(path+".data", f)
	}
	if e.Provider.Refresh != nil && e.Provider.Refresh.Headers != nil {
		params("refresh.headers", e.Refresh.Headers)
	}
	if s := e.TokenSignature; s != nil {
		params("token_signature.headers", s.Headers)
		if s.Text != nil {
			f("token_signature.text", s.Text, false)
		}
	}
	for i, x := range e.Then {
		path := fmt.Sprintf("then[%d]", i)
		x.Params.texts(path+".params", f)
		params(path+".headers", x.Headers)
	}
	for i, d := range e.Discovery {
		path := fmt.Sprintf("discovery[%d]", i)
		if d.Call != nil {
			call(path, d.Call)
		}
		if d.Select == nil {
			continue
		}
		for _, w := range d.Select.Where {
			if w.Value != nil {
				f(joinPath(path+".select.where", w.Path), w.Value, d.Optional)
			}
		}
	}
	for i, v := range e.Verify {
		call(fmt.Sprintf("verify[%d]", i), &v.Call)
		params(fmt.Sprintf("verify[%d].headers", i), v.Headers)
	}
	if e.ConfirmInstallation != nil {
		call("confirm_installation", e.ConfirmInstallation)
	}
	if e.Uninstall != nil {
		call("uninstall", e.Uninstall)
	}
	for i, t := range e.AdditionalTokens {
		if t.Refresh != nil {
			path := fmt.Sprintf("additional_tokens[%d].refresh", i)
			t.Refresh.Params.texts(path+".params", f)
			params(path+".headers", t.Refresh.Headers)
		}
	}
}
