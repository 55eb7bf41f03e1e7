package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/e2e/internal/database"
	"github.com/tieline/tieline/e2e/internal/kill"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// killDurationVar is for how long processes are harmed, for each database, as
// time.ParseDuration takes it.
const killDurationVar = "TIELINE_E2E_KILL_DURATION"

func killDuration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(killDurationVar)
	switch {
	case text == "" && testing.Short():
		return 6 * time.Second
	case text == "":
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s is no duration: %q", killDurationVar, text)
	}
	return d
}

// scenario is one run.
type scenario struct {
	name   string
	share  float64 // of the time
	faults kill.Faults
}

// scenarios are what is done to the processes on one database. A short test has
// the last one only, which is everything at once.
func scenarios(outage kill.Faults) []scenario {
	pauseFor := 2 * kill.DefaultPolicy().TakeOver
	outages := outage
	outages.Outage = 500 * time.Millisecond
	everything := outage
	everything.Kill, everything.Restart = 150*time.Millisecond, 700*time.Millisecond
	everything.Pause, everything.PauseFor = 2*time.Second, pauseFor
	everything.Outage = 3 * time.Second
	return []scenario{
		{"calm", 0.1, kill.Faults{}},
		{"kills", 0.4, kill.Faults{Kill: 70 * time.Millisecond}},
		{"pauses", 0.15, kill.Faults{Pause: 500 * time.Millisecond, PauseFor: pauseFor}},
		{"outages", 0.15, outages},
		{"everything", 0.2, everything},
	}
}

// TestKill does harm to processes, and to their database, and looks whether a
// grant was lost that need not have been. It runs alone: how busy the machine is
// belongs to the test.
func TestKill(t *testing.T) {
	var table, notes strings.Builder
	t.Run("SQLite", func(t *testing.T) {
		short := kill.Faults{OutageMin: 100 * time.Millisecond, OutageMax: 1200 * time.Millisecond}
		for _, s := range chosen(scenarios(short)) {
			t.Run(s.name, func(t *testing.T) {
				a := newFile(t)
				s.run(t, a, nil, &table, &notes)
			})
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := postgresServer(t, postgrestest.OpenPrivate)
		long := kill.Faults{OutageMin: 100 * time.Millisecond, OutageMax: 10 * time.Second}
		for _, s := range chosen(scenarios(long)) {
			t.Run(s.name, func(t *testing.T) { s.run(t, newSchema(t, server), server, &table, &notes) })
		}
	})
	t.Logf("\n%s\n%s\n%s", kill.Header, table.String(), notes.String())
}

// chosen leaves out what a short test has no time for.
func chosen(list []scenario) []scenario {
	if testing.Short() {
		list = list[len(list)-1:]
		list[0].share = 1
	}
	return list
}

// run runs a scenario, and judges it.
func (s scenario) run(t *testing.T, a database.Address, server *postgrestest.Server, table, notes *strings.Builder) {
	c := kill.Default(s.name, a, time.Duration(float64(killDuration(t))*s.share))
	c.Faults = s.faults
	if c.Faults.Pause != 0 && !kill.CanPause {
		t.Log("processes cannot be paused on this platform")
		c.Faults.Pause = 0
	}
	if server != nil {
		c.Server = stoppable{server}
	}
	h, v := runAndJudge(t, c)
	for i, p := range v.Problems {
		if i == 20 {
			t.Errorf("and %d more", len(v.Problems)-i)
			break
		}
		t.Error(p)
	}
	table.WriteString(kill.Rows(c, h, v))
	notes.WriteString(kill.Notes(c, h, v) + "\n")
}

func runAndJudge(t *testing.T, c kill.Config) (kill.History, kill.Verdict) {
	t.Helper()
	h, err := kill.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return h, kill.Judge(h, c.Rules())
}

// stoppable is a PostgreSQL server that crashes when it is told to.
type stoppable struct{ server *postgrestest.Server }

func (s stoppable) Down() error { return s.server.Stop(postgrestest.Immediate) }

func (s stoppable) Up() error { return s.server.Start() }

// TestKillNotices breaks the store's compare-and-swap, on which everything
// rests, and does no other harm. If nothing is lost then, TestKill proves nothing.
func TestKillNotices(t *testing.T) {
	c := kill.Default("broken store", newFile(t), 3*time.Second)
	c.Naive = true
	h, v := runAndJudge(t, c)
	if v.Lost(kill.Strict)[kill.Unexcused] == 0 {
		t.Error("no grant was lost")
	}
	t.Logf("\n%s\n%s", kill.Header, kill.Rows(c, h, v))
}
