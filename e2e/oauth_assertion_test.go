package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

const assertionLines = "  pkce: required\n  client_auth: private_key_jwt\n"

// machineFile is a provider of the client credentials grant.
const machineFile = `
as:
  display_name: Authorization server
  categories: [dev-tools]
  docs: SERVER/
  auth_mode: OAUTH2_CC
  token_url: SERVER/token
  token_params:
    grant_type: client_credentials
  client_auth: private_key_jwt
  proxy:
    base_url: SERVER/api
  credentials:
    client_id:
      type: string
      title: Client ID
      description: The ID of the app.
    client_private_key:
      type: string
      title: Private key
      description: The key that the app signs with.
      secret: true
`

// clientKeys are keys of the types that fosite takes.
func clientKeys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": rsaKey, "P-256": ecKey}
}

func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func keyJWK(t *testing.T, key crypto.Signer, id string) string {
	t.Helper()
	text, err := jose.JSONWebKey{Key: key, KeyID: id}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// asserting is an application whose secret is a key, in one form or the other.
func asserting(t *testing.T, o authserver.Options, lines, secret string) *interop {
	t.Helper()
	o.RedirectURI = callbackURL
	s := authserver.New(t, o)
	in := &interop{app: newApp(t, codeFile+lines, s.URL, s.Roots()), server: s}
	in.integrate("as", &tieline.OAuthApp{ClientID: s.ClientID, ClientSecret: tieline.NewSecret(secret)})
	return in
}

// renew has the token refreshed now. The clock of a test that signs cannot run
// ahead: the server would take its statements for those of the future.
func (in *interop) renew() {
	in.t.Helper()
	old := in.token()
	cred, err := in.Connections.Refresh(in.t.Context(), integration, user, nil)
	if err != nil {
		in.t.Fatal(err)
	}
	if cred.(*tieline.OAuth2Token).AccessToken.Equal(old.AccessToken) {
		in.t.Error("the access token is that of before")
	}
	in.calls("/me")
}

// TestInteropPrivateKeyJWT: RFC 7523, the client signs who it is. fosite takes every
// statement once, so each request has one of its own.
func TestInteropPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	for name, key := range clientKeys(t) {
		for form, text := range map[string]string{"PKCS #8": keyPEM(t, key), "JWK": keyJWK(t, key, authserver.KeyID)} {
			t.Run(name+" as "+form, func(t *testing.T) {
				t.Parallel()
				in := asserting(t, authserver.Options{Life: longLife, ClientKey: key.Public()}, assertionLines, text)
				in.connect(in.server)
				in.calls("/me")
				in.renew()
				in.renew()
				if n := counts(in.server); n["authorization_code"] != 1 || n["refresh_token"] != 2 {
					t.Errorf("exchanges: %v", n)
				}
			})
			t.Run(name+" as "+form+", machine", func(t *testing.T) {
				t.Parallel()
				machineSigns(t, key, text)
			})
		}
	}
	t.Run("another key", anotherKey)
	t.Run("another key ID", anotherKeyID)
	t.Run("key replaced under way", keyReplaced)
	t.Run("another client", anotherClient)
}

func machineSigns(t *testing.T, key crypto.Signer, text string) {
	s := authserver.New(t, authserver.Options{Life: longLife, ClientKey: key.Public()})
	a := newApp(t, machineFile, s.URL, s.Roots())
	a.integrate("as", nil)
	_, err := a.Connections.Create(t.Context(), integration, user, tieline.ConnectionInput{
		Credential: &tieline.ClientCredentials{ClientID: s.ClientID, PrivateKey: tieline.NewSecret(text)},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.calls("/me")
	first, err := a.Connections.Credential(t.Context(), integration, user)
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.Connections.Refresh(t.Context(), integration, user, nil)
	if err != nil {
		t.Fatal(err)
	}
	if second.(*tieline.ClientCredentials).Token.Equal(first.(*tieline.ClientCredentials).Token) {
		t.Error("the token is that of before")
	}
	a.calls("/me")
	if n := counts(s); n["client_credentials"] != 2 {
		t.Errorf("exchanges: %v", n)
	}
}

// A statement that is signed with a key of somebody else is nobody's.
func anotherKey(t *testing.T) {
	t.Parallel()
	mine, others := clientKeys(t)["P-256"], clientKeys(t)["P-256"]
	in := asserting(t, authserver.Options{ClientKey: mine.Public()}, assertionLines, keyPEM(t, others))
	binding, callback := in.consent(in.server, nil)
	_, err := in.Connections.Complete(t.Context(), binding, callback)
	wantTokenError(t, err, "invalid_client", tieline.ClassConfig)
	in.nobody()

	s := authserver.New(t, authserver.Options{ClientKey: mine.Public()})
	a := newApp(t, machineFile, s.URL, s.Roots())
	a.integrate("as", nil)
	_, err = a.Connections.Create(t.Context(), integration, user, tieline.ConnectionInput{
		Credential: &tieline.ClientCredentials{ClientID: s.ClientID, PrivateKey: tieline.NewSecret(keyPEM(t, others))},
	})
	wantTokenError(t, err, "invalid_client", tieline.ClassConfig)
	a.nobody()
}

// The ID of the key goes along: a server that has no key of that name refuses.
func anotherKeyID(t *testing.T) {
	t.Parallel()
	key := clientKeys(t)["RSA"]
	in := asserting(t, authserver.Options{ClientKey: key.Public()}, assertionLines, keyJWK(t, key, "no such key"))
	binding, callback := in.consent(in.server, nil)
	_, err := in.Connections.Complete(t.Context(), binding, callback)
	var refusal *tieline.TokenError
	if !errors.Is(err, tieline.ErrTokenEndpoint) || !errors.As(err, &refusal) {
		t.Errorf("got %v, want a TokenError", err)
	}
	in.nobody()
}

// A key that the server no longer knows is the application's trouble and not the
// user's: the grant is kept, and works once the right key is back.
func keyReplaced(t *testing.T) {
	t.Parallel()
	key, others := clientKeys(t)["P-256"], clientKeys(t)["P-256"]
	in := asserting(t, authserver.Options{Life: longLife, ClientKey: key.Public()}, assertionLines, keyPEM(t, key))
	in.connect(in.server)
	swap := func(key crypto.Signer) {
		_, err := in.Integrations.Update(t.Context(), integration, func(i *tieline.Integration) error {
			i.App = &tieline.OAuthApp{ClientID: in.server.ClientID, ClientSecret: tieline.NewSecret(keyPEM(t, key))}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	swap(others)
	_, err := in.Connections.Refresh(t.Context(), integration, user, nil)
	wantTokenError(t, err, "invalid_client", tieline.ClassConfig)
	conn, err := in.Connections.Get(t.Context(), integration, user)
	if err != nil || conn.Status != tieline.StatusActive {
		t.Errorf("status %q, %v", conn.Status, err)
	}
	swap(key)
	in.renew()
}

// The statement is of the client that it names.
func anotherClient(t *testing.T) {
	t.Parallel()
	key := clientKeys(t)["P-256"]
	s := authserver.New(t, authserver.Options{ClientKey: key.Public()})
	a := newApp(t, machineFile, s.URL, s.Roots())
	a.integrate("as", nil)
	_, err := a.Connections.Create(t.Context(), integration, user, tieline.ConnectionInput{
		Credential: &tieline.ClientCredentials{ClientID: "somebody-else", PrivateKey: tieline.NewSecret(keyPEM(t, key))},
	})
	wantTokenError(t, err, "invalid_client", tieline.ClassConfig)
	a.nobody()
}

// TestInteropPARPrivateKeyJWT: both at once, at a server that takes the audiences
// that RFC 9126 section 2 wants taken.
func TestInteropPARPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	key, others := clientKeys(t)["P-256"], clientKeys(t)["P-256"]
	lines := assertionLines + "  pushed_authorization_url: SERVER/par\n"
	o := authserver.Options{Life: longLife, OnlyPushed: true, ClientKey: key.Public(), ParAudience: true}
	t.Run("right key", func(t *testing.T) {
		t.Parallel()
		in := asserting(t, o, lines, keyPEM(t, key))
		in.connect(in.server)
		in.renew()
		if n := in.server.Referee.Pushes(); n != 1 {
			t.Errorf("%d requests were pushed", n)
		}
	})
	t.Run("another key", func(t *testing.T) {
		t.Parallel()
		in := asserting(t, o, lines, keyPEM(t, others))
		_, err := in.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
		wantTokenError(t, err, "invalid_client", tieline.ClassConfig)
		if n := in.server.Referee.Pushes(); n != 0 {
			t.Errorf("%d requests were accepted", n)
		}
	})
}
