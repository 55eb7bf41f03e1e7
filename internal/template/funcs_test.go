package template

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
	"time"
)

func expandText(t *testing.T, src string, env *Env) (string, error) {
	t.Helper()
	text, err := Compile(src, Options{Field: "f"})
	if err != nil {
		t.Fatal(err)
	}
	return text.Expand(env)
}

func pemKey(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func TestEd25519Sign(t *testing.T) {
	t.Parallel()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := pemKey(t, key)
	const src = "sig=:${ed25519Sign(\"@method\": ${method}\n(\"a\", \"b\");c=${now:X}, ${credentials.password})}:"
	for _, form := range []string{text, strings.ReplaceAll(text, "\n", `\n`), "\n  " + text} {
		out, err := expandText(t, src, fixed(map[string]string{"method": "POST", "credentials.password": form}))
		if err != nil {
			t.Fatal(err)
		}
		sig, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(out, "sig=:"), ":"))
		if err != nil {
			t.Fatal(err)
		}
		if !ed25519.Verify(pub, []byte("\"@method\": POST\n(\"a\", \"b\");c=1793883789"), sig) {
			t.Error("the signature does not verify")
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(der)
	want := "ACC.USER.SHA256:" + base64.StdEncoding.EncodeToString(sum[:])
	sec1, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{pemKey(t, key), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}))} {
		got, err := expandText(t, "ACC.USER.${fingerprint(${credentials.k})}", fixed(map[string]string{"credentials.k": form}))
		if err != nil || got != want {
			t.Errorf("fingerprint = %q, %v, want %q", got, err, want)
		}
	}
}

func TestBadKeysAreNamedNotShown(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	values := []string{"hunter2", "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n", pemKey(t, key)}
	for _, v := range values {
		_, err := expandText(t, "${ed25519Sign(m, ${credentials.k})}", fixed(map[string]string{"credentials.k": v}))
		var bad *ValueError
		if !errors.As(err, &bad) || bad.Ref != (Ref{"credentials", "k"}) {
			t.Errorf("error %v, want a ValueError for ${credentials.k}", err)
		} else if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("the error contains the key: %v", err)
		}
	}
	if _, err := expandText(t, "${fingerprint(x)}", fixed(nil)); err == nil {
		t.Error("the fingerprint of a literal that is no key")
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	const src = "${awsSigV4(${credentials.id}, ${credentials.key},us-east-1 , iam, iam.${region}.example.com)}"
	values := map[string]string{"credentials.id": "ID, with comma", "credentials.key": "KEY", "region": "r"}
	env := fixed(values)
	_, err := expandText(t, src, env)
	var unsupported *UnsupportedError
	if !errors.As(err, &unsupported) || unsupported.Func != "awsSigV4" || unsupported.Field != "f" {
		t.Errorf("without Sign: %v, want an UnsupportedError", err)
	}
	var gotName string
	var gotArgs []string
	env.Sign = func(name string, args []string) (string, error) {
		gotName, gotArgs = name, args
		return "AWS4-HMAC-SHA256 ...", nil
	}
	out, err := expandText(t, src, env)
	if err != nil || out != "AWS4-HMAC-SHA256 ..." {
		t.Fatalf("Expand = %q, %v", out, err)
	}
	if want := "ID, with comma|KEY|us-east-1|iam|iam.r.example.com"; gotName != "awsSigV4" || strings.Join(gotArgs, "|") != want {
		t.Errorf("Sign(%q, %q), want %q", gotName, gotArgs, want)
	}
	boom := errors.New("boom")
	env.Sign = func(string, []string) (string, error) { return "", boom }
	if _, err := expandText(t, src, env); !errors.Is(err, boom) {
		t.Errorf("error %v does not wrap that of Sign", err)
	}
}

func TestNowFormats(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, want string }{
		{"${now:YYYY-MM-DDTHH:mm:ss}", "2026-11-05T13:03:09"},
		{"${now:YYYYMMDDTHHmmss[Z]}", "20261105T130309Z"},
		{"${now:ddd, DD MMM YYYY HH:mm:ss ZZ}", "Thu, 05 Nov 2026 13:03:09 +0000"},
		{"${now:dddd D MMMM YY, h:m:s a A hh}", "Thursday 5 November 26, 1:3:9 pm PM 01"},
		{"${now:Do d dd H M SSS Z}", "5th 4 Th 13 11 087 +00:00"},
		{"${now:x}", "1793883789087"},
		{"${now+1:minutes:X}", "1793883849"},
		{"${now-1:hour:X}", "1793880189"},
		{"${now+7:days:YYYY-MM-DD}", "2026-11-12"},
		{"${now+7:days}", "2026-11-12T13:03:09.087Z"},
		{"${now+2:weeks:DD}", "19"}, {"${now+500:ms:SSS}", "587"}, {"${now+51:s:ss}", "00"},
		{"${now+3:months:YYYY-MM-DD}", "2027-02-05"}, {"${now-1:years:YYYY}", "2025"},
		{"${now:[today is] D}", "today is 5"}, {"${now:[}", "["},
	}
	for _, tt := range tests {
		got, err := expandText(t, tt.src, fixed(nil))
		if err != nil || got != tt.want {
			t.Errorf("%s = %q, %v, want %q", tt.src, got, err, tt.want)
		}
	}
}

func TestMonthsKeepToTheMonth(t *testing.T) {
	t.Parallel()
	tests := []struct{ from, src, want string }{
		{"2027-01-31", "${now+1:month:MM-DD}", "02-28"},
		{"2028-01-31", "${now+1:month:MM-DD}", "02-29"},
		{"2027-03-31", "${now-1:month:MM-DD}", "02-28"},
		{"2028-02-29", "${now+1:year:YYYY-MM-DD}", "2029-02-28"},
		{"2027-12-15", "${now+1:month:YYYY-MM-DD}", "2028-01-15"},
	}
	for _, tt := range tests {
		from, err := time.Parse(time.DateOnly, tt.from)
		if err != nil {
			t.Fatal(err)
		}
		got, err := expandText(t, tt.src, &Env{Now: func() time.Time { return from }})
		if err != nil || got != tt.want {
			t.Errorf("%s from %s = %q, %v, want %q", tt.src, tt.from, got, err, tt.want)
		}
	}
}

func TestOrdinals(t *testing.T) {
	t.Parallel()
	for day, want := range map[int]string{1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 11: "11th", 12: "12th", 13: "13th", 21: "21st", 22: "22nd", 23: "23rd", 31: "31st"} {
		if got := ordinal(day); got != want {
			t.Errorf("ordinal(%d) = %s", day, got)
		}
	}
}
