package spec

import "encoding/json"

// Provider is one entry of a provider file: every key of the format, by its own
// name, and Tieline's own keys (see [OwnKeys]). An absent key is the zero value
// of its field; a pointer tells an absent key from a zero.
//
// Nothing here is interpreted. [Entry] holds what the keys mean.
type Provider struct {
	Alias         string   `yaml:"alias" json:"alias,omitempty"`
	Service       string   `yaml:"service" json:"service,omitempty"` // what the entry is another way to sign in to
	Methods       []string `yaml:"methods" json:"methods,omitempty"` // the other ways to sign in to this one
	DisplayName   string   `yaml:"display_name" json:"display_name,omitempty"`
	Categories    []string `yaml:"categories" json:"categories,omitempty"`
	Docs          string   `yaml:"docs" json:"docs,omitempty"`
	DocsConnect   string   `yaml:"docs_connect" json:"docs_connect,omitempty"`
	SetupGuideURL string   `yaml:"setup_guide_url" json:"setup_guide_url,omitempty"`

	AuthMode     AuthMode `yaml:"auth_mode" json:"auth_mode,omitempty"`
	AuthType     string   `yaml:"auth_type" json:"auth_type,omitempty"`
	Installation string   `yaml:"installation" json:"installation,omitempty"`

	AuthorizationURL                 string            `yaml:"authorization_url" json:"authorization_url,omitempty"`
	AuthorizationParams              Map               `yaml:"authorization_params" json:"authorization_params,omitempty"`
	AuthorizationURLSkipEncode       []string          `yaml:"authorization_url_skip_encode" json:"authorization_url_skip_encode,omitempty"`
	AuthorizationURLSkipEmpty        bool              `yaml:"authorization_url_skip_empty" json:"authorization_url_skip_empty,omitempty"`
	AuthorizationURLFragment         string            `yaml:"authorization_url_fragment" json:"authorization_url_fragment,omitempty"`
	AuthorizationURLReplacements     map[string]string `yaml:"authorization_url_replacements" json:"authorization_url_replacements,omitempty"`
	AuthorizationCodeParamInCallback string            `yaml:"authorization_code_param_in_callback" json:"authorization_code_param_in_callback,omitempty"`
	AuthorizationCodeParamInWebhook  string            `yaml:"authorization_code_param_in_webhook" json:"authorization_code_param_in_webhook,omitempty"`
	AuthorizationMethod              string            `yaml:"authorization_method" json:"authorization_method,omitempty"`

	TokenURL               TokenURL `yaml:"token_url" json:"token_url,omitzero"`
	TokenURLSkipEncode     []string `yaml:"token_url_skip_encode" json:"token_url_skip_encode,omitempty"`
	TokenRequestAuthMethod string   `yaml:"token_request_auth_method" json:"token_request_auth_method,omitempty"`
	TokenParams            Map      `yaml:"token_params" json:"token_params,omitempty"`
	TokenHeaders           Map      `yaml:"token_headers" json:"token_headers,omitempty"`
	TokenRequestMethod     string   `yaml:"token_request_method" json:"token_request_method,omitempty"`
	BodyFormat             string   `yaml:"body_format" json:"body_format,omitempty"`

	RefreshURL                   string   `yaml:"refresh_url" json:"refresh_url,omitempty"`
	RefreshParams                Map      `yaml:"refresh_params" json:"refresh_params,omitzero"`
	RefreshTokenParams           Map      `yaml:"refresh_token_params" json:"refresh_token_params,omitzero"`
	RefreshTokenHeaders          Map      `yaml:"refresh_token_headers" json:"refresh_token_headers,omitzero"`
	RefreshTokenResponseMetadata []string `yaml:"refresh_token_response_metadata" json:"refresh_token_response_metadata,omitempty"`

	ScopeSeparator  string   `yaml:"scope_separator" json:"scope_separator,omitempty"`
	DefaultScopes   []string `yaml:"default_scopes" json:"default_scopes,omitempty"`
	AvailableScopes []string `yaml:"available_scopes" json:"available_scopes,omitempty"`
	DisablePKCE     *bool    `yaml:"disable_pkce" json:"disable_pkce,omitempty"`

	AlternateAccessTokenResponsePath string   `yaml:"alternate_access_token_response_path" json:"alternate_access_token_response_path,omitempty"`
	ExpiresInUnit                    string   `yaml:"expires_in_unit" json:"expires_in_unit,omitempty"`
	TokenExpirationBuffer            int64    `yaml:"token_expiration_buffer" json:"token_expiration_buffer,omitempty"`
	TokenResponseMetadata            []string `yaml:"token_response_metadata" json:"token_response_metadata,omitempty"`
	RedirectURIMetadata              []string `yaml:"redirect_uri_metadata" json:"redirect_uri_metadata,omitempty"`
	WebhookResponseMetadata          []string `yaml:"webhook_response_metadata" json:"webhook_response_metadata,omitempty"`
	ConnectionConfiguration          []string `yaml:"connection_configuration" json:"connection_configuration,omitempty"`
	RequireClientCertificate         bool     `yaml:"require_client_certificate" json:"require_client_certificate,omitempty"`

	// OAuth 1.0a.
	RequestURL        string `yaml:"request_url" json:"request_url,omitempty"`
	RequestParams     Map    `yaml:"request_params" json:"request_params,omitempty"`
	RequestHTTPMethod string `yaml:"request_http_method" json:"request_http_method,omitempty"`
	TokenHTTPMethod   string `yaml:"token_http_method" json:"token_http_method,omitempty"`
	SignatureMethod   string `yaml:"signature_method" json:"signature_method,omitempty"`
	AccessTokenURL    string `yaml:"access_token_url" json:"access_token_url,omitempty"`

	// Signed and multi-step logins.
	Signature            *Signature     `yaml:"signature" json:"signature,omitempty"`
	Token                *Token         `yaml:"token" json:"token,omitempty"`
	TokenResponse        *TokenResponse `yaml:"token_response" json:"token_response,omitempty"`
	TokenResponseHeaders []string       `yaml:"token_response_headers" json:"token_response_headers,omitempty"`
	TokenExpiresInMS     *int64         `yaml:"token_expires_in_ms" json:"token_expires_in_ms,omitempty"`
	AdditionalSteps      []Step         `yaml:"additional_steps" json:"additional_steps,omitempty"`
	Assertion            *Assertion     `yaml:"assertion" json:"assertion,omitempty"`
	AssertionOption      Fields         `yaml:"assertion_option" json:"assertion_option,omitempty"`

	// OAuth for MCP servers.
	ClientRegistration string `yaml:"client_registration" json:"client_registration,omitempty"`
	RegistrationURL    string `yaml:"registration_url" json:"registration_url,omitempty"`
	RegistrationParams Map    `yaml:"registration_params" json:"registration_params,omitempty"`

	ConnectionConfig  Fields `yaml:"connection_config" json:"connection_config,omitempty"`
	Credentials       Fields `yaml:"credentials" json:"credentials,omitempty"`
	IntegrationConfig Fields `yaml:"integration_config" json:"integration_config,omitempty"`

	Proxy *Proxy `yaml:"proxy" json:"proxy,omitempty"`

	PostConnectionScript          string   `yaml:"post_connection_script" json:"post_connection_script,omitempty"`
	PreConnectionCreationScript   string   `yaml:"pre_connection_creation_script" json:"pre_connection_creation_script,omitempty"`
	PreConnectionDeletionScript   string   `yaml:"pre_connection_deletion_script" json:"pre_connection_deletion_script,omitempty"`
	CredentialsVerificationScript string   `yaml:"credentials_verification_script" json:"credentials_verification_script,omitempty"`
	WebhookRoutingScript          string   `yaml:"webhook_routing_script" json:"webhook_routing_script,omitempty"`
	WebhookUserDefinedSecret      bool     `yaml:"webhook_user_defined_secret" json:"webhook_user_defined_secret,omitempty"`
	WebhookAllowedQueryParams     []string `yaml:"webhook_allowed_query_params" json:"webhook_allowed_query_params,omitempty"`

	// Keys that nothing reads, here or elsewhere; accepted because files have them.
	DecodeURL                bool   `yaml:"decode_url" json:"decode_url,omitempty"`
	Auth                     Map    `yaml:"auth" json:"auth,omitempty"`
	ProxyHeaderAuthorization string `yaml:"proxy_header_authorization" json:"proxy_header_authorization,omitempty"`

	OwnKeys
}

// TokenURL is one URL, or one for each of several ways to get a token
// ("OAUTH2", "APP").
type TokenURL struct {
	URL    string
	ByMode map[string]string
}

// IsZero reports whether there is no URL.
func (u TokenURL) IsZero() bool { return u.URL == "" && len(u.ByMode) == 0 }

// MarshalJSON writes a string or an object.
func (u TokenURL) MarshalJSON() ([]byte, error) {
	if u.ByMode != nil {
		return json.Marshal(u.ByMode)
	}
	return json.Marshal(u.URL)
}

// UnmarshalJSON reads a string or an object.
func (u *TokenURL) UnmarshalJSON(data []byte) error { return readJSON(string(data), u) }

// Signature says how the token of the token key is signed.
type Signature struct {
	Protocol           string `yaml:"protocol" json:"protocol,omitempty"` // RSA, HMAC, EC or WSSE
	HMACSecretEncoding string `yaml:"hmac_secret_encoding" json:"hmac_secret_encoding,omitempty"`
}

// Token describes a JWT to sign.
type Token struct {
	SigningKey  string `yaml:"signing_key" json:"signing_key,omitempty"`
	ExpiresInMS int64  `yaml:"expires_in_ms" json:"expires_in_ms,omitempty"`
	Header      Map    `yaml:"header" json:"header,omitempty"`
	Payload     Map    `yaml:"payload" json:"payload,omitempty"`
}

// TokenResponse says where the answer of a TWO_STEP login has what.
type TokenResponse struct {
	// Token is a dotted path; present and empty means that the whole answer is
	// the token.
	Token                   *string `yaml:"token" json:"token,omitempty"`
	TokenExpiration         string  `yaml:"token_expiration" json:"token_expiration,omitempty"`
	TokenExpirationStrategy string  `yaml:"token_expiration_strategy" json:"token_expiration_strategy,omitempty"`
	RefreshToken            string  `yaml:"refresh_token" json:"refresh_token,omitempty"`
}

// Step is a call that follows the first one of a TWO_STEP login.
type Step struct {
	TokenURL           string `yaml:"token_url" json:"token_url,omitempty"`
	TokenParams        Map    `yaml:"token_params" json:"token_params,omitempty"`
	TokenHeaders       Map    `yaml:"token_headers" json:"token_headers,omitempty"`
	TokenRequestMethod string `yaml:"token_request_method" json:"token_request_method,omitempty"`
	BodyFormat         string `yaml:"body_format" json:"body_format,omitempty"`
}

// Assertion describes a signed statement that is traded for a token: a JWT
// (RFC 7523) or a SAML 2.0 assertion (RFC 7522).
type Assertion struct {
	Type              string `yaml:"type" json:"type,omitempty"`
	Key               string `yaml:"key" json:"key,omitempty"`
	LifetimeInSeconds int64  `yaml:"lifetimeInSeconds" json:"lifetimeInSeconds,omitempty"`

	// JWT.
	Header  Map `yaml:"header" json:"header,omitempty"`
	Payload Map `yaml:"payload" json:"payload,omitempty"`

	// SAML.
	Issuer                     string `yaml:"issuer" json:"issuer,omitempty"`
	Audiences                  Value  `yaml:"audiences" json:"audiences,omitzero"` // one or a list
	Attributes                 Map    `yaml:"attributes" json:"attributes,omitempty"`
	NameIdentifier             string `yaml:"nameIdentifier" json:"nameIdentifier,omitempty"`
	NameIdentifierFormat       string `yaml:"nameIdentifierFormat" json:"nameIdentifierFormat,omitempty"`
	Recipient                  string `yaml:"recipient" json:"recipient,omitempty"`
	SessionIndex               string `yaml:"sessionIndex" json:"sessionIndex,omitempty"`
	UID                        string `yaml:"uid" json:"uid,omitempty"`
	InResponseTo               string `yaml:"inResponseTo" json:"inResponseTo,omitempty"`
	AuthnContextClassRef       string `yaml:"authnContextClassRef" json:"authnContextClassRef,omitempty"`
	Cert                       string `yaml:"cert" json:"cert,omitempty"`
	IncludeAttributeNameFormat bool   `yaml:"includeAttributeNameFormat" json:"includeAttributeNameFormat,omitempty"`
	TypedAttributes            bool   `yaml:"typedAttributes" json:"typedAttributes,omitempty"`
}

// IsZero reports whether the value is null, for omitzero.
func (v Value) IsZero() bool { return v.Kind == Null }
