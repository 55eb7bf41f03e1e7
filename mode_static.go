package tieline

import (
	"context"
	"net/http"
)

// staticMode is for credentials that are given once and never change: API_KEY,
// BASIC and NONE.
type staticMode struct{}

func (staticMode) create(ctx context.Context, c *core, s *subject) (refreshed, error) {
	return staticMode{}.imported(ctx, c, s, true)
}

func (staticMode) imported(ctx context.Context, c *core, s *subject, verify bool) (refreshed, error) {
	cred, err := checkStatic(s)
	if err == nil && verify {
		err = c.verify(ctx, s.withCredential(cred))
	}
	return refreshed{cred: cred, issued: c.now()}, err
}

func (staticMode) attach(c *core, s *subject, req *http.Request) error {
	return c.attachParts(s, req, func(h http.Header) {
		if cred, ok := s.private.cred.(*Basic); ok {
			h.Set("Authorization", basicAuth(cred.Username.Reveal(), cred.Password.Reveal()))
		}
	})
}

// checkStatic applies the provider's rules for what the user types in.
func checkStatic(s *subject) (Credential, error) {
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
