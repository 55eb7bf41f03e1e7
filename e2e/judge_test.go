package e2e

import (
	"fmt"
	"strings"
	"time"

	"github.com/tieline/tieline/e2e/internal/authserver"
)

const (
	// early is how long before its expiry a token of this server may be refreshed
	// at the earliest: half its life, because the usual margins are longer than
	// all of it.
	early = authserver.AccessTokenLife / 2

	// storedPrecision is what a time loses on its way through the database.
	storedPrecision = time.Microsecond

	// onTheWay is more than the quickest of many requests takes to the server on
	// the busiest machine. It catches a Tieline that takes tokens to live shorter
	// than they do, and would be right about everything that follows from that.
	onTheWay = authserver.AccessTokenLife / 4
)

// evidence is what is known after processes have used one connection.
type evidence struct {
	exchanges []authserver.Exchange
	tokens    map[string]authserver.Token
	reports   []report
	duration  time.Duration
}

// problems are the ways in which what happened is not what should have.
func (e evidence) problems() []string {
	var found []string
	add := func(list []string) { found = append(found, list...) }
	add(e.exchangeProblems())
	add(e.generationProblems())
	add(e.tokenProblems())
	add(e.callerProblems())
	return found
}

// exchangeProblems looks at each exchange by itself.
func (e evidence) exchangeProblems() []string {
	var p problemList
	for i, x := range e.exchanges {
		switch {
		case i == 0:
			if x.GrantType != "authorization_code" || x.Issued != 1 {
				p.add("the first exchange is %+v, want the one that began the grant", x)
			}
			continue
		case x.GrantType != "refresh_token":
			p.add("exchange %d is a %s", i, x.GrantType)
			continue
		case x.Generation == 0:
			p.add("exchange %d presents a refresh token that was never issued", i)
			continue
		case x.Status != 200 || x.Issued != x.Generation+1:
			p.add("exchange %d of generation %d was answered %d %q", i, x.Generation, x.Status, x.Code)
		}
		if x.InFlight != 1 {
			p.add("exchange %d of generation %d was one of %d at the same time", i, x.Generation, x.InFlight)
		}
		if left := e.remaining(x); left > early+storedPrecision {
			p.add("generation %d was exchanged when its access token had %v left, want at most %v", x.Generation, left, early)
		}
	}
	return p
}

// generationProblems looks at how often each refresh token was presented: once,
// and the last one never.
func (e evidence) generationProblems() []string {
	var p problemList
	presented := map[int]int{}
	for _, x := range e.exchanges {
		presented[x.Generation]++
	}
	for g := 1; g < e.generations(); g++ {
		if presented[g] != 1 {
			p.add("the refresh token of generation %d was presented %d times", g, presented[g])
		}
	}
	if n := presented[e.generations()]; n != 0 {
		p.add("the last refresh token was presented %d times and gave nothing", n)
	}
	// A token is replaced before it expires when somebody always asks. Less than
	// that, with room for a busy machine, means that nothing was tested.
	if least := int(e.duration / (authserver.AccessTokenLife + time.Second)); e.generations() < least {
		p.add("only %d generations in %v, want at least %d", e.generations(), e.duration, least)
	}
	return p
}

// tokenProblems compares what callers were told about tokens with what the
// server knows.
func (e evidence) tokenProblems() []string {
	var p problemList
	least := authserver.AccessTokenLife
	for _, r := range e.reports {
		for hash, expires := range r.Seen {
			token, ok := e.tokens[hash]
			switch {
			case !ok:
				p.add("a caller got a token that was never issued")
			case expires.After(token.Expires):
				p.add("callers were told that generation %d expires %v later than it does", token.Generation, expires.Sub(token.Expires))
			default:
				least = min(least, token.Expires.Sub(expires))
			}
		}
		for _, f := range r.Refusals {
			token := e.tokens[f.Token]
			switch {
			case !f.Received.Before(token.Expires):
				p.add("a caller got generation %d when it had been expired for %v", token.Generation, f.Received.Sub(token.Expires))
			case f.Answered.Before(token.Expires):
				p.add("generation %d was refused %v before it expires", token.Generation, token.Expires.Sub(f.Answered))
			}
		}
	}
	if least > onTheWay {
		p.add("callers were told of every token that it expires %v earlier than it does, or more", least)
	}
	return p
}

// callerProblems looks at what the processes say of themselves.
func (e evidence) callerProblems() []string {
	var p problemList
	refreshed := 0
	for i, r := range e.reports {
		refreshed += r.Refreshed
		if r.Calls == 0 || r.Checks == 0 {
			p.add("process %d made %d calls and %d checks", i, r.Calls, r.Checks)
		}
		if r.Failed != 0 {
			p.add("process %d: %d calls failed, first with:\n\t%s", i, r.Failed, strings.Join(r.Errors, "\n\t"))
		}
		if r.Expired != 0 {
			p.add("process %d: callers got an expired token %d times, the worst %v late", i, r.Expired, -r.Least)
		}
		if len(r.Events) != 0 {
			p.add("process %d had events %v", i, r.Events)
		}
		if r.Leak {
			p.add("process %d had goroutines left after Close", i)
		}
	}
	if want := len(e.exchanges) - 1; refreshed != want {
		p.add("the processes count %d refreshes, the referee %d", refreshed, want)
	}
	return p
}

// generations is how many token pairs the server has issued.
func (e evidence) generations() int {
	most := 0
	for _, x := range e.exchanges {
		most = max(most, x.Issued)
	}
	return most
}

// remaining is what the access token had left to live, by what Tieline knew, when
// the request to replace it arrived at the server. Tieline counts a token's life
// from before it asked for it, since the answer does not say from when, and
// that is earlier than the server does by the way of the request. So with this
// there is nothing to allow for: no request can arrive before it was decided
// on. The clock is the same one.
//
// A token that no caller has seen is taken by the server's clock, which can
// only be stricter.
func (e evidence) remaining(x authserver.Exchange) time.Duration {
	known, ok := e.known()[x.Generation]
	if !ok {
		return x.Remaining
	}
	return known.Sub(x.At)
}

// known is when callers were told that a generation expires, the latest of what
// was said.
func (e evidence) known() map[int]time.Time {
	out := map[int]time.Time{}
	for _, r := range e.reports {
		for hash, expires := range r.Seen {
			if g := e.tokens[hash].Generation; expires.After(out[g]) {
				out[g] = expires
			}
		}
	}
	return out
}

// problemList is the problems found so far.
type problemList []string

func (p *problemList) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }
