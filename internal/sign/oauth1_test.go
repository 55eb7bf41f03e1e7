package sign

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustURL(t testing.TB, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// parseHeader reads an Authorization header back, apart from what wrote it.
func parseHeader(t testing.TB, header string) map[string]string {
	t.Helper()
	rest, ok := strings.CutPrefix(header, "OAuth ")
	if !ok {
		t.Fatalf("%q is no OAuth header", header)
	}
	got := make(map[string]string)
	for _, pair := range strings.Split(rest, ", ") {
		name, value, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(strings.Trim(value, `"`))
		if _, twice := got[name]; twice || err != nil {
			t.Errorf("%s: twice, or %v", name, err)
		}
		got[name] = value
	}
	return got
}

// The requests of RFC 5849 sections 1.2 and 3.4.1.1, and those of Twitter's page
// "Creating a signature" in its older and its newer form.
func TestOAuth1PublishedVectors(t *testing.T) {
	t.Parallel()
	photos := OAuth1{
		ConsumerKey: "dpf43f3p2l4k3l03", ConsumerSecret: "kd94hf93k423kf44",
		Method: HMACSHA1, Realm: "Photos", OmitVersion: true,
	}
	example := OAuth1{
		ConsumerKey: "9djdj82h48djs9d2", ConsumerSecret: "j49sk3j29djd", Token: "kkk9d7dh3k39sjv7",
		TokenSecret: "dh893hdasih9", Method: HMACSHA1, OmitVersion: true,
	}
	temporary, token, twitter := photos, photos, OAuth1{
		ConsumerKey: "xvz1evFS4wEEPTGEFPHBog", ConsumerSecret: "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
		Token: "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb", TokenSecret: "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
		Method: HMACSHA1,
	}
	temporary.Token, temporary.TokenSecret = "hh5s93j4hdidpola", "hdhd0244k9j7ao03"
	token.Token, token.TokenSecret = "nnch734d00sl2jdk", "pfkkdhi9sl3r4s00"
	status := url.Values{"status": {"Hello Ladies + Gentlemen, a signed OAuth request!"}}
	tests := map[string]struct {
		signer      OAuth1
		method, url string
		form        url.Values
		nonce       string
		at          int64
		extra       url.Values
		want        string
	}{
		"RFC 5849, temporary credentials": {
			photos, "POST", "https://photos.example.net/initiate", nil, "wIjqoS", 137131200,
			url.Values{"oauth_callback": {"http://printer.example.com/ready"}}, "74KNZJeDHnMBp0EMJ9ZHt/XKycU=",
		},
		"RFC 5849, token": {
			temporary, "POST", "https://photos.example.net/token", nil, "walatlh", 137131201,
			url.Values{"oauth_verifier": {"hfdp7dh39dks9884"}}, "gKgrFCywp7rO0OXSjdot/IHF7IU=",
		},
		"RFC 5849, photo": {
			token, "get", "http://photos.example.net/photos?file=vacation.jpg&size=original", nil, "chapoH", 137131202,
			nil, "MdpQcU8iPSUjWoN/UDMsK2sui9I=",
		},
		"RFC 5849 section 3.4.1.1, erratum 2550": {
			example, "POST", "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
			url.Values{"c2": {""}, "a3": {"2 q"}}, "7d8f3e4a", 137131201, nil, "r6/TJjbCOr97/+UU0NsvSne7s5g=",
		},
		"Twitter": {
			twitter, "POST", "https://api.twitter.com/1/statuses/update.json?include_entities=true", status,
			"kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", 1318622958, nil, "tnnArxj06cWHq44gCs1OSKk/jLY=",
		},
		"Twitter 1.1": {
			twitter, "POST", "https://api.twitter.com/1.1/statuses/update.json?include_entities=true", status,
			"kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg", 1318622958, nil, "hCtSmYh+iHYCEqBWrE7C7hYmtUk=",
		},
	}
	for name, test := range tests {
		header, err := test.signer.Header(test.method, mustURL(t, test.url), test.form, test.nonce, time.Unix(test.at, 0), test.extra)
		if err != nil || parseHeader(t, header)["oauth_signature"] != test.want {
			t.Errorf("%s: %s, %v, want %s", name, header, err, test.want)
		}
	}
}

// RFC 5849 section 3.4.1.1.
func TestOAuth1BaseString(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b")
	form, ok := FormBody("application/x-www-form-urlencoded", []byte("c2&a3=2+q"))
	if !ok {
		t.Fatal("no form")
	}
	params := append(parseQuery(u.RawQuery), flatten(form)...)
	for name, value := range map[string]string{
		"oauth_consumer_key": "9djdj82h48djs9d2", "oauth_token": "kkk9d7dh3k39sjv7",
		"oauth_signature_method": "HMAC-SHA1", "oauth_timestamp": "137131201", "oauth_nonce": "7d8f3e4a",
	} {
		params = append(params, param{name: name, value: value})
	}
	want := "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q" +
		"%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_" +
		"key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_m" +
		"ethod%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk" +
		"9d7dh3k39sjv7"
	if got := baseString("post", u, params); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

func TestOAuth1BaseStringURI(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"http://EXAMPLE.COM:80/r%20v/X?id=123#f": "http://example.com/r%20v/X",
		"https://www.example.net:8080/?q=1":      "https://www.example.net:8080/",
		"HTTPS://Example.com:443":                "https://example.com/",
		"https://example.com:80/":                "https://example.com:80/",
		"http://example.com:443/a//b/../c":       "http://example.com:443/a//b/../c",
		"https://u:p@example.com/%7Ea~":          "https://example.com/%7Ea~",
	} {
		got := baseString("", mustURL(t, text), nil)
		if want := "GET&" + url.QueryEscape(want) + "&"; got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestOAuth1Methods(t *testing.T) {
	t.Parallel()
	u, at := mustURL(t, "https://h.example/p"), time.Unix(1, 0)
	o := OAuth1{ConsumerKey: "k", ConsumerSecret: "a b", Token: "t", TokenSecret: "c&d", PrivateKey: mustKey(t, jwkRS256, Asymmetric)}
	header := func(m OAuth1Method) map[string]string {
		o.Method = m
		h, err := o.Header("GET", u, nil, "n", at, nil)
		if err != nil {
			t.Fatalf("%s: %v", m, err)
		}
		return parseHeader(t, h)
	}
	if got := header(Plaintext)["oauth_signature"]; got != "a%20b&c%26d" {
		t.Errorf("PLAINTEXT: %s", got)
	}
	base := func(m string) string {
		return "GET&https%3A%2F%2Fh.example%2Fp&oauth_consumer_key%3Dk%26oauth_nonce%3Dn%26oauth_signature_method%3D" + m +
			"%26oauth_timestamp%3D1%26oauth_token%3Dt%26oauth_version%3D1.0"
	}
	if got, want := header(HMACSHA256)["oauth_signature"], hmacBase64(sha256.New, "a%20b&c%26d", base("HMAC-SHA256")); got != want {
		t.Errorf("HMAC-SHA256: %s, want %s", got, want)
	}
	pub := signerOf(t, jwkRS256).Public().(*rsa.PublicKey)
	sum1, sum256 := sha1.Sum([]byte(base("RSA-SHA1"))), sha256.Sum256([]byte(base("RSA-SHA256")))
	for m, want := range map[OAuth1Method]struct {
		hash   crypto.Hash
		digest []byte
	}{RSASHA1: {crypto.SHA1, sum1[:]}, RSASHA256: {crypto.SHA256, sum256[:]}} {
		sig, err := base64.StdEncoding.DecodeString(header(m)["oauth_signature"])
		if err != nil {
			t.Fatal(err)
		}
		if err := rsa.VerifyPKCS1v15(pub, want.hash, want.digest, sig); err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
}

func TestOAuth1Header(t *testing.T) {
	t.Parallel()
	u, at := mustURL(t, "https://h.example/p?q=1"), time.Unix(1700000000, 999)
	o := OAuth1{ConsumerKey: "k +", ConsumerSecret: "s", Method: HMACSHA1, Realm: `a "b" \ é`}
	h, err := o.Header("GET", u, nil, "n", at, url.Values{"oauth_callback": {"oob"}, "x": {"ü"}})
	if err != nil {
		t.Fatal(err)
	}
	const start = `OAuth realm="a \"b\" \\ é", oauth_callback="oob", oauth_consumer_key="k%20%2B", oauth_nonce="n", oauth_signature="`
	const end = `", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1700000000", oauth_version="1.0", x="%C3%BC"`
	if !strings.HasPrefix(h, start) || !strings.HasSuffix(h, end) {
		t.Error(h)
	}
	// The realm is not signed; what is extra is.
	o.Realm = ""
	plain, err := o.Header("GET", u, nil, "n", at, url.Values{"oauth_callback": {"oob"}, "x": {"ü"}})
	if err != nil || "OAuth "+strings.SplitN(h, ", ", 2)[1] != plain {
		t.Errorf("without a realm: %s, %v", plain, err)
	}
	less, err := o.Header("GET", u, nil, "n", at, nil)
	if err != nil || parseHeader(t, less)["oauth_signature"] == parseHeader(t, plain)["oauth_signature"] {
		t.Errorf("extra parameters are not signed: %v", err)
	}
	// Nothing depends on the order of a map.
	for range 20 {
		form := url.Values{"a": {"2", "1"}, "b": {"1"}, "c": {"1"}}
		first, _ := o.Header("POST", u, form, "n", at, url.Values{"x": {"1"}, "y": {"1"}})
		again, _ := o.Header("POST", u, form, "n", at, url.Values{"y": {"1"}, "x": {"1"}})
		if first != again {
			t.Fatalf("%s\n%s", first, again)
		}
	}
	o.Method = Plaintext // needs neither
	bare, err := o.Header("GET", u, nil, "", time.Time{}, nil)
	want := map[string]string{
		"oauth_consumer_key": "k +", "oauth_signature": "s&",
		"oauth_signature_method": "PLAINTEXT", "oauth_version": "1.0",
	}
	if diff := cmp.Diff(want, parseHeader(t, bare)); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestOAuth1Refuses(t *testing.T) {
	t.Parallel()
	type args struct {
		o     OAuth1
		url   string
		form  url.Values
		nonce string
		at    time.Time
		extra url.Values
	}
	ec, secret := mustKey(t, jwkES256, Asymmetric), mustKey(t, "s", SecretUTF8)
	for name, test := range map[string]struct {
		change func(*args)
		want   string
	}{
		"no consumer key":    {func(a *args) { a.o.ConsumerKey = "" }, "consumer key"},
		"no nonce":           {func(a *args) { a.nonce = "" }, "nonce"},
		"no time":            {func(a *args) { a.at = time.Time{} }, "time"},
		"no method":          {func(a *args) { a.o.Method = "" }, "method is not supported"},
		"another method":     {func(a *args) { a.o.Method = "hmac-sha1" }, "method is not supported"},
		"no host":            {func(a *args) { a.url = "/p" }, "host"},
		"realm":              {func(a *args) { a.o.Realm = "a\r\nb" }, "realm"},
		"no key":             {func(a *args) { a.o.Method = RSASHA1 }, "RSA private key"},
		"an EC key":          {func(a *args) { a.o.Method, a.o.PrivateKey = RSASHA256, ec }, "RSA private key"},
		"a secret":           {func(a *args) { a.o.Method, a.o.PrivateKey = RSASHA1, secret }, "RSA private key"},
		"query":              {func(a *args) { a.url += "?oauth_nonce=x" }, "already"},
		"query, signature":   {func(a *args) { a.url += "?oauth_signature=x" }, "already"},
		"body":               {func(a *args) { a.form = url.Values{"oauth_timestamp": {"1"}} }, "already"},
		"extra of ours":      {func(a *args) { a.extra = url.Values{"oauth_version": {"2"}} }, "twice"},
		"extra, twice":       {func(a *args) { a.extra = url.Values{"oauth_callback": {"a", "b"}} }, "twice"},
		"extra, realm":       {func(a *args) { a.extra = url.Values{"realm": {"a"}} }, "twice"},
		"extra, signature":   {func(a *args) { a.extra = url.Values{"oauth_signature": {"a"}} }, "twice"},
		"extra and in query": {func(a *args) { a.url += "?x=1"; a.extra = url.Values{"x": {"1"}} }, "already"},
	} {
		a := args{o: OAuth1{ConsumerKey: "k", Method: HMACSHA1}, url: "https://h/p", nonce: "n", at: time.Unix(1, 0)}
		test.change(&a)
		h, err := a.o.Header("GET", mustURL(t, a.url), a.form, a.nonce, a.at, a.extra)
		if err == nil || !strings.Contains(err.Error(), test.want) || h != "" {
			t.Errorf("%s: %q, %v", name, h, err)
		}
	}
	if _, err := (OAuth1{}).Header("GET", nil, nil, "n", time.Unix(1, 0), nil); err == nil {
		t.Error("no URL: no error")
	}
	short := OAuth1{ConsumerKey: "k", Method: RSASHA256, PrivateKey: Key{m: &material{signer: &rsa.PrivateKey{}}}}
	if _, err := short.rsaBase64(crypto.SHA256, nil); !errors.Is(err, ErrShortKey) {
		t.Errorf("a broken key: %v", err)
	}
}

func TestFormBody(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	got, ok := FormBody(form+"; charset=UTF-8", []byte("a=1&b=x+y%2B&a=2&c&d=1;2"))
	want := url.Values{"a": {"1", "2"}, "b": {"x y+"}, "c": {""}, "d": {"1;2"}}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
	if got, ok := FormBody(strings.ToUpper(form), nil); !ok || len(got) != 0 {
		t.Errorf("empty: %v, %v", got, ok)
	}
	for _, other := range []string{"", "application/json", "multipart/form-data; boundary=x", "text/plain; a=" + form} {
		if got, ok := FormBody(other, []byte("a=1")); ok || got != nil {
			t.Errorf("%q: %v", other, got)
		}
	}
}

func TestTBARealm(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"123456": "123456", "123456-sb1": "123456_SB1", "123456_SB1": "123456_SB1", " tstdrv1-rp-2 ": "TSTDRV1_RP-2",
	} {
		if got := TBARealm(id); got != want {
			t.Errorf("%q: %s", id, got)
		}
	}
}
