package spec

import (
	"slices"
	"strings"
)

// AuthMode is the way a credential is got and attached.
type AuthMode string

// The auth modes of the format.
const (
	OAuth2           AuthMode = "OAUTH2"
	OAuth2CC         AuthMode = "OAUTH2_CC"
	OAuth1           AuthMode = "OAUTH1"
	APIKey           AuthMode = "API_KEY"
	Basic            AuthMode = "BASIC"
	TwoStep          AuthMode = "TWO_STEP"
	JWT              AuthMode = "JWT"
	Signed           AuthMode = "SIGNATURE"
	App              AuthMode = "APP"
	Custom           AuthMode = "CUSTOM"
	TBA              AuthMode = "TBA"
	Bill             AuthMode = "BILL"
	AWSSigV4         AuthMode = "AWS_SIGV4"
	InstallPlugin    AuthMode = "INSTALL_PLUGIN"
	MCPOAuth2        AuthMode = "MCP_OAUTH2"
	MCPOAuth2Generic AuthMode = "MCP_OAUTH2_GENERIC"
	None             AuthMode = "NONE"
)

// AuthModes returns every mode.
func AuthModes() []AuthMode {
	return []AuthMode{
		OAuth2, OAuth2CC, OAuth1, APIKey, Basic, TwoStep, JWT, Signed, App, Custom, TBA, Bill, AWSSigV4,
		InstallPlugin, MCPOAuth2, MCPOAuth2Generic, None,
	}
}

// Valid reports whether the mode exists, or is one of an application's own.
func (m AuthMode) Valid() bool { return m.IsOwn() || slices.Contains(AuthModes(), m) }

// ownMode is how modes are called that an application brings along. None of the
// format is called so.
var ownMode = lazyRegexp(`^X_[A-Z0-9_]{1,60}$`)

// IsOwn reports whether the mode is one of an application's own, of which nothing
// is known here but its name.
func (m AuthMode) IsOwn() bool {
	return strings.HasPrefix(string(m), "X_") && ownMode().MatchString(string(m))
}

// in reports whether the mode is one of modes.
func (m AuthMode) in(modes ...AuthMode) bool { return slices.Contains(modes, m) }

// IsMCP reports whether the mode is one of MCP servers.
func (m AuthMode) IsMCP() bool { return m.in(MCPOAuth2, MCPOAuth2Generic) }
