package tieline

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Health is what a Client knows about itself: what needs somebody's attention
// now, and what it has done since [New]. It holds no secret.
type Health struct {
	// Unsaved are the refreshed tokens that exist only in this process because
	// the Store does not take them. They are used, and saving them is tried again
	// and again; what still is here when the process ends is lost.
	Unsaved []UnsavedToken

	// Breakers are the integrations whose provider refuses the application
	// itself. Their connections are refreshed again once it accepts it.
	Breakers []OpenBreaker

	// Refreshing is how many refreshes are under way.
	Refreshing int

	Counts RefreshCounts
}

// UnsavedToken is a token that was received and is not stored yet.
type UnsavedToken struct {
	Connection string // "integration/connection"
	Since      time.Time
}

// OpenBreaker is an integration that is left alone for a while.
type OpenBreaker struct {
	Integration string  // its key
	Failure     Failure // what the provider last said
	Since       time.Time
	RetryAt     time.Time // when one attempt is let through
}

// RefreshCounts count what one Client has done since [New]. They only grow, so
// a metrics library can export them as they are.
type RefreshCounts struct {
	// Exchanges are requests to token endpoints to refresh something.
	Exchanges int64
	// Refreshed are new credentials received, and Failed the attempts that got
	// none and will be repeated.
	Refreshed, Failed int64
	// ReauthRequired are grants that a provider refused for good. LostRotations
	// are those of them that were refused after an attempt whose end is unknown:
	// their new refresh token was probably made and lost.
	ReauthRequired, LostRotations int64
	// LeaseWaits are the times that a refresh found another process at work on
	// the connection and waited for it, LeaseWaitTime the time that took, and
	// TakeOvers the times that it had to go on in its place.
	LeaseWaits    int64
	LeaseWaitTime time.Duration
	TakeOvers     int64
	// SaveRetries are the tries to save a new token that failed.
	SaveRetries int64
	// Recovered are tokens that a [Journal] kept and the Store had not.
	Recovered int64
	// Orphans are tokens that were received for a connection which had been
	// deleted meanwhile, and were given back to the provider.
	Orphans int64
}

// counts are RefreshCounts in the making.
type counts struct {
	exchanges, refreshed, failed  atomic.Int64
	reauthRequired, lostRotations atomic.Int64
	leaseWaits, leaseWait         atomic.Int64
	takeOvers, saveRetries        atomic.Int64
	recovered, orphans            atomic.Int64
}

// Health says how the Client is. It reads nothing but memory and may be called
// at any time, by a readiness probe for example.
func (c *Client) Health() Health {
	k := &c.core.counts
	return Health{
		Unsaved:    c.core.flights.unsaved(),
		Breakers:   c.core.breakers.list(c.core.now()),
		Refreshing: int(c.core.flights.n.Load()),
		Counts: RefreshCounts{
			Exchanges: k.exchanges.Load(), Refreshed: k.refreshed.Load(), Failed: k.failed.Load(),
			ReauthRequired: k.reauthRequired.Load(), LostRotations: k.lostRotations.Load(),
			LeaseWaits: k.leaseWaits.Load(), LeaseWaitTime: time.Duration(k.leaseWait.Load()), TakeOvers: k.takeOvers.Load(),
			SaveRetries: k.saveRetries.Load(), Recovered: k.recovered.Load(), Orphans: k.orphans.Load(),
		},
	}
}

// Err is nil if nothing needs attention. It is an [*UnsavedError] when tokens
// wait to be saved: do not end the process then.
func (h Health) Err() error {
	var errs []error
	if len(h.Unsaved) > 0 {
		names := make([]string, len(h.Unsaved))
		for i, u := range h.Unsaved {
			names[i] = u.Connection
		}
		errs = append(errs, &UnsavedError{Connections: names})
	}
	for _, b := range h.Breakers {
		errs = append(errs, fmt.Errorf("integration %q: %w: the provider refuses the application (%s)", b.Integration, ErrRefreshFailed, b.Failure.Code))
	}
	return errors.Join(errs...)
}
