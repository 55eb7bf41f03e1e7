package providertest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
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

// samlEntry and samlText: an assertion written by hand in canonical form, so that
// its digest is that of the text.
const samlEntry = `
auth_mode: TWO_STEP
body_format: form
token_url: https://vendor.test/t
assertion: {key: "${assertionOption.privateKey}", issuer: me, lifetimeInSeconds: "600", audiences: them, recipient: "https://vendor.test/t",
  nameIdentifier: "${assertionOption.userName}", sessionIndex: "${random}", attributes: {api_key: "${credentials.apiKey}", flag: true}}
token_params: {assertion: "${credentials.assertion}"}
token_response: {token: access_token}
credentials: {assertion: {automated: true}, apiKey: {pattern: '^[a-z]{9}$'}}
assertion_option: {privateKey: {type: string}, userName: {type: string}}
`

func samlText(t *testing.T, in Inputs, change func(string) string) string {
	t.Helper()
	body := `<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" IssueInstant="2031-05-06T07:08:09Z" Version="2.0">` +
		`<saml2:Issuer>me</saml2:Issuer>SIG<saml2:Subject><saml2:NameID>` + in.AssertionOption["userName"] + `</saml2:NameID>` +
		`<saml2:SubjectConfirmation Method="bearer"><saml2:SubjectConfirmationData NotOnOrAfter="2031-05-06T07:18:09Z" Recipient="https://vendor.test/t"></saml2:SubjectConfirmationData></saml2:SubjectConfirmation></saml2:Subject>` +
		`<saml2:Conditions NotOnOrAfter="2031-05-06T07:18:09Z"><saml2:AudienceRestriction><saml2:Audience>them</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>` +
		`<saml2:AuthnStatement AuthnInstant="2031-05-06T07:08:09Z" SessionIndex="5b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f"></saml2:AuthnStatement>` +
		`<saml2:AttributeStatement><saml2:Attribute Name="api_key"><saml2:AttributeValue>` + in.Credentials["apiKey"] + `</saml2:AttributeValue></saml2:Attribute>` +
		`<saml2:Attribute Name="flag"><saml2:AttributeValue>true</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>`
	if change != nil {
		body = change(body)
	}
	digest := sha256.Sum256([]byte(strings.Replace(body, "SIG", "", 1)))
	const ds = `xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	// Alone, SignedInfo declares the prefix itself; inside of Signature it does not.
	info := func(ns string) string {
		return `<ds:SignedInfo` + ns + `><ds:CanonicalizationMethod Algorithm="` + algExclusive + `"></ds:CanonicalizationMethod>` +
			`<ds:SignatureMethod Algorithm="` + algRSA + `"></ds:SignatureMethod><ds:Reference URI="#_1"><ds:Transforms>` +
			`<ds:Transform Algorithm="` + algEnveloped + `"></ds:Transform><ds:Transform Algorithm="` + algExclusive + `"></ds:Transform></ds:Transforms>` +
			`<ds:DigestMethod Algorithm="` + algSHA256 + `"></ds:DigestMethod><ds:DigestValue>` + base64.StdEncoding.EncodeToString(digest[:]) +
			`</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	}
	sum := sha256.Sum256([]byte(info(" " + ds)))
	sig, err := rsa.SignPKCS1v15(nil, privateKey(t, in.AssertionOption["privateKey"]).(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(body, "SIG", `<ds:Signature `+ds+`>`+info("")+`<ds:SignatureValue>`+base64.StdEncoding.EncodeToString(sig)+`</ds:SignatureValue></ds:Signature>`, 1)
}

func TestDialectSAML(t *testing.T) {
	t.Parallel()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	signed := func(from, to string) func(*msg) {
		return func(m *msg) {
			in := newTestDialect(t, "saml", samlEntry).Inputs()
			m.form.Set("assertion", b64(samlText(t, in, func(s string) string { return strings.Replace(s, from, to, 1) })))
		}
	}
	after := func(from, to string) func(*msg) {
		return func(m *msg) {
			raw, _ := base64.StdEncoding.DecodeString(m.form.Get("assertion"))
			m.form.Set("assertion", b64(strings.Replace(string(raw), from, to, 1)))
		}
	}
	scripted(t, "saml", samlEntry, func(w *wire) {
		w.do("token", msg{url: "https://vendor.test/t", form: url.Values{"assertion": {b64(samlText(w.t, w.d.Inputs(), nil))}}})
	}, []edit{
		{"issuer", "token", signed(">me<", ">you<"), "SAML Issuer is"},
		{"audience", "token", signed(">them<", ">us<"), "SAML Audience is"},
		{"recipient", "token", signed("vendor.test/t", "vendor.test/u"), "SAML Recipient is"},
		{"name", "token", signed("<saml2:NameID>", "<saml2:NameID>x"), "SAML NameID is"},
		{"session", "token", signed("5b0c7a0e-", "x"), "no UUID"},
		{"attribute", "token", signed(">true<", ">false<"), "attribute flag is"},
		{"attribute missing", "token", signed(`Name="flag"`, `Name="flog"`), "attribute flog is not asked for"},
		{"lifetime", "token", signed(`Conditions NotOnOrAfter="2031-05-06T07:18`, `Conditions NotOnOrAfter="2031-05-06T08:18`), "lives for"},
		{"over", "token", signed(`Conditions NotOnOrAfter="2031`, `Conditions NotOnOrAfter="2030`), "is good from"},
		{"signature place", "token", signed("<saml2:Issuer>me</saml2:Issuer>SIG", "SIG<saml2:Issuer>me</saml2:Issuer>"), "does not stand behind"},
		{"changed after signing", "token", after(`Version="2.0"`, `Version="2.1"`), "the digest"},
		{"signed info changed", "token", after(algSHA256+`"></ds:DigestMethod><ds:DigestValue>`, algSHA256+`"></ds:DigestMethod><ds:DigestValue>A`), "the signature of the SAML"},
		{"signature byte", "token", after("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"), "the signature of the SAML"},
		{"unsigned", "token", signed("SIG", ""), "has no signature"},
		{"no XML", "token", set("assertion", "eHg="), "no XML"},
	})
}

// The example of Exclusive XML Canonicalization 1.0, section 2.2.
func TestCanonicalVector(t *testing.T) {
	t.Parallel()
	root, err := parseXML([]byte(`<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`
	if got := canonical(root.child("elem2"), root.spaces, nil, nil); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
