package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/e2e/internal/authserver"
)

// goodEvidence is of two processes and four generations, all as it should be:
// a token is asked for 5 ms before the server has made it, and replaced 20 ms
// after it is due.
func goodEvidence() evidence {
	const way, late = 5 * time.Millisecond, 20 * time.Millisecond
	e := evidence{duration: 5 * time.Second, tokens: map[string]authserver.Token{}}
	seen := map[string]time.Time{}
	asked := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for g := range 4 {
		made := asked.Add(way)
		x := authserver.Exchange{At: made, GrantType: "refresh_token", Generation: g, InFlight: 1, Status: 200, Issued: g + 1}
		if g == 0 {
			x.GrantType = "authorization_code"
		}
		e.exchanges = append(e.exchanges, x)
		hash := string(rune('a' + g))
		e.tokens[hash] = authserver.Token{Generation: g + 1, Expires: made.Add(authserver.AccessTokenLife)}
		seen[hash] = asked.Add(authserver.AccessTokenLife)
		asked = seen[hash].Add(late - early)
	}
	e.reports = []report{
		{Calls: 10, Checks: 5, Seen: seen, Least: early, Refreshed: 1},
		{Calls: 10, Checks: 5, Seen: map[string]time.Time{"a": seen["a"]}, Least: early, Refreshed: 2},
	}
	return e
}

// A judge that finds nothing has to have looked.
func TestJudge(t *testing.T) {
	t.Parallel()
	if found := goodEvidence().problems(); len(found) != 0 {
		t.Fatalf("finds fault with what is good: %q", found)
	}
	for want, spoil := range map[string]func(e *evidence){
		"want the one that began": func(e *evidence) { e.exchanges[0].GrantType = "refresh_token" },
		"is a client_credentials": func(e *evidence) { e.exchanges[2].GrantType = "client_credentials" },
		"never issued":            func(e *evidence) { e.exchanges[2].Generation = 0 },
		"answered 400":            func(e *evidence) { e.exchanges[2].Status, e.exchanges[2].Code = 400, "invalid_grant" },
		"one of 2":                func(e *evidence) { e.exchanges[2].InFlight = 2 },
		"1.000002s left":          func(e *evidence) { arriveWithLeft(e, early+2*time.Microsecond) },
		"1.5s left": func(e *evidence) {
			delete(e.reports[0].Seen, "b")
			e.exchanges[2].Remaining = 1500 * time.Millisecond
		},
		"generation 2 was presented 2 times":     func(e *evidence) { e.exchanges = append(e.exchanges, e.exchanges[2]) },
		"generation 2 was presented 0 times":     func(e *evidence) { e.exchanges[2].Generation = 1 },
		"last refresh token was presented":       func(e *evidence) { e.exchanges[3].Generation = 4 },
		"want at least 20":                       func(e *evidence) { e.duration = time.Minute },
		"token that was never issued":            func(e *evidence) { delete(e.tokens, "c") },
		"expires 1ms later than it does":         func(e *evidence) { tell(e, "b", time.Millisecond) },
		"every token that it expires 600ms":      func(e *evidence) { tellAll(e, -600*time.Millisecond) },
		"when it had been expired for 0s":        func(e *evidence) { refuse(e, 0, time.Second) },
		"was refused 1ms before it expires":      func(e *evidence) { refuse(e, -time.Second, -time.Millisecond) },
		"process 1 made 0 calls":                 func(e *evidence) { e.reports[1].Calls = 0 },
		"process 0: 1 calls failed, first with:": func(e *evidence) { e.reports[0].Failed = 1 },
		"got an expired token 3 times":           func(e *evidence) { e.reports[0].Expired = 3 },
		"process 1 had events":                   func(e *evidence) { e.reports[1].Events = map[string]int{"x": 1} },
		"goroutines left":                        func(e *evidence) { e.reports[1].Leak = true },
		"count 4 refreshes, the referee 3":       func(e *evidence) { e.reports[1].Refreshed++ },
	} {
		e := goodEvidence()
		spoil(&e)
		if found := strings.Join(e.problems(), "\n"); !strings.Contains(found, want) {
			t.Errorf("does not find %q in what it should, but %q", want, found)
		}
	}
}

// A token that expires on its way to the resource server is nobody's fault.
func TestJudgeOnTheWay(t *testing.T) {
	t.Parallel()
	e := goodEvidence()
	refuse(&e, -time.Millisecond, time.Millisecond)
	if found := e.problems(); len(found) != 0 {
		t.Errorf("finds fault: %q", found)
	}
}

// arriveWithLeft lets the exchange of generation 2 arrive when its access token
// has so much left by what Tieline knew.
func arriveWithLeft(e *evidence, left time.Duration) {
	e.exchanges[2].At = e.reports[0].Seen["b"].Add(-left)
}

// tell lets callers be told another expiry than the server's.
func tell(e *evidence, hash string, later time.Duration) {
	e.reports[0].Seen[hash] = e.tokens[hash].Expires.Add(later)
}

// tellAll lets callers be told another expiry of every token.
func tellAll(e *evidence, later time.Duration) {
	for hash := range e.tokens {
		tell(e, hash, later)
	}
	e.reports = e.reports[:1]
}

// refuse lets generation 2 be refused, received and answered so long after it
// has expired.
func refuse(e *evidence, received, answered time.Duration) {
	expires := e.tokens["b"].Expires
	e.reports[0].Refusals = []refusal{{Token: "b", Received: expires.Add(received), Answered: expires.Add(answered)}}
}
