package providertest

import (
	"cmp"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// get is the value of a variable that does not change from request to request.
func (d *Dialect) get(name string) (string, bool) {
	prefix, rest, _ := strings.Cut(name, ".")
	switch {
	case prefix == "connectionConfig" && rest != "":
		return d.configValue(rest)
	case prefix == "integrationConfig" && rest != "":
		v, ok := d.in.IntegrationConfig[rest]
		return v, ok
	case prefix == "credentials" && rest != "":
		return d.credential(rest)
	case prefix == "assertionOption" && rest != "":
		v, ok := d.in.AssertionOption[rest]
		return v, ok
	case strings.HasPrefix(prefix, "step") && rest != "":
		n, _ := numberOf(strings.TrimPrefix(prefix, "step"))
		v, ok := d.steps[int(n)][rest]
		return v, ok
	case name == "clientId" && d.in.ClientID != "":
		return d.in.ClientID, true
	case name == "clientSecret" && d.in.ClientSecret != "":
		return d.in.ClientSecret, true
	}
	if v, ok := d.credential(name); ok {
		return v, true
	}
	return d.configValue(name)
}

// configValue is a value of the connection config: what the user gave wins over
// what the provider told.
func (d *Dialect) configValue(name string) (string, bool) {
	if name == "appPublicLink" && d.in.AppLink != "" {
		return d.in.AppLink, true
	}
	if d.mode == "AWS_SIGV4" {
		switch name {
		case "service":
			v, ok := d.in.IntegrationConfig["service"]
			return v, ok
		case "region":
			v := cmp.Or(d.in.Config["region"], d.in.IntegrationConfig["defaultRegion"])
			return v, v != ""
		}
	}
	for _, m := range []map[string]string{d.in.Config, d.learned, d.in.Discovered} {
		if v, ok := m[name]; ok {
			return v, true
		}
	}
	return "", false
}

// credential is a value that the user typed, that the integration has in its
// place, or that came with the sign-in.
func (d *Dialect) credential(name string) (string, bool) {
	if d.mode == "TWO_STEP" {
		if v, ok := d.in.IntegrationConfig[name]; ok && v != "" {
			return v, true
		}
	}
	if v, ok := d.in.Credentials[name]; ok {
		return v, true
	}
	base, half, dotted := strings.Cut(name, ".")
	if !dotted {
		return "", false
	}
	if base == "raw" {
		v, ok := d.raw[half]
		return v, ok
	}
	id, secret, ok := strings.Cut(d.in.Credentials[base], ":")
	switch half {
	case "id":
		return id, ok
	case "secret":
		return secret, ok
	}
	return "", false
}

// expand is the text of s. With a fallback, "a || b" is a where all of a's
// variables have a value, else b. It returns the names that have none.
func expand(s string, get getter, fallback bool) (string, []string) {
	options := []string{s}
	if fallback {
		options = alternatives(s)
	}
	if len(options) == 2 {
		filled := func(name string) (string, bool) {
			v, ok := get(name)
			return v, ok && v != ""
		}
		if p, err := parsePattern(options[0]); err == nil {
			if v, missing := p.eval(filled); len(missing) == 0 {
				return v, nil
			}
		}
		options = options[1:]
	}
	p, err := parsePattern(options[0])
	if err != nil {
		return s, []string{s}
	}
	return p.eval(get)
}

var slashes = regexp.MustCompile(`//+`)

var twoSchemes = regexp.MustCompile(`^https?://(https?://)`)

// expandURL is the URL of s, or nil. A value in the query is escaped.
func (d *Dialect) expandURL(s string) *url.URL {
	if s == "" {
		return nil
	}
	inQuery := false
	get := func(name string) (string, bool) {
		v, ok := d.get(name)
		if inQuery {
			v = url.QueryEscape(v)
		}
		return v, ok
	}
	base, query, found := strings.Cut(s, "?")
	text, missing := expand(base, get, true)
	if found {
		inQuery = true
		q, miss := expand(query, get, true)
		text, missing = text+"?"+q, append(missing, miss...)
	}
	if len(missing) > 0 {
		d.doubt("%s: nothing tells the value of %s", s, strings.Join(missing, ", "))
		return nil
	}
	if twoSchemes.MatchString(text) {
		d.doubt("%s: the value has a scheme, and so has the template; the value's counts", s)
		text = twoSchemes.ReplaceAllString(text, "$1")
	}
	if !strings.Contains(text, "://") {
		d.doubt("%s: no scheme; https is meant", s)
		text = "https://" + text
	}
	where, rest, _ := strings.Cut(text, "://")
	path, after, _ := strings.Cut(rest, "?")
	if strings.Contains(path, "//") {
		d.doubt("%s: a value ends in a slash, and the template goes on with one: one counts", s)
		text = where + "://" + slashes.ReplaceAllString(path, "/")
		if found {
			text += "?" + after
		}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		d.doubt("%s: expands to %q, which is no URL", s, text)
		return nil
	}
	return u
}

// base is proxy.base_url, or a template in its place, without a slash at the end.
func (d *Dialect) base(override string) string {
	s := cmp.Or(override, d.in.IntegrationConfig["baseUrl"], textOf(dig(d.entry, "proxy", "base_url")))
	if d.mode == "MCP_OAUTH2_GENERIC" {
		s = cmp.Or(s, "${connectionConfig.mcp_server_url}")
	}
	u := d.expandURL(s)
	if u == nil {
		return ""
	}
	return strings.TrimSuffix(u.String(), "/")
}

// sameEndpoint compares scheme, host and path.
func sameEndpoint(a, b *url.URL) bool {
	path := func(u *url.URL) string { return cmp.Or(u.Path, "/") }
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && path(a) == path(b)
}

// compareValues lists how got differs from want, where every value is given once.
func compareValues(what string, want, got url.Values, allowed func(string) bool) []string {
	var out []string
	names := slices.Collect(maps.Keys(want))
	names = append(names, slices.Collect(maps.Keys(got))...)
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		g, w := got[n], want[n]
		switch {
		case len(w) == 0 && (allowed == nil || !allowed(n)):
			out = append(out, what+": "+n+" is not asked for")
		case len(w) == 0:
		case len(g) == 0:
			out = append(out, what+": "+n+" is missing, want "+quote(w[0]))
		case len(g) > 1 && len(w) == 1:
			out = append(out, what+": "+n+" is given more than once")
		case !slices.Equal(g, w):
			out = append(out, what+": "+n+" is "+quote(g[0])+", want "+quote(w[0]))
		}
	}
	return out
}

func quote(s string) string { return `"` + s + `"` }
