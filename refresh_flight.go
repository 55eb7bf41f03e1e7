package tieline

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline/store"
)

// reason is why a refresh is wanted. A later one is stronger.
type reason int

const (
	background reason = iota // as whenDue, but nobody waits: if another process is at it, that will do
	whenDue                  // if the stored credential is due, and only then
	early                    // it has less life left than the caller needs
	rejected                 // the provider's API answered 401 to it
	explicit                 // the application wants a new one
)

// want is what a caller needs of a flight.
type want struct {
	reason reason
	// after is the generation that is not good enough. It counts from early on.
	after int64
}

// covers says whether a flight with this want did all that other asks for.
func (w want) covers(other want) bool { return w.reason >= other.reason && w.after >= other.after }

// meets says whether an outcome is what was wanted.
func (w want) meets(o outcome) bool { return w.reason <= whenDue || o.gen > w.after }

// outcome is what a flight found or made.
type outcome struct {
	cred    Credential // nil when nothing could be read
	gen     int64      // of cred
	issued  time.Time
	expires time.Time
	due     time.Time
	tried   bool  // the provider was asked
	err     error // cred may be usable all the same
}

// flight is one refresh of one stored row in this process. However many
// callers want it, there is one; it belongs to none of them and goes on when
// they leave.
type flight struct {
	key  store.Key
	want want
	// cause has the values of the first caller's context, for the Tracer; nil
	// without one, and when nobody waits.
	cause context.Context

	ready chan struct{} // closed once out is set; saving may still go on
	done  chan struct{} // closed when the flight is over
	out   outcome

	mu      sync.Mutex
	unsaved UnsavedToken // zero but between publishing a new token and its commit
}

// publish makes the outcome known to everybody who waits. Only the first call
// counts.
func (f *flight) publish(o outcome) {
	if !isClosed(f.ready) {
		f.out = o
		close(f.ready)
	}
}

func (f *flight) setUnsaved(u UnsavedToken) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.unsaved = u
}

// pending is the published credential of a flight whose commit is not done.
func (f *flight) pending() (outcome, bool) {
	if !isClosed(f.ready) {
		return outcome{}, false
	}
	return f.out, f.out.err == nil && f.out.cred != nil
}

// flights are those of one Client, one per row at most. The zero value is ready.
type flights struct {
	mu      sync.Mutex
	byRow   map[string]*flight
	closing chan struct{} // closed by close; made on first use
	closed  bool
	lost    []UnsavedToken // tokens that can never be saved
	tasks   tasks
	n       atomic.Int64 // of byRow, to be read without the lock
	ended   atomic.Int64 // how many have come to their end
}

// start returns the flight of the row, a new one if none is under way.
func (fs *flights) start(f *flight, run func(*flight)) (*flight, error) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if running := fs.byRow[f.key.ID]; running != nil {
		return running, nil
	}
	if fs.closed {
		return nil, ErrClosed
	}
	f.ready, f.done = make(chan struct{}), make(chan struct{})
	if fs.byRow == nil {
		fs.byRow = make(map[string]*flight)
	}
	fs.byRow[f.key.ID] = f
	fs.n.Add(1)
	fs.tasks.start(func() {
		defer fs.end(f)
		run(f)
	})
	return f, nil
}

// find returns the flight of the row, nil if none is under way.
func (fs *flights) find(rowID string) *flight {
	if fs.n.Load() == 0 {
		return nil // as nearly always, and callers are many
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.byRow[rowID]
}

func (fs *flights) end(f *flight) {
	fs.mu.Lock()
	delete(fs.byRow, f.key.ID)
	fs.ended.Add(1) // before n, or find would miss both the flight and its end
	fs.n.Add(-1)
	fs.mu.Unlock()
	f.publish(outcome{err: ErrClosed}) // no effect on a flight that came to an end
	close(f.done)
}

// stopping is closed when no new work is to begin.
func (fs *flights) stopping() <-chan struct{} {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	return fs.stoppingLocked()
}

func (fs *flights) stoppingLocked() chan struct{} {
	if fs.closing == nil {
		fs.closing = make(chan struct{})
	}
	return fs.closing
}

// pause waits, and answers false when the Client is being closed.
func (fs *flights) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-fs.stopping():
		return false
	}
}

func (fs *flights) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if !fs.closed {
		fs.closed = true
		close(fs.stoppingLocked())
	}
}

func (fs *flights) wait(ctx context.Context) error { return fs.tasks.wait(ctx) }

// lose remembers a token that can never be saved, because the Store was closed.
func (fs *flights) lose(u UnsavedToken) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.lost = append(fs.lost, u)
}

// unsaved are the tokens that are only in memory.
func (fs *flights) unsaved() []UnsavedToken {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	all := slices.Clone(fs.lost)
	for _, f := range fs.byRow {
		f.mu.Lock()
		if f.unsaved != (UnsavedToken{}) {
			all = append(all, f.unsaved)
		}
		f.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b UnsavedToken) int { return strings.Compare(a.Connection, b.Connection) })
	return all
}
