package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/internal/wire"
	"github.com/tieline/tieline/store"
)

const (
	kindSession store.Kind = "session"

	purposeSession      = "session"
	purposeSessionToken = "session token"

	// sessionLife is how long an end user has to connect.
	sessionLife = 30 * time.Minute
)

// Session lets an end user make one connection, on a page that knows them only by
// the session's token: a connect session. It ends with the connection that is made
// in it, or after 30 minutes.
type Session struct {
	// EndUser, Tags and WebhookURL are what the connection gets, see [Connection].
	EndUser    *EndUser
	Tags       map[string]string
	WebhookURL string

	// Integrations are the keys of those to choose from. Empty: all.
	Integrations []string
	// Defaults are, by integration key, what the user is not asked for.
	Defaults map[string]SessionDefaults
	// Reconnect is the connection that gets a new grant in place, nil for a new
	// connection. Its integration is then the only one to choose from.
	Reconnect *ConnectionName

	// ID names the session where its token must not be shown. Made is the connection
	// that was made, nil until there is one. The Client sets these and the times.
	ID        string
	Made      *ConnectionName
	CreatedAt time.Time
	ExpiresAt time.Time
}

// SessionDefaults is what an application has decided for its user.
type SessionDefaults struct {
	Scopes      []string          `json:",omitempty"` // instead of the integration's
	Params      map[string]string `json:",omitempty"` // of the authorization URL
	Config      map[string]string `json:",omitempty"` // of the connection
	DocsConnect string            `json:",omitempty"` // a help page of the application's own
}

// ConnectionName names a connection: its integration's key, and its ID. RowID tells
// it from a later one of the same ID.
type ConnectionName struct {
	Integration, ID, RowID string
}

// Name returns what names the connection.
func (c Connection) Name() ConnectionName {
	return ConnectionName{Integration: c.Integration, ID: c.ID, RowID: c.RowID}
}

// Allows reports whether a connection may be made through an integration.
func (s Session) Allows(integration string) bool {
	if s.Reconnect != nil {
		return s.Reconnect.Integration == integration
	}
	for _, key := range s.Integrations {
		if key == integration {
			return true
		}
	}
	return len(s.Integrations) == 0
}

// Sessions creates, finds and ends connect sessions.
type Sessions struct {
	core *core
}

// Create begins a session and returns its token: 64 hexadecimal digits, which are
// stored as a keyed hash only. Whoever has it can connect in the user's name. The
// errors are [*FieldError], and ErrNotFound for an integration or a connection to
// reconnect that is not there.
func (m *Sessions) Create(ctx context.Context, s Session) (Session, Secret, error) {
	out, token, err := m.create(ctx, s)
	return out, token, opError("sessions: create", err)
}

func (m *Sessions) create(ctx context.Context, s Session) (Session, Secret, error) {
	c := m.core
	tags, err := checkTags("tags", s.Tags)
	if err := errors.Join(err, checkEndUser(s.EndUser), checkWebhookURL("webhook_url", s.WebhookURL)); err != nil {
		return Session{}, Secret{}, err
	}
	s.Tags = tags
	for _, key := range s.Integrations {
		if _, err := c.integration(ctx, key); err != nil {
			return Session{}, Secret{}, err
		}
	}
	for key := range s.Defaults {
		if _, err := c.integration(ctx, key); err != nil {
			return Session{}, Secret{}, err
		}
	}
	if r := s.Reconnect; r != nil {
		conn, err := c.findConnection(ctx, r.Integration, r.ID)
		if err != nil {
			return Session{}, Secret{}, err
		}
		s.Reconnect = &ConnectionName{Integration: r.Integration, ID: r.ID, RowID: conn.row.ID}
	}
	raw, err := c.random(32)
	if err != nil {
		return Session{}, Secret{}, err
	}
	token := fmt.Sprintf("%x", raw)
	s.CreatedAt = c.now()
	s.ExpiresAt, s.Made = s.CreatedAt.Add(sessionLife), nil
	s.ID = ids.Encode(c.keys.MACs(purposeSessionToken, []byte(token))[0])
	return s, NewSecret(token), c.putSession(ctx, store.Row{}, s)
}

// putSession stores a session in a row: a new one if row is zero.
func (c *core) putSession(ctx context.Context, row store.Row, s Session) error {
	plain, err := json.Marshal(s) // a short-lived row may afford JSON
	if err != nil {
		return err
	}
	sealed, err := c.keys.Seal(plain, seal.Binding{Purpose: purposeSession, RowID: s.ID})
	if err != nil {
		return err
	}
	row.Key, row.Due, row.Data = store.Key{Kind: kindSession, ID: s.ID}, s.ExpiresAt, record.EncodeSealed(sealed)
	_, err = c.store.Put(ctx, row)
	return err
}

// Get returns the session that has this token, or ErrNotFound for one that is
// unknown or has expired.
func (m *Sessions) Get(ctx context.Context, token string) (Session, error) {
	_, s, err := m.core.session(ctx, token)
	return s, opError("sessions: get", err)
}

func (c *core) session(ctx context.Context, token string) (store.Row, Session, error) {
	if token == "" || len(token) > maxName {
		return store.Row{}, Session{}, ErrNotFound
	}
	for _, mac := range c.keys.MACs(purposeSessionToken, []byte(token)) {
		row, err := c.store.Get(ctx, store.Key{Kind: kindSession, ID: ids.Encode(mac)})
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return store.Row{}, Session{}, err
		}
		s, err := c.openSession(row)
		if err == nil && !c.now().Before(s.ExpiresAt) {
			err = ErrNotFound
		}
		return row, s, err
	}
	return store.Row{}, Session{}, ErrNotFound
}

func (c *core) openSession(row store.Row) (Session, error) {
	sealed, err := record.ParseSealed(row.Data)
	if err != nil {
		return Session{}, err
	}
	plain, err := c.keys.Open(nil, sealed, seal.Binding{Purpose: purposeSession, RowID: row.ID})
	if err != nil {
		return Session{}, err
	}
	var s Session
	if err := json.Unmarshal(plain, &s); err != nil {
		return Session{}, fmt.Errorf("session: %w", wire.ErrMalformed)
	}
	return s, nil
}

// Finish notes the connection that was made in a session. It has then served: a
// second connection is answered with ErrExists. ErrNotFound as for Get.
func (m *Sessions) Finish(ctx context.Context, token string, made ConnectionName) (Session, error) {
	for {
		row, s, err := m.core.session(ctx, token)
		switch {
		case err != nil:
		case s.Made != nil && *s.Made != made:
			err = ErrExists
		case s.Made == nil:
			s.Made = &made
			err = m.core.putSession(ctx, row, s)
			if errors.Is(err, store.ErrConflict) {
				continue
			}
		}
		if err != nil {
			return Session{}, opError("sessions: finish", err, made.Integration, made.ID)
		}
		return s, nil
	}
}

// Delete ends a session. ErrNotFound as for Get.
func (m *Sessions) Delete(ctx context.Context, token string) error {
	for {
		row, _, err := m.core.session(ctx, token)
		if err == nil {
			err = m.core.store.Delete(ctx, row.Key, row.Version)
		}
		if !errors.Is(err, store.ErrConflict) {
			return opError("sessions: delete", err)
		}
	}
}
