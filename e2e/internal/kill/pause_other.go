//go:build !unix

package kill

import "time"

// CanPause says whether processes can be stopped for a while here.
const CanPause = false

// pause does nothing: there is no SIGSTOP here.
func (p *process) pause(time.Duration) Fault { return Fault{Process: p.number} }
