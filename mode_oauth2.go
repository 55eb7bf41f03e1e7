package tieline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
)

// oauth2Mode is the authorization code grant (RFC 6749 section 4.1) with PKCE
// (RFC 7636).
type oauth2Mode struct{}

// reservedParams are what neither a provider's data nor a caller may set: the
// security of the flow rests on them.
var reservedParams = []string{"client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method"}

func (oauth2Mode) Begin(ctx context.Context, s *Subject, f *Flow) (*url.URL, error) {
	e := s.provider
	if e.AuthorizationURL == nil {
		return nil, fmt.Errorf("%w: this provider's authorizations begin at the provider", ErrWrongMode)
	}
	env := s.env()
	target, err := e.AuthorizationURL.Expand(env)
	if err != nil {
		return nil, configError(err)
	}
	id, _ := s.client()
	params := map[string]string{"response_type": "code"}
	for _, p := range e.AuthorizationParams {
		v, send, err := p.Expand(env)
		if err != nil {
			return nil, configError(err)
		}
		if send {
			params[p.Name] = v
		}
	}
	for _, name := range reservedParams {
		if renamed := e.AuthorizationParamNames[name]; renamed != "" && f.Params[renamed] != "" {
			return nil, &FieldError{Field: "params." + renamed, Reason: "cannot be set"}
		}
	}
	maps.Copy(params, f.Params)
	params["client_id"] = id
	params["redirect_uri"] = f.RedirectURL
	params["state"] = f.State
	if len(f.Scopes) > 0 && params["scope"] == "" {
		// A provider whose data has a scope knows no other.
		params["scope"] = strings.Join(f.Scopes, e.ScopeSeparator)
	}
	addChallenge(params, f.Verifier)
	// The token endpoint must not be found out to be unreachable for want of a
	// value once the user has consented, unless the provider is to bring it.
	if _, err := s.tokenURL(env); err != nil && !s.brings(err) {
		return nil, err
	}
	if e.PushedAuthorizationURL != nil {
		return s.push(ctx, target, params)
	}
	return authorizationURL(target, e, params), nil
}

// addChallenge adds what binds the code to this flow (RFC 7636 section 4.3).
func addChallenge(params map[string]string, verifier string) {
	if verifier == "" {
		return
	}
	sum := sha256.Sum256([]byte(verifier))
	params["code_challenge"] = base64.RawURLEncoding.EncodeToString(sum[:])
	params["code_challenge_method"] = "S256"
}

// authorizationURL puts the parameters where the provider wants them.
func authorizationURL(target *url.URL, e *spec.Entry, params map[string]string) *url.URL {
	q := target.Query()
	raw := ""
	for name, v := range params {
		if to, ok := e.AuthorizationParamNames[name]; ok {
			name = to
		}
		switch {
		case name == "", v == "" && e.OmitEmptyParams:
		case name == "scope" && e.RawScopes:
			raw = "&scope=" + rawQuery(v)
		default:
			q.Set(name, v)
		}
	}
	target.RawQuery = q.Encode() + raw
	text := target.String()
	if f := e.AuthorizationURLFragment; f != "" {
		// A page that routes by fragment wants its parameters behind it.
		base := *target
		base.RawQuery, base.Fragment = "", ""
		text = base.String() + "#" + strings.TrimPrefix(f, "#") + "?" + target.RawQuery
	}
	for _, from := range slices.Sorted(maps.Keys(e.AuthorizationURLReplacements)) {
		text = strings.Replace(text, from, e.AuthorizationURLReplacements[from], 1)
	}
	if replaced, err := url.Parse(text); err == nil {
		return replaced
	}
	return target
}

// rawQuery escapes only what would end the parameter.
func rawQuery(s string) string {
	return strings.NewReplacer("&", "%26", "#", "%23", " ", "%20").Replace(s)
}

func (oauth2Mode) Complete(ctx context.Context, s *Subject, f *Flow, callback url.Values) (Grant, error) {
	code := callback.Get(s.provider.CodeParam)
	if code == "" {
		return Grant{}, &FieldError{Field: "callback." + s.provider.CodeParam, Reason: "is missing"}
	}
	return s.withCaptured(s.capture(nil, callback)).exchangeCode(ctx, code, f, callback)
}

// exchangeCode turns a code into tokens. f is nil for a code that came without an
// authorization.
func (s *Subject) exchangeCode(ctx context.Context, code string, f *Flow, callback url.Values) (Grant, error) {
	call, err := s.tokenCall()
	if err != nil {
		return Grant{}, err
	}
	call.Params["grant_type"] = cmp.Or(s.provider.TokenGrant, "authorization_code")
	call.Params["code"] = code
	if f != nil {
		call.Params["redirect_uri"] = f.RedirectURL
		if f.Verifier != "" {
			call.Params["code_verifier"] = f.Verifier
		}
	}
	if err := s.addParams(call, s.provider.TokenParams); err != nil {
		return Grant{}, err
	}
	issued := s.core.now()
	answer, failure := s.send(ctx, call)
	if failure != nil {
		return Grant{}, newTokenError(failure)
	}
	token := &OAuth2Token{}
	if own, ok := s.private.cred.(*OAuth2Token); ok {
		token.ClientID, token.ClientSecret = own.ClientID, own.ClientSecret
	}
	token = s.token(token, answer, issued)
	g := Grant{Credential: token, Captured: s.capture(answer, callback), IssuedAt: issued, answered: s.core.now()}
	s = s.withCaptured(g.Captured)
	if err := s.follow(ctx, token, answer, &g); err != nil {
		return Grant{}, err
	}
	if err := s.extraTokens(ctx, token, answer, issued); err != nil {
		return Grant{}, err
	}
	s.introspectExpiry(ctx, token)
	g.idToken = answer.IDToken
	return g, nil
}

func (oauth2Mode) Import(_ context.Context, s *Subject, _ bool) (Grant, error) {
	token := s.private.cred.(*OAuth2Token)
	for name, v := range map[string]Secret{"access_token": token.AccessToken, "refresh_token": token.RefreshToken} {
		if err := checkText("credential."+name, v.Reveal(), 0, maxToken, printableASCII); err != nil {
			return Grant{}, err
		}
	}
	if err := checkImported(token); err != nil {
		return Grant{}, err
	}
	if token.AccessToken.IsZero() && token.RefreshToken.IsZero() {
		return Grant{}, &FieldError{Field: "credential.access_token", Reason: "is required"}
	}
	if (token.ClientID == "") != token.ClientSecret.IsZero() && s.provider.ClientAuth != spec.ClientAuthNone {
		return Grant{}, &FieldError{Field: "credential.client_id", Reason: "goes with a client secret"}
	}
	now := s.core.now()
	if token.AccessToken.IsZero() {
		// There is only the means to get one.
		t := *token
		t.ExpiresAt = now
		token = &t
	}
	return Grant{Credential: token, IssuedAt: now}, nil
}

// checkImported checks what comes with tokens that were obtained elsewhere.
func checkImported(token *OAuth2Token) error {
	errs := []error{
		checkText("credential.token_type", token.TokenType, 0, maxName, printableASCII),
		checkText("credential.client_id", token.ClientID, 0, maxName, printableASCII),
		checkText("credential.client_secret", token.ClientSecret.Reveal(), 0, maxSecret, printableASCII),
		checkExpiry(token.ExpiresAt),
	}
	for n, scope := range token.Scopes {
		if !isScope(scope) {
			errs = append(errs, &FieldError{Field: fmt.Sprintf("credential.scopes[%d]", n), Reason: "must be printable ASCII without spaces, quotes and backslashes"})
		}
	}
	return errors.Join(errs...)
}

// checkExpiry refuses times that no Store keeps, such as milliseconds taken for
// seconds.
func checkExpiry(t time.Time) error {
	if t.IsZero() || t.UTC().Year() >= 1970 && t.UTC().Year() <= 9999 {
		return nil
	}
	return &FieldError{Field: "credential.expires_at", Reason: "must be within the years 1970 to 9999"}
}

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
	g := Grant{Captured: s.capture(answer, nil), IssuedAt: issued, answered: s.core.now()}
	if r.Grant == spec.GrantProlong && answer.AccessToken == "" {
		kept := *old
		kept.ExpiresAt = issued.Add(r.Prolong)
		g.Credential = &kept
		return g, nil
	}
	g.torn = answer.Torn && answer.RefreshToken == "" && r.Rotation != "none" && !r.Keep
	token := s.token(old, answer, issued)
	g.Credential = token
	if r.Then {
		// The new refresh token must not be lost if what follows fails.
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
	_ = s.extraTokens(ctx, token, answer, issued) // those that are there stay
	s.introspectExpiry(ctx, token)
	return g, nil
}

func (oauth2Mode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token := s.private.cred.(*OAuth2Token)
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token.AccessToken.Reveal()) })
}

func (oauth2Mode) Revoke(ctx context.Context, s *Subject) error {
	token := s.private.cred.(*OAuth2Token)
	return s.revokeToken(ctx, token.AccessToken, token.RefreshToken)
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
