package tieline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// Forwards are the messages that could not be forwarded. They are kept for 30 days.
type Forwards struct {
	core *core
}

// FailedForward is a message that could not be forwarded. What it says is not shown.
type FailedForward struct {
	ID        string // for [Forwards.Retry] and [Forwards.Discard]
	MessageID string // the header webhook-id
	Type      string // "forward" for a webhook, else an [EventType]

	Integration, Provider, Connection string // key, name, ID; empty: none

	// Host is of the receiver's URL, which may have secrets in it. Empty if
	// [Forward.URLs] has become shorter or the message cannot be read.
	Host string

	Attempts int
	Status   int    // of the last answer, 0 without one
	Reason   string // why the last attempt failed

	QueuedAt, FailedAt time.Time
}

// ForwardError is why a message is not sent any more: Err of an EventForwardFailed.
type ForwardError struct {
	ID        string // for [Forwards.Retry] and [Forwards.Discard]
	MessageID string // the header webhook-id
	Attempts  int
	Status    int    // of the last answer, 0 without one
	Reason    string // why the last attempt failed
}

// Error tells how often it was tried, and the last reason.
func (e *ForwardError) Error() string {
	return fmt.Sprintf("message %s was not forwarded, attempts: %d, the last one: %s", e.MessageID, e.Attempts, e.Reason)
}

// Failed yields the messages that could not be forwarded, in no particular order. One
// that cannot be read comes with an error, with its ID set, and the others follow; an
// error without an ID ends the sequence.
func (m *Forwards) Failed(ctx context.Context) iter.Seq2[FailedForward, error] {
	return func(yield func(FailedForward, error) bool) {
		for _, size := range []string{sizeSmall, sizeLarge} {
			for msg, err := range m.core.messages(ctx, size, time.Time{}, labelForwardState+stateFailed) {
				f := FailedForward{ID: msg.row.ID}
				if err == nil {
					f = m.core.failedForward(msg)
				}
				if !yield(f, opError("forwards: failed", err, f.ID)) || err != nil && f.ID == "" {
					return
				}
			}
		}
	}
}

func (c *core) failedForward(m message) FailedForward {
	f := FailedForward{
		ID: m.row.ID, MessageID: m.rec.MessageID, Type: m.rec.Type,
		Integration: m.rec.Integration, Provider: m.rec.Provider, Connection: m.rec.Connection,
		Attempts: int(m.rec.Attempts), Status: int(m.rec.LastStatus), Reason: m.rec.LastError,
		QueuedAt: m.rec.QueuedAt, FailedAt: m.rec.FailedAt,
	}
	target := ""
	switch slot := m.rec.Slot; {
	case slot < 0:
		if content, err := c.openMessage(m); err == nil {
			target = content.URL
		}
	case slot < int64(len(c.forwarding.urls)):
		target = c.forwarding.urls[slot]
	}
	if u, err := url.Parse(target); err == nil {
		f.Host = u.Host
	}
	return f
}

// Retry lets a message that could not be forwarded be sent again, at once and then as
// a new one would be, under the same webhook-id. ErrNotFound: there is no failed
// message of this ID.
func (m *Forwards) Retry(ctx context.Context, id string) error {
	return opError("forwards: retry", m.core.retryForward(ctx, id), id)
}

func (c *core) retryForward(ctx context.Context, id string) error {
	if isClosed(c.flights.stopping()) {
		return ErrClosed
	}
	if !c.forwards() {
		return &FieldError{Field: "Forward.Secrets", Reason: "is required to forward anything"}
	}
	m, err := c.failedMessage(ctx, id)
	if err != nil {
		return err
	}
	return c.change(ctx, &m, 0, func(m *message) error {
		if !m.failed() {
			return ErrNotFound // somebody else did it
		}
		next := *m
		rec := *m.rec
		next.rec = &rec
		rec.Attempts, rec.FailedAt = 0, time.Time{}
		next.row.Due = c.now()
		next.row.Labels = labelsWith(m.row.Labels, labelForwardState, stateWaiting)
		return c.enqueue(ctx, next)
	})
}

// Discard deletes a message that could not be forwarded. ErrNotFound: there is no
// failed message of this ID.
func (m *Forwards) Discard(ctx context.Context, id string) error {
	return opError("forwards: discard", m.core.discardForward(ctx, id), id)
}

func (c *core) discardForward(ctx context.Context, id string) error {
	m, err := c.failedMessage(ctx, id)
	if err != nil {
		return err
	}
	return c.change(ctx, &m, 0, func(m *message) error {
		if !m.failed() {
			return ErrNotFound
		}
		return c.store.Delete(ctx, m.row.Key, m.row.Version)
	})
}

func (c *core) failedMessage(ctx context.Context, id string) (message, error) {
	if id == "" {
		return message{}, ErrNotFound
	}
	row, err := c.store.Get(ctx, store.Key{Kind: kindForward, ID: id})
	if errors.Is(err, store.ErrInvalid) {
		return message{}, ErrNotFound
	}
	if err != nil {
		return message{}, err
	}
	rec, err := record.ParseForward(row.Data)
	return message{row: row, rec: rec}, err
}
