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
	"github.com/tieline/tieline/store"
)

// clock is a Config edit: this much ahead.
func clock(ahead time.Duration) func(*Config) {
	return func(c *Config) { c.Now = func() time.Time { return time.Now().Add(ahead) } }
}

// Of any number of processes that find the same run due, one runs it.
func TestOneProcessRuns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		fn := Define("slow", func(ctx context.Context, _ *Call, in word) (string, error) {
			j.add("%s", in.Word)
			time.Sleep(90 * time.Second) // for longer than a claim lives without a beat
			return in.Word, nil
		}, Options{Timeout: time.Hour})
		var ps []*process
		for i := range 4 {
			// Their clocks differ by far more than that.
			ps = append(ps, w.process(clock(time.Duration(i-2)*10*time.Minute), fn))
		}
		var want, ids []string
		for i := range 40 {
			in := fmt.Sprintf("run-%02d", i)
			run, err := ps[2].Start(t.Context(), at("alice"), "slow", []byte(`{"word":"`+in+`"}`), RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want, ids = append(want, in), append(ids, run.ID)
		}
		for _, p := range ps {
			p.work()
		}
		time.Sleep(40 * time.Minute)
		got := j.all()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("ran: %v", got)
		}
		for _, id := range ids {
			if run, err := ps[0].Get(t.Context(), id); err != nil || run.Status != StatusDone || run.Attempt != 1 {
				t.Errorf("%+v, %v", run, err)
			}
		}
	})
}

// What a process had in hand when it died is taken up, whatever the clocks say; and an
// answer that is about to come is waited for.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	for _, ahead := range []time.Duration{0, -10 * time.Minute, 10 * time.Minute} {
		t.Run(ahead.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "alice")
				var n atomic.Int64
				first := w.process(clock(ahead), charge(&n, time.Minute)).work()
				run, err := first.Start(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), RunOptions{})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(30 * time.Second)
				second := w.process(nil, charge(&n, time.Minute)).work()
				time.Sleep(20 * time.Second)
				if n.Load() != 1 {
					t.Error("it was taken from somebody who is alive")
				}
				first.kill()
				// A clock that is ahead makes the others wait by as much.
				time.Sleep(max(ahead, 0) + defaultTakeOver + 4*time.Second)
				if n.Load() != 2 {
					t.Errorf("%d attempts", n.Load())
				}
				if run = w.wait(second.Functions, run.ID); run.Status != StatusDone || string(run.Output) != "2" || run.Attempt != 2 {
					t.Errorf("%+v", run)
				}
			})
		})
	}
}

// TakeOver says how soon.
func TestTakeOverSooner(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		soon := func(c *Config) { c.TakeOver, c.Poll = 3*time.Second, 100*time.Millisecond }
		first := w.process(soon, charge(&n, 20*time.Second)).work()
		if _, err := first.Start(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), RunOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		w.process(soon, charge(&n, time.Second)).work()
		time.Sleep(10 * time.Second)
		if n.Load() != 1 {
			t.Error("it was taken from somebody who is alive")
		}
		first.kill()
		time.Sleep(3500 * time.Millisecond)
		if n.Load() != 2 {
			t.Errorf("%d attempts", n.Load())
		}
	})
}

func TestTakeOverTooSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, d := range []time.Duration{-1, time.Second - 1} {
		if _, err := New(Config{Client: w.Client, TakeOver: d}); err == nil || !strings.Contains(err.Error(), "TakeOver") {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// A process whose Store is away for long gives its runs up before another one may
// take them.
func TestHolderLosesTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		var running atomic.Int64
		fn := Define("slow", func(ctx context.Context, call *Call, _ struct{}) (int, error) {
			if running.Add(1) > 1 {
				t.Error("two at once")
			}
			defer running.Add(-1)
			if pause(ctx, time.Minute) {
				return call.Attempt, nil
			}
			j.add("%v; %v", context.Cause(ctx), call.SaveCheckpoint(context.WithoutCancel(ctx), 1))
			return 0, context.Cause(ctx)
		}, Options{Timeout: time.Hour})
		first, away := w.process(nil, fn), atomic.Bool{}
		first.before = func(string, store.Key) error {
			if away.Load() {
				return errors.New("no route to the database")
			}
			return nil
		}
		first.work()
		run, err := first.Start(t.Context(), at("alice"), "slow", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(7 * time.Second)
		second := w.process(nil, fn).work()
		away.Store(true)
		if run = w.wait(second.Functions, run.ID); string(run.Output) != "2" {
			t.Errorf("%+v", run)
		}
		if got := j.all(); len(got) != 1 || got[0] != ErrTakenOver.Error()+"; no route to the database\nno route to the database" {
			t.Errorf("the holder heard %q", got)
		}
	})
}

// A function that does not return when it should has its run taken, and cannot write
// to it any more.
func TestFunctionIgnoresItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		fn := Define("deaf", func(_ context.Context, call *Call, _ struct{}) (int, error) {
			if call.Attempt == 1 {
				time.Sleep(10 * time.Minute)
				j.add("%v", call.SaveCheckpoint(context.Background(), "late"))
			}
			return call.Attempt, nil
		}, Options{Timeout: 10 * time.Second, Attempts: 2})
		p := w.process(nil, fn).work()
		run, err := p.Start(t.Context(), at("alice"), "deaf", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		other := w.process(nil, fn).work()
		run = w.wait(other.Functions, run.ID)
		took := run.FinishedAt.Sub(run.CreatedAt)
		if run.Status != StatusDone || string(run.Output) != "2" || took > time.Minute {
			t.Errorf("%+v, after %v", run, took)
		}
		time.Sleep(20 * time.Minute)
		again, err := p.Get(t.Context(), run.ID)
		if got := j.all(); err != nil || string(again.Output) != "2" || len(got) != 1 || got[0] != ErrTakenOver.Error() {
			t.Errorf("in the end: %+v, %v, %q", again, err, got)
		}
	})
}

// A run that brings down every process that touches it ends.
func TestAttemptsEndWithProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var current atomic.Pointer[process]
		fn := Define("deadly", func(context.Context, *Call, struct{}) (int, error) { current.Load().kill(); return 0, nil }, Options{Attempts: 3})
		p := w.process(nil, fn)
		run, err := p.Start(t.Context(), at("alice"), "deadly", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			p = w.process(nil, fn)
			current.Store(p)
			p.work()
			time.Sleep(5 * time.Minute)
		}
		if run, err = p.Get(t.Context(), run.ID); err != nil || run.Status != StatusFailed || run.Kind != KindTemporary || run.Attempt != 3 {
			t.Errorf("%+v, %v", run, err)
		}
	})
}

// A shutdown puts back what is under way, and that is no attempt.
func TestShutdown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		p := w.process(nil, charge(&n, time.Minute)).work()
		run, err := p.Start(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for range 7 { // more often than there are attempts
			time.Sleep(30 * time.Second)
			began := time.Now()
			p.stop()
			if took := time.Since(began); took > 0 {
				t.Errorf("it took %v", took)
			}
			p.work()
		}
		if run = w.wait(p.Functions, run.ID); run.Status != StatusDone || run.Attempt != 1 || n.Load() != 8 {
			t.Errorf("%+v, after %d", run, n.Load())
		}
	})
}

// Moving everything to another key disturbs no run.
func TestRewrapDuringRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		fn := Define("slow", func(ctx context.Context, call *Call, _ struct{}) (int, error) {
			for i := range 60 {
				time.Sleep(time.Second)
				if err := call.SaveCheckpoint(ctx, i); err != nil {
					return 0, err
				}
			}
			return 1, nil
		}, Options{Timeout: time.Hour, Every: time.Hour})
		w.keys = testKeys(t, 2, 1)
		p := w.process(nil, fn).work()
		run, err := p.Start(t.Context(), at("alice"), "slow", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		flip := []*tieline.Client{}
		for _, seeds := range [][]byte{{1, 2}, {2, 1}} {
			w.keys = testKeys(t, seeds...)
			flip = append(flip, w.client(w.store))
		}
		for i := range 30 {
			if report, err := flip[i%2].Rewrap(t.Context()); err != nil || report.Failed > 0 {
				t.Errorf("%+v, %v", report, err)
			}
			time.Sleep(1700 * time.Millisecond)
		}
		if run = w.wait(p.Functions, run.ID); run.Status != StatusDone || run.Attempt != 1 {
			t.Errorf("%+v", run)
		}
		if usage, err := flip[1].KeyUsage(t.Context()); err != nil || usage[""] != 0 {
			t.Errorf("%v, %v", usage, err)
		}
		if report, err := flip[0].Rewrap(t.Context()); err != nil || report.Rewrapped < 2 {
			t.Errorf("%+v, %v", report, err)
		}
		if _, err := p.Get(t.Context(), run.ID); err != nil {
			t.Error(err)
		}
	})
}

// With a Queue the Store is looked at less often, and the dead are stood in for all the
// same, though their wake-ups are lost with them.
func TestTakeOverWithQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		lost := func(c *Config) { c.Queue = &mail{lose: func(int) bool { return true }} }
		first := w.process(lost, charge(&n, time.Minute)).work()
		if _, err := first.Start(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), RunOptions{}); err != nil {
			t.Fatal(err)
		}
		for n.Load() == 0 {
			time.Sleep(time.Second)
		}
		w.process(lost, charge(&n, time.Minute)).work()
		first.kill()
		time.Sleep(defaultTakeOver*3/2 + 4*time.Second)
		if n.Load() != 2 {
			t.Errorf("%d attempts", n.Load())
		}
	})
}
