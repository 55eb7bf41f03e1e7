package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Authorize plays the user's browser: it opens the authorization URL, presses
// Allow on the consent page, and returns where the browser is sent: the redirect
// URI without its query, and the query, so that redirectURI + "?" +
// callback.Encode() is the whole address. It does not go there.
//
// When the provider sends the user back without asking, because of an error in
// the request, the callback says so as the app would see it, and err is nil. err
// is not nil when the user would be stranded on a page of the provider.
//
// The parameter login_hint names the user; without it, it is "alice". Faults at
// the Authorize endpoint strike here too, the page and its answer being one
// request each.
func (s *Server) Authorize(ctx context.Context, authorizationURL string) (callback url.Values, redirectURI string, err error) {
	return s.decide(ctx, authorizationURL, "allow")
}

// Deny is [Server.Authorize] by a user who presses Deny: the callback's error is access_denied.
func (s *Server) Deny(ctx context.Context, authorizationURL string) (callback url.Values, redirectURI string, err error) {
	return s.decide(ctx, authorizationURL, "deny")
}

func (s *Server) decide(ctx context.Context, authorizationURL, decision string) (url.Values, string, error) {
	u, err := url.Parse(authorizationURL)
	if err != nil {
		return nil, "", errors.New("providertest: the authorization URL is not a URL")
	}
	if u.Scheme != "http" || u.Host != s.host || u.Path != "/authorize" {
		return nil, "", fmt.Errorf("providertest: the authorization URL is not %s/authorize", s.URL)
	}
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	page, err := s.browse(ctx, http.MethodGet, u, "")
	if err != nil {
		return nil, "", err
	}
	if page.Status == http.StatusOK {
		if page, err = s.browse(ctx, http.MethodPost, u, url.Values{"decision": {decision}}.Encode()); err != nil {
			return nil, "", err
		}
	}
	return page.callback()
}

// browse makes one request, in process.
func (s *Server) browse(ctx context.Context, method string, u *url.URL, form string) (Answer, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(form))
	if err != nil {
		return Answer{}, fmt.Errorf("providertest: %w", err)
	}
	if form != "" {
		r.Header.Set("Content-Type", formType)
	}
	c, err := s.receive(r)
	if err != nil {
		return Answer{}, err
	}
	return s.run(ctx, c)
}

// callback reads where a redirect leads.
func (a *Answer) callback() (url.Values, string, error) {
	location := a.Header.Get("Location")
	if a.Status < 300 || a.Status > 399 || location == "" {
		reason := ""
		if a.Header.Get("Content-Type") == textType { // ours, and free of secrets
			reason = ": " + strings.TrimSpace(string(a.Body))
		}
		return nil, "", fmt.Errorf("providertest: the authorization endpoint answered %d%s", a.Status, reason)
	}
	u, err := url.Parse(location)
	if err != nil {
		return nil, "", errors.New("providertest: the authorization endpoint redirects to what is no URL")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, "", errors.New("providertest: the authorization endpoint redirects with a malformed query")
	}
	u.RawQuery, u.ForceQuery = "", false
	return query, u.String(), nil
}
