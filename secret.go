package tieline

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Secret holds a value that must not be seen: a token, a password, a key. It
// prints as "[secret]" under fmt with every verb, log/slog, encoding/json,
// encoding.TextMarshaler and the template packages, and encoding/gob refuses
// it. [Secret.Reveal] is the only way to its content.
//
// The zero Secret is the empty one. Compare with [Secret.Equal]: == does not
// compile.
type Secret struct {
	_ [0]func() // not comparable
	// A pointer, because fmt cannot call methods on a Secret in somebody's
	// unexported field and would print a string held by value.
	content *string
}

// NewSecret makes a Secret of s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{content: &s}
}

// Reveal returns the content. Do not print it.
func (s Secret) Reveal() string {
	if s.content == nil {
		return ""
	}
	return *s.content
}

// IsZero reports whether the Secret is empty.
func (s Secret) IsZero() bool { return s.content == nil }

// Equal reports whether both hold the same, in time that depends on the
// lengths only.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns "[secret]".
func (s Secret) String() string { return redacted }

// GoString returns "[secret]".
func (s Secret) GoString() string { return redacted }

// Format writes "[secret]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[secret]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[secret]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON returns the JSON string "[secret]".
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// GobEncode fails: a Secret is stored by a [Client] or not at all.
func (s Secret) GobEncode() ([]byte, error) {
	return nil, errors.New("tieline: a Secret cannot be encoded")
}
