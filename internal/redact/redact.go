// Package redact has the type of what must not be seen for packages that the root
// package imports, and so cannot have its Secret.
package redact

import (
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Secret holds what must not be seen. It prints as "[secret]" under fmt,
// log/slog and encoding/json. The zero Secret is the empty one.
type Secret struct {
	_ [0]func() // not comparable
	// A pointer, because fmt prints a string held by value in an unexported
	// field of somebody's struct.
	content *string
}

// New makes a Secret of s.
func New(s string) Secret {
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

// GobEncode fails: a Secret is sealed before it is stored.
func (s Secret) GobEncode() ([]byte, error) {
	return nil, errors.New("redact: a Secret cannot be encoded")
}
