package spec

import (
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/template"
)

func entry(t *testing.T, src string) *Entry {
	t.Helper()
	set, problems := Load(File{Name: "f.yaml", Data: []byte(src)})
	for _, p := range problems {
		if p.Severity == Rejected {
			t.Fatalf("%s\nin\n%s", p, src)
		}
	}
	e, ok := set.Lookup("a")
	if !ok {
		t.Fatalf("no entry a in\n%s", src)
	}
	return e
}

func env(values map[string]string) *template.Env {
	return &template.Env{Lookup: func(r template.Ref) (string, bool) { v, ok := values[r.String()]; return v, ok }}
}

func TestClientAuth(t *testing.T) {
	t.Parallel()
	tests := map[string]ClientAuth{
		"":                                  ClientAuthBody,
		"authorization_method: header":      ClientAuthBasic,
		"token_request_auth_method: basic":  ClientAuthBasicRaw,
		"token_request_auth_method: custom": ClientAuthCustom,
		"token_request_auth_method: private_key_jwt":                           ClientAuthPrivateKeyJWT,
		"authorization_method: header\n  token_request_auth_method: basic":     ClientAuthBasic,
		"authorization_method: header\n  client_auth: none":                    ClientAuthNone,
		"token_request_auth_method: basic\n  client_auth: body":                ClientAuthBody,
		"authorization_method: body\n  token_request_auth_method: basic":       ClientAuthBasicRaw,
		"client_auth: basic_raw\n  revocation: {url: \"https://example.com\"}": ClientAuthBasicRaw,
	}
	for src, want := range tests {
		e := entry(t, oauth2+"  "+src+"\n")
		if e.ClientAuth != want {
			t.Errorf("%q: client auth %s, want %s", src, e.ClientAuth, want)
		}
		if e.Revocation != nil && e.Revocation.Auth != want {
			t.Errorf("%q: revocation auth %s, want %s", src, e.Revocation.Auth, want)
		}
	}
}

func TestPKCE(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]PKCE{
		"": PKCEOptional, "disable_pkce: true": PKCEForbidden, "disable_pkce: false": PKCEOptional,
		"pkce: required": PKCERequired, "pkce: forbidden": PKCEForbidden, "pkce: required\n  disable_pkce: true": PKCERequired,
	} {
		if e := entry(t, oauth2+"  "+src+"\n"); e.PKCE != want {
			t.Errorf("%q: PKCE %s, want %s", src, e.PKCE, want)
		}
	}
}

// A refresh says refresh_token, whatever the first request said.
func TestRefreshGrant(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src, grant, grantType, params string
	}{
		{oauth2, GrantRefreshToken, "refresh_token", ""},
		{oauth2 + "  token_params: {grant_type: authorization_code, resource: r}\n", GrantRefreshToken, "refresh_token", "resource=r"},
		{oauth2 + "  token_params: {redirect_uri: x, code_verifier: y, code: z}\n", GrantRefreshToken, "refresh_token", ""},
		{oauth2 + "  token_params: {resource: r}\n  refresh_params: {}\n", GrantRefreshToken, "refresh_token", ""},
		{oauth2 + "  token_params: {resource: r}\n  refresh_params: {grant_type: refresh, type: t}\n", GrantRefreshToken, "refresh", "type=t"},
		{oauth2 + "  refresh: {grant: none}\n", GrantNone, "refresh_token", ""},
		{clientCredentials, GrantNone, "refresh_token", ""},
		{twoStep, GrantNone, "refresh_token", ""},
		{twoStep + "  refresh_token_params: {t: \"${refresh_token}\"}\n", GrantRefreshToken, "refresh_token", ""},
		{none, GrantNone, "refresh_token", ""},
	}
	for _, tt := range tests {
		e := entry(t, tt.src)
		form, err := e.RefreshParams.Form(env(nil))
		if err != nil {
			t.Fatal(err)
		}
		if e.Refresh.Grant != tt.grant || e.Refresh.GrantType != tt.grantType || form.Encode() != tt.params {
			t.Errorf("grant %s, type %s, params %s; want %s, %s, %s; in\n%s", e.Refresh.Grant, e.Refresh.GrantType, form.Encode(), tt.grant, tt.grantType, tt.params, tt.src)
		}
	}
}

func TestTokenGrant(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, grant, params string }{
		{oauth2, "authorization_code", ""},
		{oauth2 + "  token_params: {grant_type: authorization_code, a: b}\n", "authorization_code", "a=b"},
		{clientCredentials, "client_credentials", ""},
		{strings.Replace(clientCredentials, "grant_type: client_credentials", "a: b", 1), "", "a=b"},
		{twoStep + "  token_params: {grant_type: password}\n", "", "grant_type=password"},
	}
	for _, tt := range tests {
		e := entry(t, tt.src)
		form, err := e.TokenParams.Form(env(nil))
		if err != nil || e.TokenGrant != tt.grant || form.Encode() != tt.params {
			t.Errorf("grant %q, params %q, %v; want %q, %q; in\n%s", e.TokenGrant, form.Encode(), err, tt.grant, tt.params, tt.src)
		}
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2)
	if e.BodyFormat != BodyForm || e.TokenMethod != "POST" || e.ScopeSeparator != " " || e.CodeParam != "code" || e.ExpiresInUnit != time.Second ||
		e.Refresh.Rotation != "optional" || e.Refresh.DefaultExpiresIn != 0 || e.Refresh.MaxExpiresIn != 0 || e.ExpiryBuffer != 0 ||
		e.NeverExpires || e.RawScopes || e.OmitEmptyParams || e.Retry == nil || e.Paginate != nil || e.Verification != nil {
		t.Errorf("defaults: %+v", e)
	}
	if e.RefreshURL != e.TokenURL {
		t.Error("the refresh URL is not the token URL")
	}
	e = entry(t, twoStep+"  token_expires_in_ms: 0\n")
	if e.BodyFormat != BodyJSON || !e.NeverExpires || e.FixedLifetime != 0 {
		t.Errorf("TWO_STEP: body %s, never expires %v after %v", e.BodyFormat, e.NeverExpires, e.FixedLifetime)
	}
	if e = entry(t, twoStep+"  token_expires_in_ms: 90000\n"); e.NeverExpires || e.FixedLifetime != 90*time.Second {
		t.Errorf("lifetime %v, never expires %v", e.FixedLifetime, e.NeverExpires)
	}
}

func TestDeclared(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2+`  refresh_url: https://example.com/refresh
  body_format: json
  scope_separator: ","
  authorization_code_param_in_callback: spapi_oauth_code
  authorization_url_skip_empty: true
  authorization_url_skip_encode: [scopes]
  expires_in_unit: milliseconds
  token_expiration_buffer: 30
  revocation: {url: "https://example.com/revoke", method: delete, token: access_token, token_param: t, auth: bearer, body_format: query, params: {a: "${token}"}, headers: {h: "${accessToken}"}}
  introspection: {url: "https://example.com/introspect", auth: basic}
  refresh: {rotation: always, grace_seconds: 60, grace_answer: same_answer, reuse: revoke_family, old_access_token: dies, idle_seconds: 10, lifetime_seconds: 20, default_expires_in: 30, max_expires_in: 40, errors: [{status: 400, class: permanent}]}
`)
	u, err := e.RefreshURL.Expand(nil)
	if err != nil || u.Path != "/refresh" {
		t.Errorf("refresh URL %v, %v", u, err)
	}
	if e.BodyFormat != BodyJSON || e.ScopeSeparator != "," || e.CodeParam != "spapi_oauth_code" || !e.OmitEmptyParams || !e.RawScopes ||
		e.ExpiresInUnit != time.Millisecond || e.ExpiryBuffer != 30*time.Second {
		t.Errorf("%+v", e)
	}
	if r := e.Revocation; r.Method != "DELETE" || r.Token != "access_token" || r.TokenParam != "t" || r.Auth != ClientAuthBearer || r.Body != BodyQuery || len(r.Params) != 1 || len(r.Headers) != 1 {
		t.Errorf("revocation %+v", r)
	}
	if i := e.Introspection; i.Auth != ClientAuthBasic || i.URL.String() != "https://example.com/introspect" {
		t.Errorf("introspection %+v", i)
	}
	r := e.Refresh
	if r.Rotation != "always" || r.Grace != time.Minute || r.GraceAnswer != "same_answer" || r.Reuse != "revoke_family" || r.OldAccessToken != "dies" ||
		r.Idle != 10*time.Second || r.Lifetime != 20*time.Second || r.DefaultExpiresIn != 30*time.Second || r.MaxExpiresIn != 40*time.Second || len(r.Errors) != 1 {
		t.Errorf("refresh %+v", r)
	}
}

func TestHugeDurations(t *testing.T) {
	t.Parallel()
	if d := seconds(1 << 62); d <= 0 {
		t.Errorf("seconds overflow to %v", d)
	}
	if d := milliseconds(-1); d != 0 {
		t.Errorf("a negative number is %v", d)
	}
}

func TestCaptures(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2+`  token_response_metadata: [instance_url, team.id]
  redirect_uri_metadata: [realmId]
  webhook_response_metadata: [installation.uuid]
  connection_config:
    site: {type: string, automated: true, source: "token_response:account.site"}
    realmId: {type: string, automated: true, source: "callback:realm"}
    cloud: {type: string, automated: true, source: discovery}
`)
	want := []Capture{
		{"site", FromTokenResponse, "account.site"}, {"realmId", FromCallback, "realm"}, {"instance_url", FromTokenResponse, "instance_url"},
		{"team.id", FromTokenResponse, "team.id"}, {"installation.uuid", FromWebhook, "installation.uuid"},
	}
	if len(e.Captures) != len(want) {
		t.Fatalf("captures %v, want %v", e.Captures, want)
	}
	for i := range want {
		if e.Captures[i] != want[i] {
			t.Errorf("capture %d is %v, want %v", i, e.Captures[i], want[i])
		}
	}
	if got := strings.Join(e.ConfigNames, " "); got != "cloud installation.uuid instance_url realmId site team.id" {
		t.Errorf("ConfigNames %s", got)
	}
}

func TestParamsAreSortedAndBodiesAreNot(t *testing.T) {
	t.Parallel()
	e := entry(t, twoStep+`  body_format: xml
  token_params: {request: {z: {$id: "1", v: "${credentials.user}"}, a: 2, m: true, l: [x, "${credentials.pass}"]}}
  token_headers: {x-b: b, x-a: a}
  credentials: {user: {type: string}, pass: {type: string, secret: true}}
`)
	if e.TokenHeaders[0].Name != "x-a" || e.TokenHeaders[1].Name != "x-b" {
		t.Errorf("headers %v", e.TokenHeaders)
	}
	v, err := e.TokenParams.Expand(env(map[string]string{"credentials.user": "u", "credentials.pass": "p"}))
	if err != nil {
		t.Fatal(err)
	}
	data, err := v.MarshalJSON()
	if want := `{"request":{"z":{"$id":"1","v":"u"},"a":2,"m":true,"l":["x","p"]}}`; err != nil || string(data) != want {
		t.Errorf("body %s, %v, want %s", data, err, want)
	}
	if _, err := e.TokenParams.Form(env(map[string]string{"credentials.user": "u", "credentials.pass": "p"})); err == nil {
		t.Error("what nests became a form")
	}
	if _, err := e.TokenParams.Expand(env(nil)); err == nil {
		t.Error("a missing credential is no error")
	}
}

func TestOptionalParams(t *testing.T) {
	t.Parallel()
	e := entry(t, `a:
  auth_mode: TWO_STEP
  token_url: https://example.com/login
  token_response: {token: token}
  token_params: {org: "${connectionConfig.org}", scopes: ["${connectionConfig.org}"], nested: {org: "${connectionConfig.org}"}, fixed: x, empty: {}}
  proxy: {base_url: https://api.example.com, headers: {x-org: "${connectionConfig.org}", x-req: "${connectionConfig.req}"}}
  connection_config: {org: {type: string, optional: true}, req: {type: string}}
`)
	for _, values := range []map[string]string{{}, {"connectionConfig.org": ""}} {
		v, err := e.TokenParams.Expand(env(values))
		if err != nil {
			t.Fatal(err)
		}
		if data, _ := v.MarshalJSON(); string(data) != `{"fixed":"x","empty":{}}` {
			t.Errorf("with %v: body %s", values, data)
		}
		if _, send, err := e.ProxyHeaders[0].Expand(env(values)); send || err != nil {
			t.Errorf("with %v: the optional header: send %v, %v", values, send, err)
		}
		if _, _, err := e.ProxyHeaders[1].Expand(env(values)); err == nil {
			t.Errorf("with %v: the header that is not optional is no error", values)
		}
	}
	if v, send, err := e.ProxyHeaders[0].Expand(env(map[string]string{"connectionConfig.org": "o"})); v != "o" || !send || err != nil {
		t.Errorf("the optional header with a value: %q, %v, %v", v, send, err)
	}
	if form, err := e.TokenParams.Without("scopes", "nested", "empty").Form(env(nil)); err != nil || form.Encode() != "fixed=x" {
		t.Errorf("form %s, %v", form.Encode(), err)
	}
	if form, err := e.TokenParams.Without("scopes", "nested", "empty").Form(env(map[string]string{"connectionConfig.org": "o"})); err != nil || form.Encode() != "fixed=x&org=o" {
		t.Errorf("form %s, %v", form.Encode(), err)
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	e := entry(t, twoStep+`  body_format: form
  additional_steps:
    - {token_url: "${step1.base}/second", token_params: {a: "${step1.token}"}, token_headers: {authorization: "Bearer ${step1.token}"}, body_format: json}
    - {token_url: "https://example.com/${step2.path}", token_request_method: GET}
`)
	values := map[string]string{"step1.base": "https://b.example.com/", "step1.token": "t1", "step2.path": "p"}
	var urls []string
	for _, s := range e.Steps {
		u, err := s.URL.Expand(env(values))
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, s.Method+" "+u.String()+" "+string(s.Body))
	}
	if got := strings.Join(urls, ", "); got != "POST https://b.example.com/second json, GET https://example.com/p form" {
		t.Errorf("steps %s", got)
	}
	if v, _, err := e.Steps[0].Headers[0].Expand(env(values)); err != nil || v != "Bearer t1" {
		t.Errorf("header %q, %v", v, err)
	}
}

// Two bars in a signing key are part of it.
func TestSigningKeyHasNoAlternatives(t *testing.T) {
	t.Parallel()
	e := entry(t, `a:
  auth_mode: JWT
  signature: {protocol: HMAC}
  token: {signing_key: "${credentials.id}||${credentials.secret}", expires_in_ms: 1500, header: {alg: HS256}, payload: {iss: "${credentials.id} || x"}}
  proxy: {base_url: https://api.example.com}
  credentials: {id: {type: string}, secret: {type: string}}
`)
	values := env(map[string]string{"credentials.id": "i", "credentials.secret": "s"})
	if key, err := e.Token.SigningKey.Expand(values); err != nil || key != "i||s" {
		t.Errorf("signing key %q, %v", key, err)
	}
	if v, err := e.Token.Payload.Expand(env(nil)); err != nil || v.Map.Text("iss") != "x" {
		t.Errorf("payload %v, %v", v, err)
	}
	if e.Token.Lifetime != 1500*time.Millisecond {
		t.Errorf("lifetime %v", e.Token.Lifetime)
	}
}

func TestAssertions(t *testing.T) {
	t.Parallel()
	e := entry(t, twoStep+"  assertion: {type: jwt, key: \"${assertionOption.key}\", header: {alg: RS256}, payload: {iss: me, jti: \"${random}\"}}\n  assertion_option: {key: {type: string}}\n")
	if a := e.Assertion; a.SAML || a.Lifetime != time.Hour || len(a.Payload.Members) != 2 {
		t.Errorf("assertion %+v", a)
	}
	e = entry(t, twoStep+"  assertion: {type: saml, issuer: me, audiences: [a, b], attributes: {y: true, x: \"1\"}, lifetimeInSeconds: \"60\"}\n")
	if a := e.Assertion; !a.SAML || a.Lifetime != time.Minute || len(a.Audiences) != 2 || a.Attributes[0].Name != "x" || a.Attributes[1].Value.String() != "true" || a.Recipient != nil {
		t.Errorf("assertion %+v", a)
	}
	if a := entry(t, twoStep+"  assertion: {type: saml, audiences: a}\n").Assertion; len(a.Audiences) != 1 || a.Lifetime != 5*time.Minute {
		t.Errorf("assertion %+v", a)
	}
}

func TestVerification(t *testing.T) {
	t.Parallel()
	e := entry(t, apiKeyWith("verification: {endpoints: [/me, \"users?k=${apiKey}\"], headers: {accept: a/b}, data: {a: [1, null]}}"))
	v := e.Verification
	if v.Method != "GET" || v.BaseURL != e.BaseURL || len(v.Endpoints) != 2 || len(v.Headers) != 1 {
		t.Fatalf("verification %+v", v)
	}
	u, err := v.Endpoints[1].Expand(env(map[string]string{"apiKey": "k&"}))
	if err != nil || u.String() != "users?k=k%26" {
		t.Errorf("endpoint %v, %v", u, err)
	}
	e = entry(t, apiKeyWith("verification: {method: post, endpoints: [/], base_url_override: \"https://v.example.com\"}"))
	if e.Verification.Method != "POST" || e.Verification.BaseURL.String() != "https://v.example.com" {
		t.Errorf("verification %+v", e.Verification)
	}
}

func TestPaginationThatWorks(t *testing.T) {
	t.Parallel()
	for keys, works := range map[string]bool{
		"type: link, link_rel_in_response_header: next": true, "type: link, link_path_in_response_body: next": true, "type: link": false,
		"type: cursor, cursor_name_in_request: c, cursor_path_in_response: n": true, "type: cursor, cursor_name_in_request: c": false,
		"type: offset, offset_name_in_request: o": true, "type: offset": false,
	} {
		if e := entry(t, apiKeyWith("paginate: {"+keys+"}")); (e.Paginate != nil) != works {
			t.Errorf("pagination %s: works %v, want %v", keys, e.Paginate != nil, works)
		}
	}
}
