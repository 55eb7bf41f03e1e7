package queuetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tieline/tieline/queue"
)

// Run checks every rule, each with a queue of its own, as parallel subtests. fresh
// makes an empty queue and returns how to open it: as each of several processes would,
// which all have the same wake-ups before them. The kinds of wake-ups are "alpha" and
// "beta_2".
func Run(t *testing.T, fresh func(testing.TB) (open func(testing.TB) queue.Queue)) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			if err := r.check(t, fresh(t), 30*time.Second); err != nil {
				t.Errorf("%s: %v", r.says, err)
			}
		})
	}
}

// rule is a promise of the interface.
type rule struct {
	name, says string
	test       func(*world) error
}

func (r rule) check(t testing.TB, open func(testing.TB) queue.Queue, patience time.Duration) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	return r.test(&world{ctx: ctx, patience: patience, open: func() queue.Queue { return open(t) }})
}

// The kinds that are used.
const alpha, beta = "alpha", "beta_2"

// world is where a rule is checked.
type world struct {
	ctx      context.Context
	open     func() queue.Queue // a handle, as of another process
	patience time.Duration      // for what has to come
}

func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func wake(kind, id string) queue.Wake { return queue.Wake{Kind: kind, ID: id, At: now()} }

func (w *world) add(q queue.Queue, wakes ...queue.Wake) error {
	for _, wk := range wakes {
		if err := q.Add(w.ctx, wk); err != nil {
			return fmt.Errorf("a call of Add: %w", err)
		}
	}
	return nil
}

// got is one call of do.
type got struct {
	queue.Wake
	when time.Time
	nth  int             // of the calls with this ID, from 1
	ctx  context.Context // what do was given
}

// reception is one call of Receive.
type reception struct {
	w      *world
	calls  chan got
	ended  chan error
	cancel context.CancelFunc
}

// errAgain is what a do says that wants a wake-up again.
var errAgain = errors.New("again")

// receive begins to receive. do may be nil.
func (w *world) receive(q queue.Queue, kinds []string, do func(got) error) *reception {
	ctx, cancel := context.WithCancel(w.ctx)
	r := &reception{w: w, calls: make(chan got, 1024), ended: make(chan error, 1), cancel: cancel}
	seen := newCounter()
	go func() {
		r.ended <- q.Receive(ctx, kinds, func(ctx context.Context, wk queue.Wake) error {
			g := got{Wake: wk, when: time.Now(), nth: seen.add(wk.ID), ctx: ctx}
			select {
			case r.calls <- g:
			case <-w.ctx.Done():
			}
			if do == nil {
				return nil
			}
			return do(g)
		})
	}()
	return r
}

// next waits for the next call of do.
func (r *reception) next() (got, error) {
	select {
	case g := <-r.calls:
		return g, nil
	case err := <-r.ended:
		r.ended <- err
		return got{}, fmt.Errorf("no wake-up came: Receive has ended: %v", err)
	case <-time.After(r.w.patience):
		return got{}, errors.New("no wake-up came")
	}
}

// all waits until each of these IDs has come, and counts how often they did by then.
func (r *reception) all(ids ...string) (map[string]int, error) {
	missing, n := map[string]bool{}, map[string]int{}
	for _, id := range ids {
		missing[id] = true
	}
	for len(missing) > 0 {
		g, err := r.next()
		if err != nil {
			return n, fmt.Errorf("%d of %d wake-ups: %w", len(ids)-len(missing), len(ids), err)
		}
		n[g.ID]++
		delete(missing, g.ID)
	}
	return n, nil
}

// stop ends Receive, and says what is wrong about how it ended.
func (r *reception) stop() error {
	r.cancel()
	select {
	case err := <-r.ended:
		r.ended <- err
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("what Receive returned is not its context's error: %v", err)
		}
		return nil
	case <-time.After(r.w.patience):
		return errors.New("no end of Receive")
	}
}

// within waits for something to happen.
func (w *world) within(what string, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	case <-time.After(w.patience):
		return fmt.Errorf("%s does not happen", what)
	}
}
