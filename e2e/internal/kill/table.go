package kill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Header is that of the table, in markdown.
const Header = "| run | store | provider | kills | pauses | outages | restarts | rotations | exchanges | forgiven " +
	"| lost: kill | lost: pause | lost: busy machine | **lost: other** | lost per kill | callers' calls | callers' errors |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"

// Rows are what happened in a run, one row for each provider. Calls and errors
// are those of both.
func Rows(c Config, h History, v Verdict) string {
	var b strings.Builder
	for _, provider := range []string{Strict, Forgiving} {
		rotations, exchanges := 0, 0
		for _, x := range h.Exchanges {
			if x.Provider != provider {
				continue
			}
			exchanges++
			if x.Outcome == Rotated {
				rotations++
			}
		}
		name := provider
		if provider == Forgiving {
			name = fmt.Sprint("grace ", c.Grace)
		}
		lost := v.Lost(provider)
		perKill := "-"
		if n := len(h.Kills); n > 0 {
			perKill = fmt.Sprintf("%.3f", float64(lost[ByKill])/float64(n))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | **%d** | %s | %d | %s |\n",
			c.Name, c.Address.Name(), name, len(h.Kills), len(h.Pauses), len(h.Outages), h.Restarts, rotations, exchanges,
			v.Forgiven(provider), lost[ByKill], lost[ByPause], lost[ByStall], lost[Unexcused], perKill, h.Calls, h.errorText())
	}
	return b.String()
}

// Notes are what the table does not show.
func Notes(c Config, h History, v Verdict) string {
	codes := map[string]int{}
	for _, d := range h.Deaths {
		codes[d.Code]++
	}
	return fmt.Sprintf("%s, %s: %v, %d processes x %d callers, %d connections; given up with: %s; "+
		"by rate and window %.3f strict grants are lost per kill, the latest at which one was came %v after the answer; "+
		"expired when returned: %s; not let run by the machine: %s",
		c.Name, c.Address.Name(), c.Duration, c.Processes, c.Callers, c.Connections, counts(codes),
		expected(c, h), v.Window().Round(time.Millisecond/10), h.lateText(), h.stallText())
}

// expected is how many strict grants the kill of a process costs on average: its
// exchanges per second, times the time from the request to its own commit.
func expected(c Config, h History) float64 {
	stored := map[string][]Ack{}
	for _, a := range h.Acks {
		stored[a.Conn] = append(stored[a.Conn], a)
	}
	var window time.Duration
	for _, x := range h.Exchanges {
		if x.Provider != Strict || !x.accepted() {
			continue
		}
		for _, a := range stored[x.Presented.Conn] {
			if a.Process == x.Process && a.At.After(x.Committed) {
				window += a.At.Sub(x.Arrived)
				break
			}
		}
	}
	return window.Seconds() / c.Duration.Seconds() / float64(c.Processes)
}

// Missing says what was to happen in a run and did not, so that nothing was
// tested.
func Missing(c Config, h History) []string {
	var problems []string
	need := func(what string, every time.Duration, n int) {
		if every != 0 && n == 0 && c.Duration > 5*every {
			problems = append(problems, fmt.Sprintf("there was no %s in %v", what, c.Duration))
		}
	}
	need("kill", c.Faults.Kill, len(h.Kills))
	need("orderly restart", c.Faults.Restart, h.Restarts)
	need("pause", c.Faults.Pause, len(h.Pauses))
	need("outage", c.Faults.Outage+c.Faults.OutageMax, len(h.Outages))
	// Left in peace, each token is replaced about once a second.
	if least := int(c.Duration/c.Lifetime) * c.Connections / 10; len(h.Exchanges) < least || len(h.Acks) < least || len(h.Sightings) < least || h.Calls == 0 {
		problems = append(problems, fmt.Sprintf("%d exchanges, %d of them acknowledged, %d tokens seen, %d calls: that is no load",
			len(h.Exchanges), len(h.Acks), len(h.Sightings), h.Calls))
	}
	return problems
}

func (h History) lateText() string {
	if len(h.Expired) == 0 {
		return "none"
	}
	worst := h.Expired[0].Late
	for _, e := range h.Expired {
		worst = max(worst, e.Late)
	}
	return fmt.Sprintf("%d, the worst for %v", len(h.Expired), worst)
}

func (h History) stallText() string {
	if len(h.Stalls) == 0 {
		return "never"
	}
	var worst time.Duration
	referee := 0
	for _, s := range h.Stalls {
		worst = max(worst, s.End.Sub(s.Begin))
		if s.Process == 0 {
			referee++
		}
	}
	return fmt.Sprintf("the referee %d times, others %d times, at most for %v", referee, len(h.Stalls)-referee, worst.Round(time.Millisecond))
}

func (h History) errorText() string { return counts(h.Errors) }

// counts lists what was counted.
func counts(m map[string]int) string {
	if len(m) == 0 {
		return "none"
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, m[kind]))
	}
	return strings.Join(parts, ", ")
}
