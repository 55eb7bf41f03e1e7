package template

import (
	"net/url"
	"strings"
)

// Expand returns the URL with the values of env in place of the variables; the
// caller may change it. Errors are [*MissingError] and [*ValueError], and what
// functions in the path or the query answer.
func (u *URL) Expand(env *Env) (*url.URL, error) {
	i, err := u.choose(env)
	if err != nil {
		return nil, err
	}
	a := &u.alts[i]
	if a.fixed != nil {
		out := *a.fixed
		return &out, nil
	}
	x := expander{url: u, env: env, alt: a}
	return x.expand()
}

func (u *URL) choose(env *Env) (int, error) {
	if len(u.all) == 1 {
		return 0, nil
	}
	alt, err := choose(u.all, env, u.field)
	if err != nil {
		return 0, err
	}
	for i := range u.all {
		if &u.all[i] == alt {
			return i, nil
		}
	}
	panic("template: chose an alternative that is not there")
}

// expander puts one alternative together.
type expander struct {
	url  *URL
	env  *Env
	alt  *urlAlternative
	out  url.URL
	path []byte // escaped
}

func (x *expander) expand() (*url.URL, error) {
	var space [256]byte
	x.path = space[:0]
	a := x.alt
	x.out.Scheme = a.scheme
	var err error
	switch {
	case a.whole:
		err = x.base()
	case a.scheme != "":
		err = x.authority()
	}
	if err != nil {
		return nil, err
	}
	if err := x.appendPath(); err != nil {
		return nil, err
	}
	if a.hasQuery {
		if x.out.RawQuery, err = x.escaped(a.query, queryEscape); err != nil {
			return nil, err
		}
		x.out.ForceQuery = x.out.RawQuery == ""
	}
	if a.fragment != nil {
		if x.out.RawFragment, err = x.escaped(a.fragment, url.PathEscape); err != nil {
			return nil, err
		}
		if x.out.Fragment, err = url.PathUnescape(x.out.RawFragment); err != nil {
			return nil, err
		}
	}
	out := x.out
	return &out, nil
}

// value returns the value of a variable. In a URL an empty value is no value.
func (x *expander) value(r Ref) (string, error) {
	v, ok := x.env.lookup(r)
	if !ok || v == "" {
		return "", &MissingError{Field: x.url.field, Ref: r}
	}
	for i := 0; i < len(v); i++ {
		if v[i] < ' ' || v[i] == 0x7f {
			return "", x.refuse(r, "a URL must not contain control characters such as line breaks")
		}
	}
	return v, nil
}

func (x *expander) refuse(r Ref, reason string) error {
	return &ValueError{Field: x.url.field, Ref: r, Reason: reason}
}

// authority sets the host and the port from "https://HOST:PORT".
func (x *expander) authority() error {
	a := x.alt
	var space [128]byte
	host := space[:0]
	port := ""
	var last Ref
	for i, p := range a.host {
		if p.kind == literalPart {
			host = append(host, p.lit...)
			continue
		}
		v, err := x.value(p.ref)
		if err != nil {
			return err
		}
		place := a.place(i)
		if place == WholeHost {
			if v, port, err = x.wholeHost(v, p); err != nil {
				return err
			}
		}
		if reason := hostReason(v, place != Inner || p.carriesDots); reason != "" {
			return x.refuse(p.ref, reason)
		}
		last = p.ref
		host = append(host, v...)
	}
	lower := strings.ToLower(string(host))
	ownEnd := a.host[len(a.host)-1].kind == refPart
	if reason := completeHostReason(lower, ownEnd); reason != "" {
		return x.refuse(last, reason)
	}
	if len(lower) <= len(a.suffix) && last != (Ref{}) || !strings.HasSuffix(lower, a.suffix) {
		return x.refuse(last, "the host would not end as the template says")
	}
	if a.scheme == "http" && last != (Ref{}) && !IsLoopback(lower) {
		return x.refuse(last, "plain http is for the loopback host only")
	}
	x.out.Host = lower
	return x.setPort(port)
}

// wholeHost takes apart a value that fills the whole host: "host", "host:port",
// either with the scheme of the template before it, or with a path behind it
// where the variable was declared to carry one.
func (x *expander) wholeHost(v string, p part) (host, port string, err error) {
	r := p.ref
	v, _ = cutPrefixFold(v, x.alt.scheme+"://")
	host, path, slash := strings.Cut(v, "/")
	if slash && path != "" {
		if !p.carriesPath {
			return "", "", x.refuse(r, "a host name is expected, without a path")
		}
		x.path = append(x.path, '/')
		if err := x.appendSegments(strings.TrimSuffix(path, "/"), r); err != nil {
			return "", "", err
		}
	}
	if len(x.alt.port) > 0 {
		return host, "", nil
	}
	host, port, hasPort := strings.Cut(host, ":")
	if hasPort && portReason(port) != "" {
		return "", "", x.refuse(r, portReason(port))
	}
	return host, port, nil
}

// setPort appends the port: the one of the template, or the one that came with
// the host.
func (x *expander) setPort(port string) error {
	if len(x.alt.port) == 1 {
		p := x.alt.port[0]
		port = p.lit
		if p.kind == refPart {
			v, err := x.value(p.ref)
			if err != nil {
				return err
			}
			if reason := portReason(v); reason != "" {
				return x.refuse(p.ref, reason)
			}
			port = v
		}
	}
	if port != "" {
		x.out.Host += ":" + port
	}
	return nil
}

// base begins the URL with the absolute URL in the variable at the start.
func (x *expander) base() error {
	r := x.alt.base
	v, err := x.value(r)
	if err != nil {
		return err
	}
	if !plainURLText(v) {
		return x.refuse(r, "it is not a URL")
	}
	u, err := url.Parse(v)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return x.refuse(r, "an absolute URL is expected, such as https://api.example.com")
	}
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && IsLoopback(u.Hostname())):
		return x.refuse(r, "the URL must begin with https://")
	case u.User != nil:
		return x.refuse(r, "user names and passwords do not belong into a URL")
	case !validAuthority(u):
		return x.refuse(r, "the host of the URL is not a host name")
	case u.Fragment != "" || strings.HasSuffix(v, "#"):
		return x.refuse(r, "a URL with a fragment cannot be used here")
	case hasDotSegment(u.EscapedPath(), true):
		return x.refuse(r, "the path has a segment of dots")
	}
	alone := len(x.alt.path) == 0 && !x.alt.hasQuery && x.alt.fragment == nil
	if (u.RawQuery != "" || u.ForceQuery) && !alone {
		return x.refuse(r, "a URL with a query cannot be used here")
	}
	x.out.Scheme = u.Scheme
	x.out.Host = strings.ToLower(u.Host)
	x.out.RawQuery = u.RawQuery
	path := u.EscapedPath()
	if !alone {
		path = strings.TrimSuffix(path, "/")
	}
	x.path = append(x.path, path...)
	return nil
}

// appendPath adds the path of the template to x.path and sets the result.
func (x *expander) appendPath() error {
	var last Ref
	for i := range x.alt.path {
		p := &x.alt.path[i]
		if p.kind == literalPart {
			x.path = append(x.path, p.lit...)
			continue
		}
		v, err := x.text(p)
		if err != nil {
			return err
		}
		last = p.ref
		if p.carriesPath {
			// The template has slashes of its own around the variable.
			v = strings.TrimSuffix(strings.TrimPrefix(v, "/"), "/")
			if err := x.appendSegments(v, p.ref); err != nil {
				return err
			}
			continue
		}
		x.path = append(x.path, url.PathEscape(v)...)
	}
	escaped := string(x.path)
	if last != (Ref{}) && hasDotSegment(escaped, true) {
		return x.refuse(last, "the path would get a segment of dots")
	}
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return x.refuse(last, "the path cannot be encoded")
	}
	x.out.Path = path
	if path != escaped || x.out.EscapedPath() != escaped {
		x.out.RawPath = escaped
	}
	return nil
}

// appendSegments escapes each segment of a value that may carry a path.
func (x *expander) appendSegments(v string, r Ref) error {
	for i, segment := range strings.Split(v, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return x.refuse(r, "the path has an empty segment or one of dots")
		}
		if i > 0 {
			x.path = append(x.path, '/')
		}
		x.path = append(x.path, url.PathEscape(segment)...)
	}
	return nil
}

// escaped puts together a part of the URL whose values are escaped by escape.
func (x *expander) escaped(parts []part, escape func(string) string) (string, error) {
	var buf []byte
	for i := range parts {
		p := &parts[i]
		if p.kind == literalPart {
			buf = append(buf, p.lit...)
			continue
		}
		v, err := x.text(p)
		if err != nil {
			return "", err
		}
		buf = append(buf, escape(v)...)
	}
	return string(buf), nil
}

// text returns what a part of the path, query or fragment expands to, unescaped.
func (x *expander) text(p *part) (string, error) {
	if p.kind == refPart {
		return x.value(p.ref)
	}
	v, err := p.append(nil, x.env, x.url.field)
	return string(v), err
}

// queryEscape escapes a value for a query. A space is %20, which every reader takes
// for one; a plus is one to those of forms only.
func queryEscape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
