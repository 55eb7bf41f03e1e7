package functions

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"math/rand/v2"

	"github.com/tieline/tieline/store"
)

// ours reports whether a call of the Store is about this package's rows.
func ours(key store.Key) bool { return key.Kind == kindRun || key.Kind == kindState }

// A process that dies at any of its calls of the Store, before it or after it, loses
// no run and no interval.
func TestCrashAnywhere(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			if n > 80 {
				t.Fatal("there is no end")
			}
			if crashAt(t, n, late) {
				if n < 12 {
					t.Errorf("there were only %d calls", n)
				}
				break
			}
		}
	}
}

// crashAt kills a process at the nth call of its Store, after it if late, and answers
// true if there were not that many.
func crashAt(t *testing.T, n int, late bool) (survived bool) {
	synctest.Test(t, func(t *testing.T) {
		defer func() {
			if t.Failed() {
				t.Logf("call %d, late: %v", n, late)
			}
		}()
		w := newWorld(t, "alice")
		o := w.observe()
		var n0, calls atomic.Int64
		scheduled := count(t, 10*time.Second, nothing)
		charged := Define("charge", func(ctx context.Context, call *Call, _ struct{}) (int64, error) {
			pause(ctx, 6*time.Second) // a beat
			if err := call.SaveCheckpoint(ctx, 1); err != nil {
				return 0, err
			}
			return n0.Add(1), nil
		}, Options{})
		p := w.process(nil, scheduled, charged)
		hook := func(op string, key store.Key) error {
			if ours(key) && op != "List" && !p.dead.Load() && calls.Add(1) == int64(n) {
				p.kill()
				return errDead
			}
			return nil
		}
		if late {
			p.after = hook
		} else {
			p.before = hook
		}
		run, err := p.Start(t.Context(), at("alice"), "charge", nil, RunOptions{IdempotencyKey: "k"})
		accepted := err == nil
		p.work()
		time.Sleep(30 * time.Second)
		survived = !p.dead.Load()
		p.kill()
		p2 := w.process(nil, scheduled, charged).work()
		if !accepted { // the caller asks again
			if run, err = p2.Start(t.Context(), at("alice"), "charge", nil, RunOptions{IdempotencyKey: "k"}); err != nil {
				t.Error(err)
			}
		}
		run = w.wait(p2.Functions, run.ID)
		if run.Status != StatusDone || n0.Load() == 0 || n0.Load() > 2 || run.Attempt > 2 {
			t.Errorf("%+v after %d runs", run, n0.Load())
		}
		time.Sleep(2 * time.Minute)
		if rows := w.rows(kindRun); len(rows) != 1 {
			t.Errorf("%d rows", len(rows))
		}
		if all := o.intervals("alice"); len(all) < 8 || time.Since(all[len(all)-1].To) > 15*time.Second {
			t.Errorf("completed: %v", all)
		}
	})
	return survived
}

// storm is a random schedule: processes that come and die, clocks that differ, a Store
// that is slow and fails, and functions that fail, hang and do not listen.
type storm struct {
	w  *world
	r  *rand.Rand
	fn *Function
	// calm ends the faults.
	calm atomic.Bool
	// draws are made by whoever is next, so that a seed tells the shape of a storm
	// and not each step.
	turn chan struct{}
}

func (s *storm) draw(n int) int {
	<-s.turn
	defer func() { s.turn <- struct{}{} }()
	return s.r.IntN(n)
}

var errStorm = errors.New("the database is away")

// hook fails one call in fifty, is slow now and then, and hangs seldom.
func (s *storm) hook(_ string, key store.Key) error {
	if s.calm.Load() || !ours(key) {
		return nil
	}
	switch n := s.draw(1000); {
	case n < 20:
		return errStorm
	case n < 100:
		time.Sleep(time.Duration(s.draw(2000)) * time.Millisecond)
	case n < 103:
		time.Sleep(time.Duration(s.draw(60)) * time.Second)
	}
	return nil
}

func (s *storm) body(ctx context.Context, call *Call) error {
	if s.calm.Load() {
		return nil
	}
	switch n := s.draw(100); {
	case n < 5:
		return errBusyProvider
	case n < 8:
		return errors.New("no")
	case n < 10:
		time.Sleep(time.Duration(s.draw(120)) * time.Second) // deaf
	case n < 30:
		if !pause(ctx, time.Duration(s.draw(40))*time.Second) {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (s *storm) process() *process {
	p := s.w.process(clock(time.Duration(s.draw(40)-20)*time.Second), s.fn)
	p.before, p.after = s.hook, s.hook
	return p.work()
}

// seed is random, or that of TIELINE_SEED.
func seed(t *testing.T) uint64 {
	n := rand.Uint64N(1 << 32)
	if s := os.Getenv("TIELINE_SEED"); s != "" {
		var err error
		if n, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("TIELINE_SEED=%d", n)
	return n
}

// Whatever happens, no interval is completed twice and none is lost, and checkpoints
// do not go back: the observer looks at every write.
func TestRandomSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &storm{w: newWorld(t), r: rand.New(rand.NewPCG(seed(t), 1)), turn: make(chan struct{}, 1)}
		s.turn <- struct{}{}
		for i := range 20 {
			s.w.connect(fmt.Sprintf("c%02d", i))
		}
		o := s.w.observe()
		s.fn = count(t, 20*time.Second, s.body)
		ps := []*process{s.process(), s.process(), s.process()}
		for range 60 {
			time.Sleep(time.Duration(s.draw(40)) * time.Second)
			i := s.draw(len(ps))
			ps[i].kill()
			ps[i] = s.process()
		}
		for _, p := range ps {
			p.kill()
		}
		s.calm.Store(true)
		for _, p := range ps {
			<-p.done
			p.cancel = nil
		}
		s.w.process(nil, s.fn).work()
		time.Sleep(15 * time.Minute)
		total := 0
		for i := range 20 {
			all := o.intervals(fmt.Sprintf("c%02d", i))
			total += len(all)
			if len(all) == 0 || time.Since(all[len(all)-1].To) > 25*time.Second {
				t.Errorf("connection %d stands still after %d intervals", i, len(all))
			}
		}
		t.Logf("%d intervals", total)
	})
}
