package spec

import (
	"cmp"
	"slices"

	"github.com/tieline/tieline/internal/template"
)

// RawTokenSignature is the token_signature key as written; see [TokenSignature].
type RawTokenSignature struct {
	Header    string `yaml:"header" json:"header,omitempty"`
	Text      string `yaml:"text" json:"text,omitempty"`
	Algorithm string `yaml:"algorithm" json:"algorithm,omitempty"`
	Encoding  string `yaml:"encoding" json:"encoding,omitempty"`
	Headers   Map    `yaml:"headers" json:"headers,omitempty"`
}

// TokenSignature says how token requests and refreshes are signed with the
// application's secret.
type TokenSignature struct {
	Header    string         // that has the signature
	Text      *template.Text // what is signed; it knows ${body}
	Algorithm string         // hmac_sha1, hmac_sha256 or hmac_sha512
	Encoding  string         // hex or base64
	// Headers are expanded together with Text, so that a moment is the same in both.
	Headers []Param
}

// tokenSignature compiles the token_signature key.
func (c *checker) tokenSignature(e *Entry) {
	raw := c.p.TokenSignature
	if raw == nil {
		return
	}
	const path = "token_signature"
	switch {
	case raw.Header == "":
		c.reject(path, "missing-key", "nothing says which header has the signature: header")
	case !validHeaderName(raw.Header):
		c.reject(path+".header", "header-name", "this is not the name of a header")
	}
	if raw.Text == "" {
		c.reject(path, "missing-key", "nothing says what is signed: text")
	}
	e.TokenSignature = &TokenSignature{
		Header:    raw.Header,
		Text:      c.optionalText(path+".text", raw.Text, atSignature),
		Algorithm: cmp.Or(raw.Algorithm, "hmac_sha256"),
		Encoding:  cmp.Or(raw.Encoding, "hex"),
		Headers:   c.headers(path+".headers", raw.Headers, atToken),
	}
}

// signatureKeys checks the token_signature key.
func (c *checker) signatureKeys() {
	raw := c.p.TokenSignature
	if raw == nil {
		return
	}
	c.choice(Rejected, "token_signature.algorithm", raw.Algorithm, "hmac_sha1", "hmac_sha256", "hmac_sha512")
	c.choice(Rejected, "token_signature.encoding", raw.Encoding, "hex", "base64")
	text, err := template.Compile(raw.Text, template.Options{})
	if err == nil && raw.Text != "" && !slices.Contains(text.Refs(), template.Ref{Name: "body"}) {
		c.doubt("token_signature.text", "no-effect", "without ${body} the signature says nothing about the request")
	}
}
