package providertest

import (
	"crypto/rand"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// codeLifetime is how long an authorization code is good for; RFC 6749 section
// 4.1.2 recommends ten minutes at most.
const codeLifetime = 10 * time.Minute

// defaultUser is who consents when login_hint names nobody.
const defaultUser = "alice"

// RegisterRedirectURI adds to Options.RedirectURIs, for apps whose address is
// known only once they run. The error says what is wrong with the URI.
func (s *Server) RegisterRedirectURI(uri string) error {
	if err := checkRedirectURI(uri); err != nil {
		return fmt.Errorf("providertest: redirect URI: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirects[uri] = true
	return nil
}

// authorize shows the consent page (GET), or acts on the user's decision (POST).
func (s *Server) authorize(c *call) Answer {
	query := c.r.URL.Query()
	if c.r.Method != http.MethodGet && c.r.Method != http.MethodPost {
		return notAllowed("GET, POST")
	}
	// Errors in these two stay here: whoever made the request may not be an app
	// that the user can safely be sent to (RFC 6749 section 4.1.2.1).
	if !same(query.Get("client_id"), s.options.ClientID) {
		return textAnswer(http.StatusBadRequest, "invalid_client: no such client_id\n")
	}
	redirectURI, problem := s.redirectURI(query)
	if problem != "" {
		return textAnswer(http.StatusBadRequest, "invalid_request: "+problem+"\n")
	}
	if code, description := s.checkAuthorization(query); code != "" {
		return s.sendBack(redirectURI, query, url.Values{"error": {code}, "error_description": {description}})
	}
	if c.r.Method == http.MethodGet {
		return consentPage(query, c.r.URL.RawQuery, redirectURI)
	}
	switch c.form.Get("decision") {
	case "allow":
		value := s.newCode(query, redirectURI)
		return s.sendBack(redirectURI, query, url.Values{"code": {value}})
	case "deny":
		s.count(func(st *Stats) { st.Denials++ })
		return s.sendBack(redirectURI, query, url.Values{
			"error": {"access_denied"}, "error_description": {"the user did not consent"}})
	}
	return textAnswer(http.StatusBadRequest, "decision must be allow or deny\n")
}

// redirectURI returns where the answer may go, or why it may not.
func (s *Server) redirectURI(query url.Values) (uri, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	given := query["redirect_uri"]
	switch {
	case len(given) > 1:
		return "", "redirect_uri is given twice"
	case len(given) == 1 && (s.redirects[given[0]] || s.options.AnyLoopbackRedirect && isLoopback(given[0])):
		return given[0], ""
	case len(given) == 1:
		return "", "redirect_uri is not registered (Options.RedirectURIs)"
	case len(s.redirects) != 1:
		// RFC 6749 section 3.1.2.3: it may be left out if there is exactly one.
		return "", "redirect_uri is missing"
	}
	for uri = range s.redirects {
	}
	return uri, ""
}

// isLoopback accepts what RFC 8252 section 7.3 has in mind, and localhost.
func isLoopback(uri string) bool {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" || u.User != nil || checkRedirectURI(uri) != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// checkAuthorization returns the error that the app is to be told, if any.
func (s *Server) checkAuthorization(query url.Values) (code, description string) {
	for name, values := range query {
		if len(values) > 1 { // RFC 6749 section 3.1
			return "invalid_request", name + " is given twice"
		}
	}
	challenge := query.Get("code_challenge")
	switch {
	case query.Get("response_type") == "":
		return "invalid_request", "response_type is missing"
	case query.Get("response_type") != "code":
		return "unsupported_response_type", "response_type must be code"
	case s.options.PKCE == PKCEForbidden && query.Has("code_challenge"):
		return "invalid_request", "code_challenge is not supported"
	case s.options.PKCE == PKCERequired && challenge == "":
		return "invalid_request", "code_challenge is missing"
	case challenge == "":
		return "", ""
	case query.Get("code_challenge_method") != "S256": // absent means plain, RFC 7636 section 4.3
		return "invalid_request", "code_challenge_method must be S256"
	case len(challenge) != 43 || strings.Trim(challenge, pkceAlphabet) != "":
		return "invalid_request", "code_challenge is not a base64url SHA-256"
	}
	return "", ""
}

// sendBack redirects the user to the app. The redirect URI keeps its own query
// (RFC 6749 section 3.1.2), the state goes back as it came.
func (s *Server) sendBack(redirectURI string, query, answer url.Values) Answer {
	if query.Has("state") {
		answer.Set("state", query.Get("state"))
	}
	if s.options.SendIssuer {
		answer.Set("iss", s.URL)
	}
	separator := "?"
	if strings.Contains(redirectURI, "?") {
		separator = "&"
	}
	a := textAnswer(http.StatusSeeOther, "") // RFC 9700 section 4.12: the form must not be sent on
	a.Header.Set("Location", redirectURI+separator+answer.Encode())
	a.Header.Set("Cache-Control", "no-store")
	return a
}

func (s *Server) newCode(query url.Values, redirectURI string) string {
	now := s.options.Now()
	user := query.Get("login_hint")
	if user == "" {
		user = defaultUser
	}
	value := "acme-code-" + rand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Authorizations++
	s.codes[hashOf(value)] = &code{
		user:          user,
		scope:         query.Get("scope"),
		redirectURI:   redirectURI,
		redirectGiven: query.Has("redirect_uri"),
		challenge:     query.Get("code_challenge"),
		expiresAt:     now.Add(codeLifetime),
	}
	s.oldCodes.push(hashOf(value), s.options.Remember, s.dropCode)
	return value
}

// consentPage asks the user. It needs no script and nothing from elsewhere.
func consentPage(query url.Values, rawQuery, redirectURI string) Answer {
	scope := query.Get("scope")
	if scope == "" {
		scope = "(none)"
	}
	user := query.Get("login_hint")
	if user == "" {
		user = defaultUser
	}
	a := textAnswer(http.StatusOK, fmt.Sprintf(consentHTML,
		html.EscapeString(user), html.EscapeString(query.Get("client_id")), html.EscapeString(scope),
		html.EscapeString(redirectURI), html.EscapeString("/authorize?"+rawQuery)))
	a.Header.Set("Content-Type", htmlType)
	a.Header.Set("Cache-Control", "no-store")
	a.Header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'")
	a.Header.Set("Referrer-Policy", "no-referrer")
	a.Header.Set("X-Content-Type-Options", "nosniff")
	return a
}

const consentHTML = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Acme: allow access?</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 4rem auto; padding: 0 1rem; }
dt { font-weight: bold; } dd { margin: 0 0 1rem; overflow-wrap: anywhere; }
button { font: inherit; padding: .5rem 1.5rem; margin-right: .5rem; }
</style>
</head>
<body>
<main>
<h1>Allow access to your Acme account?</h1>
<p>You are signed in as <strong>%s</strong>. Acme is a provider for tests: there is nothing behind this account.</p>
<dl>
<dt>App</dt><dd>%s</dd>
<dt>Scopes</dt><dd>%s</dd>
<dt>Then back to</dt><dd>%s</dd>
</dl>
<form method="post" action="%s">
<button type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button>
</form>
</main>
</body>
</html>
`
