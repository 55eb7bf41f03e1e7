package httpapi

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

//go:embed page
var pageFiles embed.FS

// asset is a file that pages load.
type asset struct {
	data        []byte
	contentType string
	tag         string // ETag
}

// loadPages reads what is embedded: templates, and the files that they load.
func loadPages() (*template.Template, map[string]asset, error) {
	pages, err := template.ParseFS(pageFiles, "page/*.html")
	if err != nil {
		return nil, nil, err
	}
	files, err := pageFiles.ReadDir("page")
	if err != nil {
		return nil, nil, err
	}
	assets := map[string]asset{}
	types := map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
	for _, f := range files {
		contentType, ok := types[path.Ext(f.Name())]
		if !ok {
			continue
		}
		data, err := pageFiles.ReadFile("page/" + f.Name())
		if err != nil {
			return nil, nil, err
		}
		sum := sha256.Sum256(data)
		assets[f.Name()] = asset{data: data, contentType: contentType, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	}
	return pages, assets, nil
}

func (s *server) pageRoutes() []route {
	return []route{
		{method: "GET", pattern: "/connect", page: true, serve: s.connectPage},
		{method: "GET", pattern: "/connect/{$}", page: true, serve: s.connectPage},
		{method: "GET", pattern: "/connect/assets/{name}", serve: s.pageAsset},
		{method: "GET", pattern: "/connect.js", serve: s.connectScript},
		{method: "GET", pattern: "/images/template-logos/{file}", serve: s.providerLogo},
	}
}

// connectPage is where an end user connects. A token in its URL becomes a cookie, so
// that it stays out of what is copied, logged and sent along; the session is not used
// up by that, since scanners open links too.
func (s *server) connectPage(w http.ResponseWriter, r *http.Request) error {
	if token := r.URL.Query().Get("session_token"); token != "" {
		who, err := s.sessionCaller(r.Context(), token)
		if err != nil {
			return err
		}
		if err := s.confirm(r, *who.session); err != nil {
			return err
		}
		s.keepSession(w, token, *who.session)
		redirect(w, http.StatusSeeOther, s.pageURL())
		return nil
	}
	token := s.pageToken(r)
	if token == "" {
		return errNoLink
	}
	who, err := s.sessionCaller(r.Context(), token)
	if errors.As(err, new(*problem)) && s.pageEnded(r) {
		return errEnded
	}
	if err != nil {
		return err
	}
	if err := s.confirm(r, *who.session); err != nil {
		return err
	}
	if strings.HasSuffix(r.URL.Path, "/") { // what the page loads is relative to /connect
		redirect(w, http.StatusSeeOther, s.pageURL())
		return nil
	}
	binding := s.cookie(r, cookieBinding)
	if binding == "" { // before any tab needs it, so that all have the same
		binding = newBinding()
	}
	s.setCookie(w, cookieBinding, binding, bindingLife)
	return s.render(w, http.StatusOK, "connect.html", shell{
		Session: who.session.ID, Who: displayName(who.session.EndUser), Reconnect: who.session.Reconnect != nil,
		Origins: s.originList(),
	})
}

var (
	errNoLink = &problem{status: http.StatusNotFound, code: "no_connect_session", message: "There is nothing to connect here without a link"}
	errEnded  = &problem{status: http.StatusGone, code: "connect_session_ended", message: "The connect session has ended"}
)

// shell is the page before its script fills it.
type shell struct {
	Session   string // ID, not token
	Who       string // whose account it will be; empty if the application does not say
	Reconnect bool
	Origins   string // JSON
}

// originList is where pages may send messages, for an attribute.
func (s *server) originList() string {
	origins := s.options.Origins
	if origins == nil {
		origins = []string{}
	}
	data, _ := json.Marshal(origins) // strings always marshal
	return string(data)
}

// displayName is what people call an end user, "" for none.
func displayName(u *tieline.EndUser) string {
	if u == nil {
		return ""
	}
	name := u.DisplayName
	switch {
	case name != "" && u.Email != "":
		return name + " (" + u.Email + ")"
	case name != "":
		return name
	case u.Email != "":
		return u.Email
	}
	return u.ID
}

// newBinding makes what a Client takes for the binding of a browser.
func newBinding() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// render answers with a page.
func (s *server) render(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := s.pages.ExecuteTemplate(&page, name, data); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	pageHeaders(w.Header())
	w.WriteHeader(status)
	_, _ = w.Write(page.Bytes()) // the browser is gone if this fails
	return nil
}

func (s *server) pageAsset(w http.ResponseWriter, r *http.Request) error {
	return s.serveAsset(w, r, r.PathValue("name"))
}

// connectScript is for the application's own pages, whatever their origin: it is
// public, and has nothing of a session in it.
func (s *server) connectScript(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Access-Control-Allow-Origin", "*") // for modules, and for integrity attributes
	return s.serveAsset(w, r, "connect.js")
}

func (s *server) serveAsset(w http.ResponseWriter, r *http.Request, name string) error {
	a, ok := s.assets[name]
	if !ok {
		return notFound("There is no such file")
	}
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-cache") // asked for each time, so that an update is whole
	h.Set("ETag", a.tag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(a.data))
	return nil
}
