package saml

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// The algorithms: XML Signature sections 6.4.2 and 6.6.4, RFC 9231 section
// 2.3.2, and Exclusive XML Canonicalization.
const (
	algC14N      = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
	algRSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
)

// sign returns the ds:Signature element that stands between head and rest and
// covers both. cert, in DER, may be nil.
func sign(id string, typed bool, head, rest []byte, key *rsa.PrivateKey, cert []byte) ([]byte, error) {
	h := sha256.New()
	h.Write(head)
	h.Write(rest)
	info := signedInfo(id, typed, h.Sum(nil))

	// What is signed is canonicalized as a document of its own, and so declares
	// the prefix. In the assertion the element around it does.
	var alone writer
	alone.open("ds:SignedInfo", attr{"xmlns:ds", nsDSig})
	digest := sha256.Sum256(append(alone.b, info...))
	// This scheme needs no randomness.
	value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
	if err != nil {
		return nil, fmt.Errorf("saml: sign: %w", err)
	}

	var w writer
	w.open("ds:Signature", attr{"xmlns:ds", nsDSig})
	w.open("ds:SignedInfo")
	w.b = append(w.b, info...)
	w.leaf("ds:SignatureValue", base64.StdEncoding.EncodeToString(value))
	if cert != nil {
		w.open("ds:KeyInfo")
		w.open("ds:X509Data")
		w.leaf("ds:X509Certificate", base64.StdEncoding.EncodeToString(cert))
		w.close("ds:X509Data")
		w.close("ds:KeyInfo")
	}
	w.close("ds:Signature")
	return w.b, nil
}

// signedInfo returns the ds:SignedInfo element without its start tag.
func signedInfo(id string, typed bool, digest []byte) []byte {
	var w writer
	empty := func(name, algorithm string) { w.leaf(name, "", attr{"Algorithm", algorithm}) }
	empty("ds:CanonicalizationMethod", algC14N)
	empty("ds:SignatureMethod", algRSASHA256)
	w.open("ds:Reference", attr{"URI", "#" + id})
	w.open("ds:Transforms")
	empty("ds:Transform", algEnveloped)
	w.open("ds:Transform", attr{"Algorithm", algC14N})
	if typed {
		// The prefix in xsi:type="xs:string" is inside a value, where exclusive
		// canonicalization does not see it. It would drop the declaration, and
		// leave it unprotected, were the prefix not named here.
		w.leaf("ec:InclusiveNamespaces", "", attr{"xmlns:ec", algC14N}, attr{"PrefixList", "xs"})
	}
	w.close("ds:Transform")
	w.close("ds:Transforms")
	empty("ds:DigestMethod", algSHA256)
	w.leaf("ds:DigestValue", base64.StdEncoding.EncodeToString(digest))
	w.close("ds:Reference")
	w.close("ds:SignedInfo")
	return w.b
}
