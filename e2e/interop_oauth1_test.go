package e2e

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dghubble/oauth1"
	mrjones "github.com/mrjones/oauth"
	"github.com/tieline/tieline/internal/sign"
)

const oauth1Form = "application/x-www-form-urlencoded"

// oauth1Request is a request to sign.
type oauth1Request struct{ method, url, form string }

func (r oauth1Request) build(t testing.TB) *http.Request {
	t.Helper()
	var body io.Reader
	if r.form != "" {
		body = strings.NewReader(r.form)
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, r.url, body)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	if body != nil {
		req.Header.Set("Content-Type", oauth1Form)
	}
	return req
}

// ours is the header that package sign makes.
func (r oauth1Request) ours(t testing.TB, o sign.OAuth1, nonce string, at time.Time) string {
	t.Helper()
	req := r.build(t)
	form, _ := sign.FormBody(req.Header.Get("Content-Type"), []byte(r.form))
	h, err := o.Header(r.method, req.URL, form, nonce, at, nil)
	if err != nil {
		t.Fatalf("%+v: %v", r, err)
	}
	return h
}

// oauth1Requests are some by hand and many at random. No name is there twice:
// neither library can have that.
func oauth1Requests() []oauth1Request {
	out := []oauth1Request{
		{"GET", "https://a.example/", ""},
		{"get", "https://A.Example/p?b=2&a=1", ""},
		{"POST", "https://a.example:443/p", "a=1&b=x+y%20z&c="},
		{"POST", "http://a.example:80/p?q=%C3%A9%26%3D", "q2=%2B&bare"},
		{"PUT", "https://a.example:8443/a%20b/%C3%A9%2F/~c", ""},
		{"GET", "https://a.example/?a-=1&a%2F=2&a=%7E%22", ""},
	}
	random := mathrand.New(mathrand.NewPCG(5, 6))
	for range 500 {
		r := oauth1Request{
			method: pickOne(random, "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"),
			url:    pickOne(random, "https://a.example", "http://A.Example", "https://a.example:443", "http://a.example:8080"),
		}
		for range 1 + random.IntN(3) {
			r.url += "/" + strictEncode(randomText(random, 6))
		}
		name := func() string { return randomText(random, 3) }
		if random.IntN(2) == 0 {
			r.url += "?" + oauth1Params(random, name)
		} else if r.method != "GET" && r.method != "HEAD" {
			r.form = oauth1Params(random, name)
		}
		out = append(out, r)
	}
	return out
}

// oauth1Params is a query or a form. No name is in it twice.
func oauth1Params(random *mathrand.Rand, newName func() string) string {
	var pairs []string
	taken := map[string]bool{"": true}
	for range 1 + random.IntN(5) {
		name := newName()
		if taken[name] {
			continue
		}
		taken[name] = true
		pairs = append(pairs, strictEncode(name)+"="+strictEncode(randomText(random, 5)))
	}
	s := strings.Join(pairs, "&")
	if random.IntN(2) == 0 {
		s = strings.ReplaceAll(s, "%20", "+")
	}
	return s
}

func oauth1Key(t testing.TB) (*rsa.PrivateKey, sign.Key) {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	key, err := sign.ParseKey(string(text), sign.Asymmetric)
	if err != nil {
		t.Fatal(err)
	}
	return private, key
}

// fixedNonce is a source of one nonce.
type fixedNonce string

func (n fixedNonce) Nonce() string { return string(n) }

// catch is a transport that keeps the Authorization header and sends nothing.
type catch struct{ header string }

var errCaught = errors.New("caught")

func (c *catch) RoundTrip(req *http.Request) (*http.Response, error) {
	c.header = req.Header.Get("Authorization")
	return nil, errCaught
}

// TestInteropOAuth1: github.com/dghubble/oauth1 makes the same headers.
func TestInteropOAuth1(t *testing.T) {
	t.Parallel()
	const consumerSecret, tokenSecret, nonce = "c&s=é ~", "t%s+/", "n-o.n_c~e/+="
	private, key := oauth1Key(t)
	signers := map[sign.OAuth1Method]oauth1.Signer{
		sign.HMACSHA1:   &oauth1.HMACSigner{ConsumerSecret: consumerSecret},
		sign.HMACSHA256: &oauth1.HMAC256Signer{ConsumerSecret: consumerSecret},
		sign.RSASHA1:    &oauth1.RSASigner{PrivateKey: private},
	}
	for method, signer := range signers {
		config := &oauth1.Config{ConsumerKey: "consumer /é", ConsumerSecret: consumerSecret, Signer: signer, Noncer: fixedNonce(nonce)}
		for i, r := range oauth1Requests() {
			if method == sign.RSASHA1 && i > 200 {
				break
			}
			var caught catch
			client := config.Client(oauth1.NoContext, oauth1.NewToken("token+", tokenSecret))
			client.Transport.(*oauth1.Transport).Base = &caught
			resp, err := client.Do(r.build(t))
			if err == nil {
				resp.Body.Close()
			}
			if !errors.Is(err, errCaught) {
				t.Fatalf("%+v: %v", r, err)
			}
			o := sign.OAuth1{
				ConsumerKey: "consumer /é", ConsumerSecret: consumerSecret, Token: "token+", TokenSecret: tokenSecret,
				Method: method, PrivateKey: key,
			}
			if ours := r.ours(t, o, nonce, oauth1Time(t, caught.header)); ours != caught.header {
				t.Fatalf("%s %+v:\nours   %s\ntheirs %s", method, r, ours, caught.header)
			}
		}
	}
}

var oauth1Timestamp = regexp.MustCompile(`oauth_timestamp="(\d+)"`)

// oauth1Time is when a header was made: that library has a clock of its own.
func oauth1Time(t testing.TB, header string) time.Time {
	t.Helper()
	m := oauth1Timestamp.FindStringSubmatch(header)
	if m == nil {
		t.Fatalf("no timestamp in %q", header)
	}
	seconds, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Unix(seconds, 0)
}

// TestInteropOAuth1Server: a server of github.com/mrjones/oauth verifies our
// requests over HTTP, and refuses them when they were changed. It has no tokens.
func TestInteropOAuth1Server(t *testing.T) {
	t.Parallel()
	const secret = "c&s=é ~"
	private, key := oauth1Key(t)
	provider := mrjones.ServiceProvider{IgnoreTimestamp: true}
	for method, consumer := range map[sign.OAuth1Method]*mrjones.Consumer{
		sign.HMACSHA1:   mrjones.NewConsumer("consumer", secret, provider),
		sign.HMACSHA256: mrjones.NewCustomConsumer("consumer", secret, crypto.SHA256, provider, nil),
		sign.RSASHA1:    mrjones.NewRSAConsumer("consumer", private, provider),
		sign.RSASHA256:  mrjones.NewCustomRSAConsumer("consumer", private, crypto.SHA256, provider, nil),
	} {
		server := httptest.NewServer(oauth1Handler(consumer))
		t.Cleanup(server.Close)
		o := sign.OAuth1{ConsumerKey: "consumer", ConsumerSecret: secret, Method: method, PrivateKey: key, Realm: "r"}
		random := mathrand.New(mathrand.NewPCG(7, 8))
		for i := range 150 {
			r := oauth1ServerRequest(random, server.URL)
			header := r.ours(t, o, fmt.Sprint("nonce", i), interopTime)
			if got := oauth1Send(t, r, header); got != http.StatusOK {
				t.Fatalf("%s %+v: status %d for %s", method, r, got, header)
			}
			r.url += "x"
			if got := oauth1Send(t, r, header); got != http.StatusUnauthorized {
				t.Fatalf("%s %+v: status %d for another request", method, r, got)
			}
		}
	}
}

// oauth1ServerRequest has what that server gets right: upper-case methods, paths
// and names in which nothing is encoded, and parameters in one place only.
func oauth1ServerRequest(random *mathrand.Rand, base string) oauth1Request {
	r := oauth1Request{
		method: pickOne(random, "GET", "POST", "PUT", "DELETE", "PATCH"),
		url:    base + pickOne(random, "/", "/a", "/a/b.c/~d_-"),
	}
	name := func() string { return pickOne(random, "a", "B", "b", "b2", "b10", "status", "z_~.-") }
	if r.method != "GET" && random.IntN(2) == 0 {
		r.form = oauth1Params(random, name)
	} else {
		r.url += "?" + oauth1Params(random, name)
	}
	return r
}

func oauth1Handler(consumer *mrjones.Consumer) http.Handler {
	p := mrjones.NewProvider(func(string, map[string]string) (*mrjones.Consumer, error) { return consumer, nil })
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, err := p.IsAuthorized(req); err != nil {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

func oauth1Send(t *testing.T, r oauth1Request, header string) int {
	t.Helper()
	req := r.build(t)
	req.Header.Set("Authorization", header)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
