package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

// codeFile is a provider of the authorization code grant. Each test adds its own
// lines.
const codeFile = `
as:
  display_name: Authorization server
  categories: [dev-tools]
  docs: SERVER/
  auth_mode: OAUTH2
  authorization_url: SERVER/authorize
  token_url: SERVER/token
  default_scopes: [read, write]
  scope_separator: " "
  proxy:
    base_url: SERVER/api
`

const (
	pkceLines   = "  pkce: required\n  client_auth: basic\n"
	issuerLines = "  issuer: https://as.example\n  issuer_required: true\n"
)

// interop is a server and an application that is set up for it.
type interop struct {
	*app
	server *authserver.Server
}

func newInterop(t *testing.T, o authserver.Options, lines string) *interop {
	t.Helper()
	o.RedirectURI = callbackURL
	s := authserver.New(t, o)
	in := &interop{app: newApp(t, codeFile+lines, s.URL, s.Roots()), server: s}
	in.integrate("as", &tieline.OAuthApp{ClientID: s.ClientID, ClientSecret: tieline.NewSecret(s.ClientSecret)})
	return in
}

// life takes a connection through an expiry. The server must accept what comes
// before and after, and have seen one exchange of each kind.
func (in *interop) life() {
	in.t.Helper()
	in.connect(in.server)
	first := in.token()
	in.calls("/me")
	in.clock.advance(longLife)
	in.calls("/me")
	second := in.token()
	if second.AccessToken.Equal(first.AccessToken) || second.RefreshToken.Equal(first.RefreshToken) {
		in.t.Error("the tokens are those of before")
	}
	if diff := cmp.Diff(map[string]int{"authorization_code": 1, "refresh_token": 1}, counts(in.server)); diff != "" {
		in.t.Errorf("exchanges (-want +got):\n%s", diff)
	}
	if n := in.server.Referee.Refusals(); n != 0 {
		in.t.Errorf("%d calls were refused", n)
	}
	if want := []string{"read", "write"}; !slices.Equal(second.Scopes, want) {
		in.t.Errorf("scopes %q, want %q", second.Scopes, want)
	}
}

// TestInteropPKCE: RFC 7636 at a server that demands S256.
func TestInteropPKCE(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"secret in the header": pkceLines,
		"secret in the body":   "  pkce: required\n  client_auth: body\n",
		"wherever it goes":     "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			newInterop(t, authserver.Options{Life: longLife}, lines).life()
		})
	}
	t.Run("wrong verifier", wrongVerifier)
	t.Run("challenge taken away", challengeTakenAway)
	t.Run("provider without PKCE", providerWithoutPKCE)
}

// The code is bound to a challenge that is not the flow's, as when somebody changes
// the URL on its way: the verifier does not fit.
func wrongVerifier(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife}, pkceLines)
	sum := sha256.Sum256([]byte(strings.Repeat("another verifier ", 3)))
	binding, callback := in.consent(in.server, func(q url.Values) {
		if q.Get("code_challenge") == "" {
			t.Error("there is no challenge")
		}
		q.Set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
	})
	_, err := in.Connections.Complete(t.Context(), binding, callback)
	wantTokenError(t, err, "invalid_grant", tieline.ClassPermanent)
	in.nobody()
}

// Without the challenge the server gives no code, and says so in the callback.
func challengeTakenAway(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife}, pkceLines)
	binding, callback := in.consent(in.server, func(q url.Values) {
		q.Del("code_challenge")
		q.Del("code_challenge_method")
	})
	wantDenial(t, in, binding, callback, "invalid_request")
}

// Nor does it when the provider's data forbids PKCE: the test above is one of the
// Client, and not only of the server.
func providerWithoutPKCE(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife}, "  pkce: forbidden\n")
	binding, callback := in.consent(in.server, nil)
	wantDenial(t, in, binding, callback, "invalid_request")
}

func wantDenial(t *testing.T, in *interop, binding string, callback url.Values, code string) {
	t.Helper()
	_, err := in.Connections.Complete(t.Context(), binding, callback)
	var refusal *tieline.AuthorizationError
	if !errors.Is(err, tieline.ErrDenied) || !errors.As(err, &refusal) || refusal.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
	in.nobody()
	if n := len(in.server.Referee.Exchanges()); n != 0 {
		t.Errorf("%d exchanges", n)
	}
}

// TestInteropIssuer: RFC 9207, the answer of a server says which one it is of.
func TestInteropIssuer(t *testing.T) {
	t.Parallel()
	t.Run("right", func(t *testing.T) {
		t.Parallel()
		newInterop(t, authserver.Options{Life: longLife, Issuer: "https://as.example"}, pkceLines+issuerLines).life()
	})
	for name, issuer := range map[string]string{
		"of another server": "https://other.example",
		"almost right":      "https://as.example/",
		"missing":           "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInterop(t, authserver.Options{Issuer: issuer}, pkceLines+issuerLines)
			binding, callback := in.consent(in.server, nil)
			if callback.Get("code") == "" {
				t.Fatal("the server gave no code")
			}
			in.wantForeign(binding, callback)
		})
	}
	// RFC 9207 section 2.4: it is checked in refusals, too, before they are believed.
	t.Run("refusal of another server", func(t *testing.T) {
		t.Parallel()
		in := newInterop(t, authserver.Options{Issuer: "https://other.example"}, pkceLines+issuerLines)
		binding, callback := in.consent(in.server, func(q url.Values) { q.Set(authserver.Deny, "") })
		if callback.Get("error") != "access_denied" {
			t.Fatalf("the server answered %q", callback.Get("error"))
		}
		in.wantForeign(binding, callback)
	})
}

func (in *interop) wantForeign(binding string, callback url.Values) {
	in.t.Helper()
	_, err := in.Connections.Complete(in.t.Context(), binding, callback)
	var field *tieline.FieldError
	if !errors.As(err, &field) || field.Field != "callback.iss" || errors.Is(err, tieline.ErrDenied) {
		in.t.Errorf("got %v, want a FieldError of callback.iss", err)
	}
	in.nobody()
	if n := len(in.server.Referee.Exchanges()); n != 0 {
		in.t.Errorf("the code of another server was sent %d times", n)
	}
}

// TestInteropRevocation: RFC 7009, a connection that is deleted is ended at the
// server, and RFC 7662 tells.
func TestInteropRevocation(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string]string{
		"refresh token": "  revocation:\n    url: SERVER/revoke\n",
		"access token":  "  revocation:\n    url: SERVER/revoke\n    token: access_token\n",
		"in the body":   "  revocation:\n    url: SERVER/revoke\n    auth: body\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInterop(t, authserver.Options{Life: longLife}, pkceLines+lines)
			in.life()
			token := in.token()
			if !in.active(token.AccessToken) || !in.active(token.RefreshToken) {
				t.Fatal("the tokens are not active before")
			}
			if err := in.Connections.Delete(t.Context(), integration, user, tieline.DeleteOptions{}); err != nil {
				t.Fatal(err)
			}
			if in.active(token.AccessToken) || in.active(token.RefreshToken) {
				t.Error("a token is active after the connection was deleted")
			}
			in.nobody()
		})
	}
	t.Run("refused", revocationRefused)
}

// A server that refuses to revoke does not keep the connection, and the log tells:
// the grant goes on living there.
func revocationRefused(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife}, pkceLines+"  revocation:\n    url: SERVER/revoke\n")
	in.connect(in.server)
	token := in.token()
	_, err := in.Integrations.Update(t.Context(), integration, func(i *tieline.Integration) error {
		i.App = &tieline.OAuthApp{ClientID: in.server.ClientID, ClientSecret: tieline.NewSecret("not the secret")}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := in.Connections.Delete(t.Context(), integration, user, tieline.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	in.nobody()
	if !in.active(token.RefreshToken) {
		t.Error("the server took the wrong secret")
	}
	if logs := string(in.logs.Bytes()); !strings.Contains(logs, "was not revoked") || !strings.Contains(logs, "invalid_client") {
		t.Error("the log does not say that the grant was not revoked, and why")
	}
}

// active asks the server about a token.
func (in *interop) active(token tieline.Secret) bool {
	in.t.Helper()
	ok, err := in.server.Active(in.t.Context(), token.Reveal())
	if err != nil {
		in.t.Fatal(err)
	}
	return ok
}
