package e2e

import (
	"errors"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

func TestAuthorizeRefusals(t *testing.T) {
	t.Parallel()
	t.Run("wrong binding", wrongBinding)
	t.Run("replayed callback", replayedCallback)
	t.Run("denied", denied)
	t.Run("code of another flow", codeOfAnotherFlow)
	t.Run("verifier cannot be chosen", verifierCannotBeChosen)
	t.Run("a hundred callbacks at once", hundredCallbacks)
}

// Somebody else's browser gets nothing, and uses nothing up.
func wrongBinding(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	binding, callback := w.consent(tieline.AuthorizeOptions{ConnectionID: user})
	others, _ := w.consent(tieline.AuthorizeOptions{ConnectionID: "mallory"})
	for _, b := range []string{others, "", binding[1:], binding + "A"} {
		if _, err := w.Connections.Complete(t.Context(), b, callback); !errors.Is(err, tieline.ErrState) {
			t.Errorf("got %v, want ErrState", err)
		}
	}
	if n := len(w.exchanges("authorization_code")); n != 0 {
		t.Errorf("%d codes were sent", n)
	}
	if _, err := w.Connections.Complete(t.Context(), binding, callback); err != nil {
		t.Errorf("the right browser: %v", err)
	}
}

// A callback that comes again is refused here. Had its code been sent again, the
// server would have revoked the tokens.
func replayedCallback(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	binding, callback := w.consent(tieline.AuthorizeOptions{ConnectionID: user})
	if _, err := w.Connections.Complete(t.Context(), binding, callback); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Connections.Complete(t.Context(), binding, callback); !errors.Is(err, tieline.ErrState) {
		t.Errorf("got %v, want ErrState", err)
	}
	if n := len(w.exchanges("authorization_code")); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if !w.works(user) {
		t.Error("the server does not accept the token any more")
	}
}

func denied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	binding, callback := w.visit(tieline.AuthorizeOptions{ConnectionID: user}, true)
	_, err := w.Connections.Complete(t.Context(), binding, callback)
	var refusal *tieline.AuthorizationError
	if !errors.Is(err, tieline.ErrDenied) || !errors.As(err, &refusal) || refusal.Code != "access_denied" {
		t.Errorf("got %v, want access_denied", err)
	}
	if w.stored(user) {
		t.Error("there is a connection")
	}
	if n := len(w.server.Referee.Exchanges()); n != 0 {
		t.Errorf("%d exchanges", n)
	}
	if _, err := w.Connections.Complete(t.Context(), binding, callback); !errors.Is(err, tieline.ErrState) {
		t.Errorf("again: got %v, want ErrState", err)
	}
}

// An attacker who puts a code of their own into a victim's callback fails at the
// server: the verifier that goes with the victim's state is not the code's.
func codeOfAnotherFlow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	_, stolen := w.consent(tieline.AuthorizeOptions{ConnectionID: "mallory"})
	binding, callback := w.consent(tieline.AuthorizeOptions{ConnectionID: user})
	callback.Set("code", stolen.Get("code"))
	_, err := w.Connections.Complete(t.Context(), binding, callback)
	var refusal *tieline.TokenError
	if !errors.Is(err, tieline.ErrTokenEndpoint) || !errors.As(err, &refusal) || refusal.Code != "invalid_grant" {
		t.Errorf("got %v, want invalid_grant", err)
	}
	if w.stored(user) {
		t.Error("there is a connection")
	}
	if _, err := w.Connections.Complete(t.Context(), binding, callback); !errors.Is(err, tieline.ErrState) {
		t.Errorf("again: got %v, want ErrState", err)
	}
}

// Who begins a flow has no say in its challenge, state or redirect URI.
func verifierCannotBeChosen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	for _, name := range []string{"code_challenge", "code_challenge_method", "state", "redirect_uri", "client_id"} {
		_, err := w.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{Params: map[string]string{name: "chosen"}})
		var field *tieline.FieldError
		if !errors.As(err, &field) || field.Field != "params."+name {
			t.Errorf("%s: got %v, want a FieldError", name, err)
		}
	}
	// Every flow has a challenge of its own, and by S256.
	var challenges []string
	for range 3 {
		a, err := w.Connections.Authorize(t.Context(), integration, tieline.AuthorizeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(a.URL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		if q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43 || slices.Contains(challenges, q.Get("code_challenge")) {
			t.Errorf("method %q, a challenge of %d characters", q.Get("code_challenge_method"), len(q.Get("code_challenge")))
		}
		challenges = append(challenges, q.Get("code_challenge"))
	}
}

// However many callbacks race, in however many processes, one of them wins.
func hundredCallbacks(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{}, nil)
	processes := []*process{w.process, w.another(nil)}
	binding, callback := w.consent(tieline.AuthorizeOptions{ConnectionID: user})
	var won, lost atomic.Int64
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range 100 {
		wg.Go(func() {
			<-start
			_, err := processes[i%len(processes)].Connections.Complete(t.Context(), binding, callback)
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, tieline.ErrState):
				lost.Add(1)
			default:
				t.Errorf("got %v, want ErrState", err)
			}
		})
	}
	close(start)
	wg.Wait()
	if won.Load() != 1 || lost.Load() != 99 {
		t.Errorf("%d callbacks won, %d lost", won.Load(), lost.Load())
	}
	if n := len(w.exchanges("authorization_code")); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	if !w.works(user) {
		t.Error("the server does not accept the token")
	}
}
