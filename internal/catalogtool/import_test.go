package catalogtool

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tieline/tieline/internal/spec"
)

// What every import begins and ends with.
const importHead = "# Imported; everything marked TODO has to be found out."
const importTail = `  sources: [] # TODO: where each of the facts is from, such as https://docs.acme.example (authorize, token)
  checked: TODO # TODO: the date of the comparison
`

// imports are entries of the other format and what becomes of them.
var imports = []struct{ name, text, want string }{
	{"a grant that no refresh has", `a:
  display_name: A
  auth_mode: OAUTH2
  authorization_url: https://a.example/authorize
  token_url: https://a.example/token
  disable_pkce: true
  authorization_method: header
  token_params: {grant_type: authorization_code, resource: x}
  auth: {response_type: code}
  post_connection_script: aPostConnection
  token_expires_in_ms: 1
  proxy: {base_url: "https://api.a.example"}
`, importHead + ` Left out:
# token_params.grant_type: it is that of the mode, and no refresh has it
# token_expires_in_ms: it has no effect with auth_mode OAUTH2
# post_connection_script: it names code; discovery and then say as data what such code does
# auth: nothing reads it
a:
  display_name: A
  auth_mode: OAUTH2
  authorization_url: https://a.example/authorize
  token_url: https://a.example/token
  token_params:
    resource: x
  pkce: forbidden
  client_auth: basic
  refresh:
    grant: refresh_token
  proxy:
    base_url: https://api.a.example
` + importTail},
	{"a refresh that is spelled out, and captured values", `a:
  auth_mode: OAUTH2
  authorization_url: https://a.example/authorize
  token_url: https://a.example/token
  token_params: {grant_type: authorization_code, expiring: 1}
  refresh_params: {grant_type: refresh_token}
  token_request_auth_method: basic
  token_response_metadata: [host, team.id, asked]
  redirect_uri_metadata: [site, host]
  connection_config:
    asked: {type: string, title: Asked}
    site: {type: string, title: Site, automated: true}
    appSecret: {type: string, title: S}
  proxy: {base_url: "https://api.a.example"}
`, importHead + `
a:
  auth_mode: OAUTH2
  authorization_url: https://a.example/authorize
  token_url: https://a.example/token
  token_params:
    expiring: 1
  pkce: optional
  client_auth: basic_raw
  refresh_params: {}
  refresh:
    grant: refresh_token
  token_response_metadata: [team.id, asked]
  connection_config:
    asked:
      type: string
      title: Asked
    site:
      type: string
      title: Site
      automated: true
      source: callback:site
    appSecret:
      type: string
      title: S
      secret: true
    host:
      type: string
      title: TODO
      description: TODO
      automated: true
      source: token_response:host
  proxy:
    base_url: https://api.a.example
` + importTail},
	{"an alias, and a wrong grant that is spelled out", `b:
  auth_mode: OAUTH2
  authorization_url: https://b.example/authorize
  token_url: https://b.example/token
  refresh_params: {grant_type: authorization_code}
  proxy: {base_url: "https://api.b.example"}
a:
  alias: b
  token_url: https://a.example/token
`, importHead + ` Left out:
# refresh_params.grant_type: a refresh with authorization_code is none
a:
  auth_mode: OAUTH2
  authorization_url: https://b.example/authorize
  token_url: https://a.example/token
  pkce: optional
  client_auth: body
  refresh:
    grant: refresh_token
  proxy:
    base_url: https://api.b.example
` + importTail},
	{"an API key that nothing tries out", `a:
  auth_mode: API_KEY
  credentials:
    apiKey: {type: string}
  proxy: {base_url: "https://a.example", headers: {authorization: "Bearer ${apiKey}"}}
`, importHead + `
a:
  auth_mode: API_KEY
  credentials:
    apiKey:
      type: string
      secret: true
  proxy:
    base_url: https://a.example
    headers:
      authorization: Bearer ${apiKey}
  unverified: TODO # TODO: a verify instead, or why there is none
` + importTail},
	{"client credentials", `a:
  auth_mode: OAUTH2_CC
  token_url: https://a.example/token
  token_params: {grant_type: client_credentials}
  proxy: {base_url: "https://a.example"}
`, importHead + `
a:
  auth_mode: OAUTH2_CC
  token_url: https://a.example/token
  token_params:
    grant_type: client_credentials
  client_auth: body
  refresh:
    grant: none
  proxy:
    base_url: https://a.example
` + importTail},
	{"a login that is refreshed", `a:
  auth_mode: TWO_STEP
  token_url: https://a.example/token
  refresh_token_params: {token: "${refresh_token}"}
  token_response: {token: t, refresh_token: r}
  proxy: {base_url: "https://a.example"}
`, importHead + `
a:
  auth_mode: TWO_STEP
  token_url: https://a.example/token
  token_response:
    token: t
    refresh_token: r
  refresh_token_params:
    token: ${refresh_token}
  refresh:
    grant: refresh_token
  proxy:
    base_url: https://a.example
` + importTail},
}

// Entries of the other format become ours: what is meant is said, what nobody reads is
// gone, and what nobody knows yet is marked.
func TestImport(t *testing.T) {
	t.Parallel()
	for _, tt := range imports {
		got, err := Import(files(tt.text), "a")
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		before, _ := spec.Load(files(tt.text)...)
		after, _ := spec.Load(files(string(got))...)
		a, _ := before.Lookup("a")
		b, ok := after.Lookup("a")
		if !ok {
			t.Errorf("%s: the import cannot be used", tt.name)
			continue
		}
		if strings.Contains(tt.name, "wrong grant") { // it is put right
			a.Refresh.GrantType = "refresh_token"
		}
		if strings.Contains(tt.name, "a grant that no refresh") {
			a.FixedLifetime, b.FixedLifetime = 0, 0
		}
		if diff := cmp.Diff(a, b, sameMeaning...); diff != "" {
			t.Errorf("%s: the import means something else (-want +got):\n%s", tt.name, diff)
		}
		todos := 0
		for _, f := range lintText(string(got), "a.yaml", LintOptions{House: true}) {
			if strings.Contains(f, "no-sources") || strings.Contains(f, "no-date") || strings.Contains(f, "bad-value a checked") {
				todos++
			}
		}
		if todos != 3 {
			t.Errorf("%s: lint does not report what is left to do", tt.name)
		}
	}
}

// What cannot be used cannot be imported, and is told why.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	text := "acme: {auth_mode: API_KEY, proxy: {base_url: \"https://${nothing}.example\"}}\n"
	for name, want := range map[string]string{
		"acme": "acme cannot be used as it is\n  catalog/providers/a.yaml:1:36: acme: proxy.base_url: there is no variable ${nothing} here",
		"acne": "there is no entry acne; there is acme",
	} {
		if _, err := Import(files(text), name); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}
