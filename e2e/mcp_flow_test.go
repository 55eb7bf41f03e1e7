package e2e

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

// TestInteropMCP: of a server nothing is known but its URL. The server is made with
// the official SDK, and so is the client that calls it.
func TestInteropMCP(t *testing.T) {
	t.Parallel()
	t.Run("expired token", mcpExpired)
	t.Run("refused token", mcpRefused)
	t.Run("deleted", mcpDeleted)
	t.Run("denied", mcpDenied)
	t.Run("answer of another server", mcpForeignAnswer)
	t.Run("metadata of another resource", mcpForeignResource)
	t.Run("metadata of another server", mcpForeignServer)
	t.Run("unknown certificate", mcpUntrusted)
}

// A whole life: found, registered, connected, called, expired, refreshed once and
// called again in the same session.
func mcpExpired(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{Life: longLife}, nil)
	w.connectMCP()
	if n := w.server.Registered(); n != 1 {
		t.Errorf("%d registrations", n)
	}
	asked := w.refused.Load() // that is how the server says where its metadata is
	session := w.session(false)
	tools, err := session.ListTools(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(tools.Tools) != 1 || tools.Tools[0].Name != "greet" {
		t.Errorf("the tools are %+v", tools.Tools)
	}
	w.greet(session, "Bob")
	first := w.token()

	// The token expires on both sides: what the server gets now has to be another.
	w.clock.advance(longLife)
	if err := w.server.Expire(t.Context(), first.AccessToken.Reveal()); err != nil {
		t.Fatal(err)
	}
	w.greet(session, "Carol")
	w.greet(session, "Dave")
	if second := w.token(); second.AccessToken.Equal(first.AccessToken) || second.RefreshToken.Equal(first.RefreshToken) {
		t.Error("the tokens are those of before")
	}
	if diff := cmp.Diff(map[string]int{"authorization_code": 1, "refresh_token": 1}, counts(w.server)); diff != "" {
		t.Errorf("exchanges (-want +got):\n%s", diff)
	}
	if n := w.refused.Load() - asked; n != 0 {
		t.Errorf("the MCP server refused %d calls", n)
	}
	if n := w.server.Registered(); n != 1 {
		t.Errorf("%d registrations in the end", n)
	}
}

// The server gives up a token before its time: its 401 brings about one refresh,
// and the SDK's client sees nothing of it.
func mcpRefused(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{Life: longLife}, nil)
	w.connectMCP()
	session := w.session(true)
	w.greet(session, "Bob")
	asked := w.refused.Load()
	w.clock.advance(longLife / 4)
	if err := w.server.Expire(t.Context(), w.token().AccessToken.Reveal()); err != nil {
		t.Fatal(err)
	}
	w.greet(session, "Carol")
	w.greet(session, "Dave")
	if n := counts(w.server)["refresh_token"]; n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if n := w.refused.Load() - asked; n != 1 {
		t.Errorf("the MCP server refused %d calls, want 1", n)
	}
}

// The revocation endpoint was found, too.
func mcpDeleted(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{Life: longLife}, nil)
	w.connectMCP()
	token := w.token()
	if err := w.Connections.Delete(t.Context(), integration, user, tieline.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, secret := range map[string]tieline.Secret{"access": token.AccessToken, "refresh": token.RefreshToken} {
		active, err := w.server.Active(t.Context(), secret.Reveal())
		if err != nil || active {
			t.Errorf("the %s token: active %t, %v", name, active, err)
		}
	}
}

func mcpDenied(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{}, nil)
	binding, callback := w.authorize(true)
	_, err := w.Connections.Complete(t.Context(), binding, callback)
	var refusal *tieline.AuthorizationError
	if !errors.Is(err, tieline.ErrDenied) || !errors.As(err, &refusal) || refusal.Code != "access_denied" {
		t.Errorf("got %v, want access_denied", err)
	}
	w.nobody()
}

// RFC 9207: whoever names servers can name one that sends the user on to another.
func mcpForeignAnswer(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{Issuer: "https://other.example"}, nil)
	binding, callback := w.authorize(false)
	_, err := w.Connections.Complete(t.Context(), binding, callback)
	var field *tieline.FieldError
	if !errors.As(err, &field) || field.Field != "callback.iss" {
		t.Errorf("got %v, want a FieldError of callback.iss", err)
	}
	w.nobody()
	if n := len(w.server.Referee.Exchanges()); n != 0 {
		t.Errorf("the code was sent %d times", n)
	}
}

// RFC 9728 section 3.3: a server that speaks of another resource is not believed.
func mcpForeignResource(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{}, func(w *mcpWorld) { w.metadata.Resource = "https://other.example/mcp" })
	w.wantUndiscovered("protected resource metadata", "mismatch")
}

// RFC 8414 section 3.3: the issuer is the one that was asked about.
func mcpForeignServer(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{}, func(w *mcpWorld) {
		// There is a document at its place, with the issuer of the whole server.
		w.metadata.AuthorizationServers = []string{w.server.URL + "/tenant"}
	})
	w.wantUndiscovered("authorization server metadata", "mismatch")
}

func (w *mcpWorld) wantUndiscovered(step, code string) {
	w.t.Helper()
	_, err := w.Connections.Authorize(w.t.Context(), integration, w.options())
	var failure *tieline.DiscoveryError
	if !errors.Is(err, tieline.ErrTokenEndpoint) || !errors.As(err, &failure) || failure.Step != step || failure.Code != code {
		w.t.Errorf("got %v, want a DiscoveryError of %s: %s", err, step, code)
	}
	if n := w.server.Registered(); n != 0 {
		w.t.Errorf("%d registrations", n)
	}
}

// Without the server's root there is no connection to it, and no way to turn the
// check off.
func mcpUntrusted(t *testing.T) {
	t.Parallel()
	w := newMCPWorld(t, authserver.Options{}, nil)
	a := newMCPApp(t, nil)
	_, err := a.Connections.Authorize(t.Context(), integration, w.options())
	var failure *tieline.DiscoveryError
	if !errors.As(err, &failure) || failure.Code != "unreachable" {
		t.Errorf("got %v, want a DiscoveryError: unreachable", err)
	}
	if n := w.refused.Load(); n != 0 {
		t.Errorf("the MCP server was asked %d times", n)
	}
}

// connectMCP makes the connection.
func (w *mcpWorld) connectMCP() {
	w.t.Helper()
	binding, callback := w.authorize(false)
	if _, err := w.Connections.Complete(w.t.Context(), binding, callback); err != nil {
		w.t.Fatal(err)
	}
}
