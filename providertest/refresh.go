package providertest

import "time"

// refreshGrant answers a refresh (RFC 6749 section 6). What it decides, it
// decides in one step: of concurrent refreshes with one token, each sees what
// those before it did.
func (s *Server) refreshGrant(c *call) (Answer, *oauthError) {
	value := c.form.Get("refresh_token")
	if value == "" {
		return Answer{}, badRequest("invalid_request", "refresh_token is missing")
	}
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.refresh[hashOf(value)]
	if r == nil {
		return Answer{}, badRequest("invalid_grant", "the refresh token is unknown")
	}
	s.notePresented(r)
	g := r.grant
	if g.revoked {
		return Answer{}, badRequest("invalid_grant", "the grant has been revoked")
	}
	again := r.spent || r.superseded
	inGrace := again && s.inGrace(r, now)
	if again && !inGrace && s.options.Reuse != ReuseIgnore {
		return Answer{}, s.refuseReuse(g)
	}
	scope := g.scope
	if c.form.Has("scope") {
		if scope = c.form.Get("scope"); !narrower(scope, g.scope) {
			return Answer{}, badRequest("invalid_scope", "the grant does not cover this scope")
		}
	}
	s.noteAccepted(g, c.arrived, inGrace)
	if inGrace && s.options.GraceAnswer == GraceSameAnswer {
		return s.tokens(r.child.access, r.child, now), nil
	}
	return s.renew(r, scope, c.fault.RefreshToken, now), nil
}

// inGrace says whether a spent token is accepted once more.
func (s *Server) inGrace(r *refreshToken, now time.Time) bool {
	return r.spent && !r.superseded && !r.childUsed && now.Before(r.spentAt.Add(s.options.Grace))
}

// refuseReuse answers a spent token that comes back too late: either the app or
// a thief has an old copy.
func (s *Server) refuseReuse(g *grant) *oauthError {
	if s.options.Reuse == ReuseRevokeFamily {
		s.stats.FamiliesRevoked++
		s.revoke(g)
	}
	return badRequest("invalid_grant", "the refresh token has been used")
}

// renew issues new tokens for r, which is presented for the first time, in its
// grace window, or where reuse is ignored.
func (s *Server) renew(r *refreshToken, scope string, fault RefreshTokenAnswer, now time.Time) Answer {
	g := r.grant
	g.refreshes++
	g.generation++
	if s.options.OldAccessToken == OldAccessTokenDies {
		r.access.dead = true
	}
	access := s.newAccess(g, scope, now)
	if r.parent != nil {
		r.parent.childUsed = true
		r.parent = nil // or a long line of ancestors would stay in memory
	}
	if !s.rotates(g, fault) && !r.spent && !r.superseded {
		r.access, r.generation, r.uses = access, g.generation, 0
		if fault == RefreshTokenSame || fault == "" && s.options.RepeatRefreshToken {
			return s.tokens(access, r, now)
		}
		return s.tokens(access, nil, now)
	}
	if s.options.GraceAnswer == GraceNewestPairOnly && s.inGrace(r, now) {
		r.child.superseded = true
		r.child.access.dead = true
	}
	if !r.spent {
		r.spent, r.spentAt = true, now
	}
	r.child = s.newRefresh(g, r)
	return s.tokens(access, r.child, now)
}

// rotates says whether this refresh, already counted, replaces the refresh token.
func (s *Server) rotates(g *grant, fault RefreshTokenAnswer) bool {
	switch fault {
	case RefreshTokenRotated:
		return true
	case RefreshTokenAbsent, RefreshTokenSame:
		return false
	}
	switch s.options.Rotation {
	case RotationNone:
		return false
	case RotationOptional:
		return g.refreshes%2 == 0
	case RotationAlways:
	}
	return true
}
