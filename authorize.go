package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

// authorizationLife is how long a user has to come back from the provider.
const authorizationLife = 10 * time.Minute

// AuthorizeOptions says what to ask the user for, and what the connection will
// be. The zero value asks for the integration's scopes and makes a new
// connection with a random ID.
type AuthorizeOptions struct {
	// ConnectionID names the connection. If there is one of this ID, it gets the
	// new grant in place and keeps its metadata. Empty: a random one.
	ConnectionID string

	// Scopes to ask for. Nil: the integration's.
	Scopes []string

	// Params are further parameters of the authorization URL, such as
	// "login_hint". The ones that the flow itself depends on cannot be set.
	Params map[string]string

	// Config, Metadata, Tags, EndUser and WebhookURL are as in [Connection]. When
	// a connection of this ID exists, those that are nil or empty stay as they are.
	Config     map[string]string
	Metadata   json.RawMessage
	Tags       map[string]string
	EndUser    *EndUser
	WebhookURL string

	// ClientID and ClientSecret are of an app that this connection is to use
	// instead of the integration's. Both or neither.
	ClientID     string
	ClientSecret Secret

	// Binding is one that this browser has already, for an authorization in
	// another window: what the cookie holds. Empty, or nothing that an
	// Authorization could have had: a new one.
	Binding string

	// NewOnly refuses, with ErrExists, to give an existing connection a new grant.
	NewOnly bool
}

// Authorization is the beginning of a flow. Send the user to URL, and keep
// Binding in their browser until they come back: in a cookie that is HttpOnly,
// Secure, SameSite=Lax and called __Host-something.
type Authorization struct {
	URL string
	// Binding proves that whoever comes back is who was sent: without it,
	// somebody could have a victim complete the attacker's authorization.
	Binding Secret
	// ConnectionID is the ID that the connection will have.
	ConnectionID string
	// ExpiresAt is until when the user can come back: ten minutes from now.
	ExpiresAt time.Time
}

// Authorize begins an authorization in a browser. The errors are [*FieldError],
// ErrWrongMode for a provider whose connections begin otherwise, and ErrNotFound
// for the integration.
func (m *Connections) Authorize(ctx context.Context, integration string, o AuthorizeOptions) (*Authorization, error) {
	a, err := m.core.authorize(ctx, integration, o)
	return a, opError("connections: authorize", err, integration, o.ConnectionID)
}

func (c *core) authorize(ctx context.Context, key string, o AuthorizeOptions) (*Authorization, error) {
	if c.callback == "" {
		return nil, &FieldError{Field: "CallbackURL", Reason: "is required in the Config to authorize"}
	}
	i, err := c.usableIntegration(ctx, key)
	if err != nil {
		return nil, err
	}
	begin, ok := c.mode(i.entry).(Beginner)
	if !ok {
		return nil, fmt.Errorf("%w: connections to a provider of mode %s do not begin with an authorization", ErrWrongMode, i.entry.AuthMode)
	}
	a, d, err := c.prepareAuthorization(ctx, i, o)
	if err != nil {
		return nil, err
	}
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	target, err := begin.Begin(tctx, d.subject(a.client()), &a.Flow)
	if err != nil {
		return nil, err
	}
	if err := c.putAuthorization(ctx, i.row.Key, a); err != nil {
		return nil, err
	}
	return &Authorization{
		URL: target.String(), Binding: NewSecret(a.binding),
		ConnectionID: a.Connection, ExpiresAt: a.ExpiresAt,
	}, nil
}

// prepareAuthorization checks what was asked for, and drafts the connection that is
// to come of it.
func (c *core) prepareAuthorization(ctx context.Context, i *integration, o AuthorizeOptions) (*authorization, *draft, error) {
	if err := o.check(); err != nil {
		return nil, nil, err
	}
	a, err := c.newAuthorization(i, o)
	if err != nil {
		return nil, nil, err
	}
	d, err := c.draft(ctx, i, a.Connection, a.input())
	if err != nil {
		return nil, nil, err
	}
	a.Config = maps.Clone(d.plain)
	for k, v := range d.secrets {
		a.Config = put(a.Config, k, v)
	}
	return a, d, nil
}

func (o *AuthorizeOptions) check() error {
	problems := []error{
		checkText("client_id", o.ClientID, 0, maxName, printableASCII),
		checkText("client_secret", o.ClientSecret.Reveal(), 0, maxSecret, printableASCII),
	}
	if (o.ClientID == "") != o.ClientSecret.IsZero() {
		problems = append(problems, &FieldError{Field: "client_id", Reason: "goes with a client secret"})
	}
	for n, scope := range o.Scopes {
		if !isScope(scope) {
			problems = append(problems, &FieldError{Field: fmt.Sprintf("scopes[%d]", n), Reason: "must be printable ASCII without spaces, quotes and backslashes"})
		}
	}
	for name, v := range o.Params {
		field := "params." + name
		if slices.Contains(reservedParams, name) || name == "scope" || name == "response_type" {
			problems = append(problems, &FieldError{Field: field, Reason: "cannot be set"})
			continue
		}
		problems = append(problems, checkText("params", name, 1, maxName, printableASCII), checkText(field, v, 0, maxURL, nil))
	}
	return errors.Join(problems...)
}

// bindingLength is the length of what newToken makes.
const bindingLength = 43

// isBinding leaves out what is too short to be secret or cannot be in a cookie.
func isBinding(s string) bool {
	return len(s) >= bindingLength && len(s) <= maxName && printableASCII(s) == ""
}

// isScope is the scope-token of RFC 6749 section 3.3.
func isScope(s string) bool {
	for _, b := range []byte(s) {
		if b <= ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return s != "" && len(s) <= maxURL
}

func (c *core) newAuthorization(i *integration, o AuthorizeOptions) (*authorization, error) {
	a := &authorization{
		Connection: o.ConnectionID, Flow: Flow{Params: o.Params, RedirectURL: c.callback, Scopes: o.Scopes}, Config: o.Config, Metadata: o.Metadata, Tags: o.Tags, EndUser: o.EndUser, WebhookURL: o.WebhookURL,
		ClientID: o.ClientID, ClientSecret: o.ClientSecret.Reveal(), NewOnly: o.NewOnly,
		ExpiresAt: c.now().Add(authorizationLife).UTC(), binding: o.Binding,
	}
	if app, ok := oauthApp(i.private.app); ok && o.Scopes == nil {
		a.Scopes = app.Scopes
	}
	var err error
	if a.Connection == "" {
		if a.Connection, err = c.newConnectionID(); err != nil {
			return nil, err
		}
	}
	if !isBinding(a.binding) {
		if a.binding, err = c.newToken(); err != nil {
			return nil, err
		}
	}
	if a.State, err = c.newToken(); err != nil {
		return nil, err
	}
	if bindsCode(i.entry) {
		a.Verifier, err = c.newToken()
	}
	return a, err
}

// bindsCode says whether a flow has a PKCE verifier. The page on which an application
// is installed takes no challenge; a server that anybody can name must.
func bindsCode(e *spec.Entry) bool {
	switch AuthMode(e.AuthMode) {
	case ModeCustom, ModeApp, ModeInstallPlugin, ModeOAuth1:
		return false
	case ModeMCPOAuth2Generic:
		return true
	}
	return e.PKCE != spec.PKCEForbidden
}

// client is an empty credential that carries the app of this authorization.
func (a *authorization) client() Credential {
	return &OAuth2Token{ClientID: a.ClientID, ClientSecret: NewSecret(a.ClientSecret)}
}

// input is what the connection will be made of.
func (a *authorization) input() ConnectionInput {
	return ConnectionInput{
		Config: a.Config, Metadata: a.Metadata, Tags: a.Tags, EndUser: a.EndUser,
		WebhookURL: a.WebhookURL, NewOnly: a.NewOnly,
	}
}

// putAuthorization stores what is needed when the user comes back. The row's ID
// is a keyed hash of the state, and the binding is stored as one, so that who
// reads the Store can complete nothing.
func (c *core) putAuthorization(ctx context.Context, parent store.Key, a *authorization) error {
	id := ids.Encode(c.keys.MACs(purposeState, []byte(a.State))[0])
	a.BindingMAC = c.keys.MACs(purposeBinding, []byte(a.binding))[0]
	data, err := c.sealAuthorization(id, a)
	if err != nil {
		return err
	}
	_, err = c.store.Put(ctx, store.Row{
		Key: store.Key{Kind: kindAuthorization, ID: id}, Parent: parent, Due: a.ExpiresAt, Data: data,
	})
	return err
}
