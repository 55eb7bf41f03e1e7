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

// scenarios are what is done to the processes on one database that goes away for
// as long as away says. A short test has the last one only, which is everything
// at once.
func scenarios(away kill.Faults) []scenario {
	takeOver := kill.DefaultPolicy().TakeOver
	outages := away
	outages.Outage = 500 * time.Millisecond
	everything := away
	everything.Kill, everything.Restart = 150*time.Millisecond, 700*time.Millisecond
	everything.Pause, everything.PauseFor = 2*time.Second, 2*takeOver
	everything.Outage = 3 * time.Second
	return []scenario{
		{"calm", 0.1, kill.Faults{}},
		{"kills", 0.35, kill.Faults{Kill: 90 * time.Millisecond}},
		{"pauses", 0.15, kill.Faults{Pause: 500 * time.Millisecond, PauseFor: 2 * takeOver}},
		{"outages", 0.15, outages},
		// For longer than others wait before they take over.
		{readOnly, 0.1, kill.Faults{Outage: time.Second, OutageMin: takeOver * 5 / 4, OutageMax: takeOver * 5 / 2}},
		{"everything", 0.15, everything},
	}
}

// readOnly is the scenario of a database that can be read and not written: a disk
// that is full, a lock that somebody else keeps, a failover.
const readOnly = "read-only"

// TestKill does harm to processes, and to their database, and looks whether a
// grant was lost that need not have been. It runs alone: how busy the machine is
// belongs to the test.
func TestKill(t *testing.T) {
	var log record
	t.Run("SQLite", func(t *testing.T) {
		// Another process keeps the write lock: for longer than a store waits.
		for _, s := range chosen(scenarios(kill.Faults{OutageMin: 100 * time.Millisecond, OutageMax: 1200 * time.Millisecond})) {
			t.Run(s.name, func(t *testing.T) { s.run(t, newFile(t), nil, &log) })
		}
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		server := postgrestest.Start(t)
		for _, s := range chosen(scenarios(kill.Faults{OutageMin: 100 * time.Millisecond, OutageMax: 10 * time.Second})) {
			t.Run(s.name, func(t *testing.T) {
				var harm kill.Server = crashing{server}
				if s.name == readOnly {
					harm = unwritable{server.URL()}
				}
				s.run(t, newSchema(t, server.URL()), harm, &log)
			})
		}
	})
	t.Logf("\n%s\n%s\n%s", kill.Header, log.table.String(), log.notes.String())
}

// record is what all runs have to show.
type record struct{ table, notes strings.Builder }

// chosen leaves out what a short test has no time for.
func chosen(list []scenario) []scenario {
	if testing.Short() {
		list = list[len(list)-1:]
		list[0].share = 1
	}
	return list
}

// run runs a scenario, and judges it.
func (s scenario) run(t *testing.T, a database.Address, harm kill.Server, log *record) {
	c := kill.Default(s.name, a, time.Duration(float64(killDuration(t))*s.share))
	c.Faults, c.Server = s.faults, harm
	if c.Faults.Pause != 0 && !kill.CanPause {
		t.Log("processes cannot be paused on this platform")
		c.Faults.Pause = 0
	}
	h, v := runAndJudge(t, c)
	problems := append(v.Problems, kill.Missing(c, h)...)
	for i, p := range problems {
		if i == 20 {
			t.Errorf("and %d more", len(problems)-i)
			break
		}
		t.Error(p)
	}
	for _, conn := range v.Suspects[:min(3, len(v.Suspects))] {
		t.Logf("%s:\n%s", conn, kill.Trail(h, conn))
	}
	log.table.WriteString(kill.Rows(c, h, v))
	log.notes.WriteString(kill.Notes(c, h, v) + "\n")
}

func runAndJudge(t *testing.T, c kill.Config) (kill.History, kill.Verdict) {
	t.Helper()
	h, err := kill.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return h, kill.Judge(h, c.Rules())
}

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
