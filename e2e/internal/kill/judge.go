package kill

import (
	"fmt"
	"slices"
	"time"
)

// Rules are what the judge needs to know of the processes' policy.
type Rules struct {
	// SendWithin is how long before a request the sender has looked last.
	SendWithin time.Duration
	// Exchange is how long a process waits for an answer.
	Exchange time.Duration
	// TakeOver is for how long it watches another one before it goes on in its
	// place.
	TakeOver time.Duration
	// Save is how long after the answer a process may be busy with saving the
	// token while the database works.
	Save time.Duration
	// Grace is for how long the forgiving provider takes a token again.
	Grace time.Duration
	// Late is how long an expired token may be on its way to the caller on a busy
	// machine.
	Late time.Duration
}

// slack is more than a signal, or a request on loopback, needs to arrive.
const slack = 100 * time.Millisecond

// Cause is what explains that a refresh token was used twice.
type Cause string

// The causes. What was lost for the last one is what must not be lost.
const (
	ByKill    Cause = "kill"
	ByPause   Cause = "pause"
	ByStall   Cause = "busy machine"
	Unexcused Cause = "unexcused"
)

// Repeat is a refresh token that was used although it had been before, while its
// grant was alive.
type Repeat struct {
	First, Second Exchange
	Cause         Cause
	// After is how long after the answer the first user was killed.
	After time.Duration
}

// Verdict is what the judge found.
type Verdict struct {
	// Repeats are all second uses. Those whose outcome is Reused cost the grant.
	Repeats []Repeat
	// Problems are what is not as it should be, one sentence each.
	Problems []string
	// Suspects are the connections that problems are about.
	Suspects []string
}

// judge is one at work.
type judge struct {
	History
	Rules
	verdict Verdict

	used    map[Token]time.Time // when a token was first used up
	last    map[Token]int       // index of the last exchange that used it up
	acked   map[Token]time.Time
	ackedBy map[string][]stored // by connection, in time
	others  map[Token]bool      // whether another process than the receiver had it
}

// stored is a token that was said to be in the database.
type stored struct {
	token Token
	at    time.Time
}

// Judge looks at what was written down.
func Judge(h History, r Rules) Verdict {
	j := &judge{
		History: h, Rules: r, used: map[Token]time.Time{}, last: map[Token]int{}, acked: map[Token]time.Time{},
		ackedBy: map[string][]stored{}, others: map[Token]bool{},
	}
	j.readAcks()
	j.readSightings()
	j.exchanges()
	j.order()
	j.deaths()
	j.finals()
	j.processes()
	return j.verdict
}

// problem notes one, about a connection or, if that is empty, about all.
func (j *judge) problem(conn, format string, args ...any) {
	j.verdict.Problems = append(j.verdict.Problems, fmt.Sprintf(format, args...))
	if conn != "" && !slices.Contains(j.verdict.Suspects, conn) {
		j.verdict.Suspects = append(j.verdict.Suspects, conn)
	}
}

// readAcks finds out which token an acknowledgment is about: the last one that
// the process had received. One flight at a time works on a connection.
func (j *judge) readAcks() {
	type place struct {
		process int
		conn    string
	}
	received := map[place][]Exchange{}
	for _, x := range j.Exchanges {
		if x.accepted() {
			p := place{x.Process, x.Presented.Conn}
			received[p] = append(received[p], x)
		}
	}
	for _, a := range j.Acks {
		t := Token{Conn: a.Conn, Grant: a.Grant, Gen: 1}
		if a.Grant == 0 {
			list := received[place{a.Process, a.Conn}]
			i := len(list) - 1
			for i >= 0 && list[i].Committed.After(a.At) {
				i--
			}
			if i < 0 {
				j.problem(a.Conn, "process %d stored a token of %s that it was never given", a.Process, a.Conn)
				continue
			}
			t = list[i].issued()
		}
		if at, ok := j.acked[t]; !ok || a.At.Before(at) {
			j.acked[t] = a.At
		}
		j.ackedBy[a.Conn] = append(j.ackedBy[a.Conn], stored{t, a.At})
	}
}

// readSightings finds out which tokens got from process to process: those were
// stored, whatever became of who stored them.
func (j *judge) readSightings() {
	receiver := map[Token]int{}
	for _, x := range j.Exchanges {
		if x.accepted() {
			receiver[x.issued()] = x.Process
		}
	}
	note := func(process int, t Token) {
		if r, ok := receiver[t]; ok && r != process {
			j.others[t] = true
		}
	}
	for _, s := range j.Sightings {
		note(s.Process, s.Token)
	}
	for _, x := range j.Exchanges {
		note(x.Process, x.Presented)
	}
}

// exchanges goes through the book.
func (j *judge) exchanges() {
	for i, x := range j.Exchanges {
		switch x.Outcome {
		case Unknown:
			j.problem("", "process %d presents a refresh token that was never issued", x.Process)
		case Again, Reused:
			j.repeat(x)
		}
		if !x.accepted() {
			continue
		}
		before, again := j.last[x.Presented]
		if !again {
			j.used[x.Presented] = x.Committed
		} else {
			// What was issued for it then is replaced by what is issued now.
			j.last[j.Exchanges[before].issued()] = i
		}
		j.last[x.Presented] = i
	}
}

// repeat looks for what explains that a token was used again.
func (j *judge) repeat(x Exchange) {
	i, ok := j.last[x.Presented]
	if !ok {
		j.problem(x.Presented.Conn, "generation %d of %s, grant %d, was refused as used, and never was", x.Presented.Gen, x.Presented.Conn, x.Presented.Grant)
		return
	}
	r := Repeat{First: j.Exchanges[i], Second: x}
	r.Cause, r.After = j.explain(r.First, x)
	j.verdict.Repeats = append(j.verdict.Repeats, r)
	used, forgivable := j.used[x.Presented]
	if waited := x.Committed.Sub(used); forgivable && x.Outcome == Reused && x.Provider == Forgiving && r.Cause == ByKill && waited < j.Grace {
		j.problem(x.Presented.Conn, "%s lost grant %d by a kill although its provider forgives for %v, and only %v had passed", x.Presented.Conn, x.Presented.Grant, j.Grace, waited)
	}
	if r.Cause == Unexcused {
		j.problem(x.Presented.Conn, "nothing explains that generation %d of %s, grant %d, was used by process %d at %s (answered %s, stored %s) and by process %d at %s (%s, %s)",
			x.Presented.Gen, x.Presented.Conn, x.Presented.Grant,
			r.First.Process, clock(r.First.Arrived), clock(r.First.Answered), clock(j.acked[r.First.issued()]),
			x.Process, clock(x.Arrived), x.Provider, x.Outcome)
	}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Format("15:04:05.000")
}

// explain says which fault made a token be used by x after it had been by first.
func (j *judge) explain(first, x Exchange) (Cause, time.Duration) {
	got := first.issued()
	acked, wasAcked := j.acked[got]
	until := j.savingUntil(first.Answered)
	if !wasAcked && !j.others[got] {
		for _, k := range j.Kills {
			if k.Process == first.Process && k.overlaps(first.Arrived.Add(-slack), until) {
				return ByKill, max(0, k.Begin.Sub(first.Answered))
			}
		}
	}
	if wasAcked && acked.Before(until) {
		until = acked
	}
	if j.paused(first.Process, first.Arrived.Add(-j.SendWithin), until) || j.paused(x.Process, x.Arrived.Add(-j.SendWithin), x.Arrived) {
		return ByPause, 0
	}
	if j.stalled(first, x) {
		return ByStall, 0
	}
	return Unexcused, 0
}

// stalled says whether the machine did to a process what a fault does. An answer
// that comes too late is as good as lost, and then nobody stores it; and a
// process that is not let run for long is as good as paused.
func (j *judge) stalled(first, x Exchange) bool {
	got := first.issued()
	_, acked := j.acked[got]
	stored := acked || j.others[got]
	for _, s := range j.Stalls {
		of := s.Process == first.Process || s.Process == 0
		if of && !stored && s.overlaps(first.Arrived.Add(-j.Exchange), first.Answered.Add(j.Exchange)) {
			return true
		}
		if s.End.Sub(s.Begin) < j.TakeOver/2 {
			continue
		}
		if of && s.overlaps(first.Arrived.Add(-j.SendWithin), first.Answered.Add(j.Save)) ||
			s.Process == x.Process && s.overlaps(x.Arrived.Add(-j.SendWithin), x.Arrived) {
			return true
		}
	}
	return false
}

func (j *judge) paused(process int, begin, end time.Time) bool {
	for _, p := range j.Pauses {
		if p.Process == process && p.overlaps(begin, end) {
			return true
		}
	}
	return false
}

// savingUntil is until when a process may be busy with saving a token that it
// got at a time: longer if the database is away then.
func (j *judge) savingUntil(answered time.Time) time.Time {
	until := answered.Add(j.Save)
	for _, o := range j.Outages { // in time, and not two at once
		if o.overlaps(answered.Add(-slack), until) {
			until = latest(until, o.End.Add(j.Save))
		}
	}
	return until
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
