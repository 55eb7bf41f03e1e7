// Package authserver is an OAuth 2.0 authorization server over HTTP on loopback,
// and a resource server beside it. The protocol is that of github.com/ory/fosite,
// a library of other people: what it makes of the specifications is not what the
// authors of Tieline make of them.
//
// It does the authorization code grant with PKCE (S256 only, and required),
// refresh with rotation, the client credentials grant and revocation. A refresh
// token that is used twice costs the whole grant. Access tokens live for exactly
// two seconds. A [Referee] in front of the token endpoint writes down every
// exchange.
package authserver

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
)

// AccessTokenLife is how long every access token lives, to the nanosecond.
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

	http     *httptest.Server
	provider fosite.OAuth2Provider
	// tx makes one step of fosite's several reads and writes. Its store in memory
	// has no transactions, and two uses of a refresh token at the very same
	// moment would both be accepted.
	tx     sync.Mutex
	faults faults
}

// New starts a server that ends with the test.
func New(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{
		ClientID:     "app:" + rand.Text(),
		ClientSecret: "%41+/ :&=?" + rand.Text(),
		Referee:      &Referee{},
	}
	config := newConfig()
	hash, err := (&fosite.BCrypt{Config: config}).Hash(context.Background(), []byte(s.ClientSecret))
	if err != nil {
		t.Fatal(err)
	}
	st := newStore(o.OldAccessTokenDies)
	st.Clients[s.ClientID] = &fosite.DefaultClient{
		ID: s.ClientID, Secret: hash, RedirectURIs: []string{o.RedirectURI},
		GrantTypes:    fosite.Arguments{"authorization_code", "refresh_token", "client_credentials"},
		ResponseTypes: fosite.Arguments{"code"},
		Scopes:        fosite.Arguments{"read", "write"},
	}
	s.provider = compose.Compose(config, st, compose.NewOAuth2HMACStrategy(config),
		compose.OAuth2AuthorizeExplicitFactory,
		compose.OAuth2PKCEFactory,
		compose.OAuth2RefreshTokenGrantFactory,
		compose.OAuth2ClientCredentialsGrantFactory,
		compose.OAuth2TokenRevocationFactory,
		compose.OAuth2TokenIntrospectionFactory,
	)
	s.http = httptest.NewServer(s.routes(o))
	t.Cleanup(s.http.Close)
	s.URL = s.http.URL
	return s
}

// newConfig leaves fosite's defaults but where they would weaken a test.
func newConfig() *fosite.Config {
	return &fosite.Config{
		GlobalSecret:        []byte(rand.Text() + rand.Text()),
		AccessTokenLifespan: AccessTokenLife,
		EnforcePKCE:         true,
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
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.Handle("POST /token", s.Referee.watch(s.faults.before(after(o.Slow, http.HandlerFunc(s.token)))))
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("GET /api/me", s.me)
	return mux
}

// Close ends the server before the test does: from now on nobody answers.
func (s *Server) Close() { s.http.Close() }
