package tieline

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// With a Queue, a repetition comes when it is due and not at the next look.
func TestForwardIsWoken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, withQueue(&post{}))
		w.answer = func(r *http.Request, n int) (*http.Response, error) {
			return jsonResponse(r, []int{500, 500, 200}[min(n, 2)], ""), nil
		}
		stop := w.run(w.Client)
		w.forward(hook(1))
		time.Sleep(10 * time.Minute)
		stop()
		w.left(0)
		for i, want := range []time.Duration{0, 5 * time.Second, 5*time.Minute + 5*time.Second} {
			if got := w.received()[i].at; got < want || got > want+100*time.Millisecond {
				t.Errorf("attempt %d after %v, want %v", i+1, got, want)
			}
		}
	})
}

// Whatever a Queue does, everything arrives, and nothing is sent more often than
// without it.
func TestForwardWithAnyQueue(t *testing.T) {
	t.Parallel()
	all := func(int) bool { return true }
	for name, q := range map[string]*post{
		"right":   {},
		"loses":   {lose: all},
		"fails":   {fail: all},
		"some":    {lose: func(n int) bool { return n%3 == 0 }, fail: func(n int) bool { return n%3 == 1 }},
		"doubles": {copies: 4},
		"delays":  {delay: 3 * time.Minute},
		"late":    {delay: 24 * time.Hour, copies: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newForwardWorld(t, nil, withQueue(q))
				other, _, _ := w.client(withQueue(q))
				var sent atomic.Int64
				w.answer = func(r *http.Request, n int) (*http.Response, error) {
					time.Sleep(50 * time.Millisecond)
					status := 200
					if sent.Add(1) <= 60 {
						status = 500
					}
					return jsonResponse(r, status, ""), nil
				}
				a, b := w.run(w.Client), w.run(other)
				for n := range 60 {
					w.forward(hook(n))
				}
				time.Sleep(20 * time.Minute)
				a()
				b()
				w.left(0)
				if ids, n := w.ids(), len(w.received()); len(ids) != 60 || n != 120 {
					t.Errorf("%d messages arrived, of %d requests", len(ids), n)
				}
			})
		})
	}
}

// What one process has no room for, another one sends at once.
func TestForwardIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &post{}
		w := newForwardWorld(t, nil, withQueue(q))
		other, _, _ := w.client(withQueue(q))
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			time.Sleep(time.Second)
			return jsonResponse(r, 200, ""), nil
		}
		stop := w.run(other)
		time.Sleep(time.Second)
		for n := range 16 {
			w.forward(hook(n))
		}
		time.Sleep(1500 * time.Millisecond)
		w.left(0)
		stop()
	})
}

// A receiver that is busy all the time gets what waits as fast as it takes it.
func TestForwardToABusyReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, withQueue(&post{}))
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			time.Sleep(time.Second)
			return jsonResponse(r, 200, ""), nil
		}
		stop := w.run(w.Client)
		time.Sleep(time.Second)
		for n := range 80 { // ten seconds' worth, in the course of four
			w.forward(hook(n))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(8 * time.Second)
		w.left(0)
		stop()
	})
}

// With a Queue, the Store is looked at more rarely.
func TestForwardLooksLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		looks := map[bool]int{}
		for _, queued := range []bool{true, false} {
			var n atomic.Int64
			s := storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
				if op == "List" && key.Kind == kindForward {
					n.Add(1)
				}
				return nil
			}, nil)
			w := newForwardWorld(t, s, func(c *Config) {
				if queued {
					c.Forward.Queue = &post{}
				}
			})
			stop := w.run(w.Client)
			time.Sleep(time.Hour)
			stop()
			looks[queued] = int(n.Load())
		}
		if looks[true] < 60 || looks[true] > 120 || looks[false] < 300 {
			t.Errorf("looks in an hour, by whether there is a queue: %v", looks)
		}
	})
}

// Wake-ups about anything else do no harm, and those of others are left alone.
func TestForwardWokenInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		theirs := queue.Wake{Kind: "function_run", ID: "theirs"}
		q := &post{waits: []queue.Wake{theirs, {Kind: "forward", ID: "gone"}, {Kind: "forward"}, {Kind: "forward", ID: "\x00"}}}
		w := newForwardWorld(t, nil, withQueue(q))
		w.answers(410)
		w.forward(hook(1)) // fails for good
		w.settle()
		w.answers(500)
		w.forward(hook(2)) // waits for five seconds
		w.settle()
		stop := w.run(w.Client)
		for _, m := range w.messages() {
			_ = q.Add(t.Context(), queue.Wake{Kind: "forward", ID: m.row.ID})
		}
		damaged := w.messages()[0].row
		damaged.ID, damaged.Version, damaged.Unique, damaged.Data = "damaged", 0, "", []byte("?")
		if _, err := w.store.Put(t.Context(), damaged); err != nil {
			t.Fatal(err)
		}
		_ = q.Add(t.Context(), queue.Wake{Kind: "forward", ID: "damaged"})
		time.Sleep(4 * time.Second)
		if n := len(w.received()); n != 2 {
			t.Errorf("%d requests", n)
		}
		if left := q.left(); !slices.Contains(left, theirs) || len(left) != 2 {
			t.Errorf("left in the queue: %v", left)
		}
		stop()
	})
}

// A wake-up that is much too early, or about a message that is not sent any more, is
// over at once.
func TestForwardWokenTooEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, withQueue(&post{}))
		w.answers(410)
		w.forward(hook(1))
		w.settle()
		w.answers(500)
		w.forward(hook(2))
		w.settle()
		time.Sleep(6 * time.Second)
		w.sweep(w.Client) // due in five minutes now
		r := runner{core: w.core}
		look := func() {
			began := time.Now()
			for _, m := range w.messages() {
				if m.failed() || m.row.Due.After(began) {
					if err := r.forwardWoken(t.Context(), queue.Wake{Kind: "forward", ID: m.row.ID}); err != nil || time.Since(began) > 0 {
						t.Errorf("a look at %+v took %v: %v", m.rec, time.Since(began), err)
					}
				}
			}
			w.settle()
			if n := len(w.received()); n != 3 {
				t.Errorf("%d requests", n)
			}
		}
		look()
		time.Sleep(forwardKept)
		look()
	})
}

// A look at the Store that fails is for another time, and so is one after Close.
func TestForwardWokenAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		s := storetest.Faulty(&store.Memory{}, func(op string, _ store.Key) error {
			if op == "Get" && down.Load() {
				return errDown
			}
			return nil
		}, nil)
		w := newForwardWorld(t, s, nil)
		w.answers(500)
		w.forward(hook(1))
		w.settle()
		wake := queue.Wake{Kind: "forward", ID: w.messages()[0].row.ID}
		time.Sleep(5 * time.Second)
		r := runner{core: w.core}
		down.Store(true)
		if err := r.forwardWoken(t.Context(), wake); !errors.Is(err, errDown) {
			t.Errorf("while the Store is down: %v", err)
		}
		down.Store(false)
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.forwardWoken(t.Context(), wake); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// With a Queue as well, a receiver that hangs takes 8 places at most, and holds nobody
// up.
func TestForwardWokenAroundAHangingReceiver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, func(c *Config) {
			c.Forward.URLs, c.Forward.Queue = []string{receiverA, receiverB}, &post{copies: 1}
		})
		var in, most atomic.Int64
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			if r.URL.Host != "a.example.com" {
				time.Sleep(100 * time.Millisecond)
				return jsonResponse(r, 200, ""), nil
			}
			most.Store(max(most.Load(), in.Add(1)))
			defer in.Add(-1)
			return hang(r)
		}
		stop := w.run(w.Client)
		time.Sleep(time.Second)
		for n := range 100 {
			w.forward(hook(n))
		}
		time.Sleep(3 * time.Second)
		got := 0
		for id := range w.ids() {
			if strings.HasPrefix(id, receiverB) {
				got++
			}
		}
		if got != 100 || most.Load() != 8 {
			t.Errorf("%d of 100 arrived while another receiver hangs, which has %d places", got, most.Load())
		}
		stop()
	})
}

// Close ends Run, which does not go on receiving.
func TestForwardWokenUntilClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, withQueue(&post{}))
		ended := make(chan error, 1)
		go func() { ended <- w.Run(t.Context()) }()
		time.Sleep(time.Second)
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if !errors.Is(err, ErrClosed) {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(time.Minute):
			t.Fatal("Run goes on")
		}
	})
}

// A Queue that is away is told of, and does not end Run; nor does Run wait for it.
func TestForwardWithoutTheQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, withQueue(away{}))
		w.answers(500)
		stop := w.run(w.Client)
		w.forward(hook(1))
		time.Sleep(time.Minute)
		if n := len(w.received()); n != 2 {
			t.Errorf("%d requests", n)
		}
		for _, text := range []string{"a wake-up could not be queued", "receiving wake-ups failed"} {
			if !strings.Contains(w.log.String(), text) {
				t.Errorf("the log does not say %q", text)
			}
		}
		began := time.Now()
		stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("Run took %v to end", took)
		}
	})
}

// away is a Queue that hangs, and one that fails.
type away struct{}

func (away) Add(ctx context.Context, _ queue.Wake) error {
	<-ctx.Done()
	return ctx.Err()
}

func (away) Receive(context.Context, []string, func(context.Context, queue.Wake) error) error {
	return errors.New("away")
}
