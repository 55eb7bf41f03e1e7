package tieline

import (
	"time"
)

// Credential is what authenticates a request. It is one of
//
//	*OAuth2Token        OAUTH2, MCP_OAUTH2, MCP_OAUTH2_GENERIC
//	*ClientCredentials  OAUTH2_CC
//	*APIKey             API_KEY
//	*Basic              BASIC, INSTALL_PLUGIN
//	*TwoStep            TWO_STEP
//	*JWT                JWT
//	*Signature          SIGNATURE
//	*Bill               BILL
//	*OAuth1Token        OAUTH1
//	*TBA                TBA
//	*AppToken           APP
//	*CustomToken        CUSTOM
//	*AWS                AWS_SIGV4
//	*None               NONE
//	*Fields             modes of the application's own
//
// and no type of another package. Everything secret in it is a [Secret], so it
// can be printed and logged.
type Credential interface {
	// Type is the auth mode whose credential this is.
	Type() AuthMode
	// Expiry is when the credential stops working. Zero means that it does not
	// say, or never does.
	Expiry() time.Time

	// field returns a value by the name that provider data knows it under.
	field(name string) (string, bool)
	// seal appends the binary form, see credential_codec.go.
	seal(b []byte) []byte
}

// OAuth2Token is the credential of an OAuth 2.0 grant (RFC 6749).
type OAuth2Token struct {
	AccessToken Secret
	// RefreshToken is empty when the provider gave none. The token is then used
	// until it expires.
	RefreshToken Secret
	// TokenType as the provider named it, often "bearer". Requests are always
	// sent with "Bearer" unless the provider's data says otherwise.
	TokenType string
	// Scopes that were granted; nil when the provider did not say.
	Scopes []string
	// ExpiresAt is when the access token expires. Zero means unknown or never.
	ExpiresAt time.Time
	// ClientID and ClientSecret are set when this connection uses an app of its
	// own instead of the integration's.
	ClientID     string
	ClientSecret Secret
	// Raw is the provider's whole answer as JSON.
	Raw Secret
	// Tokens are further ones of the same grant, by the names that the provider's
	// data gives them. Nil for nearly every provider.
	Tokens map[string]ExtraToken
}

// Type returns ModeOAuth2.
func (*OAuth2Token) Type() AuthMode { return ModeOAuth2 }

// Expiry returns ExpiresAt.
func (t *OAuth2Token) Expiry() time.Time { return t.ExpiresAt }

func (t *OAuth2Token) field(name string) (string, bool) {
	switch name {
	case "accessToken", "access_token", "token":
		return t.AccessToken.Reveal(), true
	case "refreshToken", "refresh_token":
		return t.RefreshToken.Reveal(), true
	case "raw":
		return t.Raw.Reveal(), true
	}
	return "", false
}

// ClientCredentials is the credential of an OAuth 2.0 client credentials grant
// (RFC 6749 section 4.4), where each connection is a client of its own.
type ClientCredentials struct {
	ClientID     string
	ClientSecret Secret
	// Certificate and PrivateKey, in PEM, for providers that authenticate the
	// client by TLS or by a signed assertion.
	Certificate, PrivateKey Secret

	// Token is what was obtained with the above. Leave it empty when creating
	// a connection.
	Token     Secret
	ExpiresAt time.Time
	Scopes    []string
	// Raw is the provider's whole answer as JSON.
	Raw Secret
}

// Type returns ModeOAuth2CC.
func (*ClientCredentials) Type() AuthMode { return ModeOAuth2CC }

// Expiry returns ExpiresAt.
func (c *ClientCredentials) Expiry() time.Time { return c.ExpiresAt }

func (c *ClientCredentials) field(name string) (string, bool) {
	switch name {
	case "accessToken", "access_token", "token":
		return c.Token.Reveal(), true
	case "raw":
		return c.Raw.Reveal(), true
	case "client_id":
		return c.ClientID, true
	case "client_secret":
		return c.ClientSecret.Reveal(), true
	case "client_certificate":
		return c.Certificate.Reveal(), true
	case "client_private_key":
		return c.PrivateKey.Reveal(), true
	}
	return "", false
}

// APIKey is one key that the user was given by the provider.
type APIKey struct {
	Key Secret
}

// Type returns ModeAPIKey.
func (*APIKey) Type() AuthMode { return ModeAPIKey }

// Expiry returns the zero time.
func (*APIKey) Expiry() time.Time { return time.Time{} }

func (k *APIKey) field(name string) (string, bool) {
	if name == "apiKey" {
		return k.Key.Reveal(), true
	}
	return "", false
}

// Basic is a user name and password (RFC 7617). Some providers take a key in
// place of either, so both are secret. One of them may be empty.
type Basic struct {
	Username, Password Secret
}

// Type returns ModeBasic.
func (*Basic) Type() AuthMode { return ModeBasic }

// Expiry returns the zero time.
func (*Basic) Expiry() time.Time { return time.Time{} }

func (p *Basic) field(name string) (string, bool) {
	switch name {
	case "username":
		return p.Username.Reveal(), true
	case "password":
		return p.Password.Reveal(), true
	}
	return "", false
}

// None is the credential of a provider that asks for none.
type None struct{}

// Type returns ModeNone.
func (*None) Type() AuthMode { return ModeNone }

// Expiry returns the zero time.
func (*None) Expiry() time.Time { return time.Time{} }

func (*None) field(string) (string, bool) { return "", false }
