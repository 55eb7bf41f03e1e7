package e2e

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/tieline/tieline/e2e/internal/kill"
)

// roleVar makes the test binary another process of a test. Its value is a role,
// in JSON.
const roleVar = "TIELINE_E2E_ROLE"

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(roleVar); ok {
		os.Exit(play(text))
	}
	if code, ok := kill.Play(); ok {
		os.Exit(code)
	}
	flag.Parse()
	before := runtime.NumGoroutine()
	code := m.Run()
	if code == 0 && !settles(before) {
		fmt.Fprintln(os.Stderr, "goroutines are left over:")
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
		code = 1
	}
	os.Exit(code)
}

// settles waits until no more goroutines run than before. Those of connections
// need a moment to notice that they were closed.
func settles(before int) bool {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(10 * time.Second)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
	return true
}
