package providertest

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A client that reads the entries as the Dialect does gets through all of those
// that need no signature: no entry asks for what cannot be sent.
func TestDialectCatalogFlows(t *testing.T) {
	t.Parallel()
	ran := map[string]int{}
	for name, entry := range catalog(t) {
		d, err := NewDialect(name, entry)
		if err != nil {
			t.Fatal(err)
		}
		w := &wire{t: t, d: d}
		if !catalogFlow(w) {
			continue
		}
		ran[d.mode]++
		for _, p := range d.Problems() {
			t.Errorf("%s: %s", name, p)
		}
	}
	want := map[string]int{"API_KEY": 323, "BASIC": 93, "BILL": 2, "MCP_OAUTH2": 23, "NONE": 1, "OAUTH2": 343, "OAUTH2_CC": 108, "TWO_STEP": 54}
	if diff := cmp.Diff(want, ran); diff != "" {
		t.Errorf("flows by mode, -want +got:\n%s", diff)
	}
}

// catalogFlow connects, calls, expires, refreshes and calls. It reports whether
// it could: not where something must be signed.
func catalogFlow(w *wire) bool {
	d := w.d
	call := func(token string) bool { return catalogCall(w, token) }
	if d.base("") == "" {
		return false
	}
	switch d.mode {
	case "API_KEY", "BASIC", "NONE":
		return call("")
	case "OAUTH2", "MCP_OAUTH2":
		return catalogOAuth2(w, call)
	case "OAUTH2_CC":
		u := d.expandURL(textOf(d.entry["token_url"]))
		if u == nil || d.entry["token_request_auth_method"] == "private_key_jwt" {
			return false
		}
		for range 2 {
			call(catalogToken(w, u.String(), catalogParams(d, d.entry["token_params"], nil)).str("access_token"))
			d.Expire()
		}
		return true
	case "BILL":
		catalogBill(w)
		return call("")
	case "TWO_STEP":
		return catalogSignIn(w)
	}
	return false
}

func catalogBill(w *wire) {
	c := w.d.in.Credentials
	w.do("token", msg{url: w.d.routes[0].url.String(), json: map[string]any{
		"username": c["username"], "password": c["password"], "organizationId": c["organization_id"], "devKey": c["dev_key"],
	}})
}

// catalogText expands a template with the values of one request.
func catalogText(d *Dialect, template string, more map[string]string) (string, bool) {
	s, missing := expand(template, func(name string) (string, bool) {
		if v, ok := more[name]; ok {
			return v, true
		}
		if m, ok := isMoment(name); ok {
			return m.text(d.now()), true
		}
		if name == "random" {
			return "5b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f", true
		}
		return d.get(name)
	}, true)
	return s, len(missing) == 0
}

func catalogParams(d *Dialect, params any, more map[string]string) url.Values {
	out := url.Values{}
	for k, v := range mapOf(params) {
		s, _ := catalogText(d, textOf(v), more)
		out.Set(k, s)
	}
	return out
}

// catalogToken sends a token request of OAuth 2.0 in the entry's form.
func catalogToken(w *wire, to string, form url.Values) wired {
	d := w.d
	id, secret := d.in.ClientID, d.in.ClientSecret
	if d.mode == "OAUTH2_CC" {
		id, secret = d.in.Credentials["client_id"], d.in.Credentials["client_secret"]
		if s := d.configuredScope(); s != "" && !form.Has("scope") {
			form.Set("scope", s)
		}
	}
	m := msg{url: to, header: http.Header{}}
	switch {
	case d.mode == "OAUTH2_CC" && d.entry["token_request_auth_method"] == "custom":
		form.Set("username", id)
		form.Set("password", secret)
	case d.entry["token_request_auth_method"] == "basic":
		m.header.Set("Authorization", basicHeader(id, secret))
	case d.entry["authorization_method"] == "header":
		m.header.Set("Authorization", basicHeader(url.QueryEscape(id), url.QueryEscape(secret)))
	default:
		if !form.Has("client_id") {
			form.Set("client_id", id)
		}
		if secret != "" {
			form.Set("client_secret", secret)
		}
	}
	switch d.entry["body_format"] {
	case "json":
		m.json = map[string]any{}
		for k := range form {
			m.json[k] = form.Get(k)
		}
	case "query":
		m.url += map[bool]string{true: "&", false: "?"}[strings.Contains(to, "?")] + form.Encode()
	default:
		m.form = form
	}
	return w.do("token", m)
}

// catalogVisit sends the user to the entry's page and returns the code.
func catalogVisit(w *wire, id string) string {
	d := w.d
	a := d.planned()
	q := a.endpoint.Query()
	q.Set(a.name("client_id"), id)
	q.Set(a.name("redirect_uri"), callback)
	q.Set(a.name("state"), state16)
	for k, v := range a.params {
		s, _ := catalogText(d, v, nil)
		q.Set(a.name(k), s)
	}
	if a.pkce {
		q.Set("code_challenge", challengeOf(verifier))
		q.Set("code_challenge_method", "S256")
	}
	page := *a.endpoint
	page.RawQuery, page.Fragment = "", ""
	query := q.Encode()
	if !q.Has("scope") && d.scope() != "" {
		scope := url.QueryEscape(d.scope())
		if d.entry["authorization_url_skip_encode"] != nil {
			scope = d.scope()
		}
		query += "&scope=" + scope
	}
	to := page.String()
	if f := textOf(d.entry["authorization_url_fragment"]); f != "" {
		to += "#" + f
	}
	back, err := d.Authorize(w.t.Context(), to+"?"+query)
	if err != nil {
		w.t.Errorf("%s: %v", d.name, err)
	}
	if p := textOf(d.entry["authorization_code_param_in_callback"]); p != "" {
		return back.Get(p)
	}
	return back.Get("code")
}

func catalogOAuth2(w *wire, call func(string) bool) bool {
	d := w.d
	if d.entry["installation"] == "outbound" {
		return false
	}
	id := d.in.ClientID
	switch d.registration() {
	case "dynamic":
		id = w.do("registration", msg{url: textOf(d.entry["registration_url"]), json: registration()}).str("client_id")
	case "cimd":
		id = "https://app.test/client.json"
	}
	pair := func(r wired) (access, refresh string) {
		if p := textOf(d.entry["alternate_access_token_response_path"]); p != "" {
			return r.str(p, "access_token"), r.str(p, "refresh_token")
		}
		return r.str("access_token"), r.str("refresh_token")
	}
	send := func(to string, form url.Values) wired {
		if d.clientAuth() == inBody || d.clientAuth() == public {
			form.Set("client_id", id)
		}
		return catalogToken(w, d.expandURL(to).String(), form)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {catalogVisit(w, id)}, "redirect_uri": {callback}}
	if d.planned().pkce {
		form.Set("code_verifier", verifier)
	}
	maps.Copy(form, catalogParams(d, d.entry["token_params"], nil))
	access, refresh := pair(send(d.tokenURL(), form))
	call(access)
	d.Expire()
	form = url.Values{"refresh_token": {refresh}}
	maps.Copy(form, catalogParams(d, d.entry["refresh_params"], nil))
	form.Set("grant_type", "refresh_token")
	to := textOf(d.entry["refresh_url"])
	if to == "" {
		to = d.tokenURL()
	}
	access, _ = pair(send(to, form))
	return call(access)
}

// catalogCall calls the API, with POST where the credential is in the body.
func catalogCall(w *wire, token string) bool {
	d := w.d
	p := d.placement()
	m := msg{method: http.MethodGet, url: d.base("") + "/dialect", header: http.Header{}}
	more := map[string]string{
		"method": "GET", "accessToken": token, "credentials.token": token, "bodyCanonicalParams": "", "params": "",
	}
	u := parsed(m.url)
	more["host"], more["path"], more["endpoint"] = u.Host, u.EscapedPath(), u.RequestURI()
	for _, a := range d.grants.access {
		for k, v := range a.extra {
			more["credentials."+k] = v
		}
	}
	if p.standard != "" {
		s, _ := catalogText(d, p.standard, more)
		m.header.Set("Authorization", s)
	}
	for k, v := range p.headers {
		s, ok := catalogText(d, v, more)
		if strings.Contains(v, "awsSigV4(") || strings.Contains(v, "ed25519Sign(") {
			return false
		}
		if ok {
			m.header.Set(k, s)
		}
	}
	q := url.Values{}
	for k, v := range p.query {
		s, _ := catalogText(d, v, more)
		q.Set(k, s)
	}
	if len(q) > 0 {
		m.url += "?" + q.Encode()
	}
	if len(p.body) > 0 {
		m.method = http.MethodPost
		m.json = catalogTree(d, p.body, more).(map[string]any)
	}
	if len(q) > 0 && strings.Contains(textOf(dig(d.entry, "proxy", "headers")), "${params}") {
		return false
	}
	if r := w.do("api", m); r.status != 200 {
		w.t.Errorf("%s: the API answers %d", d.name, r.status)
	}
	return true
}

func catalogTree(d *Dialect, v any, more map[string]string) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[k] = catalogTree(d, x, more)
		}
		return out
	case string:
		s, _ := catalogText(d, v, more)
		return s
	}
	return v
}

// catalogSignIn signs in in steps and calls the API.
func catalogSignIn(w *wire) bool {
	d := w.d
	if d.entry["signature"] != nil || d.entry["assertion"] != nil {
		return false
	}
	var last wired
	for _, r := range d.routes {
		if r.step == 0 {
			continue
		}
		s := d.expected(&hit{route: r})
		m := msg{method: s.method, url: r.url.String(), header: http.Header{}}
		if s.method == http.MethodPost {
			switch s.format {
			case "form":
				m.form = catalogParams(d, any(s.params), nil)
			case "xml":
				return false
			default:
				m.json = catalogTree(d, s.params, nil).(map[string]any)
			}
		}
		for k, v := range s.headers {
			text, _ := catalogText(d, v, nil)
			m.header.Set(k, text)
		}
		last = w.do("step", m)
	}
	token := last.text
	if p := textOf(dig(d.entry, "token_response", "token")); p != "" {
		token = last.str(strings.Split(p, ".")...)
	}
	return catalogCall(w, token)
}
