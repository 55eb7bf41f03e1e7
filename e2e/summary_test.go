package e2e

import (
	"fmt"
	"strings"
	"time"
)

// String is what was counted, for the log of the test.
func (e evidence) String() string {
	var total report
	var shares []string
	for _, r := range e.reports {
		total.add(r)
		shares = append(shares, fmt.Sprint(r.Refreshed))
	}
	byTieline, byServer := time.Duration(-1<<63), time.Duration(-1<<63)
	var slowest time.Duration
	atOnce := 0
	for _, x := range e.exchanges[1:] {
		byTieline, byServer = max(byTieline, e.remaining(x)), max(byServer, x.Remaining)
		slowest, atOnce = max(slowest, x.Took), max(atOnce, x.InFlight)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v, %d processes: %d generations, %d exchanges (by process: %s), at most %d at once\n",
		e.duration, len(e.reports), e.generations(), len(e.exchanges)-1, strings.Join(shares, ", "), atOnce)
	fmt.Fprintf(&b, "%d calls, %d failed, the slowest %v; %d checks at the resource server, %d refusals on the way\n",
		total.Calls, total.Failed, total.Slowest.Round(time.Microsecond), total.Checks, len(total.Refusals))
	fmt.Fprintf(&b, "life left at an exchange: at most %v by what Tieline knew, %v by the server's clock; the slowest exchange took %v\n",
		byTieline.Round(time.Microsecond), byServer.Round(time.Microsecond), slowest.Round(time.Microsecond))
	fmt.Fprintf(&b, "life left when a caller got a token: at least %v; got when expired: %d", total.Least.Round(time.Microsecond), total.Expired)
	return b.String()
}
