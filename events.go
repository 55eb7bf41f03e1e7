package tieline

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"
)

// EventType says what happened to a connection.
type EventType string

// The events.
const (
	// EventConnected: a new connection was stored.
	EventConnected EventType = "connection.created"
	// EventReconnected: an existing connection got a new grant or credential.
	EventReconnected EventType = "connection.reconnected"
	// EventDisconnected: a connection was deleted.
	EventDisconnected EventType = "connection.deleted"
	// EventConnectFailed: an authorization came back refused, or its code could
	// not be exchanged, or a credential was not accepted. Err says why.
	EventConnectFailed EventType = "connection.failed"
	// EventInstallationUnconfirmed: a connection was made of a webhook and stored,
	// but the provider did not accept to be told so. Err says why. It is not tried
	// again: the call is for the application to repeat, with the connection's
	// credential, lest the provider takes the installation for unfinished.
	EventInstallationUnconfirmed EventType = "connection.installation_unconfirmed"
	// EventRefreshed: a new credential was obtained and stored.
	EventRefreshed EventType = "connection.refreshed"
	// EventRefreshFailed: an attempt to refresh failed and will be repeated. Err
	// says why. The credential in use may well be valid for a while yet.
	EventRefreshFailed EventType = "connection.refresh_failed"
	// EventReauthRequired: the provider refuses the grant, or a credential that was
	// tried out with [Connections.Verify]. The user has to authorize again. It comes
	// once per connection. Err is a [*RefreshError],
	// whose Failure has the code "lost_rotation" if the grant was probably not
	// revoked but lost between the provider and the Store.
	EventReauthRequired EventType = "connection.reauth_required"
	// EventVerified: a credential for which there was an EventReauthRequired was
	// tried out again, and the provider accepts it.
	EventVerified EventType = "connection.verified"
	// EventUnsaved: a new token is in use but could not be stored yet. It is
	// lost if the process ends before [EventRefreshed] follows, unless there is
	// a [Journal] that has it.
	EventUnsaved EventType = "connection.unsaved"
	// EventScopeChanged: the provider granted other scopes than before.
	EventScopeChanged EventType = "connection.scope_changed"
	// EventTakenOver: another process began to refresh the connection and was
	// not heard of again, so this one goes on. It may have crashed.
	EventTakenOver EventType = "connection.taken_over"
	// EventIntegrationRefused: the provider refuses the application itself, as
	// after its secret was replaced. Connection is the one that found out; no
	// connection of the integration is refreshed until the provider accepts the
	// application again, which is tried every few minutes and after every edit
	// of the integration. It comes once per process and refusal.
	EventIntegrationRefused EventType = "integration.refused"
	// EventIntegrationAccepted: the provider accepts the application again.
	EventIntegrationAccepted EventType = "integration.accepted"
	// EventForwardFailed: a webhook or an event is not sent to its receiver any more,
	// as [Forward] says. Err is a [*ForwardError]; [Forwards] has the message for 30
	// days.
	EventForwardFailed EventType = "forward.failed"
)

// Event tells the host application what happened. It holds no secret.
type Event struct {
	Type        EventType
	Time        time.Time
	Integration string // its key
	Connection  string // its ID
	Provider    string
	Err         error // nil unless the event is a failure
}

// LogValue shows the fields without the cause of a failure.
func (e Event) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("type", string(e.Type)),
		slog.String("integration", e.Integration),
		slog.String("connection", e.Connection),
		slog.String("provider", e.Provider),
	)
}

// emit logs the event and hands it to the application. What the application
// does with it, a panic included, must not disturb the operation it is about.
func (c *core) emit(ctx context.Context, e Event) {
	e.Time = c.now().UTC()
	level := slog.LevelInfo
	attrs := append([]slog.Attr{slog.String(keyEvent, string(e.Type))}, names(e.Integration, e.Connection, e.Provider)...)
	if e.Err != nil {
		level = slog.LevelWarn
		attrs = append(attrs, failureAttrs(e.Err)...)
	}
	c.log.LogAttrs(ctx, level, string(e.Type), attrs...)
	c.forwardEvent(ctx, e)
	if c.onEvent == nil {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			// The value may hold anything; its type and the stack may not.
			c.log.LogAttrs(ctx, slog.LevelError, "OnEvent panicked", slog.String(keyStack, string(debug.Stack())))
		}
	}()
	c.onEvent(ctx, e)
}
