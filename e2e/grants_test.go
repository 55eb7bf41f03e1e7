package e2e

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

// machine makes a connection with client credentials.
func (w *world) machine(id, secret string) (tieline.Connection, error) {
	w.t.Helper()
	_, err := w.Integrations.Create(w.t.Context(), tieline.Integration{Key: machines, Provider: authserver.ProviderCC})
	if err != nil && !errors.Is(err, tieline.ErrExists) {
		w.t.Fatal(err)
	}
	return w.Connections.Create(w.t.Context(), machines, id, tieline.ConnectionInput{
		Credential: &tieline.ClientCredentials{ClientID: w.server.ClientID, ClientSecret: tieline.NewSecret(secret)},
	})
}

func (w *world) machineToken(id string) *tieline.ClientCredentials {
	w.t.Helper()
	cred, err := w.Connections.Credential(w.t.Context(), machines, id)
	if err != nil {
		w.t.Error(err)
		return &tieline.ClientCredentials{}
	}
	return cred.(*tieline.ClientCredentials)
}

func TestClientCredentials(t *testing.T) {
	t.Parallel()
	clock := newClock()
	w := newWorld(t, authserver.Options{}, clock.config)
	if _, err := w.machine("m", w.server.ClientSecret); err != nil {
		t.Fatal(err)
	}
	first := w.machineToken("m")
	if !w.accepted(first.Token) {
		t.Error("the server does not accept the token")
	}
	if n := len(w.exchanges("client_credentials")); n != 1 {
		t.Errorf("%d exchanges for one token", n)
	}
	if want := clock.now().Add(authserver.AccessTokenLife); !first.ExpiresAt.Equal(want.Truncate(time.Microsecond)) {
		t.Errorf("the token is said to expire at %v, want %v", first.ExpiresAt, want)
	}

	// When it has run out, many want the next one, and one asks for it.
	clock.advance(authserver.AccessTokenLife)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if next := w.machineToken("m"); next.Token.Equal(first.Token) {
				t.Error("the expired token was served")
			}
		})
	}
	wg.Wait()
	if n := len(w.exchanges("client_credentials")); n != 2 {
		t.Errorf("%d exchanges for two tokens", n)
	}
	if !w.accepted(w.machineToken("m").Token) {
		t.Error("the server does not accept the second token")
	}
}

func TestClientCredentialsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	_, err := w.machine("m", "not the secret")
	var refusal *tieline.TokenError
	if !errors.As(err, &refusal) || refusal.Code != "invalid_client" || refusal.Class != tieline.ClassConfig {
		t.Errorf("got %v, want invalid_client", err)
	}
	if _, err := w.Connections.Get(t.Context(), machines, "m"); !errors.Is(err, tieline.ErrNotFound) {
		t.Errorf("a connection was stored: %v", err)
	}
}

func TestRevocationOnDelete(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(*world) error{
		"connection": func(w *world) error {
			return w.Connections.Delete(w.t.Context(), integration, user, tieline.DeleteOptions{})
		},
		"integration": func(w *world) error {
			return w.Integrations.Delete(w.t.Context(), integration, tieline.DeleteOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, authserver.Options{}, newClock().config)
			w.connect(user)
			token := w.token(user)
			if err := remove(w); err != nil {
				t.Fatal(err)
			}
			if alive(t, w, token) {
				t.Error("the refresh token works after the connection was deleted")
			}
			if w.accepted(token.AccessToken) {
				t.Error("the access token is accepted after the connection was deleted")
			}
			revocations := w.server.Referee.Revocations()
			if len(revocations) != 1 || revocations[0].Err != nil || revocations[0].Token != authserver.Hash(token.RefreshToken.Reveal()) {
				t.Errorf("revocations: %+v", revocations)
			}
		})
	}
}

// The contrary, so that the test above proves something: without revocation,
// what was deleted here goes on living there.
func TestDeleteWithoutRevocation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, newClock().config)
	w.connect(user)
	token := w.token(user)
	if err := w.Connections.Delete(t.Context(), integration, user, tieline.DeleteOptions{SkipRevocation: true}); err != nil {
		t.Fatal(err)
	}
	if !alive(t, w, token) {
		t.Error("the refresh token does not work")
	}
	if n := len(w.server.Referee.Revocations()); n != 0 {
		t.Errorf("%d revocations", n)
	}
}

// alive says whether the server still exchanges the refresh token, and uses it
// up.
func alive(t *testing.T, w *world, token *tieline.OAuth2Token) bool {
	t.Helper()
	a, err := w.server.Refresh(t.Context(), token.RefreshToken.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if a.AccessToken == "" && a.Error != "invalid_grant" {
		t.Errorf("the server answered %d %s", a.Status, a.Error)
	}
	return a.AccessToken != ""
}
