package tieline

import (
	"context"
	"net/http"
)

type outgoingWebhook struct {
	dedup                             string
	integration, provider, connection string
	override                          string
	verified                          bool
	header                            http.Header
	contentType                       string
	payload                           []byte
}

func (c *core) forwards() bool { return false }

func (c *core) forward(context.Context, ...outgoingWebhook) error { return nil }
