package tieline

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/tieline/tieline/store"
)

// How forwarding works. A message is one row for each of its receivers. It is written
// before the webhook that it is made of is acknowledged, and deleted after its
// receiver has answered 2xx; in between, Due is when it is sent next. Whoever sends a
// message claims it first: a compare-and-swap that moves Due past the longest that an
// attempt takes, so that nobody else finds it due. A process that dies leaves a row
// that comes due again. So every message is sent at least once, and twice only if a
// process dies between the answer and the deletion, or is slower than the claim lasts.
//
// The process that queues a message writes its row as claimed and sends it at once,
// if it is not busy with others to the same receiver. All else is up to Run, which
// finds it by looking, or is woken (forward_wake.go).

// forwardType is the type of a webhook that is handed on.
const forwardType = "forward"

// outgoingWebhook is one message to hand on.
type outgoingWebhook struct {
	// dedup is equal for repeated deliveries of the same thing; "" means always new.
	dedup string

	integration, provider, connection string // key, name, ID; "" = none matched

	override string // Connection.WebhookURL, "" = the configured ones

	// Of a webhook: whether it was verified, the headers of the request as they came,
	// its Content-Type and its raw body.
	verified    bool
	header      http.Header
	contentType string
	payload     []byte

	// Of an event of the Client's own: what it is, and the body in place of payload.
	event EventType
	body  []byte
}

func (m *outgoingWebhook) kind() string {
	if m.event != "" {
		return string(m.event)
	}
	return forwardType
}

// forwards says whether anything can be forwarded.
func (c *core) forwards() bool { return len(c.forwarding.keys) > 0 }

// forward returns nil once every message is in the Store, to be sent until it
// arrives. A message without any receiver needs no row. After an error, some may be in
// the Store.
func (c *core) forward(ctx context.Context, msgs ...outgoingWebhook) error {
	if !c.forwards() {
		return nil
	}
	if isClosed(c.flights.stopping()) {
		return ErrClosed
	}
	for i := range msgs {
		if err := c.queue(ctx, &msgs[i]); err != nil {
			return err
		}
	}
	return nil
}

// queue writes a message for each of its receivers, and begins to send it.
func (c *core) queue(ctx context.Context, m *outgoingWebhook) error {
	body, header := m.body, http.Header{}
	if m.event == "" {
		var err error
		if body, err = webhookBody(m); err != nil {
			return err
		}
		header = forwardedHeader(m.header)
	}
	for _, r := range c.forwarding.receivers(m.override) {
		msg, err := c.newMessage(m, r, header, body)
		if err != nil {
			return err
		}
		if err := c.enqueue(ctx, msg); err != nil {
			return err
		}
	}
	return nil
}

// enqueue writes a new message and begins to send it, if there is room.
func (c *core) enqueue(ctx context.Context, m message) error {
	room := c.rooms.of(m)
	mine := room.tryEnter(m.rec.Target)
	if mine {
		if err := c.claim(&m); err != nil {
			room.leave(m.rec.Target)
			return err
		}
	}
	err := c.write(ctx, &m)
	if err != nil {
		if mine {
			room.leave(m.rec.Target)
		}
		if errors.Is(err, store.ErrExists) && m.row.Unique != "" {
			return nil // it waits already
		}
		return err
	}
	if !mine {
		c.tasks.start(func() { c.wakeForward(ctx, m) }) // the provider does not wait for it
		return nil
	}
	c.tasks.start(func() {
		defer room.leave(m.rec.Target)
		c.deliver(context.WithoutCancel(ctx), m)
	})
	return nil
}

const (
	// forwardTimeout is how long a receiver has to answer.
	forwardTimeout = 20 * time.Second
	// forwardClaim is how long a message is left alone by others. It is longer than
	// an attempt, by enough for a slow Store and clocks that differ.
	forwardClaim = time.Minute
	// forwardKept is how long a message stays that could not be forwarded.
	forwardKept = 30 * 24 * time.Hour
)

// forwardWaits are the times between attempts, as the specification of Standard
// Webhooks proposes them.
func forwardWaits() []time.Duration {
	return []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
		10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
}

// claim marks a message as being sent from here. It has to be written.
func (c *core) claim(m *message) error {
	mark, err := c.newMark()
	if err != nil {
		return err
	}
	// Attempts count when they begin: a message that brings down whoever sends it is
	// not sent for ever.
	m.rec.Claim, m.rec.Attempts = mark, m.rec.Attempts+1
	m.row.Due = c.now().Add(forwardClaim)
	return nil
}

// deliver sends a claimed message, and writes down what became of it. If that cannot
// be written, the message comes due again when the claim ends.
func (c *core) deliver(ctx context.Context, m message) {
	ans := c.send(ctx, m)
	var err error
	switch {
	case ans.ok():
		err = c.change(ctx, &m, m.rec.Claim, func(m *message) error {
			return c.store.Delete(ctx, m.row.Key, m.row.Version)
		})
	default:
		err = c.postpone(ctx, &m, ans)
	}
	if err != nil && !errors.Is(err, errNotClaimed) && !errors.Is(err, store.ErrNotFound) {
		c.logForward(ctx, "the end of an attempt to forward could not be stored", m, translate(err).Error())
	}
}

// postpone says when a message is sent next, or that it is not any more.
func (c *core) postpone(ctx context.Context, m *message, ans answer) error {
	gone := ans.gone()
	err := c.change(ctx, m, m.rec.Claim, func(m *message) error {
		m.rec.Claim, m.rec.LastStatus, m.rec.LastError = 0, int64(ans.status), ans.reason()
		now, waits := c.now(), forwardWaits()
		n := int(m.rec.Attempts)
		if gone = gone || n > len(waits); gone {
			m.giveUp(now)
		} else {
			wait := waits[max(n, 1)-1]
			m.row.Due = now.Add(max(wait+c.jitter(wait/5), ans.retryAfter))
		}
		return c.write(ctx, m)
	})
	if err != nil {
		return err
	}
	if gone {
		c.emit(ctx, Event{
			Type: EventForwardFailed, Integration: m.rec.Integration, Connection: m.rec.Connection, Provider: m.rec.Provider,
			Err: &ForwardError{ID: m.row.ID, MessageID: m.rec.MessageID, Attempts: int(m.rec.Attempts), Status: ans.status, Reason: ans.reason()},
		})
		return nil
	}
	c.logForward(ctx, "an attempt to forward failed", *m, ans.reason())
	c.wakeForward(ctx, *m)
	return nil
}

// giveUp keeps a message for somebody to look at. The same delivery, repeated, is
// taken again from now on.
func (m *message) giveUp(now time.Time) {
	m.rec.FailedAt = now
	m.row.Due, m.row.Unique = now.Add(forwardKept), ""
	m.row.Labels = labelsWith(m.row.Labels, labelForwardState, stateFailed)
}

func (c *core) logForward(ctx context.Context, text string, m message, reason string) {
	attrs := []slog.Attr{slog.String(keyRow, m.row.ID), slog.String(keyError, reason)}
	if m.rec != nil {
		attrs = append(names(m.rec.Integration, m.rec.Connection, m.rec.Provider, slog.String(keyWebhook, m.rec.MessageID)), attrs...)
	}
	c.log.LogAttrs(ctx, slog.LevelWarn, text, attrs...)
}
