package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/functions"
)

// goodChronicle is of one connection with three completed intervals, of which the second
// was tried twice, and of two runs, of which one was executed twice.
func goodChronicle() *chronicle {
	at := func(n int) time.Time { return time.Date(2026, 1, 2, 3, 4, n, 0, time.UTC) }
	c := newChronicle()
	*c.track("alice") = track{
		attempts: []attempt{
			{Process: 1, From: time.Time{}, To: at(1), Number: 1, Loaded: 0, Read: 1, Saved: true},
			{Process: 2, From: at(1), To: at(2), Number: 1, Loaded: 1, Read: 2}, // killed: nobody knows whether it saved
			{Process: 1, From: at(1), To: at(5), Number: 2, Loaded: 1, Read: 3, Saved: true},
			{Process: 3, From: at(5), To: at(6), Number: 1, Loaded: 3, Read: 4, Saved: true},
		},
		samples: []sample{{}, {1, at(1)}, {1, at(1)}, {2, at(5)}, {3, at(6)}},
	}
	c.accepted = []string{"a", "b"}
	c.charges = map[string]int{"a": 1, "b": 2, "unknown": 1}
	c.statuses = map[string]functions.Status{"a": functions.StatusDone, "b": functions.StatusDone, "unknown": functions.StatusDone}
	return c
}

func TestFunctionsJudge(t *testing.T) {
	t.Parallel()
	n, found := goodChronicle().judge()
	if want := (score{intervals: 3, repeated: 1, accepted: 2, twice: 1}); n != want || len(found) != 0 {
		t.Fatalf("of what is good it says %+v: %q", n, found)
	}
	for want, spoil := range map[string]struct {
		how   func(c *chronicle, alice *track)
		score func(score) int
	}{
		"1 and 1 both made attempt 1": {func(_ *chronicle, a *track) { a.attempts = append(a.attempts, a.attempts[0]) }, doubled},
		"3 intervals were completed until 2026-01-02 03:04:06 +0000 UTC, and 4 counted": {
			func(_ *chronicle, a *track) { a.samples[4].Completed++ }, doubled,
		},
		"2 intervals were completed until 2026-01-02 03:04:05 +0000 UTC, and 3 counted": {
			func(_ *chronicle, a *track) { a.samples[3].Completed++; a.samples[4].Completed++ }, doubled,
		},
		"2 intervals were completed until 2026-01-02 03:04:05 +0000 UTC, and 1 counted": {
			func(_ *chronicle, a *track) { a.samples[3].Completed-- }, nil,
		},
		"the schedule went back": {func(_ *chronicle, a *track) { slices.Reverse(a.samples[2:4]) }, nil},
		"nobody tried the interval from 2026-01-02 03:04:05 +0000 UTC to 2026-01-02 03:04:05.001 +0000 UTC": {
			func(_ *chronicle, a *track) { a.attempts[3].From = a.attempts[3].From.Add(time.Millisecond) }, gaps,
		},
		"nobody tried the interval from 2026-01-02 03:04:01 +0000 UTC to 2026-01-02 03:04:05 +0000 UTC": {
			func(_ *chronicle, a *track) { a.attempts = slices.Delete(a.attempts, 1, 3) }, gaps,
		},
		// Who lost the claim has completed the interval.
		"after 2026-01-02 03:04:01 +0000 UTC comes 2026-01-02 03:04:02 +0000 UTC, but the last attempt was one until 2026-01-02 03:04:05": {
			func(_ *chronicle, a *track) {
				a.attempts[3].From, a.samples[3].CompletedTo = a.attempts[1].To, a.attempts[1].To
			}, gaps,
		},
		"an interval from": {func(_ *chronicle, a *track) { a.attempts[3].To = a.attempts[3].From }, nil},
		"has checkpoint 1; before it was 1, and 3 was saved": {func(_ *chronicle, a *track) { a.attempts[3].Loaded = 1 }, back},
		// Nobody says that 2 was saved, but it was seen.
		"has checkpoint 1; before it was 2, and 1 was saved": {
			func(_ *chronicle, a *track) {
				a.attempts[2].Loaded, a.attempts[2].Saved, a.attempts[3].Loaded = 2, false, 1
			}, back,
		},
		"has checkpoint 4, which nobody before it": {func(_ *chronicle, a *track) { a.attempts[3].Loaded = 4 }, nil},
		"run a was accepted and executed 0 times":  {func(c *chronicle, _ *track) { delete(c.charges, "a") }, lost},
		`run b was accepted and executed 2 times, and is "running"`: {
			func(c *chronicle, _ *track) { c.statuses["b"] = functions.StatusRunning }, lost,
		},
		`run a was accepted and executed 1 times, and is ""`: {func(c *chronicle, _ *track) { delete(c.statuses, "a") }, lost},
		`run unknown is "queued"`:                            {func(c *chronicle, _ *track) { c.statuses["unknown"] = functions.StatusQueued }, nil},
	} {
		c := goodChronicle()
		spoil.how(c, c.track("alice"))
		n, found := c.judge()
		if !strings.Contains(strings.Join(found, "\n"), want) {
			t.Errorf("does not find %q in what it should, but %q", want, found)
		}
		if spoil.score != nil && spoil.score(n) == 0 {
			t.Errorf("%q does not count: %+v", want, n)
		}
	}
}

func doubled(n score) int { return n.doubled }
func gaps(n score) int    { return n.gaps }
func back(n score) int    { return n.back }
func lost(n score) int    { return n.lost }

// A process that was stopped says late that it has begun. That is nobody's fault.
func TestFunctionsJudgeLate(t *testing.T) {
	t.Parallel()
	c := goodChronicle()
	alice := c.track("alice")
	late := alice.attempts[1]
	late.Read = 5
	alice.attempts = append(slices.Delete(alice.attempts, 1, 2), late)
	if _, found := c.judge(); len(found) != 0 {
		t.Errorf("finds fault: %q", found)
	}
}
