package providertest

import (
	"net/http"
	"time"
)

// revocation serves the revocation endpoint (RFC 7009). An unknown token is
// fine: the client wanted it gone (section 2.2). A refresh token takes its grant
// along, an access token goes alone.
func (s *Server) revocation(c *call) Answer {
	if c.r.Method != http.MethodPost {
		return notAllowed("POST")
	}
	if e := s.checkForm(c); e != nil {
		return s.refuse(c, e)
	}
	token := c.form.Get("token")
	if token == "" {
		return s.refuse(c, badRequest("invalid_request", "token is missing"))
	}
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	h := hashOf(token)
	if r := s.refresh[h]; r != nil && s.accepts(r, now) {
		s.stats.Revocations++
		s.revoke(r.grant)
	}
	if a := s.access[h]; a.lifetime(now) > 0 {
		s.stats.Revocations++
		a.dead = true
	}
	return textAnswer(http.StatusOK, "")
}

// accepts says whether a refresh with r would be answered with tokens at this moment.
func (s *Server) accepts(r *refreshToken, now time.Time) bool {
	if r.grant.revoked {
		return false
	}
	return !r.spent && !r.superseded || s.inGrace(r, now) || s.options.Reuse == ReuseIgnore
}
