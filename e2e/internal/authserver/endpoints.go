package authserver

import (
	"encoding/json"
	"net/http"

	"github.com/ory/fosite"
)

// Deny is a query parameter of the authorization URL: a browser that adds it is
// that of a user who says no.
const Deny = "user_says_no"

// authorize is the authorization endpoint (RFC 6749 section 3.1). The user is
// signed in already and consents to everything.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ar, err := s.provider.NewAuthorizeRequest(ctx, r)
	if err != nil {
		s.provider.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	s.Referee.keep(ar.GetState())
	if err := s.checkResource(ar.GetRequestForm()); err != nil {
		s.provider.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	if r.URL.Query().Has(Deny) {
		// A server that repeats what it was sent, to see who prints it.
		err := fosite.ErrAccessDenied.WithHintf("The user said no to the request with state %s.", ar.GetState())
		s.provider.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	for _, scope := range ar.GetRequestedScopes() {
		ar.GrantScope(scope)
	}
	resp, err := s.provider.NewAuthorizeResponse(ctx, ar, s.session())
	if err != nil {
		s.provider.WriteAuthorizeError(ctx, w, ar, err)
		return
	}
	s.Referee.keep(resp.GetCode())
	s.provider.WriteAuthorizeResponse(ctx, w, ar, resp)
}

// token is the token endpoint (RFC 6749 section 3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	s.tx.Lock()
	defer s.tx.Unlock()
	ctx := r.Context()
	req, err := s.provider.NewAccessRequest(ctx, r, s.session())
	if err != nil {
		s.provider.WriteAccessError(ctx, w, req, err)
		return
	}
	if err := s.checkResource(r.PostForm); err != nil {
		s.provider.WriteAccessError(ctx, w, req, err)
		return
	}
	if req.GetGrantTypes().ExactOne("client_credentials") {
		for _, scope := range req.GetRequestedScopes() {
			req.GrantScope(scope)
		}
	}
	resp, err := s.provider.NewAccessResponse(ctx, req)
	if err != nil {
		s.provider.WriteAccessError(ctx, w, req, err)
		return
	}
	// fosite counts from the moment of the answer and cuts off the fraction,
	// which would make it one second.
	resp.SetExpiresIn(s.options.Life)
	noteExpiry(ctx, req.GetSession().GetExpiresAt(fosite.AccessToken))
	s.provider.WriteAccessResponse(ctx, w, req, resp)
}

// revoke is the revocation endpoint (RFC 7009).
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	s.tx.Lock()
	defer s.tx.Unlock()
	err := s.provider.NewRevocationRequest(r.Context(), r)
	s.Referee.revoked(r.PostForm.Get("token"), err)
	s.provider.WriteRevocationResponse(r.Context(), w, err)
}

// me is the resource server: it answers 200 to an access token that is good at
// this moment, and 401 to everything else (RFC 6750 section 3.1).
func (s *Server) me(w http.ResponseWriter, r *http.Request) {
	token := fosite.AccessTokenFromRequest(r)
	use, _, err := s.provider.IntrospectToken(r.Context(), token, fosite.AccessToken, s.session())
	w.Header().Set("Content-Type", "application/json")
	if err != nil || use != fosite.AccessToken {
		s.Referee.refuse()
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"user": subject})
}
