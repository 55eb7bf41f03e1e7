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

func (m clientCredentialsMode) create(ctx context.Context, c *core, s *subject) (refreshed, error) {
	cred := *s.private.cred.(*ClientCredentials)
	v, err := checkFields(s.provider.Credentials, map[string]string{
		"client_id": cred.ClientID, "client_secret": cred.ClientSecret.Reveal(),
		"client_certificate": cred.Certificate.Reveal(), "client_private_key": cred.PrivateKey.Reveal(),
	})
	if err != nil {
		return refreshed{}, err
	}
	cred.ClientID, cred.ClientSecret = v["client_id"], NewSecret(v["client_secret"])
	cred.Certificate, cred.PrivateKey = NewSecret(v["client_certificate"]), NewSecret(v["client_private_key"])
	if cred.ClientID == "" {
		return refreshed{}, &FieldError{Field: "credential.client_id", Reason: "is required"}
	}
	res := m.refresh(ctx, c, s.withCredential(&cred), &cred)
	if res.err != nil {
		return refreshed{}, newTokenError(res.err)
	}
	return res, nil
}

func (m clientCredentialsMode) imported(_ context.Context, c *core, s *subject, _ bool) (refreshed, error) {
	cred := s.private.cred.(*ClientCredentials)
	if cred.ClientID == "" {
		return refreshed{}, &FieldError{Field: "credential.client_id", Reason: "is required"}
	}
	if err := checkText("credential.token", cred.Token.Reveal(), 1, maxToken, printableASCII); err != nil {
		return refreshed{}, err
	}
	if err := checkExpiry(cred.ExpiresAt); err != nil {
		return refreshed{}, err
	}
	return refreshed{cred: cred, issued: c.now()}, nil
}

func (clientCredentialsMode) canRefresh(*subject, Credential) bool { return true }

func (clientCredentialsMode) refresh(ctx context.Context, c *core, s *subject, cred Credential) refreshed {
	old := cred.(*ClientCredentials)
	call, err := s.clientCredentialsCall(c)
	if err != nil {
		return refreshed{err: &oauth.Error{Class: oauth.Config, Code: "provider_data", Err: err}}
	}
	issued := c.now()
	answer, failure := oauth.Send(ctx, c.tokenHTTP, call, c.now)
	if failure != nil {
		return refreshed{err: withoutGrant(failure)}
	}
	next := *old
	next.Token = NewSecret(answer.AccessToken)
	next.ExpiresAt = s.expiry(answer, issued, defaultClientCredentialsLife)
	next.Raw = NewSecret(string(answer.Raw))
	if answer.HasScope {
		next.Scopes = splitScopes(answer.Scope, s.provider.ScopeSeparator)
	}
	return refreshed{cred: &next, captured: s.capture(answer, nil), issued: issued, answered: c.now()}
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

func (s *subject) clientCredentialsCall(c *core) (*oauth.Call, error) {
	call, err := s.tokenCall(c)
	if err != nil {
		return nil, err
	}
	if grant := s.provider.TokenGrant; grant != "" {
		call.Params["grant_type"] = grant
	}
	if scopes := strings.Split(s.config["oauth_scopes"], ","); scopes[0] != "" {
		call.Params["scope"] = strings.Join(slices.DeleteFunc(scopes, func(s string) bool { return s == "" }), s.provider.ScopeSeparator)
	}
	return call, s.addParams(c, call, s.provider.TokenParams)
}

func (clientCredentialsMode) attach(c *core, s *subject, req *http.Request) error {
	cred := s.private.cred.(*ClientCredentials)
	return c.attachParts(s, req, func(h http.Header) { h.Set("Authorization", "Bearer "+cred.Token.Reveal()) })
}
