package tieline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
)

// A Mode is one way to get a credential, keep it and use it. It implements
// [Attacher], and of the other steps those that it has: [Beginner], [Creator],
// [Importer], [Refresher], [Revoker]. The built-in modes are made of nothing else,
// and nothing outside a mode asks which one it is dealing with.
//
// [Config.Modes] adds modes and replaces built-in ones; [Config.ProviderModes] does
// so for single providers. A mode is shared by all goroutines and keeps nothing
// between two steps: what a credential consists of is the Store's.
type Mode interface {
	Attacher
}

// Attacher puts a credential on a request to the provider's API. It may change
// everything about the request but its context. The request's URL is absolute and
// below the provider's base URL; nothing that Attach adds reaches another host.
type Attacher interface {
	Attach(ctx context.Context, s *Subject, req *http.Request) error
}

// Beginner is a mode in which the user is sent to the provider.
type Beginner interface {
	// Begin returns where to send the user. It may leave something in f.Keep.
	Begin(ctx context.Context, s *Subject, f *Flow) (*url.URL, error)
	// Complete turns what came back into a grant. It is called once for each
	// flow, whatever becomes of it.
	Complete(ctx context.Context, s *Subject, f *Flow, callback url.Values) (Grant, error)
}

// Creator is a mode in which the user or the application gives something from
// which a credential is made. The subject's credential is what was given.
type Creator interface {
	// Create checks what was given and makes the credential of it.
	Create(ctx context.Context, s *Subject) (Grant, error)
}

// Importer is a mode whose credentials can be brought along. The subject's
// credential is what was brought.
type Importer interface {
	// Import checks a credential that was obtained elsewhere, and tries it out if
	// verify is true and the mode has a way to.
	Import(ctx context.Context, s *Subject, verify bool) (Grant, error)
}

// Refresher is a mode whose credentials expire and can be renewed.
type Refresher interface {
	// CanRefresh says whether the subject's credential came with the means to.
	CanRefresh(s *Subject) bool
	// Refresh asks the provider once. It is called under the connection's lease,
	// by one process at a time, and must not repeat a request by itself.
	//
	// An error decides what becomes of the connection by the Class of a
	// [*TokenError] in it: after ClassPermanent the user has to authorize again,
	// after the others it is tried later. An error without one counts as
	// ClassAmbiguous: what was sent may have been used up. A Grant with a
	// Credential beside an error is stored all the same: it is for a refresh token
	// that came without the rest.
	Refresh(ctx context.Context, s *Subject) (Grant, error)
}

// Revoker is a mode whose grants can be ended at the provider.
type Revoker interface {
	Revoke(ctx context.Context, s *Subject) error
}

// Grant is what a provider gave.
type Grant struct {
	// Credential is required, but beside an error.
	Credential Credential
	// Captured are values of the answer to keep beside it, by the names that
	// provider data calls ${connectionConfig.name}. They are sealed.
	Captured map[string]string
	// IssuedAt is a moment before the request. Zero: when the step began.
	IssuedAt time.Time

	answered time.Time // a moment after the answer; zero: as IssuedAt
	idToken  string    // of OpenID Connect, to look things up in; not kept
	torn     bool      // a new refresh token may have been lost with a part of the answer
	given    bool      // the application brought it along, and may use it elsewhere
}

// since fills in when the step began.
func (g Grant) since(began time.Time) Grant {
	if g.IssuedAt.IsZero() {
		g.IssuedAt = began
	}
	return g
}

// Flow is an authorization under way. All of it is sealed while the user is away.
type Flow struct {
	// State has to come back with the user. It is unguessable.
	State string
	// RedirectURL is where the provider is to send the user.
	RedirectURL string
	// Verifier is for PKCE (RFC 7636). Empty where the provider's data forbids it.
	Verifier string
	// Scopes to ask for.
	Scopes []string
	// Params are further parameters that the application wants to be sent.
	Params map[string]string
	// Keep is what Begin leaves for Complete, such as a request token's secret.
	Keep map[string]string
}

func builtinModes() map[AuthMode]Mode {
	return map[AuthMode]Mode{
		ModeOAuth2:   oauth2Mode{},
		ModeOAuth2CC: clientCredentialsMode{},
		ModeAPIKey:   staticMode{},
		ModeBasic:    staticMode{},
		ModeNone:     staticMode{},

		ModeTwoStep:       twoStepMode{},
		ModeJWT:           jwtMode{},
		ModeSignature:     signatureMode{},
		ModeBill:          billMode{},
		ModeOAuth1:        oauth1Mode{},
		ModeTBA:           tbaMode{},
		ModeApp:           appMode{},
		ModeCustom:        customMode{},
		ModeAWSSigV4:      awsMode{},
		ModeInstallPlugin: pluginMode{},

		ModeMCPOAuth2:        oauth2Mode{},
		ModeMCPOAuth2Generic: mcpMode{},
	}
}

// mode is the way of a provider: nil when there is none.
func (c *core) mode(e *spec.Entry) Mode {
	if m, ok := c.providerModes[e.Name]; ok {
		return m
	}
	return c.modes[AuthMode(e.AuthMode)]
}

// fits says whether a built-in mode can work with the credential. It cannot once
// the provider's entry has changed its mode under a connection.
func (c *core) fits(e *spec.Entry, cred Credential) error {
	mode := AuthMode(e.AuthMode)
	if m, ok := c.builtin[mode]; !ok || c.mode(e) != m {
		return nil
	}
	if _, free := cred.(*Fields); free || cred.Type() != credentialType(mode) {
		return fmt.Errorf("%w: the credential is of type %s, the provider takes %s", ErrWrongMode, cred.Type(), credentialType(mode))
	}
	return nil
}

// revoke ends a grant at the provider where there is a way to.
func (c *core) revoke(ctx context.Context, s *Subject, cred Credential) error {
	r, ok := c.mode(s.provider).(Revoker)
	if !ok {
		return nil
	}
	if err := c.fits(s.provider, cred); err != nil {
		return err
	}
	return r.Revoke(ctx, s.withCredential(cred))
}

// refreshed is what a refresh led to.
type refreshed struct {
	Grant
	err *oauth.Error
}

// newRefreshed takes in what a mode answered that was asked at began.
func newRefreshed(g Grant, err error, began time.Time) refreshed {
	g = g.since(began)
	if err == nil && isNilCredential(g.Credential) {
		err = errors.New("the mode answered without a credential")
	}
	if err == nil {
		return refreshed{Grant: g}
	}
	var token *TokenError
	if !errors.As(err, &token) {
		return refreshed{Grant: g, err: &oauth.Error{Class: oauth.Ambiguous, Err: err}}
	}
	return refreshed{Grant: g, err: &oauth.Error{
		Class: oauth.Class(token.Class), Status: token.Status, Code: token.Code,
		Description: token.Description.Reveal(), RetryAfter: token.RetryAfter, Err: token.Err,
	}}
}
