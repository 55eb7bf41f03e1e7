package providertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// signJWT is a client's side of RFC 7515: header and payload, signed by alg with
// a PEM key or a secret.
func signJWT(t *testing.T, alg string, key any, header, payload map[string]any) string {
	t.Helper()
	part := func(v map[string]any) string {
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	h := map[string]any{"alg": alg}
	for k, v := range header {
		h[k] = v
	}
	input := part(h) + "." + part(payload)
	sum := sha256.Sum256([]byte(input))
	var sig []byte
	var err error
	switch alg {
	case "HS256":
		mac := hmac.New(sha256.New, key.([]byte))
		mac.Write([]byte(input))
		sig = mac.Sum(nil)
	case "RS256":
		sig, err = rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	case "PS256":
		sig, err = rsa.SignPSS(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	case "ES256":
		r, s, e := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), sum[:])
		sig, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), e
	}
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// privateKey parses PEM of the inputs.
func privateKey(t *testing.T, text string) any {
	t.Helper()
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n") + "\n"))
	if block == nil {
		t.Fatalf("%q is no PEM", text)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func lifetime(seconds int64, more map[string]any) map[string]any {
	out := map[string]any{"iat": testClock.Unix(), "exp": testClock.Unix() + seconds}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// jwtCase is an entry and a client's side of it.
type jwtCase struct {
	entry string
	sign  func(t *testing.T, in Inputs, life int64, extra map[string]any) string
}

func jwtCases() map[string]jwtCase {
	return map[string]jwtCase{
		"hex secret": {`
signature: {protocol: HMAC}
token:
  signing_key: ${credentials.key.secret}
  expires_in_ms: 300000
  header: {alg: HS256, kid: "${credentials.key.id}"}
  payload: {aud: /admin/}
credentials: {key: {type: string, pattern: '^[a-f0-9]{24}:[a-f0-9]{64}$'}}
`, func(t *testing.T, in Inputs, life int64, extra map[string]any) string {
			id, secret, _ := strings.Cut(in.Credentials["key"], ":")
			key, err := hex.DecodeString(secret)
			if err != nil {
				t.Fatal(err)
			}
			p := lifetime(life, map[string]any{"aud": "/admin/"})
			for k, v := range extra {
				p[k] = v
			}
			return signJWT(t, "HS256", key, map[string]any{"kid": id, "typ": "JWT"}, p)
		}},
		"two values joined": {`
signature: {protocol: HMAC, hmac_secret_encoding: utf8}
token:
  signing_key: ${credentials.id}||${credentials.secret}
  expires_in_ms: 300000
  header: {alg: HS256, typ: JWT}
  payload: {iss: "${credentials.id}"}
`, func(t *testing.T, in Inputs, life int64, extra map[string]any) string {
			p := lifetime(life, map[string]any{"iss": in.Credentials["id"]})
			for k, v := range extra {
				p[k] = v
			}
			return signJWT(t, "HS256", []byte(in.Credentials["id"]+"||"+in.Credentials["secret"]), map[string]any{"typ": "JWT"}, p)
		}},
		"EC": {`
signature: {protocol: EC}
token:
  signing_key: ${credentials.privateKey}
  expires_in_ms: 300000
  header: {alg: ES256, typ: JWT}
  payload: {scope: ["${connectionConfig.scope}"]}
`, func(t *testing.T, in Inputs, life int64, extra map[string]any) string {
			p := lifetime(life, map[string]any{"scope": []string{in.Config["scope"]}})
			for k, v := range extra {
				p[k] = v
			}
			return signJWT(t, "ES256", privateKey(t, in.Credentials["privateKey"]), map[string]any{"typ": "JWT"}, p)
		}},
		"RSA with a fingerprint": {`
signature: {protocol: RSA}
token:
  signing_key: ${credentials.privateKey}
  expires_in_ms: 300000
  header: {alg: RS256, typ: JWT}
  payload: {iss: "${credentials.user}.${fingerprint(${credentials.privateKey})}"}
`, signFingerprint},
	}
}

// signFingerprint signs for an issuer that is named by the key itself.
func signFingerprint(t *testing.T, in Inputs, life int64, extra map[string]any) string {
	key := privateKey(t, in.Credentials["privateKey"]).(*rsa.PrivateKey)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	p := lifetime(life, map[string]any{"iss": in.Credentials["user"] + ".SHA256:" + base64.StdEncoding.EncodeToString(sum[:])})
	for k, v := range extra {
		p[k] = v
	}
	return signJWT(t, "RS256", key, map[string]any{"typ": "JWT"}, p)
}

func TestDialectJWT(t *testing.T) {
	t.Parallel()
	for name, c := range jwtCases() {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			entry := "auth_mode: JWT\nproxy: {base_url: 'https://api.vendor.test', headers: {authorization: 'Ghost ${accessToken}'}}\n" + c.entry
			with := func(life int64, extra map[string]any) func(m *msg) {
				return func(m *msg) {
					m.header.Set("Authorization", "Ghost "+c.sign(t, newTestDialect(t, "jwt", entry).Inputs(), life, extra))
				}
			}
			scripted(t, "jwt", entry, func(w *wire) {
				token := c.sign(w.t, w.d.Inputs(), 300, nil)
				w.do("api", msg{url: "https://api.vendor.test/x", header: http.Header{"Authorization": {"Ghost " + token}}})
				w.d.Expire()
				if r := w.do("expired", msg{method: "GET", url: "https://api.vendor.test/x", header: http.Header{"Authorization": {"Ghost " + token}}}); w.edit == nil && r.status != 401 {
					w.t.Errorf("%d for an expired token", r.status)
				}
				w.do("expired", msg{method: "GET", url: "https://api.vendor.test/x", header: http.Header{"Authorization": {"Ghost " + c.sign(w.t, w.d.Inputs(), 300, map[string]any{"iat": testClock.Unix() + 1, "exp": testClock.Unix() + 301})}}})
			}, []edit{
				{"other scheme", "api", func(m *msg) {
					m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), "Ghost", "Bearer", 1))
				}, "authorization is"},
				{"signature byte", "api", flip("Authorization"), "signature is wrong"},
				{"lifetime", "api", with(301, nil), "lives for"},
				{"extra claim", "api", with(300, map[string]any{"jti": "x"}), "payload.jti is not asked for"},
				{"old", "api", with(300, map[string]any{"iat": testClock.Unix() - 7200, "exp": testClock.Unix() - 6900}), "iat is"},
				{"no token", "api", hdel("Authorization"), "authorization is missing"},
				{"no JWT", "api", hset("Authorization", "Ghost x"), "no JSON Web Token"},
			})
		})
	}
}

// What has no value is left out of the payload, a list too.
func TestDialectJWTDropsWhatHasNoValue(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		claims  map[string]any
		problem bool
	}{
		"dropped":    {nil, false},
		"empty text": {map[string]any{"sub": ""}, true},
		"empty list": {map[string]any{"scope": []string{}}, true},
		"literal":    {map[string]any{"sub": "${credentials.sub}"}, true},
	} {
		d := newTestDialect(t, "jwt", `
auth_mode: JWT
proxy: {base_url: 'https://api.vendor.test'}
signature: {protocol: HMAC, hmac_secret_encoding: utf8}
token: {signing_key: "${credentials.key}", expires_in_ms: 300000, header: {alg: HS256}, payload: {sub: "${credentials.sub}", scope: ["${connectionConfig.scope}"]}}
`)
		in := d.Inputs()
		delete(in.Credentials, "sub")
		delete(in.Config, "scope")
		d.Use(in)
		w := &wire{t: t, d: d}
		w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(signJWT(t, "HS256", []byte(in.Credentials["key"]), nil, lifetime(300, c.claims)))})
		if p := d.Problems(); (len(p) > 0) != c.problem {
			t.Errorf("%s: problems %q", name, p)
		}
	}
}

func TestDialectJWTHeader(t *testing.T) {
	t.Parallel()
	const entry = `
auth_mode: JWT
proxy: {base_url: 'https://api.vendor.test'}
signature: {protocol: HMAC, hmac_secret_encoding: utf8}
token: {signing_key: "${credentials.key}", expires_in_ms: 300000, header: {alg: HS256, kid: "${credentials.kid}"}, payload: {iss: "${credentials.kid}"}}
`
	with := func(header, claims map[string]any) func(m *msg) {
		return func(m *msg) {
			in := newTestDialect(t, "jwt", entry).Inputs()
			h, p := map[string]any{"kid": in.Credentials["kid"]}, map[string]any{"iss": in.Credentials["kid"]}
			for k, v := range header {
				h[k] = v
			}
			for k, v := range claims {
				p[k] = v
			}
			m.header.Set("Authorization", "Bearer "+signJWT(t, "HS256", []byte(in.Credentials["key"]), h, lifetime(300, p)))
		}
	}
	scripted(t, "jwt", entry, func(w *wire) {
		m := msg{url: "https://api.vendor.test/x", header: http.Header{}}
		with(nil, nil)(&m)
		w.do("api", m)
	}, []edit{
		{"other key ID", "api", with(map[string]any{"kid": "x"}, nil), "header.kid is"},
		{"no key ID", "api", with(map[string]any{"kid": nil}, nil), "header.kid is"},
		{"other type", "api", with(map[string]any{"typ": "at+jwt"}, nil), "typ is at+jwt"},
		{"extra header", "api", with(map[string]any{"x5t": "x"}, nil), "header.x5t is not asked for"},
		{"number", "api", with(nil, map[string]any{"iss": 3}), "payload.iss is 3, want text"},
		{"text for a time", "api", with(nil, map[string]any{"exp": "3"}), "is no number"},
	})
}

func TestDialectJWTExpires(t *testing.T) {
	t.Parallel()
	d := newTestDialect(t, "jwt", `
auth_mode: JWT
proxy: {base_url: 'https://api.vendor.test'}
signature: {protocol: HMAC, hmac_secret_encoding: utf8}
token: {signing_key: "${credentials.key}", expires_in_ms: 300000, header: {alg: HS256}, payload: {}}
`)
	token := signJWT(t, "HS256", []byte(d.Inputs().Credentials["key"]), nil, lifetime(300, nil))
	w := &wire{t: t, d: d}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{299 * time.Second, 200}, {300 * time.Second, 401}} {
		d.Now = func() time.Time { return testClock.Add(c.after) }
		if r := w.do("api", msg{url: "https://api.vendor.test/x", header: bearer(token)}); r.status != c.want {
			t.Errorf("%d after %s, want %d", r.status, c.after, c.want)
		}
	}
	if p := d.Problems(); len(p) > 0 {
		t.Errorf("an expired token is a problem: %q", p)
	}
}

func TestDialectWSSE(t *testing.T) {
	t.Parallel()
	const nonce, created = "000102030405060708090a0b0c0d0e0f", "2031-05-06T07:08:09.000Z"
	wsse := func(user, password string) string {
		sum := sha1.Sum([]byte(nonce + created + password))
		return `UsernameToken Username="` + user + `", PasswordDigest="` + base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))) +
			`", Nonce="` + nonce + `", Created="` + created + `"`
	}
	replace := func(from, to string) func(m *msg) {
		return func(m *msg) { m.header.Set("X-Wsse", strings.Replace(m.header.Get("X-Wsse"), from, to, 1)) }
	}
	scripted(t, "wsse", `
auth_mode: SIGNATURE
signature: {protocol: WSSE}
token: {expires_in_ms: 300000}
proxy: {base_url: 'https://api.vendor.test', headers: {x-wsse: "${accessToken}"}}
`, func(w *wire) {
		in := w.d.Inputs()
		w.do("api", msg{url: "https://api.vendor.test/x", header: http.Header{"X-Wsse": {wsse(in.Credentials["username"], in.Credentials["password"])}}})
	}, []edit{
		{"no header", "api", hdel("X-Wsse"), "x-wsse is missing"},
		{"other user", "api", replace(`Username="`, `Username="x`), "is for"},
		{"digest of another password", "api", hset("X-Wsse", wsse("u", "p")), "PasswordDigest is"},
		{"short nonce", "api", replace(nonce, nonce[2:]), "Nonce is"},
		{"another time", "api", replace(created, "2031-05-06T07:08:10.000Z"), "PasswordDigest is"},
		{"future", "api", replace(created, "2032-05-06T07:08:09.000Z"), "Created is"},
		{"Basic", "api", hset("X-Wsse", "Basic x"), "no UsernameToken"},
	})
}

func TestDialectPrivateKeyJWT(t *testing.T) {
	t.Parallel()
	const entry = `
auth_mode: OAUTH2_CC
token_url: https://vendor.test/token
token_request_auth_method: private_key_jwt
token_params: {grant_type: client_credentials}
credentials: {client_private_key: {type: string}}
`
	sign := func(t *testing.T, in Inputs, claims map[string]any) string {
		m, err := keys()
		if err != nil {
			t.Fatal(err)
		}
		p := lifetime(300, map[string]any{
			"iss": in.Credentials["client_id"], "sub": in.Credentials["client_id"], "aud": "https://vendor.test/token", "jti": "jti-1",
		})
		for k, v := range claims {
			p[k] = v
		}
		if !strings.Contains(in.Credentials["client_private_key"], `"kty":"RSA"`) {
			t.Fatal("the key is no JWK")
		}
		return signJWT(t, "RS256", privateKey(t, m.rsa), map[string]any{"kid": keyID, "typ": "JWT"}, p)
	}
	with := func(claims map[string]any) func(*msg) {
		return func(m *msg) {
			m.form.Set("client_assertion", sign(t, newTestDialect(t, "pk", entry).Inputs(), claims))
		}
	}
	scripted(t, "pk", entry, func(w *wire) {
		in := w.d.Inputs()
		w.do("token", msg{url: "https://vendor.test/token", form: url.Values{
			"grant_type": {"client_credentials"}, "scope": {strings.ReplaceAll(in.Config["oauth_scopes"], ",", " ")}, "client_assertion": {sign(w.t, in, nil)},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}})
	}, []edit{
		{"no type", "token", del("client_assertion_type"), "client_assertion_type is missing"},
		{"secret", "token", set("client_secret", "x"), "client_secret is sent"},
		{"header", "token", hset("Authorization", "Bearer x"), "nothing asks for one"},
		{"other client", "token", set("client_id", "x"), "client_id is"},
		{"audience", "token", with(map[string]any{"aud": "https://vendor.test"}), "payload.aud is"},
		{"subject", "token", with(map[string]any{"sub": "x"}), "payload.sub is"},
		{"long life", "token", with(map[string]any{"exp": testClock.Unix() + 301}), "lives for"},
		{"no jti", "token", with(map[string]any{"jti": ""}), "jti is missing"},
		{"no assertion", "token", del("client_assertion"), "no JSON Web Token"},
		{"signature", "token", func(m *msg) {
			v := m.form.Get("client_assertion")
			m.form.Set("client_assertion", v[:len(v)-8]+"AAAAAAAA")
		}, "signature is wrong"},
	})
}

// The example of RFC 7515 appendix A.1.
func TestJWTVectors(t *testing.T) {
	t.Parallel()
	const hs = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	sig, err1 := base64.RawURLEncoding.DecodeString("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
	key, err2 := base64.RawURLEncoding.DecodeString("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	j := &jwtRules{alg: "HS256", secret: key}
	if !j.signed([]byte(hs), sig) {
		t.Error("the example of appendix A.1 does not verify")
	}
	sig[3] ^= 1
	if j.signed([]byte(hs), sig) {
		t.Error("a changed signature verifies")
	}
}
