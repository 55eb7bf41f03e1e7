package webhook

import (
	"bytes"
	"crypto/ed25519"
	"net/http"
	"strings"
	"testing"
)

// FuzzVerify sends anything to every scheme, with secrets and keys that nobody signed
// with. Nothing panics, and nothing is verified.
func FuzzVerify(f *testing.F) {
	all := builtin(f)
	nobody := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize)).Public()
	var verifiers []*Verifier
	for name, s := range all {
		for i := range s.Verify {
			if len(s.Verify[i].PublicKeys) > 0 {
				s.Verify[i].PublicKeys = []string{publicPEM(nobody)}
			}
		}
		verifiers = append(verifiers, compile(f, name, s))
	}
	for _, s := range samples() {
		d := s.deliver(testNow)
		for name := range d.Header {
			f.Add(d.Method, d.URL, name, d.Header.Get(name), "Content-Type", "application/json", d.Body)
		}
	}
	f.Add("GET", "https://h/?hub.mode=subscribe&hub.challenge=x&hub.verify_token=y", "a", "b", "c", "d", []byte(nil))
	f.Add("POST", "%zz", "X-Hook-Secret", "\x00", "Authorization", "HMAC AAAA", []byte(`{"verification_token":"x"}`))
	// The secrets of the samples are others, so that no seed is verified either.
	in := Inputs{
		Now: testNow, Keys: keyDocuments{},
		Params:  map[string]string{"service_account": "a", "client_id": "b"},
		Secrets: []Secret{NewSecret(UseWebhook, "", "b3RoZXItc2VjcmV0LW9mLWZ1eno="), NewSecret(UseClient, "", "other-secret-of-fuzz"), NewSecret(UseConnection, "", "b3RoZXItb25lLXN0aWxsLQ==")},
	}
	f.Fuzz(func(t *testing.T, method, url, name1, value1, name2, value2 string, body []byte) {
		d := Delivery{Method: method, URL: url, Header: http.Header{name1: {value1}}, Body: body}
		d.Header[name2] = append(d.Header[name2], value2)
		for _, v := range verifiers {
			got, err := v.Verify(t.Context(), d, in)
			if got.Status == Verified {
				t.Errorf("%s: verified by %s", v.name, got.Method)
			}
			if err != nil && (got.Answer != nil || len(got.Matches) > 0) {
				t.Errorf("%s: something comes with a refusal", v.name)
			}
			if a := got.Answer; a != nil {
				if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || len(a.Body) > 4*maxChallenge || a.Header.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%s: the answer is not safe", v.name)
				}
			}
		}
	})
}

// FuzzReadSchemes compiles anything that reads as schemes.
func FuzzReadSchemes(f *testing.F) {
	f.Add([]byte("x: {verify: [{kind: hmac, header: x-s, text: '${body}${', timestamp: {body: a}}]}"))
	f.Add([]byte("x: {verify: [{kind: jwt}, {kind: standard}, {kind: public_key}], challenges: [{}], connection: [{}]}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		schemes, err := ReadSchemes(text)
		if err != nil {
			return
		}
		for name, s := range schemes {
			v, problems := Compile(name, s)
			if (v == nil) != (len(problems) > 0) {
				t.Fatalf("%q: %v", text, problems)
			}
			if v != nil {
				_, _ = v.Verify(t.Context(), Delivery{Method: "POST", URL: testURL, Body: text}, Inputs{Now: testNow})
			}
		}
	})
}
