//go:build unix

package kill

import (
	"syscall"
	"time"
)

// CanPause says whether processes can be stopped for a while here.
const CanPause = true

// pause stops the process for d.
func (p *process) pause(d time.Duration) Fault {
	f := Fault{Process: p.number, Begin: now()}
	_ = p.cmd.Process.Signal(syscall.SIGSTOP)
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
	_ = p.cmd.Process.Signal(syscall.SIGCONT)
	f.End = now()
	return f
}
