package functions

import (
	"context"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// damage makes a row unreadable: its record, or what is sealed in it.
func (w *world) damage(row store.Row, sealed bool) {
	w.t.Helper()
	if sealed {
		row.Data[len(row.Data)-5] ^= 1
	} else {
		row.Data = []byte{1, 200}
	}
	if _, err := w.store.Put(context.Background(), row); err != nil {
		w.t.Fatal(err)
	}
}

// newer is the row of a run that a much newer version accepted.
func (w *world) newer(p *process) store.Row {
	w.t.Helper()
	run, err := p.Start(context.Background(), at("bob"), "echo", []byte(`{"word":"x"}`), RunOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	row, err := w.store.Get(context.Background(), store.Key{Kind: kindRun, ID: run.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	row.Data[0] = 99
	if row, err = w.store.Put(context.Background(), row); err != nil {
		w.t.Fatal(err)
	}
	return row
}

// Rows that cannot be read are told once and left alone, and all others go on.
func TestDamagedRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice", "bob", "carol"), &journal{}
		p := w.process(nil, echo(j), count(t, time.Minute, nothing))
		var good []string
		for range 60 {
			run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			good = append(good, run.ID)
		}
		for i, e := range w.rows(kindRun)[:40] {
			w.damage(e.row, i%2 == 0)
			good = slices.DeleteFunc(good, func(id string) bool { return id == e.row.ID })
		}
		row := w.newer(p)
		p.work()
		time.Sleep(10 * time.Second)
		for _, id := range good {
			if run, err := p.Get(t.Context(), id); err != nil || run.Status != StatusDone {
				t.Errorf("%+v, %v", run, err)
			}
		}
		w.damage(w.rows(kindState)[1].row, true)
		time.Sleep(15 * time.Minute)
		if n := strings.Count(w.log.String(), "cannot be read"); n != 42 {
			t.Errorf("logged %d times", n)
		}
		due, err := w.store.List(t.Context(), store.Query{Kind: kindRun, DueBefore: time.Now().Add(-2 * time.Minute)})
		if err != nil || len(due.Rows) != 1 { // the one of a newer version
			t.Errorf("%d rows are looked at again and again, %v", len(due.Rows), err)
		}
		if now, err := w.store.Get(t.Context(), row.Key); err != nil || now.Version != row.Version {
			t.Errorf("a row of a newer version was written to: %v", err)
		}
		done := 0
		for _, id := range []string{"alice", "bob", "carol"} {
			if list, err := p.Schedules(t.Context(), at(id)); err != nil {
				t.Error(err)
			} else if list[0].Completed > 12 {
				done++
			}
		}
		if done != 2 || len(j.all()) != len(good) {
			t.Errorf("%d schedules went on, %d runs", done, len(j.all()))
		}
	})
}

// A process that does not have a function leaves its runs to those that do.
func TestUnknownFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		p := w.process(nil, echo(j))
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		other := w.process(func(c *Config) { c.Poll, c.Discover = 5*time.Minute, time.Hour }, count(t, time.Hour, nothing)).work()
		time.Sleep(48 * time.Hour)
		if n := strings.Count(w.log.String(), "not here"); n != 1 || len(j.all()) > 0 {
			t.Errorf("logged %d times, ran %d times", n, len(j.all()))
		}
		p.work()
		time.Sleep(2 * time.Hour)
		if run, err = other.Get(t.Context(), run.ID); err != nil || run.Status != StatusDone || run.Attempt != 1 {
			t.Errorf("%+v, %v", run, err)
		}
		p.stop()
		if run, err = p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(unknownFor + 3*time.Hour)
		if run, err = p.Get(t.Context(), run.ID); err != nil || run.Status != StatusFailed || run.Kind != KindBug {
			t.Errorf("nobody had it: %+v, %v", run, err)
		}
	})
}

// Side by side with a process that has a function, one without it does not get in
// the way.
func TestRollingDeploy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		o := w.observe()
		j := &journal{}
		for range 3 {
			w.process(nil).work()
			w.process(nil, Define("count", func(context.Context, *Call, struct{}) (int, error) { return 0, nil }, Options{})).work()
		}
		time.Sleep(time.Minute)
		p := w.process(nil, echo(j), count(t, time.Minute, nothing)).work()
		for range 100 {
			run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			if run, err = p.Get(t.Context(), run.ID); err != nil || run.Status != StatusDone {
				t.Errorf("%+v, %v", run, err)
			}
		}
		if n := len(o.intervals("alice")); n < 48 {
			t.Errorf("%d intervals", n)
		}
	})
}

// Work does no more than it may at once, for a connection and in all.
func TestConcurrency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		var now, most, alice, mostAlice atomic.Int64
		up := func(n, most *atomic.Int64) {
			if v := n.Add(1); v > most.Load() {
				most.Store(v)
			}
		}
		fn := Define("slow", func(_ context.Context, call *Call, _ struct{}) (int, error) {
			up(&now, &most)
			if call.Connection.ID == "alice" {
				up(&alice, &mostAlice)
				defer alice.Add(-1)
			}
			defer now.Add(-1)
			time.Sleep(time.Second)
			return 0, nil
		}, Options{PerConnection: 2})
		free := Define("free", func(context.Context, *Call, struct{}) (int, error) {
			up(&now, &most)
			defer now.Add(-1)
			time.Sleep(time.Second)
			return 0, nil
		}, Options{})
		p := w.process(func(c *Config) { c.Concurrency = 5 }, fn, free)
		var last Run
		for _, s := range []struct{ id, fn string }{{"alice", "slow"}, {"bob", "slow"}, {"bob", "free"}} {
			for range 20 {
				var err error
				if last, err = p.Start(t.Context(), at(s.id), s.fn, nil, RunOptions{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		began := time.Now()
		p.work()
		w.wait(p.Functions, last.ID)
		time.Sleep(30 * time.Second)
		for _, e := range w.rows(kindRun) {
			if !e.rec.Finished() {
				t.Errorf("after %v: %+v", time.Since(began), e.rec)
			}
		}
		if most.Load() != 5 || mostAlice.Load() != 2 {
			t.Errorf("%d at once, %d of alice's", most.Load(), mostAlice.Load())
		}
	})
}

func TestWorkEndsWithItsStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		p := w.process(nil, echo(&journal{}))
		done := make(chan error, 1)
		go func() { done <- p.Work(t.Context()) }()
		time.Sleep(time.Minute)
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; !errors.Is(err, tieline.ErrClosed) {
			t.Errorf("Work = %v", err)
		}
	})
}

// A panic, too, is one function's failure.
func TestRunPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		p := w.process(nil, Define("f", func(context.Context, *Call, struct{}) (int, error) { panic("canary") }, Options{})).work()
		run, err := p.Start(t.Context(), at("alice"), "f", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if run = w.wait(p.Functions, run.ID); run.Kind != KindBug || run.Attempt != 1 {
			t.Errorf("%+v", run)
		}
		if !strings.Contains(w.log.String(), `"stack":`) {
			t.Error("where it happened is not logged")
		}
		_, err = p.Call(t.Context(), at("alice"), "f", nil)
		var panicked *PanicError
		if !errors.As(err, &panicked) || panicked.Value != "canary" {
			t.Errorf("a call at once: %v", err)
		}
		if text := w.log.String() + run.Error + err.Error(); strings.Contains(text, "canary") {
			t.Errorf("the value of the panic is shown: %s", text)
		}
	})
}

// Every key that is logged is documented, and the other way round.
func TestLogKeys(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("logging.go")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../docs/functions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(doc), "\n## Log keys\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var keys, documented []string
	for _, m := range regexp.MustCompile(`(?m)^\tkey\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		keys = append(keys, m[1])
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` ").FindAllStringSubmatch(section, -1) {
		documented = append(documented, m[1])
	}
	slices.Sort(keys)
	slices.Sort(documented)
	if len(keys) == 0 || !slices.Equal(keys, documented) {
		t.Errorf("logged: %v, documented: %v", keys, documented)
	}
}
