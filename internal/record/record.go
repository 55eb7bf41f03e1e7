// Package record is what a row's Data holds: the plain part of a connection or
// an integration, the lease and the fence, and the sealed part as opaque bytes.
//
// The parts of a connection are encoded apart, so that reading a credential
// does not decode metadata, and a refresh carries the parts it does not touch
// along byte for byte.
package record

import (
	"errors"
	"fmt"
	"time"

	"github.com/tieline/tieline/internal/wire"
)

// format is the first byte of every Data. It changes only if older programs
// must not touch a row at all; new fields do not change it, see package wire.
const format = 1

// ErrFormat is the answer to a row that a much newer version wrote.
var ErrFormat = errors.New("record: written by a newer, incompatible version")

// Status is what a connection can be used for.
type Status uint8

// The values are stored: add at the end.
const (
	Active Status = iota
	NeedsReauth
	Pending
)

// State is the part of a connection that the refresh protocol reads and writes.
type State struct {
	Provider string
	Status   Status

	// Fence is the number of the newest attempt to change the credential, and
	// TokenFence of the one that produced it. Both only ever grow.
	Fence, TokenFence int64
	// Gen counts the changes of the credential.
	Gen int64

	// Holder is who may spend the refresh token: random, empty when free.
	Holder string
	// Beat is when the holder began, by its own wall clock.
	Beat time.Time
	// Sent says that the refresh token may have been spent under Fence.
	Sent bool

	IssuedAt    time.Time // when the credential was asked for
	ExpiresAt   time.Time // zero: it does not say
	DueAt       time.Time // when to refresh; zero: never
	NextAttempt time.Time // not before this, after a failure
	Fails       int64     // failures since the last success

	LastError Failure

	CreatedAt, UpdatedAt time.Time
	RefreshedAt          time.Time
	FetchedAt            time.Time

	// Grant marks the authorization or import that the credential goes back to:
	// random, and carried along by every refresh. A writer that got no answer
	// tells by it whether it got through.
	Grant int64

	tail []byte
}

// Failure is what the last attempt to refresh ended with. Code is one of a
// closed set or the provider's RFC 6749 error code, never its text.
type Failure struct {
	Code   string
	Class  string
	Status int64 // of the HTTP response, 0 without one
	At     time.Time
	Fence  int64
}

// Organization and EndUser are whom a connection belongs to.
type Organization struct{ ID, DisplayName string }

// EndUser is the application's user behind a connection.
type EndUser struct {
	ID, Email, DisplayName string
	Tags                   map[string]string
	Organization           *Organization
}

// Public is the part of a connection that the application wrote and that may
// be read without a key.
type Public struct {
	Config     map[string]string
	Metadata   []byte // JSON object, nil for none
	Tags       map[string]string
	EndUser    *EndUser
	WebhookURL string

	tail []byte
}

// Connection is the Data of a connection's row.
type Connection struct {
	State  State
	Sealed []byte

	public []byte
	tail   []byte
}

// ParseConnection takes Data apart. Sealed shares memory with it.
func ParseConnection(data []byte) (*Connection, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	c := &Connection{}
	state := r.View()
	c.public = r.View()
	c.Sealed = r.View()
	c.tail = r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("record: connection: %w", err)
	}
	if err := c.State.decode(state); err != nil {
		return nil, fmt.Errorf("record: connection state: %w", err)
	}
	return c, nil
}

// Encode is the opposite of ParseConnection.
func (c *Connection) Encode() []byte {
	b := make([]byte, 1, 256+len(c.public)+len(c.Sealed))
	b[0] = format
	b = wire.AppendBytes(b, c.State.append(nil))
	b = wire.AppendBytes(b, c.public)
	b = wire.AppendBytes(b, c.Sealed)
	return append(b, c.tail...)
}

// Public decodes the plain part.
func (c *Connection) Public() (Public, error) {
	r := wire.NewReader(c.public)
	p := Public{Config: r.Map(), Metadata: r.Bytes(), Tags: r.Map()}
	if r.Bool() {
		p.EndUser = &EndUser{ID: r.String(), Email: r.String(), DisplayName: r.String(), Tags: r.Map()}
		if r.Bool() {
			p.EndUser.Organization = &Organization{ID: r.String(), DisplayName: r.String()}
		}
	}
	p.WebhookURL = r.String()
	p.tail = r.Rest()
	if err := r.Err(); err != nil {
		return Public{}, fmt.Errorf("record: connection: %w", err)
	}
	return p, nil
}

// SetPublic replaces the plain part. Give it a Public that was read from the
// same Connection, changed, so that fields of a newer version stay.
func (c *Connection) SetPublic(p Public) {
	b := wire.AppendMap(nil, p.Config)
	b = wire.AppendBytes(b, p.Metadata)
	b = wire.AppendMap(b, p.Tags)
	b = wire.AppendBool(b, p.EndUser != nil)
	if u := p.EndUser; u != nil {
		b = wire.AppendString(b, u.ID)
		b = wire.AppendString(b, u.Email)
		b = wire.AppendString(b, u.DisplayName)
		b = wire.AppendMap(b, u.Tags)
		b = wire.AppendBool(b, u.Organization != nil)
		if o := u.Organization; o != nil {
			b = wire.AppendString(b, o.ID)
			b = wire.AppendString(b, o.DisplayName)
		}
	}
	b = wire.AppendString(b, p.WebhookURL)
	c.public = append(b, p.tail...)
}

func (s *State) append(b []byte) []byte {
	b = wire.AppendString(b, s.Provider)
	b = wire.AppendUint(b, uint64(s.Status))
	b = wire.AppendInt(b, s.Fence)
	b = wire.AppendInt(b, s.TokenFence)
	b = wire.AppendInt(b, s.Gen)
	b = wire.AppendString(b, s.Holder)
	b = wire.AppendTime(b, s.Beat)
	b = wire.AppendBool(b, s.Sent)
	for _, t := range []time.Time{s.IssuedAt, s.ExpiresAt, s.DueAt, s.NextAttempt} {
		b = wire.AppendTime(b, t)
	}
	b = wire.AppendInt(b, s.Fails)
	b = wire.AppendString(b, s.LastError.Code)
	b = wire.AppendString(b, s.LastError.Class)
	b = wire.AppendInt(b, s.LastError.Status)
	b = wire.AppendTime(b, s.LastError.At)
	b = wire.AppendInt(b, s.LastError.Fence)
	for _, t := range []time.Time{s.CreatedAt, s.UpdatedAt, s.RefreshedAt, s.FetchedAt} {
		b = wire.AppendTime(b, t)
	}
	b = wire.AppendInt(b, s.Grant)
	return append(b, s.tail...)
}

func (s *State) decode(b []byte) error {
	r := wire.NewReader(b)
	s.Provider = r.String()
	s.Status = Status(r.Uint())
	s.Fence, s.TokenFence, s.Gen = r.Int(), r.Int(), r.Int()
	s.Holder, s.Beat, s.Sent = r.String(), r.Time(), r.Bool()
	s.IssuedAt, s.ExpiresAt, s.DueAt, s.NextAttempt = r.Time(), r.Time(), r.Time(), r.Time()
	s.Fails = r.Int()
	s.LastError = Failure{Code: r.String(), Class: r.String(), Status: r.Int(), At: r.Time(), Fence: r.Int()}
	s.CreatedAt, s.UpdatedAt, s.RefreshedAt, s.FetchedAt = r.Time(), r.Time(), r.Time(), r.Time()
	s.Grant = r.Int()
	s.tail = r.Rest()
	return r.Err()
}

func open(data []byte) (wire.Reader, error) {
	switch {
	case len(data) == 0:
		return wire.Reader{}, fmt.Errorf("record: empty: %w", wire.ErrMalformed)
	case data[0] != format:
		return wire.Reader{}, ErrFormat
	}
	return wire.NewReader(data[1:]), nil
}
