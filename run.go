package tieline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tieline/tieline/store"
)

// runInterval is how often [Client.Run] looks for what is due.
const runInterval = 10 * time.Second

// Run refreshes credentials ahead of need and clears away what has expired,
// until ctx is done; it then returns ctx's error. It is optional: what is asked
// for is refreshed when it is asked for. Any number of processes may run it at
// once, and each refresh still happens once. The work is proportional to what
// is due.
//
// Failures of single connections are logged and told as events. A Store that
// fails is tried again.
func (c *Client) Run(ctx context.Context) error {
	for {
		if err := c.core.sweep(ctx); err != nil && ctx.Err() == nil {
			if errors.Is(err, store.ErrClosed) || errors.Is(err, ErrClosed) {
				return opError("tieline: run", err)
			}
			c.core.log.LogAttrs(ctx, slog.LevelWarn, "looking for what is due failed", slog.String("error", err.Error()))
		}
		timer := time.NewTimer(runInterval/2 + jitter(runInterval))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-c.core.flights.stopping():
			timer.Stop()
			return fmt.Errorf("tieline: run: %w", ErrClosed)
		}
	}
}

// sweep does once what is due.
func (c *core) sweep(ctx context.Context) error {
	return errors.Join(c.refreshDue(ctx), c.clearExpired(ctx))
}

// refreshDue starts a flight for every connection that is due, a bounded number
// at a time, and waits for them.
func (c *core) refreshDue(ctx context.Context) error {
	slots := make(chan struct{}, c.policy.Concurrency)
	defer func() {
		for range cap(slots) {
			slots <- struct{}{} // wait for the last ones
		}
	}()
	for row, err := range c.rows(ctx, store.Query{Kind: kindConnection, DueBefore: c.now()}) {
		if err != nil {
			return err
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		f, err := c.flights.start(&flight{key: row.Key, want: want{reason: whenDue}}, c.fly)
		if err != nil {
			<-slots
			return err
		}
		c.tasks.start(func() {
			defer func() { <-slots }()
			select {
			case <-f.ready:
			case <-ctx.Done():
			}
		})
	}
	return nil
}

// clearExpired deletes authorizations that nobody came back for.
func (c *core) clearExpired(ctx context.Context) error {
	for row, err := range c.rows(ctx, store.Query{Kind: kindAuthorization, DueBefore: c.now()}) {
		if err != nil {
			return err
		}
		err := c.store.Delete(ctx, row.Key, row.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
