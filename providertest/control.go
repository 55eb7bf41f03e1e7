package providertest

import (
	"cmp"
	"slices"
	"time"
)

// Grant is a live grant: a consent that was neither revoked nor lost to reuse.
type Grant struct {
	ID          int    // from 1, in the order of the code exchanges
	User, Scope string // who consented, to what
	CreatedAt   time.Time
	Generation  int // of its newest tokens, from 1
	Refreshes   int // that issued new tokens

	// AccessToken and RefreshToken are the newest issued; RefreshToken is empty
	// when the provider issues none. ExpiresAt is the access token's end, zero
	// when it has none.
	AccessToken, RefreshToken string
	ExpiresAt                 time.Time
}

// Grants returns the live grants by ID. An app that has lost no grant holds the
// RefreshToken of each.
func (s *Server) Grants() []Grant {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Grant, 0, len(s.grants))
	for _, g := range s.grants {
		list = append(list, g.public())
	}
	slices.SortFunc(list, func(a, b Grant) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (g *grant) public() Grant {
	p := Grant{
		ID: g.id, User: g.user, Scope: g.scope, CreatedAt: g.createdAt,
		Generation: g.generation, Refreshes: g.refreshes,
		AccessToken: g.access.value, ExpiresAt: g.access.expiresAt,
	}
	if g.refresh != nil {
		p.RefreshToken = g.refresh.value
	}
	return p
}

// GrantOf returns the live grant that an access or refresh token belongs to,
// also when the token itself is spent or over.
func (s *Server) GrantOf(token string) (Grant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := hashOf(token)
	var g *grant
	if r := s.refresh[h]; r != nil {
		g = r.grant
	}
	if a := s.access[h]; a != nil {
		g = a.grant
	}
	if g == nil || g.revoked {
		return Grant{}, false
	}
	return g.public(), true
}

// IsLive says whether a token would be accepted at this moment: an access token
// at the API, a refresh token at the token endpoint.
func (s *Server) IsLive(token string) bool {
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := hashOf(token)
	if r := s.refresh[h]; r != nil {
		return s.accepts(r, now)
	}
	return s.access[h].lifetime(now) > 0
}

// Revoke ends the grant with this ID, as its user might in the account's
// settings. It says whether there was one.
func (s *Server) Revoke(grantID int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.grants[grantID]
	if g != nil {
		s.revoke(g)
	}
	return g != nil
}

// RevokeAll ends every grant, and every token issued to the app itself.
func (s *Server) RevokeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.grants {
		s.revoke(g)
	}
	for _, a := range s.access {
		a.dead = true
	}
}

// ExpireAccessTokens ends every access token, whatever expires_in promised. The
// grants and their refresh tokens stay.
func (s *Server) ExpireAccessTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.access {
		a.dead = true
	}
}
