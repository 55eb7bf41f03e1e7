package tieline

import (
	"context"
	"log/slog"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/record"
)

// lostRotation is the code of a grant that died after an attempt whose end
// nobody knows: the token was probably spent, and its successor lost.
const lostRotation = "lost_rotation"

// spend uses the lease: it asks the provider, and asks again where that is
// known to do no harm. It answers false when the row has to be looked at again.
func (a *attempt) spend() (over bool) {
	for try := 0; ; try++ {
		if err := a.maySend(); err != nil {
			a.release(func(s *record.State) { s.Sent = a.lease.suspect || try > 0 })
			return false
		}
		res := a.exchange()
		if res.cred != nil {
			a.keep(res)
			return true
		}
		var again bool
		switch res.err.Class {
		case oauth.Permanent:
			again = a.condemned(try, res.err)
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
	ctx, cancel := context.WithTimeout(a.ctx, a.policy.Exchange)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			a.log.LogAttrs(ctx, slog.LevelError, "refresh of a credential panicked", slog.String("stack", string(debug.Stack())))
			res = refreshed{err: &oauth.Error{Class: oauth.Ambiguous, Code: "panic"}}
		}
	}()
	return a.refresher.refresh(ctx, a.core, a.subj, a.priv.cred)
}

// condemned decides on an answer that says the grant is dead. It answers true
// when the provider is to be asked once more.
func (a *attempt) condemned(try int, err *oauth.Error) (again bool) {
	if a.read() == nil && a.rec.State.Gen != a.lease.gen {
		// Another attempt, or the user, has put a new credential here.
		if a.load() == nil {
			a.flight.publish(a.current(nil))
		}
		a.release(func(*record.State) {})
		return false
	}
	if try == 0 {
		// Asking again cannot hurt: the token was refused already.
		if a.pause(a.policy.Confirm) && a.renew() == nil {
			return true
		}
		a.failed(err, a.lease.suspect)
		return false
	}
	failure := a.failure(err)
	if a.lease.suspect {
		failure.Code = lostRotation
	}
	cause := &RefreshError{Failure: newFailure(failure), Reauth: true, Err: newTokenError(err)}
	a.publishFailure(cause)
	a.release(func(s *record.State) {
		if s.Gen != a.lease.gen {
			return
		}
		s.Status, s.Sent = record.NeedsReauth, false
		s.Fails++
		s.LastError = failure
		s.NextAttempt = time.Time{}
	})
	a.emit(a.ctx, a.subj.event(EventReauthRequired, cause))
	return false
}

// unclear decides on an attempt that may or may not have spent the token. Not
// trying again loses the grant for certain if it was spent; trying again loses it
// only then. So it is tried, when the provider's data says is best.
func (a *attempt) unclear(try int, err *oauth.Error) (again bool) {
	wait := a.policy.Confirm
	if try > 0 {
		wait *= 3
	}
	tries := 2
	if a.subj.strict() {
		// Reuse may kill the access token, so let it run out first.
		tries = 1
		if left := a.rec.State.ExpiresAt.Sub(a.now()); left > lastMoments {
			tries = 0
		}
	}
	a.lease.suspect = true
	if try < tries && a.pause(wait) && a.renew() == nil {
		return true
	}
	a.failed(err, true)
	return false
}

// failed ends an attempt that got nothing and whose token is, for all that is
// known, still good. sent says that it may be not.
func (a *attempt) failed(err *oauth.Error, sent bool) {
	failure := a.failure(err)
	fails := a.rec.State.Fails + 1
	wait := a.policy.backoff(fails)
	if err.RetryAfter > 0 {
		wait = err.RetryAfter
	}
	next := a.now().Add(wait)
	if sent && a.subj.strict() {
		if last := a.rec.State.ExpiresAt.Add(-lastMoments); last.After(next) {
			next = last
		}
	}
	cause := &RefreshError{Failure: newFailure(failure), RetryAt: next, Err: newTokenError(err)}
	a.publishFailure(cause)
	a.release(func(s *record.State) {
		s.Sent = sent
		s.Fails = fails
		s.LastError = failure
		s.NextAttempt = next
	})
	a.emit(a.ctx, a.subj.event(EventRefreshFailed, cause))
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
