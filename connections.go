package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"
)

// Status is what a connection can be used for.
type Status string

// The statuses.
const (
	// StatusActive: it works, as far as is known.
	StatusActive Status = "active"
	// StatusNeedsReauth: the provider refuses the grant, or a credential that was
	// tried out with [Connections.Verify]. The user has to authorize again.
	StatusNeedsReauth Status = "needs_reauth"
	// StatusPending: it waits for an approval at the provider.
	StatusPending Status = "pending"
)

// EndUser is the application's user behind a connection.
type EndUser struct {
	ID           string // 1 to 255 bytes
	Email        string // may be empty
	DisplayName  string // at most 255 bytes
	Tags         map[string]string
	Organization *Organization // nil for none
}

// Organization is what an end user belongs to.
type Organization struct {
	ID          string // 1 to 255 bytes
	DisplayName string // at most 255 bytes
}

// Failure is what the last attempt to refresh a credential, or to try it out, ended
// with.
type Failure struct {
	// Code is the provider's error code (RFC 6749 section 5.2), or one of
	// "http_<status>", "unreachable", "no_answer", "lost_rotation", "unsaved",
	// "credential_refused", "panic".
	// "lost_rotation" is a grant that the provider refuses after an attempt
	// whose end is unknown: a new refresh token was probably made and lost.
	// "credential_refused" is what [Connections.Verify] found out.
	Code   string
	Class  ErrorClass
	Status int // of the HTTP response, 0 without one
	At     time.Time
}

// Connection is one user's account through an integration. It is a plain value
// and holds nothing secret; [Connections.Credential] gives what authenticates.
type Connection struct {
	// ID names the connection within its integration: 1 to 255 ASCII letters,
	// digits, spaces and , . ; : = + ~ [ ] | @ $ { } " ' \ / _ -.
	ID          string
	Integration string // its key
	Provider    string

	// Config are the values for the provider's fields, such as a subdomain.
	// Secret ones are stored sealed and do not come back; they stay when absent
	// and are removed by setting them to "". Every provider has the secret field
	// "webhook_secret", for webhooks that exist for this connection only.
	Config map[string]string
	// Captured are values that the provider gave with the callback or the token.
	// They are sealed in the Store, so listings leave this nil.
	Captured map[string]string
	// Metadata is the application's own JSON object, at most 256 KiB, nil when
	// there is none.
	Metadata json.RawMessage
	// Tags are labels to filter by: at most 10, keys in lower case.
	Tags    map[string]string
	EndUser *EndUser // nil for none
	// WebhookURL is where events of this connection go instead of where they
	// usually do. Empty for none.
	WebhookURL string

	Status Status
	// LastError is what the last attempt to refresh failed with, or a refusal when
	// the credential was tried out; nil after a success. A connection can be active
	// all the same.
	LastError *Failure

	// RowID never changes and is never used again, also not by a connection of
	// the same ID created later. Number is a positive number below 2^53 that
	// goes with it.
	RowID  string
	Number int64

	CreatedAt, UpdatedAt time.Time
	ExpiresAt            time.Time // of the credential; zero: unknown or never
	RefreshedAt          time.Time // zero: never
	FetchedAt            time.Time // when the credential was last asked for, to within a day
}

// Connections authorizes, creates, finds, uses and deletes connections.
type Connections struct {
	core *core
}

// Filter selects connections. All conditions given must hold; the zero value
// selects all.
type Filter struct {
	Integration  string            // key
	Provider     string            // name
	Tags         map[string]string // all of them
	EndUser      string            // ID
	Organization string            // ID
	Status       Status
	DueBefore    time.Time // due for a refresh before this; the listing is then in that order
}

// ConnectionPage is one part of a listing. Next is empty on the last one.
type ConnectionPage struct {
	Connections []Connection
	Next        string
}

// Get returns a connection, or ErrNotFound.
func (m *Connections) Get(ctx context.Context, integration, id string) (Connection, error) {
	conn, err := m.core.getConnection(ctx, integration, id)
	return conn, opError("connections: get", err, integration, id)
}

func (c *core) getConnection(ctx context.Context, integration, id string) (Connection, error) {
	s, err := c.findConnection(ctx, integration, id)
	if err != nil {
		return Connection{}, err
	}
	private, err := c.openPrivate(s.row.ID, s.rec)
	if err != nil {
		return Connection{}, err
	}
	return s.value(integration, private)
}

// List returns one page of the connections that match, in a stable order. after
// is the Next of the page before, "" for the first; limit is the most entries: 0
// for 100, at most 1000. Nothing is decrypted for it: Captured is nil. When some
// cannot be read, the page has the others, and the error names them.
func (m *Connections) List(ctx context.Context, f Filter, after string, limit int) (ConnectionPage, error) {
	page, err := m.core.listConnections(ctx, f, after, limit)
	return page, opError("connections: list", err)
}

func (c *core) listConnections(ctx context.Context, f Filter, after string, limit int) (ConnectionPage, error) {
	out := ConnectionPage{Connections: []Connection{}}
	q, err := c.query(ctx, f)
	if errors.Is(err, ErrUnknownIntegration) {
		return out, nil
	}
	if err != nil {
		return ConnectionPage{}, err
	}
	q.After, q.Limit = after, limit
	page, err := c.store.List(ctx, q)
	if err != nil {
		return ConnectionPage{}, listError(err)
	}
	keys := integrationKeys{core: c}
	var unread []error
	for _, row := range page.Rows {
		conn, err := keys.connection(ctx, row)
		switch {
		case errors.Is(err, errGone):
		case err == nil:
			out.Connections = append(out.Connections, conn)
		case unreadable(err):
			unread = append(unread, fmt.Errorf("%q: %w", conn.ID, translate(err)))
		default:
			return ConnectionPage{}, err
		}
	}
	out.Next = page.Next
	return out, errors.Join(unread...)
}

// All yields the connections that match. One that cannot be read comes as an
// error, with its RowID set, and the others follow; an error without a RowID
// ends the sequence. Nothing is decrypted for it: Captured is nil.
func (m *Connections) All(ctx context.Context, f Filter) iter.Seq2[Connection, error] {
	return func(yield func(Connection, error) bool) {
		fail := func(err error) { yield(Connection{}, opError("connections: list", err)) }
		q, err := m.core.query(ctx, f)
		if errors.Is(err, ErrUnknownIntegration) {
			return
		}
		if err != nil {
			fail(err)
			return
		}
		keys := integrationKeys{core: m.core}
		for row, err := range m.core.rows(ctx, q) {
			if err != nil {
				fail(err)
				return
			}
			conn, err := keys.connection(ctx, row)
			switch {
			case errors.Is(err, errGone):
				continue
			case isContextError(err):
				fail(err)
				return
			case err != nil:
				err = opError("connections: list", err, row.Unique)
			}
			if !yield(conn, err) {
				return
			}
		}
	}
}

// SetMetadata replaces a connection's metadata by a JSON object, or removes it
// when that is nil.
func (m *Connections) SetMetadata(ctx context.Context, integration, id string, metadata json.RawMessage) (Connection, error) {
	conn, err := m.core.updateConnection(ctx, integration, id, func(conn *Connection) error {
		conn.Metadata = metadata
		return nil
	})
	return conn, opError("connections: set metadata", err, integration, id)
}

// MergeMetadata sets the members of a JSON object in a connection's metadata
// and leaves its other members alone. Members are replaced whole.
func (m *Connections) MergeMetadata(ctx context.Context, integration, id string, metadata json.RawMessage) (Connection, error) {
	conn, err := m.core.mergeMetadata(ctx, integration, id, metadata)
	return conn, opError("connections: merge metadata", err, integration, id)
}

func (c *core) mergeMetadata(ctx context.Context, integration, id string, metadata json.RawMessage) (Connection, error) {
	metadata, err := checkMetadata("metadata", metadata)
	if err != nil {
		return Connection{}, err
	}
	return c.updateConnection(ctx, integration, id, func(conn *Connection) error {
		merged := map[string]json.RawMessage{}
		for _, part := range []json.RawMessage{conn.Metadata, metadata} {
			if len(part) == 0 {
				continue
			}
			if err := json.Unmarshal(part, &merged); err != nil {
				return err
			}
		}
		out, err := json.Marshal(merged)
		conn.Metadata = out
		return err
	})
}

// Update reads a connection, lets change edit it, and writes it back. When
// somebody else has written in between, a refresh among others, it does so
// again, so change may be called several times. What can be changed are
// Config, Metadata, Tags, EndUser and WebhookURL; a change of anything else is an
// error. An error of change is returned as it is and nothing is written.
func (m *Connections) Update(ctx context.Context, integration, id string, change func(*Connection) error) (Connection, error) {
	conn, err := m.core.updateConnection(ctx, integration, id, change)
	return conn, opError("connections: update", err, integration, id)
}
