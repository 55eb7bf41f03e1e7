package tieline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/store"
)

const purposeCredential = "credential"

// The labels of a connection's row.
const (
	labelStatus       = "status="
	labelProvider     = "provider="
	labelTag          = "tag:"
	labelEndUser      = "user="
	labelOrganization = "org="
)

// connection is a stored connection whose sealed part is still closed.
type connection struct {
	row store.Row
	rec *record.Connection
	// ended is how many flights had come to their end before the row was read.
	ended int64
}

// findConnection finds a connection by its names, in one step where the Store
// can.
func (c *core) findConnection(ctx context.Context, integration, id string) (connection, error) {
	if err := checkNames(integration, id); err != nil {
		return connection{}, err
	}
	ended := c.flights.ended.Load()
	row, err := c.namedRow(ctx, integration, id)
	if err != nil {
		return connection{}, err
	}
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		return connection{}, err
	}
	return connection{row: row, rec: rec, ended: ended}, nil
}

// latest is s, read again if a flight has come to its end since: it may have saved a
// credential that somebody has been given already, and who asks after that must not
// get the one of before.
func (c *core) latest(ctx context.Context, s connection) (connection, error) {
	ended := c.flights.ended.Load()
	if ended == s.ended {
		return s, nil
	}
	row, err := c.store.Get(ctx, s.row.Key)
	if err != nil {
		return connection{}, err
	}
	rec, err := record.ParseConnection(row.Data)
	return connection{row: row, rec: rec, ended: ended}, err
}

// namedRow reads the row of a connection. Only when there is none does it
// take a second look, to tell which of the two names is unknown.
func (c *core) namedRow(ctx context.Context, integration, id string) (store.Row, error) {
	row, err := store.GetPath(ctx, c.store, kindIntegration, integration, kindConnection, id)
	if errors.Is(err, store.ErrNotFound) {
		if _, ierr := c.integrationRow(ctx, integration); ierr != nil {
			return store.Row{}, ierr
		}
	}
	return row, err
}

// openPrivate decrypts the sealed part of a connection.
func (c *core) openPrivate(rowID string, rec *record.Connection) (*private, error) {
	buf, _ := c.scratch.Get().(*[]byte)
	if buf == nil {
		buf = new([]byte)
	}
	plain, err := c.keys.Open((*buf)[:0], rec.Sealed, seal.Binding{Purpose: purposeCredential, RowID: rowID, Generation: rec.State.TokenFence})
	if err != nil {
		return nil, err
	}
	p, err := decodePrivate(plain) // keeps copies
	clear(plain)
	*buf = plain
	c.scratch.Put(buf)
	return p, err
}

// sealPrivate encrypts the sealed part for the fence that it will be stored under.
func (c *core) sealPrivate(rowID string, fence int64, plain []byte) ([]byte, error) {
	return c.keys.Seal(plain, seal.Binding{Purpose: purposeCredential, RowID: rowID, Generation: fence})
}

// connectionRow is row with another content. What the Store looks at follows
// from the content.
func connectionRow(row store.Row, rec *record.Connection) store.Row {
	row.Data = rec.Encode()
	row.Due = rowDue(&rec.State)
	status := string(statusOf(rec.State.Status))
	if !slices.Contains(row.Labels, labelStatus+status) {
		row.Labels = labelsWith(row.Labels, labelStatus, status)
	}
	return row
}

// rowDue is when [Client.Run] has something to do with the connection.
func rowDue(s *record.State) time.Time {
	switch {
	case s.Status != record.Active || s.DueAt.IsZero():
		return time.Time{}
	case s.NextAttempt.After(s.DueAt):
		return s.NextAttempt
	default:
		return s.DueAt
	}
}

// labelsOf are all labels of a connection. Those for webhooks follow from more than
// these, see [core.webhookLabels].
func labelsOf(s *record.State, p *record.Public, webhooks []string) []string {
	labels := []string{labelStatus + string(statusOf(s.Status)), labelProvider + s.Provider}
	for k, v := range p.Tags {
		labels = append(labels, tagLabel(k, v))
	}
	if u := p.EndUser; u != nil {
		labels = append(labels, labelEndUser+u.ID)
		if u.Organization != nil {
			labels = append(labels, labelOrganization+u.Organization.ID)
		}
	}
	labels = append(labels, webhooks...)
	slices.Sort(labels)
	return slices.Compact(labels)
}

// tagLabel is unambiguous because keys have no equals sign.
func tagLabel(key, value string) string { return labelTag + key + "=" + value }

func statusOf(s record.Status) Status {
	switch s {
	case record.Active:
		return StatusActive
	case record.NeedsReauth:
		return StatusNeedsReauth
	case record.Pending:
		return StatusPending
	}
	return Status(fmt.Sprintf("unknown_%d", s))
}

// value is the connection as users see it; private may be nil.
func (s connection) value(integration string, private *private) (Connection, error) {
	p, err := s.rec.Public()
	if err != nil {
		return Connection{}, err
	}
	st := &s.rec.State
	conn := Connection{
		ID: connectionID(s.row), Integration: integration, Provider: st.Provider,
		Config: p.Config, Metadata: p.Metadata, Tags: p.Tags, EndUser: endUserValue(p.EndUser), WebhookURL: p.WebhookURL,
		Status: statusOf(st.Status),
		RowID:  s.row.ID, Number: numberOf(s.row.ID),
		CreatedAt: st.CreatedAt, UpdatedAt: st.UpdatedAt,
		ExpiresAt: st.ExpiresAt, RefreshedAt: st.RefreshedAt, FetchedAt: st.FetchedAt,
	}
	if private != nil {
		conn.Captured = maps.Clone(private.captured)
	}
	if st.LastError.Code != "" {
		f := newFailure(st.LastError)
		conn.LastError = &f
	}
	return conn, nil
}

// connectionID is what follows the integration's row ID in Unique.
func connectionID(row store.Row) string {
	return strings.TrimPrefix(row.Unique, row.Parent.ID+"/")
}

func newFailure(f record.Failure) Failure {
	return Failure{Code: f.Code, Class: ErrorClass(f.Class), Status: int(f.Status), At: f.At}
}

func endUserValue(u *record.EndUser) *EndUser {
	if u == nil {
		return nil
	}
	out := &EndUser{ID: u.ID, Email: u.Email, DisplayName: u.DisplayName, Tags: u.Tags}
	if o := u.Organization; o != nil {
		out.Organization = &Organization{ID: o.ID, DisplayName: o.DisplayName}
	}
	return out
}

func endUserRecord(u *EndUser) *record.EndUser {
	if u == nil {
		return nil
	}
	out := &record.EndUser{ID: u.ID, Email: u.Email, DisplayName: u.DisplayName, Tags: maps.Clone(u.Tags)}
	if o := u.Organization; o != nil {
		out.Organization = &record.Organization{ID: o.ID, DisplayName: o.DisplayName}
	}
	return out
}

// query turns a Filter into a Store's. ErrUnknownIntegration means that nothing
// can match.
func (c *core) query(ctx context.Context, f Filter) (store.Query, error) {
	q := store.Query{Kind: kindConnection, DueBefore: f.DueBefore}
	tags, err := checkTags("filter.tags", f.Tags)
	err = errors.Join(err,
		checkText("filter.provider", f.Provider, 0, maxName, nil),
		checkText("filter.end_user", f.EndUser, 0, maxName, nil),
		checkText("filter.organization", f.Organization, 0, maxName, nil),
		checkText("filter.status", string(f.Status), 0, maxName, nil))
	if err != nil {
		return q, err
	}
	if f.Integration != "" {
		if err := checkKey("integration", f.Integration); err != nil {
			return q, err
		}
		row, err := c.integrationRow(ctx, f.Integration)
		if err != nil {
			return q, err
		}
		q.Parent = row.Key
	}
	label := func(prefix, value string) {
		if value != "" {
			q.Labels = append(q.Labels, prefix+value)
		}
	}
	label(labelProvider, f.Provider)
	label(labelEndUser, f.EndUser)
	label(labelOrganization, f.Organization)
	label(labelStatus, string(f.Status))
	for k, v := range tags {
		label("", tagLabel(k, v))
	}
	return q, nil
}

// errGone: the integration of a listed connection is there no more.
var errGone = errors.New("deleted meanwhile")

// integrationKeys turns rows of many integrations into values.
type integrationKeys struct {
	core *core
	keys map[string]string // by row ID
}

func (k *integrationKeys) connection(ctx context.Context, row store.Row) (Connection, error) {
	broken := Connection{ID: connectionID(row), RowID: row.ID}
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		return broken, err
	}
	key, ok := k.keys[row.Parent.ID]
	if !ok {
		parent, err := k.core.store.Get(ctx, row.Parent)
		if errors.Is(err, store.ErrNotFound) {
			return broken, errGone
		}
		if err != nil {
			return broken, err
		}
		key = parent.Unique
		if k.keys == nil {
			k.keys = map[string]string{}
		}
		k.keys[row.Parent.ID] = key
	}
	conn, err := connection{row: row, rec: rec}.value(key, nil)
	if err != nil {
		return broken, err
	}
	return conn, nil
}
