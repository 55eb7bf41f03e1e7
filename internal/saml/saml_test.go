package saml_test

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/saml"
)

var update = flag.Bool("update", false, "write the golden files")

var now = time.Date(2026, 3, 1, 1, 30, 15, 987654321, time.FixedZone("", 2*60*60))

// sixteen is what the golden files have for random.
const sixteen = "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\xff"

func pemFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func testKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	block, _ := pem.Decode(pemFile(t, "key.pem"))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*rsa.PrivateKey)
}

// minimal has what RFC 7522 section 3 requires, and nothing else.
func minimal() saml.Assertion {
	return saml.Assertion{
		Issuer: "https://idp.example", NameID: "ada", Recipient: "https://sp.example/token",
		Audiences: []string{"https://sp.example"},
	}
}

func full() saml.Assertion {
	return saml.Assertion{
		ID: "assertion-1", Issuer: "www.example.com", NameID: "ada@example.com",
		NameIDFormat: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
		Recipient:    "https://sp.example/oauth/token?tenant=1&x=\"y\"", InResponseTo: "_request",
		SessionIndex: "session <1>", AuthnContextClassRef: "urn:oasis:names:tc:SAML:2.0:ac:classes:X509",
		Audiences: []string{"www.example.com", "https://second.example"},
		Attributes: []saml.Attribute{
			{Name: "api_key", Values: []string{"YzA4MTVh+/=="}},
			{Name: "groups", NameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:basic", Values: []string{"a & b", "naïve\r\n\t\"x\" ]]>", ""}},
			{Name: "none"},
		},
		Lifetime: 10 * 365 * 24 * time.Hour,
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	for _, tt := range []struct {
		file string
		a    saml.Assertion
		key  *rsa.PrivateKey
		cert []byte
	}{
		{"minimal.xml", minimal(), nil, nil},
		{"minimal-signed.xml", minimal(), key, nil},
		{"full.xml", full(), nil, nil},
		{"full-signed.xml", full(), key, pemFile(t, "cert.pem")},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			got, err := tt.a.XML(now, strings.NewReader(sixteen), tt.key, tt.cert)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile("testdata/"+tt.file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(pemFile(t, tt.file)), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		b, err := minimal().XML(now, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		id := parse(t, b).ID
		if len(id) != 33 || id[0] != '_' || seen[id] {
			t.Errorf("ID %q", id)
		}
		seen[id] = true
	}
	for _, random := range []io.Reader{strings.NewReader(sixteen[:15]), iotest.ErrReader(io.ErrClosedPipe)} {
		if b, err := minimal().XML(now, random, nil, nil); err == nil {
			t.Errorf("without random bits: %s", b)
		}
	}
}

// TestCallerKeepsItsValues: making an assertion changes none.
func TestCallerKeepsItsValues(t *testing.T) {
	t.Parallel()
	a := minimal()
	first, err := a.XML(now, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.XML(now, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first, second) {
		t.Error("two assertions have the same ID")
	}
	if diff := cmp.Diff(minimal(), a); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFieldErrors(t *testing.T) {
	t.Parallel()
	const bad = "p\x01ssw0rd"
	for field, change := range map[string]func(*saml.Assertion){
		"ID":                       func(a *saml.Assertion) { a.ID = "p:ssw0rd" },
		"Issuer":                   func(a *saml.Assertion) { a.Issuer = bad },
		"NameID":                   func(a *saml.Assertion) { a.NameID = "p\xffssw0rd" },
		"NameIDFormat":             func(a *saml.Assertion) { a.NameIDFormat = bad },
		"Recipient":                func(a *saml.Assertion) { a.Recipient = "p\uffffssw0rd" },
		"InResponseTo":             func(a *saml.Assertion) { a.InResponseTo = "1 p ssw0rd" },
		"SessionIndex":             func(a *saml.Assertion) { a.SessionIndex = bad },
		"AuthnContextClassRef":     func(a *saml.Assertion) { a.AuthnContextClassRef = bad },
		"Audiences[1]":             func(a *saml.Assertion) { a.Audiences[1] = bad },
		"Attributes[1].Name":       func(a *saml.Assertion) { a.Attributes[1].Name = bad },
		"Attributes[0].NameFormat": func(a *saml.Assertion) { a.Attributes[0].NameFormat = bad },
		"Attributes[1].Values[2]":  func(a *saml.Assertion) { a.Attributes[1].Values[2] = bad },
		"Lifetime":                 func(a *saml.Assertion) { a.Lifetime = -time.Second },
	} {
		a := full()
		change(&a)
		wantFieldError(t, a, field)
	}
	for field, change := range map[string]func(*saml.Assertion){
		"Issuer":             func(a *saml.Assertion) { a.Issuer = "" },
		"NameID":             func(a *saml.Assertion) { a.NameID = "" },
		"Recipient":          func(a *saml.Assertion) { a.Recipient = "" },
		"Audiences":          func(a *saml.Assertion) { a.Audiences = nil },
		"Audiences[0]":       func(a *saml.Assertion) { a.Audiences[0] = "" },
		"Attributes[2].Name": func(a *saml.Assertion) { a.Attributes[2].Name = "" },
		"Lifetime":           func(a *saml.Assertion) { a.Lifetime = time.Millisecond },
	} {
		a := full()
		change(&a)
		wantFieldError(t, a, field)
	}
}

func wantFieldError(t *testing.T, a saml.Assertion, field string) {
	t.Helper()
	b, err := a.XML(now, nil, nil, nil)
	var fe *saml.FieldError
	if !errors.As(err, &fe) || fe.Field != field || b != nil {
		t.Errorf("%s: error %v, %d bytes", field, err, len(b))
		return
	}
	if !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), "ssw0rd") {
		t.Errorf("%s: message %q", field, err)
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	key, cert := testKey(t), pemFile(t, "cert.pem")
	block, _ := pem.Decode(cert)
	other, err := rsa.GenerateKey(nil, 2048)
	if err != nil {
		t.Fatal(err)
	}
	fromPEM, err := full().XML(now, nil, key, append([]byte("\n "), cert...))
	if err != nil {
		t.Fatal(err)
	}
	fromDER, err := full().XML(now, nil, key, block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(fromPEM, fromDER) {
		t.Error("PEM and DER make different assertions")
	}
	for name, tt := range map[string]struct {
		key  *rsa.PrivateKey
		cert []byte
	}{
		"no key":       {nil, cert},
		"other key":    {other, cert},
		"private key":  {key, pemFile(t, "key.pem")},
		"broken PEM":   {key, cert[:len(cert)/2]},
		"not a cert":   {key, []byte("x")},
		"trailing DER": {key, append(bytes.Clone(block.Bytes), 0)},
	} {
		b, err := full().XML(now, nil, tt.key, tt.cert)
		var fe *saml.FieldError
		if !errors.As(err, &fe) || fe.Field != "certificate" || b != nil {
			t.Errorf("%s: error %v, %d bytes", name, err, len(b))
		}
	}
}
