package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/tieline/tieline"
)

// access is who may use a route.
type access int

const (
	anyone       access = iota // no credential is looked at
	keyOnly                    // a secret key
	sessionOnly                // the token of a connect session, in the header
	keyOrSession               // either of them
	endUser                    // a session's token in the query, in the page's cookie or in the header
	pageSession                // the page's cookie, on requests of the page itself
)

// caller is who makes a request: a key, or a session.
type caller struct {
	key     *Key
	session *tieline.Session
	token   string // of the session, without prefix
}

// has reports whether the caller's key has one of the scopes. A session has none.
func (c *caller) has(scopes ...string) bool {
	for _, want := range scopes {
		if c.key != nil && granted(c.key.Scopes, want) {
			return true
		}
	}
	return false
}

func (c *caller) id() string {
	switch {
	case c.key != nil:
		return c.key.ID
	case c.session != nil:
		return c.session.ID
	}
	return ""
}

type callerKey struct{}

// callerOf is who makes the request; on a route for anyone it is nobody.
func callerOf(r *http.Request) *caller {
	c, _ := r.Context().Value(callerKey{}).(*caller)
	if c == nil {
		return &caller{}
	}
	return c
}

// sessionPrefix stands before a session's token wherever it is shown.
const sessionPrefix = "nango_connect_session_"

func unauthorized(code, message string) *problem {
	return &problem{status: http.StatusUnauthorized, code: code, message: message, payload: noPayload()}
}

var (
	errNoHeader      = unauthorized("missing_auth_header", "Authentication failed. The request is missing the Authorization header.")
	errBadHeader     = unauthorized("malformed_auth_header", "Authentication failed. The Authorization header is malformed.")
	errKeyFormat     = unauthorized("invalid_secret_key_format", "Authentication failed. The provided secret key is not a UUID v4.")
	errUnknownKey    = unauthorized("unknown_account", "Authentication failed. The provided secret key does not match any account.")
	errSessionFormat = unauthorized("invalid_connect_session_token_format", "Authentication failed. The provided connect session token is not following correct format: nango_connect_session_RANDOM)")
	errSession       = unauthorized("unknown_connect_session_token", "Authentication failed. The provided connect session token does not match any account.")
)

// authenticate finds out who calls.
func (s *server) authenticate(r *http.Request, want access) (*caller, error) {
	switch want {
	case anyone:
		return &caller{}, nil
	case endUser:
		if token := r.URL.Query().Get("connect_session_token"); token != "" {
			return s.sessionCaller(r.Context(), token)
		}
		if token := s.pageToken(r); token != "" && r.Header.Get("Authorization") == "" {
			if err := s.fromPage(r); err != nil {
				return nil, err
			}
			return s.sessionCaller(r.Context(), token)
		}
	case pageSession:
		return s.pageCaller(r)
	}
	header := r.Header.Get("Authorization")
	if header == "" {
		return nil, errNoHeader
	}
	token, ok := bearer(header)
	if !ok {
		return nil, errBadHeader
	}
	switch {
	case want == sessionOnly, want == endUser, want == keyOrSession && strings.HasPrefix(token, sessionPrefix):
		return s.sessionCaller(r.Context(), token)
	case !isUUID(token):
		return nil, errKeyFormat
	}
	key, err := s.options.Keys.find(r.Context(), token)
	if errors.Is(err, tieline.ErrNotFound) {
		return nil, errUnknownKey
	}
	if err != nil {
		return nil, err
	}
	return &caller{key: &key}, nil
}

// bearer takes the token out of a header, of which the scheme may be missing.
func bearer(header string) (string, bool) {
	scheme, token, found := strings.Cut(header, " ")
	if !found {
		return header, true
	}
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

func (s *server) sessionCaller(ctx context.Context, given string) (*caller, error) {
	token, ok := strings.CutPrefix(given, sessionPrefix)
	if !ok || len(token) != 64 || strings.Trim(token, "0123456789abcdef") != "" {
		return nil, errSessionFormat
	}
	session, err := s.client.Sessions.Get(ctx, token)
	if errors.Is(err, tieline.ErrNotFound) {
		return nil, errSession
	}
	if err != nil {
		return nil, err
	}
	return &caller{session: &session, token: token}, nil
}
