package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline"
)

// accounts are the pages on which users connect their accounts and use them. A
// user's connection has the user's ID, so nobody can name somebody else's.
type accounts struct {
	client  *tieline.Client
	user    func(http.ResponseWriter, *http.Request) (id string, ok bool) // who is signed in; answers if nobody is
	profile map[string]string                                             // where the API says whose account it is, by integration
	https   bool                                                          // the pages are served over https
	log     *slog.Logger
}

func (a *accounts) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /connect/{integration}", a.page(a.connect))
	mux.Handle("GET /callback", a.page(a.callback))
	mux.Handle("GET /me/{integration}", a.page(a.me))
	mux.Handle("POST /disconnect/{integration}", a.page(a.disconnect))
	// Another site must not make the user's browser disconnect anything.
	return http.NewCrossOriginProtection().Handler(mux)
}

// connect sends the user to the provider.
func (a *accounts) connect(w http.ResponseWriter, r *http.Request, user string) error {
	begun, err := a.client.Connections.Authorize(r.Context(), r.PathValue("integration"), tieline.AuthorizeOptions{
		ConnectionID: user,
		EndUser:      &tieline.EndUser{ID: user},
		Binding:      a.binding(r), // one for all tabs, or the second would undo the first
	})
	if err != nil {
		return err
	}
	http.SetCookie(w, a.cookie(begun))
	http.Redirect(w, r, begun.URL, http.StatusSeeOther)
	return nil
}

// callback is where the provider sends the user back to. The cookie proves that
// it is the browser that was sent: otherwise somebody could have a victim
// complete what the attacker began, and read what the victim then puts into the
// attacker's account.
func (a *accounts) callback(w http.ResponseWriter, r *http.Request, _ string) error {
	conn, err := a.client.Connections.Complete(r.Context(), a.binding(r), r.URL.Query())
	if err != nil {
		return err
	}
	http.Redirect(w, r, "/me/"+url.PathEscape(conn.Integration), http.StatusSeeOther)
	return nil
}

// me calls the provider's API as the user.
func (a *accounts) me(w http.ResponseWriter, r *http.Request, user string) error {
	integration := r.PathValue("integration")
	path, ok := a.profile[integration]
	if !ok {
		return tieline.ErrNotFound
	}
	// The client has no timeout of its own; the request's context governs.
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	resp, err := a.client.Connections.HTTPClient(integration, user).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return errAPI
	}
	// What comes from elsewhere is never a page of this application.
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.Copy(w, io.LimitReader(resp.Body, 1<<20)) // the user has left if this fails
	return nil
}

// disconnect revokes the grant at the provider and forgets the connection.
func (a *accounts) disconnect(w http.ResponseWriter, r *http.Request, user string) error {
	err := a.client.Connections.Delete(r.Context(), r.PathValue("integration"), user, tieline.DeleteOptions{})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// cookie keeps the binding in the browser while the user is at the provider. It
// is Lax because the way back begins on the provider's page. "__Host-" keeps
// other hosts of the domain from planting one; browsers want Secure for it,
// which plain-http loopback cannot have.
func (a *accounts) cookie(begun *tieline.Authorization) *http.Cookie {
	return &http.Cookie{
		Name: a.cookieName(), Value: begun.Binding.Reveal(), Path: "/", Expires: begun.ExpiresAt,
		HttpOnly: true, Secure: a.https, SameSite: http.SameSiteLaxMode,
	}
}

func (a *accounts) cookieName() string {
	if a.https {
		return "__Host-tieline"
	}
	return "tieline"
}

// binding is what the browser has kept, or empty.
func (a *accounts) binding(r *http.Request) string {
	cookie, err := r.Cookie(a.cookieName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// page makes a handler of a function that is told who is signed in, and whose
// error is answered here.
func (a *accounts) page(h func(w http.ResponseWriter, r *http.Request, user string) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := a.user(w, r)
		if !ok {
			return
		}
		if err := h(w, r, user); err != nil {
			a.fail(w, r, err)
		}
	})
}
