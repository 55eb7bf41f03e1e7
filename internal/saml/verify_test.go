package saml_test

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/saml"
)

// document is an assertion as an XML parser sees it.
type document struct {
	XMLName xml.Name `xml:"urn:oasis:names:tc:SAML:2.0:assertion Assertion"`
	ID      string   `xml:"ID,attr"`
	Version string   `xml:"Version,attr"`
	Issued  string   `xml:"IssueInstant,attr"`
	Issuer  string   `xml:"Issuer"`

	Reference struct {
		URI    string `xml:"URI,attr"`
		Digest string `xml:"DigestValue"`
	} `xml:"Signature>SignedInfo>Reference"`
	SignatureValue string `xml:"Signature>SignatureValue"`

	NameID struct {
		Format string `xml:"Format,attr"`
		Value  string `xml:",chardata"`
	} `xml:"Subject>NameID"`
	Confirmation struct {
		Method string `xml:"Method,attr"`
		Data   struct {
			Recipient    string `xml:"Recipient,attr"`
			InResponseTo string `xml:"InResponseTo,attr"`
			NotBefore    string `xml:"NotBefore,attr"`
			NotOnOrAfter string `xml:"NotOnOrAfter,attr"`
		} `xml:"SubjectConfirmationData"`
	} `xml:"Subject>SubjectConfirmation"`
	Conditions struct {
		NotBefore    string   `xml:"NotBefore,attr"`
		NotOnOrAfter string   `xml:"NotOnOrAfter,attr"`
		Audiences    []string `xml:"AudienceRestriction>Audience"`
	} `xml:"Conditions"`
	Authn []struct {
		Instant string `xml:"AuthnInstant,attr"`
		Session string `xml:"SessionIndex,attr"`
		Class   string `xml:"AuthnContext>AuthnContextClassRef"`
	} `xml:"AuthnStatement"`
	Attributes []struct {
		Name       string `xml:"Name,attr"`
		NameFormat string `xml:"NameFormat,attr"`
		Values     []struct {
			Type string `xml:"http://www.w3.org/2001/XMLSchema-instance type,attr"`
			Text string `xml:",chardata"`
		} `xml:"AttributeValue"`
	} `xml:"AttributeStatement>Attribute"`
}

func parse(t testing.TB, b []byte) document {
	t.Helper()
	var d document
	if err := xml.Unmarshal(b, &d); err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	return d
}

// elements lists the names of the start tags, to see that no value adds one.
func elements(t testing.TB, b []byte) []string {
	t.Helper()
	var names []string
	for dec := xml.NewDecoder(bytes.NewReader(b)); ; {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			names = append(names, tok.Name.Local)
		case xml.Comment, xml.Directive, xml.ProcInst:
			t.Fatalf("a %T in\n%s", tok, b)
		}
	}
}

// verify recomputes the digest and the signature from the bytes. The document
// being canonical, it only has to cut out the signature, and to declare in
// SignedInfo, which is canonicalized by itself, what it inherits.
func verify(b []byte, key *rsa.PublicKey) error {
	start, end := bytes.Index(b, []byte("<ds:Signature ")), bytes.Index(b, []byte("</ds:Signature>"))
	infoStart, infoEnd := bytes.Index(b, []byte("<ds:SignedInfo>")), bytes.Index(b, []byte("</ds:SignedInfo>"))
	if start < 0 || infoStart < start || infoEnd < infoStart || end < infoEnd {
		return errors.New("no signature")
	}
	info := strings.Replace(string(b[infoStart:infoEnd+len("</ds:SignedInfo>")]),
		"<ds:SignedInfo>", `<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">`, 1)
	covered := append(bytes.Clone(b[:start]), b[end+len("</ds:Signature>"):]...)

	var d document
	if err := xml.Unmarshal(b, &d); err != nil {
		return err
	}
	if d.Reference.URI != "#"+d.ID {
		return errors.New("the signature is of something else")
	}
	sum := sha256.Sum256(covered)
	if base64.StdEncoding.EncodeToString(sum[:]) != d.Reference.Digest {
		return errors.New("wrong digest")
	}
	sig, err := base64.StdEncoding.DecodeString(d.SignatureValue)
	if err != nil {
		return err
	}
	sum = sha256.Sum256([]byte(info))
	return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig)
}

func TestSignature(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	for _, a := range []saml.Assertion{minimal(), full()} {
		b, err := a.XML(now, nil, key, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(b, &key.PublicKey); err != nil {
			t.Errorf("%v in\n%s", err, b)
		}
		if _, after, _ := bytes.Cut(b, []byte("</saml:Issuer>")); !bytes.HasPrefix(after, []byte("<ds:Signature ")) {
			t.Errorf("no signature after the issuer:\n%s", b)
		}
		// The unsigned form is the signed one without its signature.
		a.ID = parse(t, b).ID
		unsigned, err := a.XML(now, nil, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		start, end := bytes.Index(b, []byte("<ds:Signature ")), bytes.Index(b, []byte("<saml:Subject>"))
		if diff := cmp.Diff(string(unsigned), string(b[:start])+string(b[end:])); diff != "" {
			t.Errorf("(-unsigned +signed):\n%s", diff)
		}
	}
}

// TestSmallKey: crypto/rsa refuses, and there is no assertion without a signature.
func TestSmallKey(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	small := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: key.Primes[0], E: key.E}, D: key.D}
	if b, err := minimal().XML(now, nil, small, nil); err == nil || b != nil {
		t.Errorf("error %v, %d bytes", err, len(b))
	}
}

func TestContent(t *testing.T) {
	t.Parallel()
	a := full()
	b, err := a.XML(now, nil, testKey(t), pemFile(t, "cert.pem"))
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, b)
	got := map[string]string{
		"ID": d.ID, "Version": d.Version, "Issued": d.Issued, "Issuer": d.Issuer,
		"NameID": d.NameID.Value, "Format": d.NameID.Format, "Method": d.Confirmation.Method,
		"Recipient": d.Confirmation.Data.Recipient, "InResponseTo": d.Confirmation.Data.InResponseTo,
		"Confirm": d.Confirmation.Data.NotBefore + "/" + d.Confirmation.Data.NotOnOrAfter,
		"Valid":   d.Conditions.NotBefore + "/" + d.Conditions.NotOnOrAfter,
		"Authn":   d.Authn[0].Instant, "Session": d.Authn[0].Session, "Class": d.Authn[0].Class,
	}
	want := map[string]string{
		"ID": "assertion-1", "Version": "2.0", "Issued": "2026-02-28T23:30:15Z", "Issuer": a.Issuer,
		"NameID": a.NameID, "Format": a.NameIDFormat, "Method": "urn:oasis:names:tc:SAML:2.0:cm:bearer",
		"Recipient": a.Recipient, "InResponseTo": a.InResponseTo,
		"Confirm": "/2036-02-26T23:30:15Z",
		"Valid":   "2026-02-28T23:29:15Z/2036-02-26T23:30:15Z",
		"Authn":   "2026-02-28T23:30:15Z", "Session": a.SessionIndex, "Class": a.AuthnContextClassRef,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(a.Audiences, d.Conditions.Audiences); diff != "" {
		t.Errorf("audiences (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(a.Attributes, attributes(t, d)); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

func attributes(t testing.TB, d document) []saml.Attribute {
	t.Helper()
	var out []saml.Attribute
	for _, a := range d.Attributes {
		got := saml.Attribute{Name: a.Name, NameFormat: a.NameFormat}
		for _, v := range a.Values {
			if v.Type != "xs:string" {
				t.Errorf("a value of %s has type %q", a.Name, v.Type)
			}
			got.Values = append(got.Values, v.Text)
		}
		out = append(out, got)
	}
	return out
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	b, err := minimal().XML(now, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	d := parse(t, b)
	if d.Conditions.NotOnOrAfter != "2026-02-28T23:35:15Z" || d.Confirmation.Data.NotOnOrAfter != "2026-02-28T23:35:15Z" {
		t.Errorf("ends %s and %s", d.Conditions.NotOnOrAfter, d.Confirmation.Data.NotOnOrAfter)
	}
	if d.NameID.Format != saml.NameIDUnspecified {
		t.Errorf("format %q", d.NameID.Format)
	}
	for _, absent := range []string{"AuthnStatement", "AttributeStatement", "Signature", "InResponseTo", "SessionIndex"} {
		if bytes.Contains(b, []byte(absent)) {
			t.Errorf("%s where there is none to tell of", absent)
		}
	}
	a := minimal()
	a.SessionIndex = "s"
	b, err = a.XML(now, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := parse(t, b); len(d.Authn) != 1 || d.Authn[0].Session != "s" || d.Authn[0].Class != saml.AuthnUnspecified {
		t.Errorf("authentication %+v", d.Authn)
	}
	a = minimal()
	a.AuthnContextClassRef = "urn:x"
	if b, err = a.XML(now, nil, nil, nil); err != nil {
		t.Fatal(err)
	}
	if d := parse(t, b); len(d.Authn) != 1 || d.Authn[0].Class != "urn:x" || bytes.Contains(b, []byte("SessionIndex")) {
		t.Errorf("authentication %+v", d.Authn)
	}
}

// filled is an assertion with s in every place that takes any text.
func filled(s string) saml.Assertion {
	return saml.Assertion{
		Issuer: s, NameID: s, NameIDFormat: s, Recipient: s, SessionIndex: s, AuthnContextClassRef: s,
		Audiences: []string{s}, Attributes: []saml.Attribute{{Name: s, NameFormat: s, Values: []string{s}}},
		Lifetime: time.Minute,
	}
}

// checkFilled fails unless s came through everywhere, under a signature that
// holds, and brought no element with it.
func checkFilled(t *testing.T, s string, key *rsa.PrivateKey, want []string) {
	t.Helper()
	b, err := filled(s).XML(now, nil, key, nil)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	if key != nil {
		if err := verify(b, &key.PublicKey); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if diff := cmp.Diff(want, elements(t, b)); diff != "" {
		t.Errorf("%q: elements (-want +got):\n%s", s, diff)
	}
	d := parse(t, b)
	got := []string{
		d.Issuer, d.NameID.Value, d.NameID.Format, d.Confirmation.Data.Recipient, d.Authn[0].Session, d.Authn[0].Class,
		d.Conditions.Audiences[0], d.Attributes[0].Name, d.Attributes[0].NameFormat, d.Attributes[0].Values[0].Text,
	}
	for i, g := range got {
		if g != s {
			t.Errorf("place %d: %q came back as %q", i, s, g)
		}
	}
}

func elementsOf(t testing.TB, key *rsa.PrivateKey) []string {
	t.Helper()
	b, err := filled("x").XML(now, nil, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	return elements(t, b)
}

func TestInjection(t *testing.T) {
	t.Parallel()
	key := testKey(t)
	want := elementsOf(t, key)
	for _, s := range []string{
		`ada</saml:NameID><saml:NameID>root`,
		`" Format="x`,
		`'"><saml:Audience>https://evil.example</saml:Audience>`,
		`root@example.com<!---->.evil.example`,
		`<![CDATA[x]]>`, `]]>`, `--><x/>`, `<?x y?>`, `<!DOCTYPE x [<!ENTITY e "x">]>`,
		`&e; &amp; &#60; &#xD; &`,
		"line\nfeed\r\nreturn\rtab\tend", " lead and trail \n", "\t", "naïve \U0001F600 \u202e\u0085\u2028\ufffd",
		strings.Repeat("<", 5000),
	} {
		checkFilled(t, s, key, want)
	}
}

func FuzzValues(f *testing.F) {
	f.Add("x")
	f.Add("a&b<c>d\"e'f\tg\nh\ri\r\nj ]]>")
	f.Add("</saml:Issuer><!-- -->")
	f.Add("\ufffe")
	want := elementsOf(f, nil)
	f.Fuzz(func(t *testing.T, s string) {
		b, err := filled(s).XML(now, nil, nil, nil)
		var fe *saml.FieldError
		if errors.As(err, &fe) && b == nil {
			return // it was refused, which TestFieldErrors and package xmltext look into
		}
		checkFilled(t, s, nil, want)
	})
}
