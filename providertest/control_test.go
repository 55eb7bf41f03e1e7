package providertest

import (
	"fmt"
	"testing"
	"time"
)

func TestExpireAccessTokens(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	one := a.connect()
	appToken := a.mustTokens(a.post("/token", "grant_type", "client_credentials")).access
	a.s.ExpireAccessTokens()
	equal(t, "status", a.me(one.access).status, 401)
	equal(t, "access token live", a.s.IsLive(one.access), false)
	equal(t, "app token live", a.s.IsLive(appToken), false)
	equal(t, "refresh token live", a.s.IsLive(one.refresh), true)
	equal(t, "status of a new one", a.me(a.mustTokens(a.refresh(one.refresh)).access).status, 200)
}

func TestRevokeByTheUser(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	one, two, three := a.connect(), a.connect(), a.connect()
	appToken := a.mustTokens(a.post("/token", "grant_type", "client_credentials")).access
	equal(t, "revoked", a.s.Revoke(2), true)
	equal(t, "revoked again", a.s.Revoke(2), false)
	equal(t, "live", fmt.Sprint(a.s.IsLive(one.refresh), a.s.IsLive(two.refresh), a.s.IsLive(three.refresh)), "true false true")
	a.mustFail(a.refresh(two.refresh), 400, "invalid_grant")
	equal(t, "status", a.me(two.access).status, 401)
	equal(t, "app token live", a.s.IsLive(appToken), true)
	a.s.RevokeAll()
	equal(t, "grants", len(a.s.Grants()), 0)
	for _, token := range []string{one.refresh, three.access, appToken} {
		equal(t, "live", a.s.IsLive(token), false)
	}
	equal(t, "FamiliesRevoked", a.s.Stats().FamiliesRevoked, 0)
}

func TestGrants(t *testing.T) {
	t.Parallel()
	c := newClock()
	a := inProcessApp(t, Options{Now: c.now, TokenLifetime: time.Hour})
	for i := range 12 {
		a.connect("login_hint", fmt.Sprint("user", i))
	}
	created := c.now()
	c.advance(time.Minute)
	list := a.s.Grants()
	next := a.mustTokens(a.refresh(list[4].RefreshToken))
	for i, g := range a.s.Grants() {
		equal(t, "ID", g.ID, i+1)
		equal(t, "user", g.User, fmt.Sprint("user", i))
	}
	want := Grant{ID: 5, User: "user4", Scope: "read write", CreatedAt: created, Generation: 2, Refreshes: 1,
		AccessToken: next.access, RefreshToken: next.refresh, ExpiresAt: c.now().Add(time.Hour)}
	for _, token := range []string{next.access, next.refresh, list[4].AccessToken, list[4].RefreshToken} {
		g, ok := a.s.GrantOf(token)
		equal(t, "found", ok, true)
		equal(t, "grant", g, want)
	}
	appToken := a.mustTokens(a.post("/token", "grant_type", "client_credentials")).access
	a.s.Revoke(5)
	for _, token := range []string{next.access, appToken, "unknown"} {
		_, ok := a.s.GrantOf(token)
		equal(t, "found", ok, false)
	}
}

func TestStatsIsACopy(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{TokenLifetime: time.Hour})
	a.mustTokens(a.refresh(a.connect().refresh))
	a.refresh("x")
	before := a.s.Stats()
	clear(before.Requests)
	clear(before.Errors)
	clear(before.ByGeneration)
	before.EarlyRefreshes[0].Grant = 99
	after := a.s.Stats()
	equal(t, "Requests", after.Requests[Refresh], 2)
	equal(t, "Errors", after.Errors["invalid_grant"], 1)
	equal(t, "ByGeneration", after.ByGeneration[1], 1)
	equal(t, "EarlyRefreshes", after.EarlyRefreshes[0].Grant, 1)
}

// A long run takes no more memory than Options.Remember allows.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	const limit = 8
	a := inProcessApp(t, Options{Remember: limit})
	first := a.connect()
	newest := first
	for range 5 * limit {
		newest = a.mustTokens(a.refresh(newest.refresh))
		a.connect()
		a.s.Revoke(len(a.s.Grants()) + a.s.Stats().Exchanges - 2)
		a.mustTokens(a.post("/token", "grant_type", "client_credentials"))
		a.code() // never exchanged
	}
	a.s.mu.Lock()
	live := len(a.s.grants)
	for what, n := range map[string]int{
		"codes": len(a.s.codes), "access tokens": len(a.s.access) - limit - live, "refresh tokens": len(a.s.refresh) - live,
	} {
		if n > limit {
			t.Errorf("%d %s are remembered, limit %d", n, what, limit)
		}
	}
	ancestors := 0
	for r := a.s.refresh[hashOf(newest.refresh)].parent; r != nil; r = r.parent {
		ancestors++
	}
	equal(t, "ancestors kept by the newest refresh token", ancestors, 1)
	a.s.mu.Unlock()
	a.mustFail(a.refresh(first.refresh), 400, "invalid_grant")
	equal(t, "reuse of a forgotten token is not seen", a.s.Stats().ReusedRefreshTokens, 0)
	equal(t, "the current token is never forgotten", a.s.IsLive(newest.refresh), true)
	equal(t, "status", a.me(newest.access).status, 200)
}

func TestFIFO(t *testing.T) {
	t.Parallel()
	var f fifo
	var dropped []byte
	for i := range 8 {
		f.push(hash{byte(i)}, 3, func(h hash) { dropped = append(dropped, h[0]) })
	}
	equal(t, "dropped, the oldest first", fmt.Sprint(dropped), "[0 1 2 3 4]")
}

func TestEarlyRefreshesAreBounded(t *testing.T) {
	t.Parallel()
	s := NewInProcess(Options{})
	g := &grant{id: 1, access: &accessToken{}}
	g.access.expiresAt = time.Unix(100, 0)
	for i := range 2*maxEarlyRefreshes + 1 {
		g.generation = i
		s.noteAccepted(g, time.Unix(int64(min(i, 99)), 0), false)
		if n := len(s.stats.EarlyRefreshes); n > maxEarlyRefreshes {
			t.Fatalf("%d are kept", n)
		}
	}
	list := s.Stats().EarlyRefreshes
	equal(t, "latest", list[len(list)-1].Generation, 2*maxEarlyRefreshes)
	equal(t, "MaxRemaining", s.Stats().MaxRemaining, 100*time.Second)
}
