package spec

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// site says at which point of a connection's life a template is expanded, and
// so what it can know.
type site int

const (
	atAuthorize site = iota // before there is anything but the connection config
	atToken                 // the first token request
	atRefresh               // a refresh request
	atStep                  // an additional step of a TWO_STEP login
	atSign                  // making a signed token
	atAssertion             // making an assertion
	atBase                  // the base URL of the API and what is below it
	atParam                 // parameters of every API call
	atRequest               // headers of an API call, which may speak of the call
	atRevoke                // revocation and introspection
	atThen                  // an exchange that follows the token request
	atSignature             // what is signed of a token request or a refresh
)

// The spaces that variables can be in.
const (
	spaceConfig      = "connectionConfig"
	spaceCredential  = "credentials"
	spaceIntegration = "integrationConfig"
	spaceOption      = "assertionOption"
	spaceTokens      = "tokens" // additional tokens
	spaceAnswer      = "answer" // of the token request, or of the exchange before
)

// requestVars are what a header may say of the call it belongs to.
var requestVars = []string{"endpoint", "method", "host", "path", "params", "bodyCanonicalParams", "urlCanonicalParams", "contentType"}

// vars decides which variables exist for the templates of one entry.
type vars struct {
	p       *Provider
	config  map[string]bool // names of ${connectionConfig.x}
	creds   map[string]bool // names of ${credentials.x}
	options map[string]bool // names of ${assertionOption.x}
	tokens  map[string]bool // names of ${tokens.x}
}

func newVars(p *Provider) *vars {
	v := &vars{p: p, config: map[string]bool{}, creds: map[string]bool{}, options: map[string]bool{}, tokens: map[string]bool{}}
	for _, f := range p.ConnectionConfig {
		v.config[f.Name] = true
	}
	for _, list := range [][]string{p.TokenResponseMetadata, p.RedirectURIMetadata, p.WebhookResponseMetadata, p.ConnectionConfiguration} {
		for _, name := range list {
			v.config[name] = true
		}
	}
	if p.Proxy != nil {
		for _, m := range p.Proxy.ConnectionConfig {
			v.config[m.Name] = true
		}
	}
	for _, fields := range []Fields{p.Credentials, p.IntegrationConfig} {
		for _, f := range fields {
			v.creds[f.Name] = true
		}
	}
	for _, name := range p.AuthMode.credentialNames() {
		v.creds[name] = true
	}
	if p.Assertion != nil {
		v.creds["assertion"] = true
	}
	for _, name := range p.TokenResponseHeaders {
		v.creds[name] = true
		v.creds["_cookies"] = true
	}
	for _, d := range p.Discovery {
		for _, m := range d.Values {
			v.config[m.Name] = true
		}
	}
	for _, t := range p.AdditionalTokens {
		v.tokens[t.Name] = true
	}
	for _, f := range p.AssertionOption {
		v.options[f.Name] = true
	}
	return v
}

// credentialNames lists what a credential of the mode consists of, whether an
// entry declares it or not.
func (m AuthMode) credentialNames() []string {
	switch m {
	case APIKey:
		return []string{"apiKey"}
	case Basic, InstallPlugin, Signed:
		return []string{"username", "password"}
	case OAuth2CC:
		return []string{"client_id", "client_secret"}
	case TBA:
		return []string{"token_id", "token_secret"}
	case Bill:
		return []string{"username", "password", "organization_id", "dev_key"}
	case AWSSigV4:
		return []string{"role_arn", "region", "external_id"}
	case TwoStep:
		// The token that the login gave, beside what was typed in for it.
		return []string{"token", "refresh_token"}
	}
	return nil
}

// hasCredentials reports whether a person's own credentials are stored in this
// mode, rather than tokens only.
func (m AuthMode) hasCredentials() bool {
	return m.IsOwn() || m.in(APIKey, Basic, OAuth2CC, TwoStep, JWT, Signed, TBA, Bill, AWSSigV4, InstallPlugin)
}

// hasAccessToken reports whether API calls of the mode carry a token that was
// got or made before.
func (m AuthMode) hasAccessToken() bool {
	return m.IsOwn() || m.in(OAuth2, OAuth2CC, OAuth1, TwoStep, JWT, Signed, App, Custom, MCPOAuth2, MCPOAuth2Generic)
}

// hasClient reports whether the mode has a client ID and secret of the
// application.
func (m AuthMode) hasClient() bool {
	return m.in(OAuth2, OAuth2CC, OAuth1, Custom, MCPOAuth2, MCPOAuth2Generic)
}

// exists reports whether a variable can have a value at a point, and whether
// something in the entry says where it comes from. step counts the steps of a
// TWO_STEP login that have been made.
func (v *vars) exists(r template.Ref, at site, step int) (exists, declared bool) {
	switch r.Space {
	case spaceConfig:
		return true, v.config[r.Name]
	case spaceCredential:
		if !v.p.AuthMode.hasCredentials() || at == atAuthorize {
			return false, false
		}
		name, _, _ := strings.Cut(r.Name, ".")
		return true, v.creds[r.Name] || v.creds[name]
	case spaceIntegration:
		_, ok := v.p.IntegrationConfig.Get(r.Name)
		return ok, ok
	case spaceOption:
		return at == atAssertion, v.options[r.Name]
	case spaceTokens:
		api := at == atParam || at == atRequest || at == atRevoke
		return api && v.tokens[r.Name], true
	case spaceAnswer:
		return at == atThen && r.Name != "", true
	case "":
		known := v.bare(r.Name, at)
		return known, known
	}
	if n, ok := strings.CutPrefix(r.Space, "step"); ok && at == atStep {
		i, err := strconv.Atoi(n)
		return err == nil && i >= 1 && i <= step, true
	}
	return false, false
}

// bare reports whether ${name} exists.
func (v *vars) bare(name string, at site) bool {
	mode := v.p.AuthMode
	api := at == atBase || at == atParam || at == atRequest
	switch name {
	case "apiKey":
		return mode == APIKey && api
	case "username", "password":
		return mode.in(Basic, InstallPlugin, Signed) && api
	case "accessToken":
		return mode.hasAccessToken() && (at == atParam || at == atRequest || at == atRevoke || at == atThen) ||
			at == atRefresh && v.sendsAccessToken()
	case "clientId", "clientSecret":
		return mode.hasClient() && at != atBase
	case "token":
		return at == atRevoke || v.p.Signature != nil && (at == atToken || at == atRefresh || at == atStep)
	case "refresh_token":
		return at == atRefresh || at == atRevoke
	case "refreshToken":
		return at == atThen
	case "body":
		return at == atSignature
	}
	return at == atRequest && slices.Contains(requestVars, name)
}

// sendsAccessToken reports whether a refresh has to do with the access token that
// it renews.
func (v *vars) sendsAccessToken() bool {
	r := v.p.Refresh
	return r != nil && (r.Grant == GrantExchange || r.Grant == GrantProlong)
}

// field returns the declaration of a variable, if there is one.
func (v *vars) field(r template.Ref) (Field, bool) {
	switch r.Space {
	case spaceConfig:
		return v.p.ConnectionConfig.Get(r.Name)
	case spaceCredential:
		if f, ok := v.p.Credentials.Get(r.Name); ok {
			return f, true
		}
		return v.p.IntegrationConfig.Get(r.Name)
	case spaceIntegration:
		return v.p.IntegrationConfig.Get(r.Name)
	case spaceOption:
		return v.p.AssertionOption.Get(r.Name)
	}
	return Field{}, false
}

// optional reports whether all variables may be without a value.
func (v *vars) optional(refs []template.Ref) bool {
	for _, r := range refs {
		if f, ok := v.field(r); !ok || !f.Optional {
			return false
		}
	}
	return len(refs) > 0
}

// use notes the variables of a template, so that the values they want are
// accepted.
func (v *vars) use(refs []template.Ref) {
	for _, r := range refs {
		switch r.Space {
		case spaceConfig:
			v.config[r.Name] = true
		case spaceCredential:
			v.creds[r.Name] = true
		}
	}
}

func sortedNames(m map[string]bool) []string { return sortedKeys(m) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
