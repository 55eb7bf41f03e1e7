package sign

import (
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// withMember adds members to a JSON object.
func withMember(object, members string) string { return "{" + members + "," + object[1:] }

func TestParseKeyJWK(t *testing.T) {
	t.Parallel()
	set := `{"keys":[{"kty":"RSA","kid":"public","n":"AQAB","e":"AQAB"},` + withMember(jwkES256, `"kid":"mine"`) + `]}`
	tests := map[string]struct{ text, kind, id, alg string }{
		"RSA":       {withMember(jwkRS256, `"kid":"k1"`), "RSA", "k1", "RS256"},
		"RSA PS256": {withMember(jwkRS256, `"alg":"PS256"`), "RSA", "", "PS256"},
		"EC":        {withMember(jwkES256, `"kid":"k2","use":"sig"`), "EC P-256", "k2", "ES256"},
		"EC, only d": {
			`{"kty":"EC","crv":"P-256","d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}`, "EC P-256", "", "ES256",
		},
		"EC, short d": {`{"kty":"EC","crv":"P-521","d":"AQ"}`, "EC P-521", "", "ES512"},
		"P-384":       {`{"kty":"EC","crv":"P-384","d":"Ag"}`, "EC P-384", "", "ES384"},
		"OKP":         {withMember(jwkEdDSA, `"kid":"k3"`), "Ed25519", "k3", "EdDSA"},
		"oct":         {withMember(jwkHS256, `"kid":"k4"`), "HMAC", "k4", "HS256"},
		"a set":       {set, "EC P-256", "mine", "ES256"},
		"quoted":      {" '" + jwkEdDSA + "'\n", "Ed25519", "", "EdDSA"},
		"base64":      {base64.StdEncoding.EncodeToString([]byte(jwkES256)), "EC P-256", "", "ES256"},
	}
	for name, test := range tests {
		k := mustKey(t, test.text, Asymmetric)
		if k.Kind() != test.kind || k.ID() != test.id || k.Alg() != test.alg {
			t.Errorf("%s: kind %q, kid %q, alg %q", name, k.Kind(), k.ID(), k.Alg())
		}
	}
}

func TestParseKeyPrimesOfJWK(t *testing.T) {
	t.Parallel()
	key := signerOf(t, jwkRS256).(*rsa.PrivateKey)
	if err := key.Validate(); err != nil {
		t.Error(err)
	}
	again, err := x509.ParsePKCS1PrivateKey(x509.MarshalPKCS1PrivateKey(key))
	if err != nil || !again.Equal(key) {
		t.Errorf("does not survive PKCS #1: %v", err)
	}
}

// The primes come in either order.
func TestParseKeySwappedPrimes(t *testing.T) {
	t.Parallel()
	var members map[string]string
	if err := json.Unmarshal([]byte(jwkRS256), &members); err != nil {
		t.Fatal(err)
	}
	members["p"], members["q"] = members["q"], members["p"]
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	k := mustKey(t, string(text), Asymmetric)
	token, err := Sign(nil, struct{}{}, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify("RS256", token, mustKey(t, jwkRS256, Asymmetric)); err != nil {
		t.Error(err)
	}
}

// Checking numbers of this size as if they were primes takes minutes.
func TestParseKeyHugePrimes(t *testing.T) {
	t.Parallel()
	var b []byte
	for i := range 5000 / sha256.Size {
		sum := sha256.Sum256([]byte{byte(i)})
		b = append(b, sum[:]...)
	}
	b[0], b[len(b)-1] = 0xff, 0xff
	big := base64.RawURLEncoding.EncodeToString(b)
	n := strings.Repeat("_", 340)
	start := time.Now()
	wantProblem(t, "primes", `{"kty":"RSA","n":"`+n+`","e":"AQAB","d":"Aw","p":"`+big+`","q":"`+big+`"}`, Asymmetric, ProblemJWKMismatch)
	wantProblem(t, "d", strings.Replace(jwkRS256, `"d":"`, `"d":"`+big, 1), Asymmetric, ProblemJWKMismatch)
	wantProblem(t, "n", `{"kty":"RSA","n":"`+big+`","e":"AQAB","d":"Aw","p":"Aw","q":"Aw"}`, Asymmetric, ProblemHuge)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestParseKeyJWKProblems(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want Problem
	}{
		"JWK no JSON":       {"{", ProblemJWK},
		"JWK empty":         {"{}", ProblemJWK},
		"JWK other":         {`{"kty":"AKP"}`, ProblemUnsupported},
		"JWK secp256k1":     {`{"kty":"EC","crv":"secp256k1","d":"AQ"}`, ProblemUnsupported},
		"JWK X25519":        {`{"kty":"OKP","crv":"X25519","d":"AQ"}`, ProblemUnsupported},
		"JWK public RSA":    {`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, ProblemPublic},
		"JWK public EC":     {`{"kty":"EC","crv":"P-256","x":"AQ","y":"AQ"}`, ProblemPublic},
		"JWK public OKP":    {`{"kty":"OKP","crv":"Ed25519","x":"AQ"}`, ProblemPublic},
		"JWK no primes":     {`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQ"}`, ProblemJWK},
		"JWK short":         {`{"kty":"RSA","n":"AQAB","e":"AQAB","d":"AQ","p":"Aw","q":"Aw"}`, ProblemShort},
		"JWK huge e":        {strings.Replace(jwkRS256, `"AQAB"`, `"AQABAQABAQAB"`, 1), ProblemJWK},
		"JWK d of 0":        {`{"kty":"EC","crv":"P-256","d":"AA"}`, ProblemJWK},
		"JWK long d":        {`{"kty":"EC","crv":"P-256","d":"` + strings.Repeat("_", 48) + `"}`, ProblemJWK},
		"JWK short seed":    {`{"kty":"OKP","crv":"Ed25519","d":"AQ"}`, ProblemJWK},
		"JWK no secret":     {`{"kty":"oct"}`, ProblemJWK},
		"JWK other x":       {strings.Replace(jwkES256, `"x":"f`, `"x":"g`, 1), ProblemJWKMismatch},
		"JWK other y":       {strings.Replace(jwkES256, `"y":"x`, `"y":"y`, 1), ProblemJWKMismatch},
		"JWK other Ed x":    {strings.Replace(jwkEdDSA, `"x":"1`, `"x":"2`, 1), ProblemJWKMismatch},
		"JWK other RSA p":   {strings.Replace(jwkRS256, `"p":"4`, `"p":"5`, 1), ProblemJWKMismatch},
		"JWK other RSA d":   {strings.Replace(jwkRS256, `"d":"E`, `"d":"F`, 1), ProblemJWKMismatch},
		"JWK set, none":     {`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, ProblemJWKSet},
		"JWK set, two":      {`{"keys":[` + jwkES256 + "," + jwkEdDSA + `]}`, ProblemJWKSet},
		"a service account": {`{"type":"service_account","private_key":"x"}`, ProblemJWK},
	}
	for name, test := range tests {
		wantProblem(t, name, test.text, Asymmetric, test.want)
	}
}
