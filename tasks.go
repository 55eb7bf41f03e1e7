package tieline

import (
	"context"
	"sync"
	"time"
)

// tasks are goroutines that outlive the call that started them. [Client.Close]
// waits for them. The zero value is ready.
type tasks struct {
	mu   sync.Mutex
	n    int
	idle chan struct{} // closed when n falls to 0; nil while nobody waits
}

func (t *tasks) start(f func()) {
	t.add()
	go func() {
		defer t.done()
		f()
	}()
}

func (t *tasks) add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

func (t *tasks) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.n == 0 && t.idle != nil {
		close(t.idle)
		t.idle = nil
	}
}

// wait returns when no task runs, or with ctx's error.
func (t *tasks) wait(ctx context.Context) error {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return nil
	}
	if t.idle == nil {
		t.idle = make(chan struct{})
	}
	idle := t.idle
	t.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// detach runs f to its end whatever happens to ctx, and returns what it
// returned, or ctx's error as soon as that is done. It is for work that may not
// be abandoned half way because the other side remembers it.
func detach[T any](c *core, ctx context.Context, f func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	out := make(chan result, 1)
	c.tasks.start(func() {
		value, err := f(context.WithoutCancel(ctx))
		out <- result{value, err}
	})
	select {
	case r := <-out:
		return r.value, r.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

// sleep waits, for work that goes on whatever happens.
func sleep(d time.Duration) { <-time.NewTimer(d).C }
