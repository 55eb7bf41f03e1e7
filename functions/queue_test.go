package functions

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/queue"
)

// mail is a Queue in memory that doubles, delays and loses wake-ups.
type mail struct {
	mu    sync.Mutex
	waits []queue.Wake
	added int
	lose  func(n int) bool
}

func (m *mail) Add(_ context.Context, w queue.Wake) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.added++
	if m.lose != nil && m.lose(m.added) {
		if m.added%2 == 0 {
			return errors.New("the queue is away")
		}
		return nil
	}
	m.waits = append(m.waits, w, w)
	return nil
}

func (m *mail) next(kinds []string) (queue.Wake, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, w := range m.waits {
		if slices.Contains(kinds, w.Kind) && !w.At.After(time.Now()) {
			m.waits = slices.Delete(m.waits, i, i+1)
			return w, true
		}
	}
	return queue.Wake{}, false
}

func (m *mail) Receive(ctx context.Context, kinds []string, do func(context.Context, queue.Wake) error) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for pause(ctx, 10*time.Millisecond) {
		for w, ok := m.next(kinds); ok; w, ok = m.next(kinds) {
			wg.Go(func() {
				if do(ctx, w) != nil {
					m.mu.Lock()
					defer m.mu.Unlock()
					m.waits = append(m.waits, w)
				}
			})
		}
	}
	return ctx.Err()
}

// With a Queue, what is due is done at once although nobody looks at the Store for
// long, and what the queue loses is found when somebody does.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j, m := newWorld(t, "alice"), &journal{}, &mail{}
		o := w.observe()
		with := func(c *Config) { c.Queue, c.Poll = m, 10*time.Minute }
		fns := []*Function{echo(j), count(t, time.Minute, nothing)}
		for range 3 {
			w.process(with, fns...).work()
		}
		p := w.process(with, fns...)
		time.Sleep(time.Second)
		for range 10 {
			began := time.Now()
			run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{At: time.Now().Add(30 * time.Second)})
			if err != nil {
				t.Fatal(err)
			}
			run = w.wait(p.Functions, run.ID)
			if took := run.StartedAt.Sub(began); run.Attempt != 1 || took < 30*time.Second || took > 31*time.Second {
				t.Errorf("%+v after %v", run, took)
			}
		}
		if n := len(o.intervals("alice")); n < 4 {
			t.Errorf("%d intervals in five minutes", n)
		}
		m.mu.Lock()
		m.lose = func(int) bool { return true }
		m.mu.Unlock()
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if run = w.wait(p.Functions, run.ID); run.Status != StatusDone || run.StartedAt.Sub(run.CreatedAt) < time.Minute {
			t.Errorf("what the queue lost: %+v", run)
		}
		for _, wake := range []queue.Wake{{Kind: "connection", ID: "x"}, {Kind: "", ID: ""}, {Kind: string(kindRun), ID: "gone"}} {
			worker := &worker{Functions: p.Functions}
			if err := worker.woken(t.Context(), wake); err != nil {
				t.Errorf("%+v: %v", wake, err)
			}
		}
	})
}

// A wake-up that comes before its time by this process's clock waits for it.
func TestQueueIsAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, m := newWorld(t, "alice"), &mail{}
		p := w.process(func(c *Config) {
			c.Queue, c.Poll = m, 10*time.Minute
			clock(-3 * time.Second)(c)
		}, echo(&journal{})).work()
		due := time.Now().Add(time.Minute)
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{At: due})
		if err != nil {
			t.Fatal(err)
		}
		if run = w.wait(p.Functions, run.ID); run.StartedAt.Before(due) || run.StartedAt.Sub(due) > time.Second {
			t.Errorf("due at %v: %+v", due, run)
		}
	})
}
