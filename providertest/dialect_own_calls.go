package providertest

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// planVerify plans the calls that try a credential out (verify).
func (d *Dialect) planVerify() {
	list, _ := d.entry["verify"].([]any)
	for _, x := range list {
		v := mapOf(x)
		u := d.callURL(textOf(v["url"]))
		if u == nil {
			d.doubt("verify: %q does not expand", textOf(v["url"]))
			continue
		}
		method, check := cmp.Or(textOf(v["method"]), http.MethodGet), d.ownCheck(v)
		d.routes = append(d.routes, route{
			role: "verify", url: u, check: check, serve: func(h *hit) Answer { return d.triedOut(h, mapOf(v["expect"])) },
			match: func(r *http.Request, body []byte) bool {
				if r.Method != method || !subset(u.Query(), r.URL.Query()) {
					return false
				}
				return !d.shared(u) || alike(body, check["data"]) && (check["data"] != nil || d.carriesToken(r, body))
			},
		})
	}
}

// carriesToken tells whether a request has a token that was issued, where it belongs.
func (d *Dialect) carriesToken(r *http.Request, body []byte) bool {
	for _, a := range d.grants.access {
		v := d.newView(r, body)
		v.token(a)
		if len(d.placed(&hit{r: r, body: body}, v, d.placement())) == 0 {
			return true
		}
	}
	return false
}

// ownCheck are the parts of a call that are compared as those of a verification
// of the format are: the headers, and a body of JSON.
func (d *Dialect) ownCheck(v map[string]any) map[string]any {
	check := map[string]any{"headers": v["headers"], "own": true}
	if f := textOf(v["body_format"]); (f == "" || f == "json") && v["data"] != nil {
		check["data"] = d.expanded(v["data"])
	}
	return check
}

// shared tells whether several calls go to a URL, such as that of a GraphQL API.
func (d *Dialect) shared(u *url.URL) bool {
	templates := []string{d.tokenURL()}
	for _, key := range []string{"verify", "discovery"} {
		list, _ := d.entry[key].([]any)
		for _, x := range list {
			templates = append(templates, textOf(mapOf(x)["url"]))
		}
	}
	n := 0
	for _, t := range templates {
		if x := d.callURL(t); t != "" && x != nil && sameEndpoint(x, u) {
			n++
		}
	}
	return n > 1
}

// alike tells whether a body has all of data, for an API whose calls all go to one
// URL, the login among them.
func alike(body []byte, data any) bool {
	if data == nil {
		return true
	}
	var got any
	return json.Unmarshal(body, &got) == nil && includes(got, data)
}

// expanded is a body with the values that do not change from request to request.
func (d *Dialect) expanded(v any) any {
	switch v := v.(type) {
	case string:
		if s, missing := expand(v, d.get, true); len(missing) == 0 {
			return s
		}
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = d.expanded(x)
		}
		return out
	}
	return v
}

// callURL is where a call around a connection goes: relative to the API, or anywhere.
func (d *Dialect) callURL(template string) *url.URL {
	if !strings.Contains(template, "://") && !strings.HasPrefix(template, "${") {
		template = strings.TrimRight(d.own("proxy", "base_url"), "/") + "/" + strings.TrimLeft(template, "/")
	}
	return d.expandURL(template)
}

// triedOut answers a check the way a good credential is answered, or refuses it.
func (d *Dialect) triedOut(h *hit, expect map[string]any) Answer {
	a := d.api(h)
	if a.Status != http.StatusOK {
		return a
	}
	body := map[string]any{}
	setExpected(body, expect)
	status := http.StatusOK
	if list, _ := expect["status"].([]any); len(list) > 0 {
		n, _ := numberOf(list[0])
		status = int(n)
	}
	a = jsonAnswer(status, body)
	if kind := textOf(expect["content_type"]); kind != "" {
		a.Header.Set("Content-Type", kind)
	}
	return a
}

// setExpected makes an answer one that a check accepts.
func setExpected(body, expect map[string]any) {
	if path := textOf(expect["path"]); path != "" {
		var v any = "there"
		if expect["equals"] != nil {
			v = expect["equals"]
		}
		setPath(body, path, v)
	}
}

// setTriedOut does so for the checks that make the call of a look-up.
func (d *Dialect) setTriedOut(h *hit, body map[string]any) {
	list, _ := d.entry["verify"].([]any)
	for _, x := range list {
		v := mapOf(x)
		if u := d.callURL(textOf(v["url"])); u != nil && sameEndpoint(u, h.r.URL) && v["data"] == nil {
			setExpected(body, mapOf(v["expect"]))
		}
	}
}

// finding is a value that is looked up, and where it is in what is looked at.
type finding struct{ name, path, pattern string }

// findings are the values of a step of discovery.
func findings(step map[string]any) []finding {
	values := mapOf(step["values"])
	var out []finding
	for _, name := range sortedKeys(values) {
		switch v := values[name].(type) {
		case string:
			out = append(out, finding{name: name, path: v})
		case map[string]any:
			if v["path"] != nil {
				out = append(out, finding{name, textOf(v["path"]), textOf(v["pattern"])})
			}
		}
	}
	return out
}

// steps of discovery that look at one kind of thing.
func (d *Dialect) discoveries(from string) []map[string]any {
	list, _ := d.entry["discovery"].([]any)
	var out []map[string]any
	for _, x := range list {
		if step := mapOf(x); cmp.Or(textOf(step["from"]), "response") == from {
			out = append(out, step)
		}
	}
	return out
}

// discovered tells whether a value of the connection config is looked up.
func (d *Dialect) discovered(name string) bool {
	list, _ := d.entry["discovery"].([]any)
	for _, x := range list {
		if _, ok := mapOf(mapOf(x)["values"])[name]; ok {
			return true
		}
	}
	return false
}

// planLookUps plans the calls of discovery.
func (d *Dialect) planLookUps() {
	for _, step := range d.discoveries("response") {
		u := d.callURL(textOf(step["url"]))
		if u == nil {
			d.doubt("discovery: %q does not expand", textOf(step["url"]))
			continue
		}
		method, check := cmp.Or(textOf(step["method"]), http.MethodGet), d.ownCheck(step)
		d.routes = append(d.routes, route{
			role: "lookup", url: u, check: check, serve: func(h *hit) Answer { return d.found(h, step) },
			match: func(r *http.Request, body []byte) bool {
				return r.Method == method && subset(u.Query(), r.URL.Query()) && (!d.shared(u) || alike(body, check["data"]))
			},
		})
	}
}

// planThen plans the exchanges that follow a token request.
func (d *Dialect) planThen() {
	list, _ := d.entry["then"].([]any)
	for _, x := range list {
		step := mapOf(x)
		method := cmp.Or(textOf(step["method"]), http.MethodPost)
		d.addIf("then", textOf(step["url"]), func(h *hit) Answer { return d.exchangeAgain(h, step) }, func(r *http.Request, _ []byte) bool {
			// The token endpoint may have the same URL, and a refresh the same parameters.
			return !d.isTokenURL(r.URL) || r.Method == method && d.grants.fresh
		})
	}
}

// isTokenURL tells whether a URL is that of token requests.
func (d *Dialect) isTokenURL(u *url.URL) bool {
	token := d.expandURL(d.tokenURL())
	return token != nil && sameEndpoint(token, u)
}

// exchangeAgain gives a new access token for what an earlier request gave.
func (d *Dialect) exchangeAgain(h *hit, step map[string]any) Answer {
	p := looseParameters(h.r, h.body)
	var best []string
	for i := len(d.grants.access) - 1; i >= 0; i-- {
		v := d.newView(h.r, h.body)
		v.token(d.grants.access[i])
		bad := v.parameters("parameter", templateMap(step["params"]), p, func(string) bool { return false })
		if len(bad) == 0 {
			d.grants.fresh = false
			out := map[string]any{}
			for name, value := range map[string]any{"access_token": d.newAccess(tokenLife).value, "expires_in": int(tokenLife.Seconds())} {
				setPath(out, cmp.Or(textOf(dig(step, "response_fields", name)), name), value)
			}
			return d.sent(h.role, out)
		}
		best = bad
	}
	for _, b := range best {
		d.problem(h.role, "%s", b)
	}
	return oauthAnswer(http.StatusBadRequest, "invalid_grant", "see Problems")
}

// found answers a look-up.
func (d *Dialect) found(h *hit, step map[string]any) Answer {
	a := d.api(h)
	if a.Status != http.StatusOK {
		return a
	}
	holding := d.holding(step)
	d.setTriedOut(h, holding)
	var body any = holding
	if s, ok := step["select"].(map[string]any); ok {
		for path, t := range mapOf(s["where"]) {
			if text, ok := t.(string); ok {
				v, _ := expand(text, d.get, true)
				setPath(body.(map[string]any), path, v)
			}
		}
		body = []any{body}
		if path := textOf(s["path"]); path != "" {
			whole := map[string]any{}
			setPath(whole, path, body)
			body = whole
		}
	}
	return anyAnswer(http.StatusOK, body)
}

// holding is an object in which the values of a step are found.
func (d *Dialect) holding(step map[string]any) map[string]any {
	out := map[string]any{}
	for _, f := range findings(step) {
		setPath(out, f.path, d.around(f))
	}
	return out
}

// around is a text of which the pattern of a finding takes its value.
func (d *Dialect) around(f finding) string {
	value := d.learned[f.name]
	if f.pattern == "" {
		return value
	}
	if re, err := regexp.Compile(f.pattern); err == nil {
		if m := re.FindStringSubmatch(value); len(m) > 1 && m[1] == value {
			return value
		}
		if text, ok := matching(f.pattern, seeded(d.name+"/"+f.name)); ok {
			if m := re.FindStringSubmatchIndex(text); len(m) > 3 && m[2] >= 0 {
				text = text[:m[2]] + value + text[m[3]:]
				if m := re.FindStringSubmatch(text); len(m) > 1 && m[1] == value {
					return text
				}
			}
		}
	}
	d.doubt("discovery: no text for %s that its pattern takes it from", f.name)
	return value
}

// fromClaims are the claims of a token in which values are looked up; nil if none are.
func (d *Dialect) fromClaims(token string) map[string]any {
	steps := d.discoveries("claims:" + token)
	if len(steps) == 0 {
		return nil
	}
	claims := map[string]any{}
	for _, step := range steps {
		for _, f := range findings(step) {
			setPath(claims, f.path, d.around(f))
		}
	}
	return claims
}

// unsignedJWT is a token with claims, of which nobody checks the signature.
func (d *Dialect) unsignedJWT(claims map[string]any, life time.Duration) string {
	all := map[string]any{"exp": d.now().Add(life).Unix(), "jti": d.grants.plain("jti-")}
	for k, v := range claims {
		all[k] = v
	}
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic("providertest: " + err.Error()) // maps of text and numbers
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]string{"alg": "RS256", "typ": "JWT"}) + "." + part(all) + ".c2ln"
}

// dropLookedUp leaves out the headers or parameters that look-ups find the values of.
func (d *Dialect) dropLookedUp(templates map[string]string) {
	for name, t := range templates {
		for _, v := range variables(t) {
			if field, ok := strings.CutPrefix(v, "connectionConfig."); ok && d.discovered(field) {
				delete(templates, name)
			}
		}
	}
}
