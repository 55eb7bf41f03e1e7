package tieline

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

// What the provider's data wants to be known anew after each refresh never comes
// between a token and its save: what the answer itself says is saved with the
// token, and what takes a call is looked up once the token is stored. That nothing
// was found costs nothing but that: what was known stays.

// reread takes from the answer of a refresh what is to be read from it each time.
func (a *attempt) reread(res refreshed) (out refreshed) {
	if res.err != nil || !rereads(a.subj.provider, false) {
		return res
	}
	out = res
	defer a.contain()
	found, err := a.subj.lookUpAgain(a.ctx, res.Grant, false)
	if err != nil {
		a.notFound(err)
	}
	captured := maps.Clone(res.Captured)
	for name, v := range found {
		captured = put(captured, name, v)
	}
	out.Captured = captured
	return out
}

// lookUpSoon looks up, once a refresh is stored, what takes a call. Nobody waits for
// it but [Client.Close].
func (a *attempt) lookUpSoon(g Grant, fence int64) {
	if !rereads(a.subj.provider, true) {
		return
	}
	s, key := a.subj, a.flight.key
	a.flights.tasks.start(func() {
		defer a.contain()
		ctx, cancel := context.WithTimeout(a.ctx, a.policy.Exchange)
		defer cancel()
		found, err := s.lookUpAgain(ctx, g, true)
		if len(found) > 0 {
			err = errors.Join(err, a.recapture(ctx, key, fence, found))
		}
		if err != nil {
			a.notFound(err)
		}
	})
}

// contain keeps a panic over what a provider said from costing more than that.
func (a *attempt) contain() {
	if p := recover(); p != nil {
		a.log.LogAttrs(a.ctx, slog.LevelError, "a look-up after a refresh panicked", a.subj.attrs(slog.String(keyStack, string(debug.Stack())))...)
	}
}

func (a *attempt) notFound(err error) {
	a.log.LogAttrs(a.ctx, slog.LevelWarn, "a look-up after a refresh failed", a.subj.attrs(errorAttr(err))...)
}

// rereads says whether there is anything to look up after each refresh, with a call
// or without.
func rereads(e *spec.Entry, calls bool) bool {
	return slices.ContainsFunc(e.Discovery, func(d spec.Discovery) bool {
		return d.OnRefresh && (d.From == spec.DiscoverResponse) == calls
	})
}

// lookUpAgain repeats the look-ups that are for every refresh: those that take a
// call, or the others. It goes on after one that fails.
func (s *Subject) lookUpAgain(ctx context.Context, g Grant, calls bool) (map[string]string, error) {
	var found map[string]string
	var errs []error
	sub := s.withCredential(g.Credential).withNewer(g.Captured)
	sub.searching = true
	for i := range s.provider.Discovery {
		d := &s.provider.Discovery[i]
		if !d.OnRefresh || (d.From == spec.DiscoverResponse) != calls || d.OnlyIfMissing && sub.knows(d) {
			continue
		}
		values, err := sub.discovered(ctx, d, g, nil)
		if err != nil {
			errs = append(errs, lookUpError(d, err))
			continue
		}
		for name, v := range values {
			found = put(found, name, v)
		}
		sub = sub.withNewer(values)
	}
	return found, errors.Join(errs...)
}

// withNewer is the same connection with values that take the place of what the
// provider told before, and not of what the application gave.
func (s *Subject) withNewer(captured map[string]string) *Subject {
	n := *s
	n.config = maps.Clone(s.config)
	for k, v := range captured {
		if old := n.config[k]; old == "" || old == s.private.captured[k] {
			n.config = put(n.config, k, v)
		}
	}
	n.private = s.private.with(s.private.cred, captured)
	return &n
}

// recapture stores values beside the credential for which they were looked up. If
// another one is there by now, they are dropped: it has its own.
func (c *core) recapture(ctx context.Context, key store.Key, fence int64, found map[string]string) error {
	for {
		row, err := c.store.Get(ctx, key)
		if err != nil {
			return err
		}
		rec, err := record.ParseConnection(row.Data)
		if err != nil {
			return err
		}
		p, err := c.openPrivate(row.ID, rec)
		if err != nil {
			return err
		}
		with := p.with(p.cred, found)
		if rec.State.TokenFence != fence || maps.Equal(with.captured, p.captured) {
			return nil
		}
		if rec.Sealed, err = c.sealPrivate(row.ID, fence, with.encode()); err != nil {
			return err
		}
		rec.State.UpdatedAt = c.now()
		public, err := rec.Public()
		if err != nil {
			return err
		}
		if row.Labels, err = c.relabel(ctx, row, rec, &public, with); err != nil {
			return err
		}
		if _, err = c.store.Put(ctx, connectionRow(row, rec)); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
