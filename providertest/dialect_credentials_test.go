package providertest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const credentialsEntry = `
auth_mode: OAUTH2_CC
token_url: https://${connectionConfig.region}.vendor.test/token
scope_separator: ","
token_params: {grant_type: client_credentials, audience: "${connectionConfig.audience} || https://api.vendor.test"}
connection_config: {region: {type: string, enum: [eu, us]}, audience: {type: string, optional: true}}
proxy: {base_url: https://api.vendor.test}
`

func credentialsScript(w *wire) {
	in := w.d.Inputs()
	form := url.Values{
		"grant_type": {"client_credentials"}, "audience": {in.Config["audience"]}, "scope": {in.Config["oauth_scopes"]},
	}
	id, secret := in.Credentials["client_id"], in.Credentials["client_secret"]
	m := msg{url: "https://eu.vendor.test/token", form: form, header: http.Header{}}
	switch textOf(w.d.entry["token_request_auth_method"]) {
	case "basic":
		m.header.Set("Authorization", basicHeader(id, secret))
	case "custom":
		form.Set("username", id)
		form.Set("password", secret)
	default:
		form.Set("client_id", id)
		form.Set("client_secret", secret)
	}
	if textOf(w.d.entry["body_format"]) == "query" {
		m.url, m.form = m.url+"?"+form.Encode(), nil
	}
	for _, role := range []string{"token", "token2"} {
		r := w.do(role, m)
		if a := r.str("access_token"); a != "" {
			w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(a)})
			w.d.Expire()
			if r := w.do("expired", msg{method: "GET", url: "https://api.vendor.test/x", header: bearer(a)}); r.status != 401 {
				w.t.Errorf("%d for an expired token", r.status)
			}
		}
		m.header = m.header.Clone()
	}
}

func TestDialectClientCredentials(t *testing.T) {
	t.Parallel()
	shared := []edit{
		{"wrong grant", "token", set("grant_type", "password"), "grant_type is"},
		{"scope separator", "token", func(m *msg) { m.form.Set("scope", strings.ReplaceAll(m.form.Get("scope"), ",", " ")) }, "scope is"},
		{"fallback although there is a value", "token", set("audience", "https://api.vendor.test"), "audience is"},
		{"literal template", "token", set("audience", "${connectionConfig.audience}"), "audience is"},
		{"other region", "token", to("https://us.vendor.test/token"), "nothing in the entry names"},
		{"no token", "api", hdel("Authorization"), "authorization is missing"},
	}
	body := append([]edit{
		{"header too", "token", hset("Authorization", "Basic eDp5"), "authenticates in the body"},
		{"no secret", "token", del("client_secret"), "client_secret is missing"},
	}, shared...)
	header := append([]edit{
		{"no header", "token", hdel("Authorization"), "authorization is missing"},
		{"secret too", "token", set("client_secret", "x"), "authenticates in the header"},
		{"encoded", "token", func(m *msg) {
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.header.Get("Authorization"), "Basic "))
			id, secret, _ := strings.Cut(string(raw), ":")
			m.header.Set("Authorization", basicHeader(url.QueryEscape(id), url.QueryEscape(secret)))
		}, "authorization is"},
	}, shared...)
	custom := append([]edit{
		{"standard names", "token", rename("username", "client_id"), "client_id is not asked for"},
		{"header too", "token", hset("Authorization", "Basic eDp5"), "nothing asks for one"},
	}, shared...)
	query := []edit{
		{"form", "token", func(m *msg) {
			u, q, _ := strings.Cut(m.url, "?")
			m.url, m.raw = u, q
		}, "want it empty"},
	}
	for name, c := range map[string]struct {
		key   string
		edits []edit
	}{
		"body": {"", body}, "header": {"token_request_auth_method: basic", header},
		"custom": {"token_request_auth_method: custom", custom}, "query": {"body_format: query", query},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scripted(t, "credentials", credentialsEntry+c.key, credentialsScript, c.edits)
		})
	}
}
