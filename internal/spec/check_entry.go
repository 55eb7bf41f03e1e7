package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// checkEntry checks what only the compiled entry shows.
func (c *checker) checkEntry(e *Entry) {
	c.checkURLs(e)
	c.checkTexts(e)
	c.checkTokenRequest(e)
	c.checkSigned(e)
	c.checkProxy(e)
	c.checkDialect(e)
	c.checkFields("connection_config", spaceConfig, e.ConnectionConfig)
	c.checkFields("credentials", spaceCredential, e.Credentials)
	c.checkFields("integration_config", spaceCredential, e.IntegrationConfig)
	c.checkFields("assertion_option", spaceOption, e.AssertionOption)
	c.checkUnused(e)
}

// checkURLs checks where values land in URLs.
func (c *checker) checkURLs(e *Entry) {
	constrained := map[template.Ref]bool{}
	e.urls(func(path string, u *template.URL) {
		for _, use := range u.HostUses() {
			if use.Place != template.Port && !constrained[use.Ref] {
				constrained[use.Ref] = true
				c.hostField(path, use)
			}
			c.schemes(path, use)
		}
		c.secretsInURL(path, u)
		c.optionalRefs(path, u.Alternatives())
		if u.HasFragment() && path != "authorization_url" {
			c.doubt(path, "fragment", "a fragment is never sent")
		}
		hosts := u.LiteralHosts()
		for i, scheme := range u.Schemes() {
			if scheme == "http" && !(i < len(hosts) && localHost(hosts[i])) {
				c.doubt(path, "plain-http", "what is sent to a plain http URL can be read on the way")
			}
		}
	})
}

// localHost reports whether a host never leaves the machine, or the test: the
// top-level domain test is reserved for that by RFC 6761 section 6.2.
func localHost(host string) bool {
	return template.IsLoopback(host) || strings.HasSuffix(host, ".test")
}

// hostField checks that something says what a value may be that has a say in
// which host is called.
func (c *checker) hostField(path string, use template.HostUse) {
	f, ok := c.vars.field(use.Ref)
	if !ok || f.Automated {
		return // it does not come from a person
	}
	field := c.fieldPath(use.Ref)
	if f.Pattern == "" && f.Format == "" && len(f.Enum) == 0 {
		c.doubt(field, "host-unconstrained", fmt.Sprintf("the value is part of the host in %s, but has neither a pattern nor a format nor an enum", path))
		return
	}
	if use.Place != template.WholeHost && use.Place != template.WholeURL && use.ChoosesDomain() && f.allowsAnyDomain() {
		c.doubt(field, "host-open", fmt.Sprintf("the value decides which domain is called in %s, and nothing keeps it to the vendor's", path))
	}
	if use.Place == template.WholeHost && patternForbidsDots(f.Pattern) && !slices.ContainsFunc(f.Enum, func(s string) bool { return strings.Contains(s, ".") }) {
		c.reject(field+".pattern", "pattern-forbids-host", fmt.Sprintf("the value is the whole host in %s, but the pattern allows no dot", path))
	}
}

// allowsAnyDomain reports whether a value could make a host of somebody else's.
func (f Field) allowsAnyDomain() bool {
	if len(f.Enum) > 0 {
		return false
	}
	re, err := regexp.Compile(f.Pattern)
	return err != nil || re.MatchString("evil.example") || re.MatchString("evil.com")
}

// fieldPath returns the key of the declaration of a variable.
func (c *checker) fieldPath(r template.Ref) string {
	switch r.Space {
	case spaceConfig:
		return "connection_config." + r.Name
	case spaceOption:
		return "assertion_option." + r.Name
	case spaceIntegration:
		return "integration_config." + r.Name
	}
	if _, ok := c.p.Credentials.Get(r.Name); ok {
		return "credentials." + r.Name
	}
	return "integration_config." + r.Name
}

// schemes finds URLs that begin with two schemes, or with none.
func (c *checker) schemes(path string, use template.HostUse) {
	f, ok := c.vars.field(use.Ref)
	if !ok {
		return
	}
	pattern := strings.ReplaceAll(f.Pattern, `\/`, "/")
	switch use.Place {
	case template.WholeHost:
		if f.Format == "uri" || strings.HasPrefix(pattern, "^http") {
			c.doubt(path, "scheme-doubled", fmt.Sprintf("the template begins with https://, and so do the values of %s; the scheme of the value is taken off", use.Ref))
		}
	case template.WholeURL:
		if f.Format != "uri" && f.Pattern != "" && !strings.HasPrefix(pattern, "^http") {
			c.doubt(path, "scheme-missing", fmt.Sprintf("%s must be a whole URL here, but its pattern allows values without https://", use.Ref))
		}
	}
}

// secretsInURL reports secrets that become part of a URL, which ends up in logs.
func (c *checker) secretsInURL(path string, u *template.URL) {
	for _, r := range append(u.PathRefs(), u.QueryRefs()...) {
		f, declared := c.vars.field(r)
		if declared && f.IsSecret() || !declared && LooksSecret(r.Name) {
			c.doubt(path, "secret-in-url", fmt.Sprintf("${%s} is secret, and URLs end up in logs", r))
		}
	}
}

// optionalRefs reports a variable that may be left empty where nothing takes its
// place.
func (c *checker) optionalRefs(path string, alternatives [][]template.Ref) {
	var first template.Ref
	for _, refs := range alternatives {
		optional := false
		for _, r := range refs {
			if f, ok := c.vars.field(r); ok && f.Optional && (f.DefaultValue == nil || *f.DefaultValue == "") {
				optional = true
				first = r
			}
		}
		if !optional {
			return // this alternative can always be had
		}
	}
	c.doubt(path, "optional-variable", fmt.Sprintf("${%s} may be left empty, and nothing takes its place then", first))
}

// checkTexts checks all templates that are not URLs.
func (c *checker) checkTexts(e *Entry) {
	e.texts(func(path string, t *template.Text, leave bool) {
		if strings.Contains(t.String(), "{{") {
			c.doubt(path, "foreign-template", "{{ }} is another language's template and is sent as it is")
		}
		if !leave && len(t.Refs()) > 0 {
			c.optionalRefs(path, t.Alternatives())
		}
	})
	for _, p := range e.AuthorizationParams {
		if p.Name == "nonce" && p.Value.IsLiteral() {
			c.doubt("authorization_params.nonce", "fixed-nonce", "a nonce that is always the same protects from nothing; ${random} is meant for it")
		}
	}
}

// checkTokenRequest checks the parts of token requests against each other.
func (c *checker) checkTokenRequest(e *Entry) {
	p := c.p
	if e.BodyFormat == BodyForm || e.BodyFormat == BodyQuery {
		for _, m := range e.TokenParams.Members {
			if m.Tree.Kind == List || m.Tree.Kind == Object {
				c.reject("token_params."+m.Name, "bad-value", fmt.Sprintf("the value nests, which body_format %s cannot", e.BodyFormat))
			}
		}
	}
	if e.BodyFormat == BodyXML && p.AuthMode != TwoStep {
		c.reject("body_format", "bad-value", "only TWO_STEP logins can be XML")
	}
	for _, h := range e.TokenHeaders {
		if strings.EqualFold(h.Name, "content-type") && e.TokenMethod != "GET" && !e.BodyFormat.matches(h.Value.String()) {
			c.doubt("token_headers."+h.Name, "content-type", fmt.Sprintf("the header does not fit the body, which is %s", e.BodyFormat))
		}
	}
	if r := p.TokenResponse; r != nil && p.AuthMode == TwoStep && r.RefreshToken != "" && p.RefreshTokenParams == nil && p.RefreshTokenHeaders == nil {
		c.doubt("token_response.refresh_token", "refresh-unused", "a refresh token is read, but neither refresh_token_params nor refresh_token_headers says how to use it")
	}
	for mode := range p.TokenURL.ByMode {
		if !AuthMode(mode).in(OAuth2, App, OAuth2CC, APIKey, Basic, None, OAuth1, Custom) && mode != "OAUTH2CC" && mode != "APP_STORE" {
			c.doubt("token_url."+mode, "bad-value", "there is no auth mode of this name")
		}
	}
}

// matches reports whether a content type describes the format.
func (b BodyFormat) matches(contentType string) bool {
	want := map[BodyFormat]string{BodyForm: "x-www-form-urlencoded", BodyJSON: "json", BodyXML: "xml"}[b]
	return strings.Contains(contentType, want)
}

// algorithms lists what each protocol can sign with.
var algorithms = map[string][]string{
	"HMAC": {"HS256", "HS384", "HS512"},
	"RSA":  {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
	"EC":   {"ES256", "ES384", "ES512", "EdDSA"},
}

// checkSigned checks signatures and assertions.
func (c *checker) checkSigned(e *Entry) {
	p := c.p
	if p.Signature != nil && p.Signature.Protocol == "" {
		c.reject("signature", "missing-key", "a signature needs a protocol")
	}
	if p.Signature != nil && p.Token != nil {
		if allowed, ok := algorithms[p.Signature.Protocol]; ok {
			c.algorithm("token.header", p.Token.Header.Text("alg"), allowed)
		}
	}
	a := p.Assertion
	if a == nil {
		return
	}
	if a.Type == "" || a.Key == "" && a.Type == "jwt" {
		c.reject("assertion", "missing-key", "an assertion needs a type, and a JWT also a key")
	}
	if a.Type == "jwt" {
		c.algorithm("assertion.header", a.Header.Text("alg"), slices.Concat(algorithms["RSA"], algorithms["EC"]))
	}
}

func (c *checker) algorithm(path, alg string, allowed []string) {
	switch {
	case alg == "":
		c.reject(path, "missing-key", "the header of a JWT needs an alg")
	case !slices.Contains(allowed, alg):
		c.reject(path+".alg", "bad-value", fmt.Sprintf("the alg is none of %s", strings.Join(allowed, ", ")))
	}
}

// checkUnused reports fields that are asked for and never used. What code does
// with a field does not show in an entry, so an entry that names a script, and
// the fields that code is known to read, are spared.
func (c *checker) checkUnused(e *Entry) {
	p := c.p
	if p.PostConnectionScript != "" || p.CredentialsVerificationScript != "" || p.AuthMode.in(MCPOAuth2Generic, AWSSigV4, JWT) {
		return
	}
	known := map[string]bool{"oauth_scopes": true}
	if p.RequireClientCertificate {
		known["client_certificate"], known["client_private_key"] = true, true
	}
	if e.ClientAuth == ClientAuthPrivateKeyJWT {
		known["client_private_key"] = true
	}
	for _, name := range p.AuthMode.credentialNames() {
		known[name] = true
	}
	if p.Proxy != nil {
		for _, m := range p.Proxy.ConnectionConfig {
			known[m.Name] = true
		}
	}
	for _, d := range e.Discovery {
		for _, v := range d.Values {
			known[v.Name] = true
		}
	}
	used := func(space, name string) bool {
		for r := range c.used {
			if r.Space == space && (r.Name == name || strings.HasPrefix(r.Name, name+".")) {
				return true
			}
		}
		return known[name]
	}
	for space, fields := range map[string]Fields{spaceConfig: e.ConnectionConfig, spaceCredential: e.Credentials} {
		for _, f := range fields {
			if !f.Automated && f.Source == "" && !used(space, f.Name) {
				c.doubt(c.fieldPath(template.Ref{Space: space, Name: f.Name}), "unused-field", "the value is asked for and never used")
			}
		}
	}
}
