package postgres

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// maxTries bounds how often a statement is sent again.
	maxTries = 4

	// linger is how much longer than its context a write may take that was
	// sent, so that its outcome is known.
	linger = 2 * time.Second
)

// pause waits a little longer before each try, and answers false if the context
// is done first.
func pause(ctx context.Context, try int) bool {
	d := 5 * time.Millisecond << (2 * try) // 5, 20, 80, 320 ms
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// lingering is a context that is done a while after ctx is.
func lingering(ctx context.Context) (context.Context, context.CancelFunc) {
	long, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(linger, cancel) })
	return long, func() {
		stop()
		cancel()
	}
}
