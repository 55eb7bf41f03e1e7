package tieline

import (
	"regexp"
	"strconv"
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

// loginExpiry is when the token of a login stops working: what the answer says,
// what the provider's data says, and never later than the token itself says when
// it is a JWT, or than the refresh token does. Zero when nobody says.
func (s *Subject) loginExpiry(cred *TwoStep, answer *loginAnswer, began time.Time) time.Time {
	var expires time.Time
	if r := s.provider.TokenResponse; r != nil && r.TokenExpiration != "" {
		v := answer.at(r.TokenExpiration)
		if r.TokenExpirationStrategy == "expireIn" {
			if d := expireIn(v); d > 0 {
				expires = began.Add(d)
			}
		} else {
			expires = oauth.Moment(v, began)
		}
	}
	if expires.IsZero() && !s.provider.NeverExpires && s.provider.FixedLifetime > 0 {
		expires = began.Add(s.provider.FixedLifetime)
	}
	if expires.IsZero() && !s.provider.NeverExpires && s.provider.Refresh.DefaultExpiresIn > 0 {
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

// maxLife is more than any token lives.
const maxLife = 50 * 365 * 24 * time.Hour

// expireIn reads a lifetime: seconds, or words such as "15m", "2 days".
func expireIn(v any) time.Duration {
	text, ok := oauth.Text(v)
	if !ok {
		return 0
	}
	text = strings.TrimSpace(text)
	if seconds, err := strconv.ParseFloat(text, 64); err == nil {
		if !(seconds > 0 && seconds < maxLife.Seconds()) {
			return 0
		}
		return time.Duration(seconds * float64(time.Second))
	}
	m := lifeWords.FindStringSubmatch(strings.ToLower(text))
	if m == nil {
		return 0
	}
	n, err := strconv.ParseFloat(m[1], 64)
	d := n * float64(lifeUnits[m[2]])
	if err != nil || !(d > 0 && d < float64(maxLife)) {
		return 0
	}
	return time.Duration(d)
}

var (
	lifeWords = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) *(ms|s|m|h|d|w|sec|second|seconds|min|minute|minutes|hour|hours|day|days|week|weeks)$`)
	lifeUnits = map[string]time.Duration{
		"ms": time.Millisecond, "s": time.Second, "sec": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
		"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	}
)

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
