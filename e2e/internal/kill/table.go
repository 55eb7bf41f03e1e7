package kill

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Header is that of the table, in markdown.
const Header = "| run | store | provider | kills | pauses | outages | restarts | rotations | exchanges | forgiven " +
	"| lost: kill | lost: pause | **lost: other** | lost per kill | callers' calls | callers' errors |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"

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
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | **%d** | %s | %d | %s |\n",
			c.Name, c.Address.Name(), name, len(h.Kills), len(h.Pauses), len(h.Outages), h.Restarts, rotations, exchanges,
			v.Forgiven(provider), lost[ByKill], lost[ByPause], lost[Unexcused], perKill, h.Calls, h.errorText())
	}
	return b.String()
}

// Notes are what the table does not show.
func Notes(c Config, h History, v Verdict) string {
	codes := map[string]int{}
	for _, d := range h.Deaths {
		codes[d.Code]++
	}
	late := h.lateText()
	return fmt.Sprintf("%s, %s: %v, %d processes x %d callers, %d connections; given up with: %s; the latest kill that cost a grant came %v after the answer; expired when returned: %s; the parent was held up for at most %v",
		c.Name, c.Address.Name(), c.Duration, c.Processes, c.Callers, c.Connections, counts(codes), v.Window().Round(100_000), late, h.Stall.Round(1_000_000))
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
