package e2e

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tieline/tieline"
)

// serverKey is the bearer key of the servers that the tests start.
const serverKey = "0f0e0d0c-0b0a-4908-8706-050403020100"

// serverProcess is examples/server, as a process of its own.
type serverProcess struct {
	cmd *exec.Cmd
	url string
}

// startServer builds examples/server and runs it on a SQLite file until the test ends,
// when it has to end well. Its log goes to log.
func startServer(t *testing.T, providers string, log io.Writer) *serverProcess {
	t.Helper()
	dir := t.TempDir()
	exe, file := filepath.Join(dir, "server"), filepath.Join(dir, "providers.yaml")
	build := exec.CommandContext(t.Context(), "go", "build", "-C", "../examples", "-o", exe, "./server")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	if err := os.WriteFile(file, []byte(providers), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &serverProcess{}
	s.cmd = exec.Command(exe, "-addr", "127.0.0.1:0", "-store", "sqlite:"+filepath.Join(dir, "tieline.db"), "-providers", file, "-allow-private-network")
	s.cmd.Env = append(os.Environ(), "TIELINE_SECRET_KEY="+serverKey, "TIELINE_ENCRYPTION_KEY="+tieline.GenerateKey())
	s.cmd.Stderr = log
	stdout, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop(t) })
	for lines := bufio.NewScanner(stdout); s.url == "" && lines.Scan(); {
		s.url, _ = strings.CutPrefix(lines.Text(), "listening on ")
	}
	if s.url == "" {
		t.Fatal("the server did not start")
	}
	return s
}

func (s *serverProcess) stop(t *testing.T) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
}
