package storetest

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// env is what a rule works with: a database of its own, a context with a
// deadline, a way to fail, and the bystanders.
type env struct {
	t      testing.TB
	rule   rule
	target Target

	// ctx is not t.Context(): that one is done before cleanups run, and has
	// no deadline to tell a backend that hangs from one that is slow.
	ctx  context.Context
	addr string
	s    handle // the first handle on addr

	bystanders bystanders

	mu     sync.Mutex
	failed bool
	over   bool // the test has ended: nothing may be reported any more
	said   int  // how many failures were reported
	skips  string
}

// hangGrace is for backends that listen to their context to come back and say
// where they were waiting.
const hangGrace = time.Second

// maxReports is how many failures of one rule are worth reading.
const maxReports = 6

// runRule runs the check on a goroutine of its own, so that a backend that
// hangs and does not listen to its context fails by name as well.
func runRule(t testing.TB, target Target, r rule) {
	limit := target.deadline
	if limit == 0 {
		limit = ruleDeadline
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()

	e := &env{t: t, rule: r, target: target, ctx: yielding{ctx}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer e.catch()
		e.addr = target.New(t)
		e.s = e.open()
		r.check(e)
		e.bystanders.check(e)
	}()
	hung := time.NewTimer(limit + hangGrace)
	defer hung.Stop()
	select {
	case <-done:
	case <-hung.C:
		e.errorf("no end after %v: a call to the backend hangs and does not listen to its context", limit)
	}
	e.mu.Lock()
	e.over = true
	skips := e.skips
	e.mu.Unlock()
	if skips != "" {
		t.Skip(skips)
	}
}

// skip ends the rule without a verdict.
func (e *env) skip(why string) {
	e.mu.Lock()
	e.skips = why
	e.mu.Unlock()
	runtime.Goexit()
}

// catch turns a panic of the backend into a failure, for a deferred call.
func (e *env) catch() {
	if p := recover(); p != nil {
		e.errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// errorf fails the rule and goes on.
func (e *env) errorf(format string, args ...any) {
	e.t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.failed = true
	if e.over || e.said >= maxReports {
		return
	}
	msg := fmt.Sprintf(format, args...)
	if e.said == 0 {
		msg = fmt.Sprintf("contract broken: %s\n    %s", e.rule.sentence, msg)
	}
	e.said++
	e.t.Error(msg)
}

// fatalf fails the rule and ends the calling goroutine, which may be any that
// [env.parallel] or [runRule] started.
func (e *env) fatalf(format string, args ...any) {
	e.t.Helper()
	e.errorf(format, args...)
	runtime.Goexit()
}

// stopIfFailed ends the calling goroutine when the rule is lost already.
func (e *env) stopIfFailed() {
	e.mu.Lock()
	failed := e.failed
	e.mu.Unlock()
	if failed {
		runtime.Goexit()
	}
}

// open returns another handle on the rule's database.
func (e *env) open() handle {
	e.t.Helper()
	e.mu.Lock()
	over := e.over
	e.mu.Unlock()
	if over {
		runtime.Goexit() // the test has ended, and its cleanups ran
	}
	s := e.target.Open(e.t, e.addr)
	if s == nil {
		e.fatalf("Open(%q) returned nil", e.addr)
	}
	return handle{e: e, s: s}
}

// parallel runs f(0) to f(n-1) at once, all released together, and returns
// when every one has ended. If one failed the rule, it ends the caller.
func (e *env) parallel(n int, f func(i int)) {
	e.t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			defer e.catch()
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
	e.stopIfFailed()
}

// repeat calls f with 0, 1, 2, ... at least so many times, then until the budget
// of a race is spent or the most is reached: a quick backend is raced often enough
// for a small window to be hit. On a machine so slow that even the least would
// come near the deadline of a rule, it makes do with fewer.
func (e *env) repeat(least, most int, f func(round int)) {
	e.t.Helper()
	budget := 500 * time.Millisecond
	if e.target.quick {
		budget /= 10
	}
	start := time.Now()
	for i := range most {
		spent := time.Since(start)
		if spent > budget && i >= least || spent > enoughTime && i > 0 {
			return
		}
		f(i)
	}
}

// enoughTime is what no repetition takes longer than.
const enoughTime = ruleDeadline / 4

// times is n, or half of it in a quick run.
func (e *env) times(n int) int {
	if e.target.quick {
		return max(n/2, 1)
	}
	return n
}

// random returns a source for the rule, seeded by STORETEST_SEED if that is
// set. The seed is printed with a failure.
func (e *env) random() *rand.Rand {
	e.t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("STORETEST_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			e.fatalf("STORETEST_SEED is no number: %v", err)
		}
		seed = n
	}
	e.t.Logf("STORETEST_SEED=%d replays the random choices of this run", seed)
	h := fnv.New64a()
	h.Write([]byte(e.rule.name))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// hidden is a Store without its optional methods.
type hidden struct{ store.Store }

// yielding is a context that now and then lets others run when it is asked. A
// backend asks between the steps of a call, which is where a race can be lost:
// on a machine with few processors, goroutines would hardly ever meet there.
type yielding struct{ context.Context }

func (c yielding) Done() <-chan struct{} {
	yield()
	return c.Context.Done()
}

func (c yielding) Err() error {
	yield()
	return c.Context.Err()
}

func yield() {
	for range rand.IntN(4) {
		runtime.Gosched()
	}
}
