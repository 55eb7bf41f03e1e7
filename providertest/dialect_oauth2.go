package providertest

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tokenLife is how long an access token lives where the entry does not say.
const tokenLife = time.Hour

func (d *Dialect) planOAuth2() {
	if d.planGrant() {
		// It has been planned.
	} else if u := textOf(d.entry["refresh_url"]); u != "" {
		// It may differ from the token URL in the query alone.
		if p := d.expandURL(u); p != nil {
			d.addIf("refresh", u, d.refreshOAuth2, func(r *http.Request, body []byte) bool {
				return subset(p.Query(), r.URL.Query()) && d.isRefresh(r, body)
			})
		}
	} else {
		d.addIf("refresh", d.tokenURL(), d.refreshOAuth2, d.isRefresh)
	}
	d.add("token", d.tokenURL(), d.exchange)
	d.add("par", d.own("pushed_authorization_url"), d.push)
	if u := textOf(d.entry["registration_url"]); u != "" && d.registration() == "dynamic" {
		d.add("registration", u, d.register)
	}
}

// tokenURL is token_url, or its OAUTH2 part.
func (d *Dialect) tokenURL() string {
	if u := textOf(dig(d.entry, "token_url", "OAUTH2")); u != "" {
		return u
	}
	u, _ := d.entry["token_url"].(string)
	return u
}

func (d *Dialect) isRefresh(r *http.Request, body []byte) bool {
	p := looseParameters(r, body)
	name := func(standard string) string { return cmp.Or(d.own("token_param_names", standard), standard) }
	return p.Get(name("grant_type")) == "refresh_token" || p.Get(name("refresh_token")) != "" && p.Get(name("code")) == ""
}

// tokenParameters reads the request's parameters in the form the entry asks for.
func (d *Dialect) tokenParameters(h *hit, format string) (url.Values, bool) {
	method := http.MethodPost
	if m := d.own("refresh", "method"); m != "" && h.role == "refresh" {
		method = m
	}
	if method == http.MethodGet {
		format = "query"
	}
	if h.r.Method != method {
		d.problem(h.role, "the method is %s, want %s", h.r.Method, method)
	}
	query := h.r.URL.Query()
	want := h.url.Query()
	var p url.Values
	ok := true
	switch format {
	case "query":
		p = url.Values{}
		for k, v := range query {
			if _, fixed := want[k]; !fixed {
				p[k] = v
				query.Del(k)
			}
		}
		if len(h.body) > 0 {
			d.problem(h.role, "the body is %q, want it empty and the parameters in the query", h.body)
		}
	case "json":
		p, ok = d.jsonParameters(h)
	default:
		p, ok = d.formParameters(h)
	}
	for _, bad := range compareValues("query", want, query, nil) {
		d.problem(h.role, "%s", bad)
	}
	h.parameters = p
	return p, ok
}

func (d *Dialect) formParameters(h *hit) (url.Values, bool) {
	d.wantType(h, formType)
	p, err := url.ParseQuery(string(h.body))
	if err != nil || json.Valid(h.body) && len(h.body) > 0 {
		d.problem(h.role, "the body is no form: %q", h.body)
		return url.Values{}, false
	}
	return p, true
}

func (d *Dialect) jsonParameters(h *hit) (url.Values, bool) {
	d.wantType(h, jsonType)
	var object map[string]any
	if err := json.Unmarshal(h.body, &object); err != nil {
		d.problem(h.role, "the body is no JSON object: %q", h.body)
		return url.Values{}, false
	}
	p := url.Values{}
	for k, v := range object {
		if s, ok := v.(string); ok {
			p.Set(k, s)
			continue
		}
		p.Set(k, textOf(v))
	}
	return p, true
}

// wantType checks the content type: the first of want that is not empty.
func (d *Dialect) wantType(h *hit, types ...string) {
	want := cmp.Or(types...)
	if got := mediaType(h.r.Header.Get("Content-Type")); got != want {
		d.problem(h.role, "header content-type is %q, want %q", got, want)
	}
}

// exchange answers the exchange of a code (RFC 6749 section 4.1.3).
func (d *Dialect) exchange(h *hit) Answer {
	before := len(d.problems)
	p, _ := d.tokenParameters(h, textOf(d.entry["body_format"]))
	d.standardNames(h, p, map[string]string{"grant_type": "authorization_code", "client_id": d.in.ClientID, "client_secret": d.in.ClientSecret})
	if c := d.grants.codes[p.Get("code")]; c != nil && d.clientAuth() == public && c.clientID != p.Get("client_id") {
		d.problem(h.role, "parameter client_id is %q, and the code is for %q", p.Get("client_id"), c.clientID)
	}
	d.checkClient(h, p, d.clientAuth(), d.in.ClientID, d.in.ClientSecret)
	v := d.newView(h.r, h.body)
	want := map[string]string{"grant_type": "authorization_code"}
	for k, t := range templateMap(d.entry["token_params"]) {
		want[k] = t
	}
	taken := map[string]bool{"code": true, "redirect_uri": true, "code_verifier": true, "resource": true}
	for _, bad := range v.parameters("parameter", want, p, func(n string) bool { return taken[n] || d.allows(h.role, n) }) {
		d.problem(h.role, "%s", bad)
	}
	if !d.codeless() {
		d.checkCode(h.role, p)
	}
	if len(d.problems) > before {
		return oauthAnswer(http.StatusBadRequest, "invalid_grant", "see Problems")
	}
	d.grants.fresh = true
	return d.tokens(h.role)
}

func (d *Dialect) checkCode(role string, p url.Values) {
	code := d.grants.codes[p.Get("code")]
	switch {
	case code == nil:
		d.problem(role, "parameter code is %q, which was never given", p.Get("code"))
		return
	case code.used:
		d.problem(role, "the code was used before")
	}
	code.used = true
	if code.redirectURI != "" && dig(d.entry, "token_param_names", "redirect_uri") != "" {
		d.equal(role, "parameter redirect_uri", p["redirect_uri"], code.redirectURI)
	}
	d.checkVerifier(role, code.challenge, p)
	d.checkResource(role, code.resource, p)
}

func (d *Dialect) checkVerifier(role, challenge string, p url.Values) {
	if challenge == "" {
		if p.Has("code_verifier") {
			d.problem(role, "parameter code_verifier is sent, and there was no challenge")
		}
		return
	}
	verifier := p.Get("code_verifier")
	sum := sha256.Sum256([]byte(verifier))
	if base64.RawURLEncoding.EncodeToString(sum[:]) != challenge {
		d.problem(role, "parameter code_verifier %q does not match the challenge", verifier)
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		d.problem(role, "parameter code_verifier has %d characters, want 43 to 128", len(verifier))
	}
}

// checkResource checks the resource indicator (RFC 8707), which only discovered
// servers must get. A fixed one of the entry may be repeated.
func (d *Dialect) checkResource(role, want string, p url.Values) {
	fixed := textOf(dig(d.entry, "authorization_params", "resource"))
	switch {
	case want != "":
		d.equal(role, "parameter resource", p["resource"], want)
	case dig(d.entry, "token_params", "resource") != nil, dig(d.entry, "refresh_params", "resource") != nil:
	case p.Has("resource") && p.Get("resource") != fixed:
		d.problem(role, "parameter resource is %q, want %q", p.Get("resource"), fixed)
	}
}

// refreshOAuth2 answers a refresh (RFC 6749 section 6).
func (d *Dialect) refreshOAuth2(h *hit) Answer {
	before := len(d.problems)
	p, _ := d.tokenParameters(h, d.refreshFormat())
	d.standardNames(h, p, map[string]string{"grant_type": "refresh_token", "client_id": d.in.ClientID, "client_secret": d.in.ClientSecret})
	d.checkClient(h, p, d.refreshAuth(), d.in.ClientID, d.in.ClientSecret)
	v := d.newView(h.r, h.body)
	want := map[string]string{"grant_type": "refresh_token"}
	optional := map[string]string{}
	if extra := d.entry["refresh_params"]; extra != nil {
		for k, t := range templateMap(extra) {
			want[k] = t
		}
	} else {
		optional = templateMap(d.entry["token_params"])
		delete(optional, "grant_type")
	}
	want["grant_type"] = "refresh_token"
	for k, t := range optional {
		// The reference system repeats them; whether the provider wants them is unknown.
		if p.Has(k) {
			want[k] = t
		}
	}
	maps.Copy(want, d.besideParams(p))
	allowed := func(n string) bool {
		return n == "refresh_token" || n == "resource" || n == "scope" && dig(d.entry, "refresh", "scope") == true || d.allows(h.role, n)
	}
	for _, bad := range v.parameters("parameter", want, p, allowed) {
		d.problem(h.role, "%s", bad)
	}
	resource := ""
	if d.mode == "MCP_OAUTH2_GENERIC" {
		resource, _ = d.configValue("mcp_server_url")
	}
	d.checkResource(h.role, resource, p)
	d.spend(h.role, p.Get("refresh_token"))
	if len(d.problems) > before {
		return oauthAnswer(http.StatusBadRequest, "invalid_grant", "see Problems")
	}
	return d.tokens(h.role)
}

// spend uses a refresh token up.
func (d *Dialect) spend(role, token string) {
	r := d.grants.refresh[token]
	switch {
	case r == nil:
		d.problem(role, "the refresh token is %q, which was never issued", token)
	case r.used:
		d.problem(role, "the refresh token %q was used before", token)
	default:
		r.used = d.own("refresh", "rotation") != "none" && dig(d.entry, "refresh", "keep") != true
	}
}

// tokens is a token response with a new pair.
func (d *Dialect) tokens(role string) Answer {
	pair := d.pair()
	if role == "refresh" && d.own("refresh", "rotation") == "none" {
		delete(pair, "refresh_token")
	}
	out := d.placePair(pair)
	if path := textOf(d.entry["alternate_access_token_response_path"]); path != "" {
		inner := out
		out = map[string]any{"ok": true}
		setPath(out, path, inner)
	}
	if s := d.scope(); s != "" {
		out["scope"] = s
	}
	d.addMetadata(out)
	return d.sent(role, out)
}

// addMetadata puts the values in that the client copies, where a dot in the name
// may mean a nested object or a flat name.
func (d *Dialect) addMetadata(out map[string]any) {
	for _, name := range textsOf(d.entry["token_response_metadata"]) {
		setPath(out, name, d.learned[name])
		out[name] = d.learned[name]
	}
	for k, v := range d.raw {
		setPath(out, k, v)
	}
	for _, step := range d.discoveries("token_response") {
		for _, f := range findings(step) {
			setPath(out, f.path, d.around(f))
		}
	}
}

// sent applies the Override's last word.
func (d *Dialect) sent(role string, out map[string]any) Answer {
	if d.Override.Answer != nil {
		d.Override.Answer(role, out)
	}
	return jsonAnswer(d.goodStatus(role), out)
}

// clientCredentials answers OAUTH2_CC.
func (d *Dialect) clientCredentials(h *hit) Answer {
	before := len(d.problems)
	p, _ := d.tokenParameters(h, textOf(d.entry["body_format"]))
	id, secret := d.in.Credentials["client_id"], d.in.Credentials["client_secret"]
	v := d.newView(h.r, h.body)
	want := templateMap(d.entry["token_params"])
	d.standardNames(h, p, map[string]string{"client_id": id, "client_secret": secret})
	how, own := ownAuths[d.own("client_auth")]
	if !own {
		how = map[string]clientAuth{"basic": headerRaw, "custom": inCustom, "private_key_jwt": byAssertion}[textOf(d.entry["token_request_auth_method"])]
	}
	d.checkClient(h, p, how, id, secret)
	if scope := d.configuredScope(); scope != "" && want["scope"] == "" {
		want["scope"] = scope
	}
	emptyScope := func(n string) bool { return n == "scope" && p.Get(n) == "" || d.allows(h.role, n) }
	for _, bad := range v.parameters("parameter", want, p, emptyScope) {
		d.problem(h.role, "%s", bad)
	}
	if len(d.problems) > before {
		return oauthAnswer(http.StatusBadRequest, "invalid_client", "see Problems")
	}
	access := d.newAccess(tokenLife)
	if claims := d.fromClaims("access_token"); claims != nil {
		access.value = d.unsignedJWT(claims, tokenLife)
	}
	pair := map[string]any{"access_token": access.value, "expires_in": int(tokenLife.Seconds()), "token_type": "Bearer"}
	if textOf(d.entry["expires_in_unit"]) == "milliseconds" {
		pair["expires_in"] = tokenLife.Milliseconds()
	}
	out := d.placePair(pair)
	d.addMetadata(out)
	return d.sent(h.role, out)
}

// configuredScope is oauth_scopes of the connection, a list with commas, or else
// the integration's.
func (d *Dialect) configuredScope() string {
	if list, ok := d.configValue("oauth_scopes"); ok && list != "" {
		return strings.Join(strings.Split(list, ","), d.separator())
	}
	return d.scope()
}

func (d *Dialect) noAuthorization(h *hit) {
	if a := h.r.Header.Get("Authorization"); a != "" {
		d.problem(h.role, "header authorization is %q, and nothing asks for one", a)
	}
}
