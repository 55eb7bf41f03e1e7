package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// Target is the backend under test. New and Open are required.
type Target struct {
	// New makes an empty database and returns its address: a path, a URL, a
	// key of a map, whatever Open understands. It is called once per rule.
	New func(t testing.TB) (addr string)

	// Open returns a handle on the database at addr. Handles opened on one
	// address see each other's writes, also from another process. Open sees
	// to it that the handle is closed, with t.Cleanup; a second Close of a
	// handle has to be harmless. It may be called from any goroutine.
	Open func(t testing.TB, addr string) store.Store

	// Lacks names what this backend cannot do, and why. Rules that need it
	// are skipped and print the reason. Nil means that it can do everything.
	Lacks map[Capability]string

	// quick shortens the rules that repeat themselves, for the tests of the
	// suite itself. Nothing is left out.
	quick bool
	// deadline is the time a rule has, 0 meaning ruleDeadline.
	deadline time.Duration
}

// Capability is something that a backend may lack.
type Capability string

const (
	// Durable: rows outlive the handle that wrote them, and the process.
	Durable Capability = "durable"
	// Processes: several processes can open one address at a time.
	Processes Capability = "processes"
)

// ruleDeadline is how long one rule may take before it fails by name. The
// slowest takes a few seconds on a laptop.
const ruleDeadline = 30 * time.Second

// rule is one clause of the contract and the test of it.
type rule struct {
	name     string
	sentence string
	needs    []Capability
	check    func(*env)
}

// Run checks every rule of the contract of [store.Store] against the target,
// each as a parallel subtest named after the rule. A failure prints the
// sentence that was broken, then what was seen.
//
// The rules run after the function that called Run has returned, as parallel
// subtests do: clean up with t.Cleanup, not with defer. A test calls Run once,
// because rules about processes start the test binary again, with
// -test.run set to the calling test; Run notices and serves as the other
// process. Whatever the test does before Run happens in that process too.
//
// The environment variable STORETEST_SEED replays the random choices of a run
// that printed its seed.
func Run(t *testing.T, target Target) {
	t.Helper()
	target.validate(t)
	if runAsChild(t, target) {
		return
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range r.needs {
				if why, lacks := target.Lacks[c]; lacks {
					t.Skipf("the backend lacks %q: %s", c, why)
				}
			}
			runRule(t, target, r)
		})
	}
}

// Rules returns the contract as [Run] checks it, one "Name: sentence" for each
// subtest.
func Rules() []string {
	var out []string
	for _, r := range rules() {
		out = append(out, r.name+": "+r.sentence)
	}
	return out
}

// validate refuses a target that would test less than it seems to.
func (target Target) validate(t testing.TB) {
	t.Helper()
	if target.New == nil || target.Open == nil {
		t.Fatal("storetest: Target needs New and Open")
	}
	for c, why := range target.Lacks {
		if c != Durable && c != Processes {
			t.Fatalf("storetest: Target.Lacks has the unknown capability %q", c)
		}
		if strings.TrimSpace(why) == "" {
			t.Fatalf("storetest: Target.Lacks gives no reason for %q", c)
		}
	}
}
