package tieline

import (
	"context"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/sign"
)

// loginGrant takes the token out of the last answer of a login.
func (s *Subject) loginGrant(cred *TwoStep, answer *loginAnswer, began time.Time) (Grant, error) {
	r := s.provider.TokenResponse
	path := ""
	if r != nil && r.Token != nil {
		path = *r.Token
	}
	token, _ := answer.path(path)
	if !isToken(token) || path == "" && strings.ContainsAny(token, " <") {
		return Grant{}, &TokenError{Class: ClassTransient, Status: 200, Code: "no_token"}
	}
	cred.Token = NewSecret(token)
	if v := s.nextRefreshToken(answer); v != "" {
		cred.RefreshToken = NewSecret(v)
	}
	cred.ExpiresAt = s.loginExpiry(cred, answer, began)
	cred.Raw = NewSecret(answer.raw)
	g := Grant{Credential: cred, IssuedAt: began, answered: s.core.now()}
	if values, ok := answer.value.(map[string]any); ok {
		g.Captured = s.capture(&oauth.Answer{Values: values}, nil)
	}
	return g, nil
}

// askedExpiry completes the grant of a login whose answer did not say how long it
// lasts. A refresh token that is new since before is saved first.
func (s *Subject) askedExpiry(ctx context.Context, g Grant, before TwoStep) Grant {
	cred := g.Credential.(*TwoStep)
	if !cred.ExpiresAt.IsZero() || !s.provider.Refresh.Introspect {
		return g
	}
	if !cred.RefreshToken.Equal(before.RefreshToken) {
		before.RefreshToken = cred.RefreshToken
		s.Checkpoint(&before)
	}
	cred.ExpiresAt = s.withCaptured(g.Captured).introspectedExpiry(ctx, cred, g.IssuedAt)
	return g
}

// loginExpiry is when the token of a login stops working: what the answer says,
// what the provider's data says, and never later than the token itself says when
// it is a JWT, or than the refresh token does. Zero when nobody says.
func (s *Subject) loginExpiry(cred *TwoStep, answer *loginAnswer, began time.Time) time.Time {
	var expires time.Time
	if r := s.provider.TokenResponse; r != nil && r.TokenExpiration != "" {
		v := answer.at(r.TokenExpiration)
		if r.TokenExpirationStrategy == "expireIn" {
			if d := oauth.Lifetime(v); d > 0 {
				expires = began.Add(d)
			}
		} else {
			expires = oauth.Moment(v, began)
		}
	}
	if expires.IsZero() && !s.provider.NeverExpires && s.provider.FixedLifetime > 0 {
		expires = began.Add(s.provider.FixedLifetime)
	}
	if expires.IsZero() && !s.provider.NeverExpires && !s.provider.Refresh.Introspect && s.provider.Refresh.DefaultExpiresIn > 0 {
		expires = began.Add(s.provider.Refresh.DefaultExpiresIn)
	}
	if at, ok := sign.ExpiryOf(cred.Token.Reveal()); ok && expires.IsZero() {
		expires = at
	}
	if at, ok := sign.ExpiryOf(cred.RefreshToken.Reveal()); ok && !expires.IsZero() && at.Before(expires) {
		expires = at
	}
	if !expires.After(began) {
		return time.Time{} // an answer that expired before it came says nothing
	}
	return expires.UTC()
}

// nextRefreshToken is the one in an answer, empty if there is none.
func (s *Subject) nextRefreshToken(answer *loginAnswer) string {
	r := s.provider.TokenResponse
	if r == nil || r.RefreshToken == "" {
		return ""
	}
	v, _ := answer.path(r.RefreshToken)
	if !isToken(v) {
		return ""
	}
	return v
}

// isToken says whether a text can be sent as a token.
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, isControl)
}
