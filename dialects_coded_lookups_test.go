package tieline

import (
	"net/http"

	"github.com/tieline/tieline/providertest"
)

// lookUp answers GET requests for a URL that no entry names.
func lookUp(host, path string, answer any) func(*providertest.Dialect) {
	return func(d *providertest.Dialect) {
		d.Override.Other = func(r *http.Request, _ []byte) (int, any) {
			if r.URL.Scheme != "https" || r.URL.Host != host || r.URL.Path != path {
				return 0, nil
			}
			return bearerOnly(d, r, answer)
		}
	}
}

// bearerOnly answers a look-up that has to come with the token, and has no body.
func bearerOnly(d *providertest.Dialect, r *http.Request, answer any) (int, any) {
	if r.Method != http.MethodGet {
		d.Problem("look-up", "the method is %s, want GET", r.Method)
	}
	if got := r.Header.Get("Authorization"); len(got) < 20 || got[:7] != "Bearer " {
		d.Problem("look-up", "header authorization is %q", got)
		return http.StatusUnauthorized, nil
	}
	return http.StatusOK, answer
}

func docusign(host string) func(*providertest.Dialect) {
	return lookUp(host, "/oauth/userinfo", map[string]any{"sub": "50d89ab1", "accounts": []any{
		map[string]any{"account_id": "0001", "is_default": false, "base_uri": "https://demo9.docusign.net"},
		map[string]any{"account_id": "fe0b61a3-3b9b", "is_default": true, "base_uri": "https://na3.docusign.net"},
	}})
}

var primaryCalendar = lookUp("www.googleapis.com", "/calendar/v3/calendars/primary", map[string]any{
	"kind": "calendar#calendar", "id": "ann@example.com",
})

// signedIn is an API that answers 200 whether or not the key is one.
func signedIn(r *http.Request) (int, any) {
	if r.URL.Path == "/api/v1/auth/health" {
		return http.StatusOK, map[string]any{"healthy": true, "is_logged_in": len(r.Header.Get("X-Api-Key")) > 20}
	}
	return 0, nil
}
