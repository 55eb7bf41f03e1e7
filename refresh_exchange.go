package tieline

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// lostRotation is the code of a grant that died after an attempt whose end
// nobody knows: the token was probably spent, and its successor lost.
const lostRotation = "lost_rotation"

// spend uses the lease: it asks the provider, and asks again where that is
// known to do no harm. It answers false when the row has to be looked at again.
func (a *attempt) spend() (over bool) {
	refusals := 0
	for try := 0; ; try++ {
		if err := a.maySend(); err != nil {
			a.giveBack(a.lease.suspect || try > 0)
			return false
		}
		if try == 0 {
			a.sentFirst = time.Now()
		}
		a.counts.exchanges.Add(1)
		a.exchanges++
		res := a.exchange()
		if res.Credential != nil {
			a.keep(res)
			return true
		}
		var again bool
		switch res.err.Class {
		case oauth.Permanent:
			again = a.condemned(refusals, res.err)
			refusals++
		case oauth.Ambiguous:
			again = a.unclear(try, res.err)
		default:
			a.failed(res.err, a.lease.suspect)
		}
		if !again {
			return true
		}
	}
}

// exchange asks the provider once.
func (a *attempt) exchange() (res refreshed) {
	ctx, cancel := context.WithTimeout(context.Background(), a.policy.Exchange)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			a.log.LogAttrs(ctx, slog.LevelError, "refresh of a credential panicked", a.subj.attrs(slog.String(keyStack, string(debug.Stack())))...)
			res = refreshed{err: &oauth.Error{Class: oauth.Ambiguous, Code: "panic"}}
		}
	}()
	began := a.now()
	subj := *a.subj
	subj.save, subj.operation = a.checkpoint, a.operation
	g, err := a.refresher.Refresh(ctx, &subj)
	return a.reread(newRefreshed(g, err, began))
}

// condemned decides on an answer that says the grant is dead, which so many said
// before. It answers true when the provider is to be asked once more.
func (a *attempt) condemned(before int, err *oauth.Error) (again bool) {
	switch err := a.read(); {
	case errors.Is(err, store.ErrNotFound):
		// It was deleted, and its grant revoked with it.
		a.flight.publish(outcome{err: err})
		return false
	case err == nil && a.rec.State.Gen != a.lease.gen:
		// Another attempt, or the user, has put a new credential here.
		if a.load() == nil {
			var cause error
			if now := a.now(); !works(&a.rec.State, now) {
				cause = a.later(now)
			}
			a.flight.publish(a.current(cause))
		}
		a.release(func(*record.State) {})
		return false
	}
	if before == 0 {
		// Asking again cannot hurt: the token was refused already.
		if a.pauseAndRenew(a.policy.Confirm) {
			return true
		}
		a.failed(err, a.lease.suspect)
		return false
	}
	failure := a.failure(err)
	if s := &a.rec.State; a.lease.suspect || s.Status == record.NeedsReauth && s.LastError.Code == lostRotation {
		failure.Code = lostRotation
	}
	cause := &RefreshError{Failure: newFailure(failure), Reauth: true, Err: newTokenError(err)}
	a.release(func(s *record.State) {
		if s.Gen != a.lease.gen {
			return
		}
		s.Status, s.Sent = record.NeedsReauth, false
		s.Fails++
		s.LastError = failure
		s.NextAttempt = time.Time{}
	})
	if a.replaced() {
		return false
	}
	a.counts.reauthRequired.Add(1)
	if failure.Code == lostRotation {
		a.counts.lostRotations.Add(1)
	}
	a.publishFailure(cause) // now that who looks at the connection sees it
	a.emit(a.ctx, a.subj.event(EventReauthRequired, cause))
	a.clientAccepted()
	return false
}

// replaced says whether another attempt, or the user, has put a credential in
// place of the one that nothing came of. Then that is what callers get.
func (a *attempt) replaced() bool {
	if a.rec.State.Gen == a.lease.gen || a.load() != nil {
		return false
	}
	out := a.current(nil)
	if !works(&a.rec.State, a.now()) {
		return false
	}
	a.flight.publish(out)
	a.giveBack(false)
	return true
}

// unclear decides on an attempt that may or may not have spent the token. Not
// trying again loses the grant for certain if it was spent; trying again loses it
// only then. So it is tried, when the provider's data says is best.
func (a *attempt) unclear(try int, err *oauth.Error) (again bool) {
	a.lease.suspect = true
	if wait, ok := a.askAgain(try); ok && err.RetryAfter <= wait && a.pauseAndRenew(wait) {
		return true
	}
	a.failed(err, true)
	return false
}

// pauseAndRenew says whether the lease is still held after a pause.
func (a *attempt) pauseAndRenew(wait time.Duration) bool {
	if !a.pause(wait) {
		return false
	}
	err := a.renew()
	if errors.Is(err, store.ErrNotFound) {
		a.flight.publish(outcome{err: err})
	}
	return err == nil
}

// askAgain says whether a request whose end is unknown is repeated under the
// same lease, and after what pause: never at once, because the provider may
// still be at work on it.
func (a *attempt) askAgain(try int) (wait time.Duration, ok bool) {
	wait = a.policy.Confirm
	if try > 0 {
		wait *= 3
	}
	if a.subj.forgiveness(time.Since(a.sentFirst)+wait) == punishes {
		// Reuse may kill the access token too, so let that run out first.
		return wait, try == 0 && a.rec.State.ExpiresAt.Sub(a.now()) <= lastMoments
	}
	return wait, try < 2
}

// failed ends an attempt that got nothing and whose token is, for all that is
// known, still good. sent says that it may be not.
func (a *attempt) failed(err *oauth.Error, sent bool) {
	if a.replaced() {
		return
	}
	failure := a.failure(err)
	fails := a.rec.State.Fails + 1
	next := a.nextAttempt(err, fails, sent)
	pause, opened := a.clientRefused(err)
	cause := &RefreshError{Failure: newFailure(failure), RetryAt: latest(next, a.now().Add(pause)), Err: newTokenError(err)}
	a.counts.failed.Add(1)
	a.publishFailure(cause)
	a.release(func(s *record.State) {
		s.Sent = sent
		s.Fails = fails
		s.LastError = failure
		s.NextAttempt = next
	})
	a.emit(a.ctx, a.subj.event(EventRefreshFailed, cause))
	if opened {
		a.emit(a.ctx, a.subj.event(EventIntegrationRefused, cause))
	}
}

// nextAttempt is when any process may try again after the fails-th failure in
// a row.
func (a *attempt) nextAttempt(err *oauth.Error, fails int64, sent bool) time.Time {
	wait := a.policy.backoff(fails)
	if err.RetryAfter > 0 {
		wait = err.RetryAfter
	}
	next := a.now().Add(wait)
	if sent && a.subj.forgiveness(time.Since(a.sentFirst)+wait) != forgives {
		// The old access token works until then, and asking may end that.
		if last := a.rec.State.ExpiresAt.Add(-lastMoments); last.After(next) {
			next = last
		}
	}
	return next
}

// publishFailure makes known that the provider was asked in vain. The stored
// credential may be usable all the same.
func (a *attempt) publishFailure(cause error) {
	out := a.current(cause)
	out.tried = true
	a.flight.publish(out)
}

// failure is what is stored of an error: no text of the provider's.
func (a *attempt) failure(err *oauth.Error) record.Failure {
	code := err.Code
	switch {
	case code != "":
	case err.Status != 0:
		code = "http_" + strconv.Itoa(err.Status)
	case err.Class == oauth.NotSent:
		code = "unreachable"
	default:
		code = "no_answer"
	}
	return record.Failure{
		Code: code, Class: string(err.Class), Status: int64(err.Status),
		At: a.now(), Fence: a.lease.fence,
	}
}
