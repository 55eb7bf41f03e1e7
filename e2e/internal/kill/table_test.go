package kill

import (
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/e2e/internal/database"
)

func tableConfig() Config {
	c := Default("kills", database.Address{SQLite: "x"}, 10*time.Second)
	c.Connections = 2
	c.Faults = Faults{Kill: time.Second}
	return c
}

func TestRows(t *testing.T) {
	t.Parallel()
	s := lostBy(func(s *story) {
		s.Kills = []Fault{span(1, 3010, 3011), span(9, 1, 2)}
		s.Calls, s.Errors = 7, map[string]int{"b": 2, "a": 1}
	})
	rows := strings.Split(Rows(tableConfig(), s.History, Judge(s.History, testRules())), "\n")
	want := []string{
		"| kills | SQLite | strict | 2 | 0 | 0 | 0 | 3 | 4 | 0 | 1 | 0 | 0 | **0** | 0.500 | 7 | a 1, b 2 |",
		"| kills | SQLite | grace 8s | 2 | 0 | 0 | 0 | 2 | 2 | 0 | 0 | 0 | 0 | **0** | 0.000 | 7 | a 1, b 2 |",
	}
	for i, w := range want {
		if rows[i] != w {
			t.Errorf("got\n%s\nwant\n%s", rows[i], w)
		}
		if strings.Count(w, "|") != strings.Count(strings.Split(Header, "\n")[0], "|") {
			t.Error("the header has other columns")
		}
	}
}

// Strict grants were exchanged three times in ten seconds by six processes, and
// twice it took 30 ms until the token was stored.
func TestExpected(t *testing.T) {
	t.Parallel()
	s := lostBy(func(*story) {})
	if got, want := expected(tableConfig(), s.History), 0.060/10/6; got < want*0.999 || got > want*1.001 {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	s := goodStory()
	s.Calls, s.Kills = 1, []Fault{span(9, 1, 2)}
	if found := Missing(tableConfig(), s.History); len(found) != 0 {
		t.Errorf("misses %q", found)
	}
	for want, spoil := range map[string]func(*story){
		"no kill":  func(s *story) { s.Kills = nil },
		"0 calls":  func(s *story) { s.Calls = 0 },
		"no load":  func(s *story) { s.Exchanges = nil },
		"0 tokens": func(s *story) { s.Sightings = nil },
	} {
		bad := *s
		spoil(&bad)
		if found := strings.Join(Missing(tableConfig(), bad.History), "\n"); !strings.Contains(found, want) {
			t.Errorf("does not miss %q, but %q", want, found)
		}
	}
}

func TestTrail(t *testing.T) {
	t.Parallel()
	s := lostBy(func(s *story) { s.Kills = []Fault{span(1, 3010, 3011), span(9, 3010, 3011)} })
	got := Trail(s.History, strictConn)
	if strings.Contains(got, "process 9") || strings.Contains(got, graceConn) {
		t.Errorf("it speaks of others:\n%s", got)
	}
	rest := got
	for _, want := range []string{
		"is given up with \"lost_rotation\"", "process 1 presents grant 1, generation 1: rotated", "process 1 has stored",
		"process 2 returns grant 1, generation 2", "process 1 presents grant 1, generation 3: rotated", "process 1 is killed",
		"process 2 presents grant 1, generation 3: reused",
	} {
		_, after, ok := strings.Cut(rest, want)
		if !ok {
			t.Fatalf("no %q in its place in\n%s", want, got)
		}
		rest = after
	}
}
