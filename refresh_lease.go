package tieline

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// errNotYet: the token may have been spent by an attempt that nobody heard of
// again, the provider punishes reuse, and the access token has time left.
var errNotYet = errors.New("waiting for the access token to run out first")

// unsureError: the lease may be taken, and nobody could see.
type unsureError struct{ error }

func (e *unsureError) Unwrap() error { return e.error }

// errBusy: another process is at it, and nobody here waits for it.
var errBusy = errors.New("another process refreshes this connection")

// errLeaseLost: the row is not what it was when the lease was taken.
var errLeaseLost = errors.New("another process went on with this connection")

const (
	pollMin = 20 * time.Millisecond
	pollMax = 500 * time.Millisecond
)

// watch is what this process has seen of a lease of another one.
type watch struct {
	holder string
	fence  int64
	since  time.Time // monotonic; zero: nothing seen
}

// note records one successful read.
func (w *watch) note(s record.State) {
	if s.Holder == "" {
		*w = watch{}
		return
	}
	if w.since.IsZero() || w.holder != s.Holder || w.fence != s.Fence {
		*w = watch{holder: s.Holder, fence: s.Fence, since: time.Now()}
	}
}

func (w *watch) elapsed() time.Duration {
	if w.since.IsZero() {
		return 0
	}
	return time.Since(w.since)
}

// lease is what this attempt wrote into the row.
type lease struct {
	holder  string
	fence   int64
	gen     int64     // of the credential that it may spend
	began   time.Time // monotonic, from before the write
	wall    time.Time // the same moment on the wall clock
	suspect bool      // an earlier attempt may have spent the token already
}

// begin takes the lease. That is a durable write of the very row that the new
// token will go into.
func (a *attempt) begin() (held bool, err error) {
	name, err := a.holderName()
	if err != nil {
		return false, err
	}
	for {
		if free, err := a.free(); !free {
			return false, err
		}
		gen, before := a.rec.State.Gen, a.rec.State.Holder
		err := a.hold(name, a.rec.State.Sent)
		if err == nil {
			a.noteTakeOver(before)
			return true, nil
		}
		conflict := errors.Is(err, store.ErrConflict)
		if rerr := a.read(); rerr != nil {
			return false, &unsureError{errors.Join(err, rerr)}
		}
		switch {
		case a.rec.State.Holder == name: // only the answer was lost
			a.noteTakeOver(before)
			return true, nil
		case !conflict:
			return false, err
		case a.rec.State.Gen != gen:
			return false, nil
		}
		// Somebody wrote something else, such as metadata.
	}
}

// noteTakeOver remembers that the lease was another process's before. The
// application is told at the end: its callback must not hold up the sending.
func (a *attempt) noteTakeOver(before string) {
	if before != "" {
		a.tookOver = true
		a.counts.takeOvers.Add(1)
	}
}

// hold writes this attempt into the row, under a new fence.
func (a *attempt) hold(name string, suspect bool) error {
	next := *a.rec
	next.State.Holder = name
	a.extend(&next.State)
	a.lease = lease{
		holder: name, fence: next.State.Fence, gen: next.State.Gen,
		began: time.Now(), wall: a.now(), suspect: suspect,
	}
	return a.write(next)
}

// extend puts a new fence into a lease: one number for a checkpoint, and the next
// for the outcome.
func (a *attempt) extend(s *record.State) {
	s.Fence += 2
	s.Beat, s.Sent = latest(a.now(), a.steady()), true
}

// renew makes the lease new after a pause, so that nobody takes it for dead.
func (a *attempt) renew() error {
	for {
		if err := a.read(); err != nil {
			return err
		}
		if !a.holding() || a.rec.State.Gen != a.lease.gen {
			return errLeaseLost
		}
		err := a.hold(a.lease.holder, a.lease.suspect)
		if err == nil || !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// yield gives the process whose lease was taken over a last chance to save what
// it has, and makes the lease new. It answers false when it did. Time in which the
// Store fails does not count: nobody could save then.
func (a *attempt) yield() (mine bool) {
	began := time.Now()
	defer a.waited(began)
	for since := began; time.Since(since) < a.policy.settle(); {
		if !a.pause(min(pollMax, a.policy.settle()/4)) {
			return false
		}
		switch err := a.read(); {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrClosed):
			a.flight.publish(outcome{err: err})
			return false
		case err != nil:
			since = time.Now()
		case !a.holding() || a.rec.State.Gen != a.lease.gen:
			return false
		}
	}
	return a.renew() == nil
}

// giveBack ends a lease under which nothing came of it. sent says that the token
// may be spent, as long as it is the one in the row.
func (a *attempt) giveBack(sent bool) {
	a.release(func(s *record.State) { s.Sent = sent && s.Gen == a.lease.gen })
}

// holding says whether the row, as last read, shows this attempt's lease.
func (a *attempt) holding() bool { return a.rec.State.Holder == a.lease.holder }

// maySend is the last look before the token leaves: the lease is young by both
// clocks, and the row still shows it.
func (a *attempt) maySend() error {
	if err := a.read(); err != nil {
		return err
	}
	if s := &a.rec.State; !a.holding() || s.Fence != a.lease.fence || s.Gen != a.lease.gen {
		return errLeaseLost
	}
	// A machine that was suspended shows in one of the two, a clock that was
	// set in the other.
	mono, wall := time.Since(a.lease.began), a.now().Sub(a.lease.wall)
	if mono > a.policy.SendWithin || wall > a.policy.SendWithin || wall < -a.policy.SendWithin {
		return errLeaseLost
	}
	return nil
}

// free says whether the lease may be taken now.
func (a *attempt) free() (bool, error) {
	s := &a.rec.State
	now := a.now()
	// A clock that was set, here or there, must not make a lease look old.
	age := earliest(now, a.steady()).Sub(s.Beat)
	if s.Holder != "" && a.watch.elapsed() < a.policy.watchFor() && age <= staleBeat {
		return false, nil
	}
	if s.Sent && a.flight.want.reason != explicit && a.subj.forgiveness(a.policy.TakeOver) == punishes && s.ExpiresAt.Sub(now) > 2*a.policy.TakeOver {
		return false, errNotYet
	}
	return true, nil
}

func (a *attempt) holderName() (string, error) {
	b, err := a.random(16)
	return hex.EncodeToString(b), err
}

// await polls the row until its lease is gone or has stood still for long
// enough. It answers true when the flight is over.
func (a *attempt) await() (over bool) {
	gen, began := a.rec.State.Gen, time.Now()
	a.counts.leaseWaits.Add(1)
	defer a.waited(began)
	for d := pollMin; ; d = min(d*3/2, pollMax) {
		if !a.pause(d + jitter(d/2)) {
			a.flight.publish(a.current(ErrClosed))
			return true
		}
		switch err := a.read(); {
		case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrClosed):
			a.flight.publish(outcome{err: err})
			return true
		case err != nil:
			continue
		}
		if s := &a.rec.State; s.Holder == "" || s.Gen != gen || a.watch.elapsed() >= a.policy.watchFor() {
			return false
		}
	}
}

// waited takes in how long another process was waited for.
func (a *attempt) waited(began time.Time) {
	a.counts.leaseWait.Add(int64(time.Since(began)))
	a.operation.note(OpLeaseWait, began, Result{})
}

// release gives the lease back as change leaves the state, unless it is
// somebody else's by now. It is repeated for a while, and then left to be taken
// over: nobody waits for it.
func (a *attempt) release(change func(*record.State)) {
	for d := saveRetryMin; d < a.policy.SaveTimeout; d *= 2 {
		err := a.read()
		if err == nil {
			if !a.holding() {
				return
			}
			next := *a.rec
			next.State.Holder, next.State.Beat = "", time.Time{}
			change(&next.State)
			err = a.write(next)
		}
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrClosed) {
			return
		}
		if !errors.Is(err, store.ErrConflict) && !a.pause(d+jitter(d)) {
			return
		}
	}
}

// write replaces the row as it was last read.
func (a *attempt) write(next record.Connection) error {
	ctx, cancel := context.WithTimeout(a.ctx, a.policy.SaveTimeout)
	defer cancel()
	row, err := a.store.Put(ctx, connectionRow(a.row, &next))
	if err != nil {
		return err
	}
	a.row, a.rec = row, &next
	return nil
}
