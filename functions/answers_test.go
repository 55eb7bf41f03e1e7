package functions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

// Answers of the Store that are lost, one or two in a row, at any of its calls, cost
// nothing: no attempt, no time, and the function hears nothing of it.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for inRow := int64(1); inRow <= 2; inRow++ {
		for n := int64(1); ; n++ {
			if n > 40 {
				t.Fatal("there is no end")
			}
			if !loseAnswers(t, n, inRow) {
				if n < 5 {
					t.Errorf("there were only %d calls", n)
				}
				break
			}
		}
	}
}

func loseAnswers(t *testing.T, n, inRow int64) (lost bool) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var calls, runs atomic.Int64
		fn := Define("f", func(ctx context.Context, call *Call, _ struct{}) (int64, error) {
			runs.Add(1)
			err := call.SaveCheckpoint(ctx, 1)
			if err != nil && inRow > 1 { // it cannot know
				err = call.SaveCheckpoint(ctx, 1)
			}
			return 1, err
		}, Options{})
		p := w.process(nil, fn)
		p.after = func(op string, key store.Key) error {
			if !ours(key) || op == "List" {
				return nil
			}
			if c := calls.Add(1); c >= n && c < n+inRow {
				return errStorm
			}
			return nil
		}
		p.work()
		run, err := p.Start(t.Context(), at("alice"), "f", nil, RunOptions{})
		if err != nil && inRow > 1 && n == 1 {
			// Put and Get: the caller cannot know, either. The run is there all the same.
			run, err = Run{ID: w.rows(kindRun)[0].row.ID}, nil
		}
		if err != nil {
			t.Fatalf("answer %d: %v", n, err)
		}
		began := time.Now()
		time.Sleep(time.Minute)
		lost = calls.Load() >= n
		run, err = w.process(nil, fn).Get(t.Context(), run.ID)
		if err != nil {
			t.Fatal(err)
		}
		took, most := run.FinishedAt.Sub(began), 2*time.Second
		attempts := 1
		if inRow > 1 && n == 2 { // the claim: it was written, and nobody knows
			most, attempts = defaultTakeOver+4*time.Second, 2
		}
		if run.Status != StatusDone || run.Attempt != attempts || runs.Load() != 1 || took > most {
			t.Errorf("answer %d, %d in a row: %+v after %v", n, inRow, run, took)
		}
		if attempts == 1 && strings.Contains(w.log.String(), "taken over") {
			t.Errorf("answer %d, %d in a row:\n%s", n, inRow, w.log)
		}
		if rows := w.rows(kindRun); len(rows) != 1 {
			t.Errorf("answer %d: %d rows", n, len(rows))
		}
	})
	return lost
}

// A Store that is away for a moment at the end of a run is waited for.
func TestStoreIsAwayAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, schedule := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, "alice")
			o := w.observe()
			var away atomic.Bool
			var runs atomic.Int64
			body := func(context.Context, *Call, struct{}) (int, error) {
				if runs.Add(1) == 1 {
					away.Store(true)
					go func() {
						time.Sleep(8 * time.Second)
						away.Store(false)
					}()
				}
				return 1, nil
			}
			o2 := Options{}
			if schedule {
				o2.Every = time.Minute
			}
			p := w.process(nil, Define("f", body, o2))
			p.before = func(string, store.Key) error {
				if away.Load() {
					return errStorm
				}
				return nil
			}
			p.work()
			if schedule {
				time.Sleep(70 * time.Second)
				if all := o.intervals("alice"); len(all) == 0 || int64(len(all)) != runs.Load() {
					t.Errorf("%d intervals, %d runs", len(all), runs.Load())
				}
				return
			}
			run, err := p.Start(t.Context(), at("alice"), "f", nil, RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if run, err = p.Get(t.Context(), run.ID); err != nil || run.Status != StatusDone || run.Attempt != 1 || runs.Load() != 1 {
				t.Errorf("%+v, %v after %d runs", run, err, runs.Load())
			}
		})
	}
}

// A Call is good until its function returns.
func TestCallIsOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		var kept atomic.Pointer[Call]
		p := w.process(nil, Define("f", func(_ context.Context, call *Call, _ struct{}) (int, error) {
			kept.Store(call)
			return 1, nil
		}, Options{})).work()
		run, err := p.Start(t.Context(), at("alice"), "f", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		w.wait(p.Functions, run.ID)
		if err := kept.Load().SaveCheckpoint(t.Context(), 1); !errors.Is(err, ErrTakenOver) {
			t.Errorf("SaveCheckpoint = %v", err)
		}
	})
}

// What is sealed in a row is good for this row and this state of it.
func TestSealedForItsRow(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	p := w.process(nil, echo(&journal{}))
	for i := range 2 {
		if _, err := p.Start(t.Context(), at("alice"), "echo", fmt.Appendf(nil, `{"word":"%d"}`, i), RunOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	rows := w.rows(kindRun)
	a, b := rows[0], rows[1]
	newer := a.edited()
	newer.rec.Gen++
	swapped := a.edited()
	swapped.rec.Sealed = b.rec.Sealed
	state := a.edited()
	state.row.Kind = kindState
	for name, e := range map[string]entry{"an older state": newer, "another row's": swapped, "another kind's": state} {
		if _, err := p.open(e); err == nil {
			t.Errorf("%s opens", name)
		}
	}
	if _, err := p.open(a); err != nil {
		t.Error(err)
	}
}
