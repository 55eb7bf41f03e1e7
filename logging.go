package tieline

import (
	"errors"
	"log/slog"
)

// The keys of everything that is logged. They and their meaning stay; which records
// there are, and their messages, may change. docs/observability.md lists them, and a
// test reads the list.
const (
	keyEvent       = "event"       // the EventType
	keyIntegration = "integration" // its key
	keyConnection  = "connection"  // its ID
	keyProvider    = "provider"
	keyRow         = "row"        // the ID of a row, where its names are not known
	keyWebhook     = "webhook_id" // the webhook-id of what is forwarded
	keyError       = "error"      // the text of an error, which has no secret in it
	keyClass       = "class"      // the ErrorClass of a failure at the provider
	keyCode        = "code"       // the code of such a failure
	keyStatus      = "status"     // of the answer to a request that was refused
	keyCount       = "count"      // of what the message is about
	keyStack       = "stack"      // of a panic; never its value
)

// attrs name the connection in a record, before more.
func (s *Subject) attrs(more ...slog.Attr) []slog.Attr {
	return names(s.key, s.id, s.provider.Name, more...)
}

// names are those that are known, and more.
func names(integration, connection, provider string, more ...slog.Attr) []slog.Attr {
	out := make([]slog.Attr, 0, 3+len(more))
	for _, a := range []slog.Attr{slog.String(keyIntegration, integration), slog.String(keyConnection, connection), slog.String(keyProvider, provider)} {
		if a.Value.String() != "" {
			out = append(out, a)
		}
	}
	return append(out, more...)
}

// errorAttr is an error in the log. err is not nil.
func errorAttr(err error) slog.Attr { return slog.String(keyError, err.Error()) }

// failureAttrs are an error, and what is known of its kind.
func failureAttrs(err error) []slog.Attr {
	out := []slog.Attr{errorAttr(err)}
	var class ErrorClass
	var code string
	var token *TokenError
	var refresh *RefreshError
	switch {
	case errors.As(err, &refresh):
		class, code = refresh.Failure.Class, refresh.Failure.Code
	case errors.As(err, &token):
		class, code = token.Class, token.Code
	}
	if class != "" {
		out = append(out, slog.String(keyClass, string(class)))
	}
	if code != "" {
		out = append(out, slog.String(keyCode, code))
	}
	return out
}
