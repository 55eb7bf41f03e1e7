package httpapi

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// credentialJSON is a credential as clients of the surface know it, by its mode.
// Whoever calls it takes refresh tokens out, unless they were asked for.
func credentialJSON(cred tieline.Credential) map[string]any {
	out := map[string]any{"type": string(cred.Type())}
	m := members(out)
	switch c := cred.(type) {
	case *tieline.OAuth2Token:
		m.oauth2(c)
	case *tieline.ClientCredentials:
		out["token"], out["client_id"], out["client_secret"] = c.Token.Reveal(), c.ClientID, c.ClientSecret.Reveal()
		m.secret("client_certificate", c.Certificate)
		m.secret("client_private_key", c.PrivateKey)
		m.time("expires_at", c.ExpiresAt)
		m.raw(c.Raw)
	case *tieline.APIKey:
		out["apiKey"] = c.Key.Reveal()
	case *tieline.Basic:
		out["username"], out["password"] = c.Username.Reveal(), c.Password.Reveal()
	case *tieline.OAuth1Token:
		out["oauth_token"], out["oauth_token_secret"] = c.Token.Reveal(), c.TokenSecret.Reveal()
		m.raw(c.Raw)
	case *tieline.TBA:
		out["token_id"], out["token_secret"] = c.TokenID.Reveal(), c.TokenSecret.Reveal()
		m.override(c.ClientID, c.ClientSecret)
	case *tieline.AppToken:
		m.app(c)
	case *tieline.CustomToken:
		m.custom(c)
	case *tieline.None:
		return map[string]any{}
	default:
		m.login(cred)
	}
	return out
}

// members are those of a JSON object.
type members map[string]any

// login puts in what a person typed in, and what came of it.
func (m members) login(cred tieline.Credential) {
	switch c := cred.(type) {
	case *tieline.TwoStep:
		m.values(c.Values)
		m.values(c.Headers)
		m["token"] = c.Token.Reveal()
		m.secret("refresh_token", c.RefreshToken)
		m.secret("assertion", c.Assertion)
		m.time("expires_at", c.ExpiresAt)
		m.raw(c.Raw)
	case *tieline.JWT:
		m.values(c.Values)
		m["token"] = c.Token.Reveal()
		m.time("expires_at", c.ExpiresAt)
	case *tieline.Signature:
		m["username"], m["password"], m["token"] = c.Username.Reveal(), c.Password.Reveal(), c.Token.Reveal()
		m.time("expires_at", c.ExpiresAt)
	case *tieline.Bill:
		m["username"], m["password"] = c.Username.Reveal(), c.Password.Reveal()
		m["organization_id"], m["dev_key"] = c.OrganizationID.Reveal(), c.DevKey.Reveal()
		m["session_id"], m["user_id"] = c.SessionID.Reveal(), c.UserID
		m.time("expires_at", c.ExpiresAt)
		m.raw(c.Raw)
	case *tieline.AWS:
		m["role_arn"], m["region"], m["external_id"] = c.RoleARN, c.Region, c.ExternalID
		m["access_key_id"], m["secret_access_key"] = c.AccessKeyID, c.SecretAccessKey.Reveal()
		m.secret("session_token", c.SessionToken)
		m.time("expires_at", c.ExpiresAt)
		m.raw(c.Raw)
	case *tieline.Fields:
		m.values(c.Values)
		m.time("expires_at", c.ExpiresAt)
	}
}

// oauth2 shows when a token expires only if there is a refresh token, as the
// documentation of the surface has it: without one nothing follows from it.
func (m members) oauth2(t *tieline.OAuth2Token) {
	m["access_token"] = t.AccessToken.Reveal()
	m.secret("refresh_token", t.RefreshToken)
	if !t.RefreshToken.IsZero() {
		m.time("expires_at", t.ExpiresAt)
	}
	m.override(t.ClientID, t.ClientSecret)
	m.raw(t.Raw)
	for name, extra := range t.Tokens {
		token := members{"access_token": extra.AccessToken.Reveal()}
		token.secret("refresh_token", extra.RefreshToken)
		token.time("expires_at", extra.ExpiresAt)
		if _, taken := m[name]; !taken {
			m[name] = token
		}
	}
}

func (m members) app(t *tieline.AppToken) {
	m["access_token"] = t.Token.Reveal()
	m.time("expires_at", t.ExpiresAt)
	m.raw(t.Raw)
}

// custom shows an installation that waits for an approval as the user's grant that
// it is.
func (m members) custom(t *tieline.CustomToken) {
	if t.App.Token.IsZero() {
		m["type"] = string(tieline.ModeOAuth2)
		m.oauth2(&t.User)
		return
	}
	m["type"] = string(tieline.ModeApp)
	m.app(&t.App)
	if !t.User.AccessToken.IsZero() {
		user := members{"type": string(tieline.ModeOAuth2)}
		user.oauth2(&t.User)
		m["user"] = user
	}
}

func (m members) secret(name string, s tieline.Secret) {
	if !s.IsZero() {
		m[name] = s.Reveal()
	}
}

func (m members) time(name string, t time.Time) {
	if !t.IsZero() {
		m[name] = timestamp(t)
	}
}

// values does not put anything in the place of what is there.
func (m members) values(values map[string]tieline.Secret) {
	for name, v := range values {
		if _, there := m[name]; !there {
			m[name] = v.Reveal()
		}
	}
}

func (m members) override(id string, secret tieline.Secret) {
	if id != "" || !secret.IsZero() {
		m["config_override"] = map[string]any{"client_id": id, "client_secret": secret.Reveal()}
	}
}

// raw is what the provider answered, or its text if that is no JSON.
func (m members) raw(s tieline.Secret) {
	if s.IsZero() {
		return
	}
	v, err := decodeJSON([]byte(s.Reveal()))
	if err != nil {
		v = s.Reveal()
	}
	m["raw"] = v
}

// withoutRefreshTokens takes out, at any depth, the members whose letters spell
// "refreshtoken".
func withoutRefreshTokens(v any) any {
	switch v := v.(type) {
	case members:
		return withoutRefreshTokens(map[string]any(v))
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			if !isRefreshToken(name) {
				out[name] = withoutRefreshTokens(value)
			}
		}
		return out
	case map[string]string:
		out := make(map[string]any, len(v))
		for name, value := range v {
			if !isRefreshToken(name) {
				out[name] = value
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for n, value := range v {
			out[n] = withoutRefreshTokens(value)
		}
		return out
	}
	return v
}

func isRefreshToken(name string) bool {
	letters := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z':
			return c
		case c >= 'A' && c <= 'Z':
			return c + 'a' - 'A'
		}
		return -1
	}, name)
	return letters == "refreshtoken"
}

// withoutPath takes one member out of an answer, which is at a dotted path.
func withoutPath(v any, path string) {
	object, _ := v.(map[string]any)
	name, rest, more := strings.Cut(path, ".")
	if object == nil {
		return
	}
	if more {
		withoutPath(object[name], rest)
		return
	}
	delete(object, name)
}

// refreshTokenPath is where the answer of a provider's login has a refresh token, as
// the entry says, or "".
func refreshTokenPath(p tieline.Provider) string {
	var entry struct {
		Response struct {
			RefreshToken string `json:"refresh_token"`
		} `json:"token_response"`
	}
	if json.Unmarshal(p.JSON(), &entry) != nil {
		return ""
	}
	return entry.Response.RefreshToken
}
