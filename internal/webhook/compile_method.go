package webhook

import (
	"cmp"
	"crypto/sha1" //nolint:gosec // what some providers sign with
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strings"
	"time"
)

// standardTolerance is that of the reference implementations of Standard Webhooks.
const standardTolerance = "5m"

// methods compiles one method, or the two that kind standard stands for.
func (c *compiler) methods(key string, raw Method) []*method {
	if raw.Kind != KindStandard {
		return []*method{c.method(key, raw)}
	}
	if raw.Header+raw.Text+raw.ID+raw.Prefix+raw.List+raw.Algorithm+raw.Encoding+raw.SecretEncoding != "" || raw.Timestamp != nil {
		c.report(key+".kind", "standard says everything but the secrets itself")
	}
	var list []*method
	for _, family := range []string{"webhook", "svix"} {
		m := raw
		m.Name = cmp.Or(raw.Name, KindStandard)
		m.Kind = KindHMAC
		m.Header, m.ID = family+"-signature", family+"-id"
		m.List, m.Prefix, m.Encoding, m.SecretEncoding = " ", "v1,", "base64", "whsec"
		m.Text = "${id}.${timestamp}.${body}"
		m.Timestamp = &Timestamp{Header: family + "-timestamp", Tolerance: standardTolerance}
		list = append(list, c.method(key, m))
	}
	return list
}

func (c *compiler) method(key string, raw Method) *method {
	m := &method{
		name: cmp.Or(raw.Name, raw.Kind), kind: raw.Kind, when: raw.When, secretForm: raw.SecretEncoding,
		place:  Place{Header: raw.Header, Query: raw.Query, Body: raw.Body},
		prefix: raw.Prefix, list: raw.List, id: raw.ID,
		keySet: raw.KeySet, keyID: raw.KeyID, signingKey: raw.SigningKey,
	}
	c.choice(key+".kind", raw.Kind, KindHMAC, KindHash, KindStandard, KindPublicKey, KindJWT, KindToken, KindURLSecret, KindNone)
	c.header(key+".header", raw.Header)
	c.header(key+".id", raw.ID)
	if raw.SecretEncoding != "" {
		c.choice(key+".secret_encoding", raw.SecretEncoding, "text", "base64", "hex", "whsec", "sha256")
	}
	if raw.When != nil {
		c.exactly(key+".when", "equals and prefix", raw.When.Equals, raw.When.Prefix)
		if !validHeader(raw.When.Header) {
			c.report(key+".when.header", "this is not the name of a header")
		}
	}
	m.uses = c.uses(key+".secrets", raw.Secrets)
	switch raw.Kind {
	case KindHMAC, KindHash, KindPublicKey:
		c.signature(key, raw, m)
	case KindJWT:
		c.jwt(key, raw, m)
	case KindToken:
		c.exactly(key, "header, query and body", raw.Header, raw.Query, raw.Body)
	case KindURLSecret:
		m.inPath = raw.Query == ""
		if raw.Header != "" || raw.Body != "" {
			c.report(key, "the secret is in the URL: query names its parameter, or it is the last part of the path")
		}
	}
	if raw.JWT != nil && raw.Kind != KindJWT {
		c.report(key+".jwt", "only kind jwt has claims")
	}
	if raw.KeySet != "" && raw.Kind != KindJWT && raw.Kind != KindPublicKey {
		c.report(key+".key_set", "only kinds jwt and public_key have one")
	}
	return m
}

// signature compiles what hmac, hash and public_key have in common.
func (c *compiler) signature(key string, raw Method, m *method) {
	if raw.Header == "" {
		c.report(key+".header", "nothing says which header has the signature")
	}
	if raw.Query != "" || raw.Body != "" {
		c.report(key, "a signature is in a header")
	}
	m.decode = decoder(raw.Encoding)
	if raw.Encoding != "" {
		c.choice(key+".encoding", raw.Encoding, "hex", "base64", "base64url")
	}
	parts, wrong := parseText(cmp.Or(raw.Text, "${body}"), knownInText)
	if wrong != "" {
		c.report(key+".text", wrong)
	}
	m.text, m.bodySigned = parts, has(parts, "body")
	if !m.bodySigned {
		c.report(key+".text", "without ${body} the signature says nothing about the body")
	}
	if has(parts, "secret") != (raw.Kind == KindHash) {
		c.report(key+".text", "${secret} belongs into the text of kind hash, and into no other")
	}
	if has(parts, "id") != (raw.ID != "") {
		c.report(key+".id", "id and ${id} go together")
	}
	m.timestamp = c.timestamp(key+".timestamp", raw, parts)
	if raw.Kind == KindPublicKey {
		c.publicKeys(key, raw, m)
		return
	}
	m.newHash = map[string]func() hash.Hash{"": sha256.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New}[raw.Algorithm]
	if m.newHash == nil {
		c.report(key+".algorithm", "it is one of sha1, sha256, sha512")
	}
	if k := raw.SigningKey; k != nil {
		if len(k.From) == 0 || len(k.Hosts) == 0 || k.Field == "" {
			c.report(key+".signing_key", "from, hosts and field are needed")
		}
		for i, p := range k.From {
			c.place(fmt.Sprintf("%s.signing_key.from.%d", key, i), p)
		}
		for i, host := range k.Hosts {
			if strings.Trim(host, ".") == "" || strings.ContainsAny(host, "*/:@") || host != strings.ToLower(host) {
				c.report(fmt.Sprintf("%s.signing_key.hosts.%d", key, i), "this is not a host name in lower case")
			}
		}
	}
}

// timestamp compiles when a delivery was signed. A moment that is not signed itself can be
// changed by whoever replays the delivery.
func (c *compiler) timestamp(key string, raw Method, text []part) *timestamp {
	t := raw.Timestamp
	if t == nil {
		if has(text, "timestamp") {
			c.report(key, "nothing says where ${timestamp} is")
		}
		return nil
	}
	c.exactly(key, "header, prefix and body", t.Header, t.Prefix, t.Body)
	c.header(key+".header", t.Header)
	if t.Unit != "" {
		c.choice(key+".unit", t.Unit, "s", "ms", "rfc3339")
	}
	if t.Prefix != "" && (raw.List == "" || t.Prefix == raw.Prefix) {
		c.report(key+".prefix", "the entries of the list have to differ")
	}
	if t.Body == "" && !has(text, "timestamp") {
		c.report(key, "the timestamp is not signed: ${timestamp} is missing in the text")
	}
	tolerance, err := time.ParseDuration(t.Tolerance)
	if err != nil || tolerance <= 0 {
		c.report(key+".tolerance", "it is a duration such as 5m")
	}
	return &timestamp{Timestamp: *t, tolerance: tolerance}
}

func (c *compiler) publicKeys(key string, raw Method, m *method) {
	m.algorithm = raw.Algorithm
	c.choice(key+".algorithm", raw.Algorithm, "rsa_sha256", "ecdsa_sha256", "ed25519")
	for i, text := range raw.PublicKeys {
		k := parsePublicKey(text)
		if k == nil {
			c.report(fmt.Sprintf("%s.public_keys.%d", key, i), "this is not a public key that can be used")
		}
		m.keys = append(m.keys, k)
	}
	if raw.KeySet != "" {
		c.keySet(key, raw.KeySet)
		if len(raw.PublicKeys) > 0 || !validHeader(raw.KeyID) {
			c.report(key+".key_set", "with a key set there is a header with the key ID, and no other keys")
		}
	}
}

func (c *compiler) keySet(key, text string) {
	if u, err := url.Parse(text); err != nil || u.Scheme != "https" || u.Host == "" {
		c.report(key+".key_set", "this is not an https URL")
	}
}

func (c *compiler) jwt(key string, raw Method, m *method) {
	if raw.Header == "" {
		c.report(key+".header", "nothing says which header has the token")
	}
	if raw.JWT == nil {
		c.report(key+".jwt", "nothing says what the token has to claim")
		return
	}
	j := &jwtRule{algorithms: raw.JWT.Algorithms, issuers: raw.JWT.Issuers, leeway: defaultLeeway, claims: make(map[string][]part)}
	known := []string{"HS256", "HS512"}
	if raw.KeySet != "" {
		c.keySet(key, raw.KeySet)
		known = []string{"RS256", "ES256", "EdDSA"}
		// Everybody with an account at the provider can have it sign a token of some kind.
		if len(raw.JWT.Issuers) == 0 || len(raw.JWT.Audiences) == 0 {
			c.report(key+".jwt", "with a key set, issuers and audiences are needed")
		}
	}
	if len(j.algorithms) == 0 || slices.ContainsFunc(j.algorithms, func(a string) bool { return !slices.Contains(known, a) }) {
		c.report(key+".jwt.algorithms", "it is some of "+strings.Join(known, ", "))
	}
	if raw.JWT.Leeway != "" {
		leeway, err := time.ParseDuration(raw.JWT.Leeway)
		if err != nil || leeway < 0 {
			c.report(key+".jwt.leeway", "it is a duration such as 60s")
		}
		j.leeway = leeway
	}
	for i, text := range raw.JWT.Audiences {
		parts, wrong := parseText(text, knownInJWT)
		if wrong != "" || text == "" {
			c.report(fmt.Sprintf("%s.jwt.audiences.%d", key, i), cmp.Or(wrong, "it is empty"))
		}
		j.audiences = append(j.audiences, parts)
	}
	for name, text := range raw.JWT.Claims {
		parts, wrong := parseText(text, knownInJWT)
		if wrong != "" || text == "" {
			c.report(key+".jwt.claims."+name, cmp.Or(wrong, "it is empty"))
		}
		j.claims[name] = parts
	}
	m.jwt = j
}
