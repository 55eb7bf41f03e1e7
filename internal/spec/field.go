package spec

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"unicode"
)

// Field describes one value that a person or the application supplies: a
// subdomain, an API key. All values are strings.
type Field struct {
	Name string `yaml:"-" json:"-"`

	Type         string            `yaml:"type" json:"type,omitempty"` // always "string"
	Title        string            `yaml:"title" json:"title,omitempty"`
	Description  string            `yaml:"description" json:"description,omitempty"`
	Example      string            `yaml:"example" json:"example,omitempty"`
	Pattern      string            `yaml:"pattern" json:"pattern,omitempty"`
	Format       string            `yaml:"format" json:"format,omitempty"` // hostname, uri, uuid or email
	Enum         []string          `yaml:"enum" json:"enum,omitempty"`
	Optional     bool              `yaml:"optional" json:"optional,omitempty"`
	DefaultValue *string           `yaml:"default_value" json:"default_value,omitempty"`
	Hidden       bool              `yaml:"hidden" json:"hidden,omitempty"`
	Automated    bool              `yaml:"automated" json:"automated,omitempty"`
	Secret       *bool             `yaml:"secret" json:"secret,omitempty"`
	Order        *int64            `yaml:"order" json:"order,omitempty"`
	Prefix       string            `yaml:"prefix" json:"prefix,omitempty"`
	Suffix       string            `yaml:"suffix" json:"suffix,omitempty"`
	DocSection   string            `yaml:"doc_section" json:"doc_section,omitempty"`
	VisibleWhen  *VisibleWhen      `yaml:"visible_when" json:"visible_when,omitempty"`
	Warnings     map[string]string `yaml:"warnings" json:"warnings,omitempty"`

	// Source is Tieline's own key: where the value of an automated field comes
	// from. "token_response:PATH", "callback:NAME", "webhook:PATH",
	// "application" or "discovery".
	Source string `yaml:"source" json:"source,omitempty"`

	// keepPrefix and keepSuffix say that the value is wanted with what the form
	// shows before or after it, see affixes.
	keepPrefix, keepSuffix bool
}

// VisibleWhen makes a field depend on the value of another.
type VisibleWhen struct {
	Field  string `yaml:"field" json:"field,omitempty"`
	Equals string `yaml:"equals" json:"equals,omitempty"`
}

// Fields are the fields of a form, in the order in which they were written.
// In a file they are an object from names to fields.
type Fields []Field

// Get returns the field called name.
func (fs Fields) Get(name string) (Field, bool) {
	for _, f := range fs {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Ordered returns the fields as a form shows them: those with an order by that,
// then the others as written.
func (fs Fields) Ordered() Fields {
	out := slices.Clone(fs)
	slices.SortStableFunc(out, func(a, b Field) int {
		switch {
		case a.Order == nil && b.Order == nil:
			return 0
		case a.Order == nil:
			return 1
		case b.Order == nil:
			return -1
		}
		return cmp.Compare(*a.Order, *b.Order)
	})
	return out
}

// IsSecret reports whether the value must be kept like a password: the field
// says so, or says nothing and has the name of a secret.
func (f Field) IsSecret() bool {
	if f.Secret != nil {
		return *f.Secret
	}
	return LooksSecret(f.Name)
}

// Required reports whether a value must be given: nothing else supplies it, and
// a form asks for it.
func (f Field) Required() bool {
	return !f.Optional && !f.Automated && !f.Hidden && f.DefaultValue == nil
}

// secretWords are what gives a secret away in the name of a field, written as
// [LooksSecret] reads names.
var secretWords = []string{
	"password", "passwd", "passphrase", "passcode", "secret", "token", "jwt", "privatekey", "apikey", "appkey", "accesskey",
	"applicationkey", "signingkey", "subscriptionkey", "authkey", "encryptionkey", "masterkey", "sharedkey", "servicekey", "licensekey", "credential",
}

// notSecretEndings are the ends of names that speak of a secret without being
// one: its identifier, its place.
var notSecretEndings = []string{
	"id", "url", "uri", "host", "hostname", "domain", "endpoint", "type", "name", "path", "param", "label", "placement", "expiry", "expiration",
	"expiresin", "lifetime", "method", "scope", "scopes", "algorithm", "encoding", "format", "template",
}

// LooksSecret reports whether a field of this name holds a secret, as far as
// the name tells: "apiKey", "client_secret", "staffUserToken", but not
// "tokenUrl" or "privateKeyId".
func LooksSecret(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if strings.ContainsRune("_-. ", r) {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
	for _, end := range notSecretEndings {
		if strings.HasSuffix(plain, end) {
			return false
		}
	}
	for _, word := range secretWords {
		if strings.Contains(plain, word) {
			return true
		}
	}
	return false
}

// MarshalJSON writes the fields as an object, in order.
func (fs Fields) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	buf.WriteByte('{')
	for i, f := range fs {
		if i > 0 {
			buf.WriteByte(',')
		}
		if err := enc.Encode(f.Name); err != nil {
			return nil, err
		}
		buf.WriteByte(':')
		if err := enc.Encode(f); err != nil {
			return nil, err
		}
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// UnmarshalJSON reads an object from names to fields, keeping its order.
func (fs *Fields) UnmarshalJSON(data []byte) error { return readJSON(string(data), fs) }
