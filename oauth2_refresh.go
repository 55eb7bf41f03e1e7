package tieline

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
)

func (oauth2Mode) CanRefresh(s *Subject) bool {
	token, ok := s.private.cred.(*OAuth2Token)
	if !ok {
		return false
	}
	switch s.provider.Refresh.Grant {
	case spec.GrantRefreshToken, spec.GrantProlong:
		return !token.RefreshToken.IsZero()
	case spec.GrantExchange:
		return !token.AccessToken.IsZero()
	case spec.GrantReissue:
		return true
	}
	return false
}

func (oauth2Mode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	old := s.private.cred.(*OAuth2Token)
	call, err := s.refreshCall(old)
	if err != nil {
		return Grant{}, badData(err)
	}
	return s.renew(ctx, call, old)
}

// refreshCall is the request that renews a token: as the first token request, but
// for what the provider's data says of refreshes.
func (s *Subject) refreshCall(old *OAuth2Token) (*oauth.Call, error) {
	r := &s.provider.Refresh
	call, err := s.tokenCall()
	if err != nil {
		return nil, err
	}
	env := s.env()
	if call.URL, err = s.refreshURL(env); err != nil {
		return nil, err
	}
	if r.Method != "" {
		call.Method = r.Method
	}
	if r.Body != "" {
		call.Format = oauth.Format(r.Body)
	}
	if r.ClientAuth != "" && call.Auth != oauth.AuthNone {
		call.Auth = oauth.ClientAuth(r.ClientAuth)
	}
	if r.ParamNames != nil {
		call.Names = r.ParamNames
	}
	if r.Headers != nil {
		call.Header = http.Header{}
		if err := expandInto(r.Headers, env, call.Header.Set); err != nil {
			return nil, err
		}
	}
	call.Success = success(r.Success)
	if r.GrantType != "" {
		call.Params["grant_type"] = r.GrantType
	}
	if scopes := s.grantedScopes(old); r.Scope && len(scopes) > 0 {
		call.Params["scope"] = strings.Join(scopes, s.provider.ScopeSeparator)
	}
	switch r.Grant {
	case spec.GrantExchange:
		call.Params[r.TokenParam] = old.AccessToken.Reveal()
	case spec.GrantReissue:
		return call, s.addParams(call, s.provider.TokenParams)
	default:
		call.Params["refresh_token"] = old.RefreshToken.Reveal()
		call.NoToken = r.Grant == spec.GrantProlong
		if r.Grant == spec.GrantRefreshToken {
			call.Params["grant_type"] = cmp.Or(r.GrantType, "refresh_token")
		}
	}
	return call, s.addParams(call, s.provider.RefreshParams)
}

// grantedScopes are those of a token. An answer that names none has granted what was
// asked for (RFC 6749 section 5.1).
func (s *Subject) grantedScopes(token *OAuth2Token) []string {
	if app, ok := oauthApp(s.app); ok && len(token.Scopes) == 0 {
		return app.Scopes
	}
	return token.Scopes
}

// renew makes a refresh request and takes in what comes of it.
func (s *Subject) renew(ctx context.Context, call *oauth.Call, old *OAuth2Token) (Grant, error) {
	r := &s.provider.Refresh
	issued := s.core.now()
	answer, failure := s.send(ctx, call)
	if failure != nil && r.Grant != spec.GrantRefreshToken && !s.provider.AuthMode.IsMCP() {
		failure = withoutGrant(failure) // nothing is used up by asking
	}
	if answer == nil {
		return Grant{}, newTokenError(failure)
	}
	if r.Keep {
		answer.RefreshToken = ""
	}
	if failure != nil {
		kept := *old
		kept.RefreshToken = NewSecret(answer.RefreshToken)
		return Grant{Credential: &kept, IssuedAt: issued}, newTokenError(failure)
	}
	g := Grant{Captured: s.capture(answer, nil), IssuedAt: issued, answered: s.core.now(), idToken: answer.IDToken}
	if r.Grant == spec.GrantProlong && answer.AccessToken == "" {
		kept := *old
		kept.ExpiresAt = issued.Add(r.Prolong)
		g.Credential = &kept
		return g, nil
	}
	g.torn = answer.Torn && answer.RefreshToken == "" && r.Rotation != "none" && !r.Keep
	token := s.token(old, answer, issued)
	g.Credential = token
	return s.renewed(ctx, g, old, token, answer)
}

// renewed asks for what belongs to a refreshed token. Its refresh token is saved
// before: to the provider the old one is over, and there may be no later.
func (s *Subject) renewed(ctx context.Context, g Grant, old, token *OAuth2Token, answer *oauth.Answer) (Grant, error) {
	s = s.withCaptured(g.Captured)
	saved := true
	if !token.RefreshToken.Equal(old.RefreshToken) && s.asksMore(token, answer) {
		kept := *old
		kept.RefreshToken = token.RefreshToken
		saved = s.Checkpoint(&kept)
	}
	if s.provider.Refresh.Then {
		if err := s.follow(ctx, token, answer, &g); err != nil {
			if token.RefreshToken.Equal(old.RefreshToken) {
				return Grant{}, err
			}
			kept := *old
			kept.RefreshToken = token.RefreshToken
			g.Credential = &kept
			return g, err
		}
	}
	_ = s.extraTokens(ctx, token, answer, g.IssuedAt, saved) // those that are there stay
	if token.ExpiresAt.IsZero() {
		token.ExpiresAt = s.introspectedExpiry(ctx, token, g.IssuedAt)
	}
	return g, nil
}

// asksMore says whether a refresh has something to ask beside the token that was
// answered.
func (s *Subject) asksMore(token *OAuth2Token, answer *oauth.Answer) bool {
	r := &s.provider.Refresh
	return r.Then || r.Introspect && token.ExpiresAt.IsZero() ||
		slices.ContainsFunc(s.provider.AdditionalTokens, func(t spec.AdditionalToken) bool { return s.asksFor(&t, token, answer) })
}

// tornLife is how long an access token is used whose lifetime was cut off with
// the rest of its answer: few live shorter.
const tornLife = 5 * time.Minute

// token is the credential that an answer makes of the one before. A refresh
// token that is not answered stays as it is (RFC 6749 section 6).
func (s *Subject) token(old *OAuth2Token, answer *oauth.Answer, issued time.Time) *OAuth2Token {
	t := *old
	t.AccessToken = NewSecret(answer.AccessToken)
	if answer.RefreshToken != "" {
		t.RefreshToken = NewSecret(answer.RefreshToken)
	}
	t.TokenType = answer.TokenType
	if answer.HasScope {
		t.Scopes = splitScopes(answer.Scope, s.provider.ScopeSeparator)
	}
	var fallback time.Duration
	if answer.Torn && !old.ExpiresAt.IsZero() {
		fallback = tornLife
	}
	t.ExpiresAt = s.expiry(answer, issued, fallback)
	t.Raw = NewSecret(string(answer.Raw))
	return &t
}
