//go:build unix

package kill

import (
	"os"
	"syscall"
	"time"
)

// CanPause says whether processes can be stopped for a while here.
const CanPause = true

// Pause stops a process for d.
func Pause(p *os.Process, d time.Duration) {
	_ = p.Signal(syscall.SIGSTOP)
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
	_ = p.Signal(syscall.SIGCONT)
}
