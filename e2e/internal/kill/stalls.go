package kill

import (
	"sync"
	"time"
)

// stalls notices when the machine is too busy to let this process run: then a
// pause that nobody ordered may have hit another one too.
type stalls struct {
	quit    chan struct{}
	closed  sync.WaitGroup
	longest time.Duration
}

func newStalls() *stalls {
	s := &stalls{quit: make(chan struct{})}
	s.closed.Go(func() {
		ticker := time.NewTicker(10 * time.Millisecond)
		defer ticker.Stop()
		last := time.Now()
		for {
			select {
			case <-ticker.C:
				s.longest = max(s.longest, time.Since(last))
				last = time.Now()
			case <-s.quit:
				return
			}
		}
	})
	return s
}

// close ends it. After that, longest is the longest time that nothing was heard
// of the ticker.
func (s *stalls) close() {
	close(s.quit)
	s.closed.Wait()
}
