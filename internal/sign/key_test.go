package sign

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// pasted are the ways in which a PEM arrives.
func pasted() map[string]func(string) string {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	body := func(s string) string {
		_, s, _ = strings.Cut(s, "PRIVATE KEY-----")
		s, _, _ = strings.Cut(s, "-----END")
		return s
	}
	return map[string]func(string) string{
		"as it is":              func(s string) string { return s },
		"without last newline":  strings.TrimSpace,
		"CRLF":                  func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"CR":                    func(s string) string { return strings.ReplaceAll(s, "\n", "\r") },
		`literal \n`:            func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) },
		`literal \\n`:           func(s string) string { return strings.ReplaceAll(s, "\n", `\\n`) },
		`literal \r\n`:          func(s string) string { return strings.ReplaceAll(s, "\n", `\r\n`) },
		`literal \n and breaks`: func(s string) string { return strings.ReplaceAll(s, "\n", "\\n\n") },
		"continued lines":       func(s string) string { return strings.ReplaceAll(s, "\n", "\\\n") },
		"one line, spaces":      func(s string) string { return strings.ReplaceAll(s, "\n", " ") },
		"one line, nothing":     func(s string) string { return strings.ReplaceAll(s, "\n", "") },
		"indented":              func(s string) string { return strings.ReplaceAll(s, "\n", "\n    ") },
		"spaces around":         func(s string) string { return " \t\n" + s + "\n\n " },
		"byte order mark":       func(s string) string { return "\ufeff" + s },
		"no-break spaces":       func(s string) string { return strings.ReplaceAll(s, "\n", "\u00a0\n") },
		"quotes":                func(s string) string { return `"` + strings.ReplaceAll(s, "\n", `\n`) + `"` },
		"base64":                b64,
		"body in base64url":     func(s string) string { return strings.NewReplacer("+", "-", "/", "_").Replace(body(s)) },
		"base64, invisible":     func(s string) string { return "\ufeff" + strings.Replace(b64(s), "A", "A\u200b", 1) },
		"base64 in lines":       func(s string) string { return lines(b64(s), 76) },
		"base64url, no padding": func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"base64 of base64":      func(s string) string { return b64(b64(s)) },
		"base64 of literal \\n": func(s string) string { return b64(strings.ReplaceAll(s, "\n", `\n`)) },
		"only the body":         body,
		"base64 of the body":    func(s string) string { return b64(body(s)) },
	}
}

func lines(s string, width int) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + "\n")
		s = s[width:]
	}
	return b.String() + s
}

func TestParseKeyAsPasted(t *testing.T) {
	t.Parallel()
	for form, text := range pemKeys(t) {
		want := map[byte]string{'R': "RSA", 'E': "EC P-256"}[form[0]]
		if strings.HasPrefix(form, "Ed25519") {
			want = "Ed25519"
		}
		plain := signerOf(t, text)
		for way, change := range pasted() {
			if strings.Contains(form, "after") && strings.Contains(way, "body") {
				continue // the body of the first block is no key
			}
			k, err := ParseKey(change(text), Asymmetric)
			if err != nil {
				t.Errorf("%s, %s: %v", form, way, err)
				continue
			}
			got, _ := k.Signer()
			if k.Kind() != want || !got.(interface{ Equal(crypto.PrivateKey) bool }).Equal(plain) {
				t.Errorf("%s, %s: another key, %s", form, way, k.Kind())
			}
		}
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	tests := []struct {
		text string
		as   Encoding
		want string
	}{
		{"6162FF", SecretHex, "ab\xff"},
		{" 6162\n", SecretHex, "ab"},
		{"6162", SecretUTF8, "6162"},
		{" with spaces ", SecretUTF8, " with spaces "},
		{`a\nb`, SecretUTF8, `a\nb`},
		{"{}", SecretUTF8, "{}"},
	}
	for _, test := range tests {
		k := mustKey(t, test.text, test.as)
		if string(k.m.secret) != test.want || k.Kind() != "HMAC" {
			t.Errorf("%q: %q, %s", test.text, k.m.secret, k.Kind())
		}
		if _, ok := k.Signer(); ok {
			t.Errorf("%q: a secret is a signer", test.text)
		}
	}
}

// Made for this test.
const (
	rsa512 = `-----BEGIN RSA PRIVATE KEY-----
MIIBOwIBAAJBANtBsCpzzSD3rvAHZeoYl/1WV9jMi77k6uaYNavPeqgEbGcnSsF5
i0fHMMi1T2MvfqG3ZgpdtMc4Pl5H2+mHYHMCAwEAAQJAcE5wTv5r5uQXjkkr0cHx
MEmmy5zSQ+B71cvHSg8Hc8GFcQrSUr3eKJMor3KXKuwgz1MF+Kp32LQerHbg3Oxz
EQIhAPT8aIS5/F2ptW0TYXG3+nTRm9m9JN6vxQm/EZC1JB87AiEA5R0nyiC28FyD
XkbaoxDoCD0OG8/I62uidiX9xEkVICkCIQCnJKKGk4G7wXKXdZaRCI2nL+8d8i76
g39yM9rfGMcJSwIgVwurqVSijFFpq7DZsihjL3Ya3SAlYqQDFkY60o89knkCIQCS
d5Hm3KcuDYzUfVlEPZ3qBwS3/tiFMMvRQOhbBRPwVg==
-----END RSA PRIVATE KEY-----`
	secp256k1 = `-----BEGIN EC PRIVATE KEY-----
MHQCAQEEIFLDa1a93vJDHqN3bGKvafuijiGg51L0u1Z7JD8ZFECioAcGBSuBBAAK
oUQDQgAE/R1ZqCVlp+k/gh7CvotZpCVNPE4k2AssTQshJE4efBoJgifL0JkqipfU
fchvQYGT7qH0EKdz2LjSaF+3R+y3HA==
-----END EC PRIVATE KEY-----`
)

// unfitPEM returns keys that are well-formed but sign no JWS.
func unfitPEM(t testing.TB) (p224, x25519 string) {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x, err := ecdh.X25519().NewPrivateKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	return pkcs8(t, ec), pkcs8(t, x)
}

func TestParseKeyProblems(t *testing.T) {
	t.Parallel()
	ec := pemKeys(t)["EC PKCS #8"]
	pub, err := x509.MarshalPKIXPublicKey(signerOf(t, jwkES256).Public())
	if err != nil {
		t.Fatal(err)
	}
	p224, x25519 := unfitPEM(t)
	end := strings.Index(ec, "-----END")
	tests := map[string]struct {
		text string
		as   Encoding
		want Problem
	}{
		"empty":             {"", Asymmetric, ProblemEmpty},
		"blank":             {" \n", Asymmetric, ProblemEmpty},
		"quotes":            {`""`, Asymmetric, ProblemEmpty},
		"empty secret":      {"", SecretUTF8, ProblemEmpty},
		"blank secret":      {" ", SecretHex, ProblemEmpty},
		"long":              {strings.Repeat("A", maxKeyText+1), Asymmetric, ProblemTooLong},
		"much DER":          {armour("PRIVATE KEY", make([]byte, maxDER+1)), Asymmetric, ProblemTooLong},
		"a password":        {"correct horse battery staple", Asymmetric, ProblemUnknown},
		"base64 of nothing": {"aGVsbG8=", Asymmetric, ProblemUnknown},
		"deep base64":       {b64Times(ec, maxBase64Layers+1), Asymmetric, ProblemUnknown},
		"other block":       {armour("EC PARAMETERS", []byte{6}), Asymmetric, ProblemUnknown},
		"no END":            {ec[:end], Asymmetric, ProblemTruncated},
		"no label":          {"-----BEGIN PRIVATE KEY", Asymmetric, ProblemTruncated},
		"cut":               {ec[:end-20] + "\n" + ec[end:], Asymmetric, ProblemDamaged},
		"not base64":        {"-----BEGIN PRIVATE KEY-----\n****\n-----END PRIVATE KEY-----", Asymmetric, ProblemDamaged},
		"encrypted PKCS #8": {armour("ENCRYPTED PRIVATE KEY", []byte("x")), Asymmetric, ProblemEncrypted},
		"encrypted PKCS #1": {
			"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----",
			Asymmetric, ProblemEncrypted,
		},
		"public":         {armour("PUBLIC KEY", pub), Asymmetric, ProblemPublic},
		"public DER":     {base64.StdEncoding.EncodeToString(pub), Asymmetric, ProblemPublic},
		"public, as own": {armour("PRIVATE KEY", pub), Asymmetric, ProblemPublic},
		"certificate":    {armour("CERTIFICATE", []byte("x")), Asymmetric, ProblemCertificate},
		"OpenSSH":        {armour("OPENSSH PRIVATE KEY", []byte("x")), Asymmetric, ProblemOpenSSH},
		"P-224":          {p224, Asymmetric, ProblemUnsupported},
		"X25519":         {x25519, Asymmetric, ProblemUnsupported},
		"secp256k1":      {secp256k1, Asymmetric, ProblemDamaged},
		"RSA 512":        {rsa512, Asymmetric, ProblemShort},
		"odd hex":        {"abc", SecretHex, ProblemHex},
		"PEM as secret":  {ec, SecretUTF8, ProblemSecret},
	}
	for name, test := range tests {
		wantProblem(t, name, test.text, test.as, test.want)
	}
}

func wantProblem(t *testing.T, name, text string, as Encoding, want Problem) {
	t.Helper()
	k, err := ParseKey(text, as)
	var keyErr *KeyError
	if !errors.As(err, &keyErr) || keyErr.Problem != want {
		t.Errorf("%s: %v, want %q", name, err, want)
	}
	if !k.IsZero() {
		t.Errorf("%s: a key beside the error", name)
	}
}

func b64Times(s string, n int) string {
	for range n {
		s = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return s
}

// RSA keys that RFC 7518 finds too short but crypto/rsa signs with are taken.
func TestParseKeyRSA1024(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	k := mustKey(t, pkcs8(t, key), Asymmetric)
	if _, err := Sign(map[string]any{"alg": "RS512"}, struct{}{}, k); err != nil {
		t.Error(err)
	}
	if _, err := Sign(map[string]any{"alg": "PS512"}, struct{}{}, k); !errors.Is(err, ErrShortKey) {
		t.Errorf("PS512: %v", err)
	}
}

// Nothing that holds a secret prints it, and no error quotes a key.
func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	const marker = "hunter2"
	secret := mustKey(t, marker, SecretUTF8)
	values := map[string]any{
		"Key":    secret,
		"*Key":   &secret,
		"SigV4":  SigV4{AccessKeyID: "id", SecretAccessKey: marker, SessionToken: marker},
		"*SigV4": &SigV4{SecretAccessKey: marker},
		"OAuth1": OAuth1{ConsumerSecret: marker, TokenSecret: marker, PrivateKey: secret},
		"held":   struct{ k Key }{secret},
	}
	for name, v := range values {
		js, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + string(js)
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		got += log.String()
		if strings.Contains(got, marker) || strings.Contains(got, fmt.Sprintf("%x", marker)) {
			t.Errorf("%s prints its secret: %s", name, got)
		}
		if name != "held" && !strings.Contains(got, redacted) {
			t.Errorf("%s prints %s", name, got)
		}
	}
	for name, text := range map[string]string{
		"hex": marker + "zz", "unknown": marker + " ???", "jwk": `{"kty":"` + marker + `"}`,
		"label": "-----BEGIN " + marker + "-----", "json": `{"kty":` + marker,
	} {
		as := Asymmetric
		if name == "hex" {
			as = SecretHex
		}
		if _, err := ParseKey(text, as); err == nil || strings.Contains(err.Error(), marker) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestZeroKey(t *testing.T) {
	t.Parallel()
	var k Key
	if _, ok := k.Signer(); ok || !k.IsZero() || k.ID() != "" || k.Kind() != "" || k.Alg() != "" {
		t.Error("the zero Key is something")
	}
	if _, err := Sign(nil, nil, k); !errors.Is(err, ErrNoKey) {
		t.Errorf("Sign: %v", err)
	}
}

func TestNewNonce(t *testing.T) {
	t.Parallel()
	got, err := NewNonce(strings.NewReader("0123456789abcdef"))
	if want := "30313233343536373839616263646566"; got != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := NewNonce(strings.NewReader("short")); err == nil {
		t.Error("too little randomness is enough")
	}
	if _, err := NewNonce(nil); err == nil {
		t.Error("no randomness is enough")
	}
}
