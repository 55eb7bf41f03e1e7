package tieline

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/providertest"
)

// shopline knows the application by a signature of each request, which it made
// within the last minutes.
func shopline(d *providertest.Dialect) {
	(&codedSpec{
		api: func(c *codedProvider, r *http.Request) (int, any) {
			// A refresh without a body looks like a call to the API, at the same host.
			if !strings.HasPrefix(r.URL.Path, "/admin/oauth/") {
				return 0, nil
			}
			shoplineSigned(d, r, "/admin/oauth/token/refresh")
			return c.token("refresh", r)
		},
		plain: true, answer: shoplineAnswer, life: 10 * time.Hour,
		first: func(in providertest.Inputs) wantedCall {
			return wantedCall{format: "json", params: map[string]string{"code": theCode}, header: map[string]string{"appkey": in.ClientID}}
		},
		again: func(in providertest.Inputs) wantedCall {
			return wantedCall{format: "query", header: map[string]string{"appkey": in.ClientID, "content-type": "application/json"}}
		},
	}).play(d)
	first := d.Override.Token
	d.Override.Token = func(r *http.Request, form url.Values) (int, any) {
		shoplineSigned(d, r, "/admin/oauth/token/create")
		return first(r, form)
	}
}

func shoplineSigned(d *providertest.Dialect, r *http.Request, path string) {
	if r.URL.Path != path {
		d.Problem("signature", "the path is %s, want %s", r.URL.Path, path)
	}
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	at, err := strconv.ParseInt(r.Header.Get("timestamp"), 10, 64)
	if age := time.Since(time.UnixMilli(at)); err != nil || age < 0 || age > 10*time.Minute {
		d.Problem("signature", "the timestamp is %q", r.Header.Get("timestamp"))
	}
	mac := hmac.New(sha256.New, []byte(d.Inputs().ClientSecret))
	mac.Write(body)
	mac.Write([]byte(r.Header.Get("timestamp")))
	if want := hex.EncodeToString(mac.Sum(nil)); r.Header.Get("sign") != want {
		d.Problem("signature", "the signature is %q, want %q", r.Header.Get("sign"), want)
	}
}

func shoplineAnswer(c *codedProvider, _ bool, access, _ string) (int, any) {
	return http.StatusOK, map[string]any{"code": 200, "i18nCode": "SUCCESS", "message": nil, "data": map[string]any{
		"accessToken": access, "expireTime": c.until.UTC().Format("2006-01-02T15:04:05.000-07:00"), "scope": "read_orders",
	}}
}

// The known answers are those of RFC 4231 section 4.3 and RFC 2202 section 3, test
// case 2 of each.
func TestTokenSignature(t *testing.T) {
	t.Parallel()
	text, err := template.Compile("what do ya want for ${body}?", template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sign := func(secret, algorithm, encoding string) (string, error) {
		header := http.Header{}
		s := &Subject{
			core: &core{now: time.Now}, app: &OAuthApp{ClientID: "id", ClientSecret: NewSecret(secret)}, private: &private{cred: &None{}},
			provider: &spec.Entry{TokenSignature: &spec.TokenSignature{Header: "sign", Text: text, Algorithm: algorithm, Encoding: encoding}},
		}
		err := s.signTokenRequest([]byte("nothing"), header)
		return header.Get("Sign"), err
	}
	for _, tt := range []struct{ algorithm, encoding, want string }{
		{"hmac_sha1", "hex", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"hmac_sha256", "hex", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{"hmac_sha256", "base64", "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="},
		{"hmac_sha512", "hex", "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"},
	} {
		if got, err := sign("Jefe", tt.algorithm, tt.encoding); err != nil || got != tt.want {
			t.Errorf("%s in %s: %q, %v", tt.algorithm, tt.encoding, got, err)
		}
	}
	for _, tt := range []struct{ secret, algorithm string }{{"", "hmac_sha256"}, {"Jefe", "md5"}} {
		if got, err := sign(tt.secret, tt.algorithm, "hex"); err == nil || got != "" {
			t.Errorf("%s with the secret %q: %q, %v", tt.algorithm, tt.secret, got, err)
		}
	}
}

// The moment that is signed is the one that is sent.
func TestTokenSignatureHasOneMoment(t *testing.T) {
	t.Parallel()
	at := time.UnixMilli(1700000000000)
	text, err := template.Compile("${now:x}", template.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := &Subject{
		core: &core{now: func() time.Time { at = at.Add(time.Millisecond); return at }}, app: &OAuthApp{ClientID: "id", ClientSecret: NewSecret("key")}, private: &private{cred: &None{}},
		provider: &spec.Entry{TokenSignature: &spec.TokenSignature{Header: "sign", Text: text, Algorithm: "hmac_sha256", Headers: []spec.Param{{Name: "timestamp", Value: text}}}},
	}
	header := http.Header{}
	if err := s.signTokenRequest(nil, header); err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte("key"))
	mac.Write([]byte(header.Get("Timestamp")))
	if header.Get("Timestamp") == "" || header.Get("Sign") != hex.EncodeToString(mac.Sum(nil)) {
		t.Errorf("%v", header)
	}
}
