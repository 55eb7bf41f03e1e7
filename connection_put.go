package tieline

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// putConnection creates the row, or replaces the credential in the one there is.
func (c *core) putConnection(ctx context.Context, d *draft, p *private, res Grant) (connection, bool, error) {
	for {
		s, created, err := c.rowFor(ctx, d)
		if err != nil {
			return connection{}, false, err
		}
		switch {
		case !created && s.rec.State.Grant == d.grant:
			// An earlier try got through, only its answer was lost. The credential
			// may have been refreshed since.
			return s, s.row.ID == d.rowID, nil
		case !created && d.in.NewOnly:
			return connection{}, false, ErrExists
		}
		if !created && d.installs {
			p = c.withUser(s, p)
		}
		if !created {
			p = c.withWebhookSecret(s, d, p)
		}
		if err := c.fill(&s, d, p, res); err != nil {
			return connection{}, false, err
		}
		s.row, err = c.store.Put(ctx, s.row)
		switch {
		case errors.Is(err, store.ErrConflict), created && errors.Is(err, store.ErrExists):
			continue
		case !created && errors.Is(err, store.ErrNotFound):
			continue // it was deleted; make a new one
		}
		return s, created, err
	}
}

// withUser keeps the user's token that is stored beside an application's: it may
// have been renewed since the installation was looked at.
func (c *core) withUser(s connection, p *private) *private {
	next, ok := p.cred.(*CustomToken)
	if !ok {
		return p
	}
	stored, err := c.openPrivate(s.row.ID, s.rec)
	if err != nil {
		return p
	}
	now, ok := stored.cred.(*CustomToken)
	if !ok {
		return p
	}
	merged := *next
	merged.User = now.User
	return p.with(&merged, nil)
}

// withWebhookSecret keeps the secret of the connection's own webhooks, which no new
// grant changes, unless another one was given.
func (c *core) withWebhookSecret(s connection, d *draft, p *private) *private {
	if _, given := d.in.Config[ownWebhookSecret]; given || !slices.Contains(s.row.Labels, labelOwnSecret) {
		return p
	}
	stored, err := c.openPrivate(s.row.ID, s.rec)
	if err != nil {
		return p // a connection that cannot be opened can be reconnected all the same
	}
	n := p.with(p.cred, nil)
	n.secrets = put(maps.Clone(p.secrets), ownWebhookSecret, stored.secrets[ownWebhookSecret])
	return n
}

// rowFor is the row of the connection that has this ID, or a new one.
func (c *core) rowFor(ctx context.Context, d *draft) (s connection, created bool, err error) {
	unique := store.JoinPath(d.integration.row.ID, d.id)
	row, err := store.GetUnique(ctx, c.store, kindConnection, unique)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s, err := c.newRow(d)
		return s, true, err
	case err != nil:
		return connection{}, false, err
	}
	rec, err := record.ParseConnection(row.Data)
	return connection{row: row, rec: rec}, false, err
}

func (c *core) newRow(d *draft) (connection, error) {
	var err error
	if d.rowID, err = c.newRowID(); err != nil {
		return connection{}, err
	}
	return connection{
		row: store.Row{
			Key:    store.Key{Kind: kindConnection, ID: d.rowID},
			Parent: d.integration.row.Key,
			Unique: store.JoinPath(d.integration.row.ID, d.id),
		},
		rec: &record.Connection{State: record.State{Provider: d.integration.entry.Name, CreatedAt: c.now()}},
	}, nil
}

// fill writes a new credential and what came with it into a row. It takes a new
// fence, so that whatever refresh is under way comes too late to undo it.
func (c *core) fill(s *connection, d *draft, p *private, res Grant) error {
	st := &s.rec.State
	st.Fence++
	st.TokenFence = st.Fence
	st.Gen++
	st.Grant = d.grant
	st.Holder, st.Beat, st.Sent = "", time.Time{}, false
	expires := p.cred.Expiry()
	mergeFresh(st, record.State{IssuedAt: res.IssuedAt, ExpiresAt: expires, RefreshedAt: st.RefreshedAt})
	if m, ok := c.mode(d.integration.entry).(Refresher); ok && m.CanRefresh(c.newSubject(d.integration, d.id, d.plain, p)) {
		st.DueAt = c.policy.due(res, expires, d.integration.entry)
	}
	st.UpdatedAt = c.now()
	st.FetchedAt = st.UpdatedAt

	public, err := s.rec.Public()
	if err != nil {
		return err
	}
	public.Config = d.plain
	in := &d.in
	if in.Metadata != nil {
		public.Metadata = slices.Clone(in.Metadata)
	}
	if in.Tags != nil {
		public.Tags = in.Tags
	}
	if in.EndUser != nil {
		public.EndUser = endUserRecord(in.EndUser)
	}
	if in.WebhookURL != "" {
		public.WebhookURL = in.WebhookURL
	}
	s.rec.SetPublic(public)
	if s.rec.Sealed, err = c.sealPrivate(s.row.ID, st.TokenFence, p.encode()); err != nil {
		return err
	}
	s.row.Labels = labelsOf(st, &public, c.webhookLabels(d.integration, &public, p))
	s.row = connectionRow(s.row, s.rec)
	return nil
}
