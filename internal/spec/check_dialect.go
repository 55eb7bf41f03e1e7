package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// The standard names of parameters and of the fields of an answer.
var (
	authorizationParamNames = []string{"client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method", "nonce"}
	tokenParamNames         = []string{"client_id", "client_secret", "grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "client_assertion", "client_assertion_type"}
	responseFieldNames      = []string{"access_token", "refresh_token", "expires_in", "expires_at", "scope", "token_type", "id_token", "error", "error_description"}
)

// The places of client credentials, and the formats of a body that is not XML.
var (
	clientAuths = []string{"body", "basic", "basic_raw", "basic_secret", "custom", "private_key_jwt", "none"}
	bodyFormats = []string{"form", "json", "query"}
)

// dialectKeys checks the keys around the token request.
func (c *checker) dialectKeys() {
	p := c.p
	c.paramNames()
	c.queryParams()
	c.signatureKeys()
	c.names("response_fields", p.ResponseFields, responseFieldNames...)
	c.paths("response_fields", p.ResponseFields)
	c.choice(Rejected, "expires_at_format", p.ExpiresAtFormat, "auto", "unix", "unix_ms", "rfc3339", "duration")
	if p.ExpiresAtFormat != "" && p.ResponseFields["expires_at"] == "" {
		c.doubt("expires_at_format", "no-effect", "response_fields does not say where expires_at is")
	}
	c.choice(Rejected, "expiry", p.Expiry, "jwt")
	c.successKey("success", p.Success)
	for i, t := range p.Then {
		path := fmt.Sprintf("then[%d]", i)
		c.bodyCall(path, t.Method, t.BodyFormat)
		c.names(path+".response_fields", t.ResponseFields, responseFieldNames...)
		c.paths(path+".response_fields", t.ResponseFields)
		c.choice(Rejected, path+".expires_in_unit", t.ExpiresInUnit, timeUnits...)
	}
	for i, d := range p.Discovery {
		c.discoveryKeys(fmt.Sprintf("discovery[%d]", i), d)
	}
	for i, v := range p.Verify {
		path := fmt.Sprintf("verify[%d]", i)
		c.choice(Rejected, path+".body_format", v.BodyFormat, "json", "form", "xml")
		switch {
		case v.BodyFormat == "form" && v.Data.Kind != Object:
			c.reject(path+".body_format", "missing-key", "a form needs data, a mapping of its parameters")
		case v.BodyFormat == "xml" && (v.Data.Kind != Object || len(v.Data.Map) != 1):
			c.reject(path+".body_format", "missing-key", "XML needs data, a mapping with the outermost element alone")
		}
		c.callKeys(path, v.Method, v.Data, "GET", "POST")
		c.expectKeys(path+".expect", v.Expect)
	}
	if len(p.Verify) > 0 && p.Proxy != nil && p.Proxy.Verification != nil {
		c.doubt("proxy.verification", "no-effect", "verify takes its place")
	}
	if u := p.ConfirmInstallation; u != nil {
		c.callKeys("confirm_installation", u.Method, u.Data, "PUT", "POST")
		if p.AuthMode == OAuth2 && p.Installation != "outbound" {
			c.doubt("confirm_installation", "no-effect", "without installation: outbound no connection is made of a webhook")
		}
	}
	if u := p.Uninstall; u != nil {
		c.callKeys("uninstall", u.Method, u.Data, "POST", "DELETE", "PUT", "GET")
	}
	c.tokenKeys()
}

// paramNames checks the names of parameters.
func (c *checker) paramNames() {
	p := c.p
	c.names("authorization_param_names", p.AuthorizationParamNames, authorizationParamNames...)
	c.distinct("authorization_param_names", p.AuthorizationParamNames)
	if to, ok := p.AuthorizationParamNames["state"]; ok && to == "" {
		c.reject("authorization_param_names.state", "bad-value", "without a state nobody can tell who began the flow that a callback ends")
	}
	c.names("token_param_names", p.TokenParamNames, tokenParamNames...)
	c.distinct("token_param_names", p.TokenParamNames)
	if pkce(p) == PKCEForbidden {
		return
	}
	for _, dropped := range []struct {
		key, name string
		names     map[string]string
	}{
		{"authorization_param_names", "code_challenge", p.AuthorizationParamNames},
		{"token_param_names", "code_verifier", p.TokenParamNames},
	} {
		if to, ok := dropped.names[dropped.name]; ok && to == "" {
			c.doubt(dropped.key+"."+dropped.name, "pkce-conflict", "PKCE does not work without it; pkce: forbidden leaves all of it out")
		}
	}
}

// distinct reports two parameters that are to have the same name.
func (c *checker) distinct(key string, names map[string]string) {
	taken := map[string]string{}
	for _, name := range sortedKeys(names) {
		to := names[name]
		if first, ok := taken[to]; ok && to != "" {
			c.reject(key+"."+name, "bad-value", fmt.Sprintf("%s has this name, too", first))
		}
		taken[to] = name
	}
}

// paths reports paths that are empty.
func (c *checker) paths(key string, fields map[string]string) {
	for _, name := range sortedKeys(fields) {
		if fields[name] == "" {
			c.doubt(key+"."+name, "empty-value", "an empty path is as good as none")
		}
	}
}

// queryParams checks token_query_params and token_repeated_params.
func (c *checker) queryParams() {
	p := c.p
	if len(p.TokenQueryParams) > 0 && p.BodyFormat == "query" {
		c.doubt("token_query_params", "no-effect", "with body_format query all parameters are in the query")
	}
	if len(p.TokenRepeatedParams) > 0 && p.BodyFormat == "query" {
		c.doubt("token_repeated_params", "no-effect", "with body_format query all parameters are in the query, and once")
	}
	c.queryNames("token_query_params", p.TokenQueryParams)
	c.queryNames("token_repeated_params", p.TokenRepeatedParams)
	for i, name := range p.TokenRepeatedParams {
		if slices.Contains(p.TokenQueryParams, name) {
			c.doubt(fmt.Sprintf("token_repeated_params[%d]", i), "no-effect", "token_query_params takes the parameter out of the body")
		}
	}
}

// queryNames checks the names of parameters that go into the query.
func (c *checker) queryNames(key string, names []string) {
	p := c.p
	for i, name := range names {
		path := fmt.Sprintf("%s[%d]", key, i)
		_, first := p.TokenParams.Get(name)
		_, later := p.RefreshParams.Get(name)
		switch {
		case !first && !later && !slices.Contains(tokenParamNames, name):
			c.doubt(path, "bad-value", fmt.Sprintf("%q is neither a standard name nor one of token_params or refresh_params; the standard names are %s", name, strings.Join(tokenParamNames, ", ")))
		case LooksSecret(name) || name == "code_verifier":
			c.doubt(path, "secret-in-url", "the parameter is secret, and URLs end up in logs")
		}
	}
}

// successKey checks a success key.
func (c *checker) successKey(path string, s *RawSuccess) {
	if s == nil {
		return
	}
	if s.Status != 0 && (s.Status < 200 || s.Status > 299) {
		c.reject(path+".status", "bad-value", "no other status than one of 2xx can be a success")
	}
	tests := 0
	for _, there := range []bool{s.Equals != nil, s.NotEquals != nil, s.Present != nil} {
		if there {
			tests++
		}
	}
	if s.Path == "" && (s.Status == 0 || tests > 0) {
		c.reject(path, "missing-key", "nothing says where in the answer to look: path")
	}
	if tests > 1 {
		c.reject(path, "bad-value", "only one of equals, not_equals and present can be asked")
	}
}

// bodyCall checks how a call at the token endpoint is made.
func (c *checker) bodyCall(path, method, format string) {
	c.choice(Rejected, path+".method", strings.ToUpper(method), "POST", "GET")
	c.choice(Rejected, path+".body_format", format, bodyFormats...)
	if strings.EqualFold(method, "GET") && format != "" && format != "query" {
		c.reject(path+".body_format", "bad-value", "a GET has no body: its parameters are in the query")
	}
}

// callKeys checks a call to the API.
func (c *checker) callKeys(path, method string, data Value, methods ...string) {
	c.choice(Rejected, path+".method", strings.ToUpper(method), methods...)
	if data.Kind != Null && (strings.EqualFold(method, "GET") || method == "" && methods[0] == "GET") {
		c.reject(path+".data", "bad-value", "a GET has no body")
	}
}

func (c *checker) discoveryKeys(path string, d RawDiscovery) {
	c.choice(Rejected, path+".from", d.From, string(DiscoverResponse), string(DiscoverTokenResponse), string(DiscoverAccessToken), string(DiscoverIDToken), string(DiscoverCallback), string(DiscoverCredential))
	from := DiscoveryFrom(d.From)
	if from == "" || from == DiscoverResponse {
		methods := []string{"GET", "POST"}
		if d.Effect {
			methods = append(methods, "PUT", "PATCH", "DELETE")
		}
		c.callKeys(path, d.Method, d.Data, methods...)
	} else if d.URL != "" || d.Method != "" || d.Headers != nil || d.Data.Kind != Null {
		c.reject(path+".from", "bad-value", fmt.Sprintf("no call is made for %s, so url, method, headers and data mean nothing", from))
	}
	if d.Effect && (len(d.Values) > 0 || d.Select != nil || d.OnlyIfMissing || from != "" && from != DiscoverResponse) {
		c.reject(path+".effect", "bad-value", "the answer of a call that changes something is not kept, so values, select, only_if_missing and from mean nothing")
	}
	if from == DiscoverCallback && d.OnRefresh {
		c.doubt(path+".on_refresh", "no-effect", "a refresh has no callback")
	}
	if from != "" && from != DiscoverResponse && from != DiscoverCallback && from != DiscoverCredential && !c.p.AuthMode.in(append([]AuthMode{TwoStep}, oauthModes...)...) {
		c.doubt(path+".from", "no-effect", fmt.Sprintf("there is no answer of a token endpoint with auth_mode %s", c.p.AuthMode))
	}
	if s := d.Select; s != nil {
		if s.First && s.Only {
			c.reject(path+".select", "bad-value", "first and only exclude each other")
		}
		if from == DiscoverCallback {
			c.doubt(path+".select", "no-effect", "a callback has no lists")
		}
	}
	c.answersKeys(path, d)
	for _, m := range d.Values {
		item := joinPath(path+".values", m.Name)
		if m.Value.Kind == Object {
			c.choice(Rejected, item+".transform", m.Value.Map.Text("transform"), "sha256", "lower", "strip_scheme")
		}
		if m.Value.Kind != List && m.Value.Text == "" && m.Value.Map.Text("path") == "" && m.Value.Map.Text("answers") == "" && d.Select == nil {
			c.doubt(item, "empty-value", "without a path the whole answer would be the value")
		}
		f, declared := c.p.ConnectionConfig.Get(m.Name)
		if declared && !f.Automated && !d.OnlyIfMissing {
			c.doubt(item, "source-asked", "the field is asked for as well, and what was typed in is overwritten; only_if_missing keeps it")
		}
	}
}

// answersKeys checks a discovery whose value is whether it is answered, and one of
// what the credential is made of.
func (c *checker) answersKeys(path string, d RawDiscovery) {
	from := DiscoveryFrom(d.From)
	for _, m := range d.Values {
		item := joinPath(path+".values", m.Name)
		if m.Value.Map.Text("answers") != "" && (len(m.Value.Map) > 1 || len(d.Values) > 1 || d.Select != nil || from != "" && from != DiscoverResponse) {
			c.reject(item+".answers", "bad-value", "whether a call is answered is the only value of its discovery, and nothing else is read")
		}
		if p := cmp.Or(m.Value.Text, m.Value.Map.Text("path")); from == DiscoverCredential && !slices.Contains(openFields, p) {
			c.reject(item, "bad-value", "what was found is no secret, so only these parts of a credential can be: "+strings.Join(openFields, ", "))
		}
	}
}

// openFields are what a credential has that is no secret.
var openFields = []string{"clientId", "username"}

func (c *checker) expectKeys(path string, e *RawExpect) {
	if e == nil {
		return
	}
	for i, status := range e.Status {
		if status < 100 || status > 599 {
			c.reject(fmt.Sprintf("%s.status[%d]", path, i), "bad-value", "there is no such HTTP status")
		}
	}
	if e.Equals != nil && e.Path == "" {
		c.reject(path+".equals", "missing-key", "nothing says which value this is: path")
	}
	if e.ContentType != "" && (!strings.Contains(e.ContentType, "/") || strings.Contains(e.ContentType, ";")) {
		c.reject(path+".content_type", "bad-value", "a media type without parameters is expected, such as application/json")
	}
}

// grantClientCredentials is the grant of a token that belongs to no user.
const grantClientCredentials = "client_credentials"

// tokenName is what an additional token may be called.
var tokenName = lazyRegexp(`^[A-Za-z][A-Za-z0-9_]*$`)

// tokenKeys checks additional_tokens.
func (c *checker) tokenKeys() {
	seen := map[string]bool{}
	for i, t := range c.p.AdditionalTokens {
		path := fmt.Sprintf("additional_tokens[%d]", i)
		switch {
		case !tokenName().MatchString(t.Name):
			c.reject(path, "missing-key", "a token needs a name of letters, digits and underscores that begins with a letter")
		case seen[t.Name]:
			c.reject(path+".name", "bad-value", "there are two tokens of this name")
		}
		seen[t.Name] = true
		if t.ResponseFields["access_token"] == "" && (t.ResponseFields != nil || t.Refresh == nil) {
			c.reject(path, "missing-key", "nothing says where the token comes from: response_fields.access_token, or refresh alone")
		}
		c.names(path+".response_fields", t.ResponseFields, responseFieldNames...)
		c.paths(path+".response_fields", t.ResponseFields)
		if r := t.Refresh; r != nil {
			c.choice(Rejected, path+".refresh.grant", r.Grant, string(GrantRefreshToken), grantClientCredentials)
			if r.Grant == grantClientCredentials && t.ResponseFields["refresh_token"] != "" {
				c.doubt(path+".response_fields.refresh_token", "no-effect", "a token of the application itself is not got with a refresh token")
			}
			c.bodyCall(path+".refresh", r.Method, r.BodyFormat)
			c.choice(Rejected, path+".refresh.client_auth", r.ClientAuth, clientAuths...)
		}
	}
}

// checkDialect checks what only the compiled entry shows: a value that whoever
// brings a callback chooses must not decide which host is called.
func (c *checker) checkDialect(e *Entry) {
	inHost := map[template.Ref]bool{}
	e.urls(func(_ string, u *template.URL) {
		for _, r := range u.HostRefs() {
			inHost[r] = true
		}
	})
	given := map[string]bool{}
	for i, d := range e.Discovery {
		for _, v := range d.Values {
			given[v.Name] = true
			f, _ := e.ConnectionConfig.Get(v.Name)
			if d.From == DiscoverCallback && inHost[template.Ref{Space: spaceConfig, Name: v.Name}] && f.Pattern == "" && f.Format == "" && len(f.Enum) == 0 {
				c.doubt(joinPath(fmt.Sprintf("discovery[%d].values", i), v.Name), "host-unconstrained", "the value is part of a host and anybody's to choose, but no field has a pattern, a format or an enum for it")
			}
		}
	}
	for _, f := range e.ConnectionConfig {
		if f.Source == "discovery" && len(e.Discovery) > 0 && !given[f.Name] {
			c.doubt("connection_config."+f.Name+".source", "bad-value", "no discovery has a value of this name")
		}
	}
}
