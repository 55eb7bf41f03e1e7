package tieline

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/webhook"
)

// Webhook is what a provider sent to the webhook URL of an integration.
type Webhook struct {
	Integration string // its key
	Provider    string

	// Verified reports that whoever sent it had the secret or the key of the
	// provider. Where it is false, anybody may have sent it, and Reason says why
	// that could not be told: the provider signs nothing, or there is no secret to
	// check with, or nothing is known about how it signs.
	Verified bool
	Reason   string
	// BodySigned reports that the signature covers the body. A token that is sent
	// along does not: who sees one can send another body with it.
	BodySigned bool

	// ID is the provider's for the delivery, the same when it is sent again; empty
	// if it has none. Type says what happened, in the provider's words; empty if
	// that is not known.
	ID, Type string

	// Connections are those that it is about, without their captured values; none
	// if it names no connection that is there. One webhook can be about several.
	// They are claims like the rest of it when it is not verified.
	Connections []Connection

	// The request as it arrived. Body is at most [WebhookOptions.MaxBody] bytes, and
	// not decoded.
	Method     string
	Query      url.Values
	Header     http.Header
	Body       []byte
	ReceivedAt time.Time
}

// WebhookResponse is what the provider gets to see. The zero value is an empty
// answer with status 200.
type WebhookResponse struct {
	Status int // 200 to 599; 0 is 200
	Header http.Header
	Body   []byte

	// Keep keeps the webhook from being forwarded.
	Keep bool
}

// WebhookOptions say what becomes of webhooks. The zero value verifies and forwards
// them.
type WebhookOptions struct {
	// Receive gets every webhook that was not refused, verified or not, before it is
	// forwarded, and says what is answered. A webhook that it takes long for is sent
	// again by most providers, and every provider sends some twice: see
	// [Webhook.ID]. After an error, or a panic, the answer is 500, and nothing is
	// forwarded. Nil: 200.
	Receive func(context.Context, Webhook) (WebhookResponse, error)

	// ReceiveSecret gets the secret that a provider offers while a webhook is being
	// set up, as Asana and Notion do, and stores it if it is expected: whoever
	// knows the URL can offer one. After an error the answer is 403. Nil: no secret
	// is taken. It is only called while there is none.
	ReceiveSecret func(context.Context, Webhook, Secret) error

	// ForwardUnverified forwards also what could not be verified, marked as such.
	ForwardUnverified bool

	// MaxBody is the largest body in bytes, at most 32 MiB. A larger one is answered
	// with 413. 0: 5 MiB. The Store has to accept rows that are a third larger.
	MaxBody int64
}

const (
	defaultMaxBody = 5 << 20
	// maxVerified is what the verification looks at.
	maxVerified = webhook.MaxBody
)

// WebhookHandler takes the webhooks of all integrations, at the URLs that
// [Integrations.WebhookURL] gives: the last segment of the path is the
// integration's key. It verifies each on the bytes as they came, answers the
// provider's challenges, finds the connections that it is about, hands it to the
// application, and forwards it if the integration says so and [Config.Forward] says
// where to. It is only answered with 200 once all of that is done, so a webhook
// that is lost on the way is sent again by the provider.
//
// What is refused: 401 for a signature that is wrong, missing or too old, 404 for
// an unknown integration, 405 for methods other than GET, HEAD, POST and PUT, 413
// for a body that is too large, 503 while the provider's keys or the Store cannot
// be had. The application is told of none of these; they are logged.
//
// Behind a proxy, [Config.WebhookURL] must be set: some providers sign the URL that
// they call. The server should have read time-outs; the handler has none of its
// own.
func (m *Integrations) WebhookHandler(o WebhookOptions) http.Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	o.MaxBody = min(o.MaxBody, maxVerified)
	return &webhookHandler{core: m.core, options: o}
}
