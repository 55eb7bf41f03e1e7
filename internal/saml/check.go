package saml

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/tieline/tieline/internal/xmlbody/xmltext"
)

// FieldError says which field of an [Assertion] cannot be used, and why. It
// never contains the value.
type FieldError struct {
	Field  string // such as "Attributes[0].Values[1]"
	Reason string
}

// Error names the field and the reason.
func (e *FieldError) Error() string { return "saml: " + e.Field + ": " + e.Reason }

// check returns the first field that is missing or that XML cannot carry.
func (a Assertion) check() error {
	required := []struct{ field, value string }{
		{"Issuer", a.Issuer}, {"NameID", a.NameID}, {"Recipient", a.Recipient},
	}
	for _, f := range required {
		if err := checkRequired(f.field, f.value); err != nil {
			return err
		}
	}
	optional := []struct{ field, value string }{
		{"NameIDFormat", a.NameIDFormat},
		{"SessionIndex", a.SessionIndex}, {"AuthnContextClassRef", a.AuthnContextClassRef},
	}
	for _, f := range optional {
		if err := checkText(f.field, f.value); err != nil {
			return err
		}
	}
	for _, f := range []struct{ field, value string }{{"ID", a.ID}, {"InResponseTo", a.InResponseTo}} {
		if f.value != "" && !xmltext.IsNCName(f.value) {
			return &FieldError{f.field, "is not an XML name without a colon"}
		}
	}
	if a.Lifetime < 0 || a.Lifetime%time.Second != 0 {
		return &FieldError{"Lifetime", "is not a positive number of whole seconds"}
	}
	return a.checkLists()
}

func (a Assertion) checkLists() error {
	if len(a.Audiences) == 0 {
		return &FieldError{"Audiences", "is missing"}
	}
	for i, s := range a.Audiences {
		if err := checkRequired(fmt.Sprintf("Audiences[%d]", i), s); err != nil {
			return err
		}
	}
	for i, attr := range a.Attributes {
		field := fmt.Sprintf("Attributes[%d]", i)
		if err := checkRequired(field+".Name", attr.Name); err != nil {
			return err
		}
		if err := checkText(field+".NameFormat", attr.NameFormat); err != nil {
			return err
		}
		for j, s := range attr.Values {
			if err := checkText(fmt.Sprintf("%s.Values[%d]", field, j), s); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkRequired(field, s string) error {
	if s == "" {
		return &FieldError{field, "is missing"}
	}
	return checkText(field, s)
}

func checkText(field, s string) error {
	if !xmltext.Valid(s) {
		return &FieldError{field, "has a character that XML cannot carry"}
	}
	return nil
}

// certificate returns the DER form of cert, nil if there is none. A certificate
// of another key is refused here, where it can be said plainly; the peer would
// only say that the signature is wrong.
func certificate(key *rsa.PrivateKey, cert []byte) ([]byte, error) {
	refuse := func(reason string) ([]byte, error) { return nil, &FieldError{"certificate", reason} }
	if len(cert) == 0 {
		return nil, nil
	}
	if key == nil {
		return refuse("there is no key to go with it")
	}
	if text := bytes.TrimSpace(cert); bytes.HasPrefix(text, []byte("-----BEGIN ")) {
		block, _ := pem.Decode(text)
		if block == nil {
			return refuse("is not PEM")
		}
		cert = block.Bytes
	}
	parsed, err := x509.ParseCertificate(cert)
	if err != nil {
		return refuse("is not an X.509 certificate")
	}
	if !key.PublicKey.Equal(parsed.PublicKey) {
		return refuse("is not that of the key")
	}
	return parsed.Raw, nil
}
