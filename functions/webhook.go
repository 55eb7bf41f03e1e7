package functions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/record"
)

// HandleWebhook accepts a run of every function that a verified webhook starts, for
// each of the connections that it is about: call it from
// [tieline.WebhookOptions.Receive]. Once it has returned nil the runs survive. A
// delivery that the provider repeats starts nothing anew, if the provider gives
// deliveries an ID. After an error some runs may have been accepted; the provider
// should be told to send the webhook again, and those are not doubled.
//
// A webhook that is not verified is ErrUnverified, one that no function wants nil.
func (f *Functions) HandleWebhook(ctx context.Context, w *tieline.Webhook) error {
	if err := f.handleWebhook(ctx, w); err != nil {
		return fmt.Errorf("functions: webhook of %q: %w", w.Integration, err)
	}
	return nil
}

func (f *Functions) handleWebhook(ctx context.Context, w *tieline.Webhook) error {
	if err := f.durably(); err != nil {
		return err
	}
	if !w.Verified {
		return ErrUnverified
	}
	for _, conn := range w.Connections {
		all := f.of(conn.Integration, conn.Provider)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if !all[name].wants(w.Type) {
				continue
			}
			if err := f.acceptWebhook(ctx, w, conn, all[name]); err != nil {
				return fmt.Errorf("%q of %q: %w", name, conn.ID, err)
			}
		}
	}
	return nil
}

func (fn *Function) wants(webhook string) bool {
	return slices.Contains(fn.o.Webhooks, "*") || slices.Contains(fn.o.Webhooks, webhook)
}

func (f *Functions) acceptWebhook(ctx context.Context, w *tieline.Webhook, conn tieline.Connection, fn *Function) error {
	size := len(w.Body)
	for name, values := range w.Header {
		for _, v := range values {
			size += len(name) + len(v)
		}
	}
	if size > f.maxBytes {
		return fmt.Errorf("it has %d bytes, more than %d", size, f.maxBytes)
	}
	a := order{conn: conn, fn: fn, content: record.FunctionContent{
		Webhook: true, WebhookID: w.ID, WebhookType: w.Type, WebhookHeader: w.Header, WebhookBody: w.Body,
	}}
	if w.ID != "" {
		a.unique = ids.Encode(ids.Digest("webhook", fn.name, conn.RowID, w.ID))
	}
	e, _, err := f.accept(ctx, a, nil)
	if errors.Is(err, tieline.ErrNotFound) {
		return nil // the connection was deleted
	}
	if err == nil && e.rec.State == record.FunctionWaiting {
		f.wake(ctx, e)
	}
	return err
}
