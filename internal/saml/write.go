package saml

import (
	"cmp"
	"time"

	"github.com/tieline/tieline/internal/xmlbody/xmltext"
)

// The namespaces, and what is bound to each prefix in an assertion.
const (
	nsSAML = "urn:oasis:names:tc:SAML:2.0:assertion"
	nsXS   = "http://www.w3.org/2001/XMLSchema"
	nsXSI  = "http://www.w3.org/2001/XMLSchema-instance"
	nsDSig = "http://www.w3.org/2000/09/xmldsig#"
)

const methodBearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// writer writes elements in canonical form, if its callers give attributes in
// canonical order: namespace declarations by prefix, then attributes without a
// namespace by name, then the others by namespace (Canonical XML 1.0 section
// 2.2). A namespace is declared on the first element that uses it.
type writer struct{ b []byte }

type attr struct{ name, value string }

// open writes a start tag. Attributes whose value is "" are left out.
func (w *writer) open(name string, attrs ...attr) {
	w.b = append(append(w.b, '<'), name...)
	for _, a := range attrs {
		if a.value == "" {
			continue
		}
		w.b = append(append(append(w.b, ' '), a.name...), '=', '"')
		w.b = append(xmltext.AppendAttr(w.b, a.value), '"')
	}
	w.b = append(w.b, '>')
}

// close writes an end tag. Also an empty element has one in canonical form.
func (w *writer) close(name string) {
	w.b = append(append(append(w.b, '<', '/'), name...), '>')
}

// leaf writes an element that contains only text.
func (w *writer) leaf(name, text string, attrs ...attr) {
	w.open(name, attrs...)
	w.b = xmltext.AppendText(w.b, text)
	w.close(name)
}

// head is the assertion up to the place of the signature.
func (a Assertion) head(now time.Time) []byte {
	var w writer
	w.open("saml:Assertion", attr{"xmlns:saml", nsSAML}, attr{"ID", a.ID}, attr{"IssueInstant", instant(now)}, attr{"Version", "2.0"})
	w.leaf("saml:Issuer", a.Issuer)
	return w.b
}

// rest is the assertion after the place of the signature.
func (a Assertion) rest(now time.Time) []byte {
	var w writer
	end := instant(now.Add(cmp.Or(a.Lifetime, DefaultLifetime)))

	w.open("saml:Subject")
	w.leaf("saml:NameID", a.NameID, attr{"Format", cmp.Or(a.NameIDFormat, NameIDUnspecified)})
	w.open("saml:SubjectConfirmation", attr{"Method", methodBearer})
	w.leaf("saml:SubjectConfirmationData", "", attr{"InResponseTo", a.InResponseTo}, attr{"NotOnOrAfter", end}, attr{"Recipient", a.Recipient})
	w.close("saml:SubjectConfirmation")
	w.close("saml:Subject")

	w.open("saml:Conditions", attr{"NotBefore", instant(now.Add(-Skew))}, attr{"NotOnOrAfter", end})
	w.open("saml:AudienceRestriction")
	for _, s := range a.Audiences {
		w.leaf("saml:Audience", s)
	}
	w.close("saml:AudienceRestriction")
	w.close("saml:Conditions")

	if a.SessionIndex != "" || a.AuthnContextClassRef != "" {
		w.open("saml:AuthnStatement", attr{"AuthnInstant", instant(now)}, attr{"SessionIndex", a.SessionIndex})
		w.open("saml:AuthnContext")
		w.leaf("saml:AuthnContextClassRef", cmp.Or(a.AuthnContextClassRef, AuthnUnspecified))
		w.close("saml:AuthnContext")
		w.close("saml:AuthnStatement")
	}
	w.attributes(a.Attributes)
	w.close("saml:Assertion")
	return w.b
}

func (w *writer) attributes(list []Attribute) {
	if len(list) == 0 {
		return
	}
	w.open("saml:AttributeStatement")
	for _, a := range list {
		w.open("saml:Attribute", attr{"Name", a.Name}, attr{"NameFormat", a.NameFormat})
		for _, s := range a.Values {
			w.leaf("saml:AttributeValue", s, attr{"xmlns:xs", nsXS}, attr{"xmlns:xsi", nsXSI}, attr{"xsi:type", "xs:string"})
		}
		w.close("saml:Attribute")
	}
	w.close("saml:AttributeStatement")
}

// instant is a time as in saml-core-2.0-os section 1.3.3: UTC, and never with a
// zone offset. Fractions of a second are legal, but not all peers read them.
func instant(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") }
