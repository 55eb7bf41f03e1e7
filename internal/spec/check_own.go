package spec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/template"
)

// ownKeys checks the keys that Tieline adds to the format.
func (c *checker) ownKeys() {
	p := c.p
	c.choice(Rejected, "pkce", p.PKCE, "required", "optional", "forbidden")
	if p.DisablePKCE != nil && p.PKCE != "" && *p.DisablePKCE != (p.PKCE == "forbidden") {
		c.doubt("pkce", "pkce-conflict", "disable_pkce says otherwise; pkce wins")
	}
	c.choice(Rejected, "client_auth", p.ClientAuth, clientAuths...)
	if p.AuthorizationMethod == "header" && p.TokenRequestAuthMethod != "" && p.ClientAuth == "" {
		c.doubt("token_request_auth_method", "client-auth-conflict", "authorization_method says otherwise, and wins; client credentials go to one place only")
	}
	if p.Checked != "" {
		if _, err := time.Parse(time.DateOnly, p.Checked); err != nil {
			c.doubt("checked", "bad-value", "the date is not of the form 2006-01-02")
		}
	}
	if p.Deprecated != "" {
		c.doubt("deprecated", "deprecated", "the entry is deprecated: "+p.Deprecated)
	}
	c.serviceKeys()
	c.issuer()
	c.refreshKeys()
	c.revocationKeys()
	c.hosts()
	c.sources("connection_config", p.ConnectionConfig)
	c.sources("credentials", p.Credentials)
	c.dialectKeys()
}

func (c *checker) issuer() {
	p := c.p
	if p.IssuerRequired && p.Issuer == "" {
		c.reject("issuer_required", "missing-key", "there is no issuer to require")
	}
	if p.Issuer == "" {
		return
	}
	u, err := template.CompileURL(p.Issuer, template.Options{})
	if err != nil || !u.IsLiteral() {
		c.reject("issuer", "bad-value", "an issuer is a literal https URL")
	}
}

// revocationKeys checks the revocation and introspection keys.
func (c *checker) revocationKeys() {
	if r := c.p.Revocation; r != nil {
		if r.URL == "" {
			c.reject("revocation", "missing-key", "revocation needs a url")
		}
		c.choice(Rejected, "revocation.method", strings.ToUpper(r.Method), "POST", "DELETE", "GET")
		c.choice(Rejected, "revocation.token", r.Token, "refresh_token", "access_token")
		c.choice(Rejected, "revocation.auth", r.Auth, "body", "basic", "basic_raw", "basic_secret", "bearer", "none")
		c.choice(Rejected, "revocation.body_format", r.BodyFormat, "form", "json", "query")
	}
	if i := c.p.Introspection; i != nil {
		if i.URL == "" {
			c.reject("introspection", "missing-key", "introspection needs a url")
		}
		c.choice(Rejected, "introspection.auth", i.Auth, "body", "basic", "basic_raw", "basic_secret", "bearer", "none")
	}
}

// hosts checks api_hosts: host names, with an optional leading "*." below which
// there are at least two labels, so that no entry claims a whole top-level domain.
func (c *checker) hosts() {
	for i, h := range c.p.APIHosts {
		path := fmt.Sprintf("api_hosts[%d]", i)
		name, wild := strings.CutPrefix(h, "*.")
		if !template.ValidHost(name) || h != strings.ToLower(h) {
			c.reject(path, "bad-value", "a host name in lower case is expected, without a port; it may begin with *.")
		} else if wild && !strings.Contains(name, ".") {
			c.reject(path, "bad-value", "the wildcard covers a whole top-level domain")
		}
	}
}

// sources checks where fields say their values come from.
func (c *checker) sources(key string, fields Fields) {
	for _, f := range fields {
		if f.Source == "" {
			continue
		}
		kind, path, _ := strings.Cut(f.Source, ":")
		ok := false
		switch kind {
		case "token_response", "callback", "webhook":
			ok = path != ""
		case "application", "discovery":
			ok = path == ""
		}
		if !ok {
			c.reject(key+"."+f.Name+".source", "bad-value", "the source is none of token_response:PATH, callback:NAME, webhook:PATH, application, discovery")
		}
		if !f.Automated && kind != "application" {
			c.doubt(key+"."+f.Name+".source", "source-asked", "the value has a source, so the field should be automated, lest it is asked for")
		}
	}
}

// names checks a map from standard names to a provider's own.
func (c *checker) names(key string, names map[string]string, standard ...string) {
	for _, name := range sortedKeys(names) {
		if !slices.Contains(standard, name) {
			c.doubt(key+"."+name, "bad-value", fmt.Sprintf("%q is not a standard name; those are %s", name, strings.Join(standard, ", ")))
		}
	}
}
