package browser

import (
	"context"
	"embed"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// requireVar makes a missing browser a failure.
const requireVar = "TIELINE_REQUIRE_BROWSER"

const (
	installTime = 5 * time.Minute // for npm and its network
	runTime     = 5 * time.Minute
	endTime     = 10 * time.Second // for Chromium to be ended
)

//go:embed driver/*.js* driver/lib driver/cases
var driver embed.FS

// cases are what has to be told to be ok. Each is a function of its name in driver/cases.
var cases = []string{
	"choose", "wrongThenRightKey", "fieldsOfEveryKind",
	"popup", "declinedInPopup", "redirect", "declinedAfterRedirect", "providerIsDown", "cancelled",
	"toldByOpener", "toldByChannel", "toldByPolling",
	"expired", "endedWhileOpen", "unknownLink", "noLink", "secondTab", "secondLink",
	"attackersLink", "anotherUser",
	"keyboard", "withoutScript",
	"openedByApplication", "applicationWithoutWindows", "closedByUser", "strangersHearNothing", "neverInFrame",
}

// views is how many are photographed, each narrow and wide, in the light and in the dark.
const views = 21

func TestConnectPage(t *testing.T) {
	node, chromium := programs(t)
	w := newWorld(t)
	dir := install(t)
	shots := shotsFolder(t)

	only := os.Getenv("TIELINE_BROWSER_CASE")
	out := run(t, runTime, dir, []string{
		"TIELINE_SERVICE=" + w.service, "TIELINE_CERTIFICATE=" + w.keyHash,
		"TIELINE_APPLICATION=" + w.application, "TIELINE_STRANGER=" + w.stranger,
		"TIELINE_CONTROL=" + w.control(t), "TIELINE_CHROMIUM=" + chromium, "TIELINE_SHOTS=" + shots, "TIELINE_CASE=" + only,
	}, node, "run.js")
	if only == "" {
		checkOutput(t, out, shots)
		w.silent(t)
	}
}

// checkOutput finds cases and views that were left out.
func checkOutput(t *testing.T, out, shots string) {
	t.Helper()
	var passed, seen []string
	for line := range strings.Lines(out) {
		switch f := strings.Fields(line); {
		case len(f) > 1 && f[0] == "ok":
			passed = append(passed, f[1])
		case len(f) > 1 && f[0] == "view":
			seen = append(seen, f[1])
		}
	}
	slices.Sort(passed)
	want := slices.Sorted(slices.Values(cases))
	if !slices.Equal(passed, want) {
		t.Errorf("%d cases passed, want %d: %q, want %q", len(passed), len(want), passed, want)
	}
	if len(seen) != views {
		t.Errorf("%d views were looked at, want %d: %q", len(seen), views, seen)
	}
	for _, name := range seen {
		for _, kind := range []string{"phone-light", "phone-dark", "desktop-light", "desktop-dark"} {
			if info, err := os.Stat(filepath.Join(shots, name+"-"+kind+".png")); err != nil || info.Size() == 0 {
				t.Errorf("there is no picture of %s, %s: %v", name, kind, err)
			}
		}
	}
}

// programs finds Node and Chromium.
func programs(t *testing.T) (node, chromium string) {
	t.Helper()
	find := func(names ...string) string {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				return path
			}
		}
		if os.Getenv(requireVar) != "" {
			t.Fatalf("there is no %s, and %s is set", names[0], requireVar)
		}
		t.Skipf("there is no %s", names[0])
		return ""
	}
	find("npm")
	return find("node"), find("chromium", "chromium-browser", "google-chrome")
}

// install makes a folder with the driver and what it needs.
func install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files, err := fs.Sub(driver, "driver")
	check(t, err)
	check(t, os.CopyFS(dir, files))
	run(t, installTime, dir, nil, "npm", "ci", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts")
	return dir
}

// shotsFolder is where pictures go: where they are wanted, or away with the test.
func shotsFolder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("TIELINE_SHOTS")
	if dir == "" {
		return t.TempDir()
	}
	dir, err := filepath.Abs(dir)
	check(t, err)
	check(t, os.MkdirAll(dir, 0o755))
	return dir
}

// run has a program end well, in time, and logs and returns what it prints.
func run(t *testing.T, limit time.Duration, dir string, env []string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // Puppeteer then ends Chromium
	cmd.WaitDelay = endTime
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatalf("%s %q: %v", filepath.Base(program), args, err)
	}
	return string(out)
}
