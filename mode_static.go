package tieline

import (
	"context"
	"net/http"
)

// staticMode is for credentials that are given once and never change: API_KEY,
// BASIC and NONE.
type staticMode struct{}

func (staticMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	return staticMode{}.Import(ctx, s, true)
}

func (staticMode) Import(ctx context.Context, s *Subject, verify bool) (Grant, error) {
	cred, err := checkStatic(s)
	if err == nil && verify {
		err = s.withCredential(cred).verify(ctx)
	}
	return Grant{Credential: cred, IssuedAt: s.core.now()}, err
}

func (staticMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	if api, ok := s.ownAPI(); ok {
		if cred, ok := s.private.cred.(*APIKey); ok {
			return api.attach(cred.Key.Reveal(), req)
		}
	}
	return s.attachParts(req, func(h http.Header) {
		if cred, ok := s.private.cred.(*Basic); ok {
			h.Set("Authorization", basicAuth(cred.Username.Reveal(), cred.Password.Reveal()))
		}
	})
}

// checkStatic applies the provider's rules for what the user types in.
func checkStatic(s *Subject) (Credential, error) {
	switch cred := s.private.cred.(type) {
	case *APIKey:
		v, err := checkFields(s.provider.Credentials, map[string]string{"apiKey": cred.Key.Reveal()})
		if err == nil && v["apiKey"] == "" {
			err = &FieldError{Field: "credential.apiKey", Reason: "is required"}
		}
		return &APIKey{Key: NewSecret(v["apiKey"])}, err
	case *Basic:
		v, err := checkFields(s.provider.Credentials, map[string]string{"username": cred.Username.Reveal(), "password": cred.Password.Reveal()})
		if err == nil && v["username"] == "" && v["password"] == "" {
			err = &FieldError{Field: "credential.username", Reason: "is required"}
		}
		return &Basic{Username: NewSecret(v["username"]), Password: NewSecret(v["password"])}, err
	default:
		return cred, nil
	}
}
