package e2e

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/functions"
)

// chronicle is what is known after functions have run: what they told the provider
// while they ran, and what the Store said about their schedules and runs meanwhile.
//
// Nobody sees a completion: it is a compare-and-swap, and the process may be killed
// right after it. But an interval that begins where another one ends tells that this
// one is completed; and the Store counts.
type chronicle struct {
	tracks   map[string]*track // by connection
	accepted []string          // runs whose Start returned nil
	charges  map[string]int    // how often each run was executed
	statuses map[string]functions.Status
}

// track is what is known of one connection.
type track struct {
	attempts []attempt
	samples  []sample // in the order in which they were taken; the last one is of the end
}

// sample is where a schedule stood at some time.
type sample struct {
	Completed   int
	CompletedTo time.Time
}

func newChronicle() *chronicle {
	return &chronicle{tracks: map[string]*track{}, charges: map[string]int{}, statuses: map[string]functions.Status{}}
}

func (c *chronicle) track(connection string) *track {
	t := c.tracks[connection]
	if t == nil {
		t = &track{}
		c.tracks[connection] = t
	}
	return t
}

// score is what there was, in numbers.
type score struct {
	intervals int // that were completed
	repeated  int // attempts at an interval that had been tried before
	doubled   int // completions, or claims, that were too many
	gaps      int // places where an interval does not begin where the one before ended
	back      int // checkpoints that were older than one that was saved before
	accepted  int // runs
	twice     int // runs that were executed more than once
	lost      int // runs that were not, or that did not end well
}

// judge counts, and says what is not as it should be.
func (c *chronicle) judge() (score, []string) {
	var n score
	var p problemList
	for _, connection := range slices.Sorted(maps.Keys(c.tracks)) {
		t, of := c.tracks[connection], problemList{}
		n.add(t.intervals(&of))
		n.add(t.checkpoints(&of))
		for _, problem := range of {
			p.add("%s: %s", connection, problem)
		}
	}
	n.add(c.runs(&p))
	return n, p
}

func (n *score) add(m score) {
	n.intervals += m.intervals
	n.repeated += m.repeated
	n.doubled += m.doubled
	n.gaps += m.gaps
	n.back += m.back
	n.accepted += m.accepted
	n.twice += m.twice
	n.lost += m.lost
}

// byClaim are the attempts in the order in which they were claimed. That is not the
// order in which they came: a process that was stopped comes late.
func (t *track) byClaim() []attempt {
	return slices.SortedStableFunc(slices.Values(t.attempts), func(a, b attempt) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Number, b.Number))
	})
}

// points are the ends of intervals that were completed, in their order: where a later
// interval began, or where the Store said that the schedule stood. The first is the
// beginning of time.
func (t *track) points() []time.Time {
	all := []time.Time{{}}
	for _, a := range t.attempts {
		all = append(all, a.From)
	}
	for _, s := range t.samples {
		all = append(all, s.CompletedTo)
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}

// intervals looks whether each was completed once, and none left out.
func (t *track) intervals(p *problemList) score {
	points, attempts := t.points(), t.byClaim()
	n := score{intervals: len(points) - 1}
	claims := 0                 // that two processes made
	last := map[int64]attempt{} // at each interval, by its beginning
	for _, a := range attempts {
		if !a.To.After(a.From) {
			p.add("an interval from %v to %v", a.From, a.To)
		}
		if before, again := last[a.From.UnixMicro()]; again {
			n.repeated++
			if before.Number == a.Number {
				claims++
				p.add("processes %d and %d both made attempt %d at the interval from %v", before.Process, a.Process, a.Number, a.From)
			}
		}
		last[a.From.UnixMicro()] = a
	}
	for i, to := range points[1:] {
		from := points[i]
		// Whoever completed it was the last one who claimed it.
		switch a, tried := last[from.UnixMicro()]; {
		case !tried:
			n.gaps++
			p.add("nobody tried the interval from %v to %v", from, to)
		case !a.To.Equal(to):
			n.gaps++
			p.add("after %v comes %v, but the last attempt was one until %v", from, to, a.To)
		}
	}
	n.doubled = max(claims, t.counted(points, p))
	return n
}

// counted compares the ends of intervals with how many the Store counted. It returns
// how many too many these are at the end.
func (t *track) counted(points []time.Time, p *problemList) (tooMany int) {
	var before sample
	for _, s := range t.samples {
		i, _ := slices.BinarySearchFunc(points, s.CompletedTo, time.Time.Compare)
		tooMany = max(0, s.Completed-i)
		if s.Completed != i {
			p.add("%d intervals were completed until %v, and %d counted", i, s.CompletedTo, s.Completed)
		}
		if s.Completed < before.Completed || s.CompletedTo.Before(before.CompletedTo) {
			p.add("the schedule went back from %+v to %+v", before, s)
		}
		before = s
	}
	return tooMany
}

// checkpoints looks whether every attempt went on from the newest one.
func (t *track) checkpoints(p *problemList) score {
	var n score
	var saved, loaded int64
	read := map[int64]bool{0: true}
	for _, a := range t.byClaim() {
		if a.Loaded < max(saved, loaded) {
			n.back++
			p.add("attempt %d at the interval from %v has checkpoint %d; before it was %d, and %d was saved", a.Number, a.From, a.Loaded, loaded, saved)
		}
		if !read[a.Loaded] {
			p.add("attempt %d at the interval from %v has checkpoint %d, which nobody before it can have saved", a.Number, a.From, a.Loaded)
		}
		loaded, read[a.Read] = max(loaded, a.Loaded), true
		if a.Saved {
			saved = max(saved, a.Read)
		}
	}
	return n
}

// runs looks whether what was accepted was done.
func (c *chronicle) runs(p *problemList) score {
	n := score{accepted: len(c.accepted)}
	for _, run := range c.accepted {
		if c.charges[run] == 0 || c.statuses[run] != functions.StatusDone {
			n.lost++
			p.add("run %s was accepted and executed %d times, and is %q", run, c.charges[run], c.statuses[run])
		}
		if c.charges[run] > 1 {
			n.twice++
		}
	}
	for _, run := range slices.Sorted(maps.Keys(c.statuses)) { // those of killed callers too
		if s := c.statuses[run]; s != functions.StatusDone && !slices.Contains(c.accepted, run) {
			p.add("run %s is %q", run, s)
		}
	}
	return n
}

// scoreHeader is that of the table, in markdown.
const scoreHeader = "| database | schedules | time | kills | pauses | intervals completed | attempts repeated | **intervals doubled** | **gaps** | **checkpoints back** " +
	"| runs accepted | executed twice | **lost** |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

// row is that of one test.
func (n score) row(name []string, took time.Duration, kills, pauses int) string {
	return fmt.Sprintf("| %s | %v | %d | %d | %d | %d | **%d** | **%d** | **%d** | %d | %d | **%d** |\n",
		strings.Join(name, " | "), took, kills, pauses, n.intervals, n.repeated, n.doubled, n.gaps, n.back, n.accepted, n.twice, n.lost)
}
