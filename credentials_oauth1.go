package tieline

import "time"

// OAuth1Token is the credential of OAuth 1.0a (RFC 5849). It does not expire.
type OAuth1Token struct {
	Token, TokenSecret Secret
	// Raw is the provider's whole answer as JSON.
	Raw Secret
}

// Type returns ModeOAuth1.
func (*OAuth1Token) Type() AuthMode { return ModeOAuth1 }

// Expiry returns the zero time.
func (*OAuth1Token) Expiry() time.Time { return time.Time{} }

func (t *OAuth1Token) field(name string) (string, bool) {
	switch name {
	case "accessToken", "oauth_token":
		return t.Token.Reveal(), true
	case "oauth_token_secret":
		return t.TokenSecret.Reveal(), true
	case "raw":
		return t.Raw.Reveal(), true
	}
	return "", false
}

// TBA is the credential of NetSuite's token-based authentication: an OAuth 1.0a
// token that an administrator made.
type TBA struct {
	TokenID, TokenSecret Secret
	// ClientID and ClientSecret are set when this connection uses an app of its
	// own instead of the integration's. Both or neither.
	ClientID     string
	ClientSecret Secret
}

// Type returns ModeTBA.
func (*TBA) Type() AuthMode { return ModeTBA }

// Expiry returns the zero time.
func (*TBA) Expiry() time.Time { return time.Time{} }

func (t *TBA) field(name string) (string, bool) {
	switch name {
	case "token_id":
		return t.TokenID.Reveal(), true
	case "token_secret":
		return t.TokenSecret.Reveal(), true
	}
	return "", false
}
