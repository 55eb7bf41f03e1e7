package tieline

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// renewable are the entries whose refresh asks the provider.
func renewable() []modeEntry {
	var out []modeEntry
	for _, e := range modeEntries() {
		if e.renew != "" {
			out = append(out, e)
		}
	}
	return out
}

// untilDue lets a credential become due with life left.
func (w *modeWorld) untilDue() Credential {
	w.t.Helper()
	cred, err := w.Connections.Credential(w.t.Context(), "key", "alice")
	if err != nil {
		w.t.Fatalf("%s: %v", w.name, err)
	}
	if cred.Expiry().IsZero() {
		w.t.Fatalf("%s: the credential does not expire", w.name)
	}
	time.Sleep(time.Until(cred.Expiry()) - 70*time.Second)
	return cred
}

func (w *modeWorld) untilOver(cred Credential) {
	time.Sleep(time.Until(cred.Expiry()) + time.Second)
}

// status is the connection's.
func (w *modeWorld) status() Status {
	w.t.Helper()
	conn, err := w.Connections.Get(w.t.Context(), "key", "alice")
	if err != nil {
		w.t.Fatal(err)
	}
	return conn.Status
}

// refusal is how a provider of the entry says that the grant is gone.
func (e *modeEntry) refusal() (f modeFault, reauth bool) {
	switch e.mode {
	case ModeOAuth2, ModeMCPOAuth2, ModeMCPOAuth2Generic:
		return statusFault("invalid_grant", http.StatusBadRequest, `{"error":"invalid_grant","error_description":"`+answerCanary+`"}`), true
	case ModeOAuth2CC: // its client is the connection's, and yet what is refused is a client
		return statusFault("invalid_client", http.StatusUnauthorized, `{"error":"invalid_client","error_description":"`+answerCanary+`"}`), false
	case ModeApp, ModeCustom:
		return statusFault("gone", http.StatusNotFound, shownBody), true
	}
	return statusFault("401", http.StatusUnauthorized, shownBody), true
}

// A refusal is confirmed once, and then only the user can help; what the user does
// then helps.
func TestModesRefreshRefused(t *testing.T) {
	t.Parallel()
	for _, e := range renewable() {
		if e.mode == ModeCustom {
			continue // has two tokens: see TestModesCustom
		}
		refusal, reauth := e.refusal()
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				cred, err := w.Connections.Credential(t.Context(), "key", "alice")
				if err != nil {
					t.Fatal(err)
				}
				w.untilOver(cred)
				asked := w.asked(e.renew)
				clear := w.fail(e.renew, refusal)
				if e.renew == "refresh" && e.mode == ModeTwoStep {
					w.fail("token", refusal) // signing in again is refused as well
				}
				_, err = w.Connections.Credential(t.Context(), "key", "alice")
				w.note(err)
				if errors.Is(err, ErrReauthRequired) != reauth || !errors.Is(err, ErrReauthRequired) && !errors.Is(err, ErrRefreshFailed) {
					t.Errorf("Credential = %v", err)
				}
				want := map[bool]int{true: 2, false: 1}[reauth]
				if n := w.asked(e.renew) - asked; n != want {
					t.Errorf("the provider was asked %d times, want %d", n, want)
				}
				if got := w.status(); (got == StatusNeedsReauth) != reauth {
					t.Errorf("status %s", got)
				}
				synctest.Wait() // events have goroutines of their own
				if n := w.events.count(EventReauthRequired); n != want-1 {
					t.Errorf("%d events", n)
				}
				_, err = w.Connections.Credential(t.Context(), "key", "alice")
				if w.note(err) == nil || reauth && w.asked(e.renew)-asked != want {
					t.Errorf("a second time: %v, asked %d times", err, w.asked(e.renew)-asked)
				}
				clear()
				if e.mode == ModeTwoStep && e.renew == "refresh" {
					return
				}
				if aws, ok := cred.(*AWS); ok {
					w.in.Credentials["external_id"] = aws.ExternalID
				}
				w.mustJoin()
				if got := w.status(); got != StatusActive {
					t.Errorf("after reconnecting: %s", got)
				}
			})
		})
	}
}

// While a provider is down, what there is is served as long as it lives, and then
// an error says when the next try is; afterwards everything is as before.
func TestModesRefreshUnavailable(t *testing.T) {
	t.Parallel()
	for _, e := range renewable() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				cred := w.untilDue()
				down := modeFault{answer: func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Retry-After", "5")
					jsonAnswer(rw, http.StatusServiceUnavailable, shownBody)
				}}
				clear := w.fail(e.renew, down)
				asked := w.asked(e.renew)
				_, err := w.Connections.Refresh(t.Context(), "key", "alice", nil)
				var failure *RefreshError
				if !errors.As(w.note(err), &failure) || failure.Reauth || failure.RetryAt.IsZero() {
					t.Errorf("Refresh = %v", err)
				}
				if n := w.asked(e.renew) - asked; n != 1 {
					t.Errorf("asked %d times", n)
				}
				got, err := w.Connections.Credential(t.Context(), "key", "alice")
				if err != nil || !sameCredential(got, cred) {
					t.Errorf("while it lives: %v", err)
				}
				if err := w.call(t.Context()); err != nil {
					t.Errorf("while it lives: call: %v", err)
				}
				w.untilOver(cred)
				if _, err := w.Connections.Credential(t.Context(), "key", "alice"); !errors.Is(w.note(err), ErrRefreshFailed) || errors.Is(err, ErrReauthRequired) {
					t.Errorf("when it is over: %v", err)
				}
				if w.status() != StatusActive {
					t.Errorf("status %s", w.status())
				}
				clear()
				time.Sleep(10 * time.Minute)
				if got, err := w.Connections.Credential(t.Context(), "key", "alice"); err != nil || sameCredential(got, cred) {
					t.Errorf("afterwards: %v", err)
				}
				if err := w.call(t.Context()); err != nil {
					t.Errorf("afterwards: call: %v", err)
				}
			})
		})
	}
}

// Where the refresh token is refused, what was typed in still signs in.
func TestModesLoginFallsBack(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "login-json"), func(t *testing.T, w *modeWorld) {
		w.mustJoin()
		cred, err := w.Connections.Credential(t.Context(), "key", "alice")
		if err != nil {
			t.Fatal(err)
		}
		w.untilOver(cred)
		w.fail("refresh", statusFault("401", http.StatusUnauthorized, shownBody))
		signIns := w.asked("token")
		got, err := w.Connections.Credential(t.Context(), "key", "alice")
		if err != nil || sameCredential(got, cred) || w.asked("token") != signIns+1 {
			t.Errorf("Credential = %v, signed in %d times", err, w.asked("token")-signIns)
		}
	})
}

// Who reconnects a role without an external ID means the one that the role's owner
// was told: the provider would refuse another.
func TestModesExternalIDStays(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "aws"), func(t *testing.T, w *modeWorld) {
		w.mustJoin()
		gap(t, "reconnect/aws", w.join(t.Context()))
	})
}
