package tieline

import (
	"strings"
	"time"
)

// The credentials of logins: what a person typed in, and the token that it is
// traded for or signed with. Creating one takes the typed-in part; the rest is
// filled in.

// TwoStep is the credential of a login whose answer has a token.
type TwoStep struct {
	// Values are what the provider's credential fields ask for, by their names.
	Values map[string]Secret
	// Options are what the provider's assertion fields ask for, such as the key
	// that signs. They are kept, as a new assertion is needed again and again.
	Options map[string]Secret

	Token        Secret
	RefreshToken Secret // empty where the provider gives none: signing in again renews
	ExpiresAt    time.Time
	// Headers are what the provider's data keeps of the answer's header, cookies
	// among them.
	Headers map[string]Secret
	// Assertion is the signed statement that was traded in last, and
	// AssertionExpiresAt how long it is good for. Both are empty where there is none.
	Assertion          Secret
	AssertionExpiresAt time.Time
	// Raw is the provider's last answer.
	Raw Secret
}

// Type returns ModeTwoStep.
func (*TwoStep) Type() AuthMode { return ModeTwoStep }

// Expiry returns ExpiresAt.
func (t *TwoStep) Expiry() time.Time { return t.ExpiresAt }

func (t *TwoStep) field(name string) (string, bool) {
	switch name {
	case "accessToken", "token":
		return t.Token.Reveal(), true
	case "refresh_token":
		return t.RefreshToken.Reveal(), true
	case "raw":
		return t.Raw.Reveal(), true
	case "assertion":
		if !t.Assertion.IsZero() {
			return t.Assertion.Reveal(), true
		}
	}
	if path, ok := strings.CutPrefix(name, "raw."); ok {
		answer := loginAnswer{value: decodeLogin("", []byte(t.Raw.Reveal()))}
		return answer.path(path)
	}
	if v, ok := t.Headers[name]; ok {
		return v.Reveal(), true
	}
	v, ok := t.Values[name]
	return v.Reveal(), ok
}

// JWT is the credential of a provider whose tokens are signed here (RFC 7519).
type JWT struct {
	// Values are what the provider's credential fields ask for, the key among them.
	Values map[string]Secret

	Token     Secret
	ExpiresAt time.Time
}

// Type returns ModeJWT.
func (*JWT) Type() AuthMode { return ModeJWT }

// Expiry returns ExpiresAt.
func (t *JWT) Expiry() time.Time { return t.ExpiresAt }

func (t *JWT) field(name string) (string, bool) {
	if name == "accessToken" || name == "token" {
		return t.Token.Reveal(), true
	}
	// A key that has its ID with it, as "id:secret", can be asked for either.
	if whole, part, ok := strings.Cut(name, "."); ok {
		v, found := t.Values[whole]
		id, secret, two := strings.Cut(v.Reveal(), ":")
		switch {
		case !found || !two:
			return "", false
		case part == "id":
			return id, true
		case part == "secret":
			return secret, true
		}
	}
	v, ok := t.Values[name]
	return v.Reveal(), ok
}

// Signature is the credential of a signed header, such as WSSE's UsernameToken.
type Signature struct {
	Username, Password Secret

	// Token is the header's value.
	Token     Secret
	ExpiresAt time.Time
}

// Type returns ModeSignature.
func (*Signature) Type() AuthMode { return ModeSignature }

// Expiry returns ExpiresAt.
func (t *Signature) Expiry() time.Time { return t.ExpiresAt }

func (t *Signature) field(name string) (string, bool) {
	switch name {
	case "accessToken", "token":
		return t.Token.Reveal(), true
	case "username":
		return t.Username.Reveal(), true
	case "password":
		return t.Password.Reveal(), true
	}
	return "", false
}

// Bill is the credential of BILL: a login, and the session that it began.
type Bill struct {
	Username, Password     Secret
	OrganizationID, DevKey Secret

	SessionID Secret
	UserID    string
	ExpiresAt time.Time
	// Raw is the provider's whole answer as JSON.
	Raw Secret
}

// Type returns ModeBill.
func (*Bill) Type() AuthMode { return ModeBill }

// Expiry returns ExpiresAt.
func (t *Bill) Expiry() time.Time { return t.ExpiresAt }

func (t *Bill) field(name string) (string, bool) {
	switch name {
	case "accessToken", "token", "session_id":
		return t.SessionID.Reveal(), true
	case "username":
		return t.Username.Reveal(), true
	case "password":
		return t.Password.Reveal(), true
	case "organization_id":
		return t.OrganizationID.Reveal(), true
	case "dev_key":
		return t.DevKey.Reveal(), true
	case "user_id":
		return t.UserID, true
	}
	return "", false
}

// Fields is a credential of any shape, for modes of the application's own.
type Fields struct {
	// Mode is the auth mode whose credential this is.
	Mode AuthMode
	// Values are what it consists of. Provider data knows them as
	// ${credentials.name}; the one called "token" also as ${accessToken}.
	Values map[string]Secret
	// ExpiresAt is when it stops working. Zero: unknown or never.
	ExpiresAt time.Time
}

// Type returns Mode.
func (f *Fields) Type() AuthMode { return f.Mode }

// Expiry returns ExpiresAt.
func (f *Fields) Expiry() time.Time { return f.ExpiresAt }

func (f *Fields) field(name string) (string, bool) {
	if name == "accessToken" {
		name = "token"
	}
	v, ok := f.Values[name]
	return v.Reveal(), ok
}
