package spec

import (
	"maps"
	"net/url"
	"slices"
	"strings"
)

// webURL is a URL as a browser reads it (https://url.spec.whatwg.org), as far as
// entries need: what the reference system sends is what its URL class makes of a text.
type webURL struct {
	scheme, host, path, query string
}

// parseWeb reads an absolute URL. Unlike net/url it takes almost anything: braces
// in a host, any number of slashes behind the scheme.
func parseWeb(s string) (webURL, bool) {
	scheme, rest, ok := strings.Cut(s, ":")
	scheme = strings.ToLower(scheme)
	if !ok || scheme != "https" && scheme != "http" {
		return webURL{}, false
	}
	rest = strings.TrimLeft(rest, `/\`)
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	authority, path, _ := strings.Cut(rest, "/")
	host, port, hasPort := strings.Cut(authority, ":")
	host, err := url.PathUnescape(host)
	if err != nil || host == "" || strings.ContainsAny(host, "\x00\t\n\r #/:<>?@[\\]^|%\x7f") {
		return webURL{}, false
	}
	if hasPort && strings.Trim(port, "0123456789") != "" {
		return webURL{}, false
	}
	if port == "443" && scheme == "https" {
		port = ""
	}
	if port != "" {
		host += ":" + port
	}
	return webURL{scheme: scheme, host: strings.ToLower(host), path: "/" + path, query: query}, true
}

func (u webURL) origin() string { return u.scheme + "://" + u.host }

// encodeComponent is the encodeURIComponent of JavaScript.
func encodeComponent(s string) string {
	s = strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	for code, plain := range map[string]string{"%21": "!", "%27": "'", "%28": "(", "%29": ")", "%2A": "*"} {
		s = strings.ReplaceAll(s, code, plain)
	}
	return s
}

// refURL fills the template of an endpoint: empty values count as missing, each
// value is encoded unless raw, and a text that is no URL is decoded as a whole and
// tried again, which is how a value can be a URL itself.
func refURL(template string, values map[string]string, raw bool) (webURL, string) {
	for _, prefix := range []string{"connectionConfig.", "credentials."} {
		template = strings.ReplaceAll(template, prefix, "")
	}
	vars := refVars{}
	for name, v := range values {
		if v == "" {
			continue
		}
		if !raw {
			v = encodeComponent(v)
		}
		vars[name] = v
	}
	text := vars.choose(template)
	if strings.Contains(text, "${") {
		return webURL{}, "missing"
	}
	u, ok := parseWeb(text)
	if !ok {
		if decoded, err := url.PathUnescape(text); err == nil {
			u, ok = parseWeb(decoded)
		}
	}
	if !ok {
		return webURL{}, "value"
	}
	return u, ""
}

// plainPath writes a path in one way, whichever of its characters were encoded.
func plainPath(path string) string {
	var out []string
	for segment := range strings.SplitSeq(path, "/") {
		if plain, err := url.PathUnescape(segment); err == nil {
			segment = plain
		}
		out = append(out, encodeComponent(segment))
	}
	if path = strings.Join(out, "/"); path == "" {
		return "/"
	}
	return path
}

// putURL records where a request goes; the query in fields of its own.
func (c *call) putURL(origin, path, query string) {
	c.fields["url"] = origin + plainPath(path)
	c.putQuery(query)
}

func (c *call) putQuery(query string) {
	values, err := url.ParseQuery(query)
	if err != nil {
		c.fields["query"] = query
		return
	}
	for name, list := range values {
		c.fields["query."+name] = strings.Join(list, "\x00")
	}
}

// putWeb and putNet do so for either side.
func (c *call) putWeb(u webURL)   { c.putURL(u.origin(), u.path, u.query) }
func (c *call) putNet(u *url.URL) { c.putURL(u.Scheme+"://"+u.Host, u.EscapedPath(), u.RawQuery) }

// putAuthorization records an authorization URL, which may have its query behind
// a fragment. rawScope keeps the scope as it was encoded.
func (c *call) putAuthorization(text string, rawScope bool) {
	base, query, _ := strings.Cut(text, "?")
	base, fragment, _ := strings.Cut(base, "#")
	query, behind, _ := strings.Cut(query, "#")
	scheme, rest, _ := strings.Cut(base, "://")
	host, path, _ := strings.Cut(rest, "/")
	c.putURL(scheme+"://"+host, "/"+path, query)
	if fragment += behind; fragment != "" {
		c.fields["fragment"] = fragment
	}
	for pair := range strings.SplitSeq(query, "&") {
		if v, ok := strings.CutPrefix(pair, "scope="); ok && rawScope {
			c.fields["query.scope"] = v
		}
	}
}

// queryOf writes parameters in a fixed order.
func queryOf(params map[string]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(params)) {
		pairs = append(pairs, encodeComponent(name)+"="+encodeComponent(params[name]))
	}
	return strings.Join(pairs, "&")
}
