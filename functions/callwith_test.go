package functions

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
)

var once = RunOptions{IdempotencyKey: "once"}

// charge is what should happen once. It takes a while.
func charge(n *atomic.Int64, takes time.Duration) *Function {
	return Define("charge", func(ctx context.Context, call *Call, in word) (int64, error) {
		if call.RunID == "" {
			return 0, errors.New("there is no run ID")
		}
		id := n.Add(1)
		if !pause(ctx, takes) {
			return 0, ctx.Err()
		}
		return id, nil
	}, Options{Timeout: time.Hour})
}

func TestCallWithKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		a, b := w.process(nil, charge(&n, time.Minute)), w.process(nil, charge(&n, time.Minute))
		b.work()
		call := func(p *process, input string, o RunOptions) (string, error) {
			out, err := p.CallWith(t.Context(), at("alice"), "charge", []byte(input), o)
			return string(out), err
		}
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if out, err := call([]*process{a, b}[i%2], `{"word":"x"}`, once); err != nil || out != "1" {
					t.Errorf("call %d: %s, %v", i, out, err)
				}
			})
		}
		wg.Wait()
		if out, err := call(b, `{"word": "x"}`, once); err != nil || out != "1" || n.Load() != 1 {
			t.Errorf("later: %s, %v, after %d runs", out, err, n.Load())
		}
		if _, err := call(a, `{"word":"y"}`, once); !errors.Is(err, ErrKeyReused) {
			t.Errorf("other input: %v", err)
		}
		if _, err := call(a, `{"word":"x"}`, RunOptions{At: time.Now()}); !errors.Is(err, ErrInput) {
			t.Errorf("at a time: %v", err)
		}
		if _, err := call(a, `{"word":"x"}`, RunOptions{}); KindOf(err) != KindFailed {
			t.Errorf("without a key: %v", err)
		}
		time.Sleep(defaultKeep + time.Hour)
		if out, err := call(a, `{"word":"x"}`, once); err != nil || out != "2" {
			t.Errorf("after it was kept: %s, %v", out, err)
		}
	})
}

// What is final is kept, and known again by its kind; what may go better next time is
// not.
func TestCallWithKeyFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		kind Kind
		kept bool
		is   error
	}{
		{&RefusedError{Status: 404}, KindRefused, true, ErrRefused},
		{&BugError{Err: errors.New("x")}, KindBug, true, ErrBug},
		{errors.New("x"), KindFailed, true, nil},
		{errBusyProvider, KindTemporary, false, nil},
		{context.DeadlineExceeded, KindTemporary, false, nil},
		{tieline.ErrReauthRequired, KindReauth, false, tieline.ErrReauthRequired},
	} {
		w := newWorld(t, "alice")
		n := 0
		p := w.process(nil, Define("f", func(context.Context, *Call, struct{}) (int, error) {
			n++
			return 0, c.err
		}, Options{}))
		_, err1 := p.CallWith(t.Context(), at("alice"), "f", nil, once)
		_, err2 := p.CallWith(t.Context(), at("alice"), "f", nil, once)
		if !errors.Is(err1, c.err) || KindOf(err2) != c.kind || c.is != nil && !errors.Is(err2, c.is) {
			t.Errorf("%v: %v, then %v", c.err, err1, err2)
		}
		var run *RunError
		if (n == 1) != c.kept || errors.As(err2, &run) != c.kept || c.kept && run.Text != c.err.Error() {
			t.Errorf("%v: %d runs, %#v", c.err, n, run)
		}
		if rows := w.rows(kindRun); (len(rows) == 1) != c.kept {
			t.Errorf("%v: %d rows", c.err, len(rows))
		}
	}
}

func TestCallWithKeyGivesUpWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		a := w.process(nil, charge(&n, 10*time.Minute))
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if _, err := a.CallWith(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), once); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := a.CallWith(ctx, at("alice"), "charge", []byte(`{"word":"x"}`), once); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who has no patience: %v", err)
		}
		w.setStatus("alice", record.NeedsReauth)
		if _, err := a.CallWith(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), once); !errors.Is(err, tieline.ErrReauthRequired) {
			t.Errorf("while the user is asked for: %v", err)
		}
	})
}

// When the process of the first call dies, the second one makes the call itself, or
// gets what a process at work has made of it.
func TestCallWithKeyIsTakenOver(t *testing.T) {
	t.Parallel()
	for _, working := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "alice")
			var n atomic.Int64
			a, b := w.process(nil, charge(&n, time.Minute)), w.process(nil, charge(&n, time.Minute))
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			defer wg.Wait()
			wg.Go(func() { _, _ = a.CallWith(ctx, at("alice"), "charge", []byte(`{"word":"x"}`), once) })
			time.Sleep(10 * time.Second)
			a.kill()
			cancel()
			if working {
				b.work()
				time.Sleep(2 * time.Minute)
			}
			began := time.Now()
			out, err := b.CallWith(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), once)
			if took := time.Since(began); err != nil || string(out) != "2" || took > 2*time.Minute || working && took > 0 {
				t.Errorf("working %v: %s, %v, after %v", working, out, err, took)
			}
		})
	}
}

// A caller that goes away takes its call with it, and the key is free again.
func TestCallWithKeyIsCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var n atomic.Int64
		a := w.process(nil, charge(&n, time.Minute))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := a.CallWith(ctx, at("alice"), "charge", []byte(`{"word":"x"}`), once); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}
		if out, err := a.CallWith(t.Context(), at("alice"), "charge", []byte(`{"word":"x"}`), once); err != nil || string(out) != "2" {
			t.Errorf("after it: %s, %v", out, err)
		}
	})
}
