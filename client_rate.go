package tieline

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// maxLimits bounds how many connections are remembered to be limited.
	maxLimits = 10_000
	// longestLimit is how long a limit is believed at most. A provider that means
	// more will say so again.
	longestLimit = time.Hour
	// perWaiter and longestSpread say over how long a time requests are let go that
	// waited for the same moment, so that they do not hit the limit together.
	perWaiter     = 20 * time.Millisecond
	longestSpread = 2 * time.Second
	// sweepPause is how long it takes until entries are looked through again.
	sweepPause = time.Second
)

// limits remembers which connections the provider has asked to wait, so that not
// every goroutine has to find out by itself. It only ever delays requests. The zero
// value is ready.
type limits struct {
	some atomic.Bool // there are entries; false costs nothing but this look

	mu      sync.Mutex
	entries map[string]limit // by row
	last    time.Time        // when the last of them ends
	sweep   int              // number of entries at which to look for old ones
	swept   time.Time        // when that was done last
}

type limit struct {
	until   time.Time
	waiting int // how many wait for it
}

// set remembers that a connection has to wait. A moment before the one that is
// known changes nothing: of answers that cross, the longer wait is the safe one.
func (l *limits) set(row string, wait time.Duration) {
	now := time.Now()
	until := now.Add(min(wait, longestLimit))
	l.mu.Lock()
	defer l.mu.Unlock()
	e, known := l.entries[row]
	if known && !until.After(e.until) || !known && !l.room(now) {
		return
	}
	if l.entries == nil {
		l.entries = map[string]limit{}
	}
	e.until = until
	l.entries[row] = e
	if until.After(l.last) {
		l.last = until
	}
	l.some.Store(true)
}

// room makes room for one more entry. The caller holds mu.
func (l *limits) room(now time.Time) bool {
	if l.sweep = max(l.sweep, 64); len(l.entries) < l.sweep {
		return true
	}
	if now.Sub(l.swept) < sweepPause {
		return len(l.entries) < maxLimits
	}
	l.swept = now
	for row, e := range l.entries {
		if !e.until.After(now) {
			delete(l.entries, row)
		}
	}
	l.sweep = min(2*len(l.entries), maxLimits)
	return len(l.entries) < maxLimits
}

// wait is how long a connection has to wait, and over how long a time after that
// its requests are spread. Every call counts one request more.
func (l *limits) wait(row string) (wait, spread time.Duration) {
	if !l.some.Load() {
		return 0, 0
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.After(now) {
		l.entries, l.sweep = nil, 0
		l.some.Store(false)
		return 0, 0
	}
	e, known := l.entries[row]
	if !known {
		return 0, 0
	}
	if wait = e.until.Sub(now); wait <= 0 {
		delete(l.entries, row)
		return 0, 0
	}
	e.waiting++
	l.entries[row] = e
	return wait, min(time.Duration(e.waiting)*perWaiter, longestSpread)
}

// pause waits, or returns the context's error as soon as it has one.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
