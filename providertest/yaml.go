package providertest

import (
	"fmt"
	"strings"
	"time"
)

// ProvidersYAML returns the catalog entries of the ways in which this provider
// can be spoken to, as Options have it:
//
//	acme        OAUTH2, authorization code
//	acme-cc     OAUTH2_CC, client credentials; not with ClientAuthNone
//	acme-key    API_KEY, in the header X-API-Key
//	acme-basic  BASIC
//	acme-none   NONE; of the API, only /ping answers
//
// All addresses are below [Server.URL].
func (s *Server) ProvidersYAML() []byte {
	var y yamlWriter
	y.text("# A provider to test against, running at " + s.URL + ".")
	s.oauth2Entry(&y)
	if s.options.ClientAuth != ClientAuthNone {
		s.appEntry(&y)
	}
	s.keyEntry(&y)
	s.basicEntry(&y)
	y.entry("acme-none", "Acme (no credentials)", "NONE", s.URL)
	y.proxy(s.URL + "/api")
	return []byte(y.b.String())
}

func (s *Server) oauth2Entry(y *yamlWriter) {
	o := s.options
	y.entry("acme", "Acme", "OAUTH2", s.URL)
	y.field(1, "authorization_url", s.URL+"/authorize")
	y.field(1, "token_url", s.URL+"/token")
	y.field(1, "pkce", string(o.PKCE))
	if o.PKCE == PKCEForbidden {
		y.text("  disable_pkce: true")
	}
	s.clientAuth(y)
	if o.SendIssuer {
		y.field(1, "issuer", s.URL)
		y.text("  issuer_required: true")
	}
	y.text("  refresh:")
	if o.NoRefreshToken {
		y.field(2, "grant", "none")
	} else {
		y.field(2, "grant", "refresh_token")
		y.field(2, "rotation", string(o.Rotation))
		if o.Grace > 0 && o.Rotation != RotationNone {
			// Rounded down: the catalog must not promise more than there is.
			y.text(fmt.Sprintf("    grace_seconds: %d", o.Grace/time.Second))
			y.field(2, "grace_answer", string(o.GraceAnswer))
		}
		if o.Rotation != RotationNone {
			y.field(2, "reuse", string(o.Reuse))
		}
		y.field(2, "old_access_token", string(o.OldAccessToken))
	}
	y.text("  revocation:")
	y.field(2, "url", s.URL+"/revoke")
	y.proxy(s.URL + "/api")
}

func (s *Server) appEntry(y *yamlWriter) {
	y.entry("acme-cc", "Acme (client credentials)", "OAUTH2_CC", s.URL)
	y.field(1, "token_url", s.URL+"/token")
	y.text("  token_params:")
	y.field(2, "grant_type", "client_credentials")
	s.clientAuth(y)
	y.text("  revocation:")
	y.field(2, "url", s.URL+"/revoke")
	y.field(2, "token", "access_token")
	y.proxy(s.URL + "/api")
	y.text("  credentials:")
	y.credential("client_id", "Client ID", "The ID of the app.", false)
	y.credential("client_secret", "Client secret", "The secret of the app.", true)
}

func (s *Server) keyEntry(y *yamlWriter) {
	y.entry("acme-key", "Acme (API key)", "API_KEY", s.URL)
	y.proxy(s.URL + "/api")
	y.text("    headers:")
	y.field(3, "x-api-key", "${apiKey}")
	y.verification()
	y.text("  credentials:")
	y.credential("apiKey", "API key", "The key of the account.", true)
}

func (s *Server) basicEntry(y *yamlWriter) {
	y.entry("acme-basic", "Acme (user name and password)", "BASIC", s.URL)
	y.proxy(s.URL + "/api")
	y.verification()
	y.text("  credentials:")
	y.credential("username", "User name", "The name you sign in with.", false)
	y.credential("password", "Password", "The password you sign in with.", true)
}

func (s *Server) clientAuth(y *yamlWriter) {
	auth := s.options.ClientAuth
	if auth == "" {
		auth = ClientAuthBody
	}
	y.field(1, "client_auth", string(auth))
}

// yamlWriter writes the little YAML that an entry needs.
type yamlWriter struct{ b strings.Builder }

func (y *yamlWriter) text(line string) { y.b.WriteString(line + "\n") }

// field writes a string field. What Go quotes, YAML reads.
func (y *yamlWriter) field(depth int, key, value string) {
	y.text(fmt.Sprintf("%s%s: %q", strings.Repeat("  ", depth), key, value))
}

func (y *yamlWriter) entry(name, title, mode, docs string) {
	y.text(name + ":")
	y.field(1, "display_name", title)
	y.text("  categories: [dev-tools]")
	y.field(1, "docs", docs+"/")
	y.field(1, "auth_mode", mode)
}

func (y *yamlWriter) proxy(baseURL string) {
	y.text("  proxy:")
	y.field(2, "base_url", baseURL)
}

func (y *yamlWriter) verification() {
	y.text("    verification:")
	y.field(3, "method", "GET")
	y.text("      endpoints: [/me]")
}

func (y *yamlWriter) credential(name, title, description string, secret bool) {
	y.text("    " + name + ":")
	y.field(3, "type", "string")
	y.field(3, "title", title)
	y.field(3, "description", description)
	if secret {
		y.text("      secret: true")
	}
}
