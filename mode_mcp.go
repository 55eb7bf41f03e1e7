package tieline

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/discover"
	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// mcpMode is OAuth 2.0 for any MCP server, of which only the URL is known
// (https://modelcontextprotocol.io/specification, "Authorization"): the server says
// who authorizes (RFC 9728), that server where and how (RFC 8414), and the
// application registers itself there (RFC 7591), unless it has a document that says
// who it is. What was found out is sealed with the connection.
type mcpMode struct{}

// The names under which what was found out is kept.
const (
	mcpServer     = "mcp_server_url"
	mcpToken      = "oauth_token_url"
	mcpRevocation = "oauth_revocation_url"
	mcpIssuer     = "oauth_issuer"
	mcpResource   = "oauth_resource"
	mcpAuth       = "oauth_client_auth"

	keptClientID     = "client_id"
	keptClientSecret = "client_secret"
	keptNamesIssuer  = "iss_required"
)

func (mcpMode) Begin(ctx context.Context, s *Subject, f *Flow) (*url.URL, error) {
	server, resource, scopes, err := s.discover(ctx)
	if err != nil {
		return nil, err
	}
	f.Keep = map[string]string{
		mcpToken: server.TokenEndpoint, mcpIssuer: server.Issuer, mcpResource: resource, mcpRevocation: server.RevocationEndpoint,
	}
	if server.AuthorizationResponseIssParameterSupported {
		f.Keep[keptNamesIssuer] = "true"
	}
	if len(f.Scopes) == 0 {
		f.Scopes = scopes
	}
	if err := s.introduce(ctx, server, f); err != nil {
		return nil, err
	}
	target, err := url.Parse(server.AuthorizationEndpoint)
	if err != nil || server.AuthorizationEndpoint == "" {
		return nil, discoveryError(&discover.Error{Step: discover.StepServer, Code: "missing", Field: "authorization_endpoint"})
	}
	params := map[string]string{"response_type": "code"}
	maps.Copy(params, f.Params)
	maps.Copy(params, map[string]string{"client_id": f.Keep[keptClientID], "redirect_uri": f.RedirectURL, "state": f.State, "resource": resource})
	if len(f.Scopes) > 0 {
		params["scope"] = strings.Join(f.Scopes, " ")
	}
	addChallenge(params, f.Verifier)
	q := target.Query()
	for name, v := range params {
		q.Set(name, v)
	}
	target.RawQuery = q.Encode()
	return target, nil
}

// discover asks the MCP server, and the server that authorizes for it.
func (s *Subject) discover(ctx context.Context) (server discover.Server, resource string, scopes []string, err error) {
	u, err := url.Parse(s.config[mcpServer])
	if err != nil || u.Host == "" {
		return server, "", nil, &FieldError{Field: "config." + mcpServer, Reason: "must be the URL of an MCP server"}
	}
	opts := discover.Options{LooseSlash: true}
	rt := s.core.apiHTTP
	found, err := discover.ProtectedResource(ctx, rt, u, opts)
	published := err == nil
	if err != nil && !errors.Is(err, discover.ErrNone) && !errors.Is(err, discover.ErrNotJSON) {
		return server, "", nil, discoveryError(err)
	}
	resource = cmp.Or(found.Resource, discover.CanonicalResource(u))
	scopes = found.ChallengeScopes
	if len(scopes) == 0 {
		scopes = found.ScopesSupported
	}
	issuer := discover.Origin(u)
	if len(found.AuthorizationServers) > 0 {
		issuer = found.AuthorizationServers[0]
	}
	server, err = discover.AuthorizationServer(ctx, rt, issuer, opts)
	if errors.Is(err, discover.ErrNone) && !published {
		return discover.DefaultServer(issuer), resource, scopes, nil
	}
	if err != nil {
		return server, "", nil, discoveryError(err)
	}
	return server, resource, scopes, nil
}

// introduce finds the client ID to use: the URL of the application's metadata
// document if the server reads those, a registration if it takes one, or the one
// that the integration has.
func (s *Subject) introduce(ctx context.Context, server discover.Server, f *Flow) error {
	id, secret := s.client()
	own, _ := s.private.cred.(*OAuth2Token)
	if own == nil || own.ClientID == "" {
		secret = "" // the integration's is for one server, and this one the user has named
	}
	f.Keep[mcpAuth] = string(oauth.AuthNone)
	switch {
	case own != nil && own.ClientID != "":
		f.Keep[keptClientID] = id // of an app that is known to this very server
	case id != "" && server.ClientIDMetadataDocumentSupported && discover.CheckClientID(id) == nil:
		f.Keep[keptClientID] = id
	case server.RegistrationEndpoint != "":
		reg, err := s.register(ctx, server.RegistrationEndpoint, f.RedirectURL, registrationAuth(server))
		if err != nil {
			return err
		}
		id, secret = reg.ClientID, reg.ClientSecret.Reveal()
		f.Keep[keptClientID] = id
	case id != "":
		f.Keep[keptClientID] = id
	default:
		return &FieldError{Field: "app", Reason: "is required: the server takes no registrations"}
	}
	if secret != "" && f.Keep[keptClientID] == id {
		f.Keep[keptClientSecret] = secret
		f.Keep[mcpAuth] = string(secretAuth(server))
	}
	return nil
}

// registrationAuth is how a client that registers itself will say who it is: not at
// all, unless the server demands it.
func registrationAuth(server discover.Server) string {
	methods := server.TokenEndpointAuthMethodsSupported
	if len(methods) == 0 || slices.Contains(methods, "none") {
		return "none"
	}
	if slices.Contains(methods, "client_secret_post") {
		return "client_secret_post"
	}
	return methods[0]
}

// secretAuth is where a secret goes (RFC 8414 section 2: the default is Basic).
func secretAuth(server discover.Server) oauth.ClientAuth {
	if slices.Contains(server.TokenEndpointAuthMethodsSupported, "client_secret_post") {
		return oauth.AuthBody
	}
	return oauth.AuthBasic
}

func (s *Subject) register(ctx context.Context, endpoint, redirect, auth string) (discover.Registered, error) {
	return s.core.register(ctx, endpoint, discover.ClientMetadata{
		RedirectURIs: []string{redirect}, ClientName: cmp.Or(s.integration.DisplayName, s.key),
		GrantTypes: []string{"authorization_code", "refresh_token"}, ResponseTypes: []string{"code"}, TokenEndpointAuthMethod: auth,
	})
}

func (c *core) register(ctx context.Context, endpoint string, client discover.ClientMetadata) (discover.Registered, error) {
	reg, err := discover.Register(ctx, c.tokenHTTP, endpoint, client, discover.Options{})
	if err != nil {
		return reg, discoveryError(err)
	}
	return reg, nil
}

// registerApp makes the application known to a provider that takes registrations
// from everybody (RFC 7591), when an integration is created without one.
func (c *core) registerApp(ctx context.Context, e *spec.Entry, in Integration) (AppCredential, error) {
	if c.callback == "" {
		return nil, &FieldError{Field: "CallbackURL", Reason: "is required in the Config to register the application"}
	}
	target, err := expandURL(e.RegistrationURL, &template.Env{Now: c.now, Rand: c.rand}, "registration_url")
	if err != nil {
		return nil, err
	}
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	reg, err := c.register(tctx, target.String(), discover.ClientMetadata{
		RedirectURIs: []string{c.callback}, ClientName: cmp.Or(in.DisplayName, in.Key), TokenEndpointAuthMethod: "none",
		GrantTypes:    textsOr(e.RegistrationParams, "grant_types", "authorization_code", "refresh_token"),
		ResponseTypes: textsOr(e.RegistrationParams, "response_types", "code"),
	})
	if err != nil {
		return nil, err
	}
	return &OAuthApp{ClientID: reg.ClientID, ClientSecret: NewSecret(reg.ClientSecret.Reveal())}, nil
}

// ClientDocument returns the document that an application serves at the URL clientID,
// which it then uses as its client ID with servers that read such documents
// (draft-ietf-oauth-client-id-metadata-document). name is shown to users. The errors
// are a [*FieldError] for a Client without a CallbackURL, and a [*DiscoveryError] for
// a URL that cannot be a client ID.
func (m *Integrations) ClientDocument(clientID, name string) ([]byte, error) {
	if m.core.callback == "" {
		return nil, opError("integrations: client document", &FieldError{Field: "CallbackURL", Reason: "is required in the Config"}, clientID)
	}
	b, err := discover.ClientDocument(clientID, []string{m.core.callback}, name)
	if err != nil {
		return nil, opError("integrations: client document", discoveryError(err), clientID)
	}
	return b, nil
}

// textsOr is a list of texts in a provider's data, or what stands in for it.
func textsOr(m spec.Map, name string, def ...string) []string {
	v, ok := m.Get(name)
	if !ok || len(v.List) == 0 {
		return def
	}
	out := make([]string, len(v.List))
	for i, item := range v.List {
		out[i] = item.Text
	}
	return out
}

// DiscoveryError says which step of finding out about a server failed. It is an
// ErrTokenEndpoint.
type DiscoveryError struct {
	Step string // "protected resource metadata", "authorization server metadata", "registration"
	Code string // a word for the reason; after a registration, the code of RFC 7591 section 3.2.2
	Err  error
}

// Error names step and reason, and quotes nothing of the server's.
func (e *DiscoveryError) Error() string { return e.Err.Error() }

// Unwrap returns ErrTokenEndpoint and the cause.
func (e *DiscoveryError) Unwrap() []error { return []error{ErrTokenEndpoint, e.Err} }

func discoveryError(err error) error {
	var failure *discover.Error
	if !errors.As(err, &failure) {
		return err
	}
	return &DiscoveryError{Step: failure.Step, Code: failure.Code, Err: failure}
}

func (mcpMode) Complete(ctx context.Context, s *Subject, f *Flow, callback url.Values) (Grant, error) {
	// RFC 9207: with servers that anybody can name, this is what keeps one from
	// passing off another one's code.
	if iss := callback.Get("iss"); iss != f.Keep[mcpIssuer] && (iss != "" || f.Keep[keptNamesIssuer] != "") {
		return Grant{}, &FieldError{Field: "callback.iss", Reason: "is not the server's issuer"}
	}
	if callback.Get("code") == "" {
		return Grant{}, &FieldError{Field: "callback.code", Reason: "is missing"}
	}
	call, err := mcpCall(f.Keep, f.Keep[keptClientID], f.Keep[keptClientSecret])
	if err != nil {
		return Grant{}, err
	}
	maps.Copy(call.Params, map[string]any{
		"grant_type": "authorization_code", "code": callback.Get("code"), "redirect_uri": f.RedirectURL, "code_verifier": f.Verifier,
	})
	issued := s.core.now()
	answer, failure := s.ask(ctx, s.core.tokenHTTP, call)
	if failure != nil {
		return Grant{}, newTokenError(failure)
	}
	token := &OAuth2Token{ClientID: f.Keep[keptClientID], ClientSecret: NewSecret(f.Keep[keptClientSecret])}
	captured := map[string]string{}
	for _, name := range []string{mcpToken, mcpRevocation, mcpIssuer, mcpResource, mcpAuth} {
		if v := f.Keep[name]; v != "" {
			captured[name] = v
		}
	}
	return Grant{Credential: s.token(token, answer, issued), Captured: captured, IssuedAt: issued, answered: s.core.now()}, nil
}

// mcpCall is a request to the token endpoint that was found.
func mcpCall(found map[string]string, id, secret string) (*oauth.Call, error) {
	target, err := url.Parse(found[mcpToken])
	if err != nil || target.Host == "" {
		return nil, &FieldError{Field: "config." + mcpToken, Reason: "must be a URL"}
	}
	return &oauth.Call{
		URL: target, Header: http.Header{}, Params: map[string]any{"resource": found[mcpResource]},
		Auth: oauth.ClientAuth(found[mcpAuth]), ClientID: id, ClientSecret: secret,
	}, nil
}

func (mcpMode) Import(ctx context.Context, s *Subject, verify bool) (Grant, error) {
	if s.config[mcpToken] == "" {
		return Grant{}, &FieldError{Field: "config." + mcpToken, Reason: "is required to import"}
	}
	return oauth2Mode{}.Import(ctx, s, verify)
}

func (mcpMode) CanRefresh(s *Subject) bool {
	token, ok := s.private.cred.(*OAuth2Token)
	return ok && !token.RefreshToken.IsZero() && s.config[mcpToken] != ""
}

func (mcpMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	old := s.private.cred.(*OAuth2Token)
	id, secret := s.client()
	call, err := mcpCall(s.config, id, secret)
	if err != nil {
		return Grant{}, badData(err)
	}
	call.Params["grant_type"], call.Params["refresh_token"] = "refresh_token", old.RefreshToken.Reveal()
	g, err := s.renew(ctx, call, old)
	var failure *TokenError
	if errors.As(err, &failure) && failure.Code == "invalid_client" && old.ClientID != "" {
		// The server has forgotten a client that registered itself: the next
		// authorization registers it anew.
		failure.Class = ClassPermanent
	}
	return g, err
}

func (mcpMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token, _ := s.private.cred.field("token")
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token) })
}

// Revoke ends the grant where the server says how (RFC 7009).
func (mcpMode) Revoke(ctx context.Context, s *Subject) error {
	token, ok := s.private.cred.(*OAuth2Token)
	target, err := url.Parse(s.config[mcpRevocation])
	if !ok || err != nil || target.Host == "" {
		return nil
	}
	id, secret := s.client()
	call := &oauth.Call{
		URL: target, Header: http.Header{}, Auth: oauth.ClientAuth(s.config[mcpAuth]), ClientID: id, ClientSecret: secret,
		Params: map[string]any{"token": cmp.Or(token.RefreshToken.Reveal(), token.AccessToken.Reveal())},
	}
	if failure := oauth.Notify(ctx, s.core.tokenHTTP, call, s.core.now); failure != nil {
		return newTokenError(failure)
	}
	return nil
}
