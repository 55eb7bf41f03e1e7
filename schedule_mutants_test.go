package tieline

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// mutant is the refresh code with one safeguard taken out, and a case of
// TestSchedules that has to notice.
type mutant struct {
	name, caught, file, old, new string
}

func mutants() []mutant {
	return []mutant{
		{"a lease is no obstacle", "two processes", "refresh_lease.go", `if s.Holder != "" && a.watch.elapsed() < a.policy.watchFor() && age <= staleBeat {`, `if false && age > 0 {`},
		{"a lease is taken over at once", "two processes", "refresh_lease.go", `a.watch.elapsed() < a.policy.watchFor() && age`, `a.watch.elapsed() < 0 && age`},
		{"a lost acknowledgement of the lease is a failure", "two store errors", "refresh_lease.go", "case a.rec.State.Holder == name: // only the answer was lost\n\t\t\ta.noteTakeOver(before)\n\t\t\treturn true, nil", "case false:"},
		{"no last look before sending", "a reconnect", "refresh_lease.go", "if s := &a.rec.State; !a.holding() || s.Fence != a.lease.fence || s.Gen != a.lease.gen {\n\t\treturn errLeaseLost", "if false {\n\t\treturn errLeaseLost"},
		{"an old lease may still send", "a pause", "refresh_lease.go", "mono > a.policy.SendWithin || wall > a.policy.SendWithin || wall < -a.policy.SendWithin", "false && mono+wall > 0"},
		{"somebody else's lease is released", "a store error", "refresh_lease.go", "if !a.holding() {\n\t\t\t\treturn\n\t\t\t}\n\t\t\tnext := *a.rec", "next := *a.rec"},
		{"a lease is renewed whoever holds it", "a pause", "refresh_lease.go", "if !a.holding() || a.rec.State.Gen != a.lease.gen {\n\t\t\treturn errLeaseLost", "if false {\n\t\t\treturn errLeaseLost"},
		{"who takes over sends at once", "a crash", "refresh.go", "case a.tookOver && !a.yield():", "case false:"},
		{"an attempt that never ended is forgotten", "a crash", "refresh_lease.go", "err := a.hold(name, a.rec.State.Sent)", "err := a.hold(name, false)"},
		{"a failed save is final", "a store error", "refresh_save.go", "sleep(d + jitter(d/2))\n\t}\n}\n\n// unsavable", "if err != nil {\n\t\t\treturn err\n\t\t}\n\t}\n}\n\n// unsavable"},
		{"a save overwrites what is newer", "a reconnect", "refresh_save.go", "case s.TokenFence > got.fence:\n\t\treturn errSuperseded", "case false:\n\t\treturn errSuperseded"},
		{"a save is made twice", "a store error", "refresh_save.go", "case s.TokenFence == got.fence:\n\t\treturn nil", "case false:\n\t\treturn nil"},
		{"a save needs the lease", "a pause", "refresh_save.go", "case s.TokenFence > got.fence:", "case s.TokenFence > got.fence, s.Holder != got.holder:"},
		{"a token of a deleted connection is kept", "a delete", "refresh_save.go", "a.revokeOrphan(got.cred)\n\t\t\treturn err", "return err"},
		{"a new refresh token is spent before it is saved", "a second token", "oauth2_refresh.go", "saved = s.Checkpoint(&kept)", "saved = kept.Type() != \"\""},
		{"a checkpoint gives the lease back", "a second token", "refresh_save.go", "case got.partial && a.holding():", "case false:"},
		{"no last look before the second sending", "a second token and a reconnect", "refresh_save.go", "return a.maySend() == nil", "return true"},
		{"reconnecting takes no fence", "a reconnect and a store error", "connection_put.go", "st.Fence++\n\tst.TokenFence = st.Fence", "st.Fence++\n\tst.TokenFence++"},
		{"a refusal is believed at once", "a crash", "refresh_exchange.go", "if before == 0 {", "if false {"},
		{"an exchange ends with its caller", "two processes, two callers each", "refresh_flight.go", "run(f)\n\t})", "run(f)\n\t\tf.ready = make(chan struct{})\n\t})"},
	}
}

// mutantVar lets TestSeededRefreshBugs run.
const mutantVar = "TIELINE_MUTANTS"

// TestSeededRefreshBugs takes the safeguards out of the refresh code, one at a
// time, and fails if the schedules do not notice. With -v it prints which case
// noticed.
func TestSeededRefreshBugs(t *testing.T) {
	if os.Getenv(mutantVar) == "" {
		t.Skipf("building every mutant takes minutes; %s=1 does it", mutantVar)
	}
	caught := regexp.MustCompile(`--- FAIL: TestSchedules/(\S+)`)
	var mu sync.Mutex
	var table strings.Builder
	t.Cleanup(func() { t.Logf("bugs, and the case that caught each:\n%s", table.String()) })
	two := make(chan struct{}, 2) // at once
	for _, m := range mutants() {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			two <- struct{}{}
			defer func() { <-two }()
			out, err := m.test(t)
			switch found := caught.FindStringSubmatch(out); {
			case found != nil:
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintf(&table, "%-50s | %s\n", m.name, strings.ReplaceAll(found[1], "_", " "))
			case err == nil:
				t.Error("not caught")
			default:
				t.Errorf("no verdict: %v\n%s", err, out)
			}
		})
	}
}

// test runs the schedules against the mutant.
func (m mutant) test(t *testing.T) (string, error) {
	t.Helper()
	source, err := os.ReadFile(m.file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(source), m.old); n != 1 {
		t.Fatalf("%s: what it replaces is there %d times", m.name, n)
	}
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	replace := withoutOtherTests(t)
	original, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	replace[original] = changed
	text, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err == nil {
		err = os.WriteFile(changed, []byte(strings.Replace(string(source), m.old, m.new, 1)), 0o600)
	}
	if err == nil {
		err = os.WriteFile(overlay, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-overlay", overlay, "-run", "^TestSchedules$/^"+strings.ReplaceAll(m.caught, " ", "_")+"$", "-count=1", ".")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// withoutOtherTests takes all tests out of a build but those of schedules, whose
// files are compiled once more for every mutant. What they need of others is in
// harness_test.go.
func withoutOtherTests(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests here: %v", err)
	}
	replace := map[string]string{}
	for _, file := range files {
		name, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(file, "schedule_") && !strings.HasPrefix(file, "race_") && file != "harness_test.go" {
			replace[name] = "" // not there
		}
	}
	return replace
}
