package sign

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// A key that parses signs; one that does not gives a *KeyError that quotes
// nothing.
func FuzzParseKey(f *testing.F) {
	for _, text := range pemKeys(f) {
		for _, change := range pasted() {
			f.Add(change(text), 0)
		}
	}
	for _, text := range []string{jwkRS256, jwkES256, jwkEdDSA, jwkHS256, rsa512, secp256k1, `{"keys":[` + jwkES256 + `]}`} {
		f.Add(text, 0)
	}
	f.Add("6162", 1)
	f.Add("secret", 2)
	f.Fuzz(func(t *testing.T, text string, as int) {
		k, err := ParseKey(text, Encoding(as))
		if err != nil {
			var keyErr *KeyError
			if !errors.As(err, &keyErr) || !k.IsZero() {
				t.Fatalf("%v, zero: %v", err, k.IsZero())
			}
			return
		}
		if k.Kind() == "" || k.String() != redacted {
			t.Fatal("a key of no kind, or one that prints")
		}
		token, err := Sign(nil, map[string]any{"a": 1}, k)
		var algErr *AlgError
		if errors.As(err, &algErr) { // a JWK may name any alg
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if claims, ok := Claims(token); !ok || len(claims) != 1 {
			t.Fatal("its token cannot be read")
		}
		if k.Kind() != "HMAC" {
			if err := verify(k.Alg(), token, k); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzClaims(f *testing.F) {
	for _, payload := range []string{`{"exp":1700000000}`, `{"exp":1e99}`, `{"exp":"1"}`, `{`, `[]`, `{"a":{"b":[null]}}`} {
		f.Add(unsigned(payload))
	}
	f.Add("a.b.c")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		claims, ok := Claims(token)
		if ok != (claims != nil) {
			t.Fatalf("%v, %v", claims, ok)
		}
		at, ok := ExpiryOf(token)
		if ok && (at.Unix() < 0 || at.Year() > 9999 || claims["exp"] == nil) {
			t.Fatalf("expires %v", at)
		}
	})
}

// The canonical form is a fixed point of what is sent, without a byte that has
// to be encoded, and the same every time.
func FuzzSigV4(f *testing.F) {
	f.Add("/a b/../c//%2F", "b=2&a=%zz&a=+&c", "X-A", "  a   b ", "h:443")
	f.Add("", "", "Connection", "X-Amz-Date", "[::1]:80")
	f.Add("//", "=&&=", "x-amz-date", "\n", "")
	for _, c := range suiteCases() {
		path, query, _ := strings.Cut(c.target, "?")
		f.Add(path, query, "My-Header1", c.name, "example.amazonaws.com")
	}
	f.Fuzz(func(t *testing.T, path, query, name, value, host string) {
		sent := wireQuery(query)
		if wireQuery(sent) != sent || canonicalQuery(sent) != canonicalQuery(query) {
			t.Fatalf("what is sent for %q is not stable: %q", query, sent)
		}
		if !slices.IsSorted(queryNames(canonicalQuery(query))) {
			t.Fatalf("%q is not sorted", canonicalQuery(query))
		}
		req := &http.Request{
			Method: "GET", Host: host, Header: http.Header{name: {value, value}, strings.ToLower(name): {value}},
			URL: &url.URL{Scheme: "https", Host: "h", Path: path, RawQuery: query},
		}
		for _, once := range []bool{true, false} {
			got := canonicalPath(wirePath(req.URL), once)
			if !strings.HasPrefix(got, "/") || strings.ContainsFunc(got, func(r rune) bool {
				return r >= utf8.RuneSelf || !isUnreserved(byte(r)) && r != '/' && r != '%'
			}) {
				t.Fatalf("%q becomes %q", path, got)
			}
		}
		again := req.Clone(t.Context())
		err, errAgain := suiteSigner("").Sign(req, HashBody(nil), suiteTime), suiteSigner("").Sign(again, HashBody(nil), suiteTime)
		if (err == nil) != (errAgain == nil) || req.Header.Get("Authorization") != again.Header.Get("Authorization") {
			t.Fatalf("twice the same request: %v, %v", err, errAgain)
		}
		if err == nil {
			auth, err := suiteSigner("").Authorization(req, HashBody(nil), suiteTime)
			if err != nil || auth != req.Header.Get("Authorization") {
				t.Fatalf("%v: not what was signed:\n%s\n%s", err, auth, req.Header.Get("Authorization"))
			}
		}
	})
}

func queryNames(query string) []string {
	var names []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		names = append(names, name)
	}
	return names
}

// The base string has three parts and is the same every time, whatever the
// order of the parameters.
func FuzzOAuth1(f *testing.F) {
	f.Add("POST", "http://EXAMPLE.COM:80/r%20v?b5=%3D%253D&a3=a&c%40=&a2=r%20b", "c2&a3=2+q", "n")
	f.Add("", "https://h", "", "")
	f.Add("get", "https://h/?oauth_nonce=x&%zz", "&&=", "é\n")
	f.Fuzz(func(t *testing.T, method, target, body, nonce string) {
		u, err := url.Parse(target)
		if err != nil {
			return
		}
		form, _ := FormBody("application/x-www-form-urlencoded", []byte(body))
		params := append(parseQuery(u.RawQuery), flatten(form)...)
		base := baseString(method, u, params)
		slices.Reverse(params)
		if again := baseString(method, u, params); again != base {
			t.Fatalf("depends on the order:\n%s\n%s", base, again)
		}
		if !strings.Contains(method, "&") && strings.Count(base, "&") != 2 {
			t.Fatalf("%q has other than three parts", base)
		}
		o := OAuth1{ConsumerKey: "k", Token: "t", Method: HMACSHA256, Realm: nonce}
		header, err := o.Header(method, u, form, nonce, time.Unix(1, 0), url.Values{"oauth_callback": {nonce}})
		if err == nil && (!isHeaderValue(header) || !strings.HasPrefix(header, "OAuth ")) {
			t.Fatalf("%q is no header", header)
		}
	})
}
