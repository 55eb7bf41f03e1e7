package tieline

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/oauth"
)

// clientCredentialsMode is the client credentials grant (RFC 6749 section 4.4).
// Every connection is a client of its own, and a new token is had by asking
// again.
type clientCredentialsMode struct{}

// defaultClientCredentialsLife is how long a token is used whose answer names
// no lifetime. Most servers give an hour.
const defaultClientCredentialsLife = 55 * time.Minute

func (m clientCredentialsMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	cred := *s.private.cred.(*ClientCredentials)
	v, err := checkFields(s.provider.Credentials, map[string]string{
		"client_id": cred.ClientID, "client_secret": cred.ClientSecret.Reveal(),
		"client_certificate": cred.Certificate.Reveal(), "client_private_key": cred.PrivateKey.Reveal(),
	})
	if err != nil {
		return Grant{}, err
	}
	cred.ClientID, cred.ClientSecret = v["client_id"], NewSecret(v["client_secret"])
	cred.Certificate, cred.PrivateKey = NewSecret(v["client_certificate"]), NewSecret(v["client_private_key"])
	if cred.ClientID == "" {
		return Grant{}, &FieldError{Field: "credential.client_id", Reason: "is required"}
	}
	return m.Refresh(ctx, s.withCredential(&cred))
}

func (m clientCredentialsMode) Import(_ context.Context, s *Subject, _ bool) (Grant, error) {
	cred := s.private.cred.(*ClientCredentials)
	if cred.ClientID == "" {
		return Grant{}, &FieldError{Field: "credential.client_id", Reason: "is required"}
	}
	if err := checkText("credential.token", cred.Token.Reveal(), 1, maxToken, printableASCII); err != nil {
		return Grant{}, err
	}
	if err := checkExpiry(cred.ExpiresAt); err != nil {
		return Grant{}, err
	}
	return Grant{Credential: cred, IssuedAt: s.core.now()}, nil
}

func (clientCredentialsMode) CanRefresh(*Subject) bool { return true }

func (clientCredentialsMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	old := s.private.cred.(*ClientCredentials)
	call, err := s.clientCredentialsCall()
	if err != nil {
		return Grant{}, badData(err)
	}
	issued := s.core.now()
	answer, failure := s.send(ctx, call)
	if failure != nil {
		return Grant{}, newTokenError(withoutGrant(failure))
	}
	next := *old
	next.Token = NewSecret(answer.AccessToken)
	captured := s.capture(answer, nil)
	if next.ExpiresAt = s.expiry(answer, issued, 0); next.ExpiresAt.IsZero() {
		next.ExpiresAt = s.withCaptured(captured).introspectedExpiry(ctx, &next, issued)
	}
	if next.ExpiresAt.IsZero() {
		next.ExpiresAt = issued.Add(defaultClientCredentialsLife).UTC()
	}
	next.Raw = NewSecret(string(answer.Raw))
	if answer.HasScope {
		next.Scopes = splitScopes(answer.Scope, s.provider.ScopeSeparator)
	}
	return Grant{Credential: &next, idToken: answer.IDToken, Captured: captured, IssuedAt: issued, answered: s.core.now()}, nil
}

// withoutGrant corrects the class of a failure for a call that spends nothing:
// asking again never does harm.
func withoutGrant(e *oauth.Error) *oauth.Error {
	if e.Class != oauth.Ambiguous {
		return e
	}
	n := *e
	n.Class = oauth.Transient
	return &n
}

func (s *Subject) clientCredentialsCall() (*oauth.Call, error) {
	call, err := s.tokenCall()
	if err != nil {
		return nil, err
	}
	if grant := s.provider.TokenGrant; grant != "" {
		call.Params["grant_type"] = grant
	}
	if scopes := strings.Split(s.config[oauthScopes], ","); scopes[0] != "" {
		call.Params["scope"] = strings.Join(slices.DeleteFunc(scopes, func(s string) bool { return s == "" }), s.provider.ScopeSeparator)
	}
	return call, s.addParams(call, s.provider.TokenParams)
}

func (clientCredentialsMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	cred := s.private.cred.(*ClientCredentials)
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+cred.Token.Reveal()) })
}

// Revoke ends the token where the provider's data says how.
func (clientCredentialsMode) Revoke(ctx context.Context, s *Subject) error {
	cred, ok := s.private.cred.(*ClientCredentials)
	if !ok {
		return nil
	}
	return s.revokeToken(ctx, cred.Token, Secret{})
}
