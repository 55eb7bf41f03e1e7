package webhook

import (
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// Use says what a secret is for. A scheme names the uses that it takes, so that a client
// secret is never compared with a token that merely travels in a URL.
type Use string

// The uses.
const (
	UseWebhook    Use = "webhook"    // the integration's webhook secret
	UseConnection Use = "connection" // the webhook secret of one connection
	UseClient     Use = "client"     // the application's client secret
)

// Secret is a candidate: a value that the provider may have signed with. The zero Secret
// signs nothing. It prints as "[secret]".
type Secret struct {
	use Use
	id  string
	// A pointer, so that fmt shows an address even for a Secret in somebody's unexported
	// field.
	value *string
}

// NewSecret returns a Secret. The ID is the caller's own and comes back as
// [Result.SecretID]; for a connection's secret it names the connection.
func NewSecret(use Use, id, value string) Secret { return Secret{use: use, id: id, value: &value} }

// Reveal returns the value.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether there is no value.
func (s Secret) IsZero() bool { return s.value == nil || len(*s.value) < 1 }

// String returns "[secret]".
func (s Secret) String() string { return redacted }

// Format writes "[secret]" whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[secret]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[secret]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
