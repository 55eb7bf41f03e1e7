package kill

import (
	"context"
	"time"
)

// leastStall is more than a process usually waits for the CPU.
const leastStall = 150 * time.Millisecond

// watchStalls tells of the times at which this process was not let run, until
// ctx is done. On a busy machine, an answer can come too late for that reason.
func watchStalls(ctx context.Context, tell func(begin, end time.Time)) {
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for last := now(); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		at := now()
		if at.Sub(last) >= leastStall {
			tell(last, at)
		}
		last = at
	}
}
