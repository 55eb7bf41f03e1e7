package spec

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

func (o ours) calls() calls {
	out := calls{}
	e := o.e
	switch e.AuthMode {
	case OAuth2, MCPOAuth2:
		if e.AuthorizationURL != nil {
			out["authorize"] = o.authorize()
		}
		out["token"], out["refresh"] = o.exchange(), o.renew()
	case Custom:
		out["authorize"], out["installation"] = o.install(), o.single(e.TokenURLs["APP"])
		out["token"], out["refresh"] = o.exchange(), o.renew()
	case App:
		out["authorize"], out["installation"] = o.install(), o.single(o.tokenURL())
		if u := e.TokenURLs["APP"]; u != nil {
			out["installation"] = o.single(u)
		}
	case OAuth2CC:
		out["token"] = o.clientCredentials()
	case TwoStep:
		maps.Copy(out, o.login())
	case OAuth1:
		maps.Copy(out, o.oauth1())
	case Bill:
		out["token"] = o.single(e.TokenURL)
	}
	if e.Token != nil {
		out["jwt"] = o.jwt()
	}
	if e.Assertion != nil {
		out["assertion"] = o.assertion()
	}
	out["api"] = o.api()
	if c := o.verify(); c != nil {
		out["verify"] = c
	}
	return out
}

func (o ours) single(u *template.URL) *call {
	r := o.record()
	r.putNet(r.target(u))
	return r.done()
}

// authorize: what secures the flow comes last, so that nothing replaces it.
func (o ours) authorize() *call {
	e, r := o.e, o.record()
	target := r.target(e.AuthorizationURL)
	own := o.record()
	own.list("", e.AuthorizationParams)
	if own.err != "" {
		return failed(own.err)
	}
	params := map[string]string{"response_type": "code"}
	maps.Copy(params, own.fields)
	params["client_id"], params["redirect_uri"], params["state"] = o.in.id, diffRedirect, diffState
	if len(o.in.scopes) > 0 && params["scope"] == "" {
		params["scope"] = strings.Join(o.in.scopes, e.ScopeSeparator)
	}
	if e.PKCE != PKCEForbidden {
		params["code_challenge"], params["code_challenge_method"] = diffChallenge, "S256"
	}
	q, raw := target.Query(), ""
	for name, v := range params {
		switch {
		case v == "" && e.OmitEmptyParams:
		case name == "scope" && e.RawScopes:
			raw = "&scope=" + strings.NewReplacer("&", "%26", "#", "%23", " ", "%20").Replace(v)
		default:
			q.Set(name, v)
		}
	}
	target.RawQuery = q.Encode() + raw
	text := target.String()
	if f := e.AuthorizationURLFragment; f != "" {
		base := *target
		base.RawQuery, base.Fragment = "", ""
		text = base.String() + "#" + strings.TrimPrefix(f, "#") + "?" + target.RawQuery
	}
	for from, to := range e.AuthorizationURLReplacements {
		text = strings.Replace(text, from, to, 1)
	}
	if r.err == "" {
		r.putAuthorization(text, slices.Contains(e.AuthorizationURLSkipEncode, "scopes"))
	}
	return r.done()
}

func (o ours) install() *call {
	r := o.record()
	r.putNet(r.target(o.e.AuthorizationURL))
	r.fields["query.state"] = diffState
	return r.done()
}

// tokenURL is the one of the entry's mode.
func (o ours) tokenURL() *template.URL {
	switch e := o.e; {
	case e.TokenURL != nil:
		return e.TokenURL
	case e.AuthMode == Custom:
		return e.TokenURLs[string(OAuth2)]
	default:
		return e.TokenURLs[string(e.AuthMode)]
	}
}

func (o ours) tokenCall(u *template.URL) *recorder {
	e, r := o.e, o.record()
	r.putNet(r.target(u))
	r.fields["method"], r.fields["format"] = e.TokenMethod, string(e.BodyFormat)
	r.headers(e.TokenHeaders)
	return r
}

func (o ours) exchange() *call {
	r := o.tokenCall(o.tokenURL())
	r.fields["param.grant_type"] = o.e.TokenGrant
	r.fields["param.code"], r.fields["param.redirect_uri"] = diffCode, diffRedirect
	if o.e.PKCE != PKCEForbidden {
		r.fields["param.code_verifier"] = diffVerifier
	}
	r.tree("param.", o.e.TokenParams)
	o.clientAuth(r)
	return r.done()
}

func (o ours) renew() *call {
	r := o.tokenCall(o.e.RefreshURL)
	r.fields["param.grant_type"], r.fields["param.refresh_token"] = o.e.Refresh.GrantType, diffRefresh
	r.tree("param.", o.e.RefreshParams)
	o.clientAuth(r)
	return r.done()
}

func (o ours) clientCredentials() *call {
	r := o.tokenCall(o.tokenURL())
	if g := o.e.TokenGrant; g != "" {
		r.fields["param.grant_type"] = g
	}
	if scopes := o.in.config["oauth_scopes"]; scopes != "" {
		r.fields["param.scope"] = strings.Join(strings.Split(scopes, ","), o.e.ScopeSeparator)
	}
	r.tree("param.", o.e.TokenParams)
	o.clientAuth(r)
	return r.done()
}

func (o ours) login() calls {
	e, out := o.e, calls{}
	out["token"] = o.with(map[string]string{"token": diffSignedJWT}).loginCall(e.TokenURL, e.TokenMethod, e.BodyFormat, e.TokenParams, e.TokenHeaders)
	if p := &e.Provider; p.RefreshTokenParams != nil || p.RefreshTokenHeaders != nil {
		again := o.with(map[string]string{"refresh_token": diffRefresh})
		out["refresh"] = again.loginCall(e.RefreshURL, e.TokenMethod, e.BodyFormat, e.RefreshTokenParams, e.RefreshTokenHeaders)
	}
	for i, s := range e.Steps {
		o.step = i + 1
		out[fmt.Sprintf("step %d", i+2)] = o.loginCall(s.URL, s.Method, s.Body, s.Params, s.Headers)
	}
	return out
}

func (o ours) loginCall(u *template.URL, method string, format BodyFormat, params Tree, headers []Param) *call {
	r := o.record()
	r.putNet(r.target(u))
	r.fields["method"] = method
	if method != "GET" {
		r.fields["format"] = string(format)
		r.tree("param.", params)
	}
	r.headers(headers)
	return r.done()
}

func (o ours) oauth1() calls {
	e, out := o.e, calls{}
	r := o.record()
	r.putNet(r.target(e.RequestURL))
	r.fields["method"], r.fields["signed"] = "POST", e.SignatureMethodName
	r.list("param.", e.RequestParams)
	out["request"] = r.done()
	r = o.record()
	r.putNet(r.target(e.TokenURL))
	r.fields["method"], r.fields["signed"] = "POST", e.SignatureMethodName
	r.tree("param.", e.TokenParams)
	out["token"] = r.done()
	r = o.record()
	r.putNet(r.target(e.AuthorizationURL))
	r.list("query.", e.AuthorizationParams)
	r.fields["query.oauth_token"] = "temporary"
	if len(o.in.scopes) > 0 {
		r.fields["query.scope"] = strings.Join(o.in.scopes, e.ScopeSeparator)
	}
	out["authorize"] = r.done()
	return out
}

// claims leaves out what has no value; a list in one text is separated by commas.
func (r *recorder) claims(prefix string, t Tree) {
	for _, m := range t.Members {
		v, err := m.Tree.Expand(r.env)
		switch {
		case err != nil && reason(err) == "missing":
		case err != nil:
			r.fail(err)
		case v.Kind == List:
			var items []string
			for _, item := range v.List {
				items = append(items, strings.Split(item.Text, ",")...)
			}
			if text := strings.Join(items, "\x00"); text != "" {
				r.fields[prefix+m.Name] = text
			}
		case v.Text != "":
			r.fields[prefix+m.Name] = v.Text
		}
	}
}

func (o ours) jwt() *call {
	t, r := o.e.Token, o.record()
	r.claims("header.", t.Header)
	r.claims("payload.", t.Payload)
	if t.SigningKey != nil {
		r.list("", []Param{{Name: "key", Value: t.SigningKey}})
	}
	r.fields["lifetime"] = fmt.Sprintf("%dms", t.Lifetime.Milliseconds())
	return r.done()
}

func (o ours) assertion() *call {
	a, r := o.e.Assertion, o.record()
	for name, t := range map[string]*template.Text{
		"key": a.Key, "issuer": a.Issuer, "nameIdentifier": a.NameIdentifier, "recipient": a.Recipient,
		"sessionIndex": a.SessionIndex, "inResponseTo": a.InResponseTo, "uid": a.UID,
	} {
		if t != nil {
			r.list("", []Param{{Name: name, Value: t}})
		}
	}
	for i, t := range a.Audiences {
		r.list("", []Param{{Name: fmt.Sprintf("audiences[%d]", i), Value: t}})
	}
	r.list("attributes.", a.Attributes)
	r.claims("header.", a.Header)
	r.claims("payload.", a.Payload)
	return r.done()
}

// places reports whether the entry says itself where the credential goes.
func (o ours) places() bool {
	names := func(p Param) bool {
		return slices.ContainsFunc(p.Value.Refs(), func(r template.Ref) bool {
			return slices.Contains([]string{"accessToken", "apiKey", "credentials.token", "credentials._cookies"}, r.String())
		})
	}
	return slices.ContainsFunc(o.e.ProxyHeaders, func(p Param) bool { return strings.EqualFold(p.Name, "authorization") || names(p) }) ||
		slices.ContainsFunc(o.e.ProxyQuery, names)
}

func (o ours) api() *call {
	e, r := o.with(diffRequest()).e, o.with(diffRequest()).record()
	if e.BaseURL == nil {
		return failed("no proxy")
	}
	r.putNet(below(r.target(e.BaseURL), "/"+diffEndpoint))
	if !o.places() {
		switch {
		case e.AuthMode == Basic:
			r.fields["header.authorization"] = basicOf(o.creds["username"], o.creds["password"])
		case e.AuthMode == InstallPlugin:
			r.fields["header.authorization"] = basicOf(o.in.shared["username"], o.in.shared["password"])
		case e.AuthMode.hasAccessToken() && e.AuthMode != OAuth1:
			r.fields["header.authorization"] = "Bearer " + diffAccess
		}
	}
	r.list("query.", e.ProxyQuery)
	r.tree("body.", e.ProxyBody)
	r.headers(e.ProxyHeaders)
	return r.done()
}

// below appends a path to that of a base URL.
func below(base *url.URL, path string) *url.URL {
	u := *base
	if path != "" {
		if u.Path == "" {
			u.Path = "/"
		}
		u = *u.JoinPath(path)
	}
	return &u
}

// verify is nil in the modes that try nothing out.
func (o ours) verify() *call {
	e, r := o.e, o.record()
	v := e.Verification
	if v == nil || len(v.Endpoints) == 0 || e.CredentialsVerificationScript != "" || !e.AuthMode.in(APIKey, Basic, None, TBA, JWT, Signed, InstallPlugin) {
		return nil
	}
	r.fields["method"] = v.Method
	base := r.target(v.BaseURL)
	for _, u := range v.Endpoints {
		endpoint := r.target(u)
		r.fields["urls"] += base.Scheme + "://" + base.Host + plainPath(below(base, endpoint.EscapedPath()).EscapedPath()) + " "
		if endpoint.RawQuery != "" {
			r.fields["urls"] += "?" + endpoint.RawQuery + " "
		}
	}
	r.headers(v.Headers)
	if v.Data.Kind != Null {
		data, err := v.Data.Expand(r.env)
		if err != nil {
			r.fail(err)
		}
		r.put("data", plainAny(data))
	}
	return r.done()
}
