package tieline

import "time"

// AppToken is the credential of an installed application, such as a GitHub App:
// a token that the application gets with its own key.
type AppToken struct {
	// InstallationID is the provider's name for the installation.
	InstallationID string
	Token          Secret
	ExpiresAt      time.Time
	// Raw is the provider's whole answer as JSON.
	Raw Secret
}

// Type returns ModeApp.
func (*AppToken) Type() AuthMode { return ModeApp }

// Expiry returns ExpiresAt.
func (t *AppToken) Expiry() time.Time { return t.ExpiresAt }

func (t *AppToken) field(name string) (string, bool) {
	switch name {
	case "accessToken", "access_token", "token":
		return t.Token.Reveal(), true
	case "installation_id":
		return t.InstallationID, true
	}
	return "", false
}

// CustomToken is the credential of an application that was installed by a user
// who also signed in. Requests are sent as the application; User is for those that
// have to be the user's own.
type CustomToken struct {
	App AppToken
	// User is the user's own grant. Its tokens are empty when none came.
	User OAuth2Token
}

// Type returns ModeCustom.
func (*CustomToken) Type() AuthMode { return ModeCustom }

// Expiry returns when the first of the two tokens expires.
func (t *CustomToken) Expiry() time.Time {
	user := t.User.ExpiresAt
	if user.IsZero() || t.User.AccessToken.IsZero() || !t.App.ExpiresAt.IsZero() && t.App.ExpiresAt.Before(user) {
		return t.App.ExpiresAt
	}
	return user
}

func (t *CustomToken) field(name string) (string, bool) {
	if name == "userAccessToken" {
		return t.User.AccessToken.Reveal(), true
	}
	if t.App.Token.IsZero() && name != "installation_id" {
		return t.User.field(name) // until somebody approves the installation
	}
	return t.App.field(name)
}

// AWS is the credential of AWS Signature Version 4: a role, and temporary keys to
// act in it.
type AWS struct {
	// RoleARN is the role to assume, Region where, and ExternalID what the role's
	// owner expects to be told with it. Region may be empty: the integration's.
	// An empty ExternalID gets a random one, which the owner has to be told.
	RoleARN, Region, ExternalID string

	AccessKeyID                   string
	SecretAccessKey, SessionToken Secret
	ExpiresAt                     time.Time
	// Raw is the provider's whole answer.
	Raw Secret
}

// Type returns ModeAWSSigV4.
func (*AWS) Type() AuthMode { return ModeAWSSigV4 }

// Expiry returns ExpiresAt.
func (t *AWS) Expiry() time.Time { return t.ExpiresAt }

func (t *AWS) field(name string) (string, bool) {
	switch name {
	case "role_arn":
		return t.RoleARN, true
	case "region":
		return t.Region, true
	case "external_id":
		return t.ExternalID, true
	case "access_key_id":
		return t.AccessKeyID, true
	case "accessToken", "session_token":
		return t.SessionToken.Reveal(), true
	case "secret_access_key":
		return t.SecretAccessKey.Reveal(), true
	}
	return "", false
}
