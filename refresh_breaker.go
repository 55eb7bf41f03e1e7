package tieline

import (
	"crypto/sha256"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tieline/tieline/internal/oauth"
)

// A provider that refuses the application itself (a client secret that was
// replaced, an application that was suspended) refuses it for every connection.
// Asking on behalf of each of them would be a storm of requests that cannot
// succeed, and would leave failures on rows with which nothing is wrong. So the
// first such answer opens a breaker, and until it closes one attempt every few
// minutes finds out whether somebody has helped.
//
// Breakers are in memory: each process finds out for itself, with one request.

const (
	breakerMin = time.Minute
	breakerMax = 5 * time.Minute
)

// clientKey is the application as a token endpoint knows it. A connection that
// has a client or a token endpoint of its own does not stop others.
type clientKey [sha256.Size]byte

// breakers are the open ones of one Client. The zero value is ready.
type breakers struct {
	mu   sync.Mutex
	open map[clientKey]*breaker
}

type breaker struct {
	subject *Subject // whose attempt opened it
	failure Failure
	since   time.Time
	next    time.Time // of the next attempt, monotonic
	pause   time.Duration
}

// remaining is for how long nothing may be sent on behalf of s, and why. It is
// zero for the one who may, and finds out for the others: they wait on.
func (bs *breakers) remaining(s *Subject, key clientKey) (time.Duration, Failure) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.open[key]
	if b == nil || b.outdated(s) {
		return 0, Failure{}
	}
	if left := time.Until(b.next); left > 0 {
		return left, b.failure
	}
	b.next = time.Now().Add(b.pause)
	return 0, Failure{}
}

// outdated says whether the integration was edited since the provider refused
// it: that may have been the help it needed.
func (b *breaker) outdated(s *Subject) bool { return b.subject.integration.Gen != s.integration.Gen }

// refusal takes in that the provider refused the client. It says for how long it
// is not asked again, and whether that is news.
func (bs *breakers) refusal(s *Subject, key clientKey, f Failure) (pause time.Duration, opened bool) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.open[key]
	if b == nil || b.outdated(s) {
		opened = true
		b = &breaker{since: f.At, pause: breakerMin / 2}
	}
	b.subject, b.failure, b.pause = s, f, min(2*b.pause, breakerMax)
	b.next = time.Now().Add(b.pause)
	if bs.open == nil {
		bs.open = make(map[clientKey]*breaker)
	}
	bs.open[key] = b
	return b.pause, opened
}

// acceptance takes in that the provider accepted the client, and says whether
// that is news.
func (bs *breakers) acceptance(key clientKey) (closed bool) {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	_, closed = bs.open[key]
	delete(bs.open, key)
	return closed
}

// stops says whether there is no point in looking at the connections of an
// integration for now, given the ID of its row.
func (bs *breakers) stops(integrationID string) bool {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range bs.open {
		if b.subject.integrationID == integrationID && b.subject.sharesClient() && time.Until(b.next) > 0 {
			return true
		}
	}
	return false
}

// list is what [Client.Health] shows.
func (bs *breakers) list(now time.Time) []OpenBreaker {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	var out []OpenBreaker
	for _, b := range bs.open {
		out = append(out, OpenBreaker{
			Integration: b.subject.key, Failure: b.failure, Since: b.since,
			RetryAt: now.Add(max(0, time.Until(b.next))),
		})
	}
	slices.SortFunc(out, func(a, b OpenBreaker) int {
		if c := strings.Compare(a.Integration, b.Integration); c != 0 {
			return c
		}
		return a.Since.Compare(b.Since)
	})
	return out
}

// clientKey tells applications apart the way the token endpoint does. ok is
// false when the provider's data gives no address to ask at.
func (s *Subject) clientKey() (key clientKey, ok bool) {
	target, err := s.refreshURL(s.env())
	if err != nil {
		return key, false
	}
	id, _ := s.client()
	return sha256.Sum256([]byte(s.integrationID + "\x00" + id + "\x00" + target.String())), true
}

// refused answers in place of a provider that turns the application away. A
// refresh that the application asks for in so many words is tried all the same.
func (a *attempt) refused() (outcome, bool) {
	key, ok := a.subj.clientKey()
	if !ok || a.flight.want.reason == explicit {
		return outcome{}, false
	}
	left, failure := a.breakers.remaining(a.subj, key)
	if left == 0 {
		return outcome{}, false
	}
	return a.current(&RefreshError{Failure: failure, RetryAt: a.now().Add(left)}), true
}

// clientRefused takes in an answer that is about the application, and says for
// how long it will not be asked again, and whether that is news. It is zero for
// any other failure.
func (a *attempt) clientRefused(err *oauth.Error) (pause time.Duration, opened bool) {
	if !refusesClient(err) {
		return 0, false
	}
	key, ok := a.subj.clientKey()
	if !ok {
		return 0, false
	}
	return a.breakers.refusal(a.subj, key, newFailure(a.failure(err)))
}

// refusesClient says whether an answer is about the application. Without an
// answer it is about this connection's own data.
func refusesClient(err *oauth.Error) bool { return err.Class == oauth.Config && err.Status != 0 }

// clientAccepted takes in an answer that shows that the application is known.
func (a *attempt) clientAccepted() {
	if key, ok := a.subj.clientKey(); ok && a.breakers.acceptance(key) {
		a.emit(a.ctx, a.subj.event(EventIntegrationAccepted, nil))
	}
}
