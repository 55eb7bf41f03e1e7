package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// joe is the payload of RFC 7515 appendix A.
const joe = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}"

func TestSignPublishedVectors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		key     Key
		header  map[string]any
		payload any
		want    string
	}{
		"RFC 7515 A.2, RS256": {
			mustKey(t, jwkRS256, Asymmetric), map[string]any{"alg": "RS256"}, []byte(joe),
			"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
		},
		"RFC 8037 A.4, EdDSA": {
			mustKey(t, jwkEdDSA, Asymmetric), nil, []byte("Example of Ed25519 signing"),
			"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		},
		"the example of jwt.io, HS256": {
			mustKey(t, "your-256-bit-secret", SecretUTF8), map[string]any{"typ": "JWT", "alg": "HS256"},
			json.RawMessage(`{"sub":"1234567890","name":"John Doe","iat":1516239022}`),
			"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c",
		},
	}
	for name, test := range tests {
		got, err := Sign(test.header, test.payload, test.key)
		if err != nil || got != test.want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, test.want)
		}
	}
}

// RFC 7515 appendix A.1, whose header has a line break.
func TestSignRFC7515HS256(t *testing.T) {
	t.Parallel()
	input := "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	sig, err := algorithms["HS256"].sign([]byte(input), mustKey(t, jwkHS256, Asymmetric))
	got := base64.RawURLEncoding.EncodeToString(sig)
	if want := "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
}

// RFC 4231 section 4.3.
func TestSignRFC4231(t *testing.T) {
	t.Parallel()
	key := mustKey(t, "Jefe", SecretUTF8)
	for alg, want := range map[string]string{
		"HS256": "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		"HS384": "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		"HS512": "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
	} {
		sig, err := algorithms[alg].sign([]byte("what do ya want for nothing?"), key)
		if got := hex.EncodeToString(sig); got != want || err != nil {
			t.Errorf("%s: %s, %v", alg, got, err)
		}
	}
}

// RFC 6979 appendices A.2.5 to A.2.7, message "sample": r and s as they are,
// which for P-521 begin with a zero.
func TestSignRFC6979(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ curve, d, want string }{
		"ES256": {
			"P-256", "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721",
			"EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716" +
				"F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
		},
		"ES384": {
			"P-384", "6B9D3DAD2E1B8C1C05B19875B6659F4DE23C3B667BF297BA9AA47740787137D896D5724E4C70A825F872C9EA60D2EDF5",
			"94EDBB92A5ECB8AAD4736E56C691916B3F88140666CE9FA73D64C4EA95AD133C81A648152E44ACF96E36DD1E80FABE46" +
				"99EF4AEB15F178CEA1FE40DB2603138F130E740A19624526203B6351D0A3A94FA329C145786E679E7B82C71A38628AC8",
		},
		"ES512": {
			"P-521", "00FAD06DAA62BA3B25D2FB40133DA757205DE67F5BB0018FEE8C86E1B68C7E75CAA896EB32F1F47C70855836A6D16FCC1466F6D8FBEC67DB89EC0C08B0E996B83538",
			"00C328FAFCBD79DD77850370C46325D987CB525569FB63C5D3BC53950E6D4C5F174E25A1EE9017B5D450606ADD152B534931D7D4E8455CC91F9B15BF05EC36E377FA" +
				"00617CCE7CF5064806C467F678D3B4080D6F1CC50AF26CA209417308281B68AF282623EAA63E5B5C0723D8B8C37FF0777B1A20F8CCB1DCCC43997F1EE0E44DA4A67A",
		},
	}
	for alg, test := range tests {
		d, err := hex.DecodeString(test.d)
		if err != nil {
			t.Fatal(err)
		}
		jwk := fmt.Sprintf(`{"kty":"EC","crv":%q,"d":%q}`, test.curve, base64.RawURLEncoding.EncodeToString(d))
		sig, err := algorithms[alg].sign([]byte("sample"), mustKey(t, jwk, Asymmetric))
		if got := strings.ToUpper(hex.EncodeToString(sig)); got != test.want || err != nil {
			t.Errorf("%s: %v\n got %s\nwant %s", alg, err, got, test.want)
		}
	}
}

// verify checks a token with the standard library, the public key alone.
func verify(alg string, token string, key Key) error {
	at := strings.LastIndexByte(token, '.')
	sig, err := base64.RawURLEncoding.DecodeString(token[at+1:])
	if err != nil {
		return err
	}
	signer, ok := key.Signer()
	if !ok {
		return errors.New("no public key")
	}
	if pub, ok := signer.Public().(ed25519.PublicKey); ok {
		if !ed25519.Verify(pub, []byte(token[:at]), sig) {
			return errors.New("wrong Ed25519 signature")
		}
		return nil
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[alg[2:]]
	h := hash.New()
	h.Write([]byte(token[:at]))
	digest := h.Sum(nil)
	switch pub := signer.Public().(type) {
	case *ecdsa.PublicKey:
		half := len(sig) / 2
		r, s := new(big.Int).SetBytes(sig[:half]), new(big.Int).SetBytes(sig[half:])
		if want := map[string]int{"256": 64, "384": 96, "512": 132}[alg[2:]]; len(sig) != want {
			return fmt.Errorf("%d bytes, want %d", len(sig), want)
		}
		if !ecdsa.Verify(pub, digest, r, s) {
			return errors.New("wrong ECDSA signature")
		}
		return nil
	case *rsa.PublicKey:
		if alg[0] == 'P' {
			return rsa.VerifyPSS(pub, hash, digest, sig, &rsa.PSSOptions{SaltLength: hash.Size()})
		}
		return rsa.VerifyPKCS1v15(pub, hash, digest, sig)
	}
	return errors.New("no such key")
}

func TestSignVerifies(t *testing.T) {
	t.Parallel()
	keys := map[string]Key{"R": mustKey(t, jwkRS256, Asymmetric), "Ed": mustKey(t, jwkEdDSA, Asymmetric)}
	for name, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[name] = mustKey(t, pkcs8(t, key), Asymmetric)
	}
	for alg, key := range map[string]Key{
		"RS256": keys["R"], "RS384": keys["R"], "RS512": keys["R"],
		"PS256": keys["R"], "PS384": keys["R"], "PS512": keys["R"],
		"ES256": keys["ES256"], "ES384": keys["ES384"], "ES512": keys["ES512"],
		"EdDSA": keys["Ed"], "Ed25519": keys["Ed"],
	} {
		// Several, as r and s differ in length.
		for i := range 16 {
			if alg[0] != 'E' && i == 2 {
				break
			}
			token, err := Sign(map[string]any{"alg": alg}, map[string]any{"i": i}, key)
			if err != nil {
				t.Fatalf("%s: %v", alg, err)
			}
			if err := verify(alg, token, key); err != nil {
				t.Fatalf("%s, %d: %v", alg, i, err)
			}
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	rsaKey, ecKey := mustKey(t, jwkRS256, Asymmetric), mustKey(t, jwkES256, Asymmetric)
	secret := mustKey(t, "secret", SecretUTF8)
	bound := mustKey(t, withMember(jwkRS256, `"alg":"RS256"`), Asymmetric)
	tests := map[string]struct {
		alg  any
		key  Key
		want AlgError
	}{
		"none":                   {"none", secret, AlgError{Alg: "none"}},
		"None":                   {"nOnE", rsaKey, AlgError{Alg: "none"}},
		"unknown":                {"HS1", secret, AlgError{}},
		"of another case":        {"rs256", rsaKey, AlgError{}},
		"no string":              {256, rsaKey, AlgError{}},
		"HMAC with a public key": {"HS256", rsaKey, AlgError{Alg: "HS256", Kind: "RSA"}},
		"RSA with a secret":      {"RS256", secret, AlgError{Alg: "RS256", Kind: "HMAC"}},
		"RSA with EC":            {"PS256", ecKey, AlgError{Alg: "PS256", Kind: "EC P-256"}},
		"the wrong curve":        {"ES384", ecKey, AlgError{Alg: "ES384", Kind: "EC P-256"}},
		"Ed25519 with EC":        {"EdDSA", ecKey, AlgError{Alg: "EdDSA", Kind: "EC P-256"}},
		"against the JWK":        {"RS512", bound, AlgError{Alg: "RS512"}},
	}
	for name, test := range tests {
		token, err := Sign(map[string]any{"alg": test.alg}, struct{}{}, test.key)
		var algErr *AlgError
		if !errors.As(err, &algErr) || *algErr != test.want || token != "" {
			t.Errorf("%s: %q, %v", name, token, err)
		}
		if err != nil && len(err.Error()) < 20 {
			t.Errorf("%s: %q says nothing", name, err)
		}
	}
	for name, args := range map[string][2]any{
		"payload":           {map[string]any{}, func() {}},
		"header":            {map[string]any{"x": func() {}}, nil},
		"unencoded payload": {map[string]any{"b64": false}, nil},
	} {
		if _, err := Sign(args[0].(map[string]any), args[1], secret); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// The same input gives the same token, names sorted, the caller's map unharmed.
func TestSignOrder(t *testing.T) {
	t.Parallel()
	header := map[string]any{"typ": "JWT", "kid": "<1>"}
	payload := map[string]any{"b": 1, "a": "x&y", "c": []string{"1"}}
	key := mustKey(t, jwkES256, Asymmetric)
	first, err := Sign(header, payload, key)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if again, _ := Sign(header, payload, key); again != first {
			t.Fatalf("%s\n%s", first, again)
		}
	}
	parts := strings.Split(first, ".")
	for i, want := range []string{`{"alg":"ES256","kid":"<1>","typ":"JWT"}`, `{"a":"x&y","b":1,"c":["1"]}`} {
		got, _ := base64.RawURLEncoding.DecodeString(parts[i])
		if string(got) != want {
			t.Errorf("part %d: %s", i, got)
		}
	}
	if len(header) != 2 {
		t.Errorf("the caller's header has become %v", header)
	}
}

func TestClientAssertion(t *testing.T) {
	t.Parallel()
	key := mustKey(t, withMember(jwkRS256, `"kid":"k1"`), Asymmetric)
	a := Assertion{
		ClientID: "client", Audience: "https://as.example/token", ID: "j1",
		IssuedAt: time.Unix(1700000000, 999),
	}
	token, err := ClientAssertion(a, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify("RS256", token, key); err != nil {
		t.Error(err)
	}
	wantPart(t, token, 0, map[string]any{"alg": "RS256", "kid": "k1", "typ": "JWT"})
	wantPart(t, token, 1, map[string]any{
		"iss": "client", "sub": "client", "aud": "https://as.example/token", "jti": "j1",
		"iat": json.Number("1700000000"), "exp": json.Number("1700000300"),
	})

	a.Lifetime = time.Minute + 999*time.Millisecond
	a.Header = map[string]any{"alg": "PS256", "x5t#S256": "t"}
	a.Claims = map[string]any{"iss": "other", "nbf": 1}
	if token, err = ClientAssertion(a, key); err != nil {
		t.Fatal(err)
	}
	wantPart(t, token, 0, map[string]any{"alg": "PS256", "kid": "k1", "typ": "JWT", "x5t#S256": "t"})
	wantPart(t, token, 1, map[string]any{
		"iss": "other", "sub": "client", "aud": "https://as.example/token", "jti": "j1", "nbf": json.Number("1"),
		"iat": json.Number("1700000000"), "exp": json.Number("1700000060"),
	})
}

func wantPart(t *testing.T, token string, part int, want map[string]any) {
	t.Helper()
	got, ok := decodeObject(strings.Split(token, ".")[part])
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("part %d (-want +got):\n%s", part, diff)
	}
}

func TestClientAssertionNeeds(t *testing.T) {
	t.Parallel()
	whole := Assertion{ClientID: "c", Audience: "a", ID: "j", IssuedAt: time.Unix(1, 0)}
	key := mustKey(t, jwkES256, Asymmetric)
	if _, err := ClientAssertion(whole, key); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Assertion){
		"client ID": func(a *Assertion) { a.ClientID = "" },
		"audience":  func(a *Assertion) { a.Audience = "" },
		"jti":       func(a *Assertion) { a.ID = "" },
		"time":      func(a *Assertion) { a.IssuedAt = time.Time{} },
		"lifetime":  func(a *Assertion) { a.Lifetime = -time.Minute },
	} {
		a := whole
		change(&a)
		if _, err := ClientAssertion(a, key); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
