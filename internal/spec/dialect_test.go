package spec

import (
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tieline/tieline/internal/template"
)

// compareEntries looks at compiled templates by their text.
var compareEntries = cmp.Options{
	cmp.Comparer(func(a, b *template.Text) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
	cmp.Comparer(func(a, b *template.URL) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
	cmp.Comparer(func(a, b *regexp.Regexp) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
}

func text(t *testing.T, src string) *template.Text {
	t.Helper()
	out, err := template.Compile(src, template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCallbackAndExpiry(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2)
	if e.StateParam != "state" || e.ExpiresAtFormat != "auto" || e.ExpiryInToken || e.Success != (Success{}) || e.Refresh.Success != (Success{}) || len(e.TokenQueryParams) != 0 {
		t.Errorf("without the keys: %q, %q, %v, %+v", e.StateParam, e.ExpiresAtFormat, e.ExpiryInToken, e.Success)
	}
	e = entry(t, oauth2+"  state_param_in_callback: payload\n  expires_at_format: unix\n  expiry: jwt\n  token_query_params: [redirect_uri]\n  authorization_param_names: {response_type: \"\"}\n  client_auth: basic_secret\n")
	if to, ok := e.AuthorizationParamNames["response_type"]; !ok || to != "" {
		t.Errorf("response_type becomes %q, %v", to, ok)
	}
	if e.StateParam != "payload" || e.ExpiresAtFormat != "unix" || !e.ExpiryInToken || len(e.TokenQueryParams) != 1 || e.ClientAuth != ClientAuthBasicSecret {
		t.Errorf("with the keys: %q, %q, %v, %s", e.StateParam, e.ExpiresAtFormat, e.ExpiryInToken, e.ClientAuth)
	}
	if _, ok := entry(t, oauth2+"  authorization_param_names:\n    scope:\n").AuthorizationParamNames["scope"]; ok {
		t.Error("a name without a value leaves the parameter out")
	}
	for unit, want := range map[string]time.Duration{"milliseconds": time.Millisecond, "seconds": time.Second, "minutes": time.Minute, "hours": time.Hour, "days": 24 * time.Hour} {
		if got := entry(t, oauth2+"  expires_in_unit: "+unit+"\n").ExpiresInUnit; got != want {
			t.Errorf("%s are %v", unit, got)
		}
	}
}

func TestSuccessKey(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]Success{
		"{path: ok, equals: true}":       {"ok", "equals", "true", 0},
		"{path: r, equals: \"0000\"}":    {"r", "equals", "0000", 0},
		"{path: r, equals: \"\"}":        {"r", "equals", "", 0},
		"{path: s, not_equals: error}":   {"s", "not_equals", "error", 0},
		"{path: a.b, present: true}":     {"a.b", "present", "", 0},
		"{path: errors, present: false}": {"errors", "absent", "", 0},
		"{path: ok}":                     {"ok", "present", "", 0},
		"{status: 201}":                  {"", "", "", 201},
		"{status: 200, path: ok}":        {"ok", "present", "", 200},
	} {
		if e := entry(t, oauth2+"  success: "+src+"\n"); e.Success != want || e.Refresh.Success != want {
			t.Errorf("%s: %+v, at the refresh %+v", src, e.Success, e.Refresh.Success)
		}
		if e := entry(t, oauth2+"  refresh: {success: "+src+"}\n"); e.Success != (Success{}) || e.Refresh.Success != want {
			t.Errorf("%s at the refresh alone: %+v, %+v", src, e.Success, e.Refresh.Success)
		}
	}
}

func TestRefreshRequest(t *testing.T) {
	t.Parallel()
	const first = "  body_format: json\n  client_auth: basic\n  token_headers: {x: \"1\"}\n  token_param_names: {client_id: app}\n"
	names := map[string]string{"client_id": "app"}
	header := []Param{{Name: "x", Value: text(t, "1")}}
	then := "  then: [{url: https://example.com/x}]\n"
	base := Refresh{Grant: GrantRefreshToken, GrantType: "refresh_token", Rotation: "optional", ParamNames: names, ClientAuth: ClientAuthBasic, Body: BodyJSON, Method: "POST", Headers: header}
	with := func(change func(r *Refresh)) Refresh { r := base; change(&r); return r }
	tests := []struct {
		src  string
		want Refresh
	}{
		{"", base},
		{"  refresh: {param_names: {refresh_token: t}, client_auth: none, body_format: form, method: post, headers: {y: \"2\"}, keep: true}\n", with(func(r *Refresh) {
			r.ParamNames, r.ClientAuth, r.Body, r.Headers, r.Keep = map[string]string{"refresh_token": "t"}, ClientAuthNone, BodyForm, []Param{{Name: "y", Value: text(t, "2")}}, true
		})},
		{"  refresh: {param_names: {}, headers: {}}\n", with(func(r *Refresh) { r.ParamNames, r.Headers = map[string]string{}, []Param{} })},
		{"  refresh: {method: get}\n", with(func(r *Refresh) { r.Method, r.Body = "GET", BodyQuery })},
		{"  refresh: {method: GET, body_format: query}\n", with(func(r *Refresh) { r.Method, r.Body = "GET", BodyQuery })},
		{"  refresh: {grant: exchange}\n" + then, with(func(r *Refresh) { r.Grant, r.GrantType, r.TokenParam = GrantExchange, "", "access_token" })},
		{"  refresh: {grant: exchange, token_param: t, then: true}\n  refresh_params: {grant_type: fb_exchange_token}\n" + then, with(func(r *Refresh) {
			r.Grant, r.GrantType, r.TokenParam, r.Then = GrantExchange, "fb_exchange_token", "t", true
		})},
		{"  refresh: {grant: reissue}\n  token_params: {grant_type: client_credentials}\n" + then, with(func(r *Refresh) { r.Grant, r.GrantType, r.Then = GrantReissue, "client_credentials", true })},
		{"  refresh: {grant: reissue}\n  refresh_params: {grant_type: g}\n", with(func(r *Refresh) { r.Grant, r.GrantType = GrantReissue, "g" })},
		{"  refresh: {grant: prolong, prolong_seconds: 60}\n" + then, with(func(r *Refresh) { r.Grant, r.Prolong = GrantProlong, time.Minute })},
		{then, with(func(r *Refresh) { r.Then = true })},
		{"  refresh: {then: false}\n" + then, base},
		{"  refresh: {introspect: true}\n  introspection: {url: https://example.com/i}\n", with(func(r *Refresh) { r.Introspect = true })},
	}
	for _, tt := range tests {
		e := entry(t, oauth2+first+tt.src)
		again := roundTrip(t, e)
		for what, got := range map[string]Refresh{"loaded": e.Refresh, "decoded": again.Refresh} {
			if diff := cmp.Diff(tt.want, got, compareEntries); diff != "" {
				t.Errorf("%q, %s (-want +got):\n%s", tt.src, what, diff)
			}
		}
	}
}

// roundTrip is the entry as it comes out of the fast form.
func roundTrip(t *testing.T, e *Entry) *Entry {
	t.Helper()
	data, err := EncodeEntry(e)
	if err != nil {
		t.Fatal(err)
	}
	again, err := DecodeEntry(e.Name, string(data))
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// An empty mapping is not an absent one, in the fast form either.
func TestEmptyRefreshParamsSurvive(t *testing.T) {
	t.Parallel()
	e := roundTrip(t, entry(t, oauth2+"  token_params: {resource: r}\n  refresh_params: {}\n"))
	if form, err := e.RefreshParams.Form(env(nil)); err != nil || len(form) > 0 {
		t.Errorf("refreshes with %v, %v", form, err)
	}
}

func TestThen(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2+`  then:
    - {url: "https://example.com/exchange", method: get, params: {grant_type: ig, t: "${accessToken}", s: "${clientSecret}"}, optional: true}
    - {url: "${answer.restUrl}/login", params: {a: {b: "${answer.user.id}"}}, headers: {x: "${connectionConfig.k}"}, body_format: json, response_fields: {access_token: BhRestToken}, expires_in_unit: days}
  connection_config: {k: {type: string}}
`)
	a, b := e.Then[0], e.Then[1]
	if a.Method != "GET" || a.Body != BodyQuery || !a.Optional || a.ExpiresInUnit != time.Second || len(a.Headers) != 0 {
		t.Errorf("the first exchange: %+v", a)
	}
	values := env(map[string]string{"accessToken": "AT", "clientSecret": "S", "answer.restUrl": "https://rest9.example.com/x", "answer.user.id": "7", "connectionConfig.k": "K"})
	form, err := a.Params.Form(values)
	if want := (url.Values{"grant_type": {"ig"}, "t": {"AT"}, "s": {"S"}}); err != nil || !cmp.Equal(form, want) {
		t.Errorf("its parameters: %v, %v", form, err)
	}
	if b.Method != "POST" || b.Body != BodyJSON || b.Optional || b.ExpiresInUnit != 24*time.Hour || b.ResponseFields["access_token"] != "BhRestToken" {
		t.Errorf("the second exchange: %+v", b)
	}
	if u, err := b.URL.Expand(values); err != nil || u.String() != "https://rest9.example.com/x/login" {
		t.Errorf("its URL: %v, %v", u, err)
	}
	if v, err := b.Params.Expand(values); err != nil || v.Map[0].Value.Map.Text("b") != "7" {
		t.Errorf("its parameters: %v, %v", v, err)
	}
	if v, _, err := b.Headers[0].Expand(values); err != nil || v != "K" {
		t.Errorf("its header: %q, %v", v, err)
	}
}

func TestDiscoveryKey(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2+`  discovery:
    - {from: "claims:access_token", values: {event: authentication_event_id}, on_refresh: true}
    - url: https://api.example.com/connections
      select: {where: {authEventId: "${connectionConfig.event}", live: true, url: {ends_with: .example.com, contains: a}}, only: true}
      values: {tenant: tenantId, hash: {path: mail, transform: sha256}, dc: {path: url, pattern: "^https://([a-z0-9]+)\\.", transform: lower}}
      optional: true
      only_if_missing: true
    - {url: rpc, method: post, headers: {x: "${accessToken}"}, data: {q: "{ me }"}, select: {path: data.users, first: true}, values: {name: ""}}
`)
	condition := func(path, test, value string) Condition { return Condition{path, test, text(t, value)} }
	want := []Discovery{
		{From: DiscoverAccessToken, Values: []DiscoveredValue{{Name: "event", Path: "authentication_event_id"}}, OnRefresh: true},
		{
			From: DiscoverResponse, Optional: true, OnlyIfMissing: true,
			Call: &APICall{URL: e.Discovery[1].Call.URL, Method: "GET", Headers: []Param{}},
			Select: &Select{Only: true, Where: []Condition{
				condition("authEventId", "equals", "${connectionConfig.event}"), condition("live", "equals", "true"),
				condition("url", "ends_with", ".example.com"), condition("url", "contains", "a"),
			}},
			Values: []DiscoveredValue{{Name: "tenant", Path: "tenantId"}, {Name: "hash", Path: "mail", Transform: "sha256"},
				{Name: "dc", Path: "url", Pattern: regexp.MustCompile(`^https://([a-z0-9]+)\.`), Transform: "lower"}},
		},
		{
			From:   DiscoverResponse,
			Call:   &APICall{URL: e.Discovery[2].Call.URL, Method: "POST", Headers: []Param{{Name: "x", Value: text(t, "${accessToken}")}}, Data: e.Discovery[2].Call.Data},
			Select: &Select{Path: "data.users"}, Values: []DiscoveredValue{{Name: "name"}},
		},
	}
	for what, got := range map[string]*Entry{"loaded": e, "decoded": roundTrip(t, e)} {
		if diff := cmp.Diff(want, got.Discovery, compareEntries); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
		if names := strings.Join(got.ConfigNames, " "); names != "dc event hash name tenant" {
			t.Errorf("%s: config names %s", what, names)
		}
	}
	if data, err := e.Discovery[2].Call.Data.Expand(env(nil)); err != nil || data.Map.Text("q") != "{ me }" {
		t.Errorf("data %v, %v", data, err)
	}
	if got := e.Discovery[1].Call.URL.String() + " " + e.Discovery[2].Call.URL.String(); got != "https://api.example.com/connections rpc" {
		t.Errorf("URLs %s", got)
	}
}

func TestVerifyAndUninstall(t *testing.T) {
	t.Parallel()
	const verify = "  verify:\n    - {url: /me}\n    - {url: /you, method: post, data: {k: v}, expect: {status: [200, 401], path: a.b, equals: \"\", not_contains: no, content_type: Text/CSV}}\n"
	e := entry(t, apiKeyWith("verification: {endpoints: [/old]}")+verify+"  uninstall: {url: /app}\n")
	if e.Verification != nil || len(e.Verify) != 2 {
		t.Fatalf("verification %+v, checks %+v", e.Verification, e.Verify)
	}
	if v := e.Verify[0]; v.Call.Method != "GET" || !cmp.Equal(v.Expect, Expect{}) || v.Call.URL.String() != "/me" {
		t.Errorf("the first check: %+v", v)
	}
	want := Expect{Status: []int{200, 401}, Path: "a.b", HasEquals: true, NotContains: "no", ContentType: "text/csv"}
	if v := e.Verify[1]; v.Call.Method != "POST" || !cmp.Equal(v.Expect, want) {
		t.Errorf("the second check: %+v", v)
	}
	if e.Uninstall.Method != "POST" || e.Uninstall.URL.String() != "/app" || e.Uninstall.Data.Kind != Null {
		t.Errorf("uninstall %+v", e.Uninstall)
	}
	if e := entry(t, apiKeyWith("verification: {endpoints: [/old]}")); e.Verification == nil || e.Verify != nil || e.Uninstall != nil {
		t.Errorf("without the keys: %+v, %+v, %+v", e.Verification, e.Verify, e.Uninstall)
	}
}

func TestAdditionalTokens(t *testing.T) {
	t.Parallel()
	e := entry(t, oauth2With("headers: {x-bot: \"${tokens.bot}\"}")+`  client_auth: basic
  body_format: json
  additional_tokens:
    - {name: bot, response_fields: {access_token: bot.token, refresh_token: bot.refresh}, optional: true}
    - {name: site, refresh: {params: {scope: s, r: "${refresh_token}"}}}
    - {name: other, refresh: {url: https://other.example.com/token, method: get, headers: {x: y}, client_auth: none}}
    - {name: app, refresh: {grant: client_credentials}}
`)
	got := e.AdditionalTokens
	if got[0].Refresh != nil || !got[0].Optional || got[0].ResponseFields["refresh_token"] != "bot.refresh" {
		t.Errorf("the first: %+v", got[0])
	}
	if r := got[1].Refresh; got[1].ResponseFields != nil || r.URL != e.RefreshURL || r.Method != "POST" || r.Body != BodyJSON || r.ClientAuth != ClientAuthBasic || len(r.Params.Members) != 2 {
		t.Errorf("the second: %+v, %+v", got[1], r)
	}
	if r := got[2].Refresh; r.URL.String() != "https://other.example.com/token" || r.Method != "GET" || r.Body != BodyQuery || r.ClientAuth != ClientAuthNone || len(r.Headers) != 1 {
		t.Errorf("the third: %+v", r)
	}
	if got[1].Refresh.Application || got[2].Refresh.Application || !got[3].Refresh.Application {
		t.Errorf("the application's own: %+v", got)
	}
	if v, _, err := e.ProxyHeaders[0].Expand(env(map[string]string{"tokens.bot": "B"})); err != nil || v != "B" {
		t.Errorf("header %q, %v", v, err)
	}
}

// What the format has in its types and no known entry uses.
func TestUnusedKeysOfTheFormat(t *testing.T) {
	t.Parallel()
	_, got := load(t, `a:
  auth_mode: CUSTOM
  authorization_url: https://example.com/authorize
  token_url: {OAUTH2: https://example.com/t, APP: https://example.com/t, API_KEY: https://example.com/t, BASIC: https://example.com/t, NONE: https://example.com/t,
    OAUTH1: https://example.com/t, OAUTH2CC: https://example.com/t, CUSTOM: https://example.com/t, APP_STORE: https://example.com/t}
  token_url_skip_encode: [base_url]
  available_scopes: [a]
  proxy: {base_url: https://api.example.com, paginate: {type: offset, offset_name_in_request: o, offset_calculation_method: per-page}}
b:
  auth_mode: TBA
  access_token_url: https://example.com/t
  proxy: {base_url: https://api.example.com}
c:
  auth_mode: OAUTH1
  request_url: https://example.com/r
  authorization_url: https://example.com/a
  token_url: https://example.com/t
  request_http_method: GET
  token_http_method: POST
  proxy: {base_url: https://api.example.com}
d:
  auth_mode: TWO_STEP
  token_url: https://example.com/t
  token_response: {token: t}
  assertion: {type: saml, uid: u, inResponseTo: i, nameIdentifierFormat: n, authnContextClassRef: a, cert: c, includeAttributeNameFormat: true, typedAttributes: true}
  proxy: {base_url: https://api.example.com}
`)
	if len(got) > 0 {
		t.Errorf("problems %q", got)
	}
	_, got = load(t, none+"  proxy_header_authorization: x\n  pre_connection_creation_script: y\n")
	if want := []string{"3 a proxy_header_authorization doubtful unread-key", "4 a pre_connection_creation_script doubtful unread-key"}; !cmp.Equal(got, want) {
		t.Errorf("problems %q", got)
	}
}
