package e2e

import (
	"context"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/database"
	"github.com/tieline/tieline/e2e/internal/kill"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// Three processes run a function on a schedule for many connections, and runs that are
// started now and then. They are killed, and stopped for a while, again and again. No
// interval is completed twice or left out, no checkpoint goes back, and every run that
// was accepted is done. The same without claims, for a sixth of the time, shows that this
// would be noticed. The test runs alone: how busy the machine is belongs to it.
func TestFunctionsKill(t *testing.T) {
	var table strings.Builder
	table.WriteString("\n" + scoreHeader)
	d := duration(t)
	t.Run("SQLite", func(t *testing.T) { killFunctions(t, d, newFile(t), scheduling{}, &table) })
	t.Run("PostgreSQL", func(t *testing.T) {
		killFunctions(t, d/2, newSchema(t, postgrestest.URL(t)), scheduling{}, &table)
	})
	t.Run("River", func(t *testing.T) {
		url := postgrestest.URL(t)
		killFunctions(t, d/2, newSchema(t, url), scheduling{River: postgrestest.Schema(t, url)}, &table)
	})
	t.Run("naive", func(t *testing.T) {
		w := newCountersWorld(t, newFile(t), scheduling{Naive: true})
		n, problems := w.run(d / 6)
		if n.doubled == 0 || len(problems) == 0 {
			t.Error("nothing was doubled without claims, so nothing is proved by what is not doubled with them")
		}
		table.WriteString(w.row(n))
	})
	t.Log(table.String())
}

func killFunctions(t *testing.T, d time.Duration, db database.Address, s scheduling, table *strings.Builder) {
	w := newCountersWorld(t, db, s)
	n, problems := w.run(d)
	for i, p := range problems {
		if i == 20 {
			t.Errorf("and %d more", len(problems)-i)
			break
		}
		t.Error(p)
	}
	if n.intervals < 2*w.role.Scheduling.Connections || w.kills < int(d/(4*time.Second)) || n.repeated < w.kills/4 || n.accepted < 3*w.kills {
		t.Error("too little was going on for the test to mean anything")
	}
	table.WriteString(w.row(n))
}

// countersWorld is a ledger, and processes that run functions for its connections.
type countersWorld struct {
	t      *testing.T
	role   role
	ledger *ledger
	*process
	functions *functions.Functions // to look at schedules and runs; it does not work
	places    [3]*place
	chronicle *chronicle
	kills     int
	pauses    int
	took      time.Duration
}

// place is where one process after the other runs.
type place struct {
	mu    sync.Mutex // held by who does something to the process
	actor *actor
}

func newCountersWorld(t *testing.T, db database.Address, s scheduling) *countersWorld {
	t.Helper()
	w := &countersWorld{t: t, ledger: newLedger(), chronicle: newChronicle()}
	server := httptest.NewServer(w.ledger.handler())
	t.Cleanup(server.Close)
	s.Provider, s.Connections = server.URL, 200
	w.role = role{
		site: site{Server: "http://127.0.0.1:1", DB: db, Key: tieline.GenerateKey()}, Play: "functions", Scheduling: s,
	}
	var err error
	if w.process, err = w.role.openCounters(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	if w.functions, err = w.role.functionsOf(w.process, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Integrations.Create(t.Context(), tieline.Integration{Key: counters, Provider: "counter"}); err != nil {
		t.Fatal(err)
	}
	key := tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}, SkipVerification: true}
	for i := range w.role.Scheduling.Connections {
		if _, err := w.Connections.Import(t.Context(), counters, w.role.Scheduling.connection(i), key); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// run lets processes work and does harm to them, lets them settle, and judges.
func (w *countersWorld) run(d time.Duration) (score, []string) {
	w.t.Helper()
	w.took = d
	for i := range w.places {
		w.places[i] = &place{actor: w.enlist(i)}
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), d)
	defer cancel()
	var harm sync.WaitGroup
	harm.Go(func() { w.pause(ctx) })
	harm.Go(func() { w.look(ctx) })
	w.kill(ctx)
	harm.Wait()
	w.settle()
	w.ledger.tell(w.chronicle)
	for _, p := range w.places {
		_ = p.actor.stdin.Close()
	}
	for _, p := range w.places {
		if err := p.actor.cmd.Wait(); err != nil {
			w.t.Errorf("a process ended badly: %v\n%s", err, p.actor.stderr.Bytes())
		}
	}
	return w.chronicle.judge()
}

func (w *countersWorld) enlist(i int) *actor {
	w.t.Helper()
	r := w.role
	r.Scheduling.Process = i + 1
	return r.enlist(w.t)
}

// again waits for d, half as much or half as much more, and answers false when the time
// is over.
func again(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d/2 + rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// kill kills a process every second or so, and puts another one in its place.
func (w *countersWorld) kill(ctx context.Context) {
	w.t.Helper()
	for again(ctx, time.Second) {
		i := rand.IntN(len(w.places))
		p := w.places[i]
		p.mu.Lock()
		_ = p.actor.cmd.Process.Kill()
		_ = p.actor.cmd.Wait()
		w.kills++
		p.actor = w.enlist(i)
		p.mu.Unlock()
	}
}

// pause stops a process now and then, for so long that others take over what it has in
// hand. Then it goes on as if nothing had happened.
func (w *countersWorld) pause(ctx context.Context) {
	for kill.CanPause && again(ctx, takeOver) {
		p := w.places[rand.IntN(len(w.places))]
		p.mu.Lock()
		kill.Pause(p.actor.cmd.Process, takeOver*3/2)
		w.pauses++
		p.mu.Unlock()
	}
}

// look asks the Store again and again where the schedules stand.
func (w *countersWorld) look(ctx context.Context) {
	for again(ctx, time.Second) {
		_, _ = w.sample(ctx)
	}
}

// sample asks the Store where the schedules stand, and says since when all of them have
// completed something.
func (w *countersWorld) sample(ctx context.Context) (all time.Time, err error) {
	all = time.Now()
	for i := range w.role.Scheduling.Connections {
		id := w.role.Scheduling.connection(i)
		s, err := w.standing(ctx, id)
		if err != nil {
			return time.Time{}, err
		}
		t := w.chronicle.track(id)
		t.samples = append(t.samples, s)
		if s.CompletedTo.Before(all) {
			all = s.CompletedTo
		}
	}
	return all, nil
}

// standing is where a schedule stands.
func (w *countersWorld) standing(ctx context.Context, id string) (sample, error) {
	if w.role.Scheduling.Naive {
		_, p, err := readProgress(ctx, w.store, id)
		return sample{p.Completed, p.To}, err
	}
	all, err := w.functions.Schedules(ctx, functions.Target{Integration: counters, Connection: id})
	if err != nil || len(all) == 0 {
		return sample{}, err
	}
	return sample{all[0].Completed, all[0].CompletedTo}, nil
}

// settle waits until every connection has completed an interval that ends after the last
// harm, and no run is left.
func (w *countersWorld) settle() {
	w.t.Helper()
	harmed := time.Now()
	for deadline := harmed.Add(2 * time.Minute); ; time.Sleep(tickEvery / 2) {
		ended := w.ledger.ended(len(w.places)) || w.role.Scheduling.Naive // before it is read what became of runs
		all, err := w.sample(w.t.Context())
		if err == nil {
			err = w.readRuns()
		}
		switch {
		case err == nil && all.After(harmed) && ended && w.chronicle.over():
			return
		case time.Now().After(deadline):
			w.t.Errorf("it does not settle: every schedule has come to %v, and it is %v: %v", all, time.Now(), err)
			return
		}
	}
}

// readRuns reads where the runs stand, those included that nobody knows were accepted.
func (w *countersWorld) readRuns() error {
	statuses := map[string]functions.Status{}
	for i := range w.role.Scheduling.Connections {
		to := functions.Target{Integration: counters, Connection: w.role.Scheduling.connection(i)}
		for run, err := range w.functions.Runs(w.t.Context(), to, "charge") {
			if err != nil {
				return err
			}
			statuses[run.ID] = run.Status
		}
	}
	w.chronicle.statuses = statuses
	return nil
}

// over reports whether no run is left.
func (c *chronicle) over() bool {
	for _, s := range c.statuses {
		if s != functions.StatusDone && s != functions.StatusFailed {
			return false
		}
	}
	return true
}

func (w *countersWorld) row(n score) string {
	how := "functions"
	switch {
	case w.role.Scheduling.Naive:
		how = "a ticker in each process"
	case w.role.Scheduling.River != "":
		how = "functions, River"
	}
	return n.row([]string{w.role.DB.Name(), how}, w.took.Round(time.Second/10), w.kills, w.pauses)
}
