package tieline

// The refresh protocol. A refresh token that can be used once is spent at the
// provider and its successor stored here, and no transaction spans both. What
// keeps a grant from being lost in between, with any number of goroutines and
// processes at work on the same row:
//
//   - one flight per row and process (refresh_flight.go);
//   - a lease in the row itself: the holder's random name and a fence, a number
//     that only grows. Taking it is a durable write, so the store is known to be
//     writable before the token is spent (refresh_lease.go);
//   - a lease of somebody else is over only when this process has itself watched
//     it stand still for long enough on its own monotonic clock, with no failed
//     read in between. No two clocks are ever compared for it;
//   - the holder reads the row once more right before it sends, and sends once
//     (refresh_exchange.go);
//   - whatever the answer holds is saved before anything else is looked at; a
//     save counts if no later attempt has saved, whoever holds the lease by
//     then, and is repeated until it succeeds (refresh_save.go);
//   - an answer that says the grant is dead is believed only after the row was
//     read again and the provider asked again.
//
// docs/refresh.md says what no client can rule out, and has the figures.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// maxRounds bounds how often one flight starts over because the row changed
// under it between taking the lease and sending.
const maxRounds = 10

// refreshed waits for a flight of the row that meets w.
func (c *core) refreshed(ctx context.Context, key store.Key, w want) outcome {
	for {
		mine := &flight{key: key, want: w}
		if c.tracer != nil {
			mine.cause = context.WithoutCancel(ctx)
		}
		f, err := c.flights.start(mine, c.fly)
		if err != nil {
			return outcome{err: err}
		}
		// Who joins after the landing and wants a new credential whatever there is
		// was not on board.
		late := f != mine && w.reason == explicit && isClosed(f.ready)
		select {
		case <-f.ready:
		case <-ctx.Done():
			return outcome{err: ctx.Err()}
		}
		if f != mine && expired(f.out, c.now()) {
			if err := c.outlive(ctx, f); err != nil {
				return outcome{err: err}
			}
			continue
		}
		if !late && (f == mine || f.out.tried || f.out.err == nil && w.meets(f.out) || f.want.covers(w)) {
			return f.out
		}
		if late {
			w.after = max(w.after, f.out.gen)
		}
		// It was under way for less than is wanted now, and did nothing for this
		// caller.
		select {
		case <-f.done:
		case <-ctx.Done():
			return outcome{err: ctx.Err()}
		}
	}
}

// expired says whether what a flight obtained is over before it could be saved.
func expired(o outcome, now time.Time) bool { return o.err == nil && expiredAt(o.expires, now) }

func expiredAt(expires, now time.Time) bool { return !expires.IsZero() && !now.Before(expires) }

// outlive waits a while for a flight whose new token has expired before the Store
// took it: nothing newer can be had as long as that lasts.
func (c *core) outlive(ctx context.Context, f *flight) error {
	timer := time.NewTimer(c.policy.SaveTimeout)
	defer timer.Stop()
	select {
	case <-f.done:
		return nil
	case <-timer.C:
		return &RefreshError{Failure: Failure{Code: "unsaved"}, RetryAt: c.now().Add(c.policy.saveRetryMax())}
	case <-ctx.Done():
		return ctx.Err()
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// refreshSoon starts a flight that nobody waits for.
func (c *core) refreshSoon(key store.Key) {
	_, _ = c.flights.start(&flight{key: key, want: want{reason: whenDue}}, c.fly)
}

// attempt is a flight at work.
type attempt struct {
	*core
	flight *flight
	// ctx is of the process, not of a caller. It may have values of the Tracer's, so an
	// exchange has one of its own.
	ctx context.Context

	row  store.Row
	rec  *record.Connection
	subj *Subject
	priv *private

	refresher Refresher
	watch     watch
	lease     lease
	sentFirst time.Time // monotonic, of the first request under the lease
	tookOver  bool      // the lease was another process's

	operation *operation // for the Tracer; nil before there is something to do
	exchanges int
}

// fly runs a flight to its end.
func (c *core) fly(f *flight) {
	a := &attempt{core: c, flight: f, ctx: context.Background()}
	defer a.finished()
	defer func() {
		if p := recover(); p != nil {
			// The lease stays until others have watched it long enough: nobody
			// knows what was sent.
			c.log.LogAttrs(a.ctx, slog.LevelError, "refresh panicked", slog.String(keyRow, f.key.ID), slog.String(keyStack, string(debug.Stack())))
			f.publish(outcome{err: fmt.Errorf("%w: internal error", ErrRefreshFailed)})
		}
	}()
	for range maxRounds {
		if over := a.round(); over {
			if a.tookOver {
				a.emit(a.ctx, a.subj.event(EventTakenOver, nil))
			}
			return
		}
	}
	f.publish(a.current(&RefreshError{Failure: Failure{Code: "contention"}, RetryAt: c.now().Add(c.policy.RetryMin)}))
}

// round goes once from reading the row to an outcome. It answers false when
// the row changed on the way and has to be looked at again.
func (a *attempt) round() (over bool) {
	if err := a.load(); err != nil {
		a.flight.publish(outcome{err: err})
		return true
	}
	switch changed, err := a.recoverAside(); {
	case err != nil:
		a.flight.publish(a.current(err))
		return true
	case changed:
		return false
	}
	if out, ok := a.settled(); ok {
		a.flight.publish(out)
		return true
	}
	if out, ok := a.refused(); ok {
		a.flight.publish(out)
		return true
	}
	a.started()
	switch held, err := a.begin(); {
	case errors.Is(err, errNotYet):
		a.flight.publish(a.current(a.later(a.rec.State.ExpiresAt.Add(-2 * a.policy.TakeOver))))
		return true
	case err != nil:
		a.flight.publish(a.current(err))
		var unsure *unsureError
		if errors.As(err, &unsure) {
			a.giveBack(a.lease.suspect)
		}
		return true
	case !held && a.flight.want.reason == background:
		a.flight.publish(a.current(errBusy))
		return true
	case !held:
		return a.await()
	case a.tookOver && !a.yield():
		a.giveBack(a.lease.suspect)
		return a.stopped()
	}
	return a.spend()
}

// stopped says whether the flight is over because the Client is being closed.
func (a *attempt) stopped() bool {
	if !isClosed(a.flights.stopping()) {
		return false
	}
	a.flight.publish(a.current(ErrClosed))
	return true
}

// load reads the row and everything an exchange needs, so that nothing that
// can fail is left between taking the lease and sending.
func (a *attempt) load() error {
	if err := a.read(); err != nil {
		return err
	}
	subj, err := a.subject(a.ctx, a.row, a.rec)
	if err != nil {
		return err
	}
	a.subj, a.priv = subj, subj.private
	if subj.integration.Deleting {
		return ErrNotFound
	}
	a.refresher = nil
	if a.fits(subj.provider, subj.private.cred) == nil {
		a.refresher, _ = a.mode(subj.provider).(Refresher)
	}
	return a.keys.Prepare()
}

// read gets the row and takes note of whose lease it shows.
func (a *attempt) read() error {
	ctx, cancel := context.WithTimeout(a.ctx, a.policy.SaveTimeout)
	defer cancel()
	row, err := a.store.Get(ctx, a.flight.key)
	if err != nil {
		a.watch = watch{} // an outage must never make a lease look old
		return err
	}
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		return err
	}
	a.row, a.rec = row, rec
	a.watch.note(rec.State)
	return nil
}

// settled says whether there is nothing to do, and with what result.
func (a *attempt) settled() (outcome, bool) {
	s, w, now := &a.rec.State, a.flight.want, a.now()
	out := a.current(nil)
	switch {
	case w.reason <= whenDue && (s.DueAt.IsZero() || now.Before(s.DueAt)),
		w.reason > whenDue && s.Gen > w.after && works(s, now):
		return out, true
	case a.refresher == nil || !a.refresher.CanRefresh(a.subj):
		out.err = ErrNotRefreshable
		return out, true
	case w.reason == explicit:
		return out, false
	case s.Status == record.NeedsReauth:
		out.err = &RefreshError{Failure: newFailure(s.LastError), Reauth: true}
		return out, true
	case s.Holder != "":
		return out, false // somebody is at it; see what comes of that
	case now.Before(s.NextAttempt):
		out.err = a.later(s.NextAttempt)
		return out, true
	case w.reason == rejected && now.Before(rejectable(s)):
		out.err = a.later(rejectable(s))
		return out, true
	}
	return out, false
}

// rejectable is from when on a 401 is taken as a reason to refresh. A provider
// whose API does not accept its own new tokens at once would be asked for ever
// newer ones.
func rejectable(s *record.State) time.Time {
	pause := 30 * time.Second
	if !s.ExpiresAt.IsZero() {
		pause = min(pause, s.ExpiresAt.Sub(s.IssuedAt)/4)
	}
	return s.IssuedAt.Add(pause)
}

// current is the stored credential as an outcome.
func (a *attempt) current(err error) outcome {
	out := outcome{err: err}
	if a.priv != nil {
		s := &a.rec.State
		out.cred, out.gen = a.priv.cred, s.Gen
		out.issued, out.expires, out.due = s.IssuedAt, s.ExpiresAt, s.DueAt
	}
	return out
}

func (a *attempt) later(at time.Time) error {
	return &RefreshError{Failure: newFailure(a.rec.State.LastError), RetryAt: at}
}

func (a *attempt) pause(d time.Duration) bool { return a.flights.pause(d) }
