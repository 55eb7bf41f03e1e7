package webhook

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
)

const certs = "https://www.googleapis.com/oauth2/v3/certs"

// claimsOf are good claims for gmail, with changes; a nil removes one.
func claimsOf(changes map[string]any) map[string]any {
	claims := map[string]any{
		"iss": "https://accounts.google.com", "aud": "https://hooks.example.com/in/abc", "email": "push@p.iam.gserviceaccount.com",
		"email_verified": true, "iat": testNow.Unix(), "exp": testNow.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

func TestTokenClaims(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]any
		want    error // nil: verified
	}{
		{"as they should be", nil, nil},
		{"several audiences", map[string]any{"aud": []string{"x", "https://hooks.example.com/in/abc"}}, nil},
		{"the configured audience", map[string]any{"aud": "configured"}, nil},
		{"within the leeway", map[string]any{"exp": testNow.Add(-59 * time.Second).Unix()}, nil},
		{"a fraction", map[string]any{"exp": float64(testNow.Unix()) + 60.5}, nil},
		{"expired", map[string]any{"exp": testNow.Add(-time.Minute).Unix()}, ErrStale},
		{"never expires", map[string]any{"exp": nil}, ErrClaim},
		{"exp is text", map[string]any{"exp": "9999999999"}, ErrClaim},
		{"exp is huge", map[string]any{"exp": 1e300}, ErrClaim},
		{"not yet", map[string]any{"nbf": testNow.Add(2 * time.Minute).Unix()}, ErrStale},
		{"of the future", map[string]any{"iat": testNow.Add(2 * time.Minute).Unix()}, ErrStale},
		{"another issuer", map[string]any{"iss": "https://accounts.google.com.evil.com"}, ErrClaim},
		{"no issuer", map[string]any{"iss": nil}, ErrClaim},
		{"another audience", map[string]any{"aud": "https://hooks.example.com/in/abd"}, ErrClaim},
		{"no audience", map[string]any{"aud": nil}, ErrClaim},
		{"audience is an object", map[string]any{"aud": map[string]any{"a": 1}}, ErrClaim},
		{"another account", map[string]any{"email": "other@p.iam.gserviceaccount.com"}, ErrClaim},
		{"not verified", map[string]any{"email_verified": false}, ErrClaim},
	}
	v := compile(t, "gmail", builtin(t)["gmail"])
	in := Inputs{Now: testNow, Keys: keyDocuments{certs: keySet("k1")}, Params: map[string]string{"service_account": "push@p.iam.gserviceaccount.com", "audience": "configured"}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := Delivery{Method: http.MethodPost, URL: testURL, Header: http.Header{"Authorization": {"bearer " + jws("RS256", "k1", claimsOf(tt.changes))}}}
			if tt.want != nil {
				refused(t, v, d, in, tt.name, tt.want)
				return
			}
			if got, err := v.Verify(t.Context(), d, in); err != nil || got.Status != Verified || got.BodySigned {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestTokenForms(t *testing.T) {
	t.Parallel()
	v := compile(t, "gmail", builtin(t)["gmail"])
	in := Inputs{Now: testNow, Keys: keyDocuments{certs: keySet("k1")}, Params: map[string]string{"service_account": "push@p.iam.gserviceaccount.com"}}
	in.Secrets = []Secret{NewSecret(UseClient, "", plainSecret)}
	good := jws("RS256", "k1", claimsOf(nil))
	parts := strings.Split(good, ".")
	enc := base64.RawURLEncoding
	critical := enc.EncodeToString([]byte(`{"alg":"RS256","crit":["x"],"x":1}`)) + "." + parts[1]
	signature, _ := base64.StdEncoding.DecodeString(rsaSign(critical))
	for what, token := range map[string]string{
		"none":               enc.EncodeToString([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".",
		"HMAC of a secret":   jws("HS256", "k1", claimsOf(nil)),
		"another key ID":     jws("RS256", "k2", claimsOf(nil)),
		"two parts":          parts[0] + "." + parts[1],
		"four parts":         good + ".x",
		"crit":               critical + "." + enc.EncodeToString(signature),
		"no JSON":            enc.EncodeToString([]byte(`x`)) + "." + parts[1] + "." + parts[2],
		"claims are a list":  parts[0] + "." + enc.EncodeToString([]byte(`[]`)) + "." + parts[2],
		"standard alphabet":  parts[0] + "." + parts[1] + "." + parts[2] + "==",
		"another claim":      parts[0] + "." + enc.EncodeToString([]byte(`{"exp":9999999999}`)) + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"no token":           "",
		"the name only":      "Bearer",
		"basic":              "Basic " + good,
		"alg of another key": enc.EncodeToString([]byte(`{"alg":"ES256","kid":"k1"}`)) + "." + parts[1] + "." + parts[2],
	} {
		if !strings.HasPrefix(token, "B") {
			token = "Bearer " + token
		}
		d := Delivery{Method: http.MethodPost, URL: testURL, Header: http.Header{"Authorization": {token}}}
		refused(t, v, d, in, what, ErrMalformed, ErrMismatch)
	}
}

// TestTokenAlgorithms checks the two kinds of keys that the built-in schemes do not use.
func TestTokenAlgorithms(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	enc := base64.RawURLEncoding
	point, err := ec.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	set := `{"keys":[{"kty":"EC","crv":"P-256","x":"` + enc.EncodeToString(point[1:33]) + `","y":"` + enc.EncodeToString(point[33:]) +
		`"},{"kty":"OKP","crv":"Ed25519","x":"` + enc.EncodeToString(edKey().Public().(ed25519.PublicKey)) + `"}]}`
	allows := func(algorithms ...string) *Verifier {
		return compile(t, "x", Scheme{Verify: []Method{{
			Kind: KindJWT, Header: "authorization", KeySet: "https://keys.example.com",
			JWT: &JWT{Algorithms: algorithms, Issuers: []string{"https://accounts.google.com"}, Audiences: []string{"${url}"}},
		}}})
	}
	v := allows("ES256", "EdDSA")
	in := Inputs{Now: testNow, Keys: keyDocuments{"https://keys.example.com": set}}
	body := strings.Split(jws("HS256", "", claimsOf(nil)), ".")[1]
	for alg, sign := range map[string]func(string) []byte{
		"EdDSA": func(text string) []byte { return ed25519.Sign(edKey(), []byte(text)) },
		"ES256": func(text string) []byte {
			sum := sha256.Sum256([]byte(text))
			r, s, err := ecdsa.Sign(rand.Reader, ec, sum[:])
			if err != nil {
				panic(err)
			}
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		},
	} {
		input := enc.EncodeToString([]byte(`{"alg":"`+alg+`"}`)) + "." + body
		d := Delivery{Method: http.MethodPost, URL: testURL, Header: http.Header{"Authorization": {input + "." + enc.EncodeToString(sign(input))}}}
		if got, err := v.Verify(t.Context(), d, in); err != nil || got.Status != Verified {
			t.Errorf("%s: got %v, %v", alg, got.Status, err)
		}
		refused(t, allows("RS256"), d, in, alg+" where it is not allowed", ErrMalformed)
		d.Header.Set("Authorization", input+"."+enc.EncodeToString(sign(input+"x")))
		refused(t, v, d, in, alg, ErrMismatch)
	}
}

func TestECDSASignature(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	in := Inputs{Now: testNow}
	w := compile(t, "x", Scheme{Verify: []Method{{Kind: KindPublicKey, Algorithm: "ecdsa_sha256", Header: "x-s", Encoding: "base64url", PublicKeys: []string{publicPEM(&ec.PublicKey)}}}})
	sum := sha256.Sum256([]byte("{}"))
	der, err := ecdsa.SignASN1(rand.Reader, ec, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	d := Delivery{Method: http.MethodPost, URL: testURL, Body: []byte("{}"), Header: http.Header{"X-S": {base64.URLEncoding.EncodeToString(der)}}}
	if got, err := w.Verify(t.Context(), d, in); err != nil || got.Status != Verified || !got.BodySigned {
		t.Errorf("got %+v, %v", got, err)
	}
	d.Body = []byte("{} ")
	refused(t, w, d, in, "another body", ErrMismatch)
}

// TestWeakKeys makes sure that a key too short to prove anything, or too long to be checked
// in bounded time, is none.
func TestWeakKeys(t *testing.T) {
	t.Parallel()
	for bits, want := range map[int]bool{1024: false, 2040: false, 2048: true, 8192: true, 8200: false} {
		n := new(big.Int).SetBit(big.NewInt(1), bits-1, 1)
		if got := usableKey(&rsa.PublicKey{N: n, E: 65537}) != nil; got != want {
			t.Errorf("%d bits: used is %v, want %v", bits, got, want)
		}
	}
}
