package functions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
)

func TestGrid(t *testing.T) {
	t.Parallel()
	for _, g := range []grid{{1e6, 0}, {3600e6, 1}, {7_000_001, 7_000_000}} {
		for _, at := range []time.Time{time.UnixMicro(0), time.UnixMicro(-5), time.Now(), time.UnixMicro(g.offset), time.UnixMicro(g.offset - 1)} {
			last, next := g.last(at), g.next(at)
			if last.After(at) || !next.After(at) || next.UnixMicro()-last.UnixMicro() != g.every || g.last(last) != last {
				t.Errorf("%+v at %v: %v, %v", g, at, last, next)
			}
		}
	}
}

// A function runs once in every interval for each connection, at times that are
// spread, also for a connection that is new, and without end.
func TestSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for i := range 30 {
			w.connect(fmt.Sprintf("c%02d", i))
		}
		o := w.observe()
		var late atomic.Int64
		fn := count(t, 10*time.Minute, func(_ context.Context, call *Call) error {
			if call.RunID == "" || call.Attempt != 1 || call.Webhook != nil || call.Interval.To.IsZero() {
				t.Errorf("attempt %d of %q at %v", call.Attempt, call.RunID, call.Interval)
			}
			if time.Since(call.Interval.To) > 2*time.Second {
				late.Add(1)
			}
			return nil
		})
		a, b := w.process(nil, fn).work(), w.process(nil, fn).work()
		time.Sleep(65 * time.Minute)
		w.connect("new")
		time.Sleep(65 * time.Minute)
		minutes := map[int]int{}
		for i := range 30 {
			all := o.intervals(fmt.Sprintf("c%02d", i))
			if n := len(all); n != 12 && n != 13 {
				t.Errorf("connection %d: %d intervals in 130 minutes", i, n)
			}
			for _, iv := range all[1:] {
				if d := iv.To.Sub(iv.From); d != 10*time.Minute {
					t.Errorf("connection %d: an interval of %v", i, d)
				}
			}
			minutes[int(all[0].To.Unix()/60)%10]++
		}
		if n := len(o.intervals("new")); n != 6 && n != 7 {
			t.Errorf("the new connection: %d intervals in 65 minutes", n)
		}
		if len(minutes) < 7 || late.Load() > 0 {
			t.Errorf("they are not spread, or %d late: %v", late.Load(), minutes)
		}
		list, err := a.Schedules(t.Context(), at("new"))
		if err != nil || len(list) != 1 || list[0].Function != "count" || list[0].Completed != len(o.intervals("new")) || list[0].Fails != 0 || time.Until(list[0].Next) > 10*time.Minute {
			t.Errorf("Schedules = %+v, %v", list, err)
		}
		a.stop()
		b.stop()
		// After a time without anybody, there is one long interval.
		time.Sleep(3*time.Hour + 10*time.Second)
		w.process(nil, fn).work()
		time.Sleep(time.Minute)
		for _, id := range []string{"c00", "new"} {
			all := o.intervals(id)
			if !slices.ContainsFunc(all[1:], func(iv Interval) bool { return iv.To.Sub(iv.From) >= 3*time.Hour }) {
				t.Errorf("%s: after three hours %v", id, all[len(all)-1])
			}
		}
	})
}

// An attempt that failed is repeated with what it was about and more, from where its
// checkpoint is.
func TestScheduleFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err   error
		least time.Duration // between two attempts
		most  time.Duration
	}{
		"for now":    {errBusyProvider, 5 * time.Second, time.Minute},
		"altogether": {errors.New("no"), 50 * time.Minute, 70 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "alice")
				o := w.observe()
				var tries atomic.Int64
				var times [100]time.Time
				p := w.process(nil, count(t, time.Hour, func(context.Context, *Call) error {
					defer tries.Add(1)
					if times[tries.Load()] = time.Now(); tries.Load() < 3 {
						return c.err
					}
					return nil
				})).work()
				for tries.Load() < 3 {
					time.Sleep(time.Second)
				}
				list, err := p.Schedules(t.Context(), at("alice"))
				if err != nil || len(list) != 1 || list[0].Fails != 3 || list[0].Kind != KindOf(c.err) || list[0].Error != c.err.Error() {
					t.Errorf("%+v, %v", list, err)
				}
				for tries.Load() < 4 {
					time.Sleep(time.Second)
				}
				for i := 1; i < 4; i++ {
					if d := times[i].Sub(times[i-1]); d < c.least || d > c.most {
						t.Errorf("attempt %d came after %v", i+1, d)
					}
				}
				time.Sleep(time.Minute)
				if all := o.intervals("alice"); len(all) != 1 || times[3].Sub(all[0].To) > c.most {
					t.Errorf("completed: %v, at %v", all, times[3])
				}
				list, err = p.Schedules(t.Context(), at("alice"))
				if err != nil || list[0].Fails != 0 || list[0].Kind != "" || list[0].Error != "" {
					t.Errorf("in the end: %+v, %v", list, err)
				}
			})
		})
	}
}

// Who fails all the time is not asked more and more.
func TestScheduleBacksOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		w.process(nil, count(t, time.Second, func(context.Context, *Call) error { n.Add(1); return errors.New("no") })).work()
		time.Sleep(24 * time.Hour)
		if n := n.Load(); n < 100 || n > 200 {
			t.Errorf("%d attempts in a day", n)
		}
	})
}

// A schedule waits for its user, and goes on by itself.
func TestScheduleIsPaused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		o := w.observe()
		var n atomic.Int64
		p := w.process(nil, count(t, 10*time.Second, func(context.Context, *Call) error { n.Add(1); return nil }), echo(&journal{})).work()
		time.Sleep(time.Minute)
		w.setStatus("alice", record.NeedsReauth)
		before := n.Load()
		time.Sleep(time.Hour)
		if list, err := p.Schedules(t.Context(), at("alice")); err != nil || !list[0].Paused || n.Load() > before+1 {
			t.Errorf("%+v, %v after %d more", list, err, n.Load()-before)
		}
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if run = w.wait(p.Functions, run.ID); run.Status != StatusFailed || run.Kind != KindReauth {
			t.Errorf("a run meanwhile: %+v", run)
		}
		w.setStatus("alice", record.Active)
		time.Sleep(time.Minute)
		if list, err := p.Schedules(t.Context(), at("alice")); err != nil || list[0].Paused || n.Load() < before+2 {
			t.Errorf("after it: %+v, %v after %d more", list, err, n.Load()-before)
		}
		longest := slices.MaxFunc(o.intervals("alice")[1:], func(a, b Interval) int { return int(a.To.Sub(a.From) - b.To.Sub(b.From)) })
		if longest.To.Sub(longest.From) < time.Hour {
			t.Errorf("the longest is %v", longest)
		}
		if c := strings.Count(w.log.String(), "a schedule waits"); c != 1 {
			t.Errorf("it was logged %d times", c)
		}
	})
}

// A function may find out itself that the user has to authorize again.
func TestFunctionAsksForUser(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		p := w.process(nil, count(t, time.Second, func(context.Context, *Call) error { n.Add(1); return tieline.ErrReauthRequired })).work()
		time.Sleep(10 * time.Minute)
		if list, err := p.Schedules(t.Context(), at("alice")); err != nil || !list[0].Paused || n.Load() < 10 || n.Load() > 21 {
			t.Errorf("%+v, %v after %d", list, err, n.Load())
		}
	})
}

// Another interval, or none, is what new code says; rows of before are adapted, or go
// in the end.
func TestScheduleChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		o := w.observe()
		seldom := func(c *Config) { c.Poll = 10 * time.Second }
		p := w.process(seldom, count(t, 24*time.Hour, nothing)).work()
		time.Sleep(25 * time.Hour)
		p.stop()
		p = w.process(nil, count(t, time.Minute, nothing)).work()
		time.Sleep(10 * time.Minute)
		if n := len(o.intervals("alice")); n < 9 {
			t.Errorf("%d intervals", n)
		}
		p.stop()
		var n atomic.Int64
		none := Define("count", func(context.Context, *Call, struct{}) (int, error) { n.Add(1); return 0, nil }, Options{})
		w.process(seldom, none).work()
		time.Sleep(12 * time.Hour)
		if len(w.rows(kindState)) != 1 {
			t.Error("the checkpoint was thrown away at once")
		}
		time.Sleep(15 * time.Hour)
		if len(w.rows(kindState)) != 0 || n.Load() > 0 {
			t.Errorf("after a day: %v, %d runs", w.rows(kindState), n.Load())
		}
	})
}

// A clock that was ahead leaves an interval that ends in the future; nothing is done
// twice for it.
func TestScheduleClocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		o := w.observe()
		fn := count(t, time.Minute, nothing)
		ahead := w.process(clock(time.Hour), fn).work()
		time.Sleep(5 * time.Minute)
		ahead.stop()
		n := len(o.intervals("alice"))
		// Another interval makes it due in the middle of that.
		fn = count(t, 2*time.Minute, nothing)
		w.process(nil, fn).work()
		time.Sleep(30 * time.Minute)
		if len(o.intervals("alice")) != n {
			t.Error("an interval was completed that had been")
		}
		time.Sleep(40 * time.Minute)
		if len(o.intervals("alice")) < n+5 {
			t.Error("it did not go on")
		}
	})
}
