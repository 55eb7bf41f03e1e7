package authserver

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/ory/fosite"
)

const parPath = "/par"

// identified has every answer say which server it is from, refusals included (RFC
// 9207 section 2).
func identified(issuer string, endpoint http.Handler) http.Handler {
	if issuer == "" {
		return endpoint
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorded := httptest.NewRecorder()
		endpoint.ServeHTTP(recorded, r)
		if to, err := recorded.Result().Location(); err == nil {
			q := to.Query()
			q.Set("iss", issuer)
			to.RawQuery = q.Encode()
			recorded.Header().Set("Location", to.String())
		}
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	})
}

// push is the endpoint of pushed authorization requests (RFC 9126 section 2).
func (s *Server) push(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	ar, err := s.provider.NewPushedAuthorizeRequest(ctx, r)
	if err != nil {
		s.provider.WritePushedAuthorizeError(ctx, w, ar, err)
		return
	}
	resp, err := s.provider.NewPushedAuthorizeResponse(ctx, ar, s.session())
	if err != nil {
		s.provider.WritePushedAuthorizeError(ctx, w, ar, err)
		return
	}
	s.Referee.pushed()
	s.provider.WritePushedAuthorizeResponse(ctx, w, ar, resp)
}

// introspect is the introspection endpoint (RFC 7662).
func (s *Server) introspect(w http.ResponseWriter, r *http.Request) {
	resp, err := s.provider.NewIntrospectionRequest(r.Context(), r, s.session())
	if err != nil {
		s.provider.WriteIntrospectionError(r.Context(), w, err)
		return
	}
	s.provider.WriteIntrospectionResponse(r.Context(), w, resp)
}

// errTarget is the invalid_target of RFC 8707 section 2, which fosite has not.
var errTarget = &fosite.RFC6749Error{
	ErrorField: "invalid_target", DescriptionField: "There is no such resource.", CodeField: http.StatusBadRequest,
}

// checkResource wants exactly the resource that there is.
func (s *Server) checkResource(form url.Values) error {
	if want := s.options.Resource; want != "" && (len(form["resource"]) != 1 || form.Get("resource") != want) {
		return errTarget
	}
	return nil
}

// metadata is what the server says about itself (RFC 8414 section 3.2).
func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"issuer": s.URL, "authorization_endpoint": s.URL + "/authorize", "token_endpoint": s.URL + "/token",
		"registration_endpoint": s.URL + "/register", "revocation_endpoint": s.URL + "/revoke",
		"scopes_supported": []string{"read", "write"}, "response_types_supported": []string{"code"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"token_endpoint_auth_methods_supported":          []string{"none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"authorization_response_iss_parameter_supported": s.options.Issuer != "",
	})
}
