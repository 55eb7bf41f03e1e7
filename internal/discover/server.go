package discover

import (
	"context"
	"net/http"
	"net/url"
	"slices"
)

// Server is what an authorization server says about itself (RFC 8414 section 2,
// RFC 9126 section 5, RFC 8628 section 4, RFC 9207 section 3, OpenID Connect
// Discovery 1.0 section 3). A field it does not have is empty. An endpoint that
// is there is an absolute https URL, or what [Options] allow.
type Server struct {
	// Issuer is as the server writes it, for the comparison of RFC 9207.
	Issuer                             string   `json:"issuer"`
	AuthorizationEndpoint              string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint                      string   `json:"token_endpoint,omitempty"`
	RegistrationEndpoint               string   `json:"registration_endpoint,omitempty"`
	RevocationEndpoint                 string   `json:"revocation_endpoint,omitempty"`
	IntrospectionEndpoint              string   `json:"introspection_endpoint,omitempty"`
	PushedAuthorizationRequestEndpoint string   `json:"pushed_authorization_request_endpoint,omitempty"`
	RequirePushedAuthorizationRequests bool     `json:"require_pushed_authorization_requests,omitempty"`
	DeviceAuthorizationEndpoint        string   `json:"device_authorization_endpoint,omitempty"`
	UserinfoEndpoint                   string   `json:"userinfo_endpoint,omitempty"`
	JWKSURI                            string   `json:"jwks_uri,omitempty"`
	ScopesSupported                    []string `json:"scopes_supported,omitempty"`
	ResponseTypesSupported             []string `json:"response_types_supported,omitempty"`
	// GrantTypesSupported empty means authorization_code and implicit.
	GrantTypesSupported []string `json:"grant_types_supported,omitempty"`
	// TokenEndpointAuthMethodsSupported empty means client_secret_basic.
	TokenEndpointAuthMethodsSupported []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	// CodeChallengeMethodsSupported has S256 or is empty. Empty means that the
	// server does not say that it supports PKCE.
	CodeChallengeMethodsSupported              []string `json:"code_challenge_methods_supported,omitempty"`
	AuthorizationResponseIssParameterSupported bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
	ClientIDMetadataDocumentSupported          bool     `json:"client_id_metadata_document_supported,omitempty"`
}

// AuthorizationServer finds the metadata of the authorization server with that
// issuer identifier: at the well-known place of RFC 8414 section 3.1, else at that
// of OpenID Connect in the same way, else at that of OpenID Connect Discovery.
//
// It counts only if its issuer is the one asked about, to the byte (RFC 8414
// section 3.3; but see [Options.LooseSlash]). One unusable endpoint makes the
// whole unusable. A server without metadata is [ErrNone]. Every error is an
// [*Error].
func AuthorizationServer(ctx context.Context, rt http.RoundTripper, issuer string, opts Options) (Server, error) {
	u := opts.parseIssuer(issuer)
	if u == nil {
		return Server{}, fail(StepServer, ErrURL, "issuer", 0)
	}
	return firstOf(ctx, rt, StepServer, serverPlaces(u), func(doc object, _ *url.URL) (Server, *Error) {
		return parseServer(doc, issuer, opts)
	})
}

// DefaultServer is the authorization server of an MCP server that has no metadata
// at all: the default paths at its [Origin], which the MCP specification of
// 2025-03-26 has in "Fallbacks for Servers without Metadata Discovery". That the
// server has them is a guess.
func DefaultServer(origin string) Server {
	return Server{
		Issuer:                origin,
		AuthorizationEndpoint: origin + "/authorize",
		TokenEndpoint:         origin + "/token",
		RegistrationEndpoint:  origin + "/register",
	}
}

// parseServer reads a document that is to be of issuer.
func parseServer(doc object, issuer string, opts Options) (Server, *Error) {
	stated, ok := doc.text("issuer")
	var reason error
	switch {
	case !ok:
		reason = ErrType
	case stated == "":
		reason = ErrMissing
	case !opts.same(stated, issuer) || opts.parseIssuer(stated) == nil:
		reason = ErrMismatch
	}
	if reason != nil {
		failure := fail(StepServer, reason, "issuer", http.StatusOK)
		failure.foreign = true
		return Server{}, failure
	}
	f := fields{doc: doc, step: StepServer, opts: opts, status: http.StatusOK}
	s := Server{
		Issuer:                                     stated,
		AuthorizationEndpoint:                      f.endpoint("authorization_endpoint"),
		TokenEndpoint:                              f.endpoint("token_endpoint"),
		RegistrationEndpoint:                       f.endpoint("registration_endpoint"),
		RevocationEndpoint:                         f.endpoint("revocation_endpoint"),
		IntrospectionEndpoint:                      f.endpoint("introspection_endpoint"),
		PushedAuthorizationRequestEndpoint:         f.endpoint("pushed_authorization_request_endpoint"),
		RequirePushedAuthorizationRequests:         f.flag("require_pushed_authorization_requests"),
		DeviceAuthorizationEndpoint:                f.endpoint("device_authorization_endpoint"),
		UserinfoEndpoint:                           f.endpoint("userinfo_endpoint"),
		JWKSURI:                                    f.endpoint("jwks_uri"),
		ScopesSupported:                            scopes(f.list("scopes_supported")),
		ResponseTypesSupported:                     f.list("response_types_supported"),
		GrantTypesSupported:                        f.list("grant_types_supported"),
		TokenEndpointAuthMethodsSupported:          f.list("token_endpoint_auth_methods_supported"),
		CodeChallengeMethodsSupported:              f.list("code_challenge_methods_supported"),
		AuthorizationResponseIssParameterSupported: f.flag("authorization_response_iss_parameter_supported"),
		ClientIDMetadataDocumentSupported:          f.flag("client_id_metadata_document_supported"),
	}
	if f.failure != nil {
		return Server{}, f.failure
	}
	if failure := s.check(); failure != nil {
		return Server{}, failure
	}
	return s, nil
}

// check says what is missing. Which endpoints a server has to have depends on
// its grants (RFC 8414 section 2).
func (s *Server) check() *Error {
	missing := func(field string) *Error { return fail(StepServer, ErrMissing, field, http.StatusOK) }
	grants := s.GrantTypesSupported
	interactive := len(grants) == 0 || slices.Contains(grants, "authorization_code") || slices.Contains(grants, "implicit")
	onlyImplicit := len(grants) > 0 && !slices.ContainsFunc(grants, func(g string) bool { return g != "implicit" })
	switch {
	case s.AuthorizationEndpoint == "" && interactive:
		return missing("authorization_endpoint")
	case s.TokenEndpoint == "" && !onlyImplicit:
		return missing("token_endpoint")
	case s.PushedAuthorizationRequestEndpoint == "" && s.RequirePushedAuthorizationRequests:
		return missing("pushed_authorization_request_endpoint")
	// An empty list is no list: RFC 8414 section 3.2 has it left out.
	case len(s.CodeChallengeMethodsSupported) > 0 && !slices.Contains(s.CodeChallengeMethodsSupported, "S256"):
		return fail(StepServer, ErrPKCE, "code_challenge_methods_supported", http.StatusOK)
	}
	return nil
}

// fields reads a document and keeps the first failure.
type fields struct {
	doc     object
	step    string
	opts    Options
	status  int // of the answer
	failure *Error
}

func (f *fields) fail(reason error, name string) {
	if f.failure == nil {
		f.failure = fail(f.step, reason, name, f.status)
	}
}

func (f *fields) text(name string) string {
	s, ok := f.doc.text(name)
	if !ok {
		f.fail(ErrType, name)
	}
	return s
}

func (f *fields) list(name string) []string {
	l, ok := f.doc.list(name)
	if !ok {
		f.fail(ErrType, name)
	}
	return l
}

func (f *fields) flag(name string) bool {
	b, ok := f.doc.flag(name)
	if !ok {
		f.fail(ErrType, name)
	}
	return b
}

func (f *fields) endpoint(name string) string {
	s := f.text(name)
	if s != "" && f.opts.parse(s) == nil {
		f.fail(ErrURL, name)
	}
	return s
}
