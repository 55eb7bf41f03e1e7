package tieline

import (
	"context"
	"errors"
	"log/slog"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// Delete removes a connection. Its grant is revoked at the provider first,
// where the provider has a way to; that this fails does not keep the
// connection. Of several concurrent Deletes one succeeds, the others answer
// ErrNotFound.
func (m *Connections) Delete(ctx context.Context, integration, id string, o DeleteOptions) error {
	return opError("connections: delete", m.core.deleteNamed(ctx, integration, id, o), integration, id)
}

func (c *core) deleteNamed(ctx context.Context, integration, id string, o DeleteOptions) error {
	// Only the row is needed: what cannot be read can still be deleted.
	if err := checkNames(integration, id); err != nil {
		return err
	}
	if isClosed(c.flights.stopping()) {
		return ErrClosed
	}
	row, err := c.namedRow(ctx, integration, id)
	if err != nil {
		return err
	}
	// Between revoking the grant and deleting the row nobody may leave.
	_, err = detach(c, ctx, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.deleteConnection(ctx, row, o)
	})
	return err
}

// deleteConnection deletes a row, and again after every change of it that comes
// first. A grant that a refresh puts there meanwhile is revoked too. A Store that
// fails on the way is an error, and leaves the connection: the grant in it would
// live on unseen.
func (c *core) deleteConnection(ctx context.Context, row store.Row, o DeleteOptions) error {
	revoked := int64(-1) // the generation
	for {
		if !o.SkipRevocation {
			var err error
			if revoked, err = c.revokeRow(ctx, row, revoked); err != nil {
				return err
			}
		}
		err := c.store.Delete(ctx, row.Key, row.Version)
		if err == nil {
			c.emitDeleted(ctx, row)
			return nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
		if row, err = c.store.Get(ctx, row.Key); err != nil {
			return err
		}
	}
}

// revokeRow ends the grant in a row at the provider, unless it is of the
// generation that was revoked before. It answers with the row's generation. What
// cannot be read, and a provider that does not want, are no errors.
func (c *core) revokeRow(ctx context.Context, row store.Row, done int64) (int64, error) {
	rec, err := record.ParseConnection(row.Data)
	if err != nil || rec.State.Gen == done {
		return done, nil
	}
	s, err := c.subject(ctx, row, rec)
	switch {
	case err == nil:
		tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
		defer cancel()
		err = errors.Join(s.uninstall(tctx), c.revoke(tctx, s, s.private.cred))
	case !unreadable(err):
		return done, err
	}
	if err != nil {
		attrs := names("", connectionID(row), rec.State.Provider)
		if s != nil {
			attrs = s.attrs()
		}
		c.log.LogAttrs(ctx, slog.LevelWarn, "grant of a connection to be deleted was not revoked", append(attrs, errorAttr(translate(err)))...)
	}
	return rec.State.Gen, nil
}

// unreadable says whether a row is what cannot be read, and not the Store.
func unreadable(err error) bool {
	err = translate(err)
	for _, lasting := range []error{ErrNotFound, ErrUnknownProvider, ErrUnknownKey, ErrDamaged, ErrNewerFormat} {
		if errors.Is(err, lasting) {
			return true
		}
	}
	return false
}

func (c *core) emitDeleted(ctx context.Context, row store.Row) {
	e := Event{Type: EventDisconnected, Connection: connectionID(row)}
	if rec, err := record.ParseConnection(row.Data); err == nil {
		e.Provider = rec.State.Provider
	}
	if parent, err := c.store.Get(ctx, row.Parent); err == nil {
		e.Integration = parent.Unique
	}
	c.emit(ctx, e)
}
