package storetest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// childVar is set in the environment of a test binary that [Run] has started
// as another process on a rule's database. Its value is a childSpec.
const childVar = "STORETEST_CHILD"

// childSpec tells the other process which test is to serve, and how.
type childSpec struct {
	Test   string // the name of the test that called Run
	Addr   string
	Role   string // a key of childRoles
	Writer int    // tells two processes of one role apart
}

// childRoles are what another process can be asked to do. Each calls ack after
// every write that the Store has acknowledged.
func childRoles() map[string]func(e *env, spec childSpec, ack func(string)) {
	return map[string]func(*env, childSpec, func(string)){"count": countInChild, "write": writeInChild}
}

// ackPrefix marks the lines of a child's output that are meant for its parent.
const (
	ackPrefix = "storetest-ack "
	ready     = "ready"
)

// runAsChild reports whether this process is such a child, having served.
func runAsChild(t *testing.T, target Target) bool {
	t.Helper()
	value, isChild := os.LookupEnv(childVar)
	if !isChild {
		return false
	}
	var spec childSpec
	if err := json.Unmarshal([]byte(value), &spec); err != nil {
		t.Fatalf("%s: %v", childVar, err)
	}
	if spec.Test != t.Name() {
		t.Skipf("this process serves %s", spec.Test)
	}
	target.New = func(testing.TB) string { return spec.Addr }
	ack := func(what string) { fmt.Fprintf(os.Stdout, "%s%s\n", ackPrefix, what) }
	runRule(t, target, rule{
		name: "child", sentence: "Another process can use the database.",
		check: func(e *env) {
			in := bufio.NewReader(os.Stdin)
			ack(ready)
			if _, err := in.ReadString('\n'); err != nil {
				e.fatalf("no word from the parent process: %v", err)
			}
			go exitWithParent(in)
			childRoles()[spec.Role](e, spec, ack)
		},
	})
	return true
}

// exitWithParent ends this process when the one that started it is gone.
func exitWithParent(stdin io.Reader) {
	_, _ = io.Copy(io.Discard, stdin)
	os.Exit(1)
}

// process is a child as its parent sees it.
type process struct {
	e      *env
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr bytes.Buffer

	mu     sync.Mutex
	heard  *sync.Cond // acks or ended has changed
	acks   []string
	other  bytes.Buffer // output that is no ack
	ended  bool         // the output is at its end
	reaped chan struct{}
}

// start runs the test binary once more. It returns when the child has opened
// the database and waits for release.
func (e *env) start(role string, writer int) *process {
	e.t.Helper()
	test, ok := strings.CutSuffix(e.t.Name(), "/"+e.rule.name)
	if !ok {
		e.fatalf("the rule runs as %q: Run can be called once in a test, because another process has to find it", e.t.Name())
	}
	spec, err := json.Marshal(childSpec{Test: test, Addr: e.addr, Role: role, Writer: writer})
	if err != nil {
		e.fatalf("%v", err)
	}
	exe, err := os.Executable()
	if err != nil {
		e.fatalf("the test binary cannot be started again: %v", err)
	}
	p := &process{e: e, reaped: make(chan struct{})}
	p.heard = sync.NewCond(&p.mu)
	p.cmd = exec.CommandContext(e.ctx, exe, childArgs(test)...)
	p.cmd.Env = append(os.Environ(), childVar+"="+string(spec))
	p.cmd.Stderr = &p.stderr
	p.cmd.WaitDelay = time.Second
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		e.fatalf("%v", err)
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		e.fatalf("%v", err)
	}
	if err := p.cmd.Start(); err != nil {
		e.fatalf("the test binary cannot be started again: %v", err)
	}
	go p.read(stdout)
	e.t.Cleanup(func() { // a rule that failed has left it running
		_ = p.cmd.Process.Kill()
		<-p.reaped
	})
	p.await(1)
	return p
}

// childArgs selects one test, and passes on what the test binary was told
// beyond the flags of package testing, an address of a server perhaps.
func childArgs(test string) []string {
	parts := strings.Split(test, "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	args := []string{"-test.run=" + strings.Join(parts, "/"), "-test.count=1", "-test.timeout=2m"}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") {
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	return append(args, flag.Args()...)
}

// read collects the output until it ends, and then the process.
func (p *process) read(stdout io.Reader) {
	defer close(p.reaped)
	in := bufio.NewReader(stdout)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // a line without an end was cut off by the kill, and acknowledges nothing
		}
		p.mu.Lock()
		if ack, ok := strings.CutPrefix(line, ackPrefix); ok {
			p.acks = append(p.acks, strings.TrimSuffix(ack, "\n"))
		} else {
			p.other.WriteString(line)
		}
		p.heard.Broadcast()
		p.mu.Unlock()
	}
	_ = p.cmd.Wait() // a killed process is no success, and need not be
	p.mu.Lock()
	p.ended = true
	p.heard.Broadcast()
	p.mu.Unlock()
}

// release lets the child begin.
func (p *process) release() {
	p.e.t.Helper()
	if _, err := io.WriteString(p.stdin, "go\n"); err != nil {
		p.e.fatalf("another process of the test binary does not listen: %v\n%s", err, p.output())
	}
}

// await returns when the child has acknowledged n things, and fails the rule
// if it ends before.
func (p *process) await(n int) {
	p.e.t.Helper()
	p.mu.Lock()
	for len(p.acks) < n && !p.ended {
		p.heard.Wait()
	}
	enough := len(p.acks) >= n
	p.mu.Unlock()
	if !enough {
		p.e.fatalf("another process of the test binary ended too early:\n%s", p.output())
	}
}

// count is how many acks there are so far.
func (p *process) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acks)
}

// kill ends the child without a warning, SIGKILL where there are signals, and
// returns all that it acknowledged.
func (p *process) kill() []string {
	p.e.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.e.fatalf("killing another process: %v\n%s", err, p.output())
	}
	return p.wait()
}

// wait returns what the child acknowledged until its end.
func (p *process) wait() []string {
	<-p.reaped
	_ = p.stdin.Close()
	return p.acks[1:] // without ready
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.other.String()
	if p.ended { // until then the buffer is written to
		out += p.stderr.String()
	}
	return out
}
