package authserver

import (
	"context"
	"time"

	"github.com/ory/fosite"
	"github.com/ory/fosite/storage"
)

// subject is the one user.
const subject = "alice"

// store is fosite's store in memory, with a choice of what a rotation does to
// the access token before.
type store struct {
	*storage.MemoryStore
	oldAccessTokenDies bool
	registered         *registry
}

func newStore(oldAccessTokenDies bool, registered *registry) *store {
	return &store{MemoryStore: storage.NewMemoryStore(), oldAccessTokenDies: oldAccessTokenDies, registered: registered}
}

// GetClient finds a client that was there from the start, or one that registered
// itself.
func (s *store) GetClient(ctx context.Context, id string) (fosite.Client, error) {
	if c := s.registered.get(id); c != nil {
		return c, nil
	}
	return s.MemoryStore.GetClient(ctx, id)
}

// RotateRefreshToken ends the life of a refresh token that is being used. It
// gives no grace: using the token once more is reuse from this moment on.
func (s *store) RotateRefreshToken(ctx context.Context, requestID, signature string) error {
	if s.oldAccessTokenDies {
		return s.MemoryStore.RotateRefreshToken(ctx, requestID, signature)
	}
	return s.RevokeRefreshToken(ctx, requestID)
}

// session is what fosite keeps with a grant. It takes the time of an access
// token's expiry itself: fosite rounds it to a whole second, which makes anything
// between 1.5 and 2.5 seconds of two.
type session struct {
	life                  time.Duration // of access tokens
	code, access, refresh time.Time
}

func (s *Server) session() *session { return &session{life: s.options.Life} }

// SetExpiresAt implements [fosite.Session].
func (s *session) SetExpiresAt(key fosite.TokenType, exp time.Time) {
	switch key {
	case fosite.AuthorizeCode:
		s.code = exp
	case fosite.AccessToken:
		s.access = time.Now().UTC().Add(s.life)
	case fosite.RefreshToken:
		s.refresh = exp
	}
}

// GetExpiresAt implements [fosite.Session].
func (s *session) GetExpiresAt(key fosite.TokenType) time.Time {
	switch key {
	case fosite.AuthorizeCode:
		return s.code
	case fosite.AccessToken:
		return s.access
	case fosite.RefreshToken:
		return s.refresh
	}
	return time.Time{}
}

// GetUsername implements [fosite.Session].
func (s *session) GetUsername() string { return subject }

// GetSubject implements [fosite.Session].
func (s *session) GetSubject() string { return subject }

// Clone implements [fosite.Session].
func (s *session) Clone() fosite.Session {
	c := *s
	return &c
}
