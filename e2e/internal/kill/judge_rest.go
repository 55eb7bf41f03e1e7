package kill

import (
	"cmp"
	"slices"
	"time"
)

// order looks whether a token that was in the database was ever replaced by an
// older one.
func (j *judge) order() {
	newest := map[string][]stored{} // the newest so far, at each time
	for conn, list := range j.ackedBy {
		slices.SortStableFunc(list, func(a, b stored) int { return a.at.Compare(b.at) })
		for _, s := range list {
			n := len(newest[conn])
			if n == 0 || newest[conn][n-1].token.older(s.token) {
				newest[conn] = append(newest[conn], s)
			}
		}
	}
	before := func(conn string, at time.Time) (stored, bool) {
		list := newest[conn]
		i, _ := slices.BinarySearchFunc(list, at, func(s stored, at time.Time) int { return s.at.Compare(at) })
		if i == 0 {
			return stored{}, false
		}
		return list[i-1], true
	}
	for _, s := range j.Sightings {
		if known, ok := before(s.Token.Conn, s.Called); ok && s.Token.older(known.token) {
			j.problem(s.Token.Conn, "process %d got grant %d, generation %d of %s at %s, after grant %d, generation %d was stored at %s",
				s.Process, s.Token.Grant, s.Token.Gen, s.Token.Conn, clock(s.Called), known.token.Grant, known.token.Gen, clock(known.at))
		}
	}
	for _, f := range j.Finals {
		list := newest[f.Conn]
		if n := len(list); !f.Reauth && n > 0 && f.Token.older(list[n-1].token) {
			j.problem(f.Conn, "%s ends with grant %d, generation %d, after grant %d, generation %d was stored", f.Conn, f.Token.Grant, f.Token.Gen, list[n-1].token.Grant, list[n-1].token.Gen)
		}
	}
}

// deaths compares what connections say of their end with what happened.
func (j *judge) deaths() {
	type name struct {
		conn  string
		grant int
	}
	died := map[name]Repeat{}
	for _, r := range j.verdict.Repeats {
		if r.Second.Outcome == Reused {
			died[name{r.Second.Presented.Conn, r.Second.Presented.Grant}] = r
		}
	}
	for _, d := range j.Deaths {
		r, ok := died[name{d.Conn, d.Grant}]
		switch {
		case !ok:
			j.problem(d.Conn, "%s was given up with %q while its grant %d was alive", d.Conn, d.Code, d.Grant)
		case d.Code != "lost_rotation" && r.Cause == ByKill:
			j.problem(d.Conn, "%s lost grant %d by a kill and says %q", d.Conn, d.Grant, d.Code)
		}
		delete(died, name{d.Conn, d.Grant})
	}
	for n := range died {
		j.problem(n.conn, "grant %d of %s died and nobody noticed", n.grant, n.conn)
	}
}

// finals looks at what is left of each connection.
func (j *judge) finals() {
	for _, f := range j.Finals {
		switch {
		case f.Reauth && f.Live.Gen != 0:
			j.problem(f.Conn, "%s needs its user in the end although its grant is alive", f.Conn)
		case !f.Reauth && f.Live.Gen == 0:
			j.problem(f.Conn, "%s passes for alive in the end and its grant is dead", f.Conn)
		case !f.Reauth && f.Token != f.Live:
			j.problem(f.Conn, "%s ends with grant %d, generation %d stored, and grant %d, generation %d is live", f.Conn, f.Token.Grant, f.Token.Gen, f.Live.Grant, f.Live.Gen)
		}
	}
}

// processes looks at what processes said of themselves.
func (j *judge) processes() {
	for _, u := range j.Unsaved {
		j.problem("", "after an orderly end: %s", u)
	}
	for _, c := range j.Crashes {
		j.problem("", "a process ended by itself: %s", c)
	}
	if j.Unsound != "" {
		j.problem("", "the database is damaged: %s", j.Unsound)
	}
	for _, e := range j.Expired {
		if e.Late > j.Late && !j.paused(e.Process, e.At.Add(-e.Late), e.At) {
			j.problem("", "process %d gave a caller a token that had been expired for %v", e.Process, e.Late)
		}
	}
}

// Lost counts the grants that were lost at a provider, by cause.
func (v Verdict) Lost(provider string) map[Cause]int {
	out := map[Cause]int{}
	for _, r := range v.Repeats {
		if r.Second.Outcome == Reused && r.Second.Provider == provider {
			out[r.Cause]++
		}
	}
	return out
}

// Forgiven counts the second uses that a provider let pass.
func (v Verdict) Forgiven(provider string) int {
	n := 0
	for _, r := range v.Repeats {
		if r.Second.Outcome == Again && r.Second.Provider == provider {
			n++
		}
	}
	return n
}

// Window is the longest time after an answer at which a kill cost a grant.
func (v Verdict) Window() time.Duration {
	var longest time.Duration
	for _, r := range v.Repeats {
		longest = max(longest, r.After)
	}
	return longest
}

// sortFaults puts a list in the order of time.
func sortFaults(list []Fault) {
	slices.SortFunc(list, func(a, b Fault) int {
		return cmp.Or(a.Begin.Compare(b.Begin), cmp.Compare(a.Process, b.Process))
	})
}
