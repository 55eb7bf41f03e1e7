package tieline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/tieline/tieline/queue"
)

// post is a Queue in memory. What happens to the n-th wake-up is up to its fields.
type post struct {
	lose   func(n int) bool
	fail   func(n int) bool
	copies int           // of each, more than one
	delay  time.Duration // of each

	mu    sync.Mutex
	added int
	waits []queue.Wake
}

func (p *post) Add(_ context.Context, w queue.Wake) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.added++
	if p.fail != nil && p.fail(p.added) {
		return errors.New("the queue is away")
	}
	if p.lose != nil && p.lose(p.added) {
		return nil
	}
	for range 1 + p.copies {
		p.waits = append(p.waits, w)
	}
	return nil
}

func (p *post) next(kinds []string) (queue.Wake, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	due := func(w queue.Wake) bool {
		return slices.Contains(kinds, w.Kind) && !w.At.Add(p.delay).After(time.Now())
	}
	i := slices.IndexFunc(p.waits, due)
	if i < 0 {
		return queue.Wake{}, false
	}
	w := p.waits[i]
	p.waits = slices.Delete(p.waits, i, i+1)
	return w, true
}

func (p *post) Receive(ctx context.Context, kinds []string, do func(context.Context, queue.Wake) error) error {
	var calls sync.WaitGroup
	defer calls.Wait()
	for pause(ctx, 10*time.Millisecond) == nil {
		for w, ok := p.next(kinds); ok; w, ok = p.next(kinds) {
			calls.Go(func() {
				if do(ctx, w) != nil {
					p.mu.Lock()
					defer p.mu.Unlock()
					p.waits = append(p.waits, w)
				}
			})
		}
	}
	return ctx.Err()
}

func (p *post) left() []queue.Wake {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.waits)
}

func withQueue(q queue.Queue) func(*Config) {
	return func(c *Config) { c.Forward.Queue = q }
}
