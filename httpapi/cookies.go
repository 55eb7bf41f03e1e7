package httpapi

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// The cookies of the connect page. None of them is ever read by a script.
const (
	cookieSession = "tieline_session" // the session's token and when it ends
	cookieBinding = "tieline_binding" // what binds authorizations to the browser
	cookieFlow    = "tieline_flow_"   // and a hash: the session of one authorization
)

const (
	// sessionLinger is how much longer than the session its cookie lives, so that
	// the page can tell a session that has ended from one that never was.
	sessionLinger = 24 * time.Hour
	// flowLife is longer than a user has to come back from the provider.
	flowLife = 15 * time.Minute
	// maxFlows bounds the cookies of a browser that begins again and again.
	maxFlows = 8
)

// cookieName has the prefix that keeps other hosts from setting the cookie. Browsers
// take it from https only, so on plain http, which is for loopback, it is left out.
func (s *server) cookieName(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

func (s *server) secure() bool { return strings.HasPrefix(s.options.PublicURL, "https://") }

// setCookie keeps a value in the browser; life 0 takes it away.
func (s *server) setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	age := int(life / time.Second)
	if age <= 0 {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode,
	})
}

// cookie returns a cookie's value, "" without one.
func (s *server) cookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// keepSession makes a session the one of the page in this browser.
func (s *server) keepSession(w http.ResponseWriter, token string, session tieline.Session) {
	value := token + "." + strconv.FormatInt(session.ExpiresAt.Unix(), 10)
	s.setCookie(w, cookieSession, value, session.ExpiresAt.Sub(s.options.Now())+sessionLinger)
}

// pageToken is the token of the page's session, with its prefix; "" without one.
func (s *server) pageToken(r *http.Request) string {
	token, _, _ := strings.Cut(s.cookie(r, cookieSession), ".")
	return token
}

// pageEnded says whether the page's session has ended of age. It is the browser that
// says so: nothing but the text of a page depends on it.
func (s *server) pageEnded(r *http.Request) bool {
	_, text, _ := strings.Cut(s.cookie(r, cookieSession), ".")
	end, err := strconv.ParseInt(text, 10, 64)
	return err == nil && s.options.Now().Unix() >= end
}

// flow is what a browser remembers of an authorization: whose session it is, and
// whether the page waits for it in another window.
type flow struct {
	token  string
	window bool
}

func flowCookie(integration, id string) string {
	sum := sha256.Sum256([]byte(integration + "\x00" + id))
	return cookieFlow + hex.EncodeToString(sum[:8])
}

// keepFlow remembers an authorization that begins, and forgets the oldest.
func (s *server) keepFlow(w http.ResponseWriter, r *http.Request, integration, id string, f flow) {
	name := flowCookie(integration, id)
	value := "page." + f.token
	if f.window {
		value = "window." + f.token
	}
	var old []string
	for _, c := range r.Cookies() { // browsers send older ones first (RFC 6265 section 5.4)
		bare := strings.TrimPrefix(c.Name, "__Host-")
		if strings.HasPrefix(bare, cookieFlow) && bare != name {
			old = append(old, bare)
		}
	}
	for n := range len(old) - maxFlows + 1 {
		s.setCookie(w, old[n], "", 0)
	}
	s.setCookie(w, name, value, flowLife)
}

// flows are the authorizations that this browser has begun, by their cookies.
func (s *server) flows(r *http.Request) map[string]flow {
	out := map[string]flow{}
	for _, c := range r.Cookies() {
		bare := strings.TrimPrefix(c.Name, "__Host-")
		if !strings.HasPrefix(bare, cookieFlow) || c.Name != s.cookieName(bare) || len(out) > maxFlows {
			continue
		}
		kind, token, _ := strings.Cut(c.Value, ".")
		out[bare] = flow{token: token, window: kind == "window"}
	}
	return out
}
