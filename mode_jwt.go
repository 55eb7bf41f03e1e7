package tieline

import (
	"context"
	"net/http"
	"time"

	"github.com/tieline/tieline/internal/sign"
)

// jwtMode is for providers whose tokens are signed here with the user's key.
type jwtMode struct{}

func (m jwtMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	return m.Import(ctx, s, true)
}

func (m jwtMode) Import(ctx context.Context, s *Subject, verify bool) (Grant, error) {
	cred := *s.private.cred.(*JWT)
	var err error
	if cred.Values, err = s.checkValues(s.provider.Credentials, "credential.", cred.Values); err != nil {
		return Grant{}, err
	}
	g, err := m.Refresh(ctx, s.withCredential(&cred))
	if err != nil || !verify {
		return g, err
	}
	return g, s.withCredential(g.Credential).verify(ctx)
}

func (jwtMode) CanRefresh(*Subject) bool { return true }

func (jwtMode) Refresh(_ context.Context, s *Subject) (Grant, error) {
	next := *s.private.cred.(*JWT)
	began := s.core.now()
	token, expires, err := s.signToken()
	if err != nil {
		return Grant{}, badData(err)
	}
	next.Token, next.ExpiresAt = NewSecret(token), expires
	return Grant{Credential: &next, IssuedAt: began}, nil
}

func (jwtMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token, _ := s.private.cred.field("token")
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token) })
}

// signatureMode is for a header that is signed with the user's password: WSSE.
type signatureMode struct{}

// defaultSignatureLife is for an entry that says nothing.
const defaultSignatureLife = 5 * time.Minute

func (m signatureMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	return m.Import(ctx, s, true)
}

func (m signatureMode) Import(ctx context.Context, s *Subject, verify bool) (Grant, error) {
	cred := *s.private.cred.(*Signature)
	v, err := checkFields(s.provider.Credentials, map[string]string{"username": cred.Username.Reveal(), "password": cred.Password.Reveal()})
	if err != nil {
		return Grant{}, err
	}
	cred.Username, cred.Password = NewSecret(v["username"]), NewSecret(v["password"])
	g, err := m.Refresh(ctx, s.withCredential(&cred))
	if err != nil || !verify {
		return g, err
	}
	return g, s.withCredential(g.Credential).verify(ctx)
}

func (signatureMode) CanRefresh(*Subject) bool { return true }

func (signatureMode) Refresh(_ context.Context, s *Subject) (Grant, error) {
	next := *s.private.cred.(*Signature)
	now := s.core.now()
	nonce, err := sign.NewNonce(s.core.rand)
	if err != nil {
		return Grant{}, err
	}
	token, err := sign.WSSE(next.Username.Reveal(), next.Password.Reveal(), nonce, now)
	if err != nil {
		return Grant{}, badData(&FieldError{Field: "credential", Reason: "cannot be signed with"})
	}
	life := defaultSignatureLife
	if t := s.provider.Token; t != nil && t.Lifetime > 0 {
		life = t.Lifetime
	}
	next.Token, next.ExpiresAt = NewSecret(token), now.Add(life)
	return Grant{Credential: &next, IssuedAt: now}, nil
}

func (signatureMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token, _ := s.private.cred.field("token")
	return s.attachParts(req, func(h http.Header) { h.Set("X-WSSE", token) })
}
