package providertest

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// The second and third example of RFC 5849 section 1.2.
func TestOAuth1Vectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, url, header, tokenSecret string
	}{
		{"POST", "https://photos.example.net/token", `OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="hh5s93j4hdidpola", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="walatlh", oauth_verifier="hfdp7dh39dks9884", oauth_signature="gKgrFCywp7rO0OXSjdot%2FIHF7IU%3D"`, "hdhd0244k9j7ao03"},
		{"GET", "http://photos.example.net/photos?file=vacation.jpg&size=original", `OAuth realm="Photos", oauth_consumer_key="dpf43f3p2l4k3l03", oauth_token="nnch734d00sl2jdk", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131202", oauth_nonce="chapoH", oauth_signature="MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D"`, "pfkkdhi9sl3r4s00"},
	} {
		r, err := http.NewRequest(c.method, c.url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		o, ok := oauthHeader(c.header)
		if !ok {
			t.Fatalf("%s does not parse", c.header)
		}
		if got, _ := oauthSignature("HMAC-SHA1", signatureBase(r, nil, o), "kd94hf93k423kf44", c.tokenSecret); got != o["oauth_signature"] {
			t.Errorf("%s: the signature is %s, want %s", c.url, got, o["oauth_signature"])
		}
	}
}

// sign1 is a client's side of RFC 5849 for one request: p are the protocol
// parameters beside the usual ones. It signs by hand, without the Dialect's code.
func sign1(m *msg, in Inputs, method, tokenSecret string, p map[string]string) {
	esc := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
	all := map[string]string{"oauth_consumer_key": in.ClientID, "oauth_signature_method": method, "oauth_version": "1.0"}
	if method != "PLAINTEXT" {
		all["oauth_timestamp"], all["oauth_nonce"] = textOf(testClock.Unix()), "n"+textOf(len(m.url))+m.method+p["oauth_token"]
	}
	for k, v := range p {
		all[k] = v
	}
	base, query, _ := strings.Cut(m.url, "?")
	q, _ := url.ParseQuery(query)
	var pairs []string
	for _, set := range []url.Values{q, m.form} {
		for k, vs := range set {
			pairs = append(pairs, esc(k)+"="+esc(vs[0]))
		}
	}
	for k, v := range all {
		if k != "realm" {
			pairs = append(pairs, esc(k)+"="+esc(v))
		}
	}
	slices.Sort(pairs)
	text := m.method + "&" + esc(base) + "&" + esc(strings.Join(pairs, "&"))
	key := esc(in.ClientSecret) + "&" + esc(tokenSecret)
	mac := hmac.New(sha1.New, []byte(key))
	if method == "HMAC-SHA256" {
		mac = hmac.New(sha256.New, []byte(key))
	}
	mac.Write([]byte(text))
	all["oauth_signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if method == "PLAINTEXT" {
		all["oauth_signature"] = key
	}
	var parts []string
	for k, v := range all {
		parts = append(parts, k+`="`+esc(v)+`"`)
	}
	if m.header == nil {
		m.header = http.Header{}
	}
	m.header.Set("Authorization", "OAuth "+strings.Join(parts, ", "))
}

const consumerEntry = `
auth_mode: OAUTH1
request_url: https://vendor.test/request
authorization_url: https://vendor.test/authorize
token_url: https://vendor.test/access
scope_separator: ","
request_params: {x_type: write}
authorization_params: {expiration: never}
proxy: {base_url: https://api.vendor.test, headers: {accept: application/json}}
signature_method: `

func consumerScript(method string) func(w *wire) {
	return func(w *wire) {
		in := w.d.Inputs()
		m := msg{method: "POST", url: "https://vendor.test/request", form: url.Values{"x_type": {"write"}}}
		sign1(&m, in, method, "", map[string]string{"oauth_callback": callback + "?state=s1"})
		request := w.do("request-token", m).form
		if request.Get("oauth_token") == "" {
			return
		}
		back, ok := w.visit(msg{url: "https://vendor.test/authorize", form: url.Values{
			"oauth_token": {request.Get("oauth_token")}, "expiration": {"never"}, "scope": {strings.Join(in.Scopes, ",")},
		}})
		if !ok {
			return
		}
		if back.Get("state") != "s1" {
			w.t.Errorf("the callback is %v", back)
		}
		m = msg{method: "POST", url: "https://vendor.test/access"}
		sign1(&m, in, method, request.Get("oauth_token_secret"), map[string]string{
			"oauth_token": request.Get("oauth_token"), "oauth_verifier": back.Get("oauth_verifier"),
		})
		access := w.do("token", m).form
		if w.edit != nil && w.edit.role == "again" {
			m.header = nil
			sign1(&m, in, method, request.Get("oauth_token_secret"), map[string]string{
				"oauth_token": request.Get("oauth_token"), "oauth_verifier": back.Get("oauth_verifier"), "oauth_nonce": "another",
			})
			w.do("again", m)
		}
		if access.Get("oauth_token") == "" {
			return
		}
		m = msg{method: "GET", url: "https://api.vendor.test/x?a=b%20c", header: http.Header{"Accept": {"application/json"}}}
		sign1(&m, in, method, access.Get("oauth_token_secret"), map[string]string{"oauth_token": access.Get("oauth_token")})
		if r := w.do("api", m); w.edit == nil && r.status != 200 {
			w.t.Errorf("the API answers %d", r.status)
		}
		w.d.Expire()
		sign1(&m, in, method, access.Get("oauth_token_secret"), map[string]string{"oauth_token": access.Get("oauth_token"), "oauth_nonce": "again"})
		if r := w.do("expired", m); w.edit == nil && r.status != 401 {
			w.t.Errorf("the API answers %d to an expired token", r.status)
		}
	}
}

func TestDialectOAuth1(t *testing.T) {
	t.Parallel()
	header := func(from, to string) func(*msg) {
		return func(m *msg) {
			m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), from, to, 1))
		}
	}
	shared := []edit{
		{"request elsewhere", "request-token", to("https://vendor.test/requests"), "nothing in the entry names"},
		{"no request params", "request-token", func(m *msg) { m.form = nil; m.raw = "y=1" }, "x_type is missing"},
		{"GET", "request-token", by("GET"), "want POST"},
		{"no callback", "request-token", header("oauth_callback", "oauth_callbock"), "oauth_callback is"},
		{"other consumer", "token", header("oauth_consumer_key=\"", "oauth_consumer_key=\"x"), "oauth_consumer_key is"},
		{"no header", "token", hdel("Authorization"), "never given"},
		{"page elsewhere", "authorize", to("https://vendor.test/authorise"), "the page is"},
		{"no fixed parameter", "authorize", del("expiration"), "expiration is missing"},
		{"scope", "authorize", set("scope", "a b"), "scope is"},
		{"verifier", "token", header("oauth_verifier=\"", "oauth_verifier=\"x"), "oauth_verifier is"},
		{"the request token again", "again", func(*msg) {}, "was used before"},
		{"extra protocol parameter", "token", func(m *msg) { m.header.Set("Authorization", m.header.Get("Authorization")+`, x="y"`) }, "x is not asked for"},
		{"parameter of the access request", "token", func(m *msg) { m.url += "?z=1" }, "z is not asked for"},
		{"no verifier", "token", header("oauth_verifier", "oauth_verifiar"), "oauth_verifier is"},
		{"other token", "api", header("oauth_token=\"", "oauth_token=\"x"), "never issued"},
		{"Bearer", "api", hset("Authorization", "Bearer x"), "oauth_token is"},
		{"no accept", "api", hdel("Accept"), "accept is missing"},
		{"version", "api", header(`oauth_version="1.0"`, `oauth_version="2.0"`), "oauth_version is"},
	}
	for _, method := range []string{"HMAC-SHA1", "PLAINTEXT"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			edits := slices.Clone(shared)
			if method == "HMAC-SHA1" {
				edits = append(edits, []edit{
					{"signature", "token", header("oauth_signature=\"", "oauth_signature=\"A"), "oauth_signature is"},
					{"query after signing", "api", func(m *msg) { m.url += "&z=1" }, "oauth_signature is"},
					{"other method", "api", by("DELETE"), "oauth_signature is"},
					{"other signature method", "api", header("HMAC-SHA1", "PLAINTEXT"), "oauth_signature_method is"},
					{"time", "api", header(`oauth_timestamp="1`, `oauth_timestamp="2`), "oauth_timestamp is"},
					{"no nonce", "api", header("oauth_nonce=", "oauth_nince="), "oauth_nonce"},
				}...)
			}
			scripted(t, "consumer", consumerEntry+method, consumerScript(method), edits)
		})
	}
}

func TestDialectTBA(t *testing.T) {
	t.Parallel()
	header := func(from, to string) func(*msg) {
		return func(m *msg) {
			m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), from, to, 1))
		}
	}
	scripted(t, "tba", `
auth_mode: TBA
proxy: {base_url: "https://${connectionConfig.accountId}.vendor.test"}
connection_config: {accountId: {pattern: '^[a-z0-9-]+$', example: tst-12-x}}
`, func(w *wire) {
		in := w.d.Inputs()
		m := msg{method: "GET", url: "https://tst-12-x.vendor.test/record?limit=1"}
		sign1(&m, in, "HMAC-SHA256", in.Credentials["token_secret"], map[string]string{"oauth_token": in.Credentials["token_id"], "realm": "TST_12-X"})
		w.do("api", m)
	}, []edit{
		{"realm", "api", header("TST_12-X", "tst-12-x"), "realm is"},
		{"no realm", "api", header("realm=", "rialm="), "realm is"},
		{"token", "api", header(`oauth_token="`, `oauth_token="x`), "oauth_token is"},
		{"method", "api", header("HMAC-SHA256", "HMAC-SHA1"), "oauth_signature_method is"},
		{"signature", "api", header(`oauth_signature="`, `oauth_signature="A`), "oauth_signature is"},
		{"none", "api", hdel("Authorization"), "authorization headers"},
	})
}
