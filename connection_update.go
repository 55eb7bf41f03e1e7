package tieline

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

func (c *core) updateConnection(ctx context.Context, integration, id string, change func(*Connection) error) (Connection, error) {
	if change == nil {
		return Connection{}, &FieldError{Field: "change", Reason: "is required"}
	}
	for {
		s, err := c.findConnection(ctx, integration, id)
		if err != nil {
			return Connection{}, err
		}
		p, err := c.openPrivate(s.row.ID, s.rec)
		if err != nil {
			return Connection{}, err
		}
		before, err := s.value(integration, p)
		if err != nil {
			return Connection{}, err
		}
		after := cloneConnection(before)
		if err := change(&after); err != nil {
			return Connection{}, err
		}
		if err := c.edit(ctx, &s, p, &before, &after); err != nil {
			return Connection{}, err
		}
		s.row, err = c.store.Put(ctx, s.row)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return Connection{}, err
		}
		return s.value(integration, p)
	}
}

// cloneConnection is a copy whose maps can be changed.
func cloneConnection(conn Connection) Connection {
	conn.Config = maps.Clone(conn.Config)
	conn.Captured = maps.Clone(conn.Captured)
	conn.Tags = maps.Clone(conn.Tags)
	conn.Metadata = slices.Clone(conn.Metadata)
	if conn.EndUser != nil {
		conn.EndUser = endUserValue(endUserRecord(conn.EndUser))
	}
	return conn
}

// edit checks a changed connection and puts the changes into the row. The
// credential and the lease stay what they are.
func (c *core) edit(ctx context.Context, s *connection, p *private, before, after *Connection) error {
	if err := checkFixed(before, after); err != nil {
		return err
	}
	tags, tagErr := checkTags("tags", after.Tags)
	metadata, metaErr := checkMetadata("metadata", after.Metadata)
	if err := errors.Join(tagErr, metaErr, checkEndUser(after.EndUser), checkWebhookURL("webhook_url", after.WebhookURL)); err != nil {
		return err
	}
	public, err := s.rec.Public()
	if err != nil {
		return err
	}
	public.Tags, public.Metadata, public.WebhookURL = tags, metadata, after.WebhookURL
	public.EndUser = endUserRecord(after.EndUser)
	if !maps.Equal(before.Config, after.Config) {
		if err := c.editConfig(s, p, &public, after.Config); err != nil {
			return err
		}
	}
	s.rec.SetPublic(public)
	s.rec.State.UpdatedAt = c.now()
	kept := slices.DeleteFunc(slices.Clone(s.row.Labels), func(l string) bool { return !isWebhookLabel(l) })
	s.row.Labels = labelsOf(&s.rec.State, &public, kept)
	if !maps.Equal(before.Config, after.Config) || !bytes.Equal(before.Metadata, metadata) {
		if s.row.Labels, err = c.relabel(ctx, s.row, s.rec, &public, p); err != nil {
			return err
		}
	}
	s.row = connectionRow(s.row, s.rec)
	return nil
}

func (c *core) editConfig(s *connection, p *private, public *record.Public, config map[string]string) error {
	entry, err := c.entry(s.rec.State.Provider)
	if err != nil {
		return err
	}
	plain, secrets, err := checkConfig(entry.ConnectionConfig, configNames(entry), config, p.secrets)
	if err != nil {
		return err
	}
	public.Config = plain
	if maps.Equal(secrets, p.secrets) {
		return nil
	}
	p.secrets = secrets
	s.rec.Sealed, err = c.sealPrivate(s.row.ID, s.rec.State.TokenFence, p.encode())
	return err
}

// checkFixed refuses changes of what is not the application's to change.
func checkFixed(before, after *Connection) error {
	for _, f := range []struct {
		field string
		same  bool
	}{
		{"id", before.ID == after.ID},
		{"integration", before.Integration == after.Integration},
		{"provider", before.Provider == after.Provider},
		{"status", before.Status == after.Status},
		{"captured", maps.Equal(before.Captured, after.Captured)},
		{"row_id", before.RowID == after.RowID && before.Number == after.Number},
		{"expires_at", before.ExpiresAt.Equal(after.ExpiresAt)},
		{"created_at", before.CreatedAt.Equal(after.CreatedAt)},
		{"refreshed_at", before.RefreshedAt.Equal(after.RefreshedAt)},
		{"last_error", (before.LastError == nil) == (after.LastError == nil) && (before.LastError == nil || *before.LastError == *after.LastError)},
	} {
		if !f.same {
			return &FieldError{Field: f.field, Reason: "cannot be changed"}
		}
	}
	return nil
}
