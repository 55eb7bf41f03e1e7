package e2e

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
	"github.com/tieline/tieline/e2e/internal/database"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// durationVar is for how long processes call, as time.ParseDuration takes it.
const durationVar = "TIELINE_E2E_DURATION"

// duration is how long to let processes call.
func duration(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(durationVar)
	switch {
	case text == "" && testing.Short():
		return 10 * time.Second
	case text == "":
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("%s is no duration: %q", durationVar, text)
	}
	return d
}

func TestOneExchangePerGeneration(t *testing.T) {
	t.Parallel()
	oneExchangePerGeneration(t, newFile(t))
}

// The same on PostgreSQL. It runs before those that run at the same time: three
// processes more, and callers would wait for the machine.
func TestOneExchangePerGenerationPostgres(t *testing.T) {
	oneExchangePerGeneration(t, newSchema(t, postgrestest.URL(t)))
}

func oneExchangePerGeneration(t *testing.T, db database.Address) {
	w := newWorldOn(t, db, authserver.Options{}, nil)
	w.connect(user)
	d := duration(t)
	reports := role{site: w.site, Play: "call", Callers: 32, Duration: d}.runAll(t, 3)
	w.judge(t, d, reports)
}

// The stricter server kills an access token at the moment its refresh token is
// used, and takes its time to answer with the next one. For that long everybody
// holds a dead token, and no margin helps. A handle finds out by a 401, and gets
// over it without asking for another refresh.
func TestHandlesOutliveRotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, authserver.Options{OldAccessTokenDies: true, Slow: 50 * time.Millisecond}, nil)
	w.connect(user)
	d := duration(t) / 3
	reports := role{site: w.site, Play: "call", Callers: 8, Duration: d, Handles: true}.runAll(t, 2)
	refusals := w.server.Referee.Refusals()
	if refusals == 0 {
		t.Error("no handle ever used a dead token, so nothing was tested")
	}
	t.Logf("requests that were repeated: %d", refusals)
	w.judge(t, d, reports)
}

// A process that comes with a refused token of before gets the one that another
// process has stored since. The server is not asked.
func TestRefusedTokenOfBefore(t *testing.T) {
	t.Parallel()
	clock := newClock()
	w := newWorld(t, authserver.Options{OldAccessTokenDies: true}, clock.config)
	w.connect(user)
	old := w.token(user)
	if _, err := w.Connections.Refresh(t.Context(), integration, user, nil); err != nil {
		t.Fatal(err)
	}
	if w.accepted(old.AccessToken) {
		t.Fatal("the old token is still accepted")
	}
	other := &world{t: t, process: w.another(clock.config)}
	for other.token(user).AccessToken.Equal(old.AccessToken) {
		runtime.Gosched() // the new one is in use before it is stored
	}
	// Right after a token was issued, no refusal is a reason to ask for another;
	// past that, nothing but the newer one keeps the other process from asking.
	clock.advance(authserver.AccessTokenLife * 3 / 8)
	cred, err := other.Connections.Refresh(t.Context(), integration, user, old)
	if err != nil {
		t.Fatal(err)
	}
	if !w.accepted(cred.(*tieline.OAuth2Token).AccessToken) {
		t.Error("the other process got a token that is not accepted")
	}
	if n := len(w.exchanges("refresh_token")); n != 1 {
		t.Errorf("%d exchanges", n)
	}
}

// judge compares what the processes report with what the referee has seen, and
// looks whether the connection still works.
func (w *world) judge(t *testing.T, d time.Duration, reports []report) {
	t.Helper()
	e := evidence{
		exchanges: w.server.Referee.Exchanges(), tokens: w.server.Referee.Tokens(),
		reports: reports, duration: d,
	}
	problems := e.problems()
	for _, problem := range problems[:min(len(problems), 20)] {
		t.Error(problem)
	}
	if n := len(problems) - 20; n > 0 {
		t.Errorf("and %d more", n)
	}
	if t.Failed() {
		for i, x := range e.exchanges {
			t.Logf("exchange %d: %+v", i, x)
		}
	}
	t.Log(e)
	if !w.works(user) {
		t.Error("afterwards the server does not accept the connection's token")
	}
}
