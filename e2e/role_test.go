package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

// role is what another process of a test does.
type role struct {
	site

	// Play is the name of what it does.
	Play string

	// For "call": how many callers, and for how long.
	Callers  int
	Duration time.Duration
	// Handles says that the callers use http.Clients. If not, they ask for
	// credentials.
	Handles bool

	// For "dump": the files to write to the standard output.
	Files []string

	Hooks      hooks      // for "hooks"
	Bare       bare       // for "bare"
	Scheduling scheduling // for "functions"
}

// play is the other process. It returns its exit code.
func play(text string) int {
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		switch r.Play {
		case "call":
			err = r.call(os.Stdin, os.Stdout)
		case "dump":
			err = r.dump(os.Stdout)
		case "bare":
			err = r.Bare.serve(os.Stdin, os.Stdout)
		case "hooks":
			err = r.takeHooks(os.Stdin, os.Stdout)
		case "functions":
			err = r.runFunctions(os.Stdin, os.Stdout)
		default:
			err = errors.New("unknown role")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// command is a process that plays the role. It ends with the test.
func (r role) command(t *testing.T) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), roleVar+"="+string(text))
	return cmd
}

// actor is a process that has been started.
type actor struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr bytes.Buffer
}

// enlist starts a process and waits until it is ready.
func (r role) enlist(t *testing.T) *actor {
	t.Helper()
	a := &actor{cmd: r.command(t)}
	a.cmd.Stderr = &a.stderr
	var err error
	if a.stdin, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.stdout = bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := a.stdout.ReadString('\n'); line != "ready\n" {
		_ = a.cmd.Wait()
		t.Fatalf("another process said %q: %v\n%s", line, err, a.stderr.Bytes())
	}
	return a
}

// run lets the process go on, and returns what it reports at its end.
func (a *actor) run() (report, error) {
	// The pipe stays open until the end: a process whose parent is gone stops.
	if _, err := io.WriteString(a.stdin, "go\n"); err != nil {
		return report{}, err
	}
	var r report
	err := json.NewDecoder(a.stdout).Decode(&r)
	_ = a.stdin.Close()
	if err := a.cmd.Wait(); err != nil {
		return report{}, fmt.Errorf("another process: %w\n%s", err, a.stderr.Bytes())
	}
	return r, err
}

// runAll lets n processes play the role at the same time.
func (r role) runAll(t *testing.T, n int) []report {
	t.Helper()
	actors := make([]*actor, n)
	for i := range actors {
		actors[i] = r.enlist(t)
	}
	type result struct {
		report report
		err    error
	}
	results := make(chan result)
	for _, a := range actors {
		go func() {
			report, err := a.run()
			results <- result{report, err}
		}()
	}
	var reports []report
	for range actors {
		res := <-results
		if res.err != nil {
			t.Error(res.err)
			continue
		}
		reports = append(reports, res.report)
	}
	return reports
}

// dump copies files. A program that has a SQLite database open must not open its
// files by other means; another one may.
func (r role) dump(out io.Writer) error {
	for _, name := range r.Files {
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		_, err = io.Copy(out, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}
