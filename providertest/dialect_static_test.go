package providertest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

const keyEntry = `
auth_mode: API_KEY
proxy:
  base_url: https://api.vendor.test/v1
  headers: {authorization: "Token ${apiKey}", accept: application/json, content-type: application/json}
  query: {account: "${connectionConfig.account}"}
  verification: {method: POST, endpoints: ['/me?full=1'], headers: {content-type: application/vnd.me+json}, data: {page: 1, q: {all: {}}}}
`

func keyScript(w *wire) {
	in := w.d.Inputs()
	head := func(kind string) http.Header {
		return http.Header{"Authorization": {"Token " + in.Credentials["apiKey"]}, "Accept": {"application/json"}, "Content-Type": {kind}}
	}
	q := "account=" + url.QueryEscape(in.Config["account"])
	r := w.do("verify", msg{
		method: "POST", url: "https://api.vendor.test/v1/me?full=1&" + q,
		header: head("application/vnd.me+json"), raw: `{"page":1,"q":{"all":{}},"more":2}`,
	})
	if w.edit == nil && r.text != "{}" {
		w.t.Errorf("a verification answers %q", r.text)
	}
	w.do("api", msg{url: "https://api.vendor.test/v1/x?" + q, header: head("application/json; charset=utf-8")})
}

func TestDialectAPIKey(t *testing.T) {
	t.Parallel()
	scripted(t, "key", keyEntry, keyScript, []edit{
		{"no key", "api", hdel("Authorization"), "authorization is missing"},
		{"other scheme", "api", func(m *msg) {
			m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), "Token", "Bearer", 1))
		}, "authorization is"},
		{"no accept", "api", hdel("Accept"), "accept is missing"},
		{"wrong account", "api", to("https://api.vendor.test/v1/x?account=x"), "query account"},
		{"no account", "api", to("https://api.vendor.test/v1/x"), "query account"},
		{"verification without key", "verify", hdel("Authorization"), "authorization is missing"},
		{"verification without body", "verify", func(m *msg) { m.raw = "" }, "the body is"},
		{"verification with another body", "verify", func(m *msg) { m.raw = `{"page":2,"q":{"all":{}}}` }, "the body is"},
		{"verification's content type", "verify", hset("Content-Type", "application/json"), "content-type is"},
		{"key in the query", "verify", func(m *msg) { m.url = strings.Replace(m.url, "account=", "key=", 1) }, "query account"},
	})
	d := newTestDialect(t, "key", keyEntry)
	keyScript(&wire{t: t, d: d})
	if log := d.Log(); len(log) != 2 || log[0].Role != "verify" || log[1].Role != "api" || log[1].Status != 200 {
		t.Errorf("the log is %+v", log)
	}
}

func TestDialectKeyInBodyAndPath(t *testing.T) {
	t.Parallel()
	scripted(t, "body", `
auth_mode: API_KEY
proxy:
  base_url: https://api.vendor.test/bot${apiKey}
  body: {auth: {key: "${apiKey}", user: "${connectionConfig.user}"}}
`, func(w *wire) {
		in := w.d.Inputs()
		key := in.Credentials["apiKey"]
		body := map[string]any{"mine": 1, "auth": map[string]any{"key": key, "user": in.Config["user"]}}
		w.do("post", msg{url: "https://api.vendor.test/bot" + key + "/x", json: body})
	}, []edit{
		{"GET", "post", by("GET"), "a GET has none"},
		{"no key", "post", func(m *msg) { m.json = map[string]any{"mine": 1} }, "body.auth is missing"},
		{"wrong key", "post", func(m *msg) { m.json["auth"].(map[string]any)["key"] = "x" }, "body.auth.key is"},
		{"no user", "post", func(m *msg) { delete(m.json["auth"].(map[string]any), "user") }, "body.auth.user is missing"},
		{"text", "post", func(m *msg) { m.raw = "x" }, "no JSON"},
		{"other path", "post", to("https://api.vendor.test/bot/x"), "nothing in the entry names"},
		{"header", "post", hset("Authorization", "x"), "nothing asks for one"},
	})
}

func TestDialectGenericKey(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"header", "query"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			d := newTestDialect(t, "generic", `
auth_mode: API_KEY
proxy: {base_url: https://wrong.test}
integration_config: {keyPlacement: {enum: [header, query]}, keyName: {type: string}, valueTemplate: {default_value: 'Key ${apiKey}'}, baseUrl: {format: uri}}
`)
			in := d.Inputs()
			in.IntegrationConfig["keyPlacement"] = place
			d.Use(in)
			w := &wire{t: t, d: d}
			name, value := in.IntegrationConfig["keyName"], "Key "+in.Credentials["apiKey"]
			right := msg{url: in.IntegrationConfig["baseUrl"] + "/x", header: http.Header{}}
			wrong := msg{url: right.url + "?" + url.Values{name: {value}}.Encode(), header: http.Header{}}
			right.header.Set(name, value)
			if place == "query" {
				right, wrong = wrong, right
			}
			w.do("api", right)
			if p := d.Problems(); len(p) > 0 {
				t.Errorf("%q", p)
			}
			if w.do("api", wrong).status != 401 {
				t.Error("the key is accepted at the other place")
			}
		})
	}
}

func TestDialectBasicAndNone(t *testing.T) {
	t.Parallel()
	scripted(t, "basic", `
auth_mode: BASIC
credentials: {username: {type: string}, password: {type: string, hidden: true, default_value: ''}}
proxy: {base_url: "https://api.vendor.test", headers: {x-user: "${base64(${connectionConfig.tenant}+${credentials.username}:${credentials.password})}"}}
`, func(w *wire) {
		in := w.d.Inputs()
		user := in.Credentials["username"]
		if p, ok := in.Credentials["password"]; !ok || p != "" {
			w.t.Errorf("the hidden password is %q", p)
		}
		x := base64.StdEncoding.EncodeToString([]byte(in.Config["tenant"] + "+" + user + ":"))
		w.do("api", msg{url: "https://api.vendor.test/", header: http.Header{"Authorization": {basicHeader(user, "")}, "X-User": {x}}})
	}, []edit{
		{"no function", "api", hdel("X-User"), "x-user is missing"},
		{"other password", "api", hset("Authorization", basicHeader("u", "x")), "authorization is"},
		{"other function", "api", hset("X-User", "x"), "x-user is"},
	})
	scripted(t, "basic", "auth_mode: BASIC\nproxy: {base_url: 'https://api.vendor.test', headers: {x-user: '${username}'}}", func(w *wire) {
		in := w.d.Inputs()
		user := in.Credentials["username"]
		w.do("api", msg{url: "https://api.vendor.test/", header: http.Header{"Authorization": {basicHeader(user, in.Credentials["password"])}, "X-User": {user}}})
	}, []edit{{"no header", "api", hdel("Authorization"), "authorization is missing"}})
	scripted(t, "none", "auth_mode: NONE\nproxy: {base_url: 'https://api.vendor.test'}", func(w *wire) {
		w.do("api", msg{url: "https://api.vendor.test/x"})
	}, []edit{{"header", "api", hset("Authorization", "x"), "nothing asks for one"}})
}

const signedEntry = `
auth_mode: BASIC
proxy:
  base_url: https://api.vendor.test
  headers:
    date: "${now:ddd, DD MMM YYYY HH:mm:ss ZZ}"
    x-id: ${random}
    x-ms: ${now:x}
    authorization: "Basic ${base64(${credentials.username}:${hmacSha1Hex(${now:ddd, DD MMM YYYY HH:mm:ss ZZ}\n${method}\n${host}\n${path}\n${params}, ${credentials.password})})}"
    x-sig: ${sha256Hex(${base64(${random}${now:YYYY-MM-DDTHH:mm:ss}${endpoint})})}
`

func TestDialectSignedHeaders(t *testing.T) {
	t.Parallel()
	script := func(at time.Time) func(w *wire) {
		return func(w *wire) {
			in := w.d.Inputs()
			date := at.Format("Mon, 02 Jan 2006 15:04:05 -0700")
			mac := hmac.New(sha1.New, []byte(in.Credentials["password"]))
			mac.Write([]byte(date + "\nGET\napi.vendor.test\n/v1/x\na=1&b=%20c"))
			const id = "5b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f"
			sum := sha256.Sum256([]byte(base64.StdEncoding.EncodeToString([]byte(id + at.Format("2006-01-02T15:04:05") + "/v1/x?b=%20c&a=1"))))
			w.do("api", msg{url: "https://api.vendor.test/v1/x?b=%20c&a=1", header: http.Header{
				"Date": {date}, "X-Id": {id}, "X-Ms": {textOf(at.UnixMilli())},
				"Authorization": {basicHeader(in.Credentials["username"], hex.EncodeToString(mac.Sum(nil)))},
				"X-Sig":         {hex.EncodeToString(sum[:])},
			}})
		}
	}
	scripted(t, "signed", signedEntry, script(testClock), []edit{
		{"other path", "api", to("https://api.vendor.test/v1/y?b=%20c&a=1"), "authorization is"},
		{"other method", "api", by("POST"), "authorization is"},
		{"other date", "api", hset("Date", testClock.Add(time.Second).Format("Mon, 02 Jan 2006 15:04:05 -0700")), "authorization is"},
		{"other form of date", "api", hset("Date", testClock.Format(time.RFC1123)), "is not the time"},
		{"random of another version", "api", hset("X-Id", "5b0c7a0e-0f6c-1a59-9a4e-0a1b2c3d4e5f"), "no UUID of version 4"},
		{"another random", "api", hset("X-Id", "6b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f"), "x-sig is"},
		{"signature", "api", flip("X-Sig"), "x-sig is"},
	})
	d := newTestDialect(t, "signed", signedEntry)
	script(testClock.Add(time.Hour))(&wire{t: t, d: d})
	if len(d.Problems()) == 0 {
		t.Error("a clock that is an hour ahead gives no problem")
	}
}

// A message signature of RFC 9421 with Ed25519, as templates write it.
func TestDialectEd25519(t *testing.T) {
	t.Parallel()
	const params = `("content-digest");created=${now:X};expires=${now+1:minutes:X};keyid="${credentials.username}"`
	entry := `
auth_mode: BASIC
proxy:
  base_url: https://api.vendor.test
  headers:
    content-digest: "sha-256=:${sha256Base64(${bodyCanonicalParams})}:"
    signature-input: 'sig=` + params + `'
    signature: |-
      sig=:${ed25519Sign("content-digest": sha-256=:${sha256Base64(${bodyCanonicalParams})}:
      "@signature-params": ` + params + `, ${credentials.password})}:
    authorization: none
`
	scripted(t, "ed", entry, func(w *wire) {
		in := w.d.Inputs()
		block, _ := pem.Decode([]byte(in.Credentials["password"] + "\n"))
		if block == nil {
			w.t.Fatalf("the password is no key but %q", in.Credentials["password"])
		}
		key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			w.t.Fatal(err)
		}
		const body = `{"b":1}`
		sum := sha256.Sum256([]byte(body))
		digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
		p := `("content-digest");created=` + textOf(testClock.Unix()) + ";expires=" + textOf(testClock.Unix()+60) + `;keyid="` + in.Credentials["username"] + `"`
		sig := ed25519.Sign(key.(ed25519.PrivateKey), []byte(`"content-digest": `+digest+"\n"+`"@signature-params": `+p))
		w.do("post", msg{url: "https://api.vendor.test/x", raw: body, header: http.Header{
			"Content-Digest": {digest}, "Signature-Input": {"sig=" + p}, "Authorization": {"none"},
			"Signature": {"sig=:" + base64.StdEncoding.EncodeToString(sig) + ":"},
		}})
	}, []edit{
		{"other body", "post", func(m *msg) { m.raw = `{"b":2}` }, "content-digest is"},
		{"signature", "post", flip("Signature"), "header signature is"},
		{"expires", "post", hset("Signature-Input", `sig=("content-digest");created=1;expires=2;keyid="x"`), "signature-input is"},
	})
}

// The first case of AWS's published test suite for Signature Version 4, get-vanilla.
func TestSigV4Vector(t *testing.T) {
	t.Parallel()
	r, err := http.NewRequest(http.MethodGet, "https://example.amazonaws.com/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	s := sigV4{date: "20150830", region: "us-east-1", service: "service", headers: []string{"host", "x-amz-date"}}
	const want = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := s.sign(r, nil, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"); got != want {
		t.Errorf("the signature is %s, want %s", got, want)
	}
}

// signAWS is a client's side of Signature Version 4; the arithmetic is the one
// that TestSigV4Vector holds to the published case.
func signAWS(m *msg, k awsKey, at time.Time, hash bool) {
	if m.header == nil {
		m.header = http.Header{}
	}
	m.header.Set("X-Amz-Date", at.UTC().Format("20060102T150405Z"))
	names := []string{"host", "x-amz-date"}
	if hash {
		m.header.Set("X-Amz-Content-Sha256", hexSum(m.raw))
		names = []string{"host", "x-amz-content-sha256", "x-amz-date"}
	}
	if k.session != "" {
		m.header.Set("X-Amz-Security-Token", k.session)
		names = append(names, "x-amz-security-token")
	}
	method := m.method
	if method == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequest(method, m.url, http.NoBody)
	if err != nil {
		panic(err)
	}
	r.Header = m.header
	s := sigV4{keyID: k.id, date: at.UTC().Format("20060102"), region: k.region, service: k.service, headers: names}
	m.header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+k.id+"/"+s.date+"/"+k.region+"/"+k.service+
		"/aws4_request, SignedHeaders="+strings.Join(names, ";")+", Signature="+s.sign(r, []byte(m.raw), k.secret))
}

// inAuth replaces a part of the Authorization header.
func inAuth(from, to string) func(*msg) {
	return func(m *msg) {
		m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), from, to, 1))
	}
}

func TestDialectSigV4Header(t *testing.T) {
	t.Parallel()
	scripted(t, "aws", `
auth_mode: BASIC
proxy:
  base_url: https://${connectionConfig.service}.${connectionConfig.region}.amazonaws.com
  headers:
    authorization: ${awsSigV4(${credentials.username}, ${credentials.password}, ${connectionConfig.region}, ${connectionConfig.service}, ${connectionConfig.service}.${connectionConfig.region}.amazonaws.com)}
    x-amz-date: ${now:YYYYMMDDTHHmmss[Z]}
credentials: {username: {pattern: '^AKIA[A-Z2-7]{16}$'}, password: {pattern: '^[A-Za-z0-9]{40}$'}}
connection_config: {region: {pattern: '^[a-z]+-[a-z]+-[0-9]$', example: us-east-1}, service: {enum: [iam]}}
`, func(w *wire) {
		in := w.d.Inputs()
		m := msg{url: "https://iam.us-east-1.amazonaws.com/a%20b?Action=ListUsers&V=x+y"}
		signAWS(&m, awsKey{id: in.Credentials["username"], secret: in.Credentials["password"], region: "us-east-1", service: "iam"}, testClock, false)
		w.do("api", m)
	}, []edit{
		{"signature", "api", func(m *msg) {
			h := m.header.Get("Authorization")
			m.header.Set("Authorization", h[:len(h)-1]+map[bool]string{true: "1", false: "0"}[h[len(h)-1] == '0'])
		}, "the signature is"},
		{"other key", "api", inAuth("Credential=AKIA", "Credential=AKIB"), "the access key is"},
		{"other region", "api", inAuth("/us-east-1/", "/us-east-2/"), "the region is"},
		{"other service", "api", inAuth("/iam/", "/sts/"), "the service is"},
		{"other day", "api", inAuth("/20310506/", "/20310507/"), "the scope's date is"},
		{"host not signed", "api", inAuth("SignedHeaders=host;", "SignedHeaders="), "want host among them"},
		{"other query", "api", func(m *msg) { m.url += "&x=1" }, "the signature is"},
		{"other path", "api", func(m *msg) { m.url = strings.Replace(m.url, "a%20b", "b", 1) }, "the signature is"},
		{"other date", "api", hset("X-Amz-Date", "20310506T070909Z"), "the signature is"},
		{"old date", "api", hset("X-Amz-Date", "20300506T070809Z"), "x-amz-date is"},
		{"Bearer", "api", hset("Authorization", "Bearer x"), "want a Signature Version 4"},
	})
}
