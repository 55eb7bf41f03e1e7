package tieline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

// The kinds of row. Connections and pending authorizations hang below their
// integration.
const (
	kindIntegration   store.Kind = "integration"
	kindConnection    store.Kind = "connection"
	kindAuthorization store.Kind = "authorization"
)

const purposeApp = "app"

// webhookIndexSize is the length of the key of labels for webhooks, in bytes.
const webhookIndexSize = 16

// integration is a stored integration, opened.
type integration struct {
	row     store.Row
	rec     *record.Integration
	private *integrationPrivate
	entry   *spec.Entry
}

// entry finds a provider in the catalog.
func (c *core) entry(provider string) (*spec.Entry, error) {
	return c.catalog.entry(provider)
}

// integration finds an integration by its key.
func (c *core) integration(ctx context.Context, key string) (*integration, error) {
	if err := checkKey("integration", key); err != nil {
		return nil, err
	}
	row, err := c.integrationRow(ctx, key)
	if err != nil {
		return nil, err
	}
	return c.openIntegration(row)
}

func (c *core) integrationRow(ctx context.Context, key string) (store.Row, error) {
	row, err := store.GetUnique(ctx, c.store, kindIntegration, key)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrUnknownIntegration
	}
	return row, err
}

// integrationByID finds an integration by the ID of its row.
func (c *core) integrationByID(ctx context.Context, key store.Key) (*integration, error) {
	row, err := c.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	return c.openIntegration(row)
}

func (c *core) openIntegration(row store.Row) (*integration, error) {
	rec, err := record.ParseIntegration(row.Data)
	if err != nil {
		return nil, err
	}
	plain, err := c.keys.Open(nil, rec.Sealed, seal.Binding{Purpose: purposeApp, RowID: row.ID, Generation: rec.Gen})
	if err != nil {
		return nil, err
	}
	private, err := decodeIntegrationPrivate(plain)
	if err != nil {
		return nil, err
	}
	entry, err := c.entry(rec.Provider)
	if err != nil {
		return nil, err
	}
	return &integration{row: row, rec: rec, private: private, entry: entry}, nil
}

// putIntegration seals the private part under a new generation and writes the row.
func (c *core) putIntegration(ctx context.Context, row store.Row, rec *record.Integration, private *integrationPrivate) (store.Row, error) {
	if len(private.webhooks.index) == 0 {
		index, err := c.random(webhookIndexSize)
		if err != nil {
			return store.Row{}, err
		}
		private.webhooks.index = index
	}
	rec.Gen++
	sealed, err := c.keys.Seal(private.encode(), seal.Binding{Purpose: purposeApp, RowID: row.ID, Generation: rec.Gen})
	if err != nil {
		return store.Row{}, err
	}
	rec.Sealed = sealed
	row.Data = rec.Encode()
	row.Labels = []string{"provider=" + rec.Provider}
	return c.store.Put(ctx, row)
}

func (i *integration) value(c *core) Integration {
	return c.integrationValue(i.row, i.rec, i.private)
}

func (c *core) integrationValue(row store.Row, rec *record.Integration, private *integrationPrivate) Integration {
	name := rec.DisplayName
	if entry, err := c.entry(rec.Provider); err == nil {
		name = cmp.Or(name, entry.DisplayName)
	}
	return Integration{
		Key: row.Unique, Provider: rec.Provider, DisplayName: name, ForwardWebhooks: rec.ForwardWebhooks,
		App: cloneApp(private.app), Config: maps.Clone(rec.Config), APIHosts: slices.Clone(rec.APIHosts),
		WebhookSecrets: slices.Clone(private.webhooks.secrets), WebhookParams: maps.Clone(private.webhooks.params),
		RowID: row.ID, Number: numberOf(row.ID), CreatedAt: rec.CreatedAt, UpdatedAt: rec.UpdatedAt,
	}
}

// config is every value of the integration's config, secret ones too.
func (i *integration) config() map[string]string {
	all := maps.Clone(i.rec.Config)
	if all == nil {
		all = make(map[string]string, len(i.private.secrets))
	}
	maps.Copy(all, i.private.secrets)
	return all
}

// rows yields every row that matches, page by page.
func (c *core) rows(ctx context.Context, q store.Query) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for {
			page, err := c.store.List(ctx, q)
			if err != nil {
				yield(store.Row{}, listError(err))
				return
			}
			for _, row := range page.Rows {
				if !yield(row, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

// listError names what a caller of a listing can have got wrong.
func listError(err error) error {
	if errors.Is(err, store.ErrInvalid) {
		return fmt.Errorf("%w: %w", &FieldError{Field: "after", Reason: "is not a cursor of this listing, or the limit is negative"}, err)
	}
	return err
}
