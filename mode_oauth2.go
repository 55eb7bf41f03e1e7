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
	return s.granted(ctx, s.token(token, answer, issued), answer, callback, issued)
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

func (oauth2Mode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token := s.private.cred.(*OAuth2Token)
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token.AccessToken.Reveal()) })
}

func (oauth2Mode) Revoke(ctx context.Context, s *Subject) error {
	token := s.private.cred.(*OAuth2Token)
	return s.revokeToken(ctx, token.AccessToken, token.RefreshToken)
}
