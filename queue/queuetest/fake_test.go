package queuetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tieline/tieline/queue"
)

// bugs are what can be wrong about a queue. The zero value is right.
type bugs struct {
	forgets     bool // wake-ups with their handle
	mangles     bool // IDs
	rounds      bool // times, to seconds
	ignoresTime bool
	losesPast   bool // what is due when it is added
	losesFailed bool
	losesGiven  bool // what fails because ctx is done
	onceMore    bool // what fails comes again, but only once
	oneByOne    bool
	everybody   bool // all receivers get everything
	anyKind     bool
	firstKind   bool // of several
	dropsOthers bool // wake-ups of other kinds
	dedups      bool // also with what is being received
	remembers   bool // what is done, and takes it for there
	dropsEqual  bool // a second one, and the first with it
	leaves      bool // what is under way when ctx is done
	cutsNothing bool // ctx does not reach do
	silent      bool // returns nil
	eager       bool // receives before it looks at ctx
	racy        bool // loses what is added at the same time
}

// box is a queue in memory.
type box struct {
	bugs
	end <-chan struct{} // of the test, for contexts that nobody else ends

	mu       sync.Mutex
	waits    []*job
	running  map[queue.Wake]int
	done     map[queue.Wake]bool
	readers  int
	changing bool
}

type job struct {
	queue.Wake
	handle   *handle
	attempts int
	reader   int // who gets it, if everybody gets one; 0: anybody
}

func newBox(b bugs, end <-chan struct{}) *box {
	return &box{bugs: b, end: end, running: map[queue.Wake]int{}, done: map[queue.Wake]bool{}}
}

// handle is one process's.
type handle struct{ *box }

func (h *handle) Add(ctx context.Context, w queue.Wake) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	h.mu.Lock()
	if h.racy && h.changing {
		h.mu.Unlock()
		return nil
	}
	if h.racy {
		h.changing = true
		h.mu.Unlock()
		time.Sleep(time.Millisecond)
		h.mu.Lock()
		h.changing = false
	}
	defer h.mu.Unlock()
	waits := slices.IndexFunc(h.waits, func(j *job) bool { return j.Wake == w })
	switch {
	case h.losesPast && w.At.Before(time.Now().Add(-time.Hour)),
		h.dedups && h.running[w] > 0,
		h.remembers && h.done[w]:
		return nil
	case waits >= 0:
		if h.dropsEqual {
			h.waits = slices.Delete(h.waits, waits, waits+1)
		}
		return nil
	}
	if !h.everybody {
		h.waits = append(h.waits, &job{Wake: w, handle: h})
		return nil
	}
	for r := range max(h.readers, 1) {
		h.waits = append(h.waits, &job{Wake: w, handle: h, reader: r + 1})
	}
	return nil
}

// next takes a wake-up that is due.
func (h *handle) next(ctx context.Context, reader int, kinds []string) *job {
	if ctx.Err() != nil && !h.eager {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.firstKind {
		kinds = kinds[:1]
	}
	if h.dropsOthers {
		h.waits = slices.DeleteFunc(h.waits, func(j *job) bool { return !slices.Contains(kinds, j.Kind) })
	}
	for i, j := range h.waits {
		switch {
		case h.forgets && j.handle != h,
			h.everybody && j.reader != reader,
			!h.anyKind && !slices.Contains(kinds, j.Kind),
			!h.ignoresTime && j.At.After(time.Now()):
			continue
		}
		h.waits = slices.Delete(h.waits, i, i+1)
		h.running[j.Wake]++
		return j
	}
	return nil
}

func (h *handle) Receive(ctx context.Context, kinds []string, do func(context.Context, queue.Wake) error) error {
	if ctx.Err() != nil && !h.eager {
		return ctx.Err()
	}
	h.mu.Lock()
	h.readers++
	reader := h.readers
	h.mu.Unlock()
	var under sync.WaitGroup
	for {
		for j := h.next(ctx, reader, kinds); j != nil; j = h.next(ctx, reader, kinds) {
			under.Go(func() { h.call(ctx, j, do) })
			if h.oneByOne {
				under.Wait()
			}
		}
		select {
		case <-time.After(10 * time.Millisecond):
			continue
		case <-ctx.Done():
		}
		if !h.leaves {
			under.Wait()
		}
		if h.silent {
			return nil
		}
		return ctx.Err()
	}
}

func (h *handle) call(ctx context.Context, j *job, do func(context.Context, queue.Wake) error) {
	dctx, w := ctx, j.Wake
	if h.cutsNothing {
		c, cancel := context.WithCancel(context.WithoutCancel(ctx))
		defer cancel()
		dctx = c
		go func() {
			select {
			case <-h.end:
				cancel()
			case <-c.Done():
			}
		}()
	}
	if h.mangles {
		w.ID = strings.ReplaceAll(w.ID, "%", "")
	}
	if h.rounds {
		w.At = w.At.Truncate(time.Second)
	}
	err := do(dctx, w)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.running[j.Wake]--
	lost := h.losesFailed || h.losesGiven && ctx.Err() != nil || h.onceMore && j.attempts > 0
	if err != nil && !lost {
		j.attempts++
		h.waits = append(h.waits, j)
		return
	}
	h.done[j.Wake] = true
}
