package providertest

import (
	"net/http"
	"sync"
	"testing"
	"time"
)

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		one := a.connect()
		two := a.mustTokens(a.refresh(one.refresh))
		if two.refresh == "" || two.refresh == one.refresh || two.access == one.access {
			t.Errorf("not rotated: %v after %v", two, one)
		}
		equal(t, "old access token live", a.s.IsLive(one.access), true)
		equal(t, "old refresh token live", a.s.IsLive(one.refresh), false)
		g := a.s.Grants()[0]
		equal(t, "generation", g.Generation, 2)
		equal(t, "newest refresh token", g.RefreshToken, two.refresh)
		equal(t, "generation the API sees", a.me(two.access).json["generation"], any(2.0))
		equal(t, "Refreshes", a.s.Stats().Refreshes, 1)
	})
}

func TestRotationHabits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		o    Options
		want [3]string // of three refreshes in a row: what happens to the refresh token
	}{
		{"always", Options{Rotation: RotationAlways}, [3]string{"new", "new", "new"}},
		{"optional", Options{Rotation: RotationOptional}, [3]string{"absent", "new", "absent"}},
		{"optional, repeated", Options{Rotation: RotationOptional, RepeatRefreshToken: true}, [3]string{"same", "new", "same"}},
		{"none", Options{Rotation: RotationNone}, [3]string{"absent", "absent", "absent"}},
		{"none, repeated", Options{Rotation: RotationNone, RepeatRefreshToken: true}, [3]string{"same", "same", "same"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := inProcessApp(t, tt.o)
			token := a.connect().refresh
			for i, want := range tt.want {
				got := a.mustTokens(a.refresh(token)).refresh
				switch got {
				case "":
					equal(t, "refresh", "absent", want)
				case token:
					equal(t, "refresh", "same", want)
				default:
					equal(t, "refresh", "new", want)
					token = got
				}
				equal(t, "generation", a.s.Grants()[0].Generation, i+2)
				equal(t, "current", a.s.Grants()[0].RefreshToken, token)
			}
			equal(t, "MaxPerGeneration", a.s.Stats().MaxPerGeneration, 1)
		})
	}
}

func TestReuse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		reuse                     Reuse
		accepted, familyLives     bool
		familiesRevoked, rejected int
	}{
		{ReuseRevokeFamily, false, false, 1, 1},
		{ReuseReject, false, true, 0, 1},
		{ReuseIgnore, true, true, 0, 0},
	} {
		t.Run(string(tt.reuse), func(t *testing.T) {
			t.Parallel()
			a := inProcessApp(t, Options{Reuse: tt.reuse})
			one := a.connect()
			two := a.mustTokens(a.refresh(one.refresh))
			again := a.refresh(one.refresh)
			if tt.accepted {
				a.mustTokens(again)
			} else {
				a.mustFail(again, 400, "invalid_grant")
			}
			equal(t, "newer refresh token live", a.s.IsLive(two.refresh), tt.familyLives)
			equal(t, "newer access token live", a.s.IsLive(two.access), tt.familyLives)
			st := a.s.Stats()
			equal(t, "ReusedRefreshTokens", st.ReusedRefreshTokens, 1)
			equal(t, "FamiliesRevoked", st.FamiliesRevoked, tt.familiesRevoked)
			equal(t, "RefreshRejected", st.RefreshRejected, tt.rejected)
			equal(t, "MaxPerGeneration", st.MaxPerGeneration, 2)
			equal(t, "ByGeneration[1]", st.ByGeneration[1], 2)
		})
	}
}

func TestReuseRevokesOnlyItsFamily(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	one, other := a.connect(), a.connect()
	a.mustTokens(a.refresh(one.refresh))
	a.mustFail(a.refresh(one.refresh), 400, "invalid_grant")
	a.mustFail(a.refresh(one.refresh), 400, "invalid_grant") // twice does not count twice
	equal(t, "FamiliesRevoked", a.s.Stats().FamiliesRevoked, 1)
	equal(t, "grants", len(a.s.Grants()), 1)
	a.mustTokens(a.refresh(other.refresh))
}

// Of many refreshes with one token at a time, a strict provider answers one with
// tokens, and the rest cost the grant.
func TestConcurrentRefreshes(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		token := a.connect().refresh
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 20 {
			r := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token)
			wg.Go(func() {
				if a.do(r).status == http.StatusOK {
					mu.Lock()
					defer mu.Unlock()
					won++
				}
			})
		}
		wg.Wait()
		equal(t, "won", won, 1)
		equal(t, "MaxPerGeneration", a.s.Stats().MaxPerGeneration, 20)
		equal(t, "grants", len(a.s.Grants()), 0)
	})
}

func TestGraceSameAnswer(t *testing.T) {
	t.Parallel()
	c := newClock()
	a := inProcessApp(t, Options{Grace: time.Minute, TokenLifetime: time.Hour, Now: c.now})
	one := a.connect()
	two := a.mustTokens(a.refresh(one.refresh))
	c.advance(59*time.Second + 500*time.Millisecond)
	equal(t, "old refresh token live in the window", a.s.IsLive(one.refresh), true)
	r := a.refresh(one.refresh)
	equal(t, "answer", a.mustTokens(r), two)
	equal(t, "expires_in", r.json["expires_in"], any(3540.0))
	equal(t, "generation", a.s.Grants()[0].Generation, 2)
	st := a.s.Stats()
	equal(t, "Refreshes", st.Refreshes, 2)
	equal(t, "GraceRefreshes", st.GraceRefreshes, 1)
	equal(t, "ReusedRefreshTokens", st.ReusedRefreshTokens, 1)
	c.advance(500 * time.Millisecond)
	equal(t, "old refresh token live after the window", a.s.IsLive(one.refresh), false)
	a.mustFail(a.refresh(one.refresh), 400, "invalid_grant")
	equal(t, "FamiliesRevoked", a.s.Stats().FamiliesRevoked, 1)
}

func TestGraceNewPair(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{Grace: time.Minute, GraceAnswer: GraceNewPair})
	one := a.connect()
	two := a.mustTokens(a.refresh(one.refresh))
	three := a.mustTokens(a.refresh(one.refresh))
	if three.refresh == two.refresh || three.access == two.access {
		t.Error("the answer is no new pair")
	}
	for _, token := range []string{two.access, two.refresh, three.access, three.refresh} {
		equal(t, "live", a.s.IsLive(token), true)
	}
	a.mustTokens(a.refresh(two.refresh))
	a.mustTokens(a.refresh(three.refresh))
}

// The window opens with the first use, and further uses do not prolong it.
func TestGraceWindowIsNotProlonged(t *testing.T) {
	t.Parallel()
	c := newClock()
	a := inProcessApp(t, Options{Grace: time.Minute, GraceAnswer: GraceNewPair, Now: c.now})
	one := a.connect()
	a.mustTokens(a.refresh(one.refresh))
	c.advance(40 * time.Second)
	a.mustTokens(a.refresh(one.refresh))
	c.advance(40 * time.Second)
	a.mustFail(a.refresh(one.refresh), 400, "invalid_grant")
}

func TestGraceNewestPairOnly(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{Grace: time.Minute, GraceAnswer: GraceNewestPairOnly})
	one := a.connect()
	two := a.mustTokens(a.refresh(one.refresh))
	three := a.mustTokens(a.refresh(one.refresh))
	equal(t, "first pair's access token live", a.s.IsLive(two.access), false)
	equal(t, "first pair's refresh token live", a.s.IsLive(two.refresh), false)
	equal(t, "newest access token live", a.s.IsLive(three.access), true)
	equal(t, "newest refresh token live", a.s.IsLive(three.refresh), true)
	a.mustFail(a.refresh(two.refresh), 400, "invalid_grant") // and that is reuse
	equal(t, "grants", len(a.s.Grants()), 0)
}

// Once the client has shown that it holds the newer token, the older is dead.
func TestGraceEndsWithTheNextRefresh(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Rotation: RotationOptional}} {
		o.Grace, o.Reuse = time.Hour, ReuseReject
		a := inProcessApp(t, o)
		one := a.connect()
		if o.Rotation == RotationOptional {
			a.mustTokens(a.refresh(one.refresh)) // does not rotate
		}
		two := a.mustTokens(a.refresh(one.refresh))
		a.mustTokens(a.refresh(two.refresh))
		equal(t, "oldest live", a.s.IsLive(one.refresh), false)
		a.mustFail(a.refresh(one.refresh), 400, "invalid_grant")
	}
}

func TestOldAccessTokenDies(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{OldAccessToken: OldAccessTokenDies, Rotation: RotationNone})
	one := a.connect()
	two := a.mustTokens(a.refresh(one.refresh))
	equal(t, "old one live", a.s.IsLive(one.access), false)
	equal(t, "new one live", a.s.IsLive(two.access), true)
	three := a.mustTokens(a.refresh(one.refresh))
	equal(t, "second one live", a.s.IsLive(two.access), false)
	equal(t, "third one live", a.s.IsLive(three.access), true)
}

func TestRefreshErrors(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	token := a.connect().refresh
	a.mustFail(a.refresh("x"), 400, "invalid_grant")
	a.mustFail(a.refresh(token, "refresh_token", "-"), 400, "invalid_request")
	a.mustFail(a.refresh(token, "client_secret", "x"), 401, "invalid_client")
	a.mustFail(a.refresh(token, "scope", "read admin"), 400, "invalid_scope")
	equal(t, "RefreshRejected", a.s.Stats().RefreshRejected, 4)
	r := a.refresh(token, "scope", "read")
	equal(t, "scope", r.str("scope"), "read")
	equal(t, "scope at the API", a.me(r.str("access_token")).str("scope"), "read")
	// The grant keeps its scope (RFC 6749 section 6).
	equal(t, "scope of the next", a.refresh(r.str("refresh_token")).str("scope"), "read write")
}
