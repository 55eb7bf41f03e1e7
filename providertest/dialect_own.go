package providertest

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// This file and the next read Tieline's own keys: what an entry says of the
// provider that the format it comes from has no words for.

// own digs in the entry for the text of one of them.
func (d *Dialect) own(path ...string) string { return textOf(dig(d.entry, path...)) }

var ownAuths = map[string]clientAuth{
	"body": inBody, "basic": headerEncoded, "basic_raw": headerRaw, "basic_secret": headerSecret,
	"custom": inCustom, "private_key_jwt": byAssertion, "none": public,
}

// refreshAuth is how the client authenticates for a refresh.
func (d *Dialect) refreshAuth() clientAuth {
	if how, ok := ownAuths[d.own("refresh", "client_auth")]; ok {
		return how
	}
	return d.clientAuth()
}

func (d *Dialect) refreshFormat() string {
	return cmp.Or(d.own("refresh", "body_format"), d.own("body_format"))
}

// pkce says whether a challenge comes: unless it breaks the flow.
func (d *Dialect) pkce() bool {
	if p := d.own("pkce"); p != "" {
		return p != "forbidden"
	}
	return d.entry["disable_pkce"] != true || d.mode != "OAUTH2"
}

// standardNames gives the parameters of a token request their standard names. One
// that the provider has no use for must not be there, and is what it would be.
func (d *Dialect) standardNames(h *hit, p url.Values, dropped map[string]string) {
	names := mapOf(d.entry["token_param_names"])
	if h.role == "refresh" {
		if own, ok := dig(d.entry, "refresh", "param_names").(map[string]any); ok {
			names = own
		}
	}
	for _, standard := range sortedKeys(names) {
		name := textOf(names[standard])
		if p.Has(standard) {
			d.problem(h.role, "parameter %s is sent, which this provider calls %q", standard, name)
			continue
		}
		if name == "" {
			if v, ok := dropped[standard]; ok {
				p.Set(standard, v)
			}
			continue
		}
		if p.Has(name) {
			p[standard] = p[name]
			p.Del(name)
		}
	}
}

// codeless tells whether the token request has no code: whoever came back allowed it.
func (d *Dialect) codeless() bool { return dig(d.entry, "token_param_names", "code") == "" }

// grant is how the entry keeps a credential alive.
func (d *Dialect) grant() string { return cmp.Or(d.own("refresh", "grant"), "refresh_token") }

// planGrant plans the refreshes that are not of RFC 6749 section 6, and reports
// whether the grant is one of them.
func (d *Dialect) planGrant() bool {
	switch d.grant() {
	case "none":
		return true
	case "exchange":
		param := cmp.Or(d.own("refresh", "token_param"), "access_token")
		d.addIf("refresh", cmp.Or(d.own("refresh_url"), d.tokenURL()), d.exchangeAccess, func(r *http.Request, body []byte) bool {
			return looseParameters(r, body).Get(param) != ""
		})
		return true
	case "reissue":
		d.addIf("refresh", d.tokenURL(), d.exchange, func(*http.Request, []byte) bool { return len(d.grants.access) > 0 })
		return true
	case "prolong":
		d.doubt("refresh.grant %s is not played", d.grant())
	}
	return false
}

// besideParams is what a refresh sends that is for one of the additional tokens; nil if
// it is for the access token.
func (d *Dialect) besideParams(p url.Values) map[string]string {
	list, _ := d.entry["additional_tokens"].([]any)
	for _, x := range list {
		params := templateMap(dig(mapOf(x), "refresh", "params"))
		n := 0
		for name, t := range params {
			if v, missing := expand(t, d.get, false); len(missing) == 0 && p.Get(name) == v {
				n++
			}
		}
		if n > 0 && n == len(params) {
			return params
		}
	}
	return nil
}

// exchangeAccess gives a new access token for an old one, which may have expired.
func (d *Dialect) exchangeAccess(h *hit) Answer {
	p := looseParameters(h.r, h.body)
	if want := cmp.Or(d.own("refresh", "method"), http.MethodPost); h.r.Method != want {
		d.problem(h.role, "the method is %s, want %s", h.r.Method, want)
	}
	token := p.Get(cmp.Or(d.own("refresh", "token_param"), "access_token"))
	if !slices.ContainsFunc(d.grants.access, func(a *issued) bool { return a.value == token }) {
		d.problem(h.role, "the access token is %q, which was never issued", token)
		return oauthAnswer(http.StatusBadRequest, "invalid_grant", "see Problems")
	}
	for k, t := range templateMap(d.entry["refresh_params"]) {
		d.equal(h.role, "parameter "+k, p[k], t)
	}
	return d.tokens(h.role)
}

// pair is what a token request gives, by standard names.
func (d *Dialect) pair() map[string]any {
	access := d.newAccess(tokenLife)
	if d.own("expiry") == "jwt" || d.fromClaims("access_token") != nil {
		access.value = d.unsignedJWT(d.fromClaims("access_token"), tokenLife)
	}
	out := map[string]any{"access_token": access.value, "token_type": "Bearer"}
	switch d.grant() {
	case "none":
		access.expires = time.Time{}
	case "exchange", "reissue":
		out["expires_in"] = int(tokenLife.Seconds())
	default:
		if d.own("expiry") != "jwt" && dig(d.entry, "refresh", "introspect") != true {
			out["expires_in"] = int(tokenLife.Seconds())
		}
		out["refresh_token"] = d.newRefresh()
	}
	if claims := d.fromClaims("id_token"); claims != nil {
		out["id_token"] = d.unsignedJWT(claims, tokenLife)
	}
	return out
}

// placePair puts a token response where response_fields says.
func (d *Dialect) placePair(pair map[string]any) map[string]any {
	fields := mapOf(d.entry["response_fields"])
	out := map[string]any{}
	for _, name := range sortedKeys(pair) {
		if path := textOf(fields[name]); path != "" {
			setPath(out, path, pair[name])
		} else if name != "expires_in" || fields["expires_at"] == nil {
			out[name] = pair[name]
		}
	}
	if path := textOf(fields["expires_at"]); path != "" && pair["expires_in"] != nil {
		setPath(out, path, d.moment(d.now().Add(tokenLife)))
	}
	d.addSuccess(out, mapOf(d.entry["success"]))
	return out
}

// goodStatus is the status of a token answer that is a success.
func (d *Dialect) goodStatus(role string) int {
	success := mapOf(d.entry["success"])
	if own, ok := dig(d.entry, "refresh", "success").(map[string]any); ok && role == "refresh" {
		success = own
	}
	if n, ok := numberOf(success["status"]); ok {
		return int(n)
	}
	return http.StatusOK
}

// moment is a time as expires_at_format has it.
func (d *Dialect) moment(at time.Time) any {
	switch d.own("expires_at_format") {
	case "rfc3339":
		return at.UTC().Format(time.RFC3339)
	case "unix_ms":
		return at.UnixMilli()
	case "duration":
		return tokenLife.String()
	}
	return at.Unix()
}

// addSuccess makes an answer one that counts as a success.
func (d *Dialect) addSuccess(out, success map[string]any) {
	path := textOf(success["path"])
	switch {
	case path == "":
	case success["equals"] != nil:
		setPath(out, path, success["equals"])
	case success["present"] == true && dig(out, strings.Split(path, ".")...) == nil:
		setPath(out, path, "there")
	}
}

// introspect says how long a token lives (RFC 7662). The same is what an answer would
// say that leaves it out.
func (d *Dialect) introspect(h *hit) Answer {
	p, _ := d.formParameters(h)
	how, ok := ownAuths[d.own("introspection", "auth")]
	if !ok {
		how = d.clientAuth()
	}
	id := cmp.Or(d.in.ClientID, d.in.Credentials["client_id"], d.in.Credentials["clientId"])
	secret := cmp.Or(d.in.ClientSecret, d.in.Credentials["client_secret"], d.in.Credentials["clientSecret"])
	d.checkClient(h, p, how, id, secret)
	i := slices.IndexFunc(d.grants.access, func(a *issued) bool { return a.value == p.Get("token") })
	if i < 0 {
		d.problem(h.role, "the token is %q, which was never issued", p.Get("token"))
		return jsonAnswer(http.StatusOK, map[string]any{"active": false})
	}
	a := d.grants.access[i]
	return jsonAnswer(http.StatusOK, map[string]any{"active": !a.dead(d.now()), "exp": a.expires.Unix()})
}

// push takes an authorization request (RFC 9126 section 2.1).
func (d *Dialect) push(h *hit) Answer {
	p, _ := d.formParameters(h)
	d.checkClient(h, p, d.clientAuth(), d.in.ClientID, d.in.ClientSecret)
	p.Set("client_id", d.in.ClientID)
	uri := "urn:ietf:params:oauth:request_uri:" + d.grants.plain("par-")
	d.grants.pushed[uri] = p
	return jsonAnswer(http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": 60})
}

// pushed is the request that an authorization URL refers to, once; nil if there is none.
func (d *Dialect) pushed(q url.Values) url.Values {
	uri := q.Get("request_uri")
	p := d.grants.pushed[uri]
	delete(d.grants.pushed, uri)
	if len(q) != 2 || q.Get("client_id") != d.in.ClientID {
		d.problem("authorize", "the query is %q, want only the client_id and the request_uri", q.Encode())
	}
	return p
}
