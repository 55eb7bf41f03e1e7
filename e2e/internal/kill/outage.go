package kill

import (
	"io"

	"github.com/tieline/tieline/e2e/internal/database"
)

// Server is a database that can be taken away.
type Server interface {
	// Down takes it away, and Up brings it back.
	Down() error
	Up() error
}

// holder takes a SQLite file away: another process keeps its write lock. What
// is in it can still be read.
type holder struct {
	process *process
	done    chan struct{}
}

// newHolder starts the other process.
func newHolder(a database.Address) (*holder, error) {
	h := &holder{done: make(chan struct{}, 1)}
	var err error
	h.process, err = role{Play: "hold", Address: a}.start(func(int, string) { h.done <- struct{}{} })
	if err != nil {
		return nil, err
	}
	select {
	case <-h.process.ready:
		return h, nil
	case <-h.process.ended:
		return nil, h.process.failure()
	}
}

func (h *holder) Down() error { return h.tell() }

func (h *holder) Up() error { return h.tell() }

// Close ends the other process.
func (h *holder) Close() error { return h.process.stop() }

func (h *holder) tell() error {
	if _, err := io.WriteString(h.process.stdin, "next\n"); err != nil {
		return err
	}
	select {
	case <-h.done:
		return nil
	case <-h.process.ended:
		return h.process.failure()
	}
}
