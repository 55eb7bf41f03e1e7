package tieline

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/oauth"
)

// A mode is one way to get a credential, keep it and use it. It implements the
// steps below that it has; nothing outside a mode looks at which one it is.
type mode interface {
	// attach puts the credential on a request to the provider's API.
	attacher
}

// beginner is a mode in which the user is sent to the provider.
type beginner interface {
	// begin returns where to send the user.
	begin(c *core, s *subject, a *authorization) (*url.URL, error)
	// complete turns what came back into a credential. It is called once for
	// each authorization.
	complete(ctx context.Context, c *core, s *subject, a *authorization, callback url.Values) (refreshed, error)
}

// creator is a mode in which the user or the application gives something from
// which a credential is made.
type creator interface {
	// create checks what was given and makes the credential of it.
	create(ctx context.Context, c *core, s *subject) (refreshed, error)
}

// importer is a mode whose credentials can be brought along.
type importer interface {
	// imported checks a credential that was obtained elsewhere, and tries it out
	// if verify is true and the mode has a way to.
	imported(ctx context.Context, c *core, s *subject, verify bool) (refreshed, error)
}

// refresher is a mode whose credentials expire and can be renewed.
type refresher interface {
	// canRefresh says whether this credential came with the means to.
	canRefresh(s *subject, cred Credential) bool
	// refresh asks the provider once.
	refresh(ctx context.Context, c *core, s *subject, cred Credential) refreshed
}

// attacher puts a credential on a request. It may change everything about the
// request but its context and body.
type attacher interface {
	attach(c *core, s *subject, req *http.Request) error
}

// revoker is a mode whose grants can be ended at the provider.
type revoker interface {
	revoke(ctx context.Context, c *core, s *subject, cred Credential) error
}

// refreshed is what asking a provider for a credential led to.
type refreshed struct {
	// cred is nil when nothing was gained. Beside an err it is the old
	// credential with a new refresh token.
	cred     Credential
	captured map[string]string // values of the answer to keep
	issued   time.Time         // a moment before the request
	answered time.Time         // a moment after the answer; zero: as issued
	torn     bool              // a new refresh token may have been lost with a part of the answer
	given    bool              // the application brought it along, and may use it elsewhere
	err      *oauth.Error
}

func builtinModes() map[AuthMode]mode {
	return map[AuthMode]mode{
		ModeOAuth2:   oauth2Mode{},
		ModeOAuth2CC: clientCredentialsMode{},
		ModeAPIKey:   staticMode{},
		ModeBasic:    staticMode{},
		ModeNone:     staticMode{},
	}
}

// revoke ends a grant at the provider where there is a way to.
func (c *core) revoke(ctx context.Context, s *subject, cred Credential) error {
	r, ok := c.modes[AuthMode(s.provider.AuthMode)].(revoker)
	if !ok || s.provider.Revocation == nil {
		return nil
	}
	return r.revoke(ctx, c, s, cred)
}
