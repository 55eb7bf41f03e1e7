package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

// locked is a writer for several goroutines.
type locked struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// whoami reads what /me/acme shows.
func (b *browser) whoami() string {
	b.w.t.Helper()
	p := b.get("/me/acme")
	var me struct{ User string }
	if err := json.Unmarshal([]byte(p.text), &me); err != nil || p.status != http.StatusOK {
		b.w.t.Fatalf("/me/acme: %d %s", p.status, p.text)
	}
	if p.header.Get("Content-Type") != "application/json" || p.header.Get("X-Content-Type-Options") != "nosniff" {
		b.w.t.Errorf("/me/acme is %q, %q", p.header.Get("Content-Type"), p.header.Get("X-Content-Type-Options"))
	}
	return me.User
}

func TestEveryUserHasTheirOwnAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alice, bob := w.browser("alice"), w.browser("bob")
	alice.connect()
	if p := bob.get("/me/acme"); p.status != http.StatusNotFound {
		t.Errorf("before bob connects he gets %d %s", p.status, p.text)
	}
	bob.connect()
	for _, b := range []*browser{alice, bob} {
		if who := b.whoami(); who != b.user {
			t.Errorf("%s calls the API as %s", b.user, who)
		}
	}

	// An expired token is nothing that a handler notices.
	w.clock.forward(2 * time.Hour)
	if who := alice.whoami(); who != "alice" {
		t.Errorf("after the token expired alice calls the API as %s", who)
	}
	if st := w.provider.Stats(); st.Refreshes != 1 || st.APIUnauthorized != 0 {
		t.Errorf("%d refreshes, %d calls refused", st.Refreshes, st.APIUnauthorized)
	}

	if p := alice.do(http.MethodPost, "/disconnect/acme", nil); p.status != http.StatusNoContent {
		t.Fatalf("disconnect: %d %s", p.status, p.text)
	}
	if grants := w.provider.Grants(); len(grants) != 1 || grants[0].User != "bob" {
		t.Errorf("after alice left the provider has the grants %v", grants)
	}
	if p := alice.get("/me/acme"); p.status != http.StatusNotFound {
		t.Errorf("after she left alice gets %d %s", p.status, p.text)
	}
	if who := bob.whoami(); who != "bob" {
		t.Errorf("after alice left bob calls the API as %s", who)
	}
}

func TestTwoTabs(t *testing.T) {
	t.Parallel()
	alice := newWorld(t).browser("alice")
	first, second := alice.begin(), alice.begin()
	for _, consent := range []string{second, first} {
		if p := alice.get(alice.decide(consent, alice.w.provider.Authorize)); p.status != http.StatusSeeOther {
			t.Errorf("callback: %d %s", p.status, p.text)
		}
	}
}

// failure is what happens to alice when something goes wrong, and the status
// that she gets.
type failure struct {
	name string
	do   func(w *world, alice *browser) page
	want int
}

func (f failure) run(t *testing.T, connected bool) {
	t.Parallel()
	w := newWorld(t)
	alice := w.browser("alice")
	if connected {
		alice.connect()
	}
	p := f.do(w, alice)
	if p.status != f.want {
		t.Errorf("got %d %s, want %d\n%s", p.status, p.text, f.want, w.logs)
	}
	for _, secret := range []string{"acme-at", "acme-rt", "acme-code", w.provider.Credentials().ClientSecret} {
		if strings.Contains(p.text+w.logs.String(), secret) {
			t.Errorf("%s is shown or logged: %s\n%s", secret, p.text, w.logs)
		}
	}
}

func TestFailuresToConnect(t *testing.T) {
	t.Parallel()
	for _, f := range []failure{
		{"nobody signed in", func(w *world, _ *browser) page { return w.browser("").get("/connect/acme") }, http.StatusUnauthorized},
		{"unknown integration", func(_ *world, b *browser) page { return b.get("/connect/absent") }, http.StatusNotFound},
		{"account at an unknown integration", func(_ *world, b *browser) page { return b.get("/me/absent") }, http.StatusNotFound},
		{"integration without a profile", func(w *world, b *browser) page {
			w.connectByKey("other", b.user)
			return b.get("/me/other")
		}, http.StatusNotFound},
		{"user name that cannot be a connection ID", func(w *world, _ *browser) page { return w.browser("a\tb").get("/connect/acme") }, http.StatusBadRequest},
		{"not connected", func(_ *world, b *browser) page { return b.do(http.MethodPost, "/disconnect/acme", nil) }, http.StatusNotFound},
		{"callback without a state", func(_ *world, b *browser) page { return b.get("/callback?code=x") }, http.StatusBadRequest},
		{"callback in another browser", func(w *world, b *browser) page {
			other := w.browser("alice")
			other.begin()
			return other.get(b.decide(b.begin(), w.provider.Authorize))
		}, http.StatusBadRequest},
		{"callback twice", func(w *world, b *browser) page {
			callback := b.decide(b.begin(), w.provider.Authorize)
			b.get(callback)
			return b.get(callback)
		}, http.StatusBadRequest},
		{"callback too late", func(w *world, b *browser) page {
			callback := b.decide(b.begin(), w.provider.Authorize)
			w.clock.forward(time.Hour)
			return b.get(callback)
		}, http.StatusBadRequest},
		{"denied", func(w *world, b *browser) page { return b.get(b.decide(b.begin(), w.provider.Deny)) }, http.StatusForbidden},
		{"code not exchanged", func(w *world, b *browser) page {
			w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, OAuthError: "invalid_client"})
			return b.get(b.decide(b.begin(), w.provider.Authorize))
		}, http.StatusBadGateway},
	} {
		t.Run(f.name, func(t *testing.T) { f.run(t, false) })
	}
}

func TestFailuresOfTheConnected(t *testing.T) {
	t.Parallel()
	for _, f := range []failure{
		{"grant revoked", func(w *world, b *browser) page {
			w.provider.RevokeAll()
			w.clock.forward(2 * time.Hour)
			return b.get("/me/acme")
		}, http.StatusConflict},
		{"token endpoint down", func(w *world, b *browser) page {
			w.provider.Fail(providertest.Fault{Endpoint: providertest.Token, Status: 503, Times: providertest.Always})
			w.clock.forward(2 * time.Hour)
			return b.get("/me/acme")
		}, http.StatusServiceUnavailable},
		{"API down", func(w *world, b *browser) page {
			w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Dropped: true, Times: providertest.Always})
			return b.get("/me/acme")
		}, http.StatusBadGateway},
		{"API fails", func(w *world, b *browser) page {
			w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Status: 500, Times: providertest.Always})
			return b.get("/me/acme")
		}, http.StatusBadGateway},
		{"client closed", func(w *world, b *browser) page {
			if err := w.client.Close(w.t.Context()); err != nil {
				w.t.Fatal(err)
			}
			w.clock.forward(2 * time.Hour)
			return b.get("/me/acme")
		}, http.StatusServiceUnavailable},
		{"asked for by another site", func(_ *world, b *browser) page {
			return b.do(http.MethodPost, "/disconnect/acme", http.Header{"Origin": {"https://elsewhere.example"}})
		}, http.StatusForbidden},
		{"disconnect by a link", func(_ *world, b *browser) page { return b.get("/disconnect/acme") }, http.StatusMethodNotAllowed},
	} {
		t.Run(f.name, func(t *testing.T) { f.run(t, true) })
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser("alice")
	b.connect()
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Token, Status: 503, Times: providertest.Always})
	w.clock.forward(2 * time.Hour)
	p := b.get("/me/acme")
	if seconds, err := strconv.Atoi(p.header.Get("Retry-After")); err != nil || seconds < 1 {
		t.Errorf("Retry-After is %q", p.header.Get("Retry-After"))
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	begun := &tieline.Authorization{Binding: tieline.NewSecret("b"), ExpiresAt: time.Unix(1_000_000_000, 0)}
	const rest = "=b; Path=/; Expires=Sun, 09 Sep 2001 01:46:40 GMT; HttpOnly; "
	for https, want := range map[bool]string{
		false: "tieline" + rest + "SameSite=Lax",
		true:  "__Host-tieline" + rest + "Secure; SameSite=Lax",
	} {
		a := &accounts{https: https}
		cookie := a.cookie(begun)
		if got := cookie.String(); got != want {
			t.Errorf("https %v: got %s, want %s", https, got, want)
		}
		r := httptest.NewRequest(http.MethodGet, "/callback?"+url.Values{"state": {"s"}}.Encode(), nil)
		r.AddCookie(cookie)
		if got := a.binding(r); got != "b" {
			t.Errorf("https %v: got binding %q back", https, got)
		}
	}
}

func TestNobodyIsToldAfterLeaving(t *testing.T) {
	t.Parallel()
	var logs strings.Builder
	a := &accounts{log: slog.New(slog.NewTextHandler(&logs, nil))}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	a.fail(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/me/acme", nil), ctx.Err())
	if w.Body.Len() != 0 || logs.Len() != 0 {
		t.Errorf("answered %q, logged %q", w.Body, &logs)
	}
}
