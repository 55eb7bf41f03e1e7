package webhook

import "github.com/tieline/tieline/internal/redact"

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
	redact.Secret
	use Use
	id  string
}

// NewSecret returns a Secret. The ID is the caller's own and comes back as
// [Result.SecretID]; for a connection's secret it names the connection.
func NewSecret(use Use, id, value string) Secret {
	return Secret{Secret: redact.New(value), use: use, id: id}
}
