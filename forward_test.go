package tieline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A receiver that fails is asked again ever more rarely, always with the same ID and
// body and a signature of the day, and then given up.
func TestForwardSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.answers(500)
		w.forward(hook(1))
		w.settle()
		for !w.messages()[0].failed() {
			time.Sleep(time.Until(w.messages()[0].row.Due))
			w.sweep(w.Client) // strictly before Due: nothing
			time.Sleep(time.Microsecond)
			w.sweep(w.Client)
			if len(w.received()) > 12 {
				t.Fatal("it does not end")
			}
		}
		waits := []time.Duration{}
		all := w.received()
		for i, g := range all {
			if i > 0 {
				waits = append(waits, g.at-all[i-1].at-time.Microsecond)
			}
			if g.id != all[0].id || g.body != all[0].body {
				t.Errorf("attempt %d is another message", i+1)
			}
			if err := verified(g, forwardSecret, w.began.Add(g.at)); err != nil {
				t.Errorf("attempt %d: %v", i+1, err)
			}
		}
		diff(t, "waits", []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
		}, waits)
		diff(t, "events", []EventType{EventForwardFailed}, w.events.types())
		var failure *ForwardError
		e := w.events.all[0]
		if !errors.As(e.Err, &failure) || failure.Attempts != 10 || failure.Status != 500 || e.Integration != "key" || e.Connection != "alice" || e.Provider != "acme" {
			t.Errorf("event %+v", e)
		}
		time.Sleep(29 * 24 * time.Hour)
		w.sweep(w.Client)
		w.left(1)
		time.Sleep(2 * 24 * time.Hour)
		w.sweep(w.Client)
		w.left(0)
		if n := len(w.received()); n != 10 {
			t.Errorf("%d attempts", n)
		}
	})
}

// The waits are spread, by a fifth at most.
func TestForwardJitter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.core.jitter = func(d time.Duration) time.Duration { return d }
		w.answers(500)
		w.forward(hook(1))
		w.settle()
		if wait := time.Until(w.messages()[0].row.Due); wait != 6*time.Second {
			t.Errorf("the first wait is %v", wait)
		}
	})
}

// What an answer means for the next attempt.
func TestForwardAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		header []string
		wait   time.Duration // 0: delivered; -1: given up
	}{
		{"200", 200, nil, 0},
		{"204", 204, nil, 0},
		{"299", 299, nil, 0},
		{"redirect", 302, []string{"Location", receiverB}, 5 * time.Second},
		{"permanent redirect", 308, []string{"Location", receiverB}, 5 * time.Second},
		{"304", 304, nil, 5 * time.Second},
		{"400", 400, nil, 5 * time.Second},
		{"410", 410, nil, -1},
		{"429", 429, nil, 5 * time.Second},
		{"429 that names a time", 429, []string{"Retry-After", "600"}, 10 * time.Minute},
		{"503 that names a time", 503, []string{"Retry-After", "90"}, 90 * time.Second},
		{"a short time", 503, []string{"Retry-After", "1"}, 5 * time.Second},
		{"a long time", 503, []string{"Retry-After", "999999"}, time.Hour},
		{"500 that names a time", 500, []string{"Retry-After", "600"}, 5 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newForwardWorld(t, nil, nil)
				w.answers(tt.status, tt.header...)
				w.forward(hook(1))
				w.settle()
				if n := len(w.received()); n != 1 {
					t.Errorf("%d requests", n)
				}
				rows := w.messages()
				switch {
				case tt.wait == 0:
					w.left(0)
				case len(rows) != 1:
					t.Errorf("%d messages are left", len(rows))
				case tt.wait < 0:
					if !rows[0].failed() || w.events.count(EventForwardFailed) != 1 {
						t.Error("it was not given up")
					}
				case time.Until(rows[0].row.Due) != tt.wait || rows[0].failed():
					t.Errorf("next in %v, want %v", time.Until(rows[0].row.Due), tt.wait)
				}
			})
		})
	}
}

// endless is a body that goes on and on.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) { e.read += len(p); return len(p), nil }
func (e *endless) Close() error               { return nil }

// What a receiver answers beside the status is of no interest.
func TestForwardBodyIsDiscarded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		body := &endless{}
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			resp := jsonResponse(r, 200, "")
			resp.Body = body
			return resp, nil
		}
		w.forward(hook(1))
		w.settle()
		if w.left(0); body.read > 128<<10 {
			t.Errorf("%d bytes were read", body.read)
		}
	})
}

// hang answers when the request's context is done.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A receiver that hangs is left after 20 s, takes 8 places at most, and holds nobody
// up: neither when messages come in nor when Run makes up for it.
func TestForwardAroundAHangingReceiver(t *testing.T) {
	t.Parallel()
	for _, own := range []bool{false, true} {
		t.Run(fmt.Sprint("of connections: ", own), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newForwardWorld(t, nil, func(c *Config) { c.Forward.URLs = []string{receiverA, receiverB} })
				down := true
				w.answer = func(r *http.Request, _ int) (*http.Response, error) {
					switch {
					case r.URL.Host == "a.example.com":
						return hang(r)
					case down:
						return jsonResponse(r, 500, ""), nil
					}
					return jsonResponse(r, 200, ""), nil
				}
				for n := range 40 {
					m := hook(n)
					if own {
						m.override = []string{receiverA, receiverB}[n%2]
					}
					w.forward(m)
					if n%4 == 3 {
						synctest.Wait()
					}
				}
				if n := w.core.rooms.small.n; n != 8 {
					t.Errorf("%d attempts are under way", n)
				}
				down = false
				stop := w.run(w.Client)
				time.Sleep(19 * time.Second)
				synctest.Wait()
				want, got := 40, 0
				if own {
					want = 20
				}
				for id, n := range w.ids() {
					if strings.HasPrefix(id, receiverB) && n == 2 {
						got++
					}
				}
				if got != want {
					t.Errorf("%d of %d arrived while another receiver hangs", got, want)
				}
				stop()
			})
		})
	}
}

// As long as a receiver may take, nobody else sends the message.
func TestForwardTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		other, _, _ := w.client(nil)
		w.answer = func(r *http.Request, _ int) (*http.Response, error) { return hang(r) }
		w.forward(hook(1))
		time.Sleep(forwardTimeout - time.Microsecond)
		w.sweep(other)
		w.settle()
		m := w.messages()[0]
		if took := time.Since(w.began); took != 20*time.Second || m.rec.LastError != "no answer in time" || m.rec.LastStatus != 0 {
			t.Errorf("after %v: %q, status %d", took, m.rec.LastError, m.rec.LastStatus)
		}
		if n := len(w.received()); n != 1 {
			t.Errorf("%d requests", n)
		}
	})
}

// A provider's repeat is not queued beside the first, and has its ID later.
func TestForwardDoubles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, func(c *Config) { c.Forward.URLs = []string{receiverA, receiverB} })
		w.answers(500)
		for range 3 {
			w.forward(hook(1))
		}
		w.settle()
		w.left(2)
		other := hook(1)
		other.connection = "bob"
		w.forward(other)
		w.left(4)
		always := hook(1)
		always.dedup = ""
		w.forward(always, always)
		w.left(8)
		w.settle()
		ids := w.ids()
		if len(ids) != 8 {
			t.Errorf("%d IDs: %v", len(ids), ids)
		}
		// Delivered, and repeated: the receiver can tell.
		w.answers(200)
		time.Sleep(time.Minute)
		w.sweep(w.Client)
		w.left(0)
		w.forward(hook(1))
		w.settle()
		if again := w.ids(); len(again) != 8 {
			t.Errorf("a repeat has another ID: %v", again)
		}
		// Given up, and repeated: taken again.
		w.answers(410)
		w.forward(hook(1))
		w.settle()
		w.answers(200)
		w.forward(hook(1))
		w.settle()
		if last := w.received(); len(last) != 8+8+2+2+2 {
			t.Errorf("%d requests", len(last))
		}
		w.left(2)
	})
}

func TestForwardNowhere(t *testing.T) {
	t.Parallel()
	none := newForwardWorld(t, nil, func(c *Config) { c.Forward = Forward{} })
	none.connection(ConnectionInput{WebhookURL: receiverB}) // which is an event
	m := hook(1)
	m.override = receiverB
	none.forward(m)
	none.settle()
	if none.left(0); none.core.forwards() || len(none.received()) != 0 {
		t.Error("something was forwarded without a configuration")
	}
	if err := none.Forwards.Retry(t.Context(), "any"); !errors.Is(err, ErrInvalid) {
		t.Errorf("Retry = %v", err)
	}
	w := newForwardWorld(t, nil, func(c *Config) { c.Forward.URLs = nil })
	w.forward(hook(1))
	w.forward(m)
	w.settle()
	if got := w.received(); len(got) != 1 || got[0].url != receiverB {
		t.Errorf("received %v", got)
	}
}

func TestForwardAfterClose(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			time.Sleep(10 * time.Second)
			return jsonResponse(r, 200, ""), nil
		}
		w.forward(hook(1))
		if err := w.Close(t.Context()); err != nil || time.Since(w.began) != 10*time.Second {
			t.Errorf("Close = %v after %v", err, time.Since(w.began))
		}
		w.left(0)
		if err := w.core.forward(t.Context(), hook(2)); !errors.Is(err, ErrClosed) {
			t.Errorf("forward = %v", err)
		}
		w.left(0)
		// Who does not wait leaves it to the next process.
		later := newForwardWorld(t, w.store, nil)
		later.answer = func(r *http.Request, _ int) (*http.Response, error) { return hang(r) }
		later.forward(hook(3))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := later.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v", err)
		}
		later.left(1)
	})
}

// Whoever handed a message over may leave.
func TestForwardGoesOnWithoutTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			time.Sleep(time.Second)
			return jsonResponse(r, 200, ""), r.Context().Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		if err := w.core.forward(ctx, hook(1)); err != nil {
			t.Fatal(err)
		}
		cancel()
		w.settle()
		w.left(0)
	})
}

// Run does not wait long for a place, and not after its end.
func TestForwardRooms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		r := runner{core: w.core}
		room := &room{each: 1, all: 2}
		began := time.Now()
		enter := func(ctx context.Context, target string, want bool, after time.Duration) {
			t.Helper()
			if got := r.enter(ctx, room, target); got != want || time.Since(began) != after {
				t.Errorf("a place at %s: %v after %v", target, got, time.Since(began))
			}
		}
		enter(t.Context(), "a", true, 0)
		enter(t.Context(), "a", false, laneWait)
		enter(t.Context(), "b", true, laneWait)
		enter(t.Context(), "c", false, 2*laneWait)
		go func() {
			time.Sleep(time.Second)
			room.leave("b")
		}()
		enter(t.Context(), "c", true, 2*laneWait+time.Second)
		room.leave("c")
		room.leave("a")
		ended, end := context.WithCancel(t.Context())
		end()
		enter(ended, "a", false, 2*laneWait+time.Second)
		w.core.flights.close()
		enter(t.Context(), "a", false, 2*laneWait+time.Second)
		if room.n != 0 || len(room.in) != 0 {
			t.Errorf("places are taken: %v", room.in)
		}
	})
}
