package e2e

import (
	"errors"
	"net/url"
	"slices"
	"testing"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

const parLines = "  pkce: required\n  pushed_authorization_url: SERVER/par\n"

// TestInteropPAR: RFC 9126, the parameters of the authorization go ahead of the user.
func TestInteropPAR(t *testing.T) {
	t.Parallel()
	for name, auth := range map[string]string{"secret in the header": "basic", "secret in the body": "body"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := newInterop(t, authserver.Options{Life: longLife, OnlyPushed: true}, parLines+"  client_auth: "+auth+"\n")
			in.life()
			if n := in.server.Referee.Pushes(); n != 1 {
				t.Errorf("%d requests were pushed", n)
			}
		})
	}
	t.Run("nothing in the URL", nothingInTheURL)
	t.Run("request_uri reused", requestURIReused)
	t.Run("request_uri of another client", requestURIOfAnother)
	t.Run("wrong secret", pushRefused)
	t.Run("wrong verifier", pushedWrongVerifier)
	t.Run("not pushed", notPushed)
	t.Run("another redirect", pushedRedirect)
}

// RFC 9126 section 4: the browser carries a reference and the client ID, and the
// server makes nothing of what somebody adds.
func nothingInTheURL(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife, OnlyPushed: true}, parLines)
	binding, callback := in.consent(in.server, func(q url.Values) {
		var names []string
		for name := range q {
			names = append(names, name)
		}
		slices.Sort(names)
		if want := []string{"client_id", "request_uri"}; !slices.Equal(names, want) {
			t.Errorf("the URL has %q, want %q", names, want)
		}
		q.Set("redirect_uri", "https://evil.example/")
		q.Set("scope", "admin")
		q.Set("state", "chosen-by-somebody-else")
	})
	if _, err := in.Connections.Complete(t.Context(), binding, callback); err != nil {
		t.Error(err)
	}
}

// A reference works once. The user who goes there again, or somebody who saw the
// URL, gets nowhere, and the first visit is none the worse for it.
func requestURIReused(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife, OnlyPushed: true}, parLines)
	auth, err := in.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	if err != nil {
		t.Fatal(err)
	}
	callback, err := in.server.Browse(t.Context(), auth.URL, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := in.server.Browse(t.Context(), auth.URL, false); !errors.Is(err, authserver.ErrNotSentBack) {
		t.Errorf("the second visit: got %v, want an error page", err)
	}
	if _, err := in.Connections.Complete(t.Context(), auth.Binding.Reveal(), callback); err != nil {
		t.Errorf("the first visit: %v", err)
	}
	// Every flow pushes anew.
	next, err := in.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	if err != nil {
		t.Fatal(err)
	}
	if next.URL == auth.URL || in.server.Referee.Pushes() != 2 {
		t.Error("the reference is that of the flow before")
	}
}

// A reference belongs to the client that made it: the server sends the user back
// with an error, and the Client believes that.
func requestURIOfAnother(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife, OnlyPushed: true}, parLines)
	binding, callback := in.consent(in.server, func(q url.Values) { q.Set("client_id", "somebody-else") })
	wantDenial(t, in, binding, callback, "invalid_request")
}

// RFC 9126 section 2.3: a client that is refused learns it before any user is sent.
func pushRefused(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{OnlyPushed: true}, parLines)
	_, err := in.Integrations.Update(t.Context(), integration, func(i *tieline.Integration) error {
		i.App = &tieline.OAuthApp{ClientID: in.server.ClientID, ClientSecret: tieline.NewSecret("not the secret")}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = in.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	wantTokenError(t, err, "invalid_client", tieline.ClassConfig)
	if n := in.server.Referee.Pushes(); n != 0 {
		t.Errorf("%d requests were accepted", n)
	}
}

// The challenge that counts is the one that was pushed: a code of another flow does
// not fit this flow's verifier.
func pushedWrongVerifier(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{Life: longLife, OnlyPushed: true}, parLines)
	_, stolen := in.consent(in.server, nil)
	binding, callback := in.consent(in.server, nil)
	callback.Set("code", stolen.Get("code"))
	_, err := in.Connections.Complete(t.Context(), binding, callback)
	wantTokenError(t, err, "invalid_grant", tieline.ClassPermanent)
	in.nobody()
}

// The server of these tests takes nothing that was not pushed.
func notPushed(t *testing.T) {
	t.Parallel()
	in := newInterop(t, authserver.Options{OnlyPushed: true}, pkceLines)
	auth, err := in.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	if err != nil {
		t.Fatal(err)
	}
	callback, err := in.server.Browse(t.Context(), auth.URL, false)
	if err == nil && callback.Has("code") {
		t.Error("the server gave a code for parameters in the URL")
	}
}

// A redirect URI that is not the client's is refused at once.
func pushedRedirect(t *testing.T) {
	t.Parallel()
	s := authserver.New(t, authserver.Options{RedirectURI: "https://another.example/callback", OnlyPushed: true})
	a := newApp(t, codeFile+parLines, s.URL, s.Roots())
	a.integrate("as", &tieline.OAuthApp{ClientID: s.ClientID, ClientSecret: tieline.NewSecret(s.ClientSecret)})
	_, err := a.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	var refusal *tieline.TokenError
	if !errors.Is(err, tieline.ErrTokenEndpoint) || !errors.As(err, &refusal) || refusal.Code != "invalid_request" {
		t.Errorf("got %v, want invalid_request", err)
	}
}
