package tieline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

func TestCompleteOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
	var won atomic.Int64
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			_, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, ErrState):
				t.Errorf("a late callback: %v", err)
			}
		})
	}
	wg.Wait()
	if n := won.Load(); n != 1 {
		t.Errorf("%d callbacks won", n)
	}
	if st := w.provider.Stats(); st.Exchanges != 1 || st.Requests[providertest.Exchange] != 1 {
		t.Errorf("the code was sent %d times", st.Requests[providertest.Exchange])
	}
	if n := len(w.rows(kindAuthorization)); n != 0 {
		t.Errorf("%d authorizations are left", n)
	}
}

func TestCallbacksThatDoNotFit(t *testing.T) {
	t.Parallel()
	set := func(name string, values ...string) func(url.Values) { return func(q url.Values) { q[name] = values } }
	for name, tt := range map[string]struct {
		binding string // empty: the right one
		edit    func(url.Values)
		keeps   bool // the authorization can still be completed
		want    error
	}{
		"another browser":   {binding: strings.Repeat("x", 43), keeps: true, want: ErrState},
		"no binding":        {binding: "-", keeps: true, want: ErrState},
		"no state":          {edit: func(q url.Values) { q.Del("state") }, keeps: true, want: ErrState},
		"another state":     {edit: set("state", strings.Repeat("x", 43)), keeps: true, want: ErrState},
		"two states":        {edit: func(q url.Values) { q.Add("state", q.Get("state")) }, keeps: true, want: ErrState},
		"an endless state":  {edit: set("state", strings.Repeat("x", 1e6)), keeps: true, want: ErrState},
		"an odd state":      {edit: set("state", "\x00\xff"), keeps: true, want: ErrState},
		"another issuer":    {edit: set("iss", "https://evil.example"), want: ErrInvalid},
		"no issuer":         {edit: func(q url.Values) { q.Del("iss") }, want: ErrInvalid},
		"no code":           {edit: func(q url.Values) { q.Del("code") }, want: ErrInvalid},
		"two codes":         {edit: func(q url.Values) { q.Add("code", "x") }, want: ErrInvalid},
		"an endless code":   {edit: set("code", strings.Repeat("x", 1e6)), want: ErrInvalid},
		"a wrong code":      {edit: set("code", "nonsense"), want: ErrTokenEndpoint},
		"denied":            {edit: set("error", "access_denied"), want: ErrDenied},
		"denied, with HTML": {edit: set("error", "<script>alert(1)</script>"), want: ErrDenied},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, worldOptions{provider: providertest.Options{SendIssuer: true}})
			w.integration("acme", "acme")
			a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
			bad := url.Values{}
			for k, v := range callback {
				bad[k] = append([]string(nil), v...)
			}
			if tt.edit != nil {
				tt.edit(bad)
			}
			binding := a.Binding.Reveal()
			switch tt.binding {
			case "":
			case "-":
				binding = ""
			default:
				binding = tt.binding
			}
			_, err := w.Connections.Complete(t.Context(), binding, bad)
			if !errors.Is(err, tt.want) {
				t.Errorf("Complete = %v, want %v", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), "script") || strings.Contains(err.Error(), callback.Get("code"))) {
				t.Errorf("the error shows what was sent: %v", err)
			}
			if n := len(w.rows(kindConnection)); n != 0 {
				t.Errorf("%d connections were made", n)
			}
			_, err = w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
			if (err == nil) != tt.keeps {
				t.Errorf("the right callback afterwards: %v", err)
			}
		})
	}
}

func TestDenied(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	callback, _, err := w.provider.Deny(t.Context(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
	var denied *AuthorizationError
	if !errors.As(err, &denied) || denied.Code != "access_denied" {
		t.Errorf("Complete = %v", err)
	}
	if n := w.events.count(EventConnectFailed); n != 1 {
		t.Errorf("%d events", n)
	}
}

// What a callback calls an error is shown only if it looks like one.
func TestCallbackErrorsShowNoSecrets(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"state", "code", "binding"} {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		secret := callback.Get(what)
		if what == "binding" {
			secret = a.Binding.Reveal()
		}
		for _, echo := range []string{secret, secret[:min(len(secret), 30)]} {
			callback.Set("error", echo)
			_, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
			var denied *AuthorizationError
			if errors.As(err, &denied) && denied.Code != "unknown" || strings.Contains(fmt.Sprint(err), echo) || strings.Contains(w.log.String(), echo) {
				t.Errorf("%s in error: %v", what, err)
			}
		}
	}
	for echo, want := range map[string]string{"access_denied": "access_denied", "user_cancelled_login": "user_cancelled_login", "Access Denied": "unknown", "": "unknown", "x1": "unknown"} {
		if got := callbackCode(echo); got != want {
			t.Errorf("error %q is called %q, want %q", echo, got, want)
		}
	}
}

// The connection is stored although the browser went away during the exchange.
func TestCompleteIsNotAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, DelayAfter: 5 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Connections.Complete(ctx, a.Binding.Reveal(), callback); err != context.DeadlineExceeded {
			t.Errorf("Complete = %v", err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Errorf("Close = %v", err)
		}
		w.credential()
	})
}

// What a code was exchanged for is saved although the database is away for a moment.
func TestCompleteSavesAfterAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, writes, _ := flaky()
		w := newWorld(t, worldOptions{store: s})
		w.integration("acme", "acme")
		a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, Edit: func(*providertest.Answer) {
			writes.Store(true)
			time.AfterFunc(3*time.Second, func() { writes.Store(false) })
		}})
		if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
			t.Fatal(err)
		}
		w.credential()
	})
}

func TestIntegrationDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
	if err := w.Integrations.Delete(t.Context(), "acme", DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); !errors.Is(err, ErrState) {
		t.Errorf("Complete = %v", err)
	}
	if rows := append(w.rows(kindConnection), w.rows(kindAuthorization)...); len(rows) != 0 {
		t.Errorf("%d rows are left", len(rows))
	}
}

// A provider that has a name of its own for the state, which its entry says, brings
// it under that name and no other.
func TestStateUnderAnotherName(t *testing.T) {
	t.Parallel()
	const entry = "  auth_mode: OAUTH2\n  authorization_url: https://e.example.com/a\n  token_url: https://e.example.com/t\n  state_param_in_callback: ticket\n"
	c := clientOf(t, &store.Memory{}, entry, answering(func(r *http.Request, _ string) *http.Response {
		return jsonResponse(r, 200, `{"access_token":"AT"}`)
	}))
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: app("id")}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"ticket": nil, "state": nil, "payload": ErrState, "other": ErrState} {
		a, err := c.Connections.Authorize(t.Context(), "k", AuthorizeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(a.URL)
		if err != nil {
			t.Fatal(err)
		}
		callback := url.Values{"code": {"c"}, name: {u.Query().Get("state")}}
		if _, err := c.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); !errors.Is(err, want) {
			t.Errorf("under %q: %v, want %v", name, err, want)
		}
	}
}
