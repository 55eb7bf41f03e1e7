package providertest

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"math"
	"time"
)

// state is what the provider remembers. Server.mu guards it.
//
// Secrets are looked up by their hash, so that the time a look-up takes tells
// nothing about them.
type state struct {
	redirects map[string]bool
	codes     map[hash]*code
	grants    map[int]*grant
	access    map[hash]*accessToken
	refresh   map[hash]*refreshToken

	// What may be forgotten, oldest first.
	oldCodes, oldAccess, oldRefresh, appTokens fifo

	lastGrant int
	faults    []*injected
	stats     Stats
	inRefresh int // refresh requests between arrival and answer
}

type hash = [sha256.Size]byte

func hashOf(secret string) hash { return sha256.Sum256([]byte(secret)) }

// same compares two secrets in constant time, whatever their lengths.
func same(a, b string) bool {
	x, y := hashOf(a), hashOf(b)
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// code is an authorization code.
type code struct {
	user, scope   string
	redirectURI   string
	redirectGiven bool // the authorization request named it, so the exchange must too
	challenge     string
	expiresAt     time.Time
	used          bool
	grant         *grant // what it was exchanged for
}

// grant is one consent: a family of tokens.
type grant struct {
	id          int
	user, scope string
	createdAt   time.Time
	revoked     bool

	generation int           // of the newest tokens, from 1
	refreshes  int           // accepted ones
	access     *accessToken  // the newest
	refresh    *refreshToken // the newest; nil without refresh tokens
	inRefresh  int           // refresh requests between arrival and answer
}

type accessToken struct {
	value      string
	grant      *grant // nil for client credentials
	generation int
	scope      string
	issuedAt   time.Time
	expiresAt  time.Time // zero: never
	dead       bool
}

type refreshToken struct {
	value      string
	grant      *grant
	generation int          // it was issued, or last refreshed without rotation, in this one
	uses       int          // refresh requests that presented it in this generation
	access     *accessToken // issued beside it
	parent     *refreshToken

	spentAt    time.Time // when it was first used; meaningful when spent
	spent      bool
	superseded bool          // replaced by the answer to a later grace refresh of its parent
	childUsed  bool          // a token issued for it has been used, which ends the grace
	child      *refreshToken // the newest token issued for it
}

// Forever is the remaining lifetime of an access token that does not expire.
const Forever time.Duration = math.MaxInt64

// lifetime is what is left of a at t: Forever when it does not expire, 0 when it is over.
func (a *accessToken) lifetime(t time.Time) time.Duration {
	switch {
	case a == nil || a.dead || (a.grant != nil && a.grant.revoked):
		return 0
	case a.expiresAt.IsZero():
		return Forever
	default:
		return max(0, a.expiresAt.Sub(t))
	}
}

// newGrant starts a family with its first tokens. The caller holds mu.
func (s *Server) newGrant(c *code, now time.Time) *grant {
	s.lastGrant++
	g := &grant{id: s.lastGrant, user: c.user, scope: c.scope, createdAt: now, generation: 1}
	s.grants[g.id] = g
	s.newAccess(g, g.scope, now)
	if !s.options.NoRefreshToken {
		s.newRefresh(g, nil)
	}
	return g
}

// newAccess issues the newest access token of g, or one for the app itself if g is nil.
func (s *Server) newAccess(g *grant, scope string, now time.Time) *accessToken {
	a := &accessToken{grant: g, scope: scope, issuedAt: now}
	if s.options.TokenLifetime > 0 {
		a.expiresAt = now.Add(s.options.TokenLifetime)
	}
	if g == nil {
		a.value = "acme-app-" + rand.Text()
		s.appTokens.push(hashOf(a.value), s.options.Remember, s.dropAccess)
	} else {
		a.value = fmt.Sprintf("acme-at-%d-%d-%s", g.id, g.generation, rand.Text())
		a.generation = g.generation
		s.forgetAccess(g.access)
		g.access = a
	}
	s.access[hashOf(a.value)] = a
	return a
}

// newRefresh issues the newest refresh token of g, beside its newest access token.
func (s *Server) newRefresh(g *grant, parent *refreshToken) *refreshToken {
	r := &refreshToken{grant: g, generation: g.generation, access: g.access, parent: parent}
	r.value = fmt.Sprintf("acme-rt-%d-%d-%s", g.id, g.generation, rand.Text())
	s.forgetRefresh(g.refresh)
	g.refresh = r
	s.refresh[hashOf(r.value)] = r
	return r
}

// revoke ends a grant and everything issued under it. The caller holds mu.
func (s *Server) revoke(g *grant) {
	if g.revoked {
		return
	}
	g.revoked = true
	delete(s.grants, g.id)
	s.forgetAccess(g.access)
	s.forgetRefresh(g.refresh)
}

// forgetAccess lets a be forgotten when its turn comes. It is called once for
// each token of a grant, when it stops being the newest of a live grant.
func (s *Server) forgetAccess(a *accessToken) {
	if a != nil {
		s.oldAccess.push(hashOf(a.value), s.options.Remember, s.dropAccess)
	}
}

func (s *Server) forgetRefresh(r *refreshToken) {
	if r != nil {
		s.oldRefresh.push(hashOf(r.value), s.options.Remember, s.dropRefresh)
	}
}

func (s *Server) dropAccess(h hash)  { delete(s.access, h) }
func (s *Server) dropRefresh(h hash) { delete(s.refresh, h) }
func (s *Server) dropCode(h hash)    { delete(s.codes, h) }

// fifo is a bounded queue of hashes. The zero fifo is empty.
type fifo struct {
	ring []hash
	next int // the oldest, once the ring is full
}

// push adds h; when there are limit already, the oldest drops out.
func (f *fifo) push(h hash, limit int, drop func(hash)) {
	if len(f.ring) < limit {
		f.ring = append(f.ring, h)
		return
	}
	drop(f.ring[f.next])
	f.ring[f.next] = h
	f.next = (f.next + 1) % limit
}
