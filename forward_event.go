package tieline

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// forwardEvent hands one of the Client's own events on. The operation that it is
// about does not wait for it, and Close does. An event is not written together with
// what it tells of, so that it is lost if the process ends in between.
func (c *core) forwardEvent(ctx context.Context, e Event) {
	if !c.forwards() || !c.forwarding.events[e.Type] {
		return
	}
	ctx = context.WithoutCancel(ctx)
	c.tasks.start(func() {
		// What a failed try has queued all the same is not doubled by the next one.
		mark, err := c.newToken()
		if err == nil {
			err = c.queueEvent(ctx, e, mark)
		}
		for wait := time.Second; err != nil && wait < time.Minute && c.flights.pause(wait); wait *= 4 {
			err = c.queueEvent(ctx, e, mark)
		}
		if err != nil {
			c.log.LogAttrs(ctx, slog.LevelError, "an event could not be stored to be forwarded",
				names(e.Integration, e.Connection, e.Provider, slog.String(keyEvent, string(e.Type)), errorAttr(translate(err)))...)
		}
	})
}

func (c *core) queueEvent(ctx context.Context, e Event, mark string) error {
	ctx, cancel := context.WithTimeout(ctx, c.policy.SaveTimeout)
	defer cancel()
	m := outgoingWebhook{dedup: mark, event: e.Type, integration: e.Integration, provider: e.Provider, connection: e.Connection}
	conn, err := c.eventConnection(ctx, e)
	if err != nil {
		return err
	}
	if conn != nil {
		m.override = conn.WebhookURL
	}
	if m.body, err = c.eventBody(e, conn); err != nil {
		return err
	}
	return c.queue(ctx, &m)
}

// eventConnection is the connection of an event, nil if there is none.
func (c *core) eventConnection(ctx context.Context, e Event) (*Connection, error) {
	if e.Integration == "" || e.Connection == "" {
		return nil, nil
	}
	s, err := c.findConnection(ctx, e.Integration, e.Connection)
	if err == nil {
		var conn Connection
		if conn, err = s.value(e.Integration, nil); err == nil {
			return &conn, nil
		}
	}
	if unreadable(err) || errors.Is(err, ErrInvalid) {
		return nil, nil
	}
	return nil, err
}
