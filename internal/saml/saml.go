// Package saml builds SAML 2.0 bearer assertions, with which a client asks an
// OAuth 2.0 token endpoint for a token in the name of a user: RFC 7522, over
// saml-core-2.0-os and XML Signature.
//
// An assertion is written in the form that Exclusive XML Canonicalization would
// bring it into, so that what is hashed and signed is the bytes themselves and
// no canonicalizer is needed. There is no reader here: Tieline asserts and never
// receives an assertion.
package saml

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// DefaultLifetime is how long an assertion that does not say otherwise is good
// for.
const DefaultLifetime = 5 * time.Minute

// Skew is how long before it was issued an assertion is already valid, for
// peers whose clocks are behind.
const Skew = time.Minute

// The identifiers that stand in for what an [Assertion] leaves out:
// saml-core-2.0-os section 8.3.1 and saml-authn-context-2.0-os section 3.4.25.
const (
	NameIDUnspecified = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified"
	AuthnUnspecified  = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified"
)

// Assertion says that a subject may be acted for. RFC 7522 section 3 requires
// Issuer, NameID, Recipient and at least one audience.
type Assertion struct {
	// ID names the assertion, and must never be used twice. It is an XML name
	// without a colon. "" is 128 random bits.
	ID string

	// Issuer is who asserts: the entity ID that the peer knows the key by.
	Issuer string

	// NameID is the subject, in the format that NameIDFormat names; "" is
	// [NameIDUnspecified].
	NameID, NameIDFormat string

	// Recipient is the token endpoint that the assertion may be delivered to.
	Recipient string

	// InResponseTo is the ID of the request that is answered, an XML name
	// without a colon. "" is none, as usual in RFC 7522.
	InResponseTo string

	// SessionIndex and AuthnContextClassRef tell of the session in which the
	// subject was authenticated, and how; a class of "" is [AuthnUnspecified].
	// With neither there is no AuthnStatement, as RFC 7522 section 3 wants it
	// from a client that acts on its own.
	SessionIndex, AuthnContextClassRef string

	// Audiences are the entity IDs that may accept the assertion, any of them.
	Audiences []string

	Attributes []Attribute

	// Lifetime is how long the assertion is good for, in whole seconds. 0 is
	// [DefaultLifetime].
	Lifetime time.Duration
}

// Attribute is something asserted of the subject. Its values are always of the
// type xs:string. A NameFormat of "" is left out, and means unspecified.
type Attribute struct {
	Name, NameFormat string
	Values           []string
}

// XML returns the assertion as it is at now, in UTF-8 and without an XML
// declaration. It is signed with RSA-SHA256 if there is a key, of at least 1024
// bits, and else unsigned. cert, if any, is the certificate of the key, in DER
// or PEM, and goes along with the signature. Random bits for an ID come from
// random, nil being crypto/rand.
//
// The error is a [*FieldError] unless it comes from random or from crypto/rsa.
func (a Assertion) XML(now time.Time, random io.Reader, key *rsa.PrivateKey, cert []byte) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	der, err := certificate(key, cert)
	if err != nil {
		return nil, err
	}
	if a.ID == "" {
		if a.ID, err = newID(random); err != nil {
			return nil, err
		}
	}
	now = now.UTC().Truncate(time.Second)
	head, rest := a.head(now), a.rest(now)
	if key == nil {
		return append(head, rest...), nil
	}
	// In the schema the signature stands between the issuer and the subject.
	sig, err := sign(a.ID, len(a.Attributes) > 0, head, rest, key, der)
	if err != nil {
		return nil, err
	}
	return append(append(head, sig...), rest...), nil
}

// newID makes an identifier of 128 random bits, what saml-core-2.0-os section
// 1.3.4 asks for. The underscore makes it an XML name whatever follows.
func newID(random io.Reader) (string, error) {
	if random == nil {
		random = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("saml: random bits for an ID: %w", err)
	}
	return "_" + hex.EncodeToString(b[:]), nil
}
