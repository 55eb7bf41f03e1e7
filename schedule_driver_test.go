package tieline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing/synctest"
	"time"
)

// The schedule tests run the refresh code under every order in which several
// processes can call their Store and their provider, and with faults at every
// point. All of it happens in one bubble of testing/synctest: a call that leaves a
// process stops at a gate; when nothing moves any more, the scheduler lets one of
// the waiting calls go on, or does something worse to it. When no call waits,
// fake time passes.
//
// Time passes only when all live processes sleep, so a process is as fast as it
// can be unless it is paused on purpose. Calls that only read what nobody writes
// (the integration's row) have no gate.

// timeStep is how far time moves at once. It is longer than the pauses between two
// looks at a lease, so that jitter does not decide who looks first.
const timeStep = time.Second

// fate is what becomes of a call at a gate.
type fate int

const (
	goesOn      fate = iota
	fails            // nothing happens, and it reports an error
	failsAfter       // it happens, and reports an error
	sleepsAfter      // it happens, and its process sleeps before it goes on
	dies             // its process is gone
)

// call waits at a gate.
type call struct {
	actor *actor
	name  string
	fate  chan fate
	seen  bool // it waited at the choice before
}

// actor is a process as the scheduler sees it.
type actor struct {
	name   string
	s      *scheduler
	dead   bool
	asleep time.Time // no call goes on before
}

// gate stops a call until the scheduler decides on it.
func (a *actor) gate(ctx context.Context, name string) (fate, error) {
	c := &call{actor: a, name: name, fate: make(chan fate, 1)}
	a.s.arrive(c)
	defer a.s.leave(c)
	select {
	case f := <-c.fate:
		return f, nil
	case <-ctx.Done():
		time.Sleep(time.Until(a.wakes())) // who sleeps does not see time pass
		return fails, ctx.Err()
	case <-a.s.over:
		return dies, nil
	}
}

// sleep lets no call go on for a while, and wakes says until when.
func (a *actor) sleep(d time.Duration) {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	a.asleep = time.Now().Add(d)
}

func (a *actor) wakes() time.Time {
	a.s.mu.Lock()
	defer a.s.mu.Unlock()
	return a.asleep
}

// choice is one that was made: among what, and what was taken.
type choice struct {
	options []string
	taken   int
}

// option is something that the scheduler can do next.
type option struct {
	label string
	actor *actor // who moves; nil for the world
	do    func()
}

// scheduler makes one schedule. pick chooses among n options.
type scheduler struct {
	pick func(step, n int) int
	// preemptions is how often a process may be stopped in favor of another
	// although it could go on. Negative: as often as there are chances.
	preemptions int

	mu      sync.Mutex
	waiting []*call
	over    chan struct{} // closed when the dead are to leave

	made []choice
	last *actor
	// faults are the options beside going on, given the calls that may.
	faults func(ready []*call) []option
	// quiet says whether everybody alive is done.
	quiet func() bool
}

func (s *scheduler) arrive(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, c)
}

func (s *scheduler) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(o *call) bool { return o == c })
}

// ready are the calls that can go on, in an order that does not depend on how
// they got there.
func (s *scheduler) ready() []*call {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*call
	for _, c := range s.waiting {
		if !c.actor.dead && !time.Now().Before(c.actor.asleep) && len(c.fate) == 0 {
			out = append(out, c)
		}
	}
	slices.SortStableFunc(out, func(a, b *call) int {
		return cmp.Or(strings.Compare(a.actor.name, b.actor.name), strings.Compare(a.name, b.name))
	})
	return out
}

// maxTime is more fake time than any schedule takes.
const maxTime = time.Hour

// run makes choices until everybody is done.
func (s *scheduler) run() error {
	start := time.Now()
	for {
		synctest.Wait()
		ready := s.ready()
		if len(ready) == 0 && s.quiet() {
			return nil
		}
		if time.Since(start) > maxTime {
			return fmt.Errorf("not over after %v", maxTime)
		}
		options := s.options(ready)
		if len(ready) == 0 {
			options = append([]option{{label: "time passes", do: func() { time.Sleep(timeStep) }}}, options...)
		}
		s.choose(options)
	}
}

// options are who can go on, the last one first, and the faults there can be.
func (s *scheduler) options(ready []*call) []option {
	var out []option
	goOn := func(c *call) {
		out = append(out, option{c.actor.name + ": " + c.name, c.actor, func() { c.fate <- goesOn }})
	}
	for _, c := range ready {
		if c.actor == s.last {
			goOn(c)
		}
	}
	if len(out) == 0 || s.preemptions != 0 {
		for _, c := range ready {
			if c.actor != s.last {
				goOn(c)
			}
		}
	}
	out = append(out, s.faults(ready)...)
	for _, c := range ready {
		c.seen = true
	}
	return out
}

func (s *scheduler) choose(options []option) {
	taken := 0
	if len(options) > 1 {
		labels := make([]string, len(options))
		for i, o := range options {
			labels[i] = o.label
		}
		taken = s.pick(len(s.made), len(options))
		s.made = append(s.made, choice{labels, taken})
	}
	o := options[taken]
	if o.actor != nil {
		could := slices.ContainsFunc(options, func(other option) bool { return other.actor != nil && other.actor == s.last })
		if could && o.actor != s.last && s.preemptions > 0 {
			s.preemptions--
		}
		s.last = o.actor
	}
	// What was looked at until now was looked at before whoever wakes up changes
	// it: each takes the lock on leaving its gate.
	s.order()
	o.do()
}

func (s *scheduler) order() {
	s.mu.Lock()
	defer s.mu.Unlock()
}

// trace is what was chosen, one line each.
func (s *scheduler) trace() string {
	var b strings.Builder
	for _, c := range s.made {
		fmt.Fprintf(&b, "  %s\n", c.options[c.taken])
	}
	return b.String()
}

// next is the plan that follows in depth-first order, nil after the last.
func next(made []choice) []int {
	for i := len(made) - 1; i >= 0; i-- {
		if made[i].taken+1 < len(made[i].options) {
			plan := make([]int, i+1)
			for j := range plan {
				plan[j] = made[j].taken
			}
			plan[i]++
			return plan
		}
	}
	return nil
}
