package tieline

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// RefreshPolicy says how credentials are kept fresh. The zero value of each
// field is its default.
type RefreshPolicy struct {
	// Early is how long before its expiry a credential is refreshed. Default: a
	// fifth of its lifetime, at least 90 s and at most 10 min, and never more
	// than half of it. A value set here replaces that formula and what the
	// provider's data says, but is cut to half the lifetime as well.
	Early time.Duration

	// Exchange is the time a token endpoint has to answer. Default: 20 s.
	Exchange time.Duration

	// SendWithin is how long after it began an attempt may still send the refresh
	// token. Default: 10 s.
	SendWithin time.Duration

	// TakeOver is how long a process must itself have watched an attempt of
	// another one make no progress before it sends in its place. It has to be longer than
	// the other one could still be busy: SendWithin + Exchange + SaveTimeout and
	// three of the longest pauses between tries to save, which are two fifths of
	// SaveTimeout but at most 2 s. Default: 45 s.
	TakeOver time.Duration

	// SaveTimeout bounds one try to save a new token. There is no bound on how
	// often it is tried. Default: 5 s.
	SaveTimeout time.Duration

	// Confirm is how long after a provider refused a grant it is asked again
	// before the connection is declared dead, and how long after a lost answer
	// the first retry comes. Default: 5 s. Tests that wait for an
	// ErrReauthRequired may want less.
	Confirm time.Duration

	// RetryMin and RetryMax bound the pause after a failure, which doubles with
	// each one and is remembered in the Store. Defaults: 5 s and 5 min.
	RetryMin, RetryMax time.Duration

	// Concurrency is how many refreshes [Client.Run] has under way at once, and
	// PerProvider how many of them at one provider. Defaults: 16 and 8. Refreshes
	// that somebody waits for are not counted and not held back.
	Concurrency, PerProvider int
}

const (
	saveRetryMin = 50 * time.Millisecond

	// staleBeat is how old a holder's own wall clock reading must be for it to
	// count as dead at once, so that a short-lived program does not have to
	// watch for TakeOver.
	staleBeat = time.Hour

	// lastMoments is how much of an access token's life may be left when a
	// refresh token whose fate is unknown is tried again with a provider that
	// punishes reuse: the old access token may die of it.
	lastMoments = 90 * time.Second
)

func (p RefreshPolicy) withDefaults() (RefreshPolicy, error) {
	var problems []error
	def := func(field string, d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
		if *d < 0 {
			problems = append(problems, &FieldError{Field: "Refresh." + field, Reason: "must not be negative"})
		}
	}
	if p.Early < 0 {
		problems = append(problems, &FieldError{Field: "Refresh.Early", Reason: "must not be negative"})
	}
	def("Exchange", &p.Exchange, 20*time.Second)
	def("SendWithin", &p.SendWithin, 10*time.Second)
	def("SaveTimeout", &p.SaveTimeout, 5*time.Second)
	def("TakeOver", &p.TakeOver, 45*time.Second)
	def("Confirm", &p.Confirm, 5*time.Second)
	def("RetryMin", &p.RetryMin, 5*time.Second)
	def("RetryMax", &p.RetryMax, 5*time.Minute)
	count := func(field string, n *int, value int) {
		if *n == 0 {
			*n = value
		}
		if *n < 0 {
			problems = append(problems, &FieldError{Field: "Refresh." + field, Reason: "must not be negative"})
		}
	}
	count("Concurrency", &p.Concurrency, 16)
	count("PerProvider", &p.PerProvider, 8)
	if busy := p.SendWithin + p.Exchange + p.SaveTimeout + 3*p.saveRetryMax(); p.TakeOver <= busy {
		problems = append(problems, &FieldError{Field: "Refresh.TakeOver", Reason: "must be longer than " + busy.String() + ", for which another process may be busy"})
	}
	if p.RetryMax < p.RetryMin {
		problems = append(problems, &FieldError{Field: "Refresh.RetryMax", Reason: "must not be below RetryMin"})
	}
	return p, errors.Join(problems...)
}

// saveRetryMax is the longest pause between two tries to save a token.
func (p RefreshPolicy) saveRetryMax() time.Duration { return min(2*time.Second, p.SaveTimeout*2/5) }

// settle is how long who has taken over a lease waits before it sends: while the
// Store could be read and not written, the holder stood still through no fault of
// its own, and has a new token. The first write that succeeds may be the other
// one's, so the holder gets the time that its next try takes.
func (p RefreshPolicy) settle() time.Duration { return p.SaveTimeout + p.saveRetryMax()*3/2 }

// watchFor is how long a lease has to stand still before it is taken over.
func (p RefreshPolicy) watchFor() time.Duration { return p.TakeOver - p.settle() }

// early is how long before expiry a credential that lives this long is due.
func (p RefreshPolicy) early(lifetime time.Duration, provider *spec.Entry) time.Duration {
	d := min(max(lifetime/5, 90*time.Second), 10*time.Minute)
	if provider.ExpiryBuffer > 0 {
		d = provider.ExpiryBuffer
	}
	if p.Early > 0 {
		d = p.Early
	}
	// More than half would have short-lived tokens refreshed all the time.
	return min(d, lifetime/2)
}

// due is when to refresh, jittered so that connections made together do not stay
// together: before the credential expires, and before a refresh token dies of
// not being used. Zero when neither ever happens.
//
// A token's life begins somewhere between asking and the answer. For its expiry
// the earlier moment counts, so that it is not used too long, and for this the
// later one, so that it is not replaced too soon.
func (p RefreshPolicy) due(res Grant, expires time.Time, provider *spec.Entry) time.Time {
	idle := idleDue(res.IssuedAt, provider)
	if expires.IsZero() {
		return idle
	}
	margin := p.early(expires.Sub(res.IssuedAt), provider)
	onTheWay := max(0, res.answered.Sub(res.IssuedAt))
	unused := skew(res.IssuedAt, expires)
	if b := provider.ExpiryBuffer; b > 0 {
		unused = min(unused, b) // who says so may refuse what comes earlier
	}
	at := earliest(expires.Add(onTheWay-margin+jitter(margin/10)), expires.Add(-unused))
	if !idle.IsZero() {
		at = earliest(at, idle)
	}
	return at
}

// idleDue is when a refresh token that dies when nobody uses it has to be used:
// after three to four fifths of the time that it is given.
func idleDue(issued time.Time, provider *spec.Entry) time.Time {
	idle := provider.Refresh.Idle
	if idle <= 0 {
		return time.Time{}
	}
	return issued.Add(idle*3/5 + jitter(idle/5))
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// skew is how much of a credential's life is left unused because clocks differ
// and requests take time.
func skew(issued, expires time.Time) time.Duration {
	return max(0, min(time.Minute, expires.Sub(issued)/10))
}

// backoff is the pause after the n-th failure in a row, n from 1: doubling, with
// a random half so that processes do not retry in step.
func (p RefreshPolicy) backoff(n int64) time.Duration {
	d := p.RetryMin
	for i := int64(1); i < n && d < p.RetryMax; i++ {
		d *= 2
	}
	d = min(d, p.RetryMax)
	return d/2 + rand.N(d/2+1)
}

// jitter is between 0 and d.
func jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}
