package functions

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

func TestStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		p := w.process(nil, echo(j))
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"canary"}`), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now().UTC()
		want := Run{ID: run.ID, Target: at("alice"), Function: "echo", Status: StatusQueued, CreatedAt: began, DueAt: began}
		if diff := cmp.Diff(want, run); diff != "" {
			t.Errorf("accepted (-want +got):\n%s", diff)
		}
		p.work()
		run = w.wait(p.Functions, run.ID)
		want.Status, want.Attempt, want.Output, want.DueAt = StatusDone, 1, []byte(`{"word":"canary"}`), time.Time{}
		if diff := cmp.Diff(want, run, cmpopts.IgnoreFields(Run{}, "StartedAt", "FinishedAt")); diff != "" || run.FinishedAt.IsZero() {
			t.Errorf("done (-want +got):\n%s", diff)
		}
		for _, e := range w.rows(kindRun) {
			if bytes.Contains(e.row.Data, []byte("canary")) {
				t.Error("what a run is about is in the Store in the clear")
			}
		}
		time.Sleep(defaultKeep - time.Minute)
		if _, err := p.Get(t.Context(), run.ID); err != nil {
			t.Errorf("while it is kept: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if _, err := p.Get(t.Context(), run.ID); !errors.Is(err, tieline.ErrNotFound) {
			t.Errorf("after it was kept: %v", err)
		}
		if got := j.all(); !slices.Equal(got, []string{"alice canary 1"}) {
			t.Errorf("it ran as %q", got)
		}
	})
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	p := w.process(nil, echo(&journal{}))
	for name, c := range map[string]struct {
		to    Target
		fn    string
		input string
		o     RunOptions
		want  error
	}{
		"unknown connection": {at("bob"), "echo", `{"word":"x"}`, RunOptions{}, tieline.ErrNotFound},
		"unknown function":   {at("alice"), "nope", `{"word":"x"}`, RunOptions{}, ErrUnknownFunction},
		"wrong input":        {at("alice"), "echo", `{"word":1}`, RunOptions{}, ErrInput},
		"no input":           {at("alice"), "echo", ``, RunOptions{}, ErrInput},
		"large input":        {at("alice"), "echo", `{"word":"` + strings.Repeat("x", 1<<20) + `"}`, RunOptions{}, ErrInput},
		"long key":           {at("alice"), "echo", `{"word":"x"}`, RunOptions{IdempotencyKey: strings.Repeat("x", 256)}, ErrInput},
	} {
		if _, err := p.Start(t.Context(), c.to, c.fn, []byte(c.input), c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if rows := w.rows(kindRun); len(rows) > 0 {
		t.Errorf("%d rows of runs that were refused", len(rows))
	}
	bare := w.process(func(c *Config) { c.Store, c.Keys = nil, nil }, echo(&journal{}))
	_, err := bare.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
	_, gerr := bare.Get(t.Context(), "x")
	_, cerr := bare.CallWith(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{IdempotencyKey: "k"})
	herr := bare.HandleWebhook(t.Context(), &tieline.Webhook{Verified: true})
	for _, err := range []error{err, gerr, cerr, herr, bare.Work(t.Context())} {
		if !errors.Is(err, ErrNoStore) {
			t.Errorf("without a Store: %v", err)
		}
	}
	if out, err := bare.Call(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`)); err != nil || string(out) != `{"word":"x"}` {
		t.Errorf("Call without a Store: %s, %v", out, err)
	}
}

func TestConfigOfRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, cfg := range map[string]Config{
		"Keys": {Store: w.store}, "Poll": {Poll: -1}, "Discover": {Discover: -1}, "Keep": {Keep: -1},
		"Concurrency": {Concurrency: -1}, "MaxBytes": {MaxBytes: -1},
	} {
		cfg.Client = w.Client
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStartWithKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice", "bob"), &journal{}
		p := w.process(nil, echo(j)).work()
		key := RunOptions{IdempotencyKey: "k"}
		start := func(id, input string) (Run, error) {
			return p.Start(t.Context(), at(id), "echo", []byte(input), key)
		}
		first, err := start("alice", `{"word":"x"}`)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := start("alice", `{ "word": "x" }`); err != nil || again.ID != first.ID {
			t.Errorf("again: %+v, %v", again, err)
		}
		w.wait(p.Functions, first.ID)
		if again, err := start("alice", `{"word":"x"}`); err != nil || again.ID != first.ID || again.Status != StatusDone {
			t.Errorf("after it was done: %+v, %v", again, err)
		}
		if _, err := start("alice", `{"word":"y"}`); !errors.Is(err, ErrKeyReused) || !errors.Is(err, tieline.ErrExists) {
			t.Errorf("other input: %v", err)
		}
		if other, err := start("bob", `{"word":"y"}`); err != nil || other.ID == first.ID {
			t.Errorf("of another connection: %+v, %v", other, err)
		}
		time.Sleep(time.Minute)
		if n := len(j.all()); n != 2 {
			t.Errorf("%d runs: %v", n, j)
		}
	})
}

// A run is tried again while its failures are temporary, at growing intervals.
func TestAttempts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fail     []error // of each attempt; then it succeeds
		status   Status
		kind     Kind
		attempts int
	}{
		"busy at first":  {[]error{errBusyProvider, context.DeadlineExceeded}, StatusDone, "", 3},
		"busy for long":  {slices.Repeat([]error{errBusyProvider}, 9), StatusFailed, KindTemporary, 3},
		"refused":        {[]error{&RefusedError{Status: 404}}, StatusFailed, KindRefused, 1},
		"its own reason": {[]error{errors.New("no")}, StatusFailed, KindFailed, 1},
		"asks to wait":   {[]error{&RefusedError{Status: 429, RetryAfter: 10 * time.Minute}}, StatusDone, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, "alice")
				var times []time.Time
				p := w.process(nil, Define("flaky", func(_ context.Context, call *Call, _ struct{}) (string, error) {
					times = append(times, time.Now())
					if n := len(times); n != call.Attempt {
						t.Errorf("attempt %d is said to be number %d", n, call.Attempt)
					}
					if len(times) <= len(c.fail) {
						return "", c.fail[len(times)-1]
					}
					return "well", nil
				}, Options{Attempts: 3}))
				run, err := p.Start(t.Context(), at("alice"), "flaky", nil, RunOptions{})
				if err != nil {
					t.Fatal(err)
				}
				p.work()
				run = w.wait(p.Functions, run.ID)
				if run.Status != c.status || run.Kind != c.kind || run.Attempt != c.attempts || len(times) != c.attempts {
					t.Errorf("%+v after %d attempts", run, len(times))
				}
				if c.status == StatusFailed && run.Error != c.fail[len(times)-1].Error() {
					t.Errorf("the text is %q", run.Error)
				}
				for i := 1; i < len(times); i++ {
					wait := times[i].Sub(times[i-1])
					var refused *RefusedError
					asked := errors.As(c.fail[i-1], &refused) && refused.RetryAfter > 0
					if least := retryMin << (i - 1); wait < least || !asked && wait > 2*least || asked && wait < refused.RetryAfter {
						t.Errorf("attempt %d came after %v", i+1, wait)
					}
				}
			})
		})
	}
}

func TestStartLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		p := w.process(nil, echo(j)).work()
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{At: time.Now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour - time.Second)
		if len(j.all()) > 0 {
			t.Error("it ran too early")
		}
		time.Sleep(3 * time.Second)
		if run, err = p.Get(t.Context(), run.ID); err != nil || run.Status != StatusDone {
			t.Errorf("at its time: %+v, %v", run, err)
		}
	})
}

func TestRunsAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice", "bob")
	other := Define("other", func(context.Context, *Call, struct{}) (int, error) { return 1, nil }, Options{})
	p := w.process(nil, echo(&journal{}), other)
	want := map[string]bool{}
	for range 40 {
		run, err := p.Start(t.Context(), at("alice"), "echo", []byte(`{"word":"x"}`), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		want[run.ID] = true
	}
	for _, s := range []struct{ id, fn string }{{"alice", "other"}, {"bob", "other"}} {
		if _, err := p.Start(t.Context(), at(s.id), s.fn, nil, RunOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	damaged := w.rows(kindRun)[3].row
	damaged.Data = []byte{1, 200}
	if _, err := w.store.Put(t.Context(), damaged); err != nil {
		t.Fatal(err)
	}
	got, bad := map[string]bool{}, 0
	for run, err := range p.Runs(t.Context(), at("alice"), "echo") {
		if err != nil {
			if bad++; run.ID != damaged.ID || !errors.Is(err, tieline.ErrDamaged) {
				t.Errorf("%+v, %v", run, err)
			}
		}
		got[run.ID] = true
	}
	if !want[damaged.ID] {
		bad++ // it is not one of these
	}
	if !cmp.Equal(want, got) || bad != 1 {
		t.Errorf("%d of %d runs, %d damaged", len(got), len(want), bad)
	}
	n := 0
	for range p.Runs(t.Context(), at("bob"), "") {
		n++
	}
	if n != 1 {
		t.Errorf("bob has %d runs", n)
	}
	for _, err := range p.Runs(t.Context(), at("nobody"), "") {
		if !errors.Is(err, tieline.ErrNotFound) {
			t.Errorf("of nobody: %v", err)
		}
	}
}

// What hangs below a connection goes with it, also in the middle of a run.
func TestConnectionIsDeleted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		slow := Define("slow", func(ctx context.Context, call *Call, _ struct{}) (string, error) {
			time.Sleep(2 * time.Second)
			j.add("%v", call.SaveCheckpoint(ctx, 1))
			return "x", nil
		}, Options{Every: 24 * time.Hour})
		p := w.process(nil, slow).work()
		run, err := p.Start(t.Context(), at("alice"), "slow", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if err := w.Connections.Delete(t.Context(), "crm", "alice", tieline.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		if _, err := p.Get(t.Context(), run.ID); !errors.Is(err, tieline.ErrNotFound) {
			t.Errorf("the run: %v", err)
		}
		if n := len(w.rows(kindRun)) + len(w.rows(kindState)); n > 0 {
			t.Errorf("%d rows are left", n)
		}
		if got := j.all(); len(got) != 1 || got[0] != tieline.ErrNotFound.Error() {
			t.Errorf("the checkpoint: %q", got)
		}
	})
}

// The row of a run names its connection as it was called; what counts is which row it
// hangs below.
func TestIntegrationIsRenamed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice"), &journal{}
		p := w.process(nil, Define("which", func(_ context.Context, call *Call, _ struct{}) (int, error) {
			j.add("%s", call.Connection.Integration)
			return 0, nil
		}, Options{}))
		run, err := p.Start(t.Context(), at("alice"), "which", nil, RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Integrations.Update(t.Context(), "crm", func(i *tieline.Integration) error { i.Key = "sales"; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Integrations.Create(t.Context(), tieline.Integration{Key: "crm", Provider: "acme"}); err != nil {
			t.Fatal(err)
		}
		w.connect("alice") // another one, of the same names
		p.work()
		if run = w.wait(p.Functions, run.ID); run.Status != StatusDone || j.String() != "sales" {
			t.Errorf("%+v, of %q", run, j)
		}
		row, err := w.store.Get(t.Context(), store.Key{Kind: kindRun, ID: run.ID})
		conn, cerr := w.Connections.Get(t.Context(), "sales", "alice")
		if err != nil || cerr != nil || row.Parent.ID != conn.RowID {
			t.Errorf("it hangs below %v, not %v: %v, %v", row.Parent, conn.RowID, err, cerr)
		}
	})
}
