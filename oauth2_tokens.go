package tieline

import (
	"context"
	"net/http"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/wire"
)

// ExtraToken is a token that came beside the access token of a grant, for another
// part of the provider's API: a user's beside a bot's.
type ExtraToken struct {
	AccessToken  Secret
	RefreshToken Secret // its own; empty: it is got with the connection's
	ExpiresAt    time.Time
}

// extraTokens fills in the tokens beside the access token: from the answer of the
// token endpoint, and, if ask is true, by asking for those that are not in it. What
// a look-up has to find first waits for [Subject.lateTokens].
func (s *Subject) extraTokens(ctx context.Context, token *OAuth2Token, answer *oauth.Answer, issued time.Time, ask bool) error {
	for i := range s.provider.AdditionalTokens {
		t := &s.provider.AdditionalTokens[i]
		if !ask && s.asksFor(t, token, answer) {
			continue
		}
		err := s.extraToken(ctx, t, token, answer, issued)
		if err != nil && (len(s.provider.Discovery) == 0 || !missingValue(err)) {
			return err
		}
	}
	s.boundExpiry(token)
	return nil
}

// extraToken fills in one token. One that is there stays when it cannot be renewed:
// the main one must not be lost over it.
func (s *Subject) extraToken(ctx context.Context, t *spec.AdditionalToken, token *OAuth2Token, answer *oauth.Answer, issued time.Time) error {
	old, had := token.Tokens[t.Name]
	found, ok := s.extraFrom(t, answer, issued)
	var err error
	if s.asksFor(t, token, answer) {
		found, err = s.renewExtra(ctx, t, token, old)
		ok = err == nil
	}
	switch {
	case ok:
		token.Tokens = withExtra(token.Tokens, t.Name, found, old)
	case had && !found.RefreshToken.IsZero():
		old.RefreshToken = found.RefreshToken // which came without the rest
		token.Tokens = withExtra(token.Tokens, t.Name, old, old)
	case had || t.Optional:
	case err != nil:
		return err
	default:
		return &TokenError{Class: ClassTransient, Status: http.StatusOK, Code: "no_" + t.Name + "_token"}
	}
	return nil
}

// boundExpiry lets a token expire with the first of those beside it. What could not
// be renewed is over, and makes nothing else so.
func (s *Subject) boundExpiry(token *OAuth2Token) {
	for _, extra := range token.Tokens {
		if e := extra.ExpiresAt; e.After(s.core.now()) && (token.ExpiresAt.IsZero() || e.Before(token.ExpiresAt)) {
			token.ExpiresAt = e
		}
	}
}

// asksFor says whether a token is not in the answer that had the main one, and can
// be asked for.
func (s *Subject) asksFor(t *spec.AdditionalToken, token *OAuth2Token, answer *oauth.Answer) bool {
	if _, ok := s.extraFrom(t, answer, time.Time{}); ok {
		return false
	}
	old, had := token.Tokens[t.Name]
	return t.Refresh != nil || had && !old.RefreshToken.IsZero()
}

// lateTokens asks for the tokens that need what was looked up, beside what was
// known before.
func (s *Subject) lateTokens(ctx context.Context, known map[string]string, g Grant) (Grant, error) {
	own, ok := g.Credential.(*OAuth2Token)
	if !ok || len(s.provider.AdditionalTokens) == 0 {
		return g, nil
	}
	token := *own
	before := s.withCaptured(known)
	s = s.withCaptured(g.Captured)
	for i := range s.provider.AdditionalTokens {
		t := &s.provider.AdditionalTokens[i]
		if _, had := token.Tokens[t.Name]; had || t.Refresh == nil || g.given && !t.Refresh.Application {
			// The refresh token of a grant that was brought along is not spent for it.
			continue
		}
		if _, err := before.extraCall(t, &token); !g.given && !missingValue(err) {
			continue // it was asked for, or never can be
		}
		if err := s.extraToken(ctx, t, &token, nil, g.IssuedAt); err != nil {
			return g, err
		}
	}
	s.boundExpiry(&token)
	g.Credential = &token
	return g, nil
}

func withExtra(tokens map[string]ExtraToken, name string, found, old ExtraToken) map[string]ExtraToken {
	out := make(map[string]ExtraToken, len(tokens)+1)
	for n, t := range tokens {
		out[n] = t
	}
	if found.RefreshToken.IsZero() {
		found.RefreshToken = old.RefreshToken
	}
	out[name] = found
	return out
}

// extraFrom finds the token in the answer that had the main one.
func (s *Subject) extraFrom(t *spec.AdditionalToken, answer *oauth.Answer, issued time.Time) (ExtraToken, bool) {
	if t.ResponseFields == nil || answer == nil || answer.Values == nil {
		return ExtraToken{}, false
	}
	text := func(name string) string {
		if t.ResponseFields[name] == "" {
			return ""
		}
		v, _ := jsonpath.Text(jsonpath.At(answer.Values, t.ResponseFields[name]))
		return v
	}
	out := ExtraToken{AccessToken: NewSecret(text("access_token")), RefreshToken: NewSecret(text("refresh_token"))}
	if d := oauth.Lifetime(text("expires_in")); d > 0 {
		out.ExpiresAt = issued.Add(d).UTC()
	}
	return out, !out.AccessToken.IsZero()
}

// renewExtra asks for the token with its own refresh token, with the connection's,
// or as the application itself.
func (s *Subject) renewExtra(ctx context.Context, t *spec.AdditionalToken, token *OAuth2Token, old ExtraToken) (ExtraToken, error) {
	means := *token
	if !old.RefreshToken.IsZero() {
		means.RefreshToken = old.RefreshToken
	}
	sub := s.withCredential(&means)
	call, err := sub.extraCall(t, &means)
	if err != nil {
		return ExtraToken{}, badData(err)
	}
	issued := s.core.now()
	answer, failure := s.send(ctx, call)
	out := ExtraToken{}
	switch {
	case answer == nil || answer.RefreshToken == "" || t.Refresh != nil && t.Refresh.Application:
	case old.RefreshToken.IsZero():
		// It is the connection's that was sent, and so the connection's that was
		// replaced (RFC 6749 section 6).
		token.RefreshToken = NewSecret(answer.RefreshToken)
	default:
		out.RefreshToken = NewSecret(answer.RefreshToken)
	}
	if failure != nil {
		return out, newTokenError(failure)
	}
	out.AccessToken = NewSecret(answer.AccessToken)
	if d := answer.Lifetime(issued); d > 0 {
		out.ExpiresAt = issued.Add(d).UTC()
	}
	return out, nil
}

func (s *Subject) extraCall(t *spec.AdditionalToken, means *OAuth2Token) (*oauth.Call, error) {
	r := t.Refresh
	if r == nil {
		return s.refreshCall(means)
	}
	var call *oauth.Call
	var err error
	if r.Application {
		if call, err = s.tokenCall(); err == nil {
			call.Params["grant_type"] = "client_credentials"
		}
	} else {
		call, err = s.refreshCall(means)
	}
	if err != nil {
		return nil, err
	}
	return call, s.adjust(call, r)
}

// adjust makes a refresh request the one that an additional token wants.
func (s *Subject) adjust(call *oauth.Call, r *spec.TokenRefresh) error {
	env := s.env()
	if r.URL != nil {
		target, err := expandURL(r.URL, env, "additional_tokens.refresh.url")
		if err != nil {
			return err
		}
		call.URL = target
	}
	if r.Method != "" {
		call.Method = r.Method
	}
	if r.Body != "" {
		call.Format = oauth.Format(r.Body)
	}
	if r.ClientAuth != "" {
		call.Auth = oauth.ClientAuth(r.ClientAuth)
	}
	if err := expandInto(r.Headers, env, call.Header.Set); err != nil {
		return err
	}
	return s.addParams(call, r.Params)
}

func appendExtra(b []byte, tokens map[string]ExtraToken) []byte {
	access, refresh, expires := map[string]string{}, map[string]string{}, map[string]string{}
	for name, t := range tokens {
		access[name], refresh[name] = t.AccessToken.Reveal(), t.RefreshToken.Reveal()
		if !t.ExpiresAt.IsZero() {
			expires[name] = t.ExpiresAt.UTC().Format(time.RFC3339Nano)
		}
	}
	return wire.AppendMap(wire.AppendMap(wire.AppendMap(b, access), refresh), expires)
}

func readExtra(r *wire.Reader) map[string]ExtraToken {
	access, refresh, expires := r.Map(), r.Map(), r.Map()
	var out map[string]ExtraToken
	for name, token := range access {
		if out == nil {
			out = map[string]ExtraToken{}
		}
		t := ExtraToken{AccessToken: NewSecret(token), RefreshToken: NewSecret(refresh[name])}
		if at, err := time.Parse(time.RFC3339Nano, expires[name]); err == nil {
			t.ExpiresAt = at
		}
		out[name] = t
	}
	return out
}
