package providertest

import (
	"maps"
	"slices"
	"time"
)

// Stats is what the provider has seen, as a copy.
type Stats struct {
	// Requests counts arrivals by endpoint, those that a fault answered or
	// swallowed among them. Token requests are counted by their kind.
	Requests map[Endpoint]int
	// Faults counts the requests that a fault struck.
	Faults int
	// Errors counts the errors of the token and revocation endpoints by their
	// code, those made by faults not among them.
	Errors map[string]int

	Authorizations int // the user pressed Allow
	Denials        int // the user pressed Deny
	Exchanges      int // codes turned into tokens

	Refreshes       int // accepted
	GraceRefreshes  int // of these: with a spent refresh token, in its grace window
	RefreshRejected int // refused by the provider itself, for whatever reason
	// ReusedRefreshTokens counts refreshes with a spent refresh token, accepted or not.
	ReusedRefreshTokens int
	// FamiliesRevoked counts grants revoked because a spent refresh token, or a
	// used code, was presented.
	FamiliesRevoked int

	// ByGeneration counts the refreshes processed by the generation of the
	// refresh token they presented, over all grants. An exchanged code is
	// generation 1, and each refresh that is answered with new tokens makes the
	// next. With a refresh token that does not rotate, it is the generation of its
	// grant. Kept for the first 10,000 generations.
	ByGeneration map[int]int
	// MaxPerGeneration is the largest number of refreshes processed with one
	// generation of one grant. It is 1 when there was never more than one
	// exchange for each.
	MaxPerGeneration int
	// EarlyRefreshes are the accepted refreshes that came while the grant's newest
	// access token was still good: the latest 10,000, oldest first.
	EarlyRefreshes []EarlyRefresh
	// MaxRemaining is the longest Remaining of all EarlyRefreshes there ever were.
	MaxRemaining time.Duration
	// MaxConcurrentRefreshes is the largest number of refresh requests that were
	// in flight at one time, between arrival and answer;
	// MaxConcurrentPerGrant is the same of one grant.
	MaxConcurrentRefreshes, MaxConcurrentPerGrant int

	ClientCredentials int // tokens issued to the app itself
	Revocations       int // revocation requests that ended a live token
	APICalls          int // with a good credential
	APIUnauthorized   int // answered with 401 for the lack of one
}

// EarlyRefresh is a refresh that came before the access token was over.
type EarlyRefresh struct {
	Grant      int // Grant.ID
	Generation int // of the access token
	// Remaining is what was left of the access token when the request arrived;
	// [Forever] when it does not expire.
	Remaining time.Duration
}

// What Stats keeps at most, see there.
const (
	maxGenerations    = 10_000
	maxEarlyRefreshes = 10_000
)

func newStats() Stats {
	return Stats{Requests: map[Endpoint]int{}, Errors: map[string]int{}, ByGeneration: map[int]int{}}
}

// Stats returns what the provider has seen so far.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Requests = maps.Clone(st.Requests)
	st.Errors = maps.Clone(st.Errors)
	st.ByGeneration = maps.Clone(st.ByGeneration)
	st.EarlyRefreshes = slices.Clone(st.EarlyRefreshes)
	return st
}

// count changes a counter.
func (s *Server) count(f func(*Stats)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.stats)
}

// arrive counts a request in.
func (s *Server) arrive(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Requests[c.kind]++
	if c.kind != Refresh {
		return
	}
	s.inRefresh++
	s.stats.MaxConcurrentRefreshes = max(s.stats.MaxConcurrentRefreshes, s.inRefresh)
	if r := s.refresh[hashOf(c.form.Get("refresh_token"))]; r != nil {
		c.grant = r.grant
		c.grant.inRefresh++
		s.stats.MaxConcurrentPerGrant = max(s.stats.MaxConcurrentPerGrant, c.grant.inRefresh)
	}
}

// leave counts it out.
func (s *Server) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.fault.Refused {
		s.stats.Requests[c.kind]-- // it never came
	}
	if c.kind == Refresh {
		s.inRefresh--
	}
	if c.grant != nil {
		c.grant.inRefresh--
	}
}

// notePresented counts a refresh token that was presented. The caller holds mu.
func (s *Server) notePresented(r *refreshToken) {
	r.uses++
	s.stats.MaxPerGeneration = max(s.stats.MaxPerGeneration, r.uses)
	if r.generation <= maxGenerations {
		s.stats.ByGeneration[r.generation]++
	}
	if r.spent || r.superseded {
		s.stats.ReusedRefreshTokens++
	}
}

// noteAccepted counts a refresh that will be answered with tokens, before it
// changes anything. The caller holds mu.
func (s *Server) noteAccepted(g *grant, arrived time.Time, inGrace bool) {
	s.stats.Refreshes++
	if inGrace {
		s.stats.GraceRefreshes++
	}
	if arrived.Before(g.access.issuedAt) { // it overtook this request
		arrived = g.access.issuedAt
	}
	remaining := g.access.lifetime(arrived)
	if remaining == 0 {
		return
	}
	s.stats.MaxRemaining = max(s.stats.MaxRemaining, remaining)
	if len(s.stats.EarlyRefreshes) == maxEarlyRefreshes {
		s.stats.EarlyRefreshes = slices.Delete(s.stats.EarlyRefreshes, 0, maxEarlyRefreshes/2)
	}
	s.stats.EarlyRefreshes = append(s.stats.EarlyRefreshes, EarlyRefresh{g.id, g.generation, remaining})
}
