package httpapi

import (
	"errors"
	"io/fs"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

var alice = tieline.Session{EndUser: &tieline.EndUser{ID: "u-1", Email: "alice@example.com", DisplayName: "Alice"}}

func TestPageLinkBecomesCookie(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t, secure)
	token := w.session(alice)
	b := w.browser()
	for range 3 { // a link scanner, a person, a reload
		a := b.visit("/connect?session_token=" + token)
		isRedirect(t, a, http.StatusSeeOther, testSecure+"/connect")
		if a.Header().Get("Referrer-Policy") != "no-referrer" || a.Body.Len() > 0 {
			t.Errorf("the redirect has %v and a body of %d bytes", a.Header(), a.Body.Len())
		}
		cookies := a.Result().Cookies()
		if len(cookies) != 1 {
			t.Fatalf("cookies %v", cookies)
		}
		c := cookies[0]
		if c.Name != "__Host-tieline_session" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge <= 0 {
			t.Errorf("the cookie is %s", c)
		}
		page := b.visit("/connect")
		checkPage(t, page)
		if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "Alice (alice@example.com)") {
			t.Errorf("the page is %d %s", page.Code, page.Body)
		}
		if strings.Contains(page.Body.String(), token[len(sessionPrefix):]) {
			t.Error("the page has the token in it")
		}
	}
	if c := b.jar["__Host-tieline_binding"]; c == nil || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || len(c.Value) < 43 {
		t.Errorf("the binding's cookie is %v", c)
	}
	isRedirect(t, b.visit("/connect/"), http.StatusSeeOther, testSecure+"/connect")
	isRedirect(t, b.visit("/connect/?session_token="+token), http.StatusSeeOther, testSecure+"/connect")
	if s, err := w.client.Sessions.Get(t.Context(), token[len(sessionPrefix):]); err != nil || s.Made != nil {
		t.Errorf("the session is %v, %v", s, err)
	}
	if strings.Contains(w.log.String(), token[len(sessionPrefix):]) {
		t.Error("the log has the token")
	}
}

func TestPageOnLoopback(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	b := w.browser()
	b.open(w.session(alice))
	for name, c := range b.jar {
		if c.Secure || strings.HasPrefix(name, "__") || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the cookie is %s", c)
		}
	}
}

func TestPageOtherEndings(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w, _ := newPageWorld(t, func(cfg *tieline.Config, o *Options) {
		o.Now = func() time.Time { return now }
	})
	unknown := sessionPrefix + strings.Repeat("a", 64)
	ended := w.browser()
	ended.open(w.session(alice))
	token := ended.jar[cookieSession].Value
	if err := w.client.Sessions.Delete(t.Context(), token[len(sessionPrefix):strings.Index(token, ".")]); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, target, title string
		b                   *browser
		status              int
		later               time.Duration
	}{
		{"no link", "/connect", "Nothing to connect here", w.browser(), 404, 0},
		{"unknown", "/connect?session_token=" + unknown, "This link does not work", w.browser(), 401, 0},
		{"no token", "/connect?session_token=x%3Cscript%3E", "This link does not work", w.browser(), 401, 0},
		{"withdrawn", "/connect", "This link does not work", ended, 401, 0},
		{"expired", "/connect", "This link has expired", ended, 410, time.Hour},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := now
			defer func() { now = before }()
			now = now.Add(tt.later)
			a := tt.b.visit(tt.target)
			checkPage(t, a)
			if a.Code != tt.status || !strings.Contains(a.Body.String(), "<h1 id=\"title\" tabindex=\"-1\">"+tt.title) {
				t.Errorf("answered with %d %s", a.Code, a.Body)
			}
			if strings.Contains(a.Body.String(), "<script>") {
				t.Error("the page has what was in the URL")
			}
		})
	}
}

func TestPageConfirmsUser(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t, func(_ *tieline.Config, o *Options) {
		o.ConfirmUser = func(r *http.Request, s tieline.Session) error {
			if c, err := r.Cookie("app"); err != nil || c.Value != s.EndUser.ID {
				return errors.New("not the user")
			}
			return nil
		}
	})
	token := w.session(alice)
	mallory := w.browser()
	mallory.jar["app"] = &http.Cookie{Name: "app", Value: "u-2"}
	refused := func(a answer) {
		t.Helper()
		if a.Code != http.StatusForbidden || strings.Contains(a.Body.String(), "alice") || a.Header().Get("Location") != "" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	}
	a := mallory.visit("/connect?session_token=" + token)
	refused(a)
	checkPage(t, a)
	if len(mallory.jar) != 1 {
		t.Errorf("cookies were set: %v", mallory.jar)
	}
	refused(mallory.visit("/oauth/connect/acme?connect_session_token=" + token))
	mallory.jar["app"].Value = "u-1"
	mallory.open(token)
	callback := mallory.consent(provider)(mallory.ask("POST", "authorize/acme", map[string]any{}).at("url").(string))
	mallory.jar["app"].Value = "u-2" // somebody else signs in meanwhile
	refused(mallory.visit("/oauth/callback?" + callback.Encode()))
	if len(provider.Grants()) > 0 {
		t.Error("the code was used")
	}
	refused(mallory.visit("/connect"))
	refused(mallory.ask("GET", "status", nil))
	refused(mallory.ask("GET", "integrations", nil))
	refused(mallory.ask("POST", "authorize/acme", map[string]any{}))
	refused(mallory.ask("POST", "connections/acme-key", map[string]any{"credentials": map[string]string{"apiKey": "x"}}))
}

// An attacker sends a link of his own session, hoping that the victim's account is
// connected to it at once.
func TestPageNeedsClick(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	token := w.session(tieline.Session{EndUser: &tieline.EndUser{ID: "mallory"}})
	victim := w.browser()
	a := victim.visit("/oauth/connect/acme?connect_session_token=" + token)
	isRedirect(t, a, http.StatusSeeOther, testPublic+"/connect?integration=acme")
	page := victim.visit("/connect?integration=acme")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), ">mallory</bdi>") {
		t.Errorf("the page is %d %s", page.Code, page.Body)
	}
	for _, from := range []string{"cross-site", "same-site", "none"} { // with the page's cookie alone
		a := victim.visit("/oauth/connect/acme", "Sec-Fetch-Site", from)
		if a.Code != http.StatusForbidden {
			t.Errorf("from %s: answered with %d to %s", from, a.Code, a.Header().Get("Location"))
		}
		checkPage(t, a)
	}
	if a := victim.visit("/oauth/connect/acme", "Sec-Fetch-Site", "same-origin"); a.Code != http.StatusFound {
		t.Errorf("from the page: answered with %d %s", a.Code, a.Body)
	}
	for _, tt := range []struct {
		referer string
		want    int
	}{{"https://app.example.com/settings", 302}, {testPublic + "/connect", 302}, {"https://evil.example.com/", 303}, {"https://app.example.com.evil.example", 303}, {"%", 303}} {
		if a := victim.visit("/oauth/connect/acme?connect_session_token="+token, "Referer", tt.referer); a.Code != tt.want {
			t.Errorf("from %s: answered with %d", tt.referer, a.Code)
		}
	}
}

func TestPageEscapes(t *testing.T) {
	t.Parallel()
	evil := `"><script>alert(1)</script><img src=x onerror='alert(1)'>`
	w, _ := newPageWorld(t)
	b := w.browser()
	b.visit("/connect?session_token=" + w.session(tieline.Session{EndUser: &tieline.EndUser{ID: "x", DisplayName: evil}}))
	a := b.visit("/connect")
	checkPage(t, a)
	if strings.Contains(a.Body.String(), "<img") || strings.Contains(a.Body.String(), "<script>alert") || !strings.Contains(a.Body.String(), "&lt;img") {
		t.Errorf("the page is %s", a.Body)
	}
	a = b.visit("/oauth/callback?state=x&error=" + "%3Cscript%3Ealert(1)%3C/script%3E&error_description=%3Cimg%3E")
	checkPage(t, a)
	if strings.Contains(a.Body.String(), "alert") || strings.Contains(a.Body.String(), "<img") {
		t.Errorf("the page is %s", a.Body)
	}
}

// A script that wrote markup would be stopped by the browser; here it is found first.
func TestPageScriptsWriteNoMarkup(t *testing.T) {
	t.Parallel()
	never := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|localStorage|sessionStorage|document\.cookie|https?://[^"]*\.(com|org|net)/[^"]*\.(js|css|woff)|postMessage\([^)]*"\*"`)
	files, err := fs.Glob(pageFiles, "page/*")
	if err != nil || len(files) < 8 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := pageFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if found := never.Find(data); found != nil {
			t.Errorf("%s has %q", name, found)
		}
	}
}

func TestPageAssets(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	b := w.browser()
	b.open(w.session(alice))
	page := b.visit("/connect").Body.String() + b.visit("/oauth/callback").Body.String()
	found := regexp.MustCompile(`(?:src|href)="(?:\.\./)?(connect/assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) != 6 {
		t.Errorf("the pages load %v", found)
	}
	names := []string{"dom.js", "api.js", "form.js", "signin.js", "tell.js"} // what scripts import
	for _, f := range found {
		names = append(names, strings.TrimPrefix(f[1], "connect/assets/"))
	}
	for _, name := range names {
		a := w.call("GET", "/connect/assets/"+name, nil, "Authorization", "")
		if a.Code != http.StatusOK || a.Header().Get("ETag") == "" || a.Body.Len() == 0 {
			t.Errorf("%s: answered with %d %v", name, a.Code, a.Header())
		}
		if strings.HasSuffix(name, ".js") && a.Header().Get("Content-Type") != "text/javascript; charset=utf-8" {
			t.Errorf("%s is %s", name, a.Header().Get("Content-Type"))
		}
		if a := w.call("GET", "/connect/assets/"+name, nil, "If-None-Match", a.Header().Get("ETag")); a.Code != http.StatusNotModified {
			t.Errorf("%s again: answered with %d", name, a.Code)
		}
	}
	for _, path := range []string{"/connect/assets/connect.html", "/connect/assets/..%2Fpage.go", "/connect/assets/none.js", "/connect/assets/"} {
		if a := w.call("GET", path, nil); a.Code != http.StatusNotFound {
			t.Errorf("%s: answered with %d", path, a.Code)
		}
	}
	a := w.call("GET", "/connect.js", nil, "Authorization", "")
	if a.Code != http.StatusOK || !strings.Contains(a.Body.String(), "openConnect") || a.Header().Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("connect.js: answered with %d %v", a.Code, a.Header())
	}
}
