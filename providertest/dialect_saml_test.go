package providertest

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// samlEntry and samlText: an assertion written by hand in canonical form, so that
// its digest is that of the text.
const samlEntry = `
auth_mode: TWO_STEP
body_format: form
token_url: https://vendor.test/t
assertion: {key: "${assertionOption.privateKey}", issuer: me, lifetimeInSeconds: "600", audiences: them, recipient: "https://vendor.test/t",
  nameIdentifier: "${assertionOption.userName}", sessionIndex: "${random}", attributes: {api_key: "${credentials.apiKey}", flag: true}}
token_params: {assertion: "${credentials.assertion}"}
token_response: {token: access_token}
credentials: {assertion: {automated: true}, apiKey: {pattern: '^[a-z]{9}$'}}
assertion_option: {privateKey: {type: string}, userName: {type: string}}
`

func samlText(t *testing.T, in Inputs, change func(string) string) string {
	t.Helper()
	body := `<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" ID="_1" IssueInstant="2031-05-06T07:08:09Z" Version="2.0">` +
		`<saml2:Issuer>me</saml2:Issuer>SIG<saml2:Subject><saml2:NameID>` + in.AssertionOption["userName"] + `</saml2:NameID>` +
		`<saml2:SubjectConfirmation Method="bearer"><saml2:SubjectConfirmationData NotOnOrAfter="2031-05-06T07:18:09Z" Recipient="https://vendor.test/t"></saml2:SubjectConfirmationData></saml2:SubjectConfirmation></saml2:Subject>` +
		`<saml2:Conditions NotOnOrAfter="2031-05-06T07:18:09Z"><saml2:AudienceRestriction><saml2:Audience>them</saml2:Audience></saml2:AudienceRestriction></saml2:Conditions>` +
		`<saml2:AuthnStatement AuthnInstant="2031-05-06T07:08:09Z" SessionIndex="5b0c7a0e-0f6c-4a59-9a4e-0a1b2c3d4e5f"></saml2:AuthnStatement>` +
		`<saml2:AttributeStatement><saml2:Attribute Name="api_key"><saml2:AttributeValue>` + in.Credentials["apiKey"] + `</saml2:AttributeValue></saml2:Attribute>` +
		`<saml2:Attribute Name="flag"><saml2:AttributeValue>true</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>`
	if change != nil {
		body = change(body)
	}
	digest := sha256.Sum256([]byte(strings.Replace(body, "SIG", "", 1)))
	const ds = `xmlns:ds="http://www.w3.org/2000/09/xmldsig#"`
	// Alone, SignedInfo declares the prefix itself; inside of Signature it does not.
	info := func(ns string) string {
		return `<ds:SignedInfo` + ns + `><ds:CanonicalizationMethod Algorithm="` + algExclusive + `"></ds:CanonicalizationMethod>` +
			`<ds:SignatureMethod Algorithm="` + algRSA + `"></ds:SignatureMethod><ds:Reference URI="#_1"><ds:Transforms>` +
			`<ds:Transform Algorithm="` + algEnveloped + `"></ds:Transform><ds:Transform Algorithm="` + algExclusive + `"></ds:Transform></ds:Transforms>` +
			`<ds:DigestMethod Algorithm="` + algSHA256 + `"></ds:DigestMethod><ds:DigestValue>` + base64.StdEncoding.EncodeToString(digest[:]) +
			`</ds:DigestValue></ds:Reference></ds:SignedInfo>`
	}
	sum := sha256.Sum256([]byte(info(" " + ds)))
	sig, err := rsa.SignPKCS1v15(nil, privateKey(t, in.AssertionOption["privateKey"]).(*rsa.PrivateKey), crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(body, "SIG", `<ds:Signature `+ds+`>`+info("")+`<ds:SignatureValue>`+base64.StdEncoding.EncodeToString(sig)+`</ds:SignatureValue></ds:Signature>`, 1)
}

func TestDialectSAML(t *testing.T) {
	t.Parallel()
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	signed := func(from, to string) func(*msg) {
		return func(m *msg) {
			in := newTestDialect(t, "saml", samlEntry).Inputs()
			m.form.Set("assertion", b64(samlText(t, in, func(s string) string { return strings.Replace(s, from, to, 1) })))
		}
	}
	after := func(from, to string) func(*msg) {
		return func(m *msg) {
			raw, _ := base64.StdEncoding.DecodeString(m.form.Get("assertion"))
			m.form.Set("assertion", b64(strings.Replace(string(raw), from, to, 1)))
		}
	}
	scripted(t, "saml", samlEntry, func(w *wire) {
		w.do("token", msg{url: "https://vendor.test/t", form: url.Values{"assertion": {b64(samlText(w.t, w.d.Inputs(), nil))}}})
	}, []edit{
		{"issuer", "token", signed(">me<", ">you<"), "SAML Issuer is"},
		{"audience", "token", signed(">them<", ">us<"), "SAML Audience is"},
		{"recipient", "token", signed("vendor.test/t", "vendor.test/u"), "SAML Recipient is"},
		{"name", "token", signed("<saml2:NameID>", "<saml2:NameID>x"), "SAML NameID is"},
		{"session", "token", signed("5b0c7a0e-", "x"), "no UUID"},
		{"attribute", "token", signed(">true<", ">false<"), "attribute flag is"},
		{"attribute missing", "token", signed(`Name="flag"`, `Name="flog"`), "attribute flog is not asked for"},
		{"lifetime", "token", signed(`Conditions NotOnOrAfter="2031-05-06T07:18`, `Conditions NotOnOrAfter="2031-05-06T08:18`), "lives for"},
		{"over", "token", signed(`Conditions NotOnOrAfter="2031`, `Conditions NotOnOrAfter="2030`), "is good from"},
		{"signature place", "token", signed("<saml2:Issuer>me</saml2:Issuer>SIG", "SIG<saml2:Issuer>me</saml2:Issuer>"), "does not stand behind"},
		{"algorithm", "token", after(algRSA, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"), "the SAML signature uses"},
		{"transform", "token", after(`Transform Algorithm="`+algExclusive, `Transform Algorithm="x`), "the SAML signature uses"},
		{"reference", "token", after(`URI="#_1"`, `URI="#_2"`), "of something else"},
		{"changed after signing", "token", after(`Version="2.0"`, `Version="2.1"`), "the digest"},
		{"signed info changed", "token", after(algSHA256+`"></ds:DigestMethod><ds:DigestValue>`, algSHA256+`"></ds:DigestMethod><ds:DigestValue>A`), "the signature of the SAML"},
		{"signature byte", "token", after("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"), "the signature of the SAML"},
		{"unsigned", "token", signed("SIG", ""), "has no signature"},
		{"no XML", "token", set("assertion", "eHg="), "no XML"},
	})
}

// The example of Exclusive XML Canonicalization 1.0, section 2.2.
func TestCanonicalVector(t *testing.T) {
	t.Parallel()
	root, err := parseXML([]byte(`<n0:local xmlns:n0="foo:bar" xmlns:n3="ftp://example.org"><n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"/></n1:elem2></n0:local>`))
	if err != nil {
		t.Fatal(err)
	}
	const want = `<n1:elem2 xmlns:n1="http://example.net" xml:lang="en"><n3:stuff xmlns:n3="ftp://example.org"></n3:stuff></n1:elem2>`
	if got := canonical(root.child("elem2"), root.spaces, nil, nil); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
