package tieline

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// storedCustom is what is in the Store.
func (w *modeWorld) storedCustom() *CustomToken {
	w.t.Helper()
	synctest.Wait() // callers get a token before it is saved
	return storedConnection(w.t, w.Client).cred.(*CustomToken)
}

// refreshBoth lets both tokens run out and has them refreshed.
func (w *modeWorld) refreshBoth() (before *CustomToken, err error) {
	w.t.Helper()
	before = w.storedCustom()
	if before.User.RefreshToken.IsZero() {
		w.t.Fatal("the user's token cannot be refreshed")
	}
	w.untilOver(before)
	_, err = w.Connections.Credential(w.t.Context(), "key", "alice")
	return before, w.note(err)
}

var unavailable = modeFault{answer: func(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Retry-After", "5")
	jsonAnswer(rw, http.StatusServiceUnavailable, shownBody)
}}

// The user's refresh token was rotated, and then the application's token could not
// be had: the new one is the only one there is.
func TestModesCustomKeepsRotation(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]modeFault{
		"unavailable": unavailable, "gone": statusFault("404", http.StatusNotFound, shownBody), "key refused": statusFault("401", http.StatusUnauthorized, shownBody),
		"HTML": {answer: func(rw http.ResponseWriter, _ *http.Request) { _, _ = rw.Write([]byte("<html>")) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, "custom"), func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				clear := w.fail("app-token", fault)
				before, err := w.refreshBoth()
				if !errors.Is(err, ErrRefreshFailed) {
					t.Errorf("Credential = %v", err)
				}
				if n := w.asked("refresh"); n != 1 {
					t.Errorf("the user's token was refreshed %d times", n)
				}
				after := w.storedCustom()
				if after.User.RefreshToken.IsZero() || after.User.RefreshToken.Equal(before.User.RefreshToken) {
					t.Fatal("the new refresh token is lost")
				}
				time.Sleep(10 * time.Minute)
				if _, err := w.Connections.Credential(t.Context(), "key", "alice"); name == "gone" && !errors.Is(w.note(err), ErrReauthRequired) {
					t.Errorf("the installation is gone: %v", err)
				}
				clear()
				if name == "gone" {
					return
				}
				time.Sleep(10 * time.Minute)
				if _, err := w.refreshBoth(); err != nil {
					t.Errorf("the next refresh: %v", err)
				}
				if p := w.provider.Problems(); len(p) > 0 {
					t.Errorf("%q", p)
				}
			})
		})
	}
}

// The user's token could not be refreshed and the application's could: what
// becomes of the user's depends on what the provider said.
func TestModesCustomUserFails(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault modeFault
		keeps bool
	}{
		"unavailable":           {unavailable, true},
		"429":                   {statusFault("429", http.StatusTooManyRequests, shownBody), true},
		"client refused":        {statusFault("401", http.StatusUnauthorized, `{"error":"invalid_client"}`), true},
		"refused":               {statusFault("400", http.StatusBadRequest, `{"error":"invalid_grant"}`), false},
		"a refresh token alone": {statusFault("200", http.StatusOK, `{"refresh_token":"rotated-and-alone"}`), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, "custom"), func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				w.fail("refresh", tt.fault)
				if _, err := w.refreshBoth(); err != nil {
					t.Errorf("the application's token serves: %v", err)
				}
				if err := w.call(t.Context()); err != nil {
					t.Errorf("call: %v", err)
				}
				var problem error
				if after := w.storedCustom(); after.User.RefreshToken.IsZero() == tt.keeps {
					problem = fmt.Errorf("the user's refresh token is there: %t", !tt.keeps)
				}
				gap(t, "custom/"+name, problem)
			})
		})
	}
}

// A grant that leads to no connection, or whose connection is deleted, is given
// back where there is a way to.
func TestModesGrantIsGivenBack(t *testing.T) {
	t.Parallel()
	for name, when := range map[string]func(w *modeWorld) error{
		"connect": func(w *modeWorld) error {
			defer w.fail("app-token", unavailable)()
			return w.join(w.t.Context())
		},
		"delete": func(w *modeWorld) error {
			w.mustJoin()
			if err := w.Connections.Delete(w.t.Context(), "key", "alice", DeleteOptions{}); err != nil {
				return err
			}
			return ErrNotFound
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, "custom"), func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := when(w); err == nil {
					t.Fatal("connected")
				}
				var problem error
				if w.asked("unknown") == 0 {
					problem = errors.New("the user's grant lives on")
				}
				gap(t, "revoke/custom/"+name, problem)
			})
		})
	}
}

// Somebody else was faster: the grant that was not needed is given back.
func TestModesGrantOfTheSlower(t *testing.T) {
	t.Parallel()
	plain := modeEntry{name: "oauth2", mode: ModeOAuth2, plays: revocable, yaml: `
  authorization_url: https://vendor.test/authorize
  token_url: https://vendor.test/token
  revocation: {url: https://vendor.test/revoke}
  proxy: {base_url: https://api.vendor.test}
`}
	for _, e := range []modeEntry{plain, modeNamed(t, "oauth2-par")} {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) { gap(t, "revoke/"+e.name, w.slower()) })
		})
	}
}

// slower completes an authorization while somebody else makes the connection. The
// error says that the grant was not given back.
func (w *modeWorld) slower() error {
	w.t.Helper()
	ctx := w.t.Context()
	if err := w.setUp(ctx); err != nil {
		w.t.Fatal(err)
	}
	a, err := w.Connections.Authorize(ctx, "key", AuthorizeOptions{ConnectionID: "alice", NewOnly: true})
	if err != nil {
		w.t.Fatal(err)
	}
	callback, err := w.provider.Authorize(ctx, a.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	w.provider.Fail("token", func(http.ResponseWriter, *http.Request) bool {
		_, err := w.Connections.Import(ctx, "key", "alice", ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("brought along")}})
		if err != nil {
			w.t.Error(err)
		}
		return false
	})
	asked := w.asked("unknown")
	_, err = w.Connections.Complete(ctx, a.Binding.Reveal(), callback)
	if !errors.Is(w.note(err), ErrExists) {
		w.t.Errorf("Complete = %v", err)
	}
	if w.asked("unknown") != asked+1 {
		return fmt.Errorf("the grant lives on: %w", errOrNone(err))
	}
	return nil
}

// A code is used once, whatever becomes of it, and another browser's never.
func TestModesCallbacks(t *testing.T) {
	t.Parallel()
	for _, e := range modeEntries() {
		if _, begins := builtinModes()[e.mode].(Beginner); !begins || e.name == "outbound" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				ctx := t.Context()
				if err := w.setUp(ctx); err != nil {
					t.Fatal(err)
				}
				for what, tt := range badCallbacks(e) {
					a, err := w.Connections.Authorize(ctx, "key", AuthorizeOptions{ConnectionID: "alice", Config: w.in.Config})
					if err != nil {
						t.Fatal(err)
					}
					callback, err := w.provider.Authorize(ctx, a.URL)
					if err != nil {
						t.Fatal(err)
					}
					tt.change(callback)
					_, err = w.Connections.Complete(ctx, a.Binding.Reveal(), callback)
					var problem error
					if got := typed(w.note(err)); got != tt.want || len(w.rows(kindConnection))+len(w.rows(kindAuthorization)) != 0 {
						problem = fmt.Errorf("%w, typed %q, want %q", errOrNone(err), got, tt.want)
					}
					gap(t, "callback/"+e.name+"/"+what, problem)
					if err == nil {
						_ = w.Connections.Delete(ctx, "key", "alice", DeleteOptions{})
					}
				}
				w.mustJoin()
			})
		})
	}
}
