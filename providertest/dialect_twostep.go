package providertest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// signIn is what one request of a sign-in in steps must look like.
type signIn struct {
	step              int
	refresh, lastStep bool
	method, format    string
	params            map[string]any
	headers           map[string]string
}

func (d *Dialect) stepList() []any {
	list, _ := d.entry["additional_steps"].([]any)
	return list
}

func (d *Dialect) planTwoStep() {
	main := textOf(d.entry["token_url"])
	if d.refreshes() {
		at := cmp.Or(textOf(d.entry["refresh_url"]), main)
		d.addIf("refresh", at, d.signIn, func(r *http.Request, body []byte) bool {
			return at != main || d.carriesRefresh(r, body)
		})
	}
	n := len(d.routes)
	d.add("token", main, d.signIn)
	if len(d.routes) > n {
		d.routes[n].step = 1
		d.routes[n].match = d.isSignIn(d.routes[n].url)
	}
	for i, s := range d.stepList() {
		n := len(d.routes)
		d.add(fmt.Sprintf("step%d", i+2), textOf(dig(s, "token_url")), d.signIn)
		if len(d.routes) > n {
			d.routes[n].step = i + 2
		}
	}
}

// isSignIn tells sign-ins from API calls where both have one URL.
func (d *Dialect) isSignIn(u *url.URL) func(*http.Request, []byte) bool {
	base := parsed(d.base(""))
	if base == nil || !sameEndpoint(base, u) {
		return nil
	}
	return func(r *http.Request, _ []byte) bool { return r.Header.Get("Authorization") == "" }
}

// refreshes tells whether the entry says how to refresh.
func (d *Dialect) refreshes() bool {
	return d.entry["refresh_token_params"] != nil || d.entry["refresh_token_headers"] != nil
}

// carriesRefresh tells whether a request holds a refresh token.
func (d *Dialect) carriesRefresh(r *http.Request, body []byte) bool {
	for token := range d.grants.refresh {
		for _, h := range r.Header {
			if strings.Contains(strings.Join(h, "\n"), token) {
				return true
			}
		}
		for _, p := range looseParameters(r, body) {
			if p[0] == token {
				return true
			}
		}
	}
	return false
}

// expected reads a request of the sign-in from the entry.
func (d *Dialect) expected(h *hit) signIn {
	s := signIn{step: h.step, refresh: h.role == "refresh", format: cmp.Or(textOf(d.entry["body_format"]), "json")}
	from := d.entry
	if h.step > 1 {
		from = mapOf(d.stepList()[h.step-2])
	}
	s.method = cmp.Or(textOf(from["token_request_method"]), http.MethodPost)
	s.params, s.headers = mapOf(from["token_params"]), templateMap(from["token_headers"])
	if s.refresh {
		s.params = mapOf(d.entry["refresh_token_params"])
		if d.entry["refresh_token_headers"] != nil {
			s.headers = templateMap(d.entry["refresh_token_headers"])
		}
	}
	if s.step > 1 && s.format == "xml" {
		s.format = "json"
	}
	s.lastStep = s.refresh || s.step == 1+len(d.stepList())
	return s
}

// signIn answers a request of TWO_STEP.
func (d *Dialect) signIn(h *hit) Answer {
	before := len(d.problems)
	s := d.expected(h)
	if h.r.Method != s.method {
		d.problem(h.role, "the method is %s, want %s", h.r.Method, s.method)
	}
	for _, bad := range compareValues("query", h.url.Query(), h.r.URL.Query(), nil) {
		d.problem(h.role, "%s", bad)
	}
	if s.step > 1 && d.grants.done != s.step-1 {
		d.problem(h.role, "step %d comes after step %d", s.step, d.grants.done)
	}
	v := d.signInView(h, s)
	bad := v.headers(s.headers, h.r.Header)
	if !hasName(s.headers, "authorization") && h.r.Header.Get("Authorization") != "" {
		bad = append(bad, "header authorization is sent, and nothing asks for one")
	}
	bad = append(bad, d.signInBody(h, s, v)...)
	for _, b := range append(bad, v.finish()...) {
		d.problem(h.role, "%s", b)
	}
	if len(d.problems) > before {
		return jsonAnswer(http.StatusUnauthorized, map[string]any{"error": "see Problems"})
	}
	d.grants.done = s.step
	if s.refresh {
		d.spend(h.role, v.bound["refresh_token"])
	}
	if !s.lastStep {
		out := map[string]any{}
		d.addMetadata(out)
		for path, x := range d.steps[s.step] {
			setPath(out, path, x)
		}
		return d.sent(h.role, out)
	}
	return d.signedIn(h)
}

func hasName(headers map[string]string, name string) bool {
	for k := range headers {
		if strings.EqualFold(k, name) {
			return true
		}
	}
	return false
}

// signInView knows which values of the request the client makes.
func (d *Dialect) signInView(h *hit, s signIn) *view {
	v := d.newView(h.r, h.body)
	if d.entry["signature"] != nil {
		v.open["token"] = func(t string) []string {
			_, bad := d.tokenRules(d.newView(nil, nil)).check(t)
			return bad
		}
	}
	if d.entry["assertion"] != nil {
		v.open["credentials.assertion"] = func(t string) []string {
			if textOf(dig(d.entry, "assertion", "type")) == "jwt" || dig(d.entry, "assertion", "header") != nil {
				_, bad := d.assertionRules(d.newView(nil, nil)).check(t)
				return bad
			}
			return d.checkSAML(t)
		}
	}
	if s.refresh {
		v.open["refresh_token"] = func(t string) []string {
			switch r := d.grants.refresh[t]; {
			case r == nil:
				return []string{fmt.Sprintf("the refresh token is %q, which was never issued", t)}
			case r.used:
				return []string{fmt.Sprintf("the refresh token %q was used before", t)}
			}
			return nil
		}
	}
	return v
}

// signInBody compares the body with the parameters, in the entry's form.
func (d *Dialect) signInBody(h *hit, s signIn, v *view) []string {
	if s.method == http.MethodGet {
		if len(h.body) > 0 {
			return []string{fmt.Sprintf("a GET has the body %q", h.body)}
		}
		return nil
	}
	if len(s.params) == 0 && (len(h.body) == 0 || string(h.body) == "{}") {
		return nil
	}
	if !hasName(s.headers, "content-type") {
		d.wantType(h, map[string]string{"form": formType, "xml": "application/xml"}[s.format], jsonType)
	}
	switch s.format {
	case "form":
		got, err := url.ParseQuery(string(h.body))
		if err != nil || json.Valid(h.body) {
			return []string{fmt.Sprintf("the body is no form: %q", h.body)}
		}
		return v.parameters("parameter", templateMap(any(s.params)), got, func(n string) bool { return d.allows(h.role, n) })
	case "xml":
		got, err := xmlTree(h.body)
		if err != nil {
			return []string{fmt.Sprintf("the body is no XML: %q", h.body)}
		}
		return v.tree("body", leavesAsText(s.params), got, true)
	}
	var got any
	if err := json.Unmarshal(h.body, &got); err != nil {
		return []string{fmt.Sprintf("the body is no JSON: %q", h.body)}
	}
	return v.tree("body", s.params, got, true)
}

// signedIn is the answer that holds the token, where token_response says.
func (d *Dialect) signedIn(h *hit) Answer {
	life, told := d.signInLife()
	a := d.newAccess(life)
	a.extra = map[string]string{}
	path := textOf(dig(d.entry, "token_response", "token"))
	if path == "" {
		return textAnswer(http.StatusOK, a.value)
	}
	out := map[string]any{}
	d.addMetadata(out)
	setPath(out, path, a.value)
	if p := textOf(dig(d.entry, "token_response", "refresh_token")); p != "" {
		refresh := a.value
		if p != path {
			refresh = d.newRefresh()
			setPath(out, p, refresh)
		} else {
			d.grants.refresh[refresh] = &refreshable{}
		}
	}
	if p := textOf(dig(d.entry, "token_response", "token_expiration")); p != "" && told {
		setPath(out, p, d.expiry(p, life))
	}
	ans := d.sent(h.role, out)
	if textOf(d.entry["body_format"]) == "xml" && h.step < 2 {
		ans.Header.Set("Content-Type", "application/xml")
		ans.Body = xmlText(out)
	}
	for _, name := range textsOf(d.entry["token_response_headers"]) {
		if strings.EqualFold(name, "set-cookie") {
			session := d.grants.plain("s")
			ans.Header["Set-Cookie"] = []string{"B1SESSION=" + session + "; Path=/; HttpOnly; Secure", "ROUTEID=.node1; Path=/"}
			a.extra["_cookies"] = "B1SESSION=" + session + "; ROUTEID=.node1"
			a.extra["B1SESSION"], a.extra["ROUTEID"] = session, ".node1"
			continue
		}
		a.extra[name] = d.grants.plain("h")
		ans.Header.Set(name, a.extra[name])
	}
	return ans
}

// signInLife is how long the token lives, 0 for ever, and whether the answer says so.
func (d *Dialect) signInLife() (time.Duration, bool) {
	told := dig(d.entry, "token_response", "token_expiration") != nil
	ms, fixed := numberOf(d.entry["token_expires_in_ms"])
	switch {
	case told:
		return tokenLife, true
	case fixed:
		return time.Duration(ms) * time.Millisecond, false
	}
	return 0, false
}

// expiry writes a lifetime as the entry's strategy reads it.
func (d *Dialect) expiry(path string, life time.Duration) any {
	if textOf(dig(d.entry, "token_response", "token_expiration_strategy")) == "expireIn" {
		return int(life.Seconds())
	}
	if strings.Contains(path, "TimeToExpiration") {
		// Days, hours and minutes from now, as Tableau writes it.
		m := int(life.Minutes())
		return fmt.Sprintf("%d:%02d:%02d", m/60/24, m/60%24, m%60)
	}
	return d.now().Add(life).UTC().Format(time.RFC3339)
}

// inventAnswers makes up what the answers of the steps hold: everything that a
// later step or the API asks of them.
func (d *Dialect) inventAnswers() {
	where := d.positions()
	templates(d.entry, func(_ []string, s string) {
		for _, name := range variables(s) {
			prefix, path, _ := strings.Cut(name, ".")
			if n, ok := numberOf(strings.TrimPrefix(prefix, "step")); ok && strings.HasPrefix(prefix, "step") {
				if d.steps[int(n)] == nil {
					d.steps[int(n)] = map[string]string{}
				}
				d.steps[int(n)][path] = d.stepValue(name, path, where[name])
			}
			if raw, ok := strings.CutPrefix(name, "credentials.raw."); ok {
				d.raw[raw] = "raw-" + slug(raw)
			}
		}
	})
}

func (d *Dialect) stepValue(name, path string, pos position) string {
	if v, ok := d.learned[path]; ok {
		return v
	}
	r := seeded(d.name + "/" + name)
	if pos == wholeURL {
		return "https://" + slug(name) + "-" + slug(d.name) + ".example.com/" + randomText(r, 6, "abcdefgh")
	}
	return path + "-" + randomText(r, 20, alphanumeric) + "+/="
}

// billLogin answers BILL.
func (d *Dialect) billLogin(h *hit) Answer {
	before := len(d.problems)
	if h.r.Method != http.MethodPost {
		d.problem(h.role, "the method is %s, want POST", h.r.Method)
	}
	d.noAuthorization(h)
	p, _ := d.jsonParameters(h)
	want := url.Values{
		"username": {d.in.Credentials["username"]}, "password": {d.in.Credentials["password"]},
		"organizationId": {d.in.Credentials["organization_id"]}, "devKey": {d.in.Credentials["dev_key"]},
	}
	for _, bad := range compareValues("parameter", want, p, nil) {
		d.problem(h.role, "%s", bad)
	}
	if len(d.problems) > before {
		return jsonAnswer(http.StatusUnauthorized, map[string]any{"error": "see Problems"})
	}
	a := d.newAccess(35 * time.Minute)
	return d.sent(h.role, map[string]any{
		"sessionId": a.value, "userId": "user-1", "organizationId": d.in.Credentials["organization_id"],
	})
}
