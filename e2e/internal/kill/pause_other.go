//go:build !unix

package kill

import (
	"os"
	"time"
)

// CanPause says whether processes can be stopped for a while here.
const CanPause = false

// Pause does nothing: there is no SIGSTOP here.
func Pause(*os.Process, time.Duration) {}
