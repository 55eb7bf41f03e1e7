package storetest

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// seededBug is a backend with something wrong.
type seededBug struct {
	name   string // what is wrong
	caught string // a rule that has to catch it; others may as well
	target Target
}

func seededBugs() []seededBug {
	return slices.Concat(
		valueBugs(), nameBugs(), joinBugs(), orderBugs(), errorBugs(), versionBugs(), raceBugs(),
		treeBugs(), orphanBugs(), pageBugs(), cursorBugs(), boundCursorBugs(), limitBugs(), filterBugs(),
		contextBugs(), lateBugs(), midwayBugs(), afterwardsBugs(),
		toyBugs(), sqliteBugs(), processBugs(),
	)
}

// bugVar names the seeded bug that this process, the test binary started by
// TestSeededBugs, is to run the suite against.
const bugVar = "STORETEST_BUG"

// everyRuleVar has every seeded bug run against the whole suite, for the table of
// which rules catch it beside the one that has to.
const everyRuleVar = "STORETEST_EVERY_RULE"

// maxRuns is how often a bug is run until its rule has caught it. Some rules
// race or draw their calls by chance, and the machine may end a process.
const maxRuns = 3

// TestSeededBugs runs each seeded bug against the rule that has to catch it and
// fails when one is not caught, or when a rule catches none: a rule that nothing
// breaks is no rule. A testing.T cannot be faked, so each run is a process of its own.
//
// With -v it prints which rules caught which bug.
func TestSeededBugs(t *testing.T) {
	if name := os.Getenv(bugVar); name != "" {
		runSeeded(t, name)
		return
	}
	if testing.Short() {
		t.Skip("running the rules against every seeded bug takes half a minute, and -short is set")
	}
	if raceEnabled {
		t.Skip("under -race the detector would catch some of the bugs in place of the rules")
	}
	t.Parallel()
	bugs := seededBugs()
	results := &seededResults{caughtBy: map[string][]string{}}
	t.Cleanup(func() { results.report(t, bugs) })
	two := make(chan struct{}, 2) // processes at once
	every := os.Getenv(everyRuleVar) != ""
	for _, bug := range bugs {
		t.Run(bug.name, func(t *testing.T) {
			t.Parallel()
			two <- struct{}{}
			defer func() { <-two }()
			for again := range maxRuns {
				// Model has no bugs of its own: it finds those of others by chance.
				rule := "(" + bug.caught + "|Model)"
				if every {
					rule = `\w+`
				}
				run := runInProcess(t, bug.name, rule)
				results.add(bug.name, run.caught)
				if slices.Contains(run.caught, bug.caught) {
					return
				}
				report := t.Logf
				if again == maxRuns-1 {
					report = t.Errorf
				}
				report("%s did not catch it, but %q did, in a process that ended with %v:\n%s", bug.caught, run.caught, run.err, run.output)
			}
		})
	}
}

func runSeeded(t *testing.T, name string) {
	t.Helper()
	for _, bug := range seededBugs() {
		if bug.name == name {
			bug.target.quick = true
			Run(t, bug.target)
			return
		}
	}
	t.Fatalf("there is no seeded bug called %q", name)
}

// seededRun is what became of a process.
type seededRun struct {
	caught []string // the rules that failed
	output string   // without the lines of rules that began or passed
	err    error    // nil when nothing failed
}

// runInProcess runs the rules that match against a bug.
func runInProcess(t *testing.T, name, rules string) seededRun {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSeededBugs$/^"+rules+"$", "-test.v", "-test.timeout=3m")
	cmd.Env = append(os.Environ(), bugVar+"="+name)
	out, err := cmd.CombinedOutput()
	if err == nil && !bytes.Contains(out, []byte("PASS: TestSeededBugs/")) {
		t.Fatalf("the suite did not run:\n%s", out)
	}
	run := seededRun{err: err, output: regexp.MustCompile(`(?m)^(=== | *--- PASS).*\n`).ReplaceAllString(string(out), "")}
	failed := regexp.MustCompile(`(?m)^ *--- FAIL: TestSeededBugs/(\w+) `)
	for _, match := range failed.FindAllSubmatch(out, -1) {
		run.caught = append(run.caught, string(match[1]))
	}
	slices.Sort(run.caught)
	return run
}

type seededResults struct {
	mu       sync.Mutex
	caughtBy map[string][]string
}

func (r *seededResults) add(name string, caught []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.caughtBy[name] = caught
}

// report prints the table and looks for rules that caught nothing.
func (r *seededResults) report(t *testing.T, bugs []seededBug) {
	t.Helper()
	if len(r.caughtBy) == 0 {
		return // another test was selected
	}
	var table strings.Builder
	caughtBy := map[string]int{}
	for _, bug := range bugs {
		rules, ran := r.caughtBy[bug.name]
		if !ran {
			continue
		}
		fmt.Fprintf(&table, "%-70s | %s\n", bug.name, cmp.Or(strings.Join(rules, " "), "SURVIVED"))
		for _, rule := range rules {
			caughtBy[rule]++
		}
	}
	t.Logf("%d seeded bugs, and the rules that caught them:\n%s", len(r.caughtBy), table.String())
	if len(r.caughtBy) < len(bugs) {
		t.Logf("only %d of %d ran, so whether every rule catches one cannot be told", len(r.caughtBy), len(bugs))
		return
	}
	for _, rule := range rules() {
		if caughtBy[rule.name] == 0 {
			t.Errorf("the rule %s caught no bug", rule.name)
		}
	}
}

func TestSeededBugNames(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, rule := range rules() {
		known[rule.name] = true
	}
	seen := map[string]bool{}
	for _, bug := range seededBugs() {
		if seen[bug.name] {
			t.Errorf("two bugs are called %q", bug.name)
		}
		seen[bug.name] = true
		if !known[bug.caught] {
			t.Errorf("%q is to be caught by %s, which is no rule", bug.name, bug.caught)
		}
	}
}
