package kill

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// at is a moment of a made-up history, in milliseconds.
func at(ms int) time.Time {
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(ms) * time.Millisecond)
}

func span(process, begin, end int) Fault {
	return Fault{Process: process, Begin: at(begin), End: at(end)}
}

func testRules() Rules {
	return Rules{SendWithin: 150 * time.Millisecond, Exchange: time.Second, TakeOver: 2 * time.Second, Save: 500 * time.Millisecond, Grace: 8 * time.Second, Late: time.Second}
}

const strictConn, graceConn = "strict-0", "grace-0"

// story makes up histories.
type story struct{ History }

// uses lets a process present a generation of the connection's first grant, which
// arrives at a time and is answered 20 ms later.
func (s *story) uses(process int, conn string, gen, ms int, outcome Outcome, issued int) {
	s.Exchanges = append(s.Exchanges, Exchange{
		Provider: integrationOf(conn), Process: process, Presented: Token{conn, 1, gen}, Issued: issued, Outcome: outcome,
		Arrived: at(ms), Committed: at(ms + 10), Answered: at(ms + 20),
	})
}

// rotates is the ordinary case: the answer is stored 10 ms after it came.
func (s *story) rotates(process int, conn string, gen, ms int) {
	s.uses(process, conn, gen, ms, Rotated, gen+1)
	s.acks(process, conn, ms+30)
}

func (s *story) acks(process int, conn string, ms int) {
	s.Acks = append(s.Acks, Ack{Process: process, Conn: conn, At: at(ms)})
}

func (s *story) sees(process int, conn string, gen, ms int) {
	s.Sightings = append(s.Sightings, Sighting{Process: process, Token: Token{conn, 1, gen}, Called: at(ms)})
}

// ends says what is left of a connection of one grant: the generation that is
// stored, 0 for none, and the one that is live.
func (s *story) ends(conn string, stored, live int) {
	s.Finals = append(s.Finals, Final{
		Provider: integrationOf(conn), Conn: conn, Reauth: stored == 0, Token: Token{conn, 1, stored}, Live: Token{conn, 1, live},
	})
}

func (s *story) dies(conn, code string) {
	s.Deaths = append(s.Deaths, Death{Provider: integrationOf(conn), Conn: conn, Grant: 1, Code: code})
	s.ends(conn, 0, 0)
}

// goodStory is of two connections at work in two processes.
func goodStory() *story {
	s := &story{}
	for _, conn := range []string{strictConn, graceConn} {
		s.Acks = append(s.Acks, Ack{Conn: conn, At: at(0), Grant: 1})
		s.rotates(1, conn, 1, 1000)
		s.sees(2, conn, 2, 1500)
		s.rotates(2, conn, 2, 2000)
		s.sees(1, conn, 3, 2031)
	}
	return s
}

// lostBy is the story of a strict grant: process 1 uses generation 3 and does
// not store what it gets, process 2 uses it again.
func lostBy(faults func(*story)) *story {
	s := goodStory()
	s.ends(graceConn, 3, 3)
	s.uses(1, strictConn, 3, 3000, Rotated, 4)
	s.uses(2, strictConn, 3, 4600, Reused, 0)
	s.dies(strictConn, "lost_rotation")
	faults(s)
	return s
}

func TestJudgeCauses(t *testing.T) {
	t.Parallel()
	for _, tt := range causes() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := Judge(lostBy(tt.faults).History, testRules())
			if len(v.Repeats) != 1 || v.Lost(Strict)[tt.want] != 1 || v.Lost(Forgiving)[tt.want] != 0 {
				t.Errorf("got %v, want one by %q", v.Lost(Strict), tt.want)
			}
			if found := len(v.Problems) != 0; found != (tt.want == Unexcused) {
				t.Errorf("problems: %q", v.Problems)
			}
		})
	}
}

// causeCase is what happened beside the loss, and what the judge is to say.
type causeCase struct {
	name   string
	faults func(*story)
	want   Cause
}

func causes() []causeCase {
	return []causeCase{
		{"killed before the answer was read", func(s *story) { s.Kills = []Fault{span(1, 3005, 3006)} }, ByKill},
		{"killed when the request was on its way", func(s *story) { s.Kills = []Fault{span(1, 2950, 2951)} }, ByKill},
		{"killed while saving", func(s *story) { s.Kills = []Fault{span(1, 3500, 3501)} }, ByKill},
		{"killed while saving in an outage", func(s *story) {
			s.Outages, s.Kills = []Fault{span(0, 3010, 4400)}, []Fault{span(1, 4300, 4301)}
		}, ByKill},
		{"stopped with the answer in hand", func(s *story) { s.Pauses = []Fault{span(1, 3010, 6000)} }, ByPause},
		{"stopped between look and request", func(s *story) { s.Pauses = []Fault{span(2, 2000, 4550)} }, ByPause},
		{"the machine held up the answer", func(s *story) { s.Stalls = []Fault{span(0, 3010, 3200)} }, ByStall},
		{"the machine held up the request", func(s *story) { s.Stalls = []Fault{span(1, 2100, 2300)} }, ByStall},
		{"the machine held up the save", func(s *story) {
			s.acks(1, strictConn, 4700)
			s.Stalls = []Fault{span(1, 3400, 4600)}
		}, ByStall},
		{"the machine held up the second", func(s *story) {
			s.acks(1, strictConn, 3030)
			s.Stalls = []Fault{span(2, 3000, 4500)}
		}, ByStall},
		{"the machine held up who is not concerned", func(s *story) { s.Stalls = []Fault{span(2, 3010, 3200), span(3, 3010, 6000)} }, Unexcused},
		{"the machine held up long before", func(s *story) { s.Stalls = []Fault{span(0, 1000, 1990)} }, Unexcused},
		{"the machine held up what others had", func(s *story) {
			s.sees(3, strictConn, 4, 3100)
			s.Stalls = []Fault{span(1, 3010, 3200)}
		}, Unexcused},
		{"the machine held up nothing that matters", func(s *story) {
			s.acks(1, strictConn, 3030)
			s.Stalls = []Fault{span(1, 3010, 3200), span(2, 4400, 4590)}
		}, Unexcused},
		{"nothing happened", func(*story) {}, Unexcused},
		{"killed too early", func(s *story) { s.Kills = []Fault{span(1, 2800, 2801)} }, Unexcused},
		{"killed too late", func(s *story) { s.Kills = []Fault{span(1, 3600, 3601)} }, Unexcused},
		{"somebody else was killed", func(s *story) { s.Kills = []Fault{span(2, 3010, 3011), span(3, 3010, 3011)} }, Unexcused},
		{"killed when it was stored", func(s *story) {
			s.acks(1, strictConn, 3030)
			s.Kills = []Fault{span(1, 3040, 3041)}
		}, Unexcused},
		{"killed when others had it", func(s *story) {
			s.sees(3, strictConn, 4, 3100)
			s.Kills = []Fault{span(1, 3040, 3041)}
		}, Unexcused},
		{"stopped when it was stored", func(s *story) {
			s.acks(1, strictConn, 3030)
			s.Pauses = []Fault{span(1, 3040, 6000)}
		}, Unexcused},
		{"stopped long before", func(s *story) { s.Pauses = []Fault{span(2, 1000, 4400), span(1, 1000, 2800)} }, Unexcused},
		{"the database was away", func(s *story) { s.Outages = []Fault{span(0, 3010, 4590)} }, Unexcused},
	}
}

// A judge that finds nothing has to have looked.
func TestJudge(t *testing.T) {
	t.Parallel()
	good := goodStory()
	good.ends(strictConn, 3, 3)
	good.ends(graceConn, 3, 3)
	if v := Judge(good.History, testRules()); len(v.Problems) != 0 || len(v.Repeats) != 0 {
		t.Fatalf("finds fault with what is good: %+v", v)
	}
	killed := func(s *story) { s.Kills = []Fault{span(1, 3010, 3011)} }
	for want, spoil := range map[string]func() *story{
		"was never issued":                       with(func(s *story) { s.uses(1, strictConn, 9, 3000, Unknown, 0) }),
		"was refused as used":                    with(func(s *story) { s.uses(1, strictConn, 3, 3000, Reused, 0) }),
		"that it was never given":                with(func(s *story) { s.acks(7, strictConn, 3000) }),
		"process 1 got grant 1, generat":         with(func(s *story) { s.sees(1, strictConn, 2, 2031) }),
		"ends with grant 1, generation 2, after": with(func(s *story) { s.Finals[0].Token.Gen, s.Finals[0].Live.Gen = 2, 2 }),
		"passes for alive":                       with(func(s *story) { s.Finals[0].Live.Gen = 0 }),
		"although its grant is alive":            with(func(s *story) { s.Finals[0].Reauth = true }),
		"generation 4 is live":                   with(func(s *story) { s.Finals[0].Live.Gen = 4 }),
		"was given up with \"invalid_grant\" while": with(func(s *story) {
			s.Deaths = []Death{{Provider: Strict, Conn: strictConn, Grant: 1, Code: "invalid_grant"}}
		}),
		"after an orderly end":  with(func(s *story) { s.Unsaved = []string{"strict/strict-0"} }),
		"ended by itself":       with(func(s *story) { s.Crashes = []string{"exit status 2"} }),
		"database is damaged":   with(func(s *story) { s.Unsound = "row 1 missing" }),
		"been expired for 1.2s": with(func(s *story) { s.Expired = []Expired{{1, at(3000), 1200 * time.Millisecond}} }),
		"by a kill and says \"invalid_grant\"": func() *story {
			s := lostBy(killed)
			s.Deaths[0].Code = "invalid_grant"
			return s
		},
		"died and nobody noticed": func() *story {
			s := lostBy(killed)
			s.Deaths = nil
			return s
		},
		"nothing explains that generation 3 of grace-0": func() *story { return forgiven(4600, Again, func(*story) {}) },
		"although its provider forgives for 8s":         func() *story { return forgiven(10900, Reused, killed) },
	} {
		v := Judge(spoil().History, testRules())
		if found := strings.Join(v.Problems, "\n"); !strings.Contains(found, want) {
			t.Errorf("does not find %q in what it should, but %q", want, found)
		}
	}
}

// with is the good story with something added.
func with(add func(*story)) func() *story {
	return func() *story {
		s := goodStory()
		s.ends(strictConn, 3, 3)
		s.ends(graceConn, 3, 3)
		add(s)
		return s
	}
}

// forgiven is the story of a token that is used twice where that is forgiven.
func forgiven(ms int, outcome Outcome, faults func(*story)) *story {
	s := goodStory()
	s.ends(strictConn, 3, 3)
	s.uses(1, graceConn, 3, 3000, Rotated, 4)
	if outcome == Again {
		s.uses(2, graceConn, 3, ms, Again, 5)
		s.acks(2, graceConn, ms+30)
		s.ends(graceConn, 5, 5)
	} else {
		s.uses(2, graceConn, 3, ms, Reused, 0)
		s.dies(graceConn, "lost_rotation")
	}
	faults(s)
	return s
}

// What is forgiven is no loss, and after the grace period a loss by a kill is one
// that has to be.
func TestJudgeGrace(t *testing.T) {
	t.Parallel()
	killed := func(s *story) { s.Kills = []Fault{span(1, 3010, 3011)} }
	v := Judge(forgiven(4600, Again, killed).History, testRules())
	if v.Forgiven(Forgiving) != 1 || len(v.Lost(Forgiving)) != 0 || len(v.Problems) != 0 {
		t.Errorf("forgiven: %+v", v)
	}
	v = Judge(forgiven(11100, Reused, killed).History, testRules())
	if v.Lost(Forgiving)[ByKill] != 1 || len(v.Problems) != 0 {
		t.Errorf("too late: %+v", v)
	}
}

// Of two tokens that were issued for the same one, the first is used up by the
// second. Here process 1 stores the first when process 2 has asked again, and
// process 2 is killed before it stores the second.
func TestJudgeSiblings(t *testing.T) {
	t.Parallel()
	s := goodStory()
	s.ends(strictConn, 3, 3)
	s.uses(1, graceConn, 3, 3000, Rotated, 4)
	s.Pauses = []Fault{span(1, 3005, 5500)}
	s.uses(2, graceConn, 3, 5490, Again, 5)
	s.acks(1, graceConn, 5505)
	s.Kills = []Fault{span(2, 5505, 5506)}
	s.uses(3, graceConn, 4, 7000, Reused, 0)
	s.dies(graceConn, "lost_rotation")
	v := Judge(s.History, testRules())
	if len(v.Repeats) != 2 || v.Lost(Forgiving)[ByKill] != 1 || len(v.Problems) != 0 {
		t.Errorf("got %+v", v)
	}
}

// A token that is on its way to a caller while the process is stopped is late by
// nobody's fault, and so is one that a busy machine delays.
func TestJudgeLate(t *testing.T) {
	t.Parallel()
	s := with(func(s *story) {
		s.Pauses = []Fault{span(1, 2500, 5500)}
		s.Expired = []Expired{{1, at(5501), 3 * time.Second}, {2, at(5501), 900 * time.Millisecond}}
	})()
	if v := Judge(s.History, testRules()); len(v.Problems) != 0 {
		t.Errorf("finds fault: %q", v.Problems)
	}
}

// A connection that got a new grant goes on with that, and whoever still sees the
// old one after that is wrong.
func TestJudgeReconnect(t *testing.T) {
	t.Parallel()
	s := lostBy(func(s *story) { s.Kills = []Fault{span(1, 3010, 3011)} })
	s.Acks = append(s.Acks, Ack{Conn: strictConn, At: at(5000), Grant: 2})
	s.Finals[1] = Final{Provider: Strict, Conn: strictConn, Token: Token{strictConn, 2, 1}, Live: Token{strictConn, 2, 1}}
	if v := Judge(s.History, testRules()); len(v.Problems) != 0 {
		t.Errorf("finds fault: %q", v.Problems)
	}
	s.sees(2, strictConn, 3, 5001)
	if v := Judge(s.History, testRules()); len(v.Problems) != 1 || !strings.Contains(fmt.Sprint(v.Problems), "after grant 2, generation 1") {
		t.Errorf("got %q", v.Problems)
	}
}
