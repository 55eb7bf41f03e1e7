package sqlite

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// roleVar makes the test binary another process of a test: it plays the role on
// the database that is its argument, and exits with 1 when that went wrong.
const roleVar = "TIELINE_SQLITE_ROLE"

func TestMain(m *testing.M) {
	role, isChild := os.LookupEnv(roleVar)
	if !isChild {
		before := runtime.NumGoroutine()
		code := m.Run()
		if code == 0 && leaked(before) {
			code = 1
		}
		os.Exit(code)
	}
	if err := roles()[role](os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// leaked reports, after all tests, goroutines that have no owner any more.
func leaked(before int) bool {
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		return false // the fuzzer keeps some of its own
	}
	for start := time.Now(); time.Since(start) < 5*time.Second; runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return false
		}
	}
	fmt.Fprintln(os.Stderr, "goroutines are left behind:")
	_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	return true
}

// roles are the common ones and those of the operating system.
func roles() map[string]func(path string) error {
	all := osRoles()
	all["open"] = openAndPut
	return all
}

// actor returns the command that starts a process in the role.
func actor(t testing.TB, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, path)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd
}

// act runs a process in the role to its end.
func act(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("another process: %v\n%s", err, out)
	}
}

// openAndPut opens the database as soon as its standard input ends.
func openAndPut(path string) error {
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	_, err = s.Put(context.Background(), store.Row{Key: key(fmt.Sprint("process ", os.Getpid()))})
	return errors.Join(err, s.Close())
}

// Of several processes that open a new file at the same moment one creates the
// schema, and all work.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		path := filepath.Join(t.TempDir(), "x.db")
		starts := make([]func() error, 6)
		for i := range starts {
			starts[i] = await(t, actor(t, "open", path))
		}
		ends := make(chan error)
		for _, start := range starts {
			go func() { ends <- start() }()
		}
		for range starts {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
		s := open(t, path, Options{})
		page, err := s.List(context.Background(), store.Query{Kind: "k"})
		if err != nil || len(page.Rows) != len(starts) {
			t.Errorf("%d processes have left %d rows, %v", len(starts), len(page.Rows), err)
		}
		checkFile(t, s)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got := files(t, filepath.Dir(path)); len(got) != 1 {
			t.Errorf("the last one has left %q", got)
		}
	}
}

// await starts the process and returns when it is ready. The function lets it
// go, and returns when it has ended.
func await(t testing.TB, cmd *exec.Cmd) (start func() error) {
	t.Helper()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("another process does not start: %v\n%s", err, &stderr)
	}
	return func() error {
		if err := stdin.Close(); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("another process: %w\n%s", err, &stderr)
		}
		return nil
	}
}
