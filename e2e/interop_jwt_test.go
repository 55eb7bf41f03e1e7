package e2e

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/sign"
)

// jwtKeys are a key per type, and the algorithms of each, the one first that is
// taken when none is named.
func jwtKeys(t testing.TB) []jwtKey {
	t.Helper()
	curve := func(c elliptic.Curve) crypto.Signer {
		key, err := ecdsa.GenerateKey(c, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return []jwtKey{
		{"RSA", rsaKey, []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512}},
		{"P-256", curve(elliptic.P256()), []jose.SignatureAlgorithm{jose.ES256}},
		{"P-384", curve(elliptic.P384()), []jose.SignatureAlgorithm{jose.ES384}},
		{"P-521", curve(elliptic.P521()), []jose.SignatureAlgorithm{jose.ES512}},
		{"Ed25519", edKey, []jose.SignatureAlgorithm{jose.EdDSA}},
	}
}

type jwtKey struct {
	name   string
	signer crypto.Signer
	algs   []jose.SignatureAlgorithm
}

// forms are the key as text, in the ways that users have it.
func (k jwtKey) forms(t testing.TB) map[string]string {
	t.Helper()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(k.signer)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jose.JSONWebKey{Key: k.signer, KeyID: "kid-" + k.name}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{
		"PKCS #8": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})),
		"JWK":     string(jwk),
	}
	switch key := k.signer.(type) {
	case *rsa.PrivateKey:
		out["PKCS #1"] = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		out["SEC 1"] = string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
	}
	return out
}

// TestInteropJWT: github.com/go-jose/go-jose verifies our tokens, whatever the
// algorithm and the form of the key.
func TestInteropJWT(t *testing.T) {
	t.Parallel()
	for _, k := range jwtKeys(t) {
		for form, text := range k.forms(t) {
			key, err := sign.ParseKey(text, sign.Asymmetric)
			if err != nil {
				t.Errorf("%s as %s: %v", k.name, form, err)
				continue
			}
			if want := map[bool]string{true: "kid-" + k.name}[form == "JWK"]; key.ID() != want {
				t.Errorf("%s as %s: key ID %q, want %q", k.name, form, key.ID(), want)
			}
			for _, alg := range k.algs {
				checkJWT(t, key, k.signer.Public(), alg, string(alg))
			}
			checkJWT(t, key, k.signer.Public(), k.algs[0], "")
		}
	}
}

func TestInteropJWTSecret(t *testing.T) {
	t.Parallel()
	secret := []byte(strings.Repeat("0123456789abcdef", 8))
	jwk, err := jose.JSONWebKey{Key: secret, KeyID: "k"}.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]struct {
		text string
		as   sign.Encoding
	}{
		"hex":   {hex.EncodeToString(secret), sign.SecretHex},
		"UTF-8": {string(secret), sign.SecretUTF8},
		"JWK":   {string(jwk), sign.Asymmetric},
	} {
		key, err := sign.ParseKey(f.text, f.as)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		for _, alg := range []jose.SignatureAlgorithm{jose.HS256, jose.HS384, jose.HS512} {
			checkJWT(t, key, secret, alg, string(alg))
		}
		checkJWT(t, key, secret, jose.HS256, "")
	}
}

// checkJWT signs with the algorithm named, or none if "", and has alg verified.
func checkJWT(t *testing.T, key sign.Key, public any, alg jose.SignatureAlgorithm, named string) {
	t.Helper()
	header := map[string]any{"kid": "k<1>", "typ": "JWT"}
	if named != "" {
		header["alg"] = named
	}
	token, err := sign.Sign(header, map[string]any{"iss": "é<&>", "n": 1}, key)
	if err != nil {
		t.Errorf("%s: %v", alg, err)
		return
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{alg})
	if err != nil {
		t.Errorf("%s: %v in %s", alg, err, token)
		return
	}
	payload, err := parsed.Verify(public)
	if err != nil {
		t.Errorf("%s: %v in %s", alg, err, token)
		return
	}
	if want := `{"iss":"é<&>","n":1}`; string(payload) != want {
		t.Errorf("%s: payload %s, want %s", alg, payload, want)
	}
	if h := parsed.Signatures[0].Protected; h.KeyID != "k<1>" || h.ExtraHeaders[jose.HeaderType] != "JWT" {
		t.Errorf("%s: header %+v", alg, h)
	}
	checkSalt(t, token, public, alg)
	if parsed, err = jose.ParseSignedCompact(jwtMutant(token), []jose.SignatureAlgorithm{alg}); err == nil {
		if _, err = parsed.Verify(public); err == nil {
			t.Errorf("%s: another payload is accepted", alg)
		}
	}
}

// checkSalt: the salt of PSS is as long as the hash (RFC 7518 section 3.5), which
// the library does not look at and others do.
func checkSalt(t *testing.T, token string, public any, alg jose.SignatureAlgorithm) {
	t.Helper()
	hash, ok := map[jose.SignatureAlgorithm]crypto.Hash{jose.PS256: crypto.SHA256, jose.PS384: crypto.SHA384, jose.PS512: crypto.SHA512}[alg]
	if !ok {
		return
	}
	dot := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[dot+1:])
	if err != nil {
		t.Fatal(err)
	}
	h := hash.New()
	h.Write([]byte(token[:dot]))
	opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
	if err := rsa.VerifyPSS(public.(*rsa.PublicKey), hash, h.Sum(nil), signature, opts); err != nil {
		t.Errorf("%s: %v", alg, err)
	}
}

// jwtMutant is the token with one character of its payload changed.
func jwtMutant(token string) string {
	parts := strings.Split(token, ".")
	c := parts[1][4]
	other := byte('A')
	if c == other {
		other = 'B'
	}
	parts[1] = parts[1][:4] + string(other) + parts[1][5:]
	return strings.Join(parts, ".")
}

// TestInteropClientAssertion: the library finds the claims of RFC 7523 in ours.
func TestInteropClientAssertion(t *testing.T) {
	t.Parallel()
	k := jwtKeys(t)[1]
	key, err := sign.ParseKey(k.forms(t)["JWK"], sign.Asymmetric)
	if err != nil {
		t.Fatal(err)
	}
	token, err := sign.ClientAssertion(sign.Assertion{
		ClientID: "client", Audience: "https://as.example/token", ID: "jti", IssuedAt: interopTime, Lifetime: time.Minute,
		Claims: map[string]any{"more": "yes"},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	var more struct {
		More string `json:"more"`
	}
	if err := parsed.Claims(k.signer.Public(), &claims, &more); err != nil {
		t.Fatal(err)
	}
	if parsed.Headers[0].KeyID != "kid-P-256" || more.More != "yes" || claims.ID != "jti" {
		t.Errorf("key ID %q, claims %+v, %+v", parsed.Headers[0].KeyID, claims, more)
	}
	want := jwt.Expected{Issuer: "client", Subject: "client", AnyAudience: jwt.Audience{"https://as.example/token"}, Time: interopTime}
	if err := claims.ValidateWithLeeway(want, 0); err != nil {
		t.Error(err)
	}
	want.Time = interopTime.Add(time.Minute + time.Second)
	if err := claims.ValidateWithLeeway(want, 0); err == nil {
		t.Error("valid after its end")
	}
}

// TestInteropJWTRead: what the library signs we read.
func TestInteropJWTRead(t *testing.T) {
	t.Parallel()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(strings.Repeat("k", 32))}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{
		Subject: "é<&>", Expiry: jwt.NewNumericDate(interopTime), Audience: jwt.Audience{"a", "b"},
	}).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	if at, ok := sign.ExpiryOf(token); !ok || !at.Equal(interopTime) {
		t.Errorf("expiry %v, %v", at, ok)
	}
	got, ok := sign.Claims(token)
	want := map[string]any{"sub": "é<&>", "aud": []any{"a", "b"}, "exp": json.Number("1775369228")}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("%v (-want +got):\n%s", ok, diff)
	}
}
