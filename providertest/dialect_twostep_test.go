package providertest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const loginEntry = `
auth_mode: TWO_STEP
token_url: https://${connectionConfig.domain}/login
refresh_url: https://${connectionConfig.domain}/again
token_params: {user: {name: "${credentials.username}", pass: "${credentials.password}"}, remember: true, n: 3}
refresh_token_params: {token: "${refresh_token}"}
token_headers: {x-key: "${credentials.apiKey}", content-type: application/json}
token_response: {token: data.token, token_expiration: data.ttl, token_expiration_strategy: expireIn, refresh_token: data.refresh}
proxy: {base_url: "https://${connectionConfig.domain}/api", headers: {authorization: "${accessToken}", x-key: "${credentials.apiKey}"}}
connection_config: {domain: {format: hostname}}
integration_config: {apiKey: {type: string}}
credentials: {apiKey: {type: string}, username: {type: string}, password: {type: string}}
`

func loginScript(w *wire) {
	in := w.d.Inputs()
	base := "https://" + in.Config["domain"]
	head := http.Header{"X-Key": {in.IntegrationConfig["apiKey"]}}
	r := w.do("token", msg{url: base + "/login", header: head.Clone(), json: map[string]any{
		"user": map[string]any{"name": in.Credentials["username"], "pass": in.Credentials["password"]}, "remember": true, "n": 3,
	}})
	if r.status != 200 {
		return
	}
	if w.edit == nil && (r.str("data", "ttl") != "3600" || in.Credentials["apiKey"] == in.IntegrationConfig["apiKey"]) {
		w.t.Errorf("the answer is %s, the inputs %+v", r.text, in)
	}
	api := head.Clone()
	api.Set("Authorization", r.str("data", "token"))
	w.do("api", msg{url: base + "/api/x", header: api})
	w.d.Expire()
	if r := w.do("expired", msg{method: "GET", url: base + "/api/x", header: api.Clone()}); w.edit == nil && r.status != 401 {
		w.t.Errorf("%d for an expired token", r.status)
	}
	for _, role := range []string{"refresh", "reuse"} {
		if role == "refresh" || w.edit != nil && w.edit.role == role {
			w.do(role, msg{url: base + "/again", header: head.Clone(), json: map[string]any{"token": r.str("data", "refresh")}})
		}
	}
}

func TestDialectTwoStep(t *testing.T) {
	t.Parallel()
	scripted(t, "login", loginEntry, loginScript, []edit{
		{"wrong method", "token", by("GET"), "the method is GET"},
		{"no header", "token", hdel("X-Key"), "x-key is missing"},
		{"the user's value", "token", hset("X-Key", "x"), "x-key is"},
		{"authorization", "token", hset("Authorization", "x"), "nothing asks for one"},
		{"form", "token", func(m *msg) { m.raw = "a=b" }, "no JSON"},
		{"content type", "token", hset("Content-Type", "text/plain"), "content-type is"},
		{"nested value", "token", func(m *msg) { m.json["user"].(map[string]any)["pass"] = "x" }, "body.user.pass is"},
		{"nested value missing", "token", func(m *msg) { delete(m.json["user"].(map[string]any), "name") }, "body.user.name is missing"},
		{"flat", "token", func(m *msg) { m.json["user"] = "x" }, "want an object"},
		{"bool as text", "token", func(m *msg) { m.json["remember"] = "true" }, "body.remember is"},
		{"number as text", "token", func(m *msg) { m.json["n"] = "3" }, "body.n is"},
		{"extra", "token", func(m *msg) { m.json["x"] = "3" }, "body.x is not asked for"},
		{"query", "token", func(m *msg) { m.url += "?x=1" }, "x is not asked for"},
		{"default header", "api", func(m *msg) { m.header.Set("Authorization", "Bearer "+m.header.Get("Authorization")) }, "authorization is"},
		{"no key in the API", "api", hdel("X-Key"), "x-key is missing"},
		{"login's token", "refresh", func(m *msg) { m.json["token"] = "x" }, "never issued"},
		{"renamed refresh token", "refresh", func(m *msg) { m.json = map[string]any{"refresh": m.json["token"]} }, "body.token is missing"},
		{"refresh at the login", "refresh", func(m *msg) { m.url = strings.Replace(m.url, "/again", "/login", 1) }, "body.user is missing"},
		{"reuse", "reuse", func(*msg) {}, "was used before"},
	})
}

// The forms of a sign-in: one right request of each, and one wrong.
func TestDialectTwoStepForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entry, problem string
		do             func(w *wire, in Inputs) wired
		change         func(m *msg)
		answer         func(r wired) bool
	}{
		"form": {
			"body_format: form\ntoken_params: {a: '${credentials.a}', flag: false}\ntoken_response: {token: t, token_expiration: e, token_expiration_strategy: expireAt}", "a is",
			func(w *wire, in Inputs) wired {
				return w.do("token", msg{url: "https://vendor.test/t", form: url.Values{"a": {in.Credentials["a"]}, "flag": {"false"}}})
			},
			set("a", "x"), func(r wired) bool { return r.str("e") == testClock.Add(time.Hour).Format(time.RFC3339) },
		},
		"get": {
			"token_request_method: GET\ntoken_params: {ignored: x}\ntoken_headers: {authorization: 'Basic ${base64(${credentials.a}:${credentials.b})}'}\ntoken_response: {token: ''}", "a GET has the body",
			func(w *wire, in Inputs) wired {
				return w.do("token", msg{method: "GET", url: "https://vendor.test/t", header: http.Header{"Authorization": {basicHeader(in.Credentials["a"], in.Credentials["b"])}}})
			},
			func(m *msg) { m.raw = "{}" }, func(r wired) bool { return strings.HasPrefix(r.text, "at-") },
		},
		"query": {
			"token_request_method: GET\ntoken_url: 'https://vendor.test/t?x=1&p=${credentials.p}'\ntoken_response: {token: t}", "p is missing",
			func(w *wire, in Inputs) wired {
				return w.do("token", msg{method: "GET", url: "https://vendor.test/t?x=1&p=" + url.QueryEscape(in.Credentials["p"])})
			},
			func(m *msg) { m.url = "https://vendor.test/t?x=1" }, func(r wired) bool { return r.str("t") != "" },
		},
		"xml": {
			"body_format: xml\ntoken_params: {r: {c: {id: '${now}', u: false}, f: {$k: v, e: ''}, p: '${credentials.p}'}}\ntoken_headers: {content-type: application/xml}\ntoken_response: {token: r.s}", "body.r.f.$k",
			func(w *wire, in Inputs) wired {
				p := strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace(in.Credentials["p"])
				return w.do("token", msg{url: "https://vendor.test/t", header: http.Header{"Content-Type": {"application/xml"}},
					raw: `<?xml version="1.0"?><r><c><id>2031-05-06T07:08:09.123Z</id><u>false</u></c><f k="v"><e/></f><p>` + p + `</p></r>`})
			},
			func(m *msg) { m.raw = strings.Replace(m.raw, `k="v"`, `k="w"`, 1) }, func(r wired) bool { return strings.Contains(r.text, "<r><s>at-") },
		},
		"time in days": {
			"token_params: {}\ntoken_response: {token: t, token_expiration: estimatedTimeToExpiration, token_expiration_strategy: expireAt}", "the body is no JSON",
			func(w *wire, in Inputs) wired { return w.do("token", msg{url: "https://vendor.test/t"}) },
			func(m *msg) { m.raw = "x" }, func(r wired) bool { return r.str("estimatedTimeToExpiration") == "0:01:00" },
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			entry := c.entry
			if !strings.Contains(entry, "token_url") {
				entry = "token_url: https://vendor.test/t\n" + entry
			}
			scripted(t, "form", "auth_mode: TWO_STEP\n"+entry, func(w *wire) {
				if r := c.do(w, w.d.Inputs()); w.edit == nil && !c.answer(r) {
					w.t.Errorf("the answer is %s", r.text)
				}
			}, []edit{{"wrong", "token", c.change, c.problem}})
		})
	}
}

const stepsEntry = `
auth_mode: TWO_STEP
body_format: form
token_url: https://vendor.test/info
token_request_method: GET
additional_steps:
  - {token_url: "${step1.Identity.Url}/.well-known/x", token_request_method: GET}
  - token_url: ${step2.token_endpoint}
    token_headers: {authorization: "Bearer ${step1.first}"}
    token_params: {name: "${credentials.name}", dns: "${connectionConfig.dns}"}
token_response: {token: access_token}
token_response_headers: [set-cookie]
token_response_metadata: [home]
proxy: {base_url: "${connectionConfig.home}", headers: {cookie: "${credentials._cookies}"}, query: {id: "${credentials.raw.accountID}"}}
`

func TestDialectSteps(t *testing.T) {
	t.Parallel()
	scripted(t, "steps", stepsEntry, func(w *wire) {
		in := w.d.Inputs()
		one := w.do("token", msg{method: "GET", url: "https://vendor.test/info"})
		two := w.do("step2", msg{method: "GET", url: one.str("Identity", "Url") + "/.well-known/x"})
		if two.str("token_endpoint") == "" {
			two = wired{json: map[string]any{"token_endpoint": w.d.steps[2]["token_endpoint"]}}
		}
		three := w.do("step3", msg{url: two.str("token_endpoint"), header: bearer(one.str("first")), form: url.Values{
			"name": {in.Credentials["name"]}, "dns": {in.Config["dns"]},
		}})
		if three.status != 200 {
			return
		}
		var cookies []string
		for _, c := range three.header.Values("Set-Cookie") {
			pair, _, _ := strings.Cut(c, ";")
			cookies = append(cookies, pair)
		}
		r := w.do("api", msg{url: three.str("home") + "/x?id=" + three.str("accountID"), header: http.Header{
			"Cookie": {strings.Join(cookies, "; ")},
		}})
		if w.edit == nil && r.status != 200 {
			w.t.Errorf("the API answers %d", r.status)
		}
	}, []edit{
		{"second step elsewhere", "step2", to("https://vendor.test/.well-known/x"), "nothing in the entry names"},
		{"step left out", "step2", to("https://vendor.test/info"), "step 3 comes after step 1"},
		{"first step's token", "step3", hset("Authorization", "Bearer x"), "authorization is"},
		{"no header", "step3", hdel("Authorization"), "authorization is missing"},
		{"parameter", "step3", set("name", "x"), "name is"},
		{"other cookie", "api", hset("Cookie", "B1SESSION=x"), "cookie is"},
		{"no cookie", "api", hdel("Cookie"), "cookie is missing"},
		{"raw value", "api", func(m *msg) { m.url = strings.Split(m.url, "?")[0] }, "query id"},
	})
}

func TestDialectSignInTokens(t *testing.T) {
	t.Parallel()
	const entry = `
auth_mode: TWO_STEP
body_format: form
token_url: https://vendor.test/t
signature: {protocol: RSA}
token: {signing_key: "${credentials.privateKey}", expires_in_ms: 3600000, header: {alg: RS256, typ: JWT}, payload: {iss: "${credentials.mail}", jti: "${random}"}}
assertion: {type: jwt, key: "${assertionOption.privateKey}", header: {alg: PS256, x5t#S256: "${credentials.thumb}"}, payload: {sub: "${credentials.mail}", jti: "${random}"}}
token_params: {assertion: "${token}", client_assertion: "${credentials.assertion}"}
token_response: {token: access_token}
credentials: {assertion: {automated: true}, privateKey: {type: string}, mail: {format: email}, thumb: {type: string}}
assertion_option: {privateKey: {type: string}}
`
	const id = "5b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f"
	sign := func(t *testing.T, in Inputs, kind string, claims map[string]any) string {
		if kind == "assertion" {
			p := lifetime(3600, map[string]any{"iss": in.Credentials["mail"], "jti": id})
			for k, v := range claims {
				p[k] = v
			}
			return signJWT(t, "RS256", privateKey(t, in.Credentials["privateKey"]), map[string]any{"typ": "JWT"}, p)
		}
		p := lifetime(3600, map[string]any{"sub": in.Credentials["mail"], "jti": id})
		for k, v := range claims {
			p[k] = v
		}
		return signJWT(t, "PS256", privateKey(t, in.AssertionOption["privateKey"]), map[string]any{"x5t#S256": in.Credentials["thumb"]}, p)
	}
	with := func(kind string, claims map[string]any) func(*msg) {
		return func(m *msg) { m.form.Set(kind, sign(t, newTestDialect(t, "signed", entry).Inputs(), kind, claims)) }
	}
	scripted(t, "signed", entry, func(w *wire) {
		in := w.d.Inputs()
		if _, ok := in.Credentials["assertion"]; ok {
			w.t.Error("the assertion is an input")
		}
		w.do("token", msg{url: "https://vendor.test/t", form: url.Values{
			"assertion": {sign(w.t, in, "assertion", nil)}, "client_assertion": {sign(w.t, in, "client_assertion", nil)},
		}})
	}, []edit{
		{"issuer", "token", with("assertion", map[string]any{"iss": "x"}), "payload.iss is"},
		{"jti", "token", with("assertion", map[string]any{"jti": "x"}), "no UUID"},
		{"lifetime", "token", with("client_assertion", map[string]any{"exp": testClock.Unix() + 60}), "lives for"},
		{"expired", "token", with("client_assertion", map[string]any{"iat": testClock.Unix() - 3600, "exp": testClock.Unix()}), "has expired"},
		{"swapped", "token", func(m *msg) { m.form.Set("assertion", m.form.Get("client_assertion")) }, "alg is"},
		{"none", "token", del("client_assertion"), "client_assertion is missing"},
		{"text", "token", set("assertion", "x"), "no JSON Web Token"},
	})
}

// The access token is its own refresh token, and goes into a header of the same URL.
func TestDialectRefreshByHeader(t *testing.T) {
	t.Parallel()
	scripted(t, "header", `
auth_mode: TWO_STEP
token_url: https://vendor.test/renew
token_headers: {authorization: "Bearer ${credentials.apiKey}", x-first: "1"}
refresh_token_headers: {authorization: "Bearer ${refresh_token}"}
token_response: {token: t, refresh_token: t, token_expiration: e, token_expiration_strategy: expireIn}
`, func(w *wire) {
		head := bearer(w.d.Inputs().Credentials["apiKey"])
		head.Set("X-First", "1")
		first := w.do("token", msg{url: "https://vendor.test/renew", header: head})
		w.d.Expire()
		second := w.do("refresh", msg{url: "https://vendor.test/renew", header: bearer(first.str("t"))})
		if w.edit == nil && (second.str("t") == "" || w.d.Log()[1].Role != "refresh") {
			w.t.Errorf("%s %+v", second.text, w.d.Log())
		}
		if w.edit != nil && w.edit.role == "reuse" {
			w.do("reuse", msg{url: "https://vendor.test/renew", header: bearer(first.str("t"))})
		}
	}, []edit{
		{"key", "token", hset("Authorization", "Bearer x"), "authorization is"},
		{"unknown token", "refresh", hset("Authorization", "Bearer x"), "authorization is"},
		{"body", "refresh", func(m *msg) { m.raw = `{"a":1}` }, "body.a is not asked for"},
		{"reuse", "reuse", func(*msg) {}, "was used before"},
	})
}

// Without a content type among the headers, the body's form says which.
func TestDialectSignInContentType(t *testing.T) {
	t.Parallel()
	scripted(t, "type", "auth_mode: TWO_STEP\nbody_format: form\ntoken_url: https://vendor.test/t\ntoken_params: {a: b}\ntoken_response: {token: t}", func(w *wire) {
		w.do("token", msg{url: "https://vendor.test/t", form: url.Values{"a": {"b"}}})
	}, []edit{{"JSON's", "token", hset("Content-Type", jsonType), "content-type is"}})
}

// How long a token lives, by what the entry says of it.
func TestDialectSignInLife(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entry string
		after time.Duration
		want  int
	}{
		"told":            {"token_expires_in_ms: 5000\ntoken_response: {token: t, token_expiration: e, token_expiration_strategy: expireIn}", tokenLife - 1, 200},
		"told, over":      {"token_response: {token: t, token_expiration: e, token_expiration_strategy: expireIn}", tokenLife, 401},
		"fixed":           {"token_expires_in_ms: 5000\ntoken_response: {token: t}", 4999 * time.Millisecond, 200},
		"fixed, over":     {"token_expires_in_ms: 5000\ntoken_response: {token: t}", 5 * time.Second, 401},
		"never":           {"token_expires_in_ms: 0\ntoken_response: {token: t}", 1e6 * time.Hour, 200},
		"nothing is said": {"token_response: {token: t}", 1e6 * time.Hour, 200},
	} {
		d := newTestDialect(t, "life", "auth_mode: TWO_STEP\ntoken_url: https://vendor.test/t\nproxy: {base_url: 'https://api.vendor.test'}\n"+c.entry)
		w := &wire{t: t, d: d}
		token := w.do("token", msg{url: "https://vendor.test/t"}).str("t")
		d.Now = func() time.Time { return testClock.Add(c.after) }
		if r := w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(token)}); r.status != c.want || len(d.Problems()) > 0 {
			t.Errorf("%s: %d, %q", name, r.status, d.Problems())
		}
	}
}

// The API and the sign-in of some providers have one URL.
func TestDialectSignInAtTheBaseURL(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "one", "auth_mode: TWO_STEP\ntoken_url: https://vendor.test/x\nproxy: {base_url: 'https://vendor.test/x'}\ntoken_response: {token: t}")
	w := &wire{t: t, d: d}
	token := w.do("token", msg{url: "https://vendor.test/x"}).str("t")
	w.do("api", msg{url: "https://vendor.test/x", header: bearer(token)})
	if log := d.Log(); len(d.Problems()) > 0 || log[0].Role != "token" || log[1].Role != "api" || log[1].Status != 200 {
		t.Errorf("%q %+v", d.Problems(), log)
	}
}

func TestDialectExpiryInMilliseconds(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "ms", "auth_mode: OAUTH2_CC\ntoken_url: https://vendor.test/t\nexpires_in_unit: milliseconds\ntoken_params: {scope: fixed}")
	in := d.Inputs()
	w := &wire{t: t, d: d}
	r := w.do("token", msg{url: "https://vendor.test/t", form: url.Values{
		"client_id": {in.Credentials["client_id"]}, "client_secret": {in.Credentials["client_secret"]}, "scope": {"fixed"},
	}})
	if r.str("expires_in") != "3600000" || in.Config["oauth_scopes"] != "" {
		t.Errorf("%s %v %q", r.text, in.Config, d.Problems())
	}
}
