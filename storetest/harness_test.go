package storetest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// recorder is a testing.TB that keeps what is reported. It has the methods
// that the suite calls; any other would panic.
type recorder struct {
	testing.TB
	mu      sync.Mutex
	errors  []string
	logs    []string
	skipped string
}

func (r *recorder) Helper()      {}
func (r *recorder) Name() string { return "recorder" }

func (r *recorder) keep(to *[]string, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*to = append(*to, text)
}

func (r *recorder) Error(args ...any) { r.keep(&r.errors, fmt.Sprint(args...)) }
func (r *recorder) Logf(format string, args ...any) {
	r.keep(&r.logs, fmt.Sprintf(format, args...))
}
func (r *recorder) Skip(args ...any) { r.skipped = fmt.Sprint(args...) }

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

// record runs one check against a fresh store.Memory and returns the report.
func record(edit func(*mutant), deadline time.Duration, check func(*env)) *recorder {
	r := &recorder{}
	target := onMemory(edit)
	target.deadline = deadline
	runRule(r, target, rule{name: "Rule", sentence: "The sentence.", check: check})
	return r
}

func as(*mutant) {} // a store.Memory as it is

func (r *recorder) want(t *testing.T, parts ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.errors) == 0 {
		t.Fatal("nothing was reported")
	}
	for _, part := range parts {
		if !strings.Contains(r.errors[0], part) {
			t.Errorf("the report does not say %q: %s", part, r.errors[0])
		}
	}
}

func TestFailureNamesTheSentence(t *testing.T) {
	t.Parallel()
	r := record(as, 0, func(e *env) { e.s.holds(store.Row{Key: itemKey("none"), Version: 1}) })
	r.want(t, "The sentence.", `Get("item":"none")`, store.ErrNotFound.Error())
	if len(r.errors) != 1 {
		t.Errorf("the rule went on after its failure: %q", r.errors)
	}
	if r := record(as, 0, func(e *env) { e.s.put(store.Row{Key: itemKey("row")}) }); len(r.errors) > 0 {
		t.Errorf("a rule that holds was reported: %q", r.errors)
	}
}

func TestFailuresAreFew(t *testing.T) {
	t.Parallel()
	r := record(as, 0, func(e *env) {
		e.parallel(100, func(int) { e.errorf("one of many") })
		t.Error("the rule went on although goroutines of it had failed")
	})
	if len(r.errors) != maxReports {
		t.Errorf("%d failures were reported, want %d", len(r.errors), maxReports)
	}
}

func TestPanicFailsByName(t *testing.T) {
	t.Parallel()
	broken := func(m *mutant) {
		m.get = func(context.Context, store.Key) (store.Row, error) { panic("no such page") }
	}
	for name, check := range map[string]func(*env){
		"in the rule":    func(e *env) { e.s.get(itemKey("row")) },
		"in a goroutine": func(e *env) { e.parallel(2, func(int) { e.s.get(itemKey("row")) }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			record(broken, 0, check).want(t, "The sentence.", "panic: no such page", "harness_test.go")
		})
	}
}

func TestHangFailsByName(t *testing.T) {
	t.Parallel()
	forever := make(chan struct{})
	defer close(forever)
	const deadline = 20 * time.Millisecond
	listening := func(m *mutant) {
		m.get = func(ctx context.Context, _ store.Key) (store.Row, error) {
			<-ctx.Done()
			return store.Row{}, ctx.Err()
		}
	}
	deaf := func(m *mutant) {
		m.get = func(context.Context, store.Key) (store.Row, error) { <-forever; return store.Row{}, nil }
	}
	get := func(e *env) { e.s.get(itemKey("row")) }
	record(listening, deadline, get).want(t, "The sentence.", `Get("item":"row")`, context.DeadlineExceeded.Error())
	record(deaf, deadline, get).want(t, "The sentence.", "does not listen")
}

// TestLateReports: a goroutine that a hanging backend lets go at last must not
// report to a test that has ended.
func TestLateReports(t *testing.T) {
	t.Parallel()
	gate, late := make(chan struct{}), make(chan struct{})
	r := record(as, 20*time.Millisecond, func(e *env) {
		defer close(late)
		<-gate
		e.errorf("too late")
		e.open()
		t.Error("a handle was opened for a test that has ended")
	})
	close(gate)
	<-late
	r.want(t, "does not listen")
	if len(r.errors) != 1 {
		t.Errorf("reports came after the end: %q", r.errors)
	}
}

func TestBystanders(t *testing.T) {
	t.Parallel()
	steal := func(m *mutant) {
		put := m.put
		m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
			got, err := put(ctx, row)
			if row.Kind == item && row.Version == 1 {
				other := store.Row{Key: store.Key{Kind: shadowKind(item), ID: row.ID}, Version: 1, Data: []byte("overwritten")}
				if _, err := put(ctx, other); err != nil {
					return store.Row{}, err
				}
			}
			return got, err
		}
	}
	change := func(e *env) { e.s.put(e.s.create(store.Row{Key: itemKey("row")})) }
	record(steal, 0, change).want(t, "a row that no call named", `"item shadow":"row"`, "overwritten")

	add := func(e *env) {
		change(e)
		e.s.put(store.Row{Key: store.Key{Kind: shadowKind(item), ID: "new"}})
	}
	record(as, 0, add).want(t, "which no call named", "new")
	neighbor := func(e *env) {
		e.bystanders.neighbors(e, item)
		e.s.delete(itemKey("neighbor 2"), 2)
	}
	record(as, 0, neighbor).want(t, "neighbor 2", "cannot be read")
	if r := record(as, 0, change); len(r.errors) > 0 {
		t.Errorf("bystanders that were left alone were reported: %q", r.errors)
	}
}

func TestTargetIsValidated(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit func(*Target)
		want string // empty if the target is good
	}{
		"good":          {func(*Target) {}, ""},
		"lacks nothing": {func(target *Target) { target.Lacks = nil }, ""},
		"no New":        {func(target *Target) { target.New = nil }, "needs New and Open"},
		"no Open":       {func(target *Target) { target.Open = nil }, "needs New and Open"},
		"unknown":       {func(target *Target) { target.Lacks = map[Capability]string{"disk": "none"} }, `unknown capability "disk"`},
		"no reason":     {func(target *Target) { target.Lacks = map[Capability]string{Durable: " "} }, `no reason for "durable"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target, r := inMemory(func() store.Store { return new(store.Memory) }), &recorder{}
			c.edit(&target)
			var wg sync.WaitGroup
			wg.Go(func() { target.validate(r) }) // Fatal ends the goroutine
			wg.Wait()
			if c.want != "" {
				r.want(t, c.want)
			} else if len(r.errors) > 0 {
				t.Errorf("it is refused: %q", r.errors)
			}
		})
	}
}

// TestNewMaySkip: a server that is not there is a reason to skip. New and Open
// are not called on the goroutine of the test.
func TestNewMaySkip(t *testing.T) {
	t.Parallel()
	Run(t, Target{
		New:  func(t testing.TB) string { t.Skip("there is no server"); return "" },
		Open: func(t testing.TB, _ string) store.Store { t.Error("Open was called although New skipped"); return nil },
	})
}

func TestSkipsSayWhy(t *testing.T) {
	t.Parallel()
	r := record(func(*mutant) {}, 0, func(e *env) { e.skip("the reason") })
	if r.skipped != "the reason" || len(r.errors) > 0 {
		t.Errorf("skipped with %q and errors %q", r.skipped, r.errors)
	}
	out := runAgain(t, "-test.run=^(TestNaive|TestNewMaySkip)$/^(Closed|KillNine)$", "-test.v")
	for _, want := range []string{
		"the Store has no Close method", `the backend lacks "durable": it is a map`,
		"there is no server", "--- SKIP: TestNewMaySkip/KillNine",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the output does not say %q:\n%s", want, out)
		}
	}
}

// runAgain runs the test binary with other arguments.
func runAgain(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), os.Args[0], args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

func TestBenchRuns(t *testing.T) {
	t.Parallel()
	out := runAgain(t, "-test.run=^$", "-test.bench=^BenchmarkMemory$", "-test.benchtime=20x", "-test.short")
	for _, op := range []string{"Get", "GetPath", "Put", "List"} {
		for _, goroutines := range []string{"1", "16"} {
			if name := "rows=1000/" + op + "/goroutines=" + goroutines; !strings.Contains(out, name) {
				t.Errorf("there is no benchmark %s:\n%s", name, out)
			}
		}
	}
}

func TestSeedReplays(t *testing.T) {
	calls := func(seed string) (calls []string) {
		t.Setenv("STORETEST_SEED", seed)
		r := record(func(m *mutant) {
			m.input(func(row store.Row) store.Row { calls = append(calls, show(row)); return row })
		}, 0, checkModel)
		if len(r.errors) > 0 || !slices.Contains(r.logs, "STORETEST_SEED="+seed+" replays the random choices of this run") {
			t.Fatalf("errors %q, logs %q", r.errors, r.logs)
		}
		return calls
	}
	first := calls("42")
	if len(first) < modelCalls/3 {
		t.Errorf("of %d calls %d were a Put", modelCalls, len(first))
	}
	if !slices.Equal(first, calls("42")) {
		t.Error("one seed gave different calls")
	}
	if slices.Equal(first, calls("43")) {
		t.Error("another seed gave the same calls")
	}
}

func TestRulesAreSentences(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, rule := range Rules() {
		name, sentence, ok := strings.Cut(rule, ": ")
		if !ok || seen[name] || strings.ContainsAny(name, " /") {
			t.Errorf("%q has no name of its own", rule)
		}
		seen[name] = true
		if !strings.HasSuffix(sentence, ".") || strings.ToUpper(sentence[:1]) != sentence[:1] {
			t.Errorf("%q is no sentence", sentence)
		}
	}
}

func TestOddNamesDiffer(t *testing.T) {
	t.Parallel()
	names := oddNames()
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		t.Errorf("of %d names only %d differ", len(names), n)
	}
	for _, name := range names {
		if err := validName(name); err != nil || name == "" {
			t.Errorf("%q can be no name: %v", name, err)
		}
	}
}
