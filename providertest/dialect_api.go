package providertest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// placement is where the entry wants credentials and fixed values in API requests.
type placement struct {
	headers, query map[string]string
	body           map[string]any
	standard       string // the Authorization header of the mode; a template
	optional       bool   // a template has the token elsewhere: the standard header may be there too
}

// bearerModes send their token as a Bearer token unless a template does otherwise.
var bearerModes = map[string]bool{
	"OAUTH2": true, "OAUTH2_CC": true, "JWT": true, "SIGNATURE": true, "TWO_STEP": true, "APP": true,
	"CUSTOM": true, "MCP_OAUTH2": true, "MCP_OAUTH2_GENERIC": true,
}

// carriers are the variables whose use says that a template carries the credential.
var carriers = map[string]bool{
	"accessToken": true, "credentials.token": true, "credentials._cookies": true,
	"credentials.password": true, "password": true,
}

func (d *Dialect) placement() placement {
	p := placement{headers: map[string]string{}, query: templateMap(dig(d.entry, "proxy", "query")), body: mapOf(dig(d.entry, "proxy", "body"))}
	for k, v := range templateMap(dig(d.entry, "proxy", "headers")) {
		p.headers[strings.ToLower(k)] = v
	}
	if name := d.in.IntegrationConfig["keyName"]; name != "" {
		template := d.in.IntegrationConfig["valueTemplate"]
		if d.in.IntegrationConfig["keyPlacement"] == "query" {
			p.query[name] = template
		} else {
			p.headers[strings.ToLower(name)] = template
		}
	}
	switch {
	case bearerModes[d.mode]:
		p.standard = "Bearer ${accessToken}"
	case d.mode == "BASIC":
		p.standard = "Basic ${base64(${username}:${password})}"
	case d.mode == "INSTALL_PLUGIN":
		p.standard = "Basic ${base64(${pluginUsername}:${pluginPassword})}"
	}
	for _, t := range append(slices.Collect(maps.Values(p.headers)), slices.Collect(maps.Values(p.query))...) {
		for _, name := range variables(t) {
			p.optional = p.optional || carriers[name]
		}
	}
	if p.headers["authorization"] != "" {
		p.standard = ""
	}
	return p
}

// api answers an API or verification request. The lock is held.
func (d *Dialect) api(h *hit) Answer {
	if d.mode == "MCP_OAUTH2_GENERIC" && len(d.grants.access) == 0 && h.r.Header.Get("Authorization") == "" {
		return d.challenge()
	}
	var bad []string
	var token *issued
	switch d.mode {
	case "OAUTH1", "TBA":
		token, bad = d.signedAPI(h)
	case "AWS_SIGV4":
		token, bad = d.sigV4API(h)
	default:
		token, bad = d.templatedAPI(h)
	}
	bad = append(bad, d.checkCall(h)...)
	for _, p := range bad {
		d.problem(h.role, "%s", p)
	}
	if len(bad) > 0 || token != nil && token.dead(d.now()) {
		return Answer{
			Status: http.StatusUnauthorized,
			Header: http.Header{"Content-Type": {jsonType}, "Www-Authenticate": {`Bearer error="invalid_token"`}},
			Body:   []byte(`{"error":"invalid_token"}`),
		}
	}
	return jsonAnswer(http.StatusOK, map[string]any{})
}

// checkCall checks what is no credential: the path, and the fixed headers and
// body of a verification.
func (d *Dialect) checkCall(h *hit) []string {
	var bad []string
	rest := strings.TrimPrefix(h.r.URL.Path, strings.TrimSuffix(h.url.Path, "/"))
	if h.role == "api" && strings.HasPrefix(rest, "//") {
		bad = append(bad, fmt.Sprintf("the path %q has two slashes behind the base URL", h.r.URL.Path))
	}
	v := d.newView(h.r, h.body)
	for name, want := range templateMap(h.check["headers"]) {
		if h.check["own"] == true {
			continue // they take the place of those of every call
		}
		if p := v.header(name, want, h.r.Header.Values(name)); p != "" {
			bad = append(bad, "header "+name+" "+p)
		}
	}
	if data := h.check["data"]; data != nil {
		var got any
		if err := json.Unmarshal(h.body, &got); err != nil || !includes(got, data) {
			want, _ := json.Marshal(data)
			bad = append(bad, fmt.Sprintf("the body is %q, want %s", h.body, want))
		}
	}
	return bad
}

// includes tells whether got has everything of want.
func includes(got, want any) bool {
	if w, ok := want.(map[string]any); ok {
		g, ok := got.(map[string]any)
		for k, x := range w {
			ok = ok && includes(g[k], x)
		}
		return ok
	}
	return textOf(got) == textOf(want)
}

// templatedAPI checks credentials that templates place. Of several tokens that
// were issued, the one that fits best is meant.
func (d *Dialect) templatedAPI(h *hit) (*issued, []string) {
	p := d.placement()
	if h.role == "lookup" {
		d.dropLookedUp(p.headers)
		d.dropLookedUp(p.query)
	}
	// The headers that a verification gives itself are its own.
	for name, t := range templateMap(h.check["headers"]) {
		if h.check["own"] == true {
			p.headers[strings.ToLower(name)] = t
			if strings.EqualFold(name, "authorization") {
				p.standard = ""
			}
			continue
		}
		if len(variables(p.headers[strings.ToLower(name)])) == 0 {
			delete(p.headers, strings.ToLower(name))
		}
	}
	if d.mode == "JWT" || d.mode == "SIGNATURE" {
		v := d.newView(h.r, h.body)
		return d.selfMade(h, v, p)
	}
	var best []string
	for i := len(d.grants.access) - 1; i >= 0; i-- {
		a := d.grants.access[i]
		v := d.newView(h.r, h.body)
		v.token(a)
		bad := d.placed(h, v, p)
		if len(bad) == 0 {
			return a, nil
		}
		if best == nil || len(bad) < len(best) {
			best = bad
		}
	}
	if best == nil {
		v := d.newView(h.r, h.body)
		best = d.placed(h, v, p)
	}
	return nil, best
}

// token makes an issued token the one of the request.
func (v *view) token(a *issued) {
	v.values["accessToken"], v.values["credentials.token"], v.values["token"] = a.value, a.value, a.value
	for k, x := range a.extra {
		v.values["credentials."+k] = x
	}
}

// placed compares one request with the placement.
func (d *Dialect) placed(h *hit, v *view, p placement) []string {
	if d.mode == "INSTALL_PLUGIN" {
		v.values["pluginUsername"] = d.in.IntegrationConfig["username"]
		v.values["pluginPassword"] = d.in.IntegrationConfig["password"]
	}
	headers := maps.Clone(p.headers)
	var bad []string
	for name, t := range headers {
		if strings.HasPrefix(t, "${awsSigV4(") {
			bad = append(bad, d.sigV4Header(h, v, t)...)
			delete(headers, name)
		}
	}
	bad = append(bad, v.headers(headers, h.r.Header)...)
	if p.headers["authorization"] == "" {
		bad = append(bad, d.standardHeader(h.r.Header.Values("Authorization"), v, p)...)
	}
	query := h.r.URL.Query()
	for _, name := range sortedKeys(p.query) {
		text, _, missing := v.want(p.query[name], true)
		switch got := query[name]; {
		case len(missing) > 0 && len(got) == 0:
		case len(got) != 1 || got[0] != text:
			bad = append(bad, fmt.Sprintf("query %s is %q, want %q", name, got, text))
		}
	}
	bad = append(bad, d.placedBody(h, v, p.body)...)
	bad = append(bad, d.billHeaders(h)...)
	return append(bad, v.finish()...)
}

func (d *Dialect) standardHeader(got []string, v *view, p placement) []string {
	if p.standard == "" {
		if len(got) > 0 {
			return []string{fmt.Sprintf("header authorization is %q, and nothing asks for one", got)}
		}
		return nil
	}
	if len(got) == 0 && p.optional {
		return nil
	}
	if len(got) == 1 {
		v.learn(p.standard, got[0], true)
	}
	if bad := v.header("authorization", p.standard, got); bad != "" {
		if _, _, missing := v.want(p.standard, true); len(missing) > 0 {
			bad = "is sent, although no token was issued"
		}
		return []string{"header authorization " + bad}
	}
	if _, _, missing := v.want(p.standard, true); len(missing) > 0 {
		return []string{"header authorization: no token was issued"}
	}
	return nil
}

// placedBody checks what the entry puts into the body of requests that have one.
func (d *Dialect) placedBody(h *hit, v *view, want map[string]any) []string {
	if len(want) == 0 {
		return nil
	}
	switch h.r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return []string{"the credential is in the body, and a " + h.r.Method + " has none"}
	}
	var got any
	if mediaType(h.r.Header.Get("Content-Type")) == formType {
		form, _ := url.ParseQuery(string(h.body))
		object := map[string]any{}
		for k := range form {
			object[k] = form.Get(k)
		}
		got = object
	} else if err := json.Unmarshal(h.body, &got); err != nil {
		return []string{fmt.Sprintf("the body is no JSON: %q", h.body)}
	}
	if bad := v.tree("body", want, got, false); len(bad) > 0 {
		return bad
	}
	return nil
}

// tree compares a nested value with one of templates. Exact means that nothing
// else may be there.
func (v *view) tree(path string, want, got any, exact bool) []string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok && len(want) > 0 {
			return []string{fmt.Sprintf("%s is %v, want an object", path, got)}
		}
		var bad []string
		for _, k := range sortedKeys(want) {
			x, there := object[k]
			if s, ok := want[k].(string); ok && !there {
				if _, _, missing := v.want(s, true); len(missing) > 0 {
					continue
				}
			}
			if !there {
				bad = append(bad, path+"."+k+" is missing")
				continue
			}
			bad = append(bad, v.tree(path+"."+k, want[k], x, exact)...)
		}
		for _, k := range sortedKeys(object) {
			if _, ok := want[k]; exact && !ok && !v.d.allows("token", k) {
				bad = append(bad, path+"."+k+" is not asked for")
			}
		}
		return bad
	case string:
		s, ok := got.(string)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want text", path, got)}
		}
		v.learn(want, s, true)
		if bad := v.compare(want, s, true); bad != "" {
			return []string{path + " " + bad}
		}
		return nil
	}
	if textOf(got) != textOf(want) || sameKind(got, want) == "" {
		return []string{fmt.Sprintf("%s is %v, want %v", path, got, want)}
	}
	return nil
}

// sameKind names the JSON kind that two scalars share, or is empty.
func sameKind(a, b any) string {
	kind := func(v any) string {
		switch v.(type) {
		case string:
			return "text"
		case bool:
			return "bool"
		case nil:
			return "null"
		case float64, int, int64:
			return "number"
		}
		return "other"
	}
	if kind(a) != kind(b) {
		return ""
	}
	return kind(a)
}

// billHeaders checks the session of BILL, which the entry leaves to the caller:
// absent, or right.
func (d *Dialect) billHeaders(h *hit) []string {
	if d.mode != "BILL" {
		return nil
	}
	var bad []string
	if got := h.r.Header.Get("devKey"); got != "" && got != d.in.Credentials["dev_key"] {
		bad = append(bad, fmt.Sprintf("header devKey is %q", got))
	}
	got := h.r.Header.Get("sessionId")
	if got == "" {
		return bad
	}
	for _, a := range d.grants.access {
		if a.value == got {
			return bad
		}
	}
	return append(bad, fmt.Sprintf("header sessionId is %q, which was never issued", got))
}

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}
