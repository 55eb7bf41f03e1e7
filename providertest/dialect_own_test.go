package providertest

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const ownEntry = `
auth_mode: OAUTH2
authorization_url: https://vendor.test/authorize
token_url: https://vendor.test/token
pushed_authorization_url: https://vendor.test/par
client_auth: basic_secret
pkce: forbidden
authorization_param_names: {response_type: ""}
state_param_in_callback: status
token_param_names: {code: auth_code, grant_type: ""}
response_fields: {access_token: data.token, expires_at: data.until}
expires_at_format: unix_ms
success: {path: ok, equals: "yes"}
refresh: {grant: refresh_token, client_auth: body, body_format: json, param_names: {}, rotation: none}
connection_config:
  account: {type: string, automated: true, source: discovery}
  team: {type: string, automated: true, source: discovery}
  region: {type: string, automated: true, source: discovery, pattern: '^[a-z]{2}$'}
discovery:
  - url: /accounts
    select: {path: items, where: {kind: main}, first: true}
    values: {account: id}
  - {from: token_response, values: {team: owner.team}}
  - {from: "claims:id_token", values: {region: {path: host, pattern: '^api-([a-z]{2})\.vendor$'}}}
proxy:
  base_url: https://api.vendor.test
verify:
  - {url: "/me?full=1", expect: {status: [203], path: user.id}}
`

func basicSecret(in Inputs) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(in.ClientSecret+":"))
}

func ownScript(w *wire) {
	in := w.d.Inputs()
	pushed := w.do("par", msg{url: "https://vendor.test/par", header: http.Header{"Authorization": {basicSecret(in)}}, form: url.Values{
		"redirect_uri": {callback}, "state": {"state-0123456789abcdef"}, "scope": {strings.Join(in.Scopes, " ")},
	}})
	back, ok := w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{"client_id": {in.ClientID}, "request_uri": {pushed.str("request_uri")}}})
	if !ok {
		return
	}
	if w.edit == nil && back.Get("status") != "state-0123456789abcdef" {
		w.t.Errorf("the callback is %v", back)
	}
	token := w.do("token", msg{url: "https://vendor.test/token", header: http.Header{"Authorization": {basicSecret(in)}}, form: url.Values{
		"auth_code": {back.Get("code")}, "redirect_uri": {callback},
	}})
	access := token.str("data", "token")
	if w.edit == nil && (access == "" || token.str("data", "until") == "" || token.str("ok") != "yes" || token.str("owner", "team") == "" || token.str("expires_in") != "") {
		w.t.Errorf("the token response is %s", token.text)
	}
	claims, err := base64.RawURLEncoding.DecodeString(strings.Split(token.str("id_token")+"..", ".")[1])
	if w.edit == nil && (err != nil || !strings.Contains(string(claims), `.vendor"`)) {
		w.t.Errorf("the claims are %s, %v", claims, err)
	}
	bearer := func() http.Header { return http.Header{"Authorization": {"Bearer " + access}} }
	accounts := w.do("lookup", msg{method: http.MethodGet, url: "https://api.vendor.test/accounts", header: bearer()})
	if w.edit == nil && (!strings.Contains(accounts.text, `"items":[{`) || !strings.Contains(accounts.text, `"kind":"main"`)) {
		w.t.Errorf("the accounts are %s", accounts.text)
	}
	me := w.do("verify", msg{url: "https://api.vendor.test/me?full=1", header: bearer()})
	if w.edit == nil && (me.status != 203 || me.str("user", "id") == "") {
		w.t.Errorf("a good token is answered %d %s", me.status, me.text)
	}
	refresh := func(role string) wired {
		return w.do(role, msg{url: "https://vendor.test/token", json: map[string]any{
			"grant_type": "refresh_token", "refresh_token": token.str("refresh_token"), "client_id": in.ClientID, "client_secret": in.ClientSecret,
		}})
	}
	if again := refresh("refresh"); w.edit == nil && (again.str("data", "token") == "" || again.str("refresh_token") != "") {
		w.t.Errorf("the refresh is answered %s", again.text)
	}
	refresh("same token again")
}

func TestDialectOwnKeys(t *testing.T) {
	t.Parallel()
	scripted(t, "own", ownEntry, ownScript, []edit{
		{"pushed with another secret", "par", hset("Authorization", "Basic eA=="), "header authorization is"},
		{"pushed with a response type", "par", set("response_type", "code"), "response_type is not asked for"},
		{"pushed with a challenge", "par", set("code_challenge", challengeOf(verifier)), "code_challenge is not asked for"},
		{"pushed twice over", "authorize", set("state", "x"), "want only the client_id and the request_uri"},
		{"secret in the body", "token", set("client_secret", "x"), "the client authenticates in the header"},
		{"id as the user name", "token", hset("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("id:secret"))), "header authorization is"},
		{"standard name", "token", rename("auth_code", "code"), `which this provider calls "auth_code"`},
		{"dropped parameter", "token", set("grant_type", "authorization_code"), `which this provider calls ""`},
		{"look-up without a token", "lookup", hdel("Authorization"), "authorization is missing"},
		{"verification without a token", "verify", hdel("Authorization"), "authorization is missing"},
		{"refresh as a form", "refresh", func(m *msg) { m.raw, m.json = "grant_type=refresh_token", nil }, "the body is no JSON"},
		{"refresh with the header", "refresh", hset("Authorization", "Basic x"), "the client authenticates in the body"},
	})
}

const exchangeEntry = `
auth_mode: OAUTH2
authorization_url: https://vendor.test/authorize
token_url: https://vendor.test/token
refresh_url: https://vendor.test/long
refresh_params: {grant_type: exchange}
refresh: {grant: exchange, method: GET, token_param: old}
proxy: {base_url: "https://api.vendor.test"}
`

func TestDialectExchange(t *testing.T) {
	t.Parallel()
	scripted(t, "exchange", exchangeEntry, func(w *wire) {
		in := w.d.Inputs()
		back, ok := w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{
			"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {"state-0123456789abcdef"},
			"scope": {strings.Join(in.Scopes, " ")}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
		}})
		if !ok {
			return
		}
		token := w.do("token", msg{url: "https://vendor.test/token", form: url.Values{
			"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier},
			"client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
		}})
		if token.str("refresh_token") != "" {
			w.t.Errorf("there is a refresh token in %s", token.text)
		}
		q := url.Values{"grant_type": {"exchange"}, "old": {token.str("access_token")}}
		again := w.do("refresh", msg{method: http.MethodGet, url: "https://vendor.test/long?" + q.Encode()})
		if w.edit == nil && again.str("access_token") == token.str("access_token") {
			w.t.Errorf("the exchange is answered %s", again.text)
		}
	}, []edit{
		{"posted", "refresh", by(http.MethodPost), "the method is POST"},
		{"another token", "refresh", to("https://vendor.test/long?grant_type=exchange&old=x"), "which was never issued"},
		{"another grant", "refresh", func(m *msg) { m.url = strings.ReplaceAll(m.url, "grant_type=exchange", "grant_type=x") }, "grant_type is"},
	})
}

const besideEntry = `
auth_mode: OAUTH2
authorization_url: https://vendor.test/authorize
token_url: https://vendor.test/token
pkce: forbidden
success: {path: ok, status: 201}
then: [{url: "https://vendor.test/token", method: GET, params: {grant_type: trade, old: "${accessToken}"}}]
introspection: {url: "https://vendor.test/introspect", auth: basic}
refresh: {introspect: true}
additional_tokens: [{name: files, refresh: {params: {scope: files}}}]
connection_config:
  account: {type: string, automated: true, source: discovery}
discovery: [{url: /me, values: {account: id}}]
proxy: {base_url: "https://api.vendor.test"}
verify: [{url: /me, expect: {path: active, equals: true}}]
`

func besideScript(w *wire) {
	in := w.d.Inputs()
	back, ok := w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{
		"response_type": {"code"}, "client_id": {in.ClientID}, "redirect_uri": {callback}, "state": {"state-0123456789abcdef"},
		"scope": {strings.Join(in.Scopes, " ")},
	}})
	if !ok {
		return
	}
	client := url.Values{"client_id": {in.ClientID}, "client_secret": {in.ClientSecret}}
	with := func(more url.Values) url.Values {
		maps.Copy(more, client)
		return more
	}
	token := w.do("token", msg{url: "https://vendor.test/token", form: with(url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback},
	})})
	if w.edit == nil && (token.status != 201 || token.str("expires_in") != "" || token.str("refresh_token") == "") {
		w.t.Errorf("the token response is %d %s", token.status, token.text)
	}
	q := url.Values{"grant_type": {"trade"}, "old": {token.str("access_token")}}
	longer := w.do("then", msg{method: http.MethodGet, url: "https://vendor.test/token?" + q.Encode()})
	access := longer.str("access_token")
	if w.edit == nil && (access == "" || access == token.str("access_token")) {
		w.t.Errorf("the trade is answered %s", longer.text)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(in.ClientID)+":"+url.QueryEscape(in.ClientSecret)))
	told := w.do("introspection", msg{url: "https://vendor.test/introspect", header: http.Header{"Authorization": {basic}}, form: url.Values{"token": {access}}})
	if w.edit == nil && (told.str("active") != "true" || told.str("exp") == "") {
		w.t.Errorf("the introspection is answered %s", told.text)
	}
	me := w.do("lookup", msg{method: http.MethodGet, url: "https://api.vendor.test/me", header: http.Header{"Authorization": {"Bearer " + access}}})
	if w.edit == nil && (me.str("id") == "" || me.str("active") != "true") {
		w.t.Errorf("a call that looks up and tries out is answered %s", me.text)
	}
	w.do("refresh", msg{url: "https://vendor.test/token", form: with(url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {token.str("refresh_token")}, "scope": {"files"},
	})})
}

func TestDialectBeside(t *testing.T) {
	t.Parallel()
	scripted(t, "beside", besideEntry, besideScript, []edit{
		{"traded another token", "then", to("https://vendor.test/token?grant_type=trade&old=x"), "parameter old"},
		{"asked about another token", "introspection", set("token", "x"), "which was never issued"},
		{"asked by nobody", "introspection", hdel("Authorization"), "header authorization is"},
		{"another scope", "refresh", set("scope", "x"), "scope is not asked for"},
	})
}
