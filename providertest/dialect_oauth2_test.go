package providertest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const plainEntry = `
auth_mode: OAUTH2
authorization_url: https://${connectionConfig.subdomain}.vendor.test/authorize?tenant=main
token_url: https://api.vendor.test/token?v=2
scope_separator: ","
authorization_params: {response_type: code, prompt: consent, session: false}
token_params: {grant_type: authorization_code, kind: web}
refresh_params: {grant_type: refresh_token, kind: again}
token_response_metadata: [instance_url, team.id]
redirect_uri_metadata: [realm]
connection_config:
  subdomain: {type: string, pattern: '^[a-z]{6}$'}
proxy:
  base_url: ${connectionConfig.instance_url}/v1/
  headers: {x-version: "${connectionConfig.version} || 7", x-team: "${connectionConfig.team.id}"}
  query: {fixed: "${connectionConfig.subdomain}"}
`

const callback = "https://app.test/callback"

// plainVisit sends the user to the page.
func plainVisit(w *wire, in Inputs) (url.Values, bool) {
	query := url.Values{
		"tenant": {"main"}, "response_type": {"code"}, "prompt": {"consent"}, "session": {"false"},
		"client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {"state-0123456789abcdef"},
		"scope": {strings.Join(in.Scopes, ",")}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
	}
	return w.visit(msg{url: "https://" + in.Config["subdomain"] + ".vendor.test/authorize", form: query})
}

// plainScript connects, calls, refreshes and calls again.
func plainScript(w *wire) {
	in := w.d.Inputs()
	back, ok := plainVisit(w, in)
	if !ok {
		return
	}
	if back.Get("state") != "state-0123456789abcdef" && w.edit == nil || back.Get("realm") == "" {
		w.t.Errorf("the callback is %v", back)
	}
	exchange := func(role string) wired {
		return w.do(role, msg{url: "https://api.vendor.test/token?v=2", form: url.Values{
			"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "kind": {"web"},
			"code_verifier": {verifier}, "client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
		}})
	}
	token := exchange("token")
	if w.edit != nil && w.edit.role == "code again" {
		exchange("code again")
	}
	base := token.str("instance_url")
	if w.edit == nil && (token.str("team", "id") == "" || token.str("team.id") != token.str("team", "id")) {
		w.t.Errorf("the metadata is not in %s", token.text)
	}
	call := func(role, access string) wired {
		return w.do(role, msg{
			url: base + "/v1/things?fixed=" + in.Config["subdomain"],
			header: http.Header{
				"Authorization": {"Bearer " + access}, "X-Version": {in.Config["version"]}, "X-Team": {token.str("team.id")},
			},
		})
	}
	if base == "" {
		return
	}
	if r := call("api", token.str("access_token")); r.status != 200 && w.edit == nil {
		w.t.Errorf("the API answers %d", r.status)
	}
	w.d.Expire()
	if r := call("expired", token.str("access_token")); r.status != http.StatusUnauthorized {
		w.t.Errorf("the API answers %d to an expired token", r.status)
	}
	refresh := func(role, token string) wired {
		return w.do(role, msg{url: "https://api.vendor.test/token?v=2", form: url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {token}, "kind": {"again"},
			"client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
		}})
	}
	again := refresh("refresh", token.str("refresh_token"))
	if w.edit != nil && w.edit.role == "reuse" {
		refresh("reuse", token.str("refresh_token"))
	}
	if again.str("access_token") == "" {
		return
	}
	if r := call("api2", again.str("access_token")); r.status != 200 && w.edit == nil {
		w.t.Errorf("the API answers %d after the refresh", r.status)
	}
}

func TestDialectOAuth2(t *testing.T) {
	t.Parallel()
	scripted(t, "plain", plainEntry, plainScript, slices.Concat(authorizeEdits(), tokenEdits(), apiEdits(), refreshEdits()))
}

func authorizeEdits() []edit {
	return []edit{
		{"page elsewhere", "authorize", to("https://other.vendor.test/authorize"), "the page is"},
		{"page's query dropped", "authorize", del("tenant"), "tenant is missing"},
		{"fixed parameter changed", "authorize", set("prompt", "none"), `prompt is "none"`},
		{"bool parameter", "authorize", set("session", "true"), "session"},
		{"unknown parameter", "authorize", set("nonce", "x"), "nonce is not asked for"},
		{"no response type", "authorize", del("response_type"), "response_type is missing"},
		{"wrong scope separator", "authorize", func(m *msg) { m.form.Set("scope", strings.ReplaceAll(m.form.Get("scope"), ",", " ")) }, "scope is"},
		{"another client", "authorize", set("client_id", "other"), "client_id is"},
		{"renamed client id", "authorize", rename("client_id", "app_id"), "client_id is"},
		{"no state", "authorize", del("state"), "state is missing"},
		{"short state", "authorize", set("state", "1"), "can be guessed"},
		{"no redirect uri", "authorize", del("redirect_uri"), "redirect_uri is missing"},
		{"relative redirect uri", "authorize", set("redirect_uri", "/callback"), "not an absolute URL"},
		{"plain challenge", "authorize", set("code_challenge_method", "plain"), "code_challenge_method"},
		{"no challenge", "authorize", del("code_challenge"), "code_challenge is"},
		{"short challenge", "authorize", set("code_challenge", "abc"), "code_challenge is"},
		{"state twice", "authorize", func(m *msg) { m.form.Add("state", "state-0123456789abcdef") }, "more than once"},
		{"fragment", "authorize", func(m *msg) { m.raw = m.url + "?" + m.form.Encode() + "#x" }, "has a fragment"},
	}
}

func tokenEdits() []edit {
	return []edit{
		{"token elsewhere", "token", to("https://api.vendor.test/oauth/token?v=2"), "nothing in the entry names"},
		{"token query dropped", "token", to("https://api.vendor.test/token"), "v is missing"},
		{"token query added", "token", to("https://api.vendor.test/token?v=2&w=3"), "w is not asked for"},
		{"wrong method", "token", by("PUT"), "the method is PUT"},
		{"JSON body", "token", func(m *msg) { m.raw = `{"code":"x"}` }, "the body is no form"},
		{"no content type", "token", hdel("Content-Type"), "header content-type"},
		{"wrong grant", "token", set("grant_type", "password"), "grant_type is"},
		{"code used again", "code again", func(*msg) {}, "the code was used before"},
		{"wrong code", "token", set("code", "x"), "which was never given"},
		{"renamed code", "token", rename("code", "auth_code"), "auth_code is not asked for"},
		{"another redirect uri", "token", set("redirect_uri", callback+"/"), "redirect_uri is"},
		{"no redirect uri again", "token", del("redirect_uri"), "redirect_uri is missing"},
		{"no verifier", "token", del("code_verifier"), "does not match the challenge"},
		{"wrong verifier", "token", set("code_verifier", verifier+"x"), "does not match the challenge"},
		{"no token param", "token", del("kind"), "kind is missing"},
		{"token param twice", "token", func(m *msg) { m.form.Add("kind", "web") }, "kind is given more than once"},
		{"extra token param", "token", set("scope", "x"), "scope is not asked for"},
		{"no secret", "token", del("client_secret"), "client_secret is missing"},
		{"wrong secret", "token", set("client_secret", "x"), "client_secret is"},
		{"secret twice", "token", func(m *msg) { m.form.Add("client_secret", "x") }, "more than once"},
		{"secret also in header", "token", func(m *msg) {
			m.header.Set("Authorization", basicHeader(m.form.Get("client_id"), m.form.Get("client_secret")))
		}, "authenticates in the body"},
	}
}

func apiEdits() []edit {
	return []edit{
		{"no token", "api", hdel("Authorization"), "authorization is missing"},
		{"unknown token", "api", hset("Authorization", "Bearer x"), "authorization is"},
		{"other scheme", "api", func(m *msg) {
			m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), "Bearer", "Token", 1))
		}, "authorization is"},
		{"no extra header", "api", hdel("X-Version"), "x-version is missing"},
		{"wrong extra header", "api", hset("X-Version", "7"), "x-version is"},
		{"no metadata header", "api", hdel("X-Team"), "x-team is missing"},
		{"no fixed query", "api", func(m *msg) { m.url = strings.Split(m.url, "?")[0] }, "query fixed"},
		{"two slashes", "api", func(m *msg) { m.url = strings.Replace(m.url, "/v1/", "/v1//", 1) }, "two slashes"},
		{"outside the base", "api", func(m *msg) { m.url = strings.Replace(m.url, "/v1/", "/v2/", 1) }, "nothing in the entry names"},
		{"another host", "api", func(m *msg) { m.url = strings.Replace(m.url, "https://", "https://evil.", 1) }, "nothing in the entry names"},
		{"plain http", "api", func(m *msg) { m.url = strings.Replace(m.url, "https:", "http:", 1) }, "nothing in the entry names"},
	}
}

func refreshEdits() []edit {
	return []edit{
		{"refresh with the code's grant", "refresh", set("grant_type", "authorization_code"), "grant_type is"},
		{"refresh param", "refresh", set("kind", "web"), "kind is"},
		{"refresh without client", "refresh", del("client_id"), "client_id is missing"},
		{"unknown refresh token", "refresh", set("refresh_token", "x"), "never issued"},
		{"refresh with scope", "refresh", set("scope", "x"), "scope is not asked for"},
		{"refresh token reused", "reuse", func(*msg) {}, "was used before"},
	}
}

// basicScript is a client of providers with client authentication in the header,
// a JSON body, no PKCE and a refresh URL of its own.
func basicScript(header func(in Inputs) string) func(w *wire) {
	return func(w *wire) {
		in := w.d.Inputs()
		back, ok := w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{
			"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback},
			"state": {"state-0123456789abcdef"}, "scope": {strings.Join(in.Scopes, " ")},
		}})
		if !ok {
			return
		}
		auth := http.Header{"Authorization": {header(in)}}
		token := w.do("token", msg{url: "https://vendor.test/token", header: auth.Clone(), json: map[string]any{
			"grant_type": "authorization_code", "code": back.Get("code"), "redirect_uri": callback,
		}})
		if token.str("access_token") == "" {
			return
		}
		w.do("refresh", msg{url: "https://vendor.test/refresh?now", header: auth.Clone(), json: map[string]any{
			"grant_type": "refresh_token", "refresh_token": token.str("refresh_token"),
		}})
	}
}

const basicEntry = `
auth_mode: OAUTH2
authorization_url: https://vendor.test/authorize
token_url: https://vendor.test/token
refresh_url: https://vendor.test/refresh?now
disable_pkce: true
body_format: json
`

func TestDialectClientAuthInHeader(t *testing.T) {
	t.Parallel()
	raw := func(in Inputs) string { return basicHeader(in.ClientID, in.ClientSecret) }
	encoded := func(in Inputs) string {
		return basicHeader(url.QueryEscape(in.ClientID), url.QueryEscape(in.ClientSecret))
	}
	edits := []edit{
		{"no header", "token", hdel("Authorization"), "authorization is missing"},
		{"wrong secret", "token", hset("Authorization", basicHeader("a", "b")), "authorization is"},
		{"id also in body", "token", func(m *msg) { m.json["client_id"] = "x" }, "authenticates in the header"},
		{"secret also in body", "token", func(m *msg) { m.json["client_secret"] = "x" }, "authenticates in the header"},
		{"form body", "token", func(m *msg) { m.raw = "code=x" }, "the body is no JSON object"},
		{"form type", "token", hset("Content-Type", formType), "header content-type"},
		{"challenge", "authorize", func(m *msg) {
			m.form.Set("code_challenge", challengeOf(verifier))
			m.form.Set("code_challenge_method", "S256")
		}, "code_challenge is not asked for"},
		{"verifier", "token", func(m *msg) { m.json["code_verifier"] = verifier }, "there was no challenge"},
		{"refresh at the token URL", "refresh", to("https://vendor.test/token"), "grant_type is"},
		{"refresh URL without query", "refresh", to("https://vendor.test/refresh"), "nothing in the entry names"},
	}
	for name, c := range map[string]struct {
		key          string
		right, wrong func(Inputs) string
	}{
		"raw":     {"token_request_auth_method: basic", raw, encoded},
		"encoded": {"authorization_method: header", encoded, raw},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scripted(t, "basic", basicEntry+c.key, basicScript(c.right), edits)
			d := newTestDialect(t, "basic", basicEntry+c.key)
			basicScript(c.wrong)(&wire{t: t, d: d})
			if len(d.Problems()) == 0 {
				t.Error("the other encoding of the Basic header gives no problem")
			}
		})
	}
	for _, h := range []func(Inputs) string{raw, encoded} {
		d := newTestDialect(t, "both", basicEntry+"token_request_auth_method: basic\nauthorization_method: header")
		basicScript(h)(&wire{t: t, d: d})
		if len(d.Problems()) > 0 || len(d.Doubts()) != 1 {
			t.Errorf("with both methods: problems %q, doubts %q", d.Problems(), d.Doubts())
		}
	}
}

// oddEntry has the ways in which authorization URLs differ.
const oddEntry = `
auth_mode: OAUTH2
authorization_url: https://vendor.test/
authorization_url_fragment: /oauth/authorize
authorization_url_replacements: {client_id=: appKey=, response_type: "", state: customField, ignored: 3}
authorization_url_skip_encode: [scopes]
authorization_code_param_in_callback: auth_code
authorization_params: {nonce: "${random}"}
scope_separator: "+"
disable_pkce: true
token_url: https://vendor.test/token
alternate_access_token_response_path: authed_user
`

func oddScript(w *wire) {
	in := w.d.Inputs()
	q := "appKey=" + url.QueryEscape(in.ClientID) + "&customField=state-0123456789abcdef&redirect_uri=" + url.QueryEscape(callback) +
		"&nonce=5b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f&scope=" + strings.Join(in.Scopes, "+")
	back, ok := w.visit(msg{raw: "https://vendor.test/#/oauth/authorize?" + q})
	if !ok {
		return
	}
	if w.edit == nil && (back.Get("customField") == "" || back.Has("state") || back.Has("code")) {
		w.t.Errorf("the callback is %v", back)
	}
	r := w.do("token", msg{url: "https://vendor.test/token", form: url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("auth_code")}, "redirect_uri": {callback},
		"client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
	}})
	if w.edit == nil && (r.str("access_token") != "" || r.str("authed_user", "access_token") == "") {
		w.t.Errorf("the answer is %s", r.text)
	}
}

func TestDialectOddAuthorizationURLs(t *testing.T) {
	t.Parallel()
	replace := func(from, to string) func(*msg) {
		return func(m *msg) { m.raw = strings.Replace(m.raw, from, to, 1) }
	}
	scripted(t, "odd", oddEntry, oddScript, []edit{
		{"standard client id", "authorize", replace("appKey", "client_id"), "client_id is"},
		{"standard state", "authorize", replace("customField", "state"), "state is not asked for"},
		{"query before fragment", "authorize", func(m *msg) { m.raw = strings.Replace(m.raw, "#/oauth/authorize", "", 1) }, "the fragment is"},
		{"response type", "authorize", func(m *msg) { m.raw += "&response_type=code" }, "response_type is not asked for"},
		{"escaped scope", "authorize", replace("+write", "%2Bwrite"), "scope is"},
		{"nonce no UUID", "authorize", replace("5b0c7a0e-0f6c-4a59", "5b0c7a0e"), "no UUID"},
	})
}

func TestDialectScopes(t *testing.T) {
	t.Parallel()
	const entry = "auth_mode: OAUTH2\nauthorization_url: https://vendor.test/a\ntoken_url: https://vendor.test/t\ndisable_pkce: true\n"
	for _, c := range []struct {
		name, entry, query string
		scopes             []string
		problem            bool
	}{
		{"none, empty sent", entry, "&scope=", nil, false},
		{"none, none sent", entry, "", nil, false},
		{"none, one sent", entry, "&scope=x", nil, true},
		{"none, empty sent, to be skipped", entry + "authorization_url_skip_empty: true", "&scope=", nil, true},
		{"fixed by the entry", entry + "authorization_params: {scope: fixed}", "&scope=fixed", []string{"a"}, false},
		{"fixed by the entry, others sent", entry + "authorization_params: {scope: fixed}", "&scope=a", []string{"a"}, true},
		{"a plus that is escaped", entry + "scope_separator: '+'", "&scope=a%2Bb", []string{"a", "b"}, false},
		{"a plus that is not", entry + "scope_separator: '+'", "&scope=a+b", []string{"a", "b"}, true},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			d := newTestDialect(t, "scopes", c.entry)
			in := d.Inputs()
			in.Scopes = c.scopes
			d.Use(in)
			q := url.Values{"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {"state-0123456789abcdef"}}
			if _, err := d.Authorize(t.Context(), "https://vendor.test/a?"+q.Encode()+c.query); err != nil {
				t.Fatal(err)
			}
			if got := d.Problems(); (len(got) > 0) != c.problem {
				t.Errorf("problems %q, want some: %v", got, c.problem)
			}
		})
	}
}

func TestDialectOutbound(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "outbound", `
auth_mode: OAUTH2
installation: outbound
token_url: https://vendor.test/token
disable_pkce: true
authorization_code_param_in_webhook: data.installation.code
webhook_response_metadata: [installation.uuid]
`)
	if _, err := d.Authorize(t.Context(), "https://vendor.test/"); err == nil {
		t.Error("there is a page to visit")
	}
	hook := d.Webhook()
	in := d.Inputs()
	w := &wire{t: t, d: d}
	r := w.do("token", msg{url: "https://vendor.test/token", form: url.Values{
		"grant_type": {"authorization_code"}, "code": {textOf(dig(hook, "data", "installation", "code"))},
		"client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
	}})
	if r.status != 200 || len(d.Problems()) > 0 || textOf(dig(hook, "data", "installation", "uuid")) == "" {
		t.Errorf("%d %q for the webhook %v", r.status, d.Problems(), hook)
	}
}
