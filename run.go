package tieline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tieline/tieline/store"
)

// runInterval is how often [Client.Run] looks for what is due.
const runInterval = 10 * time.Second

// Run refreshes credentials ahead of need and clears away what has expired,
// until ctx is done; it then returns ctx's error. It is optional: what is asked
// for is refreshed when it is asked for. Any number of processes may run it at
// once, and each refresh still happens once.
//
// It costs a look at the Store every ten seconds or so, and beyond that what is
// due, however much is stored. A provider that is slow, or has many connections
// due at once, does not keep the others waiting: see [RefreshPolicy.PerProvider].
// A refresh token that dies when it is not used is used before, if the
// provider's data says when that is.
//
// Failures of single connections are logged and told as events. A Store that
// fails is tried again.
func (c *Client) Run(ctx context.Context) error {
	r := runner{core: c.core, slots: make(chan struct{}, c.core.policy.Concurrency)}
	rctx, stop := context.WithCancel(ctx)
	if r.forwarding.queue != nil && r.forwards() {
		r.drains.Go(func() { r.receiveForwards(rctx) })
	}
	err := r.run(ctx)
	stop()
	r.drains.Wait()
	if errors.Is(err, ErrClosed) || errors.Is(err, store.ErrClosed) {
		return opError("tieline: run", err)
	}
	return err
}

// runner is one call of Run at work.
type runner struct {
	*core
	slots  chan struct{} // one for each refresh under way
	drains sync.WaitGroup

	mu       sync.Mutex
	draining map[string]bool // by provider
	lanes    map[string]bool // what is forwarded, by receiver and size; true: there is more

	forwardLook time.Time // the next one
}

func (r *runner) run(ctx context.Context) error {
	for {
		if err := r.sweep(ctx); err != nil && ctx.Err() == nil {
			if errors.Is(err, store.ErrClosed) || errors.Is(err, ErrClosed) {
				return err
			}
			r.log.LogAttrs(ctx, slog.LevelWarn, "looking for what is due failed", errorAttr(err))
		}
		timer := time.NewTimer(runInterval/2 + jitter(runInterval))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-r.flights.stopping():
			timer.Stop()
			return ErrClosed
		}
	}
}

// sweep starts what is due, clears what has expired, saves what a process that is
// gone could not, and forwards what waits.
func (r *runner) sweep(ctx context.Context) error {
	providers, err := r.providersDue(ctx)
	for name := range providers {
		r.drain(ctx, name)
	}
	return errors.Join(err, r.clearExpired(ctx), r.sweepJournal(ctx), r.sweepForwards(ctx))
}

// providersDue are the providers with connections that are due, and perhaps
// others. One page tells, unless there is more than that.
func (r *runner) providersDue(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	note := func(row store.Row) {
		for _, l := range row.Labels {
			if name, ok := strings.CutPrefix(l, labelProvider); ok {
				names[name] = true
			}
		}
	}
	page, err := r.store.List(ctx, store.Query{Kind: kindConnection, DueBefore: r.now()})
	if err != nil {
		return nil, err
	}
	for _, row := range page.Rows {
		note(row)
	}
	if page.Next == "" {
		return names, nil
	}
	for row, err := range r.rows(ctx, store.Query{Kind: kindIntegration}) {
		if err != nil {
			return names, err
		}
		note(row)
	}
	return names, nil
}

// drain begins to refresh what is due of a provider, unless that is under way.
func (r *runner) drain(ctx context.Context, provider string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining[provider] {
		return
	}
	if r.draining == nil {
		r.draining = map[string]bool{}
	}
	r.draining[provider] = true
	r.drains.Go(func() {
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			delete(r.draining, provider)
		}()
		err := r.refreshDue(ctx, provider)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrClosed) {
			r.log.LogAttrs(ctx, slog.LevelWarn, "refreshing what is due failed", slog.String(keyProvider, provider), errorAttr(err))
		}
	})
}

// refreshDue starts a flight for every connection of a provider that is due, a
// bounded number at a time, and waits for them.
func (r *runner) refreshDue(ctx context.Context, provider string) error {
	// A provider that asks for patience is left alone until the next sweep.
	ctx, enough := context.WithCancelCause(ctx)
	defer enough(nil)
	own := make(chan struct{}, r.policy.PerProvider)
	defer func() {
		for range cap(own) {
			own <- struct{}{} // wait for the last ones
		}
	}()
	due := store.Query{Kind: kindConnection, Labels: []string{labelProvider + provider}, DueBefore: r.now()}
	for row, err := range r.rows(ctx, due) {
		switch {
		case errors.Is(context.Cause(ctx), errPatience):
			return nil
		case err != nil:
			return err
		case r.breakers.stops(row.Parent.ID):
			continue
		}
		if err := r.refreshOne(ctx, row.Key, own, enough); err != nil {
			return err
		}
	}
	return nil
}

// errPatience: the provider asked to come back later.
var errPatience = errors.New("the provider asks for patience")

// refreshOne starts a flight as soon as there is room for it.
func (r *runner) refreshOne(ctx context.Context, key store.Key, own chan struct{}, enough context.CancelCauseFunc) error {
	own <- struct{}{}
	r.slots <- struct{}{}
	leave := func() {
		<-r.slots
		<-own
	}
	if ctx.Err() != nil { // which may be why there was room
		leave()
		return nil
	}
	f, err := r.flights.start(&flight{key: key, want: want{reason: background}}, r.fly)
	if err != nil {
		leave()
		return err
	}
	r.tasks.start(func() {
		defer leave()
		select {
		case <-f.ready:
			if asksForPatience(f.out.err) {
				enough(errPatience)
			}
		case <-ctx.Done():
		}
	})
	return nil
}

func asksForPatience(err error) bool {
	var t *TokenError
	return errors.As(err, &t) && t.Class == ClassTransient
}

// clearExpired deletes authorizations that nobody came back for, and sessions.
func (c *core) clearExpired(ctx context.Context) error {
	return errors.Join(c.clearKind(ctx, kindAuthorization), c.clearKind(ctx, kindSession))
}

func (c *core) clearKind(ctx context.Context, kind store.Kind) error {
	for row, err := range c.rows(ctx, store.Query{Kind: kind, DueBefore: c.now()}) {
		if err != nil {
			return err
		}
		err := c.store.Delete(ctx, row.Key, row.Version)
		if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("clear expired rows: %w", err)
		}
	}
	return nil
}
