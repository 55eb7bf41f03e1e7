package tieline

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// attach puts the connection's credential on a request.
func (c *core) attach(s *Subject, req *http.Request) error {
	m := c.mode(s.provider)
	if m == nil {
		return ErrWrongMode
	}
	if err := c.fits(s.provider, s.private.cred); err != nil {
		return err
	}
	return m.Attach(req.Context(), s, req)
}

// attachParts adds what the provider's data wants to be part of every call: first
// to the query and the body, then the header, so that a signature in it is of the
// request as it leaves. standard sets the header of the auth mode; it is left out
// where the data says itself where the credential goes.
func (s *Subject) attachParts(req *http.Request, standard func(http.Header)) error {
	e := s.provider
	if !placesCredential(e) {
		standard(req.Header)
	}
	if len(e.ProxyHeaders)+len(e.ProxyQuery) == 0 && e.ProxyBody.IsZero() {
		return nil
	}
	env := s.requestEnv(req)
	if err := addQuery(e.ProxyQuery, env, req.URL); err != nil {
		return err
	}
	if !e.ProxyBody.IsZero() {
		if err := s.addBody(req, env); err != nil {
			return err
		}
	}
	for _, p := range e.ProxyHeaders {
		// What the caller set stays, unless it is where the credential goes.
		if req.Header.Get(p.Name) != "" && !carriesCredential(p.Value) && !strings.EqualFold(p.Name, "Authorization") {
			continue
		}
		v, send, err := p.Expand(env)
		if s.searching && missingValue(err) {
			continue // it may be what is being looked up
		}
		if err != nil {
			return configError(err)
		}
		if send {
			req.Header.Set(p.Name, v)
		}
	}
	return nil
}

// addQuery sets parameters without disturbing the rest of the query.
func addQuery(params []spec.Param, env *template.Env, u *url.URL) error {
	for _, p := range params {
		v, send, err := p.Expand(env)
		if err != nil {
			return configError(err)
		}
		if !send {
			continue
		}
		setParam(u, p.Name, v)
	}
	return nil
}

// setParam sets a parameter of the query, and leaves the others as they are: their
// order and encoding may matter to the caller.
func setParam(u *url.URL, name, value string) {
	dropParams(u, []string{name})
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += url.QueryEscape(name) + "=" + url.QueryEscape(value)
}

func dropParams(u *url.URL, names []string) {
	if u.RawQuery == "" {
		return
	}
	pairs := slices.DeleteFunc(strings.Split(u.RawQuery, "&"), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		plain, err := url.QueryUnescape(name)
		return err == nil && slices.Contains(names, plain)
	})
	u.RawQuery = strings.Join(pairs, "&")
}

// placesCredential says whether the data of a provider puts the credential
// somewhere itself: it sets the Authorization header, or names the token.
func placesCredential(e *spec.Entry) bool {
	names := func(t *template.Text) bool {
		return slices.ContainsFunc(t.Refs(), func(r template.Ref) bool {
			switch r.Space {
			case "":
				return r.Name == "accessToken" || r.Name == "apiKey"
			case "credentials":
				return r.Name == "token" || r.Name == "_cookies"
			}
			return false
		})
	}
	for _, p := range e.ProxyHeaders {
		if strings.EqualFold(p.Name, "Authorization") || names(p.Value) {
			return true
		}
	}
	return slices.ContainsFunc(e.ProxyQuery, func(p spec.Param) bool { return names(p.Value) })
}

// carriesCredential says whether a template has a secret of the connection in it.
func carriesCredential(t *template.Text) bool {
	for _, r := range t.Refs() {
		switch {
		case r.Space == "credentials":
			return true
		case r.Space == "" && (r.Name == "accessToken" || r.Name == "apiKey"):
			return true
		}
	}
	return false
}

// reaches says whether the credential of a connection with this base URL may be
// sent to target: the same origin, or a host that the provider's data lists.
func reaches(e *spec.Entry, base, target *url.URL) bool {
	if sameOrigin(base, target) {
		return true
	}
	return target.Scheme == "https" && portOf(target) == "443" && outbound.MatchHost(e.APIHosts, target.Hostname())
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && portOf(a) == portOf(b) && strings.EqualFold(trimDot(a.Hostname()), trimDot(b.Hostname()))
}

func trimDot(host string) string { return strings.TrimSuffix(host, ".") }

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	switch u.Scheme {
	case "https":
		return "443"
	case "http":
		return "80"
	}
	return ""
}
