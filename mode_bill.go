package tieline

import (
	"context"
	"net/http"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// billMode is the login of BILL (https://developer.bill.com/docs/api-sessions): a
// session that ends after a while of not being used.
type billMode struct{}

// billLife is how long a session is used: BILL ends one after 35 minutes without a
// call, and whether there was one is not known here.
const billLife = 35 * time.Minute

func (m billMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	cred := *s.private.cred.(*Bill)
	given := map[string]string{
		"username": cred.Username.Reveal(), "password": cred.Password.Reveal(),
		"organization_id": cred.OrganizationID.Reveal(), "dev_key": cred.DevKey.Reveal(),
	}
	v, err := checkFields(s.provider.Credentials, given)
	if err != nil {
		return Grant{}, err
	}
	for _, name := range []string{"username", "password", "organization_id", "dev_key"} {
		if v[name] == "" {
			return Grant{}, &FieldError{Field: "credential." + name, Reason: "is required"}
		}
	}
	cred.Username, cred.Password = NewSecret(v["username"]), NewSecret(v["password"])
	cred.OrganizationID, cred.DevKey = NewSecret(v["organization_id"]), NewSecret(v["dev_key"])
	return m.Refresh(ctx, s.withCredential(&cred))
}

func (billMode) CanRefresh(*Subject) bool { return true }

func (billMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	next := *s.private.cred.(*Bill)
	target, err := s.tokenURL(s.env())
	if err != nil {
		return Grant{}, badData(err)
	}
	began := s.core.now()
	answer, failure := s.login(ctx, loginCall{
		method: http.MethodPost, url: target, format: spec.BodyJSON, headers: http.Header{},
		params: textObject(
			"username", next.Username.Reveal(), "password", next.Password.Reveal(),
			"organizationId", next.OrganizationID.Reveal(), "devKey", next.DevKey.Reveal()),
	})
	if failure != nil {
		return Grant{}, failure
	}
	session, _ := answer.path("sessionId")
	if !isToken(session) {
		return Grant{}, &TokenError{Class: ClassTransient, Status: http.StatusOK, Code: "no_token"}
	}
	next.SessionID = NewSecret(session)
	next.UserID, _ = answer.path("userId")
	if id, _ := answer.path("organizationId"); id != "" {
		next.OrganizationID = NewSecret(id)
	}
	next.ExpiresAt, next.Raw = began.Add(billLife), NewSecret(answer.raw)
	return Grant{Credential: &next, IssuedAt: began, answered: s.core.now()}, nil
}

func (billMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	cred := s.private.cred.(*Bill)
	return s.attachParts(req, func(h http.Header) {
		h.Set("sessionId", cred.SessionID.Reveal())
		h.Set("devKey", cred.DevKey.Reveal())
	})
}

// textObject makes an object of names and texts in turn.
func textObject(pairs ...string) spec.Value {
	v := spec.Value{Kind: spec.Object}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Map = append(v.Map, spec.Member{Name: pairs[i], Value: spec.Value{Kind: spec.String, Text: pairs[i+1]}})
	}
	return v
}
