package providertest

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"
)

// route is a URL that the provider answers at.
type route struct {
	role  string
	url   *url.URL
	below bool // also everything below the URL
	match func(r *http.Request, body []byte) bool
	serve func(h *hit) Answer
	step  int            // of TWO_STEP
	check map[string]any // the verification of role verify
}

func (h *hit) isToken() bool { return h.role == "token" || h.role == "refresh" || h.step > 0 }

// plan expands the entry's URLs. The lock is held, or d is not shared yet.
func (d *Dialect) plan() {
	d.routes, d.steps, d.raw = nil, map[int]map[string]string{}, map[string]string{}
	d.inventAnswers()
	d.planLookUps() // before what asks the same and wants less of the answer
	d.planVerify()
	d.planThen()
	d.add("introspection", d.own("introspection", "url"), d.introspect)
	switch d.mode {
	case "OAUTH2", "MCP_OAUTH2":
		d.planOAuth2()
	case "OAUTH2_CC":
		d.add("token", textOf(d.entry["token_url"]), d.clientCredentials)
	case "TWO_STEP":
		d.planTwoStep()
	case "BILL":
		d.add("token", textOf(d.entry["token_url"]), d.billLogin)
	case "OAUTH1":
		if request, access := textOf(d.entry["request_url"]), textOf(d.entry["token_url"]); request == access {
			d.addIf("token", access, d.oauth1Access, func(r *http.Request, _ []byte) bool {
				return strings.Contains(r.Header.Get("Authorization"), "oauth_token=")
			})
		}
		d.add("request-token", textOf(d.entry["request_url"]), d.oauth1Request)
		d.add("token", textOf(d.entry["token_url"]), d.oauth1Access)
	case "APP", "CUSTOM":
		d.planApp()
	case "AWS_SIGV4":
		d.planSTS()
	case "MCP_OAUTH2_GENERIC":
		d.planDiscovery()
	}
	d.planVerification()
	if u := parsed(d.base("")); u != nil {
		d.routes = append(d.routes, route{role: "api", url: u, below: true, serve: d.api})
	}
}

func parsed(s string) *url.URL {
	u, err := url.Parse(s)
	if s == "" || err != nil {
		return nil
	}
	return u
}

// add plans a route for a template; without one there is no such route.
func (d *Dialect) add(role, template string, serve func(*hit) Answer) {
	d.addIf(role, template, serve, nil)
}

func (d *Dialect) addIf(role, template string, serve func(*hit) Answer, match func(*http.Request, []byte) bool) {
	if u := d.expandURL(template); u != nil {
		d.routes = append(d.routes, route{role: role, url: u, serve: serve, match: match})
	}
}

// verified are the modes whose credentials the reference system tries out.
var verified = map[string]bool{
	"API_KEY": true, "BASIC": true, "TBA": true, "JWT": true, "SIGNATURE": true, "INSTALL_PLUGIN": true,
}

func (d *Dialect) planVerification() {
	v := mapOf(dig(d.entry, "proxy", "verification"))
	if len(v) == 0 || !verified[d.mode] {
		return
	}
	base := d.base(textOf(v["base_url_override"]))
	if base == "" {
		return
	}
	method := cmp.Or(textOf(v["method"]), http.MethodGet)
	for _, e := range textsOf(v["endpoints"]) {
		path, missing := expand(e, d.get, false)
		u := parsed(base + "/" + strings.TrimLeft(path, "/"))
		if len(missing) > 0 || u == nil {
			d.doubt("proxy.verification: %q does not expand", e)
			continue
		}
		d.routes = append(d.routes, route{
			role: "verify", url: u, serve: d.api, check: v,
			match: func(r *http.Request, _ []byte) bool {
				return r.Method == method && subset(u.Query(), r.URL.Query())
			},
		})
	}
}

func subset(want, got url.Values) bool {
	for k, v := range want {
		if len(got[k]) != len(v) || got.Get(k) != v[0] {
			return false
		}
	}
	return true
}

// classify finds the route of a request. The lock is held.
func (d *Dialect) classify(r *http.Request, body []byte) route {
	for _, rt := range d.routes {
		at := sameEndpoint(rt.url, r.URL)
		if rt.below && !at {
			prefix := strings.TrimSuffix(rt.url.Path, "/") + "/"
			at = rt.url.Scheme == r.URL.Scheme && strings.EqualFold(rt.url.Host, r.URL.Host) &&
				strings.HasPrefix(r.URL.Path, prefix)
		}
		if at && (rt.match == nil || rt.match(r, body)) {
			return rt
		}
	}
	return route{role: "unknown"}
}
