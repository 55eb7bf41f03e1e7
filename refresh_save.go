package tieline

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/journal"
)

// received is what an attempt got from a provider and has to save.
type received struct {
	fence    int64  // of the attempt
	holder   string // the attempt's name in the lease
	cred     Credential
	captured map[string]string
	state    record.State // what a commit writes, apart from lease and fence
	partial  bool         // the attempt goes on, and more is to come
}

// keep makes a new credential known to those who wait and saves it. It returns
// when it is durable, or cannot become so because the row or the Store is gone.
func (a *attempt) keep(res refreshed) {
	fresh := a.freshState(res)
	got := received{fence: a.lease.fence, holder: a.lease.holder, cred: res.Credential, captured: res.Captured, state: fresh}
	unsaved := UnsavedToken{Connection: a.subj.name(), Since: a.now()}
	a.flight.setUnsaved(unsaved)
	if res.err == nil {
		out := outcome{cred: res.Credential, gen: a.lease.gen + 1, issued: res.IssuedAt, expires: fresh.ExpiresAt, due: fresh.DueAt, tried: true}
		a.flight.publish(out)
	}
	err := a.save(got)
	if errors.Is(err, store.ErrClosed) {
		a.flights.lose(unsaved)
	}
	a.flight.setUnsaved(UnsavedToken{})
	if res.err == nil {
		a.counts.refreshed.Add(1)
		a.clientAccepted()
	} else {
		a.counts.failed.Add(1)
	}
	switch {
	case err != nil:
		a.log.LogAttrs(a.ctx, slog.LevelWarn, "refreshed token was not needed any more", a.subj.attrs(errorAttr(err))...)
	case res.err != nil:
		// A new refresh token came without an access token.
		cause := &RefreshError{Failure: newFailure(fresh.LastError), RetryAt: fresh.NextAttempt, Err: newTokenError(res.err)}
		a.publishFailure(cause)
		a.emit(a.ctx, a.subj.event(EventRefreshFailed, cause))
	default:
		a.lookUpSoon(res.Grant, got.fence)
		a.emit(a.ctx, a.subj.event(EventRefreshed, nil))
		if before, after := scopesOf(a.priv.cred), scopesOf(res.Credential); len(after) > 0 && !slices.Equal(before, after) {
			a.emit(a.ctx, a.subj.event(EventScopeChanged, nil))
		}
	}
}

// freshState is what a commit writes into the state, apart from lease and fence.
func (a *attempt) freshState(res refreshed) record.State {
	expires := res.Credential.Expiry()
	fresh := record.State{
		IssuedAt: res.IssuedAt, ExpiresAt: expires,
		DueAt: a.policy.due(res.Grant, expires, a.subj.provider), RefreshedAt: a.now(),
	}
	if !a.refresher.CanRefresh(a.subj.withCredential(res.Credential)) {
		fresh.DueAt = time.Time{}
	}
	if res.torn {
		// The old refresh token is kept, and may be spent.
		fresh.Sent = true
		if a.subj.forgiveness(a.policy.Confirm) == forgives {
			fresh.DueAt = a.now().Add(a.policy.Confirm)
		}
	}
	if res.err != nil {
		old := &a.rec.State
		fresh.IssuedAt, fresh.ExpiresAt, fresh.DueAt, fresh.RefreshedAt = old.IssuedAt, old.ExpiresAt, old.DueAt, old.RefreshedAt
		fresh.Fails = old.Fails + 1
		fresh.LastError = a.failure(res.err)
		fresh.NextAttempt = a.now().Add(a.policy.backoff(fresh.Fails))
	}
	return fresh
}

// errSuperseded: a later attempt, or the user, has stored another credential.
var errSuperseded = errors.New("a newer credential is stored")

// save commits the credential if no later attempt has. Who holds the lease by
// then does not matter: a token that was received is never dropped while it is
// the newest. It is tried for as long as this process lives; the only reasons to
// stop are that the row is gone, that a newer credential is in it, or that the
// Store was closed for good.
func (a *attempt) save(got received) (err error) {
	failedBefore, aside := false, false
	defer func() {
		if aside && !errors.Is(err, store.ErrClosed) {
			a.dropAside(a.ctx, journal.Entry{Row: a.flight.key.ID, Fence: got.fence})
		}
	}()
	// What the row was before the token was sent is known. If it still is, the
	// token is durable one round trip after it came.
	try := a.put
	for d := saveRetryMin; ; d = min(2*d, a.policy.saveRetryMax()) {
		err := try(got)
		try = a.commit
		if err != nil && !aside && a.journal != nil && unsavable(err) {
			aside = a.keepAside(got)
		}
		switch {
		case err == nil, errors.Is(err, errSuperseded):
			return err
		case errors.Is(err, store.ErrNotFound):
			a.revokeOrphan(got.cred)
			return err
		case errors.Is(err, store.ErrClosed):
			a.emit(a.ctx, a.subj.event(EventUnsaved, err))
			return err
		case errors.Is(err, store.ErrConflict):
			d = saveRetryMin / 2 // somebody edits the row; no reason to wait long
		default:
			a.counts.saveRetries.Add(1)
			if !failedBefore {
				failedBefore = true
				a.emit(a.ctx, a.subj.event(EventUnsaved, err))
			}
		}
		sleep(d + jitter(d/2))
	}
}

// unsavable says whether a save failed because of the Store.
func unsavable(err error) bool {
	return !errors.Is(err, errSuperseded) && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict)
}

// commit reads the row and puts the credential into it.
func (a *attempt) commit(got received) error {
	if err := a.read(); err != nil {
		return err
	}
	return a.put(got)
}

// put writes the credential into the row as it was last read.
func (a *attempt) put(got received) error {
	s := &a.rec.State
	switch {
	case s.TokenFence == got.fence:
		return nil // an earlier try got through, only its answer was lost
	case s.TokenFence > got.fence:
		return errSuperseded
	}
	// Secret config may have been edited since the attempt began.
	private := a.priv
	if edited, err := a.openPrivate(a.row.ID, a.rec); err == nil {
		private = edited
	}
	sealed, err := a.sealPrivate(a.row.ID, got.fence, private.with(got.cred, got.captured).encode())
	if err != nil {
		return err
	}
	n := *a.rec
	n.Sealed = sealed
	mergeFresh(&n.State, got.state)
	n.State.TokenFence = got.fence
	n.State.Gen++
	n.State.UpdatedAt = a.now()
	switch {
	case got.partial && a.holding():
		// The lease is made new: this refresh token may be the next to be spent.
		a.extend(&n.State)
	case s.Holder == got.holder:
		n.State.Holder, n.State.Beat, n.State.Sent = "", time.Time{}, got.state.Sent
	}
	return a.write(n)
}

// checkpoint saves a new refresh token under a lease that goes on, and says whether
// that token may be sent. The fence below the lease's is its own, so that the
// outcome still counts as later, and does so if nobody can tell whether this was
// stored.
func (a *attempt) checkpoint(cred Credential) bool {
	got := received{fence: a.lease.fence - 1, holder: a.lease.holder, cred: cred, state: a.rec.State, partial: true}
	began, wall := time.Now(), a.now()
	err := a.put(got)
	for errors.Is(err, store.ErrConflict) {
		began, wall = time.Now(), a.now()
		err = a.commit(got)
	}
	if err != nil || !a.holding() {
		return false
	}
	s := &a.rec.State
	a.lease.fence, a.lease.gen, a.lease.began, a.lease.wall = s.Fence, s.Gen, began, wall
	a.subj = a.subj.withCredential(cred)
	a.priv = a.subj.private
	return a.maySend() == nil
}

func mergeFresh(s *record.State, fresh record.State) {
	s.Status = record.Active
	s.IssuedAt, s.ExpiresAt, s.DueAt = fresh.IssuedAt, fresh.ExpiresAt, fresh.DueAt
	s.NextAttempt, s.Fails, s.LastError = fresh.NextAttempt, fresh.Fails, fresh.LastError
	s.RefreshedAt = fresh.RefreshedAt
}

// revokeOrphan gives back a token whose connection was deleted while it was
// being refreshed.
func (a *attempt) revokeOrphan(cred Credential) {
	a.counts.orphans.Add(1)
	ctx, cancel := context.WithTimeout(a.ctx, a.policy.Exchange)
	defer cancel()
	if err := a.revoke(ctx, a.subj, cred); err != nil {
		a.log.LogAttrs(ctx, slog.LevelWarn, "token of a deleted connection was not revoked", a.subj.attrs(errorAttr(err))...)
	}
}
