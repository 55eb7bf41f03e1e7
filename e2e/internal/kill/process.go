package kill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// process is an actor as its parent sees it. Only one goroutine at a time does
// something to it.
type process struct {
	number int
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  *bufio.Reader
	stderr bytes.Buffer
	ready  chan struct{} // closed when it says that it is ready
	ended  chan struct{} // closed when it has ended and everything it said was read
	wanted bool          // that it ends
}

// start starts an actor. What it says goes to hear, line by line, from one
// goroutine.
func (r role) start(hear func(process int, line string)) (*process, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	p := &process{number: r.Process, cmd: exec.Command(exe), ready: make(chan struct{}), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), RoleVar+"="+string(text))
	p.cmd.Stderr = &p.stderr
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.lines = bufio.NewReader(out)
	go p.listen(hear)
	return p, nil
}

// listen reads what the process says until it ends. A line that was cut off is
// not heard.
func (p *process) listen(hear func(int, string)) {
	defer close(p.ended)
	for {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			break
		}
		if line == "ready\n" {
			close(p.ready)
			continue
		}
		hear(p.number, line[:len(line)-1])
	}
	_ = p.cmd.Wait() // how it ended is in ProcessState
}

// kill ends it at once.
func (p *process) kill() Fault {
	p.wanted = true
	f := Fault{Process: p.number, Begin: now()}
	_ = p.cmd.Process.Kill()
	<-p.ended
	f.End = now()
	return f
}

// pause stops the process for d.
func (p *process) pause(d time.Duration) Fault {
	f := Fault{Process: p.number, Begin: now()}
	Pause(p.cmd.Process, d)
	f.End = now()
	return f
}

// stop lets it end in order, which takes as long as it has to drain.
func (p *process) stop() error {
	p.wanted = true
	_ = p.stdin.Close()
	timer := time.NewTimer(2 * time.Minute)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
		return fmt.Errorf("process %d does not end", p.number)
	}
	return p.failure()
}

// failure is how it ended, nil if well.
func (p *process) failure() error {
	if p.cmd.ProcessState.Success() {
		return nil
	}
	return fmt.Errorf("process %d: %v: %s", p.number, p.cmd.ProcessState, lastBytes(p.stderr.Bytes(), 2000))
}

// crashed says how a process ended that nobody wanted to end, nil for others.
func (p *process) crashed() error {
	if p.wanted || !isClosed(p.ended) {
		return nil
	}
	return errors.Join(fmt.Errorf("process %d ended unasked", p.number), p.failure())
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func lastBytes(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
