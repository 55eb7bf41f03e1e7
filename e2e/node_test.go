package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// requireNodeVar makes a missing Node.js a failure.
const requireNodeVar = "TIELINE_REQUIRE_NODE"

// What node/main.mjs prints last, when nothing was left out.
const nodeSummary = "91 checks of 38 methods"

// The official Node client, as it is, works with examples/server: every method of it
// is called, and what it returns is checked, by the program in the directory node.
func TestNodeClient(t *testing.T) {
	for _, name := range []string{"node", "npm"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv(requireNodeVar) != "" {
				t.Fatalf("%s is not installed, and %s is set", name, requireNodeVar)
			}
			t.Skipf("%s is not installed", name)
		}
	}
	dir := filepath.Join(t.TempDir(), "node")
	if err := os.CopyFS(dir, os.DirFS("node")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	in := func(name string, args ...string) *exec.Cmd {
		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir, cmd.WaitDelay = dir, time.Minute
		return cmd
	}
	if out, err := in("npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts").CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	w := newNodeWorld(t)
	cmd := in("node", "--no-deprecation", "main.mjs")
	cmd.Env = append(os.Environ(), w.environment()...)
	out, err := cmd.CombinedOutput()
	t.Logf("\n%s", out)
	if err != nil {
		t.Fatalf("the program ended with %v", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if got := lines[len(lines)-1]; got != nodeSummary {
		t.Errorf("it ends with %q, want %q", got, nodeSummary)
	}
	if got := len(regexp.MustCompile(`(?m)^ok `).FindAll(out, -1)); !strings.HasPrefix(nodeSummary, strconv.Itoa(got)+" ") {
		t.Errorf("%d checks are printed, want %q", got, nodeSummary)
	}
	w.nothingInLog()
}

// nothingInLog checks that the server wrote down no secret.
func (w *nodeWorld) nothingInLog() {
	log := string(w.log.Bytes())
	if strings.Count(log, "msg=request") < 200 {
		w.t.Errorf("the log does not have the requests: %s", log)
	}
	app := w.provider.Credentials()
	for _, secret := range []string{serverKey, app.ClientSecret, "nango_connect_session_", "key-0", "/oauth/callback?"} {
		if strings.Contains(log, secret) {
			w.t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
	for _, g := range w.provider.Grants() {
		if strings.Contains(log, g.AccessToken) || strings.Contains(log, g.RefreshToken) {
			w.t.Error("the log has a token")
		}
	}
	if strings.Contains(log, "level=ERROR") {
		w.t.Errorf("the log has errors:\n%s", log)
	}
}
