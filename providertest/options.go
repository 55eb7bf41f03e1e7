package providertest

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// Options say how the provider behaves. The zero value is the strictest
// provider there is in the field: PKCE required, every refresh rotates the
// refresh token, and a second use of one revokes the whole grant. It has no
// redirect URI, and its access tokens never expire.
type Options struct {
	// Addr is the TCP address to listen on. Empty means a free port on
	// 127.0.0.1. [NewInProcess] ignores it.
	Addr string

	// The app's and the user's credentials, as [Server.Credentials] hands them
	// out. Empty fields take defaults. The default client secret holds
	// characters that must be escaped in a form, so that a client which forgets
	// to is found out.
	ClientID, ClientSecret string
	APIKey                 string
	Username, Password     string

	// RedirectURIs are the registered redirect URIs, compared byte by byte
	// (RFC 9700 section 2.1). [Server.RegisterRedirectURI] adds more later.
	RedirectURIs []string
	// AnyLoopbackRedirect also accepts every http redirect URI on 127.0.0.1,
	// [::1] or localhost, whatever its port and path (RFC 8252 section 7.3).
	AnyLoopbackRedirect bool

	// PKCE says whether the code flow needs a code challenge. Empty means PKCERequired.
	PKCE PKCE
	// ClientAuth says how the app authenticates at the token and revocation
	// endpoints. Empty means body or Basic, as the client likes.
	ClientAuth ClientAuth
	// SendIssuer adds `iss`, the Server's URL, to every callback (RFC 9207).
	SendIssuer bool

	// TokenLifetime is how long an access token lives. Zero means for ever, and
	// token responses then have no expires_in. A lifetime that is no whole
	// number of seconds is announced with decimals.
	TokenLifetime time.Duration
	// NoRefreshToken leaves refresh tokens out: the user signs in again.
	NoRefreshToken bool

	// Rotation says whether a refresh replaces the refresh token. Empty means RotationAlways.
	Rotation Rotation
	// RepeatRefreshToken makes a refresh that does not rotate repeat the refresh
	// token in its answer. Without it the answer has none (both are allowed by
	// RFC 6749 section 6).
	RepeatRefreshToken bool
	// Grace is how long a refresh token is still accepted after its first use,
	// unless a token issued for it has been used meanwhile. Zero means not at all.
	Grace time.Duration
	// GraceAnswer is what a refresh in the grace window gets. Empty means GraceSameAnswer.
	GraceAnswer GraceAnswer
	// Reuse is what happens when a spent refresh token comes back outside the
	// grace window. Empty means ReuseRevokeFamily.
	Reuse Reuse
	// OldAccessToken is what a refresh does to the access token it replaces.
	// Empty means OldAccessTokenStays.
	OldAccessToken OldAccessToken

	// Remember bounds the memory of a long run: how many replaced access tokens,
	// spent refresh tokens, used codes and client-credentials tokens, of each
	// kind, are remembered. The oldest are forgotten first; a forgotten token is
	// an unknown one, and presenting it is not recognized as reuse. The current
	// tokens of live grants are never forgotten. Zero means 100,000.
	Remember int

	// Now is the provider's wall clock. Nil means time.Now.
	Now func() time.Time
	// Logger gets one record for each request, without any secret. Nil discards them.
	Logger *slog.Logger
}

// PKCE is a policy on code challenges (RFC 7636). Only S256 is ever accepted.
type PKCE string

// The policies. With PKCEForbidden an authorization request that carries a code
// challenge is refused, as some providers do.
const (
	PKCERequired  PKCE = "required"
	PKCEOptional  PKCE = "optional"
	PKCEForbidden PKCE = "forbidden"
)

// ClientAuth is a way for the app to authenticate (RFC 6749 section 2.3.1).
type ClientAuth string

// The ways to authenticate.
const (
	// ClientAuthBody: client_id and client_secret in the request body, and nowhere else.
	ClientAuthBody ClientAuth = "body"
	// ClientAuthBasic: HTTP Basic, ID and secret form-urlencoded first.
	ClientAuthBasic ClientAuth = "basic"
	// ClientAuthBasicRaw: HTTP Basic without that encoding, as many providers have it.
	ClientAuthBasicRaw ClientAuth = "basic_raw"
	// ClientAuthNone: a public client, client_id alone. Client credentials are refused.
	ClientAuthNone ClientAuth = "none"
)

// Rotation says whether a refresh replaces the refresh token.
type Rotation string

// The habits.
const (
	RotationAlways Rotation = "always"
	// RotationOptional rotates on every second refresh of a grant, the first not.
	RotationOptional Rotation = "optional"
	RotationNone     Rotation = "none"
)

// GraceAnswer is what a spent refresh token gets within the grace window.
type GraceAnswer string

// The answers.
const (
	// GraceSameAnswer: the tokens already issued for it, once more.
	GraceSameAnswer GraceAnswer = "same_answer"
	// GraceNewPair: new tokens, beside those already issued for it.
	GraceNewPair GraceAnswer = "new_pair"
	// GraceNewestPairOnly: new tokens, and those already issued for it die.
	// Their refresh token counts as spent.
	GraceNewestPairOnly GraceAnswer = "newest_pair_only"
)

// Reuse is the answer to a spent refresh token.
type Reuse string

// The answers.
const (
	// ReuseRevokeFamily: refused, and the grant with all its tokens is revoked (RFC 9700 section 4.14.2).
	ReuseRevokeFamily Reuse = "revoke_family"
	// ReuseReject: refused, and nothing else.
	ReuseReject Reuse = "reject"
	// ReuseIgnore: accepted as if it had not been used, with new tokens.
	ReuseIgnore Reuse = "ignore"
)

// OldAccessToken is what becomes of an access token that a refresh replaces.
type OldAccessToken string

// The fates.
const (
	OldAccessTokenStays OldAccessToken = "stays" // until its own time is over
	OldAccessTokenDies  OldAccessToken = "dies"
)

// Credentials are what the provider accepts.
type Credentials struct {
	ClientID, ClientSecret string // of the app, at the token and revocation endpoints
	APIKey                 string // at the API, in the header X-API-Key
	Username, Password     string // at the API, HTTP Basic
}

// errOptions is what every complaint about Options wraps.
var errOptions = errors.New("providertest: invalid Options")

// withDefaults returns o with every field filled in, or what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	orString(&o.ClientID, "acme-client")
	orString(&o.ClientSecret, "acme secret+/=%&?~")
	orString(&o.APIKey, "acme-api-key")
	orString(&o.Username, "alice@example.com")
	orString(&o.Password, "acme:password")
	orString(&o.PKCE, PKCERequired)
	orString(&o.Rotation, RotationAlways)
	orString(&o.GraceAnswer, GraceSameAnswer)
	orString(&o.Reuse, ReuseRevokeFamily)
	orString(&o.OldAccessToken, OldAccessTokenStays)
	if o.Remember == 0 {
		o.Remember = 100_000
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o, o.check()
}

func (o Options) check() error {
	errs := []error{
		oneOf("PKCE", o.PKCE, PKCERequired, PKCEOptional, PKCEForbidden),
		oneOf("ClientAuth", o.ClientAuth, "", ClientAuthBody, ClientAuthBasic, ClientAuthBasicRaw, ClientAuthNone),
		oneOf("Rotation", o.Rotation, RotationAlways, RotationOptional, RotationNone),
		oneOf("GraceAnswer", o.GraceAnswer, GraceSameAnswer, GraceNewPair, GraceNewestPairOnly),
		oneOf("Reuse", o.Reuse, ReuseRevokeFamily, ReuseReject, ReuseIgnore),
		oneOf("OldAccessToken", o.OldAccessToken, OldAccessTokenStays, OldAccessTokenDies),
	}
	if strings.Contains(o.Username, ":") {
		// RFC 7617 section 2: the first colon ends the user name.
		errs = append(errs, fmt.Errorf("%w: Username holds a colon", errOptions))
	}
	if o.TokenLifetime < 0 {
		errs = append(errs, fmt.Errorf("%w: TokenLifetime is negative", errOptions))
	}
	if o.Grace < 0 {
		errs = append(errs, fmt.Errorf("%w: Grace is negative", errOptions))
	}
	if o.Remember < 0 {
		errs = append(errs, fmt.Errorf("%w: Remember is negative", errOptions))
	}
	for i, uri := range o.RedirectURIs {
		if err := checkRedirectURI(uri); err != nil {
			errs = append(errs, fmt.Errorf("%w: RedirectURIs[%d]: %w", errOptions, i, err))
		}
	}
	return errors.Join(errs...)
}

// checkRedirectURI holds a redirect URI to RFC 6749 section 3.1.2: absolute, no fragment.
func checkRedirectURI(uri string) error {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case !u.IsAbs():
		return errors.New("not an absolute URL")
	case strings.Contains(uri, "#"):
		return errors.New("has a fragment")
	}
	return nil
}

func orString[T ~string](field *T, value T) {
	if *field == "" {
		*field = value
	}
}

func oneOf[T ~string](field string, value T, legal ...T) error {
	for _, l := range legal {
		if value == l {
			return nil
		}
	}
	return fmt.Errorf("%w: %s is %q", errOptions, field, string(value))
}
