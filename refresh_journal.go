package tieline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/journal"
)

// Journal keeps refreshed tokens that the Store does not take, for a process
// that comes after this one. [journal.Open] makes one of a directory.
type Journal interface {
	// Append keeps an entry. When it returns nil, the entry outlives the process.
	// Appending one again replaces it.
	Append(ctx context.Context, e journal.Entry) error
	// Entries are those that were not dropped, of other processes too.
	Entries(ctx context.Context) ([]journal.Entry, error)
	// Drop forgets an entry; that there is none is no error.
	Drop(ctx context.Context, e journal.Entry) error
}

const purposeJournal = "journal"

// keepAside puts into the journal what could not be saved, and says whether it
// is there.
func (a *attempt) keepAside(r received) bool {
	p := a.priv.with(r.cred, r.captured)
	rec := &record.Connection{State: r.state, Sealed: p.encode()}
	rec.State.Holder = r.holder
	ctx, cancel := context.WithTimeout(a.ctx, a.policy.SaveTimeout)
	defer cancel()
	data, err := a.keys.Seal(rec.Encode(), seal.Binding{Purpose: purposeJournal, RowID: a.flight.key.ID, Generation: r.fence})
	if err == nil {
		err = a.journal.Append(ctx, journal.Entry{Row: a.flight.key.ID, Fence: r.fence, Data: data})
	}
	if err != nil {
		a.log.LogAttrs(a.ctx, slog.LevelError, "an unsaved token could not be put into the journal either", a.subj.attrs(errorAttr(err))...)
	}
	return err == nil
}

// dropAside forgets what is stored by now, or is not wanted any more. That it
// may fail does no harm: who finds the entry sees that from the row.
func (c *core) dropAside(ctx context.Context, e journal.Entry) {
	ctx, cancel := context.WithTimeout(ctx, c.policy.SaveTimeout)
	defer cancel()
	if err := c.journal.Drop(ctx, e); err != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "an entry of the journal was not dropped", slog.String(keyRow, e.Row), errorAttr(err))
	}
}

// recoverAside saves what another process received for this row and could not
// save. That comes before the token in the row may be spent: it is probably spent
// already. It answers true when the row was changed.
func (a *attempt) recoverAside() (changed bool, err error) {
	if a.journal == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(a.ctx, a.policy.SaveTimeout)
	defer cancel()
	entries, err := a.journal.Entries(ctx)
	if err != nil {
		// Without its journal a process does what one does that has none.
		a.log.LogAttrs(ctx, slog.LevelError, "the journal cannot be read", a.subj.attrs(errorAttr(err))...)
	}
	for _, e := range entries {
		if e.Row != a.flight.key.ID {
			continue
		}
		saved, err := a.recoverOne(e)
		if err != nil {
			return changed, fmt.Errorf("save a token from the journal: %w", err)
		}
		changed = changed || saved
	}
	return changed, nil
}

// recoverOne saves one entry, unless it or a later attempt's is saved.
func (a *attempt) recoverOne(e journal.Entry) (saved bool, err error) {
	if e.Fence <= a.rec.State.TokenFence {
		a.dropAside(a.ctx, e)
		return false, nil
	}
	r, err := a.openAside(e)
	if err != nil {
		// Another entry, or asking the provider, may still help.
		a.log.LogAttrs(a.ctx, slog.LevelError, "an entry of the journal cannot be read", a.subj.attrs(slog.String(keyRow, e.Row), errorAttr(err))...)
		return false, nil
	}
	for {
		switch err := a.commit(r); {
		case errors.Is(err, store.ErrConflict):
			continue
		case err == nil:
			a.counts.recovered.Add(1)
			a.log.LogAttrs(a.ctx, slog.LevelInfo, "saved a token from the journal", a.subj.attrs()...)
			saved = true
		case errors.Is(err, store.ErrNotFound):
			a.revokeOrphan(r.cred)
			a.dropAside(a.ctx, e)
			return false, err
		case !errors.Is(err, errSuperseded):
			return false, err
		}
		a.dropAside(a.ctx, e)
		return saved, nil
	}
}

func (a *attempt) openAside(e journal.Entry) (received, error) {
	plain, err := a.keys.Open(nil, e.Data, seal.Binding{Purpose: purposeJournal, RowID: e.Row, Generation: e.Fence})
	if err != nil {
		return received{}, err
	}
	rec, err := record.ParseConnection(plain)
	if err != nil {
		return received{}, err
	}
	p, err := decodePrivate(rec.Sealed)
	if err != nil {
		return received{}, err
	}
	return received{fence: e.Fence, holder: rec.State.Holder, cred: p.cred, captured: p.captured, state: rec.State}, nil
}

// sweepJournal sees to entries that nobody asked for: those of connections that
// were deleted are dropped, for the others a flight is started.
func (r *runner) sweepJournal(ctx context.Context) error {
	if r.journal == nil {
		return nil
	}
	entries, err := r.journal.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := store.Key{Kind: kindConnection, ID: e.Row}
		switch _, err := r.store.Get(ctx, key); {
		case errors.Is(err, store.ErrNotFound):
			r.dropAside(ctx, e)
		case err != nil:
			return err
		default:
			if _, err := r.flights.start(&flight{key: key, want: want{reason: background}}, r.fly); err != nil {
				return err
			}
		}
	}
	return nil
}
