package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/tieline/tieline/internal/saml"
)

// requireXMLSecVar makes a missing xmlsec1 a failure.
const requireXMLSecVar = "TIELINE_REQUIRE_XMLSEC1"

var interopTime = time.Date(2026, 4, 5, 6, 7, 8, 0, time.UTC)

// samlKey is a key and its certificate, which is valid around interopTime.
func samlKey(t testing.TB) (*rsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "interop"},
		NotBefore: interopTime.Add(-time.Hour), NotAfter: interopTime.Add(100 * 365 * 24 * time.Hour),
		BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, cert
}

// samlAssertions are some by hand and some at random.
func samlAssertions() map[string]saml.Assertion {
	minimal := saml.Assertion{Issuer: "i", NameID: "n", Recipient: "r", Audiences: []string{"a"}}
	typed := minimal
	typed.SessionIndex = "s"
	typed.Attributes = []saml.Attribute{{Name: "api_key", Values: []string{"v"}}, {Name: "none"}}
	hard := samlOf(func() string { return "</x> ]]> &amp; & < > \" ' \t\r\n\r é\U0001F600\u0085\u2028 <!-- -->  " })
	out := map[string]saml.Assertion{"minimal": minimal, "typed": typed, "hard": hard}
	random := mathrand.New(mathrand.NewPCG(1, 2))
	alphabet := []rune("abc<>&\"' \t\r\n;#x&lt;é\u00a0\u2028\ufffd\U0001F600-!]")
	for i := range 200 {
		out[fmt.Sprintf("random %d", i)] = samlOf(func() string {
			s := make([]rune, 1+random.IntN(12))
			for i := range s {
				s[i] = alphabet[random.IntN(len(alphabet))]
			}
			return string(s)
		})
	}
	return out
}

// samlOf is an assertion of the texts that next returns.
func samlOf(next func() string) saml.Assertion {
	return saml.Assertion{
		InResponseTo: "_é-1", Issuer: next(), NameID: next(), NameIDFormat: next(), Recipient: next(),
		SessionIndex: next(), AuthnContextClassRef: next(), Audiences: []string{next(), next()},
		Attributes: []saml.Attribute{
			{Name: next(), NameFormat: next(), Values: []string{next(), "", next()}},
			{Name: next(), Values: []string{next()}},
		},
	}
}

func samlElement(b []byte) (*etree.Element, error) {
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(b); err != nil {
		return nil, err
	}
	if doc.Root() == nil {
		return nil, fmt.Errorf("no element")
	}
	return doc.Root(), nil
}

// samlValidate has the library check the signature and returns what it covers.
func samlValidate(b []byte, cert *x509.Certificate) (*etree.Element, error) {
	root, err := samlElement(b)
	if err != nil {
		return nil, err
	}
	v := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{cert}})
	v.Clock = dsig.NewFakeClockAt(interopTime)
	return v.Validate(root)
}

// TestInteropSAML: github.com/russellhaering/goxmldsig accepts our signatures,
// and sees under them what was to be said.
func TestInteropSAML(t *testing.T) {
	t.Parallel()
	key, cert := samlKey(t)
	_, other := samlKey(t)
	for name, a := range samlAssertions() {
		for _, der := range [][]byte{nil, cert.Raw} {
			b, err := a.XML(interopTime, nil, key, der)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			covered, err := samlValidate(b, cert)
			if err != nil {
				t.Errorf("%s: %v in\n%s", name, err, b)
				continue
			}
			samlSame(t, name, covered, a)
			if _, err := samlValidate(b, other); err == nil {
				t.Errorf("%s: accepted with the certificate of another key", name)
			}
		}
	}
}

// samlSame compares some of what the signature covers with a.
func samlSame(t *testing.T, name string, covered *etree.Element, a saml.Assertion) {
	t.Helper()
	for path, want := range map[string]string{
		"./Issuer": a.Issuer, "./Subject/NameID": a.NameID, "./Conditions/AudienceRestriction/Audience": a.Audiences[0],
	} {
		if got := covered.FindElement(path); got == nil || got.Text() != want {
			t.Errorf("%s: %s is not %q", name, path, want)
		}
	}
	data := covered.FindElement("./Subject/SubjectConfirmation/SubjectConfirmationData")
	if data == nil || data.SelectAttrValue("Recipient", "") != a.Recipient {
		t.Errorf("%s: the recipient is not %q", name, a.Recipient)
	}
	values := covered.FindElements("./AttributeStatement/Attribute/AttributeValue")
	for _, attr := range a.Attributes {
		for _, want := range attr.Values {
			if len(values) == 0 || values[0].Text() != want {
				t.Errorf("%s: no attribute value %q", name, want)
				return
			}
			values = values[1:]
		}
	}
	if len(values) > 0 {
		t.Errorf("%s: %d attribute values too many", name, len(values))
	}
}

// TestInteropSAMLCanonical: the library's canonicalizer changes nothing, of the
// signature neither.
func TestInteropSAMLCanonical(t *testing.T) {
	t.Parallel()
	key, _ := samlKey(t)
	c := dsig.MakeC14N10ExclusiveCanonicalizerWithPrefixList("xs")
	for name, a := range samlAssertions() {
		b, err := a.XML(interopTime, nil, key, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		root, err := samlElement(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := c.Canonicalize(root)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !bytes.Equal(got, b) {
			t.Errorf("%s: canonical form\n%s\nof\n%s", name, got, b)
		}
	}
}

// TestInteropSAMLMutatedByte: the library refuses the assertion when any one byte
// of what is signed is another.
func TestInteropSAMLMutatedByte(t *testing.T) {
	t.Parallel()
	key, cert := samlKey(t)
	b, err := samlAssertions()["hard"].XML(interopTime, nil, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Base64 has bits that say nothing at its end, and the rest of the signature
	// is not signed.
	from, to := bytes.Index(b, []byte("</ds:SignedInfo>")), bytes.Index(b, []byte("<saml:Subject>"))
	tried := 0
	for i := range b {
		if i >= from && i < to {
			continue
		}
		mutant := bytes.Clone(b)
		mutant[i] ^= 1
		tried++
		if _, err := samlValidate(mutant, cert); err == nil {
			t.Errorf("byte %d, %q to %q, is accepted in\n%s", i, b[i], mutant[i], mutant)
		}
	}
	if tried < 2000 {
		t.Errorf("only %d bytes tried", tried)
	}
	value := bytes.Index(b, []byte("<ds:SignatureValue>")) + len("<ds:SignatureValue>")
	mutant := bytes.Clone(b)
	if mutant[value] = 'A'; b[value] == 'A' {
		mutant[value] = 'B'
	}
	if _, err := samlValidate(mutant, cert); err == nil {
		t.Error("another signature value is accepted")
	}
}

// TestInteropSAMLXMLSec has xmlsec1 check, whose canonicalizer, that of libxml2,
// is the one most others were compared with.
func TestInteropSAMLXMLSec(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("xmlsec1")
	if err != nil {
		if os.Getenv(requireXMLSecVar) != "" {
			t.Fatal(err)
		}
		t.Skip("xmlsec1 is not installed")
	}
	key, cert := samlKey(t)
	dir := t.TempDir()
	certFile := filepath.Join(dir, "cert.pem")
	samlWrite(t, certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw}))
	verify := func(b []byte) ([]byte, error) {
		file := filepath.Join(dir, "assertion.xml")
		samlWrite(t, file, b)
		return exec.CommandContext(t.Context(), program, "--verify", "--pubkey-cert-pem", certFile,
			"--id-attr:ID", "urn:oasis:names:tc:SAML:2.0:assertion:Assertion", file).CombinedOutput()
	}
	var last []byte
	all := samlAssertions()
	for _, name := range []string{"minimal", "typed", "hard", "random 0", "random 1", "random 2", "random 3", "random 4"} {
		if last, err = all[name].XML(interopTime, nil, key, nil); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out, err := verify(last); err != nil {
			t.Errorf("%s: %v\n%s\nof\n%s", name, err, out, last)
		}
	}
	for _, old := range []string{"Bearer", "saml:NameID Format=\"", "xs:string", "XMLSchema\""} {
		at := bytes.Index(bytes.ToLower(last), []byte(bytes.ToLower([]byte(old))))
		if at < 0 {
			t.Fatalf("no %s in\n%s", old, last)
		}
		mutant := bytes.Clone(last)
		mutant[at+len(old)-2] ^= 1
		if out, err := verify(mutant); err == nil {
			t.Errorf("a changed %s is accepted: %s", old, out)
		}
	}
}

func samlWrite(t *testing.T, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
