package tieline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strconv"
	"time"

	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/store"
)

// kindForward are messages that wait to be forwarded, or that could not be. They
// have no parent: what was acknowledged is not lost with an integration.
const kindForward store.Kind = "forward"

const purposeForward = "forward"

// The labels of a message's row. A page holds rows whole, and a row may have 32 MiB,
// so large ones are read in pages of their own.
const (
	labelForwardState = "state="
	labelForwardTo    = "to=" // a target
	labelForwardOwn   = "own" // the receiver is a connection's own
	labelForwardSize  = "size="

	stateWaiting = "waiting"
	stateFailed  = "failed"

	sizeSmall = "small"
	sizeLarge = "large"

	// largeForward is the size of a body from which on a row is large.
	largeForward = 64 << 10
)

// message is a stored message.
type message struct {
	row store.Row
	rec *record.Forward
}

// receiver is one place that a message goes to.
type receiver struct {
	slot int    // of the configured URLs; -1: url
	url  string // of a connection's own
}

// receivers are where a message goes.
func (p *forwardPlan) receivers(override string) []receiver {
	if override != "" {
		return []receiver{{slot: -1, url: override}}
	}
	out := make([]receiver, len(p.urls))
	for i := range p.urls {
		out[i].slot = i
	}
	return out
}

// target tells receivers apart without naming them: a URL may have a secret in it.
func (r receiver) target() string {
	if r.slot >= 0 {
		return strconv.Itoa(r.slot)
	}
	return ids.Encode(ids.Digest("target", r.url))[:26]
}

// messageID names a message at its receiver. That of a delivery which the provider
// repeats is always the same.
func (c *core) messageID(m *outgoingWebhook, r receiver) (string, error) {
	if m.dedup == "" {
		id, err := c.newRowID()
		return "msg_" + id, err
	}
	return "msg_" + ids.Encode(ids.Digest("message", m.integration, m.provider, m.connection, r.target(), m.dedup)), nil
}

// newMessage makes the row of a message to one receiver.
func (c *core) newMessage(m *outgoingWebhook, r receiver, header http.Header, body []byte) (message, error) {
	id, err := c.newRowID()
	if err != nil {
		return message{}, err
	}
	name, err := c.messageID(m, r)
	if err != nil {
		return message{}, err
	}
	now := c.now()
	rec := &record.Forward{
		MessageID: name, Type: m.kind(), Integration: m.integration, Provider: m.provider, Connection: m.connection,
		Slot: int64(r.slot), Target: r.target(), QueuedAt: now,
	}
	plain := record.ForwardContent{URL: r.url, Header: header, Body: body}.Encode()
	if rec.Sealed, err = c.keys.Seal(plain, forwardBinding(id)); err != nil {
		return message{}, err
	}
	size := sizeSmall
	if len(body) >= largeForward {
		size = sizeLarge
	}
	row := store.Row{
		Key: store.Key{Kind: kindForward, ID: id}, Due: now,
		Labels: []string{labelForwardState + stateWaiting, labelForwardTo + r.target(), labelForwardSize + size},
	}
	if r.slot < 0 {
		row.Labels = append(row.Labels, labelForwardOwn)
	}
	if m.dedup != "" {
		row.Unique = name
	}
	return message{row: row, rec: rec}, nil
}

func forwardBinding(rowID string) seal.Binding {
	return seal.Binding{Purpose: purposeForward, RowID: rowID}
}

// openMessage decrypts what is sent.
func (c *core) openMessage(m message) (record.ForwardContent, error) {
	plain, err := c.keys.Open(nil, m.rec.Sealed, forwardBinding(m.row.ID))
	if err != nil {
		return record.ForwardContent{}, err
	}
	return record.ParseForwardContent(plain)
}

// write puts the record of a message into the Store.
func (c *core) write(ctx context.Context, m *message) error {
	m.row.Data = m.rec.Encode()
	row, err := c.store.Put(ctx, m.row)
	if err == nil {
		m.row = row
	}
	return err
}

// large says whether a row is read on its own.
func (m message) large() bool {
	for _, l := range m.row.Labels {
		if l == labelForwardSize+sizeLarge {
			return true
		}
	}
	return false
}

func (m message) failed() bool { return !m.rec.FailedAt.IsZero() }

// messages yields the rows of a size that have the labels, those that are due before
// a time if that is not zero. A row that cannot be read comes with its error.
func (c *core) messages(ctx context.Context, size string, due time.Time, labels ...string) iter.Seq2[message, error] {
	q := store.Query{Kind: kindForward, Labels: append(labels, labelForwardSize+size), DueBefore: due, Limit: 32}
	if size == sizeLarge {
		q.Limit = 1
	}
	return func(yield func(message, error) bool) {
		for row, err := range c.rows(ctx, q) {
			if err != nil {
				yield(message{}, err)
				return
			}
			m := message{row: row}
			m.rec, err = record.ParseForward(row.Data)
			if !yield(m, err) {
				return
			}
		}
	}
}

// change edits the stored message for as long as claim, which is not 0, is on it, or
// with claim 0 as long as it is there; edit answers false to leave it. Moving it to
// another key meanwhile is no reason to stop.
func (c *core) change(ctx context.Context, m *message, claim int64, edit func(*message) error) error {
	for {
		if m.rec.Claim != claim && claim != 0 {
			return errNotClaimed
		}
		err := edit(m)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		row, err := c.store.Get(ctx, m.row.Key)
		if err != nil {
			return err
		}
		rec, err := record.ParseForward(row.Data)
		if err != nil {
			return err
		}
		*m = message{row: row, rec: rec}
	}
}

// errNotClaimed: another process makes the attempt.
var errNotClaimed = fmt.Errorf("claimed by another process")
