package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline"
)

// pagePolicy lets a page load what this server serves, and nothing else. Its script
// sends what is typed in, so no form is ever submitted by the browser itself.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'none'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"

// pageHeaders are those of every page.
func pageHeaders(h http.Header) {
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Frame-Options", "DENY") // for what does not know frame-ancestors
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
	h.Set("Content-Type", "text/html; charset=utf-8")
}

// sessionHeader names the session that a page shows. Another site cannot send it,
// and a page whose browser has meanwhile opened another session's link is found out.
const sessionHeader = "Tieline-Session"

var (
	errCrossOrigin = &problem{status: http.StatusForbidden, code: "cross_origin_request", message: "The request does not come from the connect page"}
	errOtherTab    = &problem{status: http.StatusConflict, code: "session_changed", message: "Another connect link was opened in this browser"}
	errOtherUser   = &problem{status: http.StatusForbidden, code: "forbidden", message: "This session belongs to another user"}
)

// fromPage checks that a request which the page's cookie speaks for comes from the
// page. Browsers send cookies along with links from anywhere.
func (s *server) fromPage(r *http.Request) error {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		if r.Header.Get("Sec-Fetch-Site") == "same-origin" {
			return nil
		}
		return errCrossOrigin
	}
	if err := s.crossOrigin().Check(r); err != nil {
		return errCrossOrigin
	}
	return nil
}

// crossOrigin also knows the origin by which browsers know the service, in case a
// proxy before it changes the Host.
func (s *server) crossOrigin() *http.CrossOriginProtection {
	p := http.NewCrossOriginProtection()
	_ = p.AddTrustedOrigin(originOf(s.options.PublicURL)) // was checked by withDefaults
	return p
}

// pageCaller is the session of the connect page that makes the request.
func (s *server) pageCaller(r *http.Request) (*caller, error) {
	token := s.pageToken(r)
	if token == "" {
		return nil, errSession
	}
	given := r.Header.Get(sessionHeader)
	if given == "" {
		return nil, errCrossOrigin
	}
	if err := s.crossOrigin().Check(r); err != nil {
		return nil, errCrossOrigin
	}
	who, err := s.sessionCaller(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if who.session.ID != given {
		return nil, errOtherTab
	}
	return who, s.confirm(r, *who.session)
}

// originOf is scheme and host of a URL, "" if it has none.
func originOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// fromApplication says whether a navigation began at the service itself or at one of
// the application's pages, or was made by no browser.
func (s *server) fromApplication(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	if site == "" || site == "same-origin" {
		return true
	}
	origin := originOf(r.Header.Get("Referer"))
	return origin != "" && (origin == originOf(s.options.PublicURL) || slices.Contains(s.options.Origins, origin))
}

// wantsPage says whether a person is going to see the answer.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// confirm asks the application whether the browser is the session's end user.
func (s *server) confirm(r *http.Request, session tieline.Session) error {
	if s.options.ConfirmUser == nil {
		return nil
	}
	if err := s.options.ConfirmUser(r, session); err != nil {
		s.log.InfoContext(r.Context(), "user was not confirmed", "request_id", requestID(r.Context()), "session", session.ID)
		return errOtherUser
	}
	return nil
}
