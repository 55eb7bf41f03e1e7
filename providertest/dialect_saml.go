package providertest

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// checkSAML checks a SAML 2.0 bearer assertion (RFC 7522) against the entry's
// assertion: who, for whom, until when, and the signature.
func (d *Dialect) checkSAML(text string) []string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		if raw, err = base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "=")); err != nil {
			return []string{"the SAML assertion is no base64"}
		}
	}
	root, err := parseXML(raw)
	if err != nil || root.local != "Assertion" {
		return []string{"the SAML assertion is no XML of one Assertion"}
	}
	v := d.newView(nil, nil)
	var bad []string
	same := func(what, key, got string) {
		template := textOf(dig(d.entry, "assertion", key))
		if template == "" {
			return
		}
		v.learn(template, got, false)
		if p := v.compare(template, got, false); p != "" {
			bad = append(bad, "the SAML "+what+" "+p)
		}
	}
	confirmation := root.at("Subject", "SubjectConfirmation", "SubjectConfirmationData")
	same("Issuer", "issuer", root.child("Issuer").content())
	same("Audience", "audiences", root.at("Conditions", "AudienceRestriction", "Audience").content())
	same("NameID", "nameIdentifier", root.at("Subject", "NameID").content())
	same("Recipient", "recipient", confirmation.attr("Recipient"))
	same("SessionIndex", "sessionIndex", root.child("AuthnStatement").attr("SessionIndex"))
	bad = append(bad, v.finish()...)
	bad = append(bad, d.samlAttributes(v, root)...)
	bad = append(bad, d.samlTimes(root, confirmation)...)
	key, _, _ := v.want(textOf(dig(d.entry, "assertion", "key")), false)
	return append(bad, samlSignature(root, publicOf(key))...)
}

func (d *Dialect) samlAttributes(v *view, root *xmlNode) []string {
	got := map[string]string{}
	for _, a := range root.child("AttributeStatement").kids() {
		if a.local == "Attribute" {
			got[a.attr("Name")] = a.child("AttributeValue").content()
		}
	}
	var bad []string
	want := templateMap(dig(d.entry, "assertion", "attributes"))
	for _, name := range sortedKeys(want) {
		if p := v.compare(want[name], got[name], false); p != "" {
			bad = append(bad, "the SAML attribute "+name+" "+p)
		}
	}
	for _, name := range sortedKeys(got) {
		if _, ok := want[name]; !ok {
			bad = append(bad, "the SAML attribute "+name+" is not asked for")
		}
	}
	return bad
}

func (d *Dialect) samlTimes(root, confirmation *xmlNode) []string {
	life := 5 * time.Minute
	if n, ok := numberOf(dig(d.entry, "assertion", "lifetimeInSeconds")); ok {
		life = time.Duration(n) * time.Second
	}
	issued, err1 := time.Parse(time.RFC3339, root.attr("IssueInstant"))
	end, err2 := time.Parse(time.RFC3339, cmp.Or(root.child("Conditions").attr("NotOnOrAfter"), confirmation.attr("NotOnOrAfter")))
	if err1 != nil || err2 != nil {
		return []string{"the SAML assertion has no IssueInstant or no NotOnOrAfter"}
	}
	var bad []string
	if issued.After(d.now().Add(clockSkew)) || !end.After(d.now()) {
		bad = append(bad, fmt.Sprintf("the SAML assertion is good from %s to %s, and it is %s", issued, end, d.now().UTC()))
	}
	if got := end.Sub(issued); got < life-clockSkew || got > life+clockSkew {
		bad = append(bad, fmt.Sprintf("the SAML assertion lives for %s, want %s", got, life))
	}
	return bad
}

const (
	algExclusive = "http://www.w3.org/2001/10/xml-exc-c14n#"
	algEnveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	algRSA       = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	algSHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
)

// samlSignature verifies an enveloped XML signature (XML Signature 1.1) of the
// assertion itself, and that it stands behind the Issuer, as the schema asks.
func samlSignature(root *xmlNode, public any) []string {
	sig := root.child("Signature")
	key, ok := public.(*rsa.PublicKey)
	if sig == nil || !ok {
		return []string{"the SAML assertion has no signature"}
	}
	info := sig.child("SignedInfo")
	ref := info.child("Reference")
	var bad []string
	algorithms := []string{
		info.child("CanonicalizationMethod").attr("Algorithm"), algExclusive,
		info.child("SignatureMethod").attr("Algorithm"), algRSA,
		ref.child("DigestMethod").attr("Algorithm"), algSHA256,
	}
	for _, t := range ref.child("Transforms").kids() {
		if t.local == "Transform" {
			algorithms = append(algorithms, t.attr("Algorithm"), map[bool]string{true: algEnveloped, false: algExclusive}[t.attr("Algorithm") == algEnveloped])
		}
	}
	for i := 0; i < len(algorithms); i += 2 {
		if algorithms[i] != algorithms[i+1] {
			bad = append(bad, fmt.Sprintf("the SAML signature uses %q, want %q", algorithms[i], algorithms[i+1]))
		}
	}
	if id := root.attr("ID"); id == "" || ref.attr("URI") != "#"+id {
		bad = append(bad, "the SAML signature is of something else than the assertion")
	}
	order := elementNames(root)
	if i := slices.Index(order, "Signature"); i != 1 || order[0] != "Issuer" {
		bad = append(bad, "the SAML signature does not stand behind the Issuer")
	}
	digest := sha256.Sum256([]byte(canonical(root, nil, sig, inclusive(ref))))
	if base64.StdEncoding.EncodeToString(digest[:]) != ref.child("DigestValue").content() {
		bad = append(bad, "the digest of the SAML assertion is wrong")
	}
	spaces := maps.Clone(root.spaces)
	maps.Copy(spaces, sig.spaces)
	sum := sha256.Sum256([]byte(canonical(info, spaces, nil, nil)))
	value, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(sig.child("SignatureValue").content()), ""))
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], value) != nil {
		bad = append(bad, "the signature of the SAML assertion is wrong")
	}
	return bad
}

func elementNames(n *xmlNode) []string {
	var out []string
	for _, c := range n.children {
		if c.text == "" {
			out = append(out, c.local)
		}
	}
	return out
}

// canonical writes an element in Exclusive XML Canonicalization 1.0, without the
// element leave. Spaces are the namespaces in scope around it; those of the
// prefixes in also are written whether they are used or not.
func canonical(n *xmlNode, spaces map[string]string, leave *xmlNode, also []string) string {
	var b strings.Builder
	writeCanonical(&b, n, spaces, map[string]string{}, leave, also)
	return b.String()
}

// inclusive are the prefixes that the canonicalization of a reference is told to
// keep, because they are used in values.
func inclusive(ref *xmlNode) []string {
	for _, t := range ref.child("Transforms").kids() {
		if list := t.child("InclusiveNamespaces"); list != nil {
			return strings.Fields(list.attr("PrefixList"))
		}
	}
	return nil
}

func writeCanonical(b *strings.Builder, n *xmlNode, scope, rendered map[string]string, leave *xmlNode, also []string) {
	if n.text != "" {
		b.WriteString(strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;").Replace(n.text))
		return
	}
	scope = merged(scope, n.spaces)
	name := n.local
	if n.prefix != "" {
		name = n.prefix + ":" + n.local
	}
	b.WriteString("<" + name)
	used := map[string]bool{n.prefix: true}
	for _, a := range n.attrs {
		if a.prefix != "" && a.prefix != "xml" {
			used[a.prefix] = true
		}
	}
	for _, p := range also {
		if scope[p] != "" {
			used[p] = true
		}
	}
	rendered = maps.Clone(rendered)
	for _, p := range sortedKeys(used) {
		uri := scope[p]
		if rendered[p] == uri {
			continue // declared further out, or the empty default that needs none
		}
		rendered[p] = uri
		if p == "" {
			b.WriteString(` xmlns="` + attrText(uri) + `"`)
		} else {
			b.WriteString(` xmlns:` + p + `="` + attrText(uri) + `"`)
		}
	}
	attrs := slices.Clone(n.attrs)
	slices.SortFunc(attrs, func(x, y xmlAttr) int {
		space := func(a xmlAttr) string {
			if a.prefix == "" {
				return ""
			}
			return scope[a.prefix]
		}
		return cmp.Or(cmp.Compare(space(x), space(y)), cmp.Compare(x.local, y.local))
	})
	for _, a := range attrs {
		full := a.local
		if a.prefix != "" {
			full = a.prefix + ":" + a.local
		}
		b.WriteString(" " + full + `="` + attrText(a.value) + `"`)
	}
	b.WriteString(">")
	for _, c := range n.children {
		if c != leave {
			writeCanonical(b, c, scope, rendered, leave, also)
		}
	}
	b.WriteString("</" + name + ">")
}

func attrText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;").Replace(s)
}

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, b)
	return out
}
