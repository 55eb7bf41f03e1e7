package queuetest

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/queue"
)

// A queue that is right passes, in real time too.
func TestRun(t *testing.T) {
	t.Parallel()
	Run(t, func(t testing.TB) func(testing.TB) queue.Queue {
		b := newBox(bugs{}, t.Context().Done())
		return func(testing.TB) queue.Queue { return &handle{b} }
	})
}

// broken are the rules that a queue breaks.
func broken(t *testing.T, b bugs) (names []string) {
	for _, r := range rules() {
		synctest.Test(t, func(t *testing.T) {
			end := make(chan struct{})
			box := newBox(b, end)
			err := r.check(t, func(testing.TB) queue.Queue { return &handle{box} }, 30*time.Second)
			if close(end); err != nil {
				names = append(names, r.name)
			}
		})
	}
	return names
}

// Each rule is broken by a bug of its own, and no bug passes.
func TestSeededBugs(t *testing.T) {
	t.Parallel()
	caught := map[string]int{}
	for _, tt := range []struct {
		rule string
		bugs bugs
	}{
		{"RoundTrip", bugs{mangles: true}},
		{"RoundTrip", bugs{rounds: true}},
		{"Past", bugs{losesPast: true}},
		{"NotBefore", bugs{ignoresTime: true}},
		{"Reopen", bugs{forgets: true}},
		{"Again", bugs{losesFailed: true}},
		{"Again", bugs{onceMore: true}},
		{"Concurrent", bugs{oneByOne: true}},
		{"Many", bugs{racy: true}},
		{"Shared", bugs{everybody: true}},
		{"Kinds", bugs{anyKind: true}},
		{"Kinds", bugs{firstKind: true}},
		{"Kinds", bugs{dropsOthers: true}},
		{"Doubled", bugs{dropsEqual: true}},
		{"Doubled", bugs{remembers: true}},
		{"Meanwhile", bugs{dedups: true}},
		{"Ends", bugs{leaves: true}},
		{"Ends", bugs{cutsNothing: true}},
		{"Ends", bugs{silent: true}},
		{"PutBack", bugs{losesGiven: true}},
		{"DoneContext", bugs{eager: true}},
	} {
		names := broken(t, tt.bugs)
		if !slices.Contains(names, tt.rule) {
			t.Errorf("%+v breaks %v, and not %s", tt.bugs, names, tt.rule)
		}
		caught[tt.rule]++
	}
	for _, r := range rules() {
		if caught[r.name] == 0 {
			t.Errorf("no bug was seeded for %s", r.name)
		}
	}
	if names := broken(t, bugs{}); len(names) > 0 {
		t.Errorf("a queue without a bug breaks %v", names)
	}
}
