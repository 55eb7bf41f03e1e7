// Package authserver is an OAuth 2.0 authorization server over HTTP on loopback,
// and a resource server beside it. The protocol is that of github.com/ory/fosite,
// a library of other people: what it makes of the specifications is not what the
// authors of Tieline make of them.
//
// It does the authorization code grant with PKCE (S256 only, and required),
// refresh with rotation, the client credentials grant, pushed authorization
// requests, revocation and introspection. A refresh token that is used twice costs
// the whole grant. Access tokens live for exactly two seconds unless [Options] say
// otherwise. A [Referee] in front of the token endpoint writes down every exchange.
package authserver

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
)

// AccessTokenLife is how long an access token lives, to the nanosecond, unless
// [Options] say otherwise.
const AccessTokenLife = 2 * time.Second

// Options are how a Server behaves. The zero value is a server with one client
// that has no redirect URI.
type Options struct {
	// RedirectURI is where the client's users come back to.
	RedirectURI string
	// OldAccessTokenDies revokes the access token that was issued before as soon
	// as the refresh token is used, which is what fosite's own store does. The
	// zero value lets it live until it expires, as most providers do.
	OldAccessTokenDies bool
	// Slow is how long the token endpoint takes to answer after it has done what
	// it was asked. In the meantime the tokens of before are used up.
	Slow time.Duration

	// TLS serves https, with a certificate of its own: see [Server.Roots].
	TLS bool
	// Life is how long access tokens live. Zero: [AccessTokenLife].
	Life time.Duration
	// Issuer is what every authorization response says it is from (RFC 9207).
	// Empty: they do not say.
	Issuer string
	// ClientKey is the public key, an RSA or a P-256 one, of a client that signs
	// who it is (private_key_jwt). Nil: it has a secret.
	ClientKey crypto.PublicKey
	// ParAudience also takes statements of a client that are for the endpoint of
	// pushed requests, as RFC 9126 section 2 demands. fosite takes those for the
	// token endpoint alone.
	ParAudience bool
	// OnlyPushed takes no authorization request that was not pushed (RFC 9126
	// section 5).
	OnlyPushed bool
	// Resource is the only resource that tokens are given for, and has to be
	// named at both endpoints (RFC 8707). Empty: nobody looks.
	Resource string
	// Open publishes metadata (RFC 8414), and has every client register itself
	// (RFC 7591).
	Open bool
}

// Server is an authorization server with one client and one user.
type Server struct {
	// URL is the server's, without a slash at the end.
	URL string
	// ClientID and ClientSecret are those of the one client. The secret has
	// characters that RFC 6749 section 2.3.1 wants encoded in a header.
	ClientID, ClientSecret string
	// Referee has seen everything that went through the token endpoint.
	Referee *Referee

	options  Options
	http     *httptest.Server
	provider fosite.OAuth2Provider
	clients  registry
	// forget drops an access token.
	forget func(context.Context, string) error
	// tx makes one step of fosite's several reads and writes. Its store in memory
	// has no transactions, and two uses of a refresh token at the very same
	// moment would both be accepted.
	tx     sync.Mutex
	faults faults
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	o.Life = cmp.Or(o.Life, AccessTokenLife)
	s := &Server{
		ClientID:     "app:" + rand.Text(),
		ClientSecret: "%41+/ :&=?" + rand.Text(),
		Referee:      &Referee{},
		http:         httptest.NewUnstartedServer(nil),
		options:      o,
	}
	t.Cleanup(s.http.Close)
	scheme := "http://"
	if o.TLS {
		scheme = "https://"
	}
	s.URL = scheme + s.http.Listener.Addr().String()
	if err := s.compose(); err != nil {
		t.Fatal(err)
	}
	s.http.Config.Handler = s.routes(o)
	if o.TLS {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	return s
}

// compose puts fosite together.
func (s *Server) compose() error {
	config := newConfig()
	config.AccessTokenLifespan, config.TokenURL = s.options.Life, s.URL+"/token"
	config.IsPushedAuthorizeEnforced = s.options.OnlyPushed
	hash, err := (&fosite.BCrypt{Config: config}).Hash(context.Background(), []byte(s.ClientSecret))
	if err != nil {
		return err
	}
	st := newStore(s.options.OldAccessTokenDies, &s.clients)
	if st.Clients[s.ClientID], err = newClient(s.ClientID, hash, s.options); err != nil {
		return err
	}
	strategy := compose.NewOAuth2HMACStrategy(config)
	s.forget = func(ctx context.Context, token string) error {
		return st.DeleteAccessTokenSession(ctx, strategy.AccessTokenSignature(ctx, token))
	}
	s.provider = compose.Compose(config, st, strategy,
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OAuth2PKCEFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2TokenRevocationFactory,
		compose.OAuth2TokenIntrospectionFactory,
		compose.PushedAuthorizeHandlerFactory,
	)
	if s.options.ParAudience {
		s.provider = fosite.NewOAuth2Provider(st, audiences{Config: config, more: s.URL + parPath})
	}
	return nil
}

// audiences are those of RFC 9126 section 2.
type audiences struct {
	*fosite.Config
	more string
}

// GetTokenURLs implements [fosite.TokenURLProvider].
func (a audiences) GetTokenURLs(ctx context.Context) []string {
	return append(a.Config.GetTokenURLs(ctx), a.more)
}

// newConfig leaves fosite's defaults but where they would weaken a test.
func newConfig() *fosite.Config {
	return &fosite.Config{
		GlobalSecret: []byte(rand.Text() + rand.Text()),
		EnforcePKCE:  true,
		// Empty, but not nil: every grant gets a refresh token.
		RefreshTokenScopes: []string{},
		// What the server has to say about a failure is part of what must not
		// show up anywhere.
		SendDebugMessagesToClients: true,
		HashCost:                   4, // the least that bcrypt takes
	}
}

func (s *Server) routes(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /authorize", identified(o.Issuer, http.HandlerFunc(s.authorize)))
	mux.HandleFunc("POST "+parPath, s.push)
	mux.Handle("POST /token", s.Referee.watch(s.faults.before(after(o.Slow, http.HandlerFunc(s.token)))))
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("POST /introspect", s.introspect)
	mux.HandleFunc("GET /api/me", s.me)
	if o.Open {
		mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.metadata)
		// The document of somebody who is no issuer.
		mux.HandleFunc("GET /.well-known/oauth-authorization-server/tenant", s.metadata)
		mux.HandleFunc("POST /register", s.register)
	}
	return mux
}

// Expire ends the life of an access token now, and of nothing else: its grant goes
// on.
func (s *Server) Expire(ctx context.Context, token string) error {
	s.tx.Lock()
	defer s.tx.Unlock()
	return s.forget(ctx, token)
}

// Close ends the server before the test does: from now on nobody answers.
func (s *Server) Close() { s.http.Close() }
