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
// token endpoint, and by asking for those that are not in it. A token that is there
// stays when it cannot be renewed: the main one must not be lost over it.
func (s *Subject) extraTokens(ctx context.Context, token *OAuth2Token, answer *oauth.Answer, issued time.Time) error {
	for i := range s.provider.AdditionalTokens {
		t := &s.provider.AdditionalTokens[i]
		old, had := token.Tokens[t.Name]
		found, ok := s.extraFrom(t, answer, issued)
		var err error
		if !ok && (t.Refresh != nil || had && !old.RefreshToken.IsZero()) {
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
	}
	for _, extra := range token.Tokens {
		// What could not be renewed is over, and makes nothing else so.
		if e := extra.ExpiresAt; e.After(s.core.now()) && (token.ExpiresAt.IsZero() || e.Before(token.ExpiresAt)) {
			token.ExpiresAt = e
		}
	}
	return nil
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
	if t.ResponseFields == nil || answer.Values == nil {
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

// renewExtra asks for the token with its own refresh token, or with the
// connection's.
func (s *Subject) renewExtra(ctx context.Context, t *spec.AdditionalToken, token *OAuth2Token, old ExtraToken) (ExtraToken, error) {
	means := *token
	if !old.RefreshToken.IsZero() {
		means.RefreshToken = old.RefreshToken
	}
	sub := s.withCredential(&means)
	call, err := sub.refreshCall(&means)
	if err != nil {
		return ExtraToken{}, badData(err)
	}
	if r := t.Refresh; r != nil {
		if err := sub.adjust(call, r); err != nil {
			return ExtraToken{}, badData(err)
		}
	}
	issued := s.core.now()
	answer, failure := s.send(ctx, call)
	out := ExtraToken{}
	switch {
	case answer == nil || answer.RefreshToken == "":
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
