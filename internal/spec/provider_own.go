package spec

import "github.com/tieline/tieline/internal/webhook"

// OwnKeys are the keys that Tieline adds to the format, all optional. They say
// what the format has no words for: which grant refreshes, where client
// credentials go, how a refresh token behaves, how a grant is revoked, where
// the facts come from.
type OwnKeys struct {
	// Sources says where the facts of the entry come from; Checked is the ISO
	// date they were last compared with those.
	Sources []string `yaml:"sources" json:"sources,omitempty"`
	Checked string   `yaml:"checked" json:"checked,omitempty"`
	// Unverified says why there is no way to try a credential out.
	Unverified string `yaml:"unverified" json:"unverified,omitempty"`
	Deprecated string `yaml:"deprecated" json:"deprecated,omitempty"`

	PKCE           string `yaml:"pkce" json:"pkce,omitempty"`
	ClientAuth     string `yaml:"client_auth" json:"client_auth,omitempty"`
	Issuer         string `yaml:"issuer" json:"issuer,omitempty"`
	IssuerRequired bool   `yaml:"issuer_required" json:"issuer_required,omitempty"`

	DeviceAuthorizationURL string `yaml:"device_authorization_url" json:"device_authorization_url,omitempty"`
	PushedAuthorizationURL string `yaml:"pushed_authorization_url" json:"pushed_authorization_url,omitempty"`
	UserinfoURL            string `yaml:"userinfo_url" json:"userinfo_url,omitempty"`

	Revocation    *RawRevocation    `yaml:"revocation" json:"revocation,omitempty"`
	Introspection *RawIntrospection `yaml:"introspection" json:"introspection,omitempty"`
	Refresh       *RawRefresh       `yaml:"refresh" json:"refresh,omitempty"`

	AuthorizationParamNames map[string]string  `yaml:"authorization_param_names" json:"authorization_param_names,omitempty"`
	StateParamInCallback    string             `yaml:"state_param_in_callback" json:"state_param_in_callback,omitempty"`
	TokenParamNames         map[string]string  `yaml:"token_param_names" json:"token_param_names,omitempty"`
	TokenQueryParams        []string           `yaml:"token_query_params" json:"token_query_params,omitempty"`
	TokenSignature          *RawTokenSignature `yaml:"token_signature" json:"token_signature,omitempty"`
	TokenRepeatedParams     []string           `yaml:"token_repeated_params" json:"token_repeated_params,omitempty"`
	ResponseFields          map[string]string  `yaml:"response_fields" json:"response_fields,omitempty"`
	ExpiresAtFormat         string             `yaml:"expires_at_format" json:"expires_at_format,omitempty"`
	Expiry                  string             `yaml:"expiry" json:"expiry,omitempty"`
	Success                 *RawSuccess        `yaml:"success" json:"success,omitempty"`
	APIHosts                []string           `yaml:"api_hosts" json:"api_hosts,omitempty"`

	// What follows the token request, see provider_dialect.go.
	Then                []RawThen            `yaml:"then" json:"then,omitempty"`
	Discovery           []RawDiscovery       `yaml:"discovery" json:"discovery,omitempty"`
	Verify              []RawVerify          `yaml:"verify" json:"verify,omitempty"`
	ConfirmInstallation *RawUninstall        `yaml:"confirm_installation" json:"confirm_installation,omitempty"`
	Uninstall           *RawUninstall        `yaml:"uninstall" json:"uninstall,omitempty"`
	AdditionalTokens    []RawAdditionalToken `yaml:"additional_tokens" json:"additional_tokens,omitempty"`

	// Webhook says how the provider's webhooks are told from others.
	Webhook *webhook.Scheme `yaml:"webhook" json:"webhook,omitempty"`
}

// RawRevocation is the revocation key as written; see [Revocation].
type RawRevocation struct {
	URL        string `yaml:"url" json:"url,omitempty"`
	Method     string `yaml:"method" json:"method,omitempty"`
	Token      string `yaml:"token" json:"token,omitempty"`
	TokenParam string `yaml:"token_param" json:"token_param,omitempty"`
	Auth       string `yaml:"auth" json:"auth,omitempty"`
	BodyFormat string `yaml:"body_format" json:"body_format,omitempty"`
	Params     Map    `yaml:"params" json:"params,omitempty"`
	Headers    Map    `yaml:"headers" json:"headers,omitempty"`
}

// RawIntrospection is the introspection key as written; see [Introspection].
type RawIntrospection struct {
	URL  string `yaml:"url" json:"url,omitempty"`
	Auth string `yaml:"auth" json:"auth,omitempty"`
}

// RawRefresh is the refresh key as written; see [Refresh].
type RawRefresh struct {
	Grant            string      `yaml:"grant" json:"grant,omitempty"`
	Rotation         string      `yaml:"rotation" json:"rotation,omitempty"`
	GraceSeconds     int64       `yaml:"grace_seconds" json:"grace_seconds,omitempty"`
	GraceAnswer      string      `yaml:"grace_answer" json:"grace_answer,omitempty"`
	Reuse            string      `yaml:"reuse" json:"reuse,omitempty"`
	OldAccessToken   string      `yaml:"old_access_token" json:"old_access_token,omitempty"`
	IdleSeconds      int64       `yaml:"idle_seconds" json:"idle_seconds,omitempty"`
	LifetimeSeconds  int64       `yaml:"lifetime_seconds" json:"lifetime_seconds,omitempty"`
	DefaultExpiresIn int64       `yaml:"default_expires_in" json:"default_expires_in,omitempty"`
	MaxExpiresIn     int64       `yaml:"max_expires_in" json:"max_expires_in,omitempty"`
	Errors           []ErrorRule `yaml:"errors" json:"errors,omitempty"`

	// The request, where it differs from the first one. A mapping that is there
	// and empty is not an absent one.
	ParamNames map[string]string `yaml:"param_names" json:"param_names,omitzero"`
	ClientAuth string            `yaml:"client_auth" json:"client_auth,omitempty"`
	BodyFormat string            `yaml:"body_format" json:"body_format,omitempty"`
	Method     string            `yaml:"method" json:"method,omitempty"`
	Headers    Map               `yaml:"headers" json:"headers,omitzero"`
	TokenParam string            `yaml:"token_param" json:"token_param,omitempty"`
	Scope      bool              `yaml:"scope" json:"scope,omitempty"`

	// The answer.
	Success        *RawSuccess `yaml:"success" json:"success,omitempty"`
	Keep           bool        `yaml:"keep" json:"keep,omitempty"`
	ProlongSeconds int64       `yaml:"prolong_seconds" json:"prolong_seconds,omitempty"`
	Then           *bool       `yaml:"then" json:"then,omitempty"`
	Introspect     bool        `yaml:"introspect" json:"introspect,omitempty"`
}

// ErrorRule overrides what an error answer of the token endpoint means. Status
// 0 and an empty Code match every answer.
type ErrorRule struct {
	Status int64  `yaml:"status" json:"status,omitempty"`
	Code   string `yaml:"code" json:"code,omitempty"`
	Class  string `yaml:"class" json:"class,omitempty"` // permanent, config, transient or ambiguous
}
