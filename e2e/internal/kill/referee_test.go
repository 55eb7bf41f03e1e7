package kill

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// present lets a process use a refresh token.
func present(r *Referee, process int, provider, token string) (Exchange, pair) {
	x := Exchange{Provider: provider, Process: process, Arrived: now()}
	p := r.exchange(&x, token)
	return x, p
}

// quiet is a referee without a server.
func quiet() *Referee {
	return &Referee{
		lifetime: 2 * time.Second, grace: 8 * time.Second, died: make(chan string, 10),
		issued: map[string]Token{}, access: map[string]Token{}, grants: map[string]*grant{},
	}
}

func TestRefereeStrict(t *testing.T) {
	t.Parallel()
	r := quiet()
	_, first := r.open(Strict, strictConn)
	x, second := present(r, 1, Strict, first.RefreshToken)
	if x.Outcome != Rotated || x.Presented != (Token{strictConn, 1, 1}) || x.issued() != r.live(strictConn) {
		t.Errorf("the first use: %+v", x)
	}
	if x, p := present(r, 2, Strict, first.RefreshToken); x.Outcome != Reused || p.AccessToken != "" {
		t.Errorf("the second use: %+v", x)
	}
	if x, _ := present(r, 1, Strict, second.RefreshToken); x.Outcome != Dead {
		t.Errorf("the next one, after that: %+v", x)
	}
	if conn := <-r.died; conn != strictConn || r.live(conn).Gen != 0 {
		t.Errorf("%s died, live is %+v", conn, r.live(conn))
	}
	if x, _ := present(r, 1, Strict, "rt-none"); x.Outcome != Unknown {
		t.Errorf("a token of nobody's: %+v", x)
	}
	if book := r.exchanges(); len(book) != 4 || book[0].Process != 1 || book[1].Process != 2 {
		t.Errorf("the book: %+v", book)
	}
	_, third := r.open(Strict, strictConn)
	if x, _ := present(r, 1, Strict, first.RefreshToken); x.Outcome != Dead || r.live(strictConn) != (Token{strictConn, 2, 1}) {
		t.Errorf("a token of the old grant, when there is a new one: %+v", x)
	}
	if x, _ := present(r, 1, Strict, third.RefreshToken); x.Outcome != Rotated || x.Presented.Grant != 2 {
		t.Errorf("the first use of the next grant: %+v", x)
	}
}

func TestRefereeForgiving(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := quiet()
		_, first := r.open(Forgiving, graceConn)
		_, lost := present(r, 1, Forgiving, first.RefreshToken)
		time.Sleep(r.grace - time.Millisecond)
		x, kept := present(r, 2, Forgiving, first.RefreshToken)
		if x.Outcome != Again || x.Issued != 3 {
			t.Errorf("the second use: %+v", x)
		}
		time.Sleep(time.Millisecond) // and the period begins with the first
		_, other := r.open(Forgiving, "grace-1")
		_, _ = present(r, 1, Forgiving, other.RefreshToken)
		if x, _ := present(r, 1, Forgiving, first.RefreshToken); x.Outcome != Reused {
			t.Errorf("after the grace period: %+v", x)
		}
		if x, _ := present(r, 2, Forgiving, kept.RefreshToken); x.Outcome != Dead {
			t.Errorf("what is left: %+v", x)
		}
		if x, _ := present(r, 1, Forgiving, other.RefreshToken); x.Outcome != Again {
			t.Errorf("another connection: %+v", x)
		}
		_ = lost
	})
}

// What was issued first for a token that was used again is spent, and a token
// before the previous one is not forgiven.
func TestRefereeForgivesThePreviousOnly(t *testing.T) {
	t.Parallel()
	for _, replaced := range []bool{true, false} {
		r := quiet()
		_, first := r.open(Forgiving, graceConn)
		_, second := present(r, 1, Forgiving, first.RefreshToken)
		old := first.RefreshToken
		if replaced {
			_, _ = present(r, 2, Forgiving, first.RefreshToken)
			old = second.RefreshToken
		} else {
			_, _ = present(r, 2, Forgiving, second.RefreshToken)
		}
		if x, _ := present(r, 1, Forgiving, old); x.Outcome != Reused {
			t.Errorf("replaced %v: %+v", replaced, x)
		}
	}
}

func TestRefereeServes(t *testing.T) {
	t.Parallel()
	r, err := newReferee(1500*time.Millisecond, 8*time.Second, time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	_, first := r.open(Strict, strictConn)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, want := range []int{http.StatusOK, http.StatusBadRequest} {
		resp, err := client.PostForm(r.URL+"/17/strict/token", url.Values{"refresh_token": {first.RefreshToken}})
		if err != nil {
			t.Fatal(err)
		}
		var p pair
		if err := json.NewDecoder(resp.Body).Decode(&p); err != nil || resp.StatusCode != want {
			t.Errorf("answered %d, %v, want %d", resp.StatusCode, err, want)
		}
		resp.Body.Close()
		if want != http.StatusOK {
			continue
		}
		if seen, ok := r.seen(hash(p.AccessToken)); !ok || seen != r.live(strictConn) || p.ExpiresIn != 1.5 {
			t.Errorf("answered %+v", p)
		}
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
	x := r.exchanges()[0]
	if x.Process != 17 || x.Provider != Strict || !x.Arrived.Before(x.Committed) || !x.Committed.Before(x.Answered) {
		t.Errorf("the book: %+v", x)
	}
}
