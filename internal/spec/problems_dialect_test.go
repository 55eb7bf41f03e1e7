package spec

import "strings"

// The rows of TestProblems about requests and answers of the token endpoint, and
// what happens around them. Most rows add to oauth2, so their first line is 6.
var dialectTable = []struct {
	name, src string
	want      []string
}{
	{"a state under another name", oauth2 + "  state_param_in_callback: payload\n", nil},
	{"a state of another mode", apiKey + "  state_param_in_callback: payload\n", []string{"4 a state_param_in_callback doubtful no-effect"}},
	{"parameters left out", oauth2 + "  authorization_param_names: {response_type: \"\", scope: \"\", redirect_uri: \"\", client_id: app_id}\n", nil},
	{"a state left out", oauth2 + "  authorization_param_names: {state: \"\"}\n", []string{"6 a authorization_param_names.state rejected bad-value"}},
	{"a name without a value", oauth2 + "  authorization_param_names:\n    scope:\n", []string{"7 a authorization_param_names.scope doubtful empty-value"}},
	{"two parameters of a name", oauth2 + "  authorization_param_names: {client_id: id, nonce: id}\n  token_param_names: {code: c, client_id: \"\", redirect_uri: \"\", code_verifier: c}\n", []string{
		"6 a authorization_param_names.nonce rejected bad-value", "7 a token_param_names.code_verifier rejected bad-value"}},
	{"half of PKCE", oauth2 + "  authorization_param_names: {code_challenge: \"\"}\n  token_param_names: {code_verifier: \"\"}\n", []string{
		"6 a authorization_param_names.code_challenge doubtful pkce-conflict", "7 a token_param_names.code_verifier doubtful pkce-conflict"}},
	{"none of PKCE", oauth2 + "  pkce: forbidden\n  authorization_param_names: {code_challenge: \"\"}\n", nil},
	{"query parameters", oauth2 + "  token_query_params: [redirect_uri, grant_type, tenant, later]\n  token_params: {tenant: t}\n  refresh_params: {later: l}\n", nil},
	{"query parameters that are not there", oauth2 + "  token_query_params: [redirect_url, code_verifier, client_secret]\n", []string{
		"6 a token_query_params[0] doubtful bad-value", "6 a token_query_params[1] doubtful secret-in-url", "6 a token_query_params[2] doubtful secret-in-url"}},
	{"query parameters beside a query", oauth2 + "  token_query_params: [redirect_uri]\n  body_format: query\n", []string{"6 a token_query_params doubtful no-effect"}},
	{"repeated parameters", oauth2 + "  token_repeated_params: [redirect_uri]\n  token_query_params: [grant_type]\n", nil},
	{"odd repeated parameters", oauth2 + "  token_repeated_params: [redirect_url, client_secret, scope]\n  token_query_params: [scope]\n", []string{
		"6 a token_repeated_params[0] doubtful bad-value", "6 a token_repeated_params[1] doubtful secret-in-url", "6 a token_repeated_params[2] doubtful no-effect"}},
	{"repeated parameters beside a query", oauth2 + "  token_repeated_params: [redirect_uri]\n  body_format: query\n", []string{"6 a token_repeated_params doubtful no-effect"}},
	{"a signature", oauth2 + "  token_signature: {header: sign, text: \"${body}${now:x}${clientId}\", headers: {t: \"${now:x}\"}}\n", nil},
	{"a signature of nothing", oauth2 + "  token_signature: {algorithm: md5, encoding: base32}\n", []string{
		"6 a token_signature rejected missing-key", "6 a token_signature rejected missing-key", "6 a token_signature.algorithm rejected bad-value", "6 a token_signature.encoding rejected bad-value"}},
	{"an odd signature", oauth2 + "  token_signature: {header: \"si gn\", text: \"${now:x}\", headers: {b: \"${body}\"}}\n", []string{
		"6 a token_signature.header rejected header-name", "6 a token_signature.text doubtful no-effect", "6 a token_signature.headers.b rejected unknown-variable"}},
	{"a signature of another mode", apiKey + "  token_signature: {header: sign, text: \"${body}\"}\n", []string{"4 a token_signature doubtful no-effect"}},
	{"an installation that is confirmed", strings.Replace(oauth2, "  authorization_url: https://example.com/authorize\n", "  installation: outbound\n", 1) + "  confirm_installation: {url: https://example.com/i, data: {status: installed}}\n", nil},
	{"odd confirmations", oauth2 + "  confirm_installation: {method: GET}\n", []string{
		"6 a confirm_installation rejected missing-key", "6 a confirm_installation doubtful no-effect", "6 a confirm_installation.method rejected bad-value"}},
	{"the secret as user name", oauth2 + "  client_auth: basic_secret\n  revocation: {url: https://example.com/revoke, auth: basic_secret}\n  introspection: {url: https://example.com/i, auth: basic_secret}\n", nil},
	{"a misspelt place of the secret", oauth2 + "  client_auth: secret_basic\n", []string{"6 a client_auth rejected bad-value"}},

	{"a success", oauth2 + "  success: {path: ok, equals: true}\n", nil},
	{"a success that only has to be there", oauth2 + "  success: {path: ok}\n", nil},
	{"a success of nothing", oauth2 + "  success: {equals: \"0\", present: false}\n", []string{"6 a success rejected missing-key", "6 a success rejected bad-value"}},
	{"a scope again", oauth2 + "  refresh: {scope: true}\n", nil},
	{"a scope again that is there", oauth2 + "  refresh: {scope: true}\n  refresh_params: {scope: all}\n", []string{"6 a refresh.scope doubtful no-effect"}},
	{"a scope without a refresh", oauth2 + "  refresh: {grant: none, scope: true}\n", []string{"6 a refresh.scope doubtful no-effect"}},
	{"a success at a status", oauth2 + "  success: {status: 201}\n  refresh: {success: {status: 200, path: ok}}\n", nil},
	{"successes of odd statuses", oauth2 + "  success: {status: 302}\n  refresh: {success: {status: 201, present: true}}\n", []string{
		"6 a success.status rejected bad-value", "7 a refresh.success rejected missing-key"}},
	{"a misspelt success", oauth2 + "  success: {path: ok, equal: \"0\"}\n", []string{"6 a success.equal doubtful unknown-key"}},
	{"an expiry", oauth2 + "  response_fields: {expires_at: end, id_token: id}\n  expires_at_format: unix_ms\n  expiry: jwt\n  expires_in_unit: hours\n", nil},
	{"odd expiries", oauth2 + "  response_fields: {expires_at: end}\n  expires_at_format: iso\n  expiry: token\n  expires_in_unit: weeks\n", []string{
		"7 a expires_at_format rejected bad-value", "8 a expiry rejected bad-value", "9 a expires_in_unit rejected bad-value"}},
	{"a format of nothing", oauth2 + "  expires_at_format: auto\n", []string{"6 a expires_at_format doubtful no-effect"}},
	{"an empty path", oauth2 + "  response_fields: {access_token: \"\"}\n", []string{"6 a response_fields.access_token doubtful empty-value"}},

	{"an exchange", oauth2 + "  then: [{url: \"${answer.base}/session\", method: get, params: {t: \"${accessToken}\", s: \"${clientSecret}\", r: \"${refreshToken}\"}}]\n", nil},
	{"odd exchanges", oauth2 + "  then:\n    - {params: {a: b}}\n    - {url: https://example.com/x, method: PUT, body_format: xml, expires_in_unit: weeks}\n    - {url: https://example.com/x, method: GET, body_format: json, response_fields: {token: t, access_token: \"\"}}\n    - {url: \"https://example.com/${accessToken}\", params: {x: \"${token}\"}, token_url: https://example.com}\n    - {url: \"https://example.com/${accessToken}\"}\n", []string{
		"7 a then[0] rejected missing-key", "8 a then[1].method rejected bad-value", "8 a then[1].body_format rejected bad-value", "8 a then[1].expires_in_unit rejected bad-value",
		"9 a then[2].body_format rejected bad-value", "9 a then[2].response_fields.token doubtful bad-value", "9 a then[2].response_fields.access_token doubtful empty-value",
		"10 a then[3].params.x rejected unknown-variable", "10 a then[3].token_url doubtful unknown-key"}},
	{"a token in the path of an exchange", oauth2 + "  then:\n    - {url: \"https://example.com/${accessToken}\"}\n    - {url: http://example.com/x}\n", []string{
		"7 a then[0].url doubtful secret-in-url", "8 a then[1].url doubtful plain-http"}},
	{"an answer before there is one", oauth2 + "  token_params: {x: \"${answer.a}\"}\n", []string{"6 a token_params.x rejected unknown-variable"}},
	{"an answer afterwards", oauth2 + "  revocation: {url: \"https://example.com/${answer.a}\", params: {x: \"${refreshToken}\"}}\n", []string{
		"6 a revocation.url rejected unknown-variable", "6 a revocation.params.x rejected unknown-variable"}},
	{"an exchange of another mode", apiKey + "  then: [{url: https://example.com/x}]\n", []string{"4 a then doubtful no-effect"}},

	{"discoveries", discovers("{url: /me, values: {id: user.id}}", "{from: token_response, values: {team: team.id}}", "{from: \"claims:access_token\", on_refresh: true, values: {tid: tid}}",
		"{from: callback, optional: true, values: {realm: realmId}}", "{url: https://other.example.com/x, method: POST, data: {q: \"${connectionConfig.id}\"}, select: {path: list, where: {id: \"${connectionConfig.id}\", u: {starts_with: a, ends_with: b, contains: c}}, only: true}, values: {x: {path: y, pattern: \"(.)\", transform: sha256}, z: \"\"}}"), nil},
	{"odd discoveries", discovers("{url: /me}", "{values: {a: b}}", "{from: heaven, values: {a: b}}", "{from: callback, url: /x, on_refresh: true, select: {path: x}, values: {a: b}}", "{url: \"https://example.com/${accessToken}\", method: PUT, values: {a: b}}", "{url: /x, data: {a: b}, values: {a: b}}"), []string{
		"7 a discovery[0] rejected missing-key", "8 a discovery[1] rejected missing-key", "9 a discovery[2].from rejected bad-value",
		"10 a discovery[3].from rejected bad-value", "10 a discovery[3].on_refresh doubtful no-effect", "10 a discovery[3].select doubtful no-effect",
		"11 a discovery[4].url rejected unknown-variable", "11 a discovery[4].method rejected bad-value", "12 a discovery[5].data rejected bad-value"}},
	{"odd selections", discovers("{url: /x, select: {first: true, only: true, where: {a: {like: b}, c: {}, d: [e], f: {equals: {g: h}}, i: null}}, values: {a: b}}"), []string{
		"7 a discovery[0].select rejected bad-value", "7 a discovery[0].select.where.a.like rejected unknown-key", "7 a discovery[0].select.where.c rejected missing-key",
		"7 a discovery[0].select.where.d rejected wrong-type", "7 a discovery[0].select.where.f.equals rejected wrong-type", "7 a discovery[0].select.where.i rejected wrong-type"}},
	{"odd values", discovers("{url: /x, values: {a: {path: b, pattern: \"(\"}, c: {path: d, pattern: d}, e: {path: f, transform: upper}, g: {paths: h}, i: [j], k: {path: [l]}, m: true}}"), []string{
		"7 a discovery[0].values.a.pattern rejected bad-value", "7 a discovery[0].values.c.pattern rejected bad-value", "7 a discovery[0].values.e.transform rejected bad-value",
		"7 a discovery[0].values.g.paths doubtful unknown-key", "7 a discovery[0].values.g doubtful empty-value", "7 a discovery[0].values.k doubtful empty-value", "7 a discovery[0].values.i rejected wrong-type", "7 a discovery[0].values.k.path rejected wrong-type", "7 a discovery[0].values.m rejected wrong-type"}},
	{"calls that change something", discovers("{url: /x, method: put, effect: true, data: {a: b}, optional: true}", "{url: /x, method: delete, effect: true}"), nil},
	{"odd calls that change something", discovers("{url: /x, effect: true, values: {a: b}}", "{from: callback, effect: true}", "{url: /x, effect: true, only_if_missing: true}", "{url: /x, method: PUT, values: {a: b}}", "{url: /x, effect: true, data: {a: b}}"), []string{
		"7 a discovery[0].effect rejected bad-value", "8 a discovery[1].effect rejected bad-value", "9 a discovery[2].effect rejected bad-value", "10 a discovery[3].method rejected bad-value", "11 a discovery[4].data rejected bad-value"}},
	{"whether it answers", discovers("{url: /x, values: {a: {answers: true}}}", "{from: credential, values: {c: clientId}}"), nil},
	{"odd answers and credentials", discovers("{url: /x, values: {a: {answers: true}, b: c}}", "{url: /x, values: {a: {answers: true, path: b}}}", "{url: /x, values: {a: {answers: no}}}", "{from: credential, values: {c: clientSecret}}"), []string{
		"7 a discovery[0].values.a.answers rejected bad-value", "8 a discovery[1].values.a.answers rejected bad-value", "9 a discovery[2].values.a.answers rejected bad-value", "10 a discovery[3].values.c rejected bad-value"}},
	{"a value of the whole answer", discovers("{url: /x, values: {a: {pattern: \"(.)\"}}}"), []string{"7 a discovery[0].values.a doubtful empty-value"}},
	{"a value that is asked for as well", discovers("{url: /x, values: {a: b}}", "{url: /x, only_if_missing: true, values: {c: d}}") + "  connection_config: {a: {type: string}, c: {type: string, optional: true}}\n", []string{"7 a discovery[0].values.a doubtful source-asked"}},
	{"a source that discovers nothing", discovers("{url: /x, values: {clouId: id, site: url}}") + "  connection_config: {cloudId: {type: string, automated: true, source: discovery}, site: {type: string, automated: true, source: discovery}}\n", []string{
		"8 a connection_config.cloudId.source doubtful bad-value"}},
	{"a source that code discovers", oauth2 + "  connection_config: {cloudId: {type: string, automated: true, source: discovery}}\n", nil},
	{"a discovered host", discoversHost("{url: https://example.com/metadata, values: {dc: dc}}"), nil},
	{"a host that a callback names", discoversHost("{from: callback, values: {dc: dc}}"), []string{"7 a discovery[0].values.dc doubtful host-unconstrained"}},
	{"a host that a callback may choose from", discoversHost("{from: callback, values: {dc: dc}}") + "  connection_config: {dc: {type: string, automated: true, enum: [us1, us2]}}\n", nil},
	{"a relative URL without a base", "a:\n  auth_mode: BASIC\n  discovery: [{url: /x, values: {a: b}}]\n  verify: [{url: me}]\n  uninstall: {url: /x}\n", []string{
		"3 a discovery[0].url rejected missing-key", "4 a verify[0].url rejected missing-key", "5 a uninstall.url rejected missing-key"}},
	{"no answer of a token endpoint", apiKey + "  discovery: [{from: token_response, values: {a: b}}]\n", []string{"4 a discovery[0].from doubtful no-effect"}},
	{"nothing to discover with", none + "  discovery: [{url: https://example.com, values: {a: b}}]\n  verify: [{url: https://example.com}]\n  uninstall: {url: https://example.com}\n", []string{
		"3 a discovery doubtful no-effect", "4 a verify doubtful no-effect", "5 a uninstall doubtful no-effect"}},

	{"checks", apiKey + "  verify:\n    - {url: /me, expect: {status: [200, 403], path: a.b, equals: c, not_contains: x, content_type: application/json}}\n    - {url: https://example.com/x, method: post, data: {k: \"${apiKey}\"}, headers: {x: \"${apiKey}\"}}\n", nil},
	{"a check with a form", apiKey + "  verify: [{url: /x, method: POST, body_format: form, data: {a: {b: \"${apiKey}\"}}, headers: {x: \"${method}\"}}]\n", nil},
	{"odd forms", apiKey + "  verify:\n    - {url: /x, method: POST, body_format: form}\n    - {url: /x, method: POST, body_format: query, data: {a: b}}\n    - {url: /x, method: POST, body_format: xml, data: {a: b, c: d}}\n", []string{
		"5 a verify[0].body_format rejected missing-key", "6 a verify[1].body_format rejected bad-value", "7 a verify[2].body_format rejected missing-key"}},
	{"odd checks", apiKey + "  verify:\n    - {expect: {status: [20], equals: c, content_type: json}}\n    - {url: /x, method: DELETE}\n    - {url: /x, method: GET, data: {a: b}}\n", []string{
		"5 a verify[0] rejected missing-key", "5 a verify[0].expect.status[0] rejected bad-value", "5 a verify[0].expect.equals rejected missing-key", "5 a verify[0].expect.content_type rejected bad-value",
		"6 a verify[1].method rejected bad-value", "7 a verify[2].data rejected bad-value"}},
	{"a status that is none", apiKey + "  verify: [{url: /x, expect: {status: [ok]}}]\n", []string{"4 a verify[0].expect.status[0] rejected wrong-type"}},
	{"two ways to verify", apiKeyWith("verification: {endpoints: [/me]}") + "  verify: [{url: /me}]\n", []string{"3 a proxy.verification doubtful no-effect"}},
	{"an uninstallation", oauth2 + "  uninstall: {url: /app, method: delete, headers: {x: \"${accessToken}\"}}\n", nil},
	{"odd uninstallations", oauth2 + "  uninstall: {method: PATCH, body: {a: b}}\n", []string{"6 a uninstall rejected missing-key", "6 a uninstall.method rejected bad-value", "6 a uninstall.body doubtful unknown-key"}},

	{"tokens", oauth2With("headers: {x: \"${tokens.bot}\"}") + "  additional_tokens: [{name: bot, response_fields: {access_token: bot.token}, optional: true}, {name: site, refresh: {url: https://example.com/t, params: {r: \"${refresh_token}\"}}}]\n", nil},
	{"a token by no known grant", oauth2 + "  additional_tokens:\n    - {name: a, refresh: {grant: password}}\n    - {name: b, response_fields: {access_token: b.token, refresh_token: b.refresh}, refresh: {grant: client_credentials}}\n", []string{
		"7 a additional_tokens[0].refresh.grant rejected bad-value", "8 a additional_tokens[1].response_fields.refresh_token doubtful no-effect"}},
	{"a token of an entry without any", oauth2With("headers: {x: \"${tokens.bot}\"}"), []string{"5 a proxy.headers.x rejected unknown-variable"}},
	{"a token nobody has", oauth2With("headers: {x: \"${tokens.bott}\"}") + "  additional_tokens: [{name: bot, response_fields: {access_token: bot.token}}]\n", []string{"5 a proxy.headers.x rejected unknown-variable"}},
	{"a token where there is none", oauth2 + "  token_params: {x: \"${tokens.bot}\"}\n  additional_tokens: [{name: bot, response_fields: {access_token: bot.token}}]\n", []string{"6 a token_params.x rejected unknown-variable"}},
	{"odd tokens", oauth2 + "  additional_tokens:\n    - {response_fields: {access_token: t}}\n    - {name: a b, response_fields: {access_token: t}}\n    - {name: c}\n    - {name: d, response_fields: {refresh_token: t}}\n    - {name: e, response_fields: {access_token: t, token: u}}\n    - {name: e, response_fields: {access_token: t}}\n    - {name: f, refresh: {method: PUT, body_format: xml, client_auth: bearer}}\n    - {name: g, response_fields: {refresh_token: t}, refresh: {params: {a: b}}}\n", []string{
		"7 a additional_tokens[0] rejected missing-key", "8 a additional_tokens[1] rejected missing-key", "9 a additional_tokens[2] rejected missing-key", "10 a additional_tokens[3] rejected missing-key",
		"11 a additional_tokens[4].response_fields.token doubtful bad-value", "12 a additional_tokens[5].name rejected bad-value",
		"13 a additional_tokens[6].refresh.method rejected bad-value", "13 a additional_tokens[6].refresh.body_format rejected bad-value", "13 a additional_tokens[6].refresh.client_auth rejected bad-value",
		"14 a additional_tokens[7] rejected missing-key"}},
}

// discovers is an entry with discoveries, one a line from line 7.
func discovers(list ...string) string {
	return oauth2 + "  discovery:\n    - " + strings.Join(list, "\n    - ") + "\n"
}

// discoversHost is one whose host has the discovered dc in it.
func discoversHost(list ...string) string {
	return strings.Replace(discovers(list...), "{base_url: https://api.example.com}", "{base_url: \"https://${connectionConfig.dc}.api.example.com\"}", 1)
}

// The rows of TestProblems about the refresh key.
var dialectRefreshTable = []struct {
	name, src string
	want      []string
}{
	{"a refresh of its own", oauth2 + "  refresh: {param_names: {refresh_token: token}, client_auth: none, body_format: json, method: POST, headers: {x: \"${connectionConfig.x}\"}, keep: true, success: {path: ok}}\n  connection_config: {x: {type: string}}\n", nil},
	{"an odd refresh", oauth2 + "  refresh: {param_names: {refresh: token, code: c, scope: c}, client_auth: both, body_format: xml, method: PUT, headers: {\"a b\": c}, success: {equals: x}}\n", []string{
		"6 a refresh.param_names.refresh doubtful bad-value", "6 a refresh.param_names.scope rejected bad-value", "6 a refresh.client_auth rejected bad-value", "6 a refresh.body_format rejected bad-value",
		"6 a refresh.method rejected bad-value", "6 a refresh.headers.a b rejected header-name", "6 a refresh.success rejected missing-key"}},
	{"a GET with a body", oauth2 + "  refresh: {method: get, body_format: form}\n", []string{"6 a refresh.body_format rejected bad-value"}},
	{"a GET", oauth2 + "  refresh: {method: get}\n", nil},
	{"an exchange of the token", oauth2 + "  refresh: {grant: exchange, token_param: fb_exchange_token, headers: {authorization: \"Bearer ${accessToken}\"}}\n  refresh_params: {grant_type: fb_exchange_token}\n", nil},
	{"the old access token of a plain refresh", oauth2 + "  refresh: {headers: {authorization: \"Bearer ${accessToken}\"}}\n", []string{"6 a refresh.headers.authorization rejected unknown-variable"}},
	{"a first request again", oauth2 + "  refresh: {grant: reissue}\n  token_params: {grant_type: client_credentials}\n", nil},
	{"a prolongation", oauth2 + "  refresh: {grant: prolong, prolong_seconds: 2592000, success: {path: result, equals: \"0000\"}}\n", nil},
	{"a prolongation for no time", oauth2 + "  refresh: {grant: prolong}\n", []string{"6 a refresh.prolong_seconds rejected missing-key"}},
	{"parts of other grants", oauth2 + "  refresh: {token_param: x, prolong_seconds: 5, keep: true, rotation: always}\n", []string{
		"6 a refresh.token_param doubtful no-effect", "6 a refresh.prolong_seconds doubtful no-effect", "6 a refresh.keep doubtful bad-value"}},
	{"parts of an exchange", oauth2 + "  refresh: {grant: exchange, prolong_seconds: 5, keep: true}\n", []string{"6 a refresh.prolong_seconds doubtful no-effect", "6 a refresh.keep doubtful no-effect"}},
	{"parts of no refresh", oauth2 + "  refresh: {grant: none, method: POST, headers: {}, param_names: {}, then: false}\n", []string{
		"6 a refresh.method doubtful no-effect", "6 a refresh.headers doubtful no-effect", "6 a refresh.param_names doubtful no-effect", "6 a refresh.then doubtful no-effect"}},
	{"grants of other modes", clientCredentials + "  refresh: {grant: reissue, client_auth: none, body_format: json}\n", []string{
		"6 a refresh.grant doubtful no-effect", "6 a refresh.client_auth doubtful no-effect", "6 a refresh.body_format doubtful no-effect"}},
	{"nothing to repeat", oauth2 + "  refresh: {then: true}\n", []string{"6 a refresh.then rejected missing-key"}},
	{"something not to repeat", oauth2 + "  refresh: {then: false}\n  then: [{url: https://example.com/x}]\n", nil},
	{"introspection", clientCredentials + "  refresh: {introspect: true}\n  introspection: {url: https://example.com/i}\n", nil},
	{"introspection nowhere", oauth2 + "  refresh: {introspect: true}\n", []string{"6 a refresh.introspect rejected missing-key"}},
	{"introspection without a URL", oauth2 + "  refresh: {introspect: true}\n  introspection: {auth: basic}\n", []string{"6 a refresh.introspect rejected missing-key", "7 a introspection rejected missing-key"}},
	{"a misspelt part", oauth2 + "  refresh:\n    grant: exchange\n    token_parm: x\n", []string{"8 a refresh.token_parm doubtful unknown-key"}},
}
