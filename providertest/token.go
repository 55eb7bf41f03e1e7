package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pkceAlphabet are the characters of a code verifier (RFC 7636 section 4.1).
const pkceAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// oauthError is an error answer before it is written.
type oauthError struct {
	status            int
	code, description string
}

func badRequest(code, description string) *oauthError {
	return &oauthError{http.StatusBadRequest, code, description}
}

// refuse counts e and makes an answer of it.
func (s *Server) refuse(c *call, e *oauthError) Answer {
	s.count(func(st *Stats) {
		st.Errors[e.code]++
		if c.kind == Refresh {
			st.RefreshRejected++
		}
	})
	a := oauthAnswer(e.status, e.code, e.description)
	if e.status == http.StatusUnauthorized && c.r.Header.Get("Authorization") != "" {
		a.Header.Set("WWW-Authenticate", `Basic realm="acme"`) // RFC 6749 section 5.2
	}
	return a
}

func notAllowed(methods string) Answer {
	a := textAnswer(http.StatusMethodNotAllowed, "method not allowed\n")
	a.Header.Set("Allow", methods)
	return a
}

// token serves the token endpoint.
func (s *Server) token(c *call) Answer {
	if c.r.Method != http.MethodPost {
		return notAllowed("POST") // RFC 6749 section 3.2
	}
	if e := s.checkForm(c); e != nil {
		return s.refuse(c, e)
	}
	var a Answer
	var e *oauthError
	switch c.kind {
	case Exchange:
		a, e = s.exchangeCode(c)
	case Refresh:
		a, e = s.refreshGrant(c)
	case ClientCredentials:
		a, e = s.clientCredentials(c)
	default:
		e = badRequest("unsupported_grant_type", "no such grant_type")
	}
	if e != nil {
		return s.refuse(c, e)
	}
	return a
}

// checkForm does what the token and the revocation endpoint have in common:
// the form (RFC 6749 section 3.2) and who sends it (section 2.3.1).
func (s *Server) checkForm(c *call) *oauthError {
	for name, values := range c.form {
		if len(values) > 1 {
			return badRequest("invalid_request", name+" is given twice")
		}
	}
	if len(c.form) == 0 {
		return badRequest("invalid_request", "the body must be "+formType)
	}
	if c.r.URL.Query().Has("client_secret") {
		return badRequest("invalid_request", "client_secret does not belong into the URL")
	}
	_, _, basic := c.r.BasicAuth()
	if basic && c.form.Has("client_secret") {
		return badRequest("invalid_request", "the client authenticates in two ways")
	}
	if !s.isClient(c) {
		return &oauthError{http.StatusUnauthorized, "invalid_client", "client authentication failed"}
	}
	return nil
}

// isClient checks the client's credentials in the place Options.ClientAuth names.
func (s *Server) isClient(c *call) bool {
	id, secret := c.form.Get("client_id"), c.form.Get("client_secret")
	rawID, rawSecret, basic := c.r.BasicAuth()
	decodedID, err1 := url.QueryUnescape(rawID)
	decodedSecret, err2 := url.QueryUnescape(rawSecret)
	inBody := !basic && s.isApp(id, secret)
	isRaw := basic && s.isApp(rawID, rawSecret)
	isEncoded := basic && err1 == nil && err2 == nil && s.isApp(decodedID, decodedSecret)
	if basic && c.form.Has("client_id") && !same(id, s.options.ClientID) {
		return false
	}
	switch s.options.ClientAuth {
	case ClientAuthBody:
		return inBody
	case ClientAuthBasic:
		return isEncoded
	case ClientAuthBasicRaw:
		return isRaw
	case ClientAuthNone:
		return !basic && secret == "" && same(id, s.options.ClientID)
	}
	return inBody || isRaw || isEncoded
}

func (s *Server) isApp(id, secret string) bool {
	okID, okSecret := same(id, s.options.ClientID), same(secret, s.options.ClientSecret)
	return okID && okSecret
}

// exchangeCode turns an authorization code into the first tokens of a grant.
func (s *Server) exchangeCode(c *call) (Answer, *oauthError) {
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.codes[hashOf(c.form.Get("code"))]
	if k == nil || !now.Before(k.expiresAt) {
		return Answer{}, badRequest("invalid_grant", "the code is unknown or too old")
	}
	if k.used {
		// Somebody has a copy: RFC 6749 section 4.1.2 takes the tokens back.
		if !k.grant.revoked {
			s.stats.FamiliesRevoked++
			s.revoke(k.grant)
		}
		return Answer{}, badRequest("invalid_grant", "the code has been used")
	}
	if (k.redirectGiven || c.form.Has("redirect_uri")) && c.form.Get("redirect_uri") != k.redirectURI {
		return Answer{}, badRequest("invalid_grant", "redirect_uri is not the one of the authorization request")
	}
	if e := checkVerifier(k.challenge, c.form); e != nil {
		return Answer{}, e
	}
	k.used = true
	k.grant = s.newGrant(k, now)
	s.stats.Exchanges++
	return s.tokens(k.grant.access, k.grant.refresh, now), nil
}

// checkVerifier proves that whoever has the code began the flow (RFC 7636 section 4.6).
func checkVerifier(challenge string, form url.Values) *oauthError {
	verifier := form.Get("code_verifier")
	switch {
	case challenge == "" && form.Has("code_verifier"):
		// RFC 9700 section 4.8.2: a verifier without a challenge is a downgrade attack.
		return badRequest("invalid_grant", "code_verifier without a code_challenge before")
	case challenge == "":
		return nil
	case len(verifier) < 43 || len(verifier) > 128 || strings.Trim(verifier, pkceAlphabet) != "":
		return badRequest("invalid_grant", "code_verifier is missing or malformed")
	}
	sum := sha256.Sum256([]byte(verifier))
	if !same(base64.RawURLEncoding.EncodeToString(sum[:]), challenge) {
		return badRequest("invalid_grant", "code_verifier does not fit the code_challenge")
	}
	return nil
}

// clientCredentials issues a token to the app itself (RFC 6749 section 4.4).
func (s *Server) clientCredentials(c *call) (Answer, *oauthError) {
	if s.options.ClientAuth == ClientAuthNone {
		return Answer{}, badRequest("unauthorized_client", "a public client has no credentials")
	}
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.ClientCredentials++
	return s.tokens(s.newAccess(nil, c.form.Get("scope"), now), nil, now), nil
}

// tokens writes a token response (RFC 6749 section 5.1). A nil r leaves the
// refresh token out.
func (s *Server) tokens(a *accessToken, r *refreshToken, now time.Time) Answer {
	object := map[string]any{"access_token": a.value, "token_type": "Bearer"}
	if a.scope != "" {
		object["scope"] = a.scope
	}
	if !a.expiresAt.IsZero() {
		object["expires_in"] = s.expiresIn(a.lifetime(now))
	}
	if r != nil {
		object["refresh_token"] = r.value
	}
	answer := jsonAnswer(http.StatusOK, object)
	answer.AccessToken = a.value
	if r != nil {
		answer.RefreshToken = r.value
	}
	return answer
}

// expiresIn is d in seconds, rounded down to whole ones if Options.TokenLifetime is whole.
func (s *Server) expiresIn(d time.Duration) json.RawMessage {
	if s.options.TokenLifetime%time.Second == 0 {
		d = d.Truncate(time.Second)
	}
	return json.RawMessage(strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
}

// narrower says whether every scope of a is one of b (RFC 6749 section 6).
func narrower(a, b string) bool {
	have := strings.Fields(b)
	for _, scope := range strings.Fields(a) {
		if !slices.Contains(have, scope) {
			return false
		}
	}
	return true
}
