// Package spec reads provider files: what an API needs to be connected to, as
// data. It finds everything that is wrong with them, resolves aliases, compiles
// templates, and hands out entries whose every default is filled in.
package spec

import (
	"time"

	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/internal/webhook"
)

// Entry is a provider ready for use: the resolved keys as written (the embedded
// [Provider]), and what they mean. A field that is called like a key holds the
// compiled form of it; the raw one is under e.Provider.
//
// Entries are shared and must not be changed.
type Entry struct {
	Name string
	Provider

	// The authorization request. AuthorizationURL keeps its query and fragment.
	// AuthorizationParams are sorted by name.
	AuthorizationURL       *template.URL
	AuthorizationParams    []Param
	DeviceAuthorizationURL *template.URL // RFC 8628
	PushedAuthorizationURL *template.URL // RFC 9126
	RegistrationURL        *template.URL // RFC 7591
	RequestURL             *template.URL // OAuth 1.0a
	AccessTokenURL         *template.URL // TBA
	RequestParams          []Param

	// The token request. TokenURL is nil when the key has one URL for each way,
	// which are then in TokenURLs by "OAUTH2", "APP", ...
	TokenURL     *template.URL
	TokenURLs    map[string]*template.URL
	TokenParams  Tree // without the grant_type of OAuth, which is TokenGrant
	TokenHeaders []Param
	Steps        []CompiledStep

	// The refresh request. RefreshURL is never nil where there is a TokenURL.
	// RefreshParams are what is sent beside grant_type, refresh_token and the
	// client's credentials; they never contain grant_type.
	RefreshURL          *template.URL
	RefreshParams       Tree
	RefreshTokenParams  Tree    // TWO_STEP
	RefreshTokenHeaders []Param // TWO_STEP; TokenHeaders where the key is absent

	// Signed tokens. Nil where the entry has none.
	Token     *CompiledToken
	Assertion *CompiledAssertion

	// Calls to the API.
	BaseURL      *template.URL // proxy.base_url; nil when there is none
	ProxyHeaders []Param
	ProxyQuery   []Param
	ProxyBody    Tree
	Verification *Verification  // nil when the entry says nothing
	Retry        *CompiledRetry // never nil
	Paginate     *Paginate      // nil when there is none that works

	Revocation    *Revocation
	Introspection *Introspection
	UserinfoURL   *template.URL

	// What happens around the token request. Verify takes the place of
	// Verification, which is nil where there is a Verify: all of its checks pass.
	TokenSignature      *TokenSignature // nil: token requests are not signed
	Then                []Exchange
	Discovery           []Discovery
	Verify              []Check
	ConfirmInstallation *APICall // after a connection was made of a webhook; nil when there is none
	Uninstall           *APICall // before a connection is deleted; nil when there is none
	AdditionalTokens    []AdditionalToken
	Webhooks            *webhook.Verifier // nil: the entry does not say how webhooks are verified

	// What follows from the keys, all fallbacks resolved.
	ClientAuth          ClientAuth
	PKCE                PKCE
	TokenGrant          string // OAuth: the grant_type of the first token request; empty: none is sent
	Refresh             Refresh
	BodyFormat          BodyFormat
	TokenMethod         string // of the token request: POST or GET
	ScopeSeparator      string
	CodeParam           string        // of the callback: "code"
	StateParam          string        // of the callback: "state"
	Success             Success       // of the token endpoint; see Refresh.Success
	ExpiresAtFormat     string        // of response_fields.expires_at: auto, unix, unix_ms, rfc3339 or duration
	ExpiryInToken       bool          // the exp of the access token bounds its life
	ExpiresInUnit       time.Duration // of expires_in
	ExpiryBuffer        time.Duration // 0: the default applies
	FixedLifetime       time.Duration // TWO_STEP; 0: none is declared
	NeverExpires        bool          // TWO_STEP
	OmitEmptyParams     bool          // of the authorization URL
	RawScopes           bool          // scopes go into the authorization URL unencoded
	Captures            []Capture
	SignatureMethodName string // OAuth 1.0a: HMAC-SHA1 or PLAINTEXT

	// ConfigNames and CredentialNames are the names that values of the
	// connection config and of the credentials may have: declared as a field,
	// captured from an answer, or used by a template. Sorted.
	ConfigNames     []string
	CredentialNames []string
}

// CompiledStep is one of the additional_steps.
type CompiledStep struct {
	URL     *template.URL
	Params  Tree
	Headers []Param
	Method  string
	Body    BodyFormat
}

// CompiledToken is the token key.
type CompiledToken struct {
	SigningKey *template.Text // nil for WSSE, which signs nothing
	Lifetime   time.Duration
	Header     Tree
	Payload    Tree
}

// CompiledAssertion is the assertion key. Of the two forms only the one that
// Type names is filled in.
type CompiledAssertion struct {
	SAML     bool
	Key      *template.Text
	Lifetime time.Duration

	Header, Payload Tree // JWT

	Issuer, NameIdentifier, Recipient, SessionIndex, InResponseTo, UID *template.Text // SAML; nil when absent
	Audiences                                                          []*template.Text
	Attributes                                                         []Param
}

// Verification says how a credential is tried out.
type Verification struct {
	Method    string
	Endpoints []*template.URL // relative to BaseURL, tried in order
	Headers   []Param
	Data      Tree
	BaseURL   *template.URL // proxy.base_url, or what overrides it
}

// ClientAuth says where the credentials of the application go at the token
// endpoint. There is exactly one place (RFC 6749 section 2.3).
type ClientAuth string

// The places.
const (
	ClientAuthBody          ClientAuth = "body"            // client_id and client_secret parameters
	ClientAuthBasic         ClientAuth = "basic"           // Basic header of the form-encoded pair, RFC 6749 section 2.3.1
	ClientAuthBasicRaw      ClientAuth = "basic_raw"       // Basic header of the pair as it is
	ClientAuthBasicSecret   ClientAuth = "basic_secret"    // Basic header, the secret as the user name and no password
	ClientAuthCustom        ClientAuth = "custom"          // username and password parameters
	ClientAuthPrivateKeyJWT ClientAuth = "private_key_jwt" // RFC 7523 section 2.2
	ClientAuthNone          ClientAuth = "none"            // a public client: client_id only
	ClientAuthBearer        ClientAuth = "bearer"          // revocation and introspection only: the access token
)

// PKCE says whether the authorization code is bound by RFC 7636, method S256.
type PKCE string

// The choices. With PKCEOptional the challenge is sent.
const (
	PKCERequired  PKCE = "required"
	PKCEOptional  PKCE = "optional"
	PKCEForbidden PKCE = "forbidden"
)

// BodyFormat is how parameters are sent.
type BodyFormat string

// The formats.
const (
	BodyForm  BodyFormat = "form"
	BodyJSON  BodyFormat = "json"
	BodyXML   BodyFormat = "xml"
	BodyQuery BodyFormat = "query" // in the URL, with an empty body
)

// The values of [Refresh.Grant].
const (
	GrantRefreshToken = "refresh_token"
	GrantNone         = "none"
	// GrantExchange sends the access token itself, and gets a new one for it.
	GrantExchange = "exchange"
	// GrantReissue repeats the first token request, without the code.
	GrantReissue = "reissue"
	// GrantProlong sends what GrantRefreshToken does. The answer says yes, and
	// both tokens live on.
	GrantProlong = "prolong"
)

// Refresh says how a credential is kept alive. Durations that nobody declared
// are zero.
type Refresh struct {
	Grant string // one of the constants above
	// GrantType is the grant_type parameter. Empty: none is sent, unless the Grant
	// is GrantRefreshToken, which has one always.
	GrantType        string
	Rotation         string // none, optional or always; optional when nobody says
	Grace            time.Duration
	GraceAnswer      string // same_answer, new_pair or newest_pair_only
	Reuse            string // ignore, reject or revoke_family
	OldAccessToken   string // stays or dies
	Idle             time.Duration
	Lifetime         time.Duration
	DefaultExpiresIn time.Duration // for an answer without a usable expires_in
	MaxExpiresIn     time.Duration // anything longer is absurd
	Errors           []ErrorRule

	// The request. What the key does not say is as in the first token request.
	ParamNames map[string]string
	ClientAuth ClientAuth
	Body       BodyFormat
	Method     string
	Headers    []Param
	TokenParam string // GrantExchange: the parameter with the access token
	Scope      bool   // the scopes of the connection are sent again (RFC 6749 section 6)

	// The answer.
	Success    Success
	Keep       bool          // a refresh token in it is ignored: the old one stays
	Prolong    time.Duration // GrantProlong: how long both tokens live from now on
	Then       bool          // [Entry.Then] follows a refresh, too
	Introspect bool          // the expiry of an access token without one is asked at [Entry.Introspection]
}

// Revocation says how a grant is ended, RFC 7009 unless the entry differs.
type Revocation struct {
	URL        *template.URL
	Method     string
	Token      string // refresh_token, access_token, or empty: the refresh token when there is one
	TokenParam string
	Auth       ClientAuth
	Body       BodyFormat
	Params     []Param
	Headers    []Param
}

// Introspection says how a token is looked up, RFC 7662.
type Introspection struct {
	URL  *template.URL
	Auth ClientAuth
}

// CaptureFrom is where a captured value comes from.
type CaptureFrom string

// The places.
const (
	FromTokenResponse CaptureFrom = "token_response"
	FromCallback      CaptureFrom = "callback"
	FromWebhook       CaptureFrom = "webhook"
)

// Capture is a value of an answer that becomes part of the connection config.
type Capture struct {
	Field string // its name there
	From  CaptureFrom
	Path  string // dotted, into the answer
}
