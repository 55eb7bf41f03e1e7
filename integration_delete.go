package tieline

import (
	"context"
	"errors"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// deleteBatch is how many connections of an integration are revoked at once.
const deleteBatch = 8

// DeleteOptions says how to delete. The zero value revokes grants at the
// provider first, where the provider has a way to.
type DeleteOptions struct {
	// SkipRevocation leaves the grants alive at the provider.
	SkipRevocation bool
}

// Delete removes an integration and its connections, whose grants are revoked
// at the provider first; that a revocation fails does not keep a connection.
// From the moment it begins nothing of the integration is refreshed any more.
// If it is interrupted, call it again.
func (m *Integrations) Delete(ctx context.Context, key string, o DeleteOptions) error {
	return opError("integrations: delete", m.core.deleteIntegration(ctx, key, o), key)
}

func (c *core) deleteIntegration(ctx context.Context, key string, o DeleteOptions) error {
	for {
		row, err := c.markDeleting(ctx, key)
		if err != nil {
			return err
		}
		if err := c.deleteBelow(ctx, row.Key, o); err != nil {
			return err
		}
		// What slipped in goes with it.
		err = c.store.Delete(ctx, row.Key, row.Version)
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// markDeleting keeps flights from starting. It does not need the keys, so that
// an integration can be deleted whose secrets are lost.
func (c *core) markDeleting(ctx context.Context, key string) (store.Row, error) {
	if err := checkKey("integration", key); err != nil {
		return store.Row{}, err
	}
	for {
		row, err := c.integrationRow(ctx, key)
		if err != nil {
			return store.Row{}, err
		}
		rec, err := record.ParseIntegration(row.Data)
		if err != nil || rec.Deleting {
			return row, nil
		}
		rec.Deleting = true
		rec.UpdatedAt = c.now()
		row.Data = rec.Encode()
		row, err = c.store.Put(ctx, row)
		if !errors.Is(err, store.ErrConflict) {
			return row, err
		}
	}
}

// deleteBelow deletes the connections of an integration, a few at a time.
func (c *core) deleteBelow(ctx context.Context, parent store.Key, o DeleteOptions) error {
	errs := make(chan error, deleteBatch)
	running := 0
	var failed error
	for row, err := range c.rows(ctx, store.Query{Kind: kindConnection, Parent: parent}) {
		if err != nil {
			failed = errors.Join(failed, err)
			break
		}
		if running == deleteBatch {
			failed = errors.Join(failed, <-errs)
			running--
		}
		running++
		c.tasks.start(func() { errs <- c.deleteConnection(ctx, row, o) })
	}
	for range running {
		failed = errors.Join(failed, <-errs)
	}
	return failed
}
