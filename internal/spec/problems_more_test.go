package spec

import "strings"

// The rows of TestProblems about single values.
var choiceTable = []struct {
	name, src string
	want      []string
}{
	{"body_format", oauth2 + "  body_format: yaml\n", []string{"6 a body_format rejected bad-value"}},
	{"XML outside TWO_STEP", oauth2 + "  body_format: xml\n", []string{"6 a body_format rejected bad-value"}},
	{"token_request_method", twoStep + "  token_request_method: PUT\n", []string{"6 a token_request_method rejected bad-value"}},
	{"token_request_method in small letters", twoStep + "  token_request_method: get\n", nil},
	{"skip_encode", oauth2 + "  authorization_url_skip_encode: [scopes, all]\n", []string{"6 a authorization_url_skip_encode[1] rejected bad-value"}},
	{"a negative buffer", oauth2 + "  token_expiration_buffer: -1\n", []string{"6 a token_expiration_buffer rejected bad-value"}},
	{"a negative lifetime", twoStep + "  token_expires_in_ms: -1\n", []string{"6 a token_expires_in_ms rejected bad-value"}},
	{"an expiry strategy", "a:\n  auth_mode: TWO_STEP\n  token_url: https://example.com/\n  token_response: {token: t, token_expiration: e, token_expiration_strategy: someday}\n  proxy: {base_url: https://example.com}\n",
		[]string{"4 a token_response.token_expiration_strategy rejected bad-value"}},
	{"a form that nests", clientCredentials + "  body_format: query\n" + "  refresh: {grant: none}\n", nil},
	{"a nested parameter in a form", oauth2 + "  token_params: {a: {b: c}, d: [e]}\n", []string{"6 a token_params.a rejected bad-value", "6 a token_params.d rejected bad-value"}},
	{"a nested parameter in JSON", oauth2 + "  token_params: {a: {b: c}}\n  body_format: json\n", nil},
	{"a content type that lies", twoStep + "  token_headers: {content-type: application/x-www-form-urlencoded}\n", []string{"6 a token_headers.content-type doubtful content-type"}},
	{"a content type that is true", twoStep + "  token_headers: {content-type: application/json; charset=utf-8}\n", nil},
	{"a content type without a body", twoStep + "  token_request_method: GET\n  token_headers: {content-type: application/x-www-form-urlencoded}\n", nil},
	{"a refresh token without use", "a:\n  auth_mode: TWO_STEP\n  token_url: https://example.com/\n  token_response: {token: t, refresh_token: r}\n  proxy: {base_url: https://example.com}\n", []string{"4 a token_response.refresh_token doubtful refresh-unused"}},
	{"an unknown mode in token_url", "a:\n  auth_mode: CUSTOM\n  authorization_url: https://example.com/\n  token_url: {OAUTH2: https://example.com/, FOO: https://example.com/}\n  proxy: {base_url: https://example.com}\n", []string{"4 a token_url.FOO doubtful bad-value"}},
	{"a step without a URL", twoStep + "  additional_steps: [{token_params: {a: b}}]\n", []string{"6 a additional_steps[0] rejected missing-key"}},

	{"client authentication twice", oauth2 + "  authorization_method: header\n  token_request_auth_method: basic\n", []string{"7 a token_request_auth_method doubtful client-auth-conflict"}},
	{"client authentication decided", oauth2 + "  authorization_method: header\n  token_request_auth_method: basic\n  client_auth: body\n", nil},
	{"client_auth", oauth2 + "  client_auth: both\n", []string{"6 a client_auth rejected bad-value"}},
	{"pkce", oauth2 + "  pkce: maybe\n", []string{"6 a pkce rejected bad-value"}},
	{"pkce and disable_pkce", oauth2 + "  pkce: required\n  disable_pkce: true\n", []string{"6 a pkce doubtful pkce-conflict"}},
	{"pkce and disable_pkce agree", oauth2 + "  pkce: forbidden\n  disable_pkce: true\n", nil},
	{"checked", none + "  checked: last summer\n", []string{"3 a checked doubtful bad-value"}},
	{"deprecated", none + "  deprecated: The service was shut down.\n", []string{"3 a deprecated doubtful deprecated"}},
	{"issuer", oauth2 + "  issuer: example.com\n", []string{"6 a issuer rejected bad-value"}},
	{"issuer_required", oauth2 + "  issuer_required: true\n", []string{"6 a issuer_required rejected missing-key"}},
	{"refresh", oauth2 + "  refresh: {grant: code, rotation: sometimes, reuse: never, old_access_token: lives, grace_answer: none}\n", []string{
		"6 a refresh.grant rejected bad-value", "6 a refresh.rotation rejected bad-value", "6 a refresh.reuse rejected bad-value",
		"6 a refresh.old_access_token rejected bad-value", "6 a refresh.grace_answer rejected bad-value"}},
	{"refresh times", oauth2 + "  refresh: {grace_seconds: -1, default_expires_in: 7200, max_expires_in: 3600}\n", []string{
		"6 a refresh.grace_seconds rejected bad-value", "6 a refresh.default_expires_in doubtful bad-value"}},
	{"refresh errors", oauth2 + "  refresh:\n    errors:\n      - {code: x}\n      - {class: transient}\n      - {status: 99, class: eternal}\n", []string{
		"8 a refresh.errors[0] rejected missing-key", "9 a refresh.errors[1] rejected missing-key",
		"10 a refresh.errors[2].status rejected bad-value", "10 a refresh.errors[2].class rejected bad-value"}},
	{"revocation", oauth2 + "  revocation: {method: PATCH, token: id_token, auth: custom, body_format: xml}\n", []string{
		"6 a revocation rejected missing-key", "6 a revocation.method rejected bad-value", "6 a revocation.token rejected bad-value",
		"6 a revocation.auth rejected bad-value", "6 a revocation.body_format rejected bad-value"}},
	{"introspection", oauth2 + "  introspection: {auth: custom}\n", []string{"6 a introspection rejected missing-key", "6 a introspection.auth rejected bad-value"}},
	{"api_hosts", apiKey + "  api_hosts: [ok.example.com, \"*.example.com\", https://example.com, Example.com, \"*.com\", \"a.example.com:443\"]\n", []string{
		"4 a api_hosts[2] rejected bad-value", "4 a api_hosts[3] rejected bad-value", "4 a api_hosts[4] rejected bad-value", "4 a api_hosts[5] rejected bad-value"}},
	{"parameter names", oauth2 + "  authorization_param_names: {client_key: x, client_id: y}\n  token_param_names: {code: auth_code, x: y}\n  response_fields: {access_token: data.t, t: x}\n", []string{
		"6 a authorization_param_names.client_key doubtful bad-value", "7 a token_param_names.x doubtful bad-value", "8 a response_fields.t doubtful bad-value"}},
	{"a source", none + "  connection_config:\n    x: {type: string, automated: true, source: heaven}\n    y: {type: string, automated: true, source: \"callback:\"}\n    z: {type: string, automated: true, source: \"callback:zone\"}\n", []string{
		"4 a connection_config.x.source rejected bad-value", "5 a connection_config.y.source rejected bad-value"}},
	{"a source that is asked for", none + "  connection_config:\n    x: {type: string, source: \"callback:x\"}\n    y: {type: string, optional: true, source: application}\n", []string{
		"4 a connection_config.x.source doubtful source-asked"}},

	{"retry", apiKeyWith("retry: {at: [x-reset], after: [retry-after], error_code: [\"429\", 5xx, 500-502, \"six\"]}"), []string{
		"3 a proxy.retry doubtful retry-both", "3 a proxy.retry.error_code[3] doubtful bad-value"}},
	{"retry without a wait", apiKeyWith("retry: {remaining: x-remaining}"), []string{"3 a proxy.retry.remaining doubtful retry-no-wait"}},
	{"retry in the body", apiKeyWith("retry: {in_body: {path: error, value: \"at (.*\", strategy: soon}}"), []string{
		"3 a proxy.retry.in_body.value doubtful pattern-invalid", "3 a proxy.retry.in_body.strategy doubtful bad-value"}},
	{"retry in the body without a group", apiKeyWith("retry: {in_body: {path: error, value: at}}"), []string{
		"3 a proxy.retry.in_body doubtful missing-key", "3 a proxy.retry.in_body.value doubtful bad-value"}},
	{"pagination without its keys", apiKeyWith("paginate: {type: cursor, offset_name_in_request: page}"), []string{"3 a proxy.paginate doubtful paginate-incomplete"}},
	{"pagination without a type", apiKeyWith("paginate: {limit_name_in_request: page, offset_calculation_method: by-luck, offset_start_value: -1}"), []string{
		"3 a proxy.paginate doubtful paginate-incomplete", "3 a proxy.paginate.offset_calculation_method doubtful bad-value", "3 a proxy.paginate.offset_start_value doubtful bad-value"}},
	{"verification without endpoints", apiKeyWith("verification: {method: PUT}"), []string{
		"3 a proxy.verification doubtful missing-key", "3 a proxy.verification.method rejected bad-value"}},

	{"a signature without a protocol", "a:\n  auth_mode: JWT\n  signature: {}\n  token: {signing_key: k, header: {alg: RS256}}\n  proxy: {base_url: https://example.com}\n", []string{"3 a signature rejected missing-key"}},
	{"an alg of another family", "a:\n  auth_mode: JWT\n  signature: {protocol: HMAC}\n  token: {signing_key: k, header: {alg: RS256}}\n  proxy: {base_url: https://example.com}\n", []string{"4 a token.header.alg rejected bad-value"}},
	{"an alg of none", "a:\n  auth_mode: JWT\n  signature: {protocol: RSA}\n  token: {signing_key: k, header: {alg: none}}\n  proxy: {base_url: https://example.com}\n", []string{"4 a token.header.alg rejected bad-value"}},
	{"no alg", "a:\n  auth_mode: JWT\n  signature: {protocol: RSA}\n  token: {signing_key: k}\n  proxy: {base_url: https://example.com}\n", []string{"4 a token.header rejected missing-key"}},
	{"an assertion without a key", twoStep + "  assertion: {type: jwt, header: {alg: ES256}}\n", []string{"6 a assertion rejected missing-key"}},
	{"an assertion of no type", twoStep + "  assertion: {key: k}\n", []string{"6 a assertion rejected missing-key"}},
}

// The rows of TestProblems about templates.
var templateTable = []struct {
	name, src string
	want      []string
}{
	{"a template that cannot be read", apiKeyWith("query: {q: \"${apiKey\"}"), []string{"3 a proxy.query.q rejected template"}},
	{"a line break in a header", apiKeyWith("verification: {endpoints: [/], headers: {x: \"a\\nb\"}}"), []string{"3 a proxy.verification.headers.x rejected template"}},
	{"no name of a header", apiKeyWith("verification: {endpoints: [/], headers: {\"a b\": c}}"), []string{"3 a proxy.verification.headers.a b rejected header-name"}},
	{"a variable of another mode", "a:\n  auth_mode: OAUTH2\n  authorization_url: https://example.com/\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com, headers: {x: \"${apiKey}\"}}\n", []string{"5 a proxy.headers.x rejected unknown-variable"}},
	{"a credential in OAUTH2", oauth2 + "  token_params: {x: \"${credentials.password}\"}\n", []string{"6 a token_params.x rejected unknown-variable"}},
	{"a token before there is one", oauth2 + "  authorization_params: {x: \"${accessToken}\"}\n", []string{"6 a authorization_params.x rejected unknown-variable"}},
	{"the call outside of a header", apiKeyWith("query: {q: \"${method}\"}"), []string{"3 a proxy.query.q rejected unknown-variable"}},
	{"a credential before it is known", twoStep + "  authorization_params: {x: \"${credentials.u}\"}\n", []string{"6 a authorization_params doubtful no-effect", "6 a authorization_params.x rejected unknown-variable"}},
	{"an API key at a token endpoint", apiKey + "  token_params: {x: \"${apiKey}\"}\n", []string{"4 a token_params doubtful no-effect", "4 a token_params.x rejected unknown-variable"}},
	{"a refresh token before there is one", twoStep + "  token_params: {x: \"${refresh_token}\"}\n", []string{"6 a token_params.x rejected unknown-variable"}},
	{"a client in a base URL", strings.Replace(oauth2, "https://api.example.com", "\"https://api.example.com/${clientId}\"", 1), []string{"5 a proxy.base_url rejected unknown-variable"}},
	{"a client in a header", oauth2With("headers: {x: \"${clientId}\", y: \"${accessToken}\"}"), nil},
	{"a signed token without a signature", twoStep + "  token_params: {x: \"${token}\"}\n", []string{"6 a token_params.x rejected unknown-variable"}},
	{"a signed token", twoStep + "  token_params: {x: \"${token}\"}\n  signature: {protocol: RSA}\n  token: {signing_key: k, header: {alg: RS256}}\n", nil},
	{"an assertion option elsewhere", twoStep + "  token_params: {x: \"${assertionOption.k}\"}\n", []string{"6 a token_params.x rejected unknown-variable"}},
	{"a part of a credential", twoStep + "  token_params: {x: \"${credentials.key.id}\"}\n  credentials: {key: {type: string}}\n", nil},
	{"a login page with a fragment", strings.Replace(oauth2, "/authorize", "/#/authorize", 1), nil},
	{"a prefix that does not exist", apiKeyWith("query: {q: \"${metadata.x}\"}"), []string{"3 a proxy.query.q rejected unknown-variable"}},
	{"a step that is not made yet", twoStep + "  additional_steps:\n    - {token_url: \"https://example.com/${step1.a}\"}\n    - {token_url: \"https://example.com/${step3.a}\"}\n", []string{"8 a additional_steps[1].token_url rejected unknown-variable"}},
	{"an undeclared field", apiKeyWith("query: {q: \"${connectionConfig.x}\"}"), []string{"3 a proxy.query.q doubtful undeclared-variable"}},
	{"an undeclared credential", twoStep + "  token_params: {x: \"${credentials.user}\"}\n", []string{"6 a token_params.x doubtful undeclared-variable"}},
	{"a captured value", oauth2With("headers: {x: \"${connectionConfig.team.id}\"}") + "  token_response_metadata: [team.id]\n", nil},
	{"another language", twoStep + "  token_params: {x: \"{{$guid}}\"}\n", []string{"6 a token_params.x doubtful foreign-template"}},
	{"a nonce that never changes", oauth2 + "  authorization_params: {nonce: abc}\n", []string{"6 a authorization_params.nonce doubtful fixed-nonce"}},
	{"a nonce", oauth2 + "  authorization_params: {nonce: \"${random}\"}\n", nil},
	{"not a URL", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: api.example.com, headers: {x: \"${apiKey}\"}}\n", []string{"3 a proxy.base_url rejected template"}},
	{"plain http", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: http://api.example.com, headers: {x: \"${apiKey}\"}}\n", []string{"3 a proxy.base_url doubtful plain-http"}},
	{"plain http at home", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: http://127.0.0.1:8080, headers: {x: \"${apiKey}\"}}\n", nil},
	{"plain http in a test", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: http://provider.test, headers: {x: \"${apiKey}\"}}\n", nil},
	{"a fragment", "a:\n  auth_mode: OAUTH2_CC\n  token_url: https://example.com/token#x\n  token_params: {grant_type: client_credentials}\n  proxy: {base_url: https://example.com}\n", []string{"3 a token_url doubtful fragment"}},
	{"a secret in a URL", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: \"https://example.com/bot${apiKey}\"}\n", []string{"3 a proxy.base_url doubtful secret-in-url"}},
	{"a key in the query of calls", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: https://example.com, query: {key: \"${apiKey}\"}}\n", nil},
	{"an optional variable", withHost("https://example.com/${connectionConfig.x}", "optional: true"), []string{"3 a proxy.base_url doubtful optional-variable"}},
	{"an optional variable with an alternative", withHost("https://example.com/${connectionConfig.x} || https://example.com", "optional: true"), nil},
	{"an optional variable with a default", withHost("https://example.com/${connectionConfig.x}", "optional: true, default_value: v1"), nil},
	{"an optional header", apiKeyWith("query: {q: \"${connectionConfig.x}\"}") + "  connection_config: {x: {type: string, optional: true}}\n", nil},
	{"half of a header is optional", apiKeyWith("query: {q: \"${connectionConfig.x}-${apiKey}\"}") + "  connection_config: {x: {type: string, optional: true}}\n", []string{"3 a proxy.query.q doubtful optional-variable"}},

	{"a host without rules", withHost("https://${connectionConfig.x}.example.com", "title: X"), []string{"4 a connection_config.x doubtful host-unconstrained"}},
	{"a host with a pattern", withHost("https://${connectionConfig.x}.example.com", "pattern: \"^[a-z]+$\""), nil},
	{"a host with a format", withHost("https://${connectionConfig.x}", "format: hostname"), nil},
	{"a host with choices", withHost("https://api.${connectionConfig.x}", "enum: [example.com, example.eu]"), nil},
	{"a domain anyone can have", withHost("https://api.${connectionConfig.x}", "pattern: \"^[a-z.]+$\""), []string{"4 a connection_config.x doubtful host-open"}},
	{"a domain of the vendor's", withHost("https://api.${connectionConfig.x}", "pattern: \"^[a-z]+[.]example[.]com$\""), nil},
	{"a pattern no host fits", withHost("https://${connectionConfig.x}/api", "pattern: \"^[a-z0-9_-]+$\""), []string{"4 a connection_config.x.pattern rejected pattern-forbids-host"}},
	{"a port", withHost("https://example.com:${connectionConfig.x}/api", "title: Port"), nil},
	{"a port with a suffix", withHost("https://example.com:${connectionConfig.x}/api", "suffix: (TCP)"), nil},
	{"two schemes", withHost("https://${connectionConfig.x}/api", "pattern: '^https?:\\/\\/.*$'"), []string{"3 a proxy.base_url doubtful scheme-doubled"}},
	{"no scheme", withHost("${connectionConfig.x}/api", "pattern: '^[a-z.]+$'"), []string{"3 a proxy.base_url doubtful scheme-missing"}},
	{"a whole URL", withHost("${connectionConfig.x}/api", "format: uri"), nil},
	{"a suffix of the value", withHost("https://${connectionConfig.x}/api", "format: hostname, suffix: .example.com"), []string{"4 a connection_config.x.suffix doubtful suffix-not-in-url"}},
	{"a suffix of the template", withHost("https://${connectionConfig.x}.example.com/api", "pattern: \"^[a-z]+$\", suffix: .example.com"), nil},
}

// withHost is an entry with a base URL and a field x.
func withHost(baseURL, field string) string {
	return "a:\n  auth_mode: BASIC\n  proxy: {base_url: \"" + baseURL + "\"}\n  connection_config: {x: {" + field + "}}\n"
}

func oauth2With(more string) string {
	return oauth2[:len(oauth2)-2] + ", " + more + "}\n"
}

// The rows of TestProblems about fields.
var fieldTable = []struct {
	name, src string
	want      []string
}{
	{"a type", withField("type: number"), []string{"3 a connection_config.x.type rejected bad-value"}},
	{"a format", withField("format: phone"), []string{"3 a connection_config.x.format rejected bad-value"}},
	{"hidden", withField("hidden: true"), []string{"3 a connection_config.x doubtful hidden-no-default"}},
	{"hidden with a default", withField("hidden: true, default_value: \"\""), nil},
	{"depends on nothing", withField("visible_when: {field: y, equals: z}"), []string{"3 a connection_config.x.visible_when doubtful bad-value"}},
	{"an invalid pattern", withField("pattern: \"[\""), []string{"3 a connection_config.x.pattern doubtful pattern-invalid"}},
	{"a pattern that RE2 cannot match", withField("pattern: \"^(?!x).*$\""), []string{"3 a connection_config.x.pattern doubtful pattern-invalid"}},
	{"no anchors", withField("pattern: \"[a-z]+\""), []string{"3 a connection_config.x.pattern doubtful pattern-unanchored"}},
	{"one anchor", withField("pattern: \"^[a-z]+\""), []string{"3 a connection_config.x.pattern doubtful pattern-unanchored"}},
	{"anchors in one alternative", withField("pattern: \"^a|b$\""), []string{"3 a connection_config.x.pattern doubtful pattern-unanchored"}},
	{"anchors in all alternatives", withField("pattern: \"(^a$|^b$)\""), nil},
	{"an end that allows all", withField("pattern: \"^https://.*\""), nil},
	{"a default that is no choice", withField("enum: [a, b], default_value: c"), []string{"3 a connection_config.x.default_value doubtful default-mismatch"}},
	{"an example that does not fit", withField("pattern: \"^[0-9]+$\", example: abc"), []string{"3 a connection_config.x.example doubtful example-mismatch"}},
	{"an example with stars", withField("pattern: \"^[0-9]+$\", example: \"12***\""), nil},
	{"an example with the suffix", withField("pattern: \"^[a-z]+$\", example: acme.example.com, suffix: .example.com"), nil},
	{"an example that is no UUID", withField("format: uuid, example: abc"), []string{"3 a connection_config.x.example doubtful example-mismatch"}},
	{"an example that is no address", withField("format: email, example: abc"), []string{"3 a connection_config.x.example doubtful example-mismatch"}},
	{"an example that is no URL", withField("format: uri, example: abc"), []string{"3 a connection_config.x.example doubtful example-mismatch"}},
	{"an example that is no host", withField("format: hostname, example: a_b"), []string{"3 a connection_config.x.example doubtful example-mismatch"}},
	{"a field without use", none + "  connection_config: {x: {type: string}}\n", []string{"3 a connection_config.x doubtful unused-field"}},
	{"a field for a script", none + "  connection_config: {x: {type: string}}\n  post_connection_script: s\n", nil},
	{"a field shown only", none + "  connection_config: {x: {type: string}}\n  proxy: {base_url: https://example.com, connection_config: {x: \"${connectionConfig.x}\"}}\n", nil},
}

// withField is an entry with a field x that code uses.
func withField(field string) string {
	return none + "  connection_config: {x: {" + field + "}}\n  post_connection_script: s\n"
}
