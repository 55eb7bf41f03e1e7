package tieline

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/store"
)

// Subject is what the steps of a [Mode] work on: a connection, stored or about to
// be, with everything that its provider's data can refer to, and the means to reach
// the provider. It is valid during the step that it was given to.
type Subject struct {
	core        *core
	provider    *spec.Entry
	integration *record.Integration

	integrationID string // of the integration's row
	key           string // of the integration
	id            string // of the connection
	app           AppCredential
	config        map[string]string // every value, secret and captured ones too
	settings      map[string]string // those of the integration alone
	private       *private

	// extra are values that exist during one step only, such as the answers of
	// earlier calls of a login.
	extra func(template.Ref) (string, bool)

	// save is how the step of a refresh saves what it has so far; nil in others.
	save func(Credential) bool

	// operation is what the step is a part of, for the Tracer; nil without one.
	operation *operation

	// searching is set while values are looked up that calls need later.
	searching bool
}

// newSubject puts together a subject. A captured value gives way to one that
// the application or the user has given.
func (c *core) newSubject(i *integration, id string, plain map[string]string, p *private) *Subject {
	config := i.config()
	maps.Copy(config, p.captured)
	for _, m := range []map[string]string{plain, p.secrets} {
		for k, v := range m {
			if v != "" {
				config[k] = v
			}
		}
	}
	s := &Subject{
		core: c, provider: i.entry, integration: i.rec, integrationID: i.row.ID, key: i.row.Unique, id: id,
		app: i.private.app, config: config, private: p,
	}
	if len(i.entry.IntegrationConfig) > 0 {
		s.settings = i.config()
	}
	return s
}

// subject reads what belongs to a stored connection.
func (c *core) subject(ctx context.Context, row store.Row, rec *record.Connection) (*Subject, error) {
	ctx, cancel := context.WithTimeout(ctx, c.policy.SaveTimeout)
	defer cancel()
	i, err := c.integrationByID(ctx, row.Parent)
	if err != nil {
		return nil, err
	}
	private, err := c.openPrivate(row.ID, rec)
	if err != nil {
		return nil, err
	}
	public, err := rec.Public()
	if err != nil {
		return nil, err
	}
	return c.newSubject(i, connectionID(row), public.Config, private), nil
}

// withCredential is the same connection with another credential.
func (s *Subject) withCredential(cred Credential) *Subject {
	n := *s
	n.private = s.private.with(cred, nil)
	return &n
}

// withValues is the same connection with values that exist during one step only.
func (s *Subject) withValues(extra func(template.Ref) (string, bool)) *Subject {
	n := *s
	n.extra = extra
	return &n
}

// withCaptured is the same connection with values that the provider has just told.
func (s *Subject) withCaptured(captured map[string]string) *Subject {
	n := *s
	n.config = maps.Clone(s.config)
	for k, v := range captured {
		if n.config[k] == "" {
			n.config = put(n.config, k, v)
		}
	}
	return &n
}

// brings says whether a value that the token URL lacks comes from the provider.
func (s *Subject) brings(err error) bool {
	u := s.provider.TokenURL
	return u != nil && missingValue(err) && slices.ContainsFunc(u.Refs(), func(r template.Ref) bool {
		return r.Space == "connectionConfig" && slices.ContainsFunc(s.provider.Captures, func(c spec.Capture) bool { return c.Field == r.Name })
	})
}

// env gives the templates of one request their values.
func (s *Subject) env() *template.Env {
	return &template.Env{Lookup: s.lookup, Now: s.core.now, Rand: s.core.rand}
}

func (s *Subject) lookup(ref template.Ref) (string, bool) {
	if s.extra != nil {
		if v, ok := s.extra(ref); ok {
			return v, true
		}
	}
	switch ref.Space {
	case "connectionConfig":
		v, ok := s.config[ref.Name]
		return v, ok
	case "integrationConfig":
		v, ok := s.settings[ref.Name]
		return v, ok
	case "credentials":
		// What is set once for the whole integration is nobody's to type in.
		if _, ok := s.provider.IntegrationConfig.Get(ref.Name); ok && s.config[ref.Name] != "" {
			return s.config[ref.Name], true
		}
		return s.private.cred.field(ref.Name)
	case "tokens":
		if token, ok := s.private.cred.(*OAuth2Token); ok {
			extra, ok := token.Tokens[ref.Name]
			return extra.AccessToken.Reveal(), ok
		}
	case "":
		switch ref.Name {
		case "clientId", "clientSecret":
			id, secret := s.client()
			if ref.Name == "clientSecret" {
				return secret, true
			}
			return id, true
		}
		return s.private.cred.field(ref.Name)
	}
	return "", false
}

// client is the application's identity at the provider: the connection's own
// where it has one, else the integration's.
func (s *Subject) client() (id, secret string) {
	switch cred := s.private.cred.(type) {
	case *OAuth2Token:
		if cred.ClientID != "" {
			return cred.ClientID, cred.ClientSecret.Reveal()
		}
	case *ClientCredentials:
		return cred.ClientID, cred.ClientSecret.Reveal()
	case *TBA:
		if cred.ClientID != "" {
			return cred.ClientID, cred.ClientSecret.Reveal()
		}
	case *CustomToken:
		if cred.User.ClientID != "" {
			return cred.User.ClientID, cred.User.ClientSecret.Reveal()
		}
	}
	if app, ok := oauthApp(s.app); ok {
		return app.ClientID, app.ClientSecret.Reveal()
	}
	return "", ""
}

// baseURL is that of the provider's API; nil when it has none.
func (s *Subject) baseURL() (*url.URL, error) {
	if api, ok := s.ownAPI(); ok && api.base != "" {
		return api.baseURL()
	}
	if b := s.provider.BaseURL; b != nil {
		base, err := b.Expand(s.env())
		if err != nil {
			return nil, configError(err)
		}
		return base, nil
	}
	if AuthMode(s.provider.AuthMode) == ModeMCPOAuth2Generic {
		base, err := url.Parse(s.config[mcpServer])
		if err != nil || base.Host == "" {
			return nil, &FieldError{Field: "config." + mcpServer, Reason: "must be the URL of an MCP server"}
		}
		return base, nil
	}
	return nil, nil
}

// forgiveness is what a provider does about a refresh token that it has
// accepted before.
type forgiveness int

const (
	unknown  forgiveness = iota
	forgives             // it accepts it again
	punishes             // it ends the grant
)

// forgiveness is the provider's, a while after it accepted the token first.
func (s *Subject) forgiveness(after time.Duration) forgiveness {
	r := &s.provider.Refresh
	switch {
	case r.Rotation == "none", r.Reuse == "ignore", after < r.Grace:
		return forgives
	case r.Reuse == "revoke_family":
		return punishes
	default:
		return unknown
	}
}

// sharesClient says whether the connection is refreshed as every other one of
// its integration: by the same client, at the same address.
func (s *Subject) sharesClient() bool {
	id, _ := s.client()
	app, ok := oauthApp(s.app)
	return ok && app.ClientID == id && s.provider.RefreshURL != nil && len(s.provider.RefreshURL.Refs()) == 0
}

func (s *Subject) name() string { return s.key + "/" + s.id }

func (s *Subject) event(t EventType, err error) Event {
	return Event{Type: t, Integration: s.key, Connection: s.id, Provider: s.provider.Name, Err: err}
}
