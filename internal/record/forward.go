package record

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/wire"
)

// Forward is the Data of a message that waits to be forwarded, or that could not be.
type Forward struct {
	MessageID string // the same at every attempt
	Type      string // "forward", or the type of an event

	Integration, Provider, Connection string // key, name, ID; empty: none

	// Slot is which of the configured URLs the message goes to, from 0. It is -1 for
	// a URL of the connection's own, which is in the sealed part.
	Slot int64
	// Target is equal for messages to one receiver, and tells nothing about it.
	Target string

	QueuedAt time.Time
	Attempts int64 // that were begun, since it was queued or put back
	// Claim marks who makes the attempt that is under way: random, 0 for nobody.
	Claim int64

	LastStatus int64  // of the answer to the last attempt, 0 without one
	LastError  string // what it failed with, free of secrets
	FailedAt   time.Time

	Sealed []byte // a ForwardContent

	tail []byte
}

// ParseForward takes Data apart. Sealed shares memory with it.
func ParseForward(data []byte) (*Forward, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	f := &Forward{
		MessageID: r.String(), Type: r.String(),
		Integration: r.String(), Provider: r.String(), Connection: r.String(),
		Slot: r.Int(), Target: r.String(),
		QueuedAt: r.Time(), Attempts: r.Int(), Claim: r.Int(),
		LastStatus: r.Int(), LastError: r.String(), FailedAt: r.Time(),
		Sealed: r.View(),
	}
	f.tail = r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("record: forward: %w", err)
	}
	return f, nil
}

// Encode is the opposite of ParseForward.
func (f *Forward) Encode() []byte {
	b := make([]byte, 1, 512+len(f.Sealed))
	b[0] = format
	for _, s := range []string{f.MessageID, f.Type, f.Integration, f.Provider, f.Connection} {
		b = wire.AppendString(b, s)
	}
	b = wire.AppendInt(b, f.Slot)
	b = wire.AppendString(b, f.Target)
	b = wire.AppendTime(b, f.QueuedAt)
	b = wire.AppendInt(b, f.Attempts)
	b = wire.AppendInt(b, f.Claim)
	b = wire.AppendInt(b, f.LastStatus)
	b = wire.AppendString(b, f.LastError)
	b = wire.AppendTime(b, f.FailedAt)
	b = wire.AppendBytes(b, f.Sealed)
	return append(b, f.tail...)
}

// ForwardContent is what of a message nobody but the receiver may see.
type ForwardContent struct {
	URL    string // of the connection's own, else empty
	Header map[string][]string
	Body   []byte
}

// ParseForwardContent takes apart what Encode made. Body shares memory with it.
func ParseForwardContent(plain []byte) (ForwardContent, error) {
	r := wire.NewReader(plain)
	c := ForwardContent{URL: r.String()}
	var ok bool
	c.Header, ok = unpair(r.Strings())
	c.Body = r.View()
	if r.Err() != nil || !ok {
		return ForwardContent{}, fmt.Errorf("record: forward: %w", wire.ErrMalformed)
	}
	return c, nil
}

// Encode is the opposite of ParseForwardContent.
func (c ForwardContent) Encode() []byte {
	b := wire.AppendString(make([]byte, 0, 4096+len(c.Body)), c.URL)
	b = wire.AppendStrings(b, pair(c.Header))
	return wire.AppendBytes(b, c.Body)
}

// pair is a header as names and values in turn, in the order of the names.
func pair(header map[string][]string) []string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, v := range header[name] {
			lines = append(lines, name, v)
		}
	}
	return lines
}

// unpair is the opposite of pair; nil for none.
func unpair(lines []string) (header map[string][]string, ok bool) {
	if len(lines)%2 != 0 {
		return nil, false
	}
	for i := 0; i < len(lines); i += 2 {
		if header == nil {
			header = map[string][]string{}
		}
		header[lines[i]] = append(header[lines[i]], lines[i+1])
	}
	return header, true
}
