package kill

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Trail is what was written down about a connection, and about the processes
// that worked on it, in time: for whoever wants to know what went wrong.
func Trail(h History, conn string) string {
	var t trail
	process := map[int]bool{0: true}
	for _, x := range h.Exchanges {
		if x.Presented.Conn == conn {
			process[x.Process] = true
			t.add(x.Arrived, "process %d presents grant %d, generation %d: %s, %d issued, committed %s, answered %s",
				x.Process, x.Presented.Grant, x.Presented.Gen, x.Outcome, x.Issued, clock(x.Committed), clock(x.Answered))
		}
	}
	for _, a := range h.Acks {
		if a.Conn == conn {
			t.add(a.At, "process %d has stored what it got (0: the user, grant %d)", a.Process, a.Grant)
		}
	}
	for _, s := range h.Sightings {
		if s.Token.Conn == conn {
			t.add(s.Called, "process %d returns grant %d, generation %d to one who called now", s.Process, s.Token.Grant, s.Token.Gen)
		}
	}
	for _, f := range []struct {
		what string
		list []Fault
	}{{"is killed", h.Kills}, {"is stopped", h.Pauses}, {"is not let run", h.Stalls}, {"(the database) is away", h.Outages}} {
		for _, x := range f.list {
			if process[x.Process] {
				t.add(x.Begin, "process %d %s until %s", x.Process, f.what, clock(x.End))
			}
		}
	}
	for _, d := range h.Deaths {
		if d.Conn == conn {
			t.add(time.Time{}, "grant %d is given up with %q", d.Grant, d.Code)
		}
	}
	return t.String()
}

type trail []entry

type entry struct {
	at   time.Time
	text string
}

func (t *trail) add(at time.Time, format string, args ...any) {
	*t = append(*t, entry{at, fmt.Sprintf(format, args...)})
}

func (t trail) String() string {
	slices.SortStableFunc(t, func(a, b entry) int { return a.at.Compare(b.at) })
	var b strings.Builder
	for _, e := range t {
		fmt.Fprintf(&b, "%s %s\n", clock(e.at), e.text)
	}
	return b.String()
}
