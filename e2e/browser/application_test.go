package browser

import (
	_ "embed"
	"errors"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/tieline/tieline"
)

//go:embed application.html
var applicationHTML string

// userCookie is the application's own sign-in. A browser without it is anybody's.
const userCookie = "app_user"

// confirmUser lets in whom the application does not know, or knows as the right one.
func confirmUser(r *http.Request, s tieline.Session) error {
	if c, err := r.Cookie(userCookie); err == nil && c.Value != s.EndUser.ID {
		return errors.New("another user is signed in")
	}
	return nil
}

// newApplication serves a page that uses connect.js, from wherever service comes to
// be. Browsers find it under any name that ends in .localhost, each another site.
func newApplication(t *testing.T, service *string) (port string) {
	t.Helper()
	page := template.Must(template.New("application").Parse(applicationHTML))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = page.Execute(rw, *service) // the browser is gone if this fails
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	u, err := url.Parse(srv.URL)
	check(t, err)
	return u.Port()
}
