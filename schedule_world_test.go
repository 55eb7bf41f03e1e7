package tieline

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// scheduleCase is a family of schedules.
type scheduleCase struct {
	name               string
	processes, callers int
	// faults is how many there may be of each, in one schedule.
	faults      map[string]int
	provider    providertest.Options
	preemptions int // 0: any number
	// early asks while the token still works.
	early bool
	// second has a refresh ask for another token with the new refresh token.
	second bool
	// catalog is that of a schedule before, if there was one.
	catalog *Catalog
}

// secondToken is what the provider's data says then.
const secondToken = "  additional_tokens: [{name: other, refresh: {params: {resource: other}}}]\n"

// callerResult is what one caller got, and when.
type callerResult struct {
	process *scheduled
	cancel  context.CancelFunc
	done    bool
	cred    Credential
	err     error
	at      time.Time
}

// scheduleWorld is one schedule being made.
type scheduleWorld struct {
	*world
	c         scheduleCase
	s         *scheduler
	processes []*scheduled
	callers   []*callerResult
	left      map[string]int // faults to come
	struck    map[string]bool

	state               map[string]record.State // by row ID
	fenceAt             time.Time               // when a process last took a lease
	exchanges, refusals int
	excuse              string // why a grant may be lost
	reconnected         time.Time
	problems            []string
}

func (w *scheduleWorld) broken(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// newScheduleWorld has one connection whose token is due, and processes that are
// about to ask for it.
func newScheduleWorld(t *testing.T, c scheduleCase, pick func(step, n int) int) *scheduleWorld {
	memory := &store.Memory{}
	entry := ""
	if c.second {
		entry = secondToken
	}
	w := &scheduleWorld{
		world: connected(t, worldOptions{store: memory, provider: c.provider, entry: entry, catalog: c.catalog}), c: c,
		left: map[string]int{}, struck: map[string]bool{}, state: map[string]record.State{},
	}
	row, rec := w.connectionRecord()
	w.state[row.ID] = rec.State
	for fault, n := range c.faults {
		w.left[fault] = n
	}
	w.s = &scheduler{pick: pick, preemptions: c.preemptions, over: make(chan struct{}), faults: w.faults, quiet: w.quiet}
	if c.preemptions == 0 {
		w.s.preemptions = -1
	}
	for i := range c.processes {
		p := &scheduled{actor: actor{name: string(rune('A' + i)), s: w.s}, world: w}
		client, _, _ := w.client(worldOptions{config: func(cfg *Config) { cfg.Store = gatedStore{memory, p} }})
		client.core.tokenHTTP, client.core.apiHTTP = p, p
		p.Client = client
		w.processes = append(w.processes, p)
	}
	age := 61 * time.Minute
	if c.early {
		age = 55 * time.Minute
	}
	time.Sleep(age)
	return w
}

// begin lets the callers ask.
func (w *scheduleWorld) begin() {
	for _, p := range w.processes {
		for range w.c.callers {
			ctx, cancel := context.WithCancel(context.WithValue(w.t.Context(), callerKey{}, len(w.callers)))
			r := &callerResult{process: p, cancel: cancel}
			w.callers = append(w.callers, r)
			go func() {
				cred, err := p.Connections.Credential(ctx, "acme", "alice")
				w.s.mu.Lock()
				defer w.s.mu.Unlock()
				r.cred, r.err, r.at, r.done = cred, err, time.Now(), true
			}()
		}
	}
}

// quiet says whether all that live have what they asked for, and saved it.
func (w *scheduleWorld) quiet() bool {
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	for _, r := range w.callers {
		if !r.done && !r.process.dead {
			return false
		}
	}
	for _, p := range w.processes {
		if !p.dead && p.core.flights.n.Load() > 0 {
			return false
		}
	}
	return true
}

// faults are the options that are none of a process's own.
func (w *scheduleWorld) faults(ready []*call) []option {
	var out []option
	add := func(fault, label string, do func()) {
		if w.left[fault] > 0 {
			out = append(out, option{label: label, do: func() {
				w.left[fault]--
				w.struck[fault] = true
				do()
			}})
		}
	}
	for _, c := range ready {
		p := w.process(c)
		if !c.seen { // later is the same: it stands still
			add("crash", p.name+" crashes before "+c.name, func() { w.crash(p) })
			// As long as a take-over takes, and for longer.
			add("pause", p.name+" sleeps before "+c.name, func() { w.pause(p, c, p.core.policy.TakeOver+timeStep) })
			add("pause", p.name+" sleeps long before "+c.name, func() { w.pause(p, c, 2*p.core.policy.TakeOver) })
		}
		if c.name == "Get" || c.name == "Put" {
			add("pause", p.name+" sleeps long after "+c.name, func() {
				w.pause(p, c, 2*p.core.policy.TakeOver)
				c.fate <- sleepsAfter
			})
		}
		if c.name == "answer" {
			add("lost", "the answer to "+p.name+" is lost", func() { w.lose(p, c) })
		}
		if c.name != "send" && c.name != "answer" {
			add("store", p.name+": "+c.name+" fails", func() { c.fate <- fails })
			if c.name == "Put" {
				add("store", p.name+": Put happens and fails", func() { c.fate <- failsAfter })
			}
		}
	}
	add("cancel", "the first caller gives up", func() { w.callers[0].cancel() })
	add("reconnect", "the user reconnects", func() { w.reconnect() })
	add("delete", "the connection is deleted", func() { w.remove() })
	add("recreate", "the connection is deleted and made again", func() { w.remove(); w.reconnect() })
	return out
}

func (w *scheduleWorld) process(c *call) *scheduled {
	for _, p := range w.processes {
		if &p.actor == c.actor {
			return p
		}
	}
	panic("a call of nobody")
}

// What no client can rule out: an answer that was on its way, or not stored yet.
// Where the provider forgives for longer than a take-over takes, nothing is excused.
func (w *scheduleWorld) excused(why string) {
	if w.c.provider.Grace == 0 {
		w.excuse = why
	}
}

func (w *scheduleWorld) crash(p *scheduled) {
	p.dead = true
	if p.unsaved {
		w.excused("crash")
	}
}

func (w *scheduleWorld) pause(p *scheduled, c *call, d time.Duration) {
	p.sleep(d)
	if p.unsaved || c.name == "send" {
		w.excused("pause")
	}
}

func (w *scheduleWorld) lose(p *scheduled, c *call) {
	if p.unsaved {
		w.excused("lost answer")
	}
	p.unsaved = false
	c.fate <- fails
}

func (w *scheduleWorld) reconnect() {
	w.connect("acme", "alice")
	w.reconnected = time.Now()
}

func (w *scheduleWorld) remove() {
	if err := w.Connections.Delete(w.t.Context(), "acme", "alice", DeleteOptions{}); err != nil {
		w.broken("Delete = %v", err)
	}
}

// finish ends the processes: the dead leave as the dead do, the living close.
func (w *scheduleWorld) finish() {
	close(w.s.over)
	for _, p := range w.processes {
		if p.dead {
			ctx, cancel := context.WithCancel(w.t.Context())
			cancel()
			_ = p.Close(ctx)
			continue
		}
		if err := p.Close(w.t.Context()); err != nil {
			w.broken("Close of %s = %v", p.name, err)
		}
	}
	synctest.Wait()
}

// settle lets a process that comes later ask until it knows.
func (w *scheduleWorld) settle() (token *OAuth2Token, err error) {
	for range 30 {
		cred, err := w.Connections.Credential(w.t.Context(), "acme", "alice")
		var failure *RefreshError
		switch {
		case err == nil:
			synctest.Wait()
			return cred.(*OAuth2Token), nil
		case errors.As(err, &failure) && !failure.Reauth:
			time.Sleep(max(time.Second, time.Until(failure.RetryAt)))
		default:
			synctest.Wait() // what callers are told is stored a moment later
			return nil, err
		}
	}
	return nil, errors.New("no end to it")
}
