package tieline

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline/providertest"
)

// forgiving accepts a spent refresh token for longer than a take-over takes.
var forgiving = providertest.Options{Grace: 20 * time.Minute}

func one(faults ...string) map[string]int {
	m := map[string]int{}
	for _, f := range faults {
		m[f]++
	}
	return m
}

func scheduleCases() []scheduleCase {
	return []scheduleCase{
		{name: "one process, four callers", processes: 1, callers: 4},
		{name: "two processes, two callers each", processes: 2, callers: 2, preemptions: 3},
		{name: "two processes", processes: 2, callers: 1},
		{name: "two processes, not expired yet", processes: 2, callers: 1, early: true},
		{name: "three processes", processes: 3, callers: 1, preemptions: 3},
		{name: "a crash", processes: 2, callers: 1, faults: one("crash"), preemptions: 3},
		{name: "a crash of one of three", processes: 3, callers: 1, faults: one("crash"), preemptions: 1},
		{name: "a crash, forgiving provider", processes: 2, callers: 1, faults: one("crash"), provider: forgiving, preemptions: 2},
		{name: "two crashes", processes: 3, callers: 1, faults: one("crash", "crash"), preemptions: 1},
		{name: "a store error", processes: 2, callers: 1, faults: one("store"), preemptions: 2},
		{name: "two store errors", processes: 1, callers: 1, faults: one("store", "store")},
		{name: "two store errors, two processes", processes: 2, callers: 1, faults: one("store", "store"), preemptions: 1},
		{name: "a cancel", processes: 2, callers: 2, faults: one("cancel"), preemptions: 1},
		{name: "a reconnect", processes: 2, callers: 1, faults: one("reconnect"), preemptions: 2},
		{name: "a reconnect and a store error", processes: 1, callers: 1, faults: one("reconnect", "store")},
		{name: "a reconnect and a lost answer, forgiving provider", processes: 1, callers: 1, faults: one("reconnect", "lost"), provider: forgiving},
		{name: "a reconnect and a crash", processes: 2, callers: 1, faults: one("reconnect", "crash"), preemptions: 1},
		{name: "a delete", processes: 2, callers: 1, faults: one("delete"), preemptions: 2},
		{name: "deleted and made again", processes: 2, callers: 1, faults: one("recreate"), preemptions: 2},
		{name: "a lost answer", processes: 2, callers: 1, faults: one("lost"), preemptions: 2},
		{name: "a lost answer, forgiving provider", processes: 2, callers: 1, faults: one("lost"), provider: forgiving, preemptions: 2},
		{name: "a pause", processes: 2, callers: 1, faults: one("pause"), preemptions: 2},
		{name: "a pause, forgiving provider", processes: 2, callers: 1, faults: one("pause"), provider: forgiving, preemptions: 2},
		{name: "a lost answer and a pause, forgiving provider", processes: 2, callers: 1, faults: one("lost", "pause"), provider: forgiving, preemptions: 1},
		{name: "a second token", processes: 2, callers: 1, second: true, preemptions: 2},
		{name: "a second token and a crash", processes: 2, callers: 1, second: true, faults: one("crash"), preemptions: 2},
		{name: "a second token and a crash, forgiving provider", processes: 2, callers: 1, second: true, faults: one("crash"), provider: forgiving, preemptions: 2},
		{name: "a second token and a store error", processes: 2, callers: 1, second: true, faults: one("store"), preemptions: 2},
		{name: "a second token and a reconnect", processes: 2, callers: 1, second: true, faults: one("reconnect"), preemptions: 2},
		{name: "a second token and a delete", processes: 2, callers: 1, second: true, faults: one("delete"), preemptions: 2},
		{name: "a second token and a pause", processes: 2, callers: 1, second: true, faults: one("pause"), preemptions: 1},
		{name: "a crash and a store error", processes: 2, callers: 1, faults: one("crash", "store"), preemptions: 1},
	}
}

// replayVar makes one schedule again: the name of a case, a colon, and the choices
// as a failed test printed them.
const replayVar = "TIELINE_SCHEDULE"

// caseLimit is how many schedules of a case are made in order. Of a case that has
// more, as many again are drawn at random.
func caseLimit() int {
	switch {
	case testing.Short():
		return 100
	case raceEnabled:
		return 150
	}
	return 1000
}

// TestSchedules runs the refresh code under every order of calls, case by case.
// Where a case bounds preemptions, it is every order with at most so many: a
// process is stopped in favor of another, although it could go on, no more often.
func TestSchedules(t *testing.T) {
	if name, choices, ok := strings.Cut(os.Getenv(replayVar), ":"); ok {
		replay(t, name, choices)
		return
	}
	var total atomic.Int64
	t.Cleanup(func() { t.Logf("%d schedules", total.Load()) })
	for _, c := range scheduleCases() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			total.Add(int64(exploreCase(t, c)))
		})
	}
}

// exploration is what was seen of a case.
type exploration struct {
	schedules, excused, deepest int
	seed                        uint64 // of those drawn at random, 0 if none were
}

func exploreCase(t *testing.T, c scheduleCase) int {
	start := time.Now()
	e, failed := explore(t, c, caseLimit())
	drawn := "all"
	if e.seed != 0 {
		drawn = fmt.Sprintf("half of them at random, seed %d", e.seed)
	}
	t.Logf("%d schedules (%s) in %v, up to %d choices: %d grants lost with an excuse", e.schedules, drawn, time.Since(start).Round(time.Millisecond), e.deepest, e.excused)
	if failed != nil {
		t.Errorf("%s\nafter\n%s%s=%q makes it again", strings.Join(failed.problems, "\n"), failed.trace, replayVar, c.name+":"+planText(failed.made))
	}
	return e.schedules
}

// explore makes schedules until one goes wrong, depth first. Then it looks for a
// shorter one of that kind among those that follow.
func explore(t *testing.T, c scheduleCase, limit int) (e exploration, failed *judgment) {
	note := func(v judgment) {
		c.catalog = v.catalog
		e.schedules++
		e.deepest = max(e.deepest, len(v.made))
		if v.lost && v.excuse != "" {
			e.excused++
		}
		if len(v.problems) > 0 && (failed == nil || len(v.made) < len(failed.made)) {
			failed = &v
		}
	}
	var before []choice
	plan := []int{}
	for left := limit; plan != nil && left > 0; left-- {
		if failed != nil {
			left = min(left, limit/10)
		}
		v := makeSchedule(t, c, follow(plan, nil))
		if same := diverged(before, v.made, plan); same != "" {
			t.Fatalf("the same choices led elsewhere: %s", same)
		}
		note(v)
		before, plan = v.made, next(v.made)
	}
	if plan == nil || failed != nil {
		return e, failed
	}
	e.seed = rand.Uint64() | 1
	random := rand.New(rand.NewPCG(e.seed, 0))
	for range limit {
		note(makeSchedule(t, c, follow(nil, random)))
		if failed != nil {
			break
		}
	}
	return e, failed
}

// follow takes the choices of a plan, and after its end the first option, or one
// at random.
func follow(plan []int, random *rand.Rand) func(step, n int) int {
	return func(step, n int) int {
		switch {
		case step < len(plan):
			return min(plan[step], n-1)
		case random != nil:
			return random.IntN(n)
		default:
			return 0
		}
	}
}

// diverged says where a schedule did not go the way of the one before, up to the
// last choice of its plan. A test that depends on chance finds nothing.
func diverged(before, made []choice, plan []int) string {
	for i := range plan {
		switch {
		case i >= len(before):
			return ""
		case i >= len(made):
			return fmt.Sprintf("it ended at choice %d", i)
		case !slices.Equal(before[i].options, made[i].options):
			return fmt.Sprintf("at choice %d there was %q, and before %q", i, made[i].options, before[i].options)
		}
	}
	return ""
}

func planText(made []choice) string {
	var parts []string
	for _, c := range made {
		parts = append(parts, strconv.Itoa(c.taken))
	}
	return strings.Join(parts, ",")
}

func replay(t *testing.T, name, choices string) {
	var plan []int
	for text := range strings.SplitSeq(choices, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		plan = append(plan, n)
	}
	for _, c := range scheduleCases() {
		if c.name == name {
			v := makeSchedule(t, c, follow(plan, nil))
			t.Logf("lost %v, excuse %q, problems %q\n%s", v.lost, v.excuse, v.problems, v.trace)
			if len(v.problems) > 0 {
				t.Fail()
			}
			return
		}
	}
	t.Fatalf("no case %q", name)
}
