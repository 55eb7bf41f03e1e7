package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/tieline/tieline/e2e/internal/authserver"
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
	w := newWorld(t, authserver.Options{}, nil)
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
	t.Log(e)
	if !w.works(user) {
		t.Error("afterwards the server does not accept the connection's token")
	}
}
