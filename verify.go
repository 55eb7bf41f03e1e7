package tieline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// VerificationError is what the provider answered to a credential that was
// tried out. It is an ErrVerification.
type VerificationError struct {
	Status int   // of the answer that decided, 0 if there was none
	Err    error // why there was none

	refused bool // the provider looked at the credential and does not want it
	limited bool // it did not look: there were too many calls
}

// Error shows the status.
func (e *VerificationError) Error() string {
	switch {
	case e.Status == 0:
		return fmt.Sprintf("credential could not be tried out: %v", e.Err)
	case e.Temporary():
		return fmt.Sprintf("credential could not be tried out: the provider answered %d", e.Status)
	}
	return fmt.Sprintf("%v (status %d)", ErrVerification, e.Status)
}

// Unwrap returns ErrVerification and the cause.
func (e *VerificationError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrVerification}
	}
	return []error{ErrVerification, e.Err}
}

// Temporary reports whether the answer said nothing about the credential: the
// provider was not reached, was busy or failed.
func (e *VerificationError) Temporary() bool {
	switch {
	case e.Status == 0:
		return !errors.Is(e.Err, ErrForbidden)
	case e.limited, e.Status == http.StatusRequestTimeout, e.Status == http.StatusTooManyRequests:
		return true
	}
	return e.Status >= 500
}

// told says whether the answer was about the credential, or about what was asked.
func (e *VerificationError) told() bool { return e.Status != 0 && !e.Temporary() }

// triable says whether the provider's data has a way to try a credential out.
func triable(e *spec.Entry) bool {
	return len(e.Verify) > 0 || e.Verification != nil && len(e.Verification.Endpoints) > 0
}

// verify tries out a credential where the provider's data says how. The error is a
// [*VerificationError].
func (s *Subject) verify(ctx context.Context) error {
	if !triable(s.provider) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.core.policy.Exchange)
	defer cancel()
	began := time.Now()
	failure := s.tryOut(ctx)
	if failure == nil {
		s.operation.note(OpVerify, began, Result{})
		return nil
	}
	s.operation.note(OpVerify, began, Result{Err: failure, Status: failure.Status})
	return failure
}

// tryOut makes the calls of a verification: checks that all have to be passed, or
// endpoints that are tried in order, of which the first good answer counts. Of
// several that are not good, one that says nothing counts before one that does: the
// credential may be for that endpoint.
func (s *Subject) tryOut(ctx context.Context) (failure *VerificationError) {
	for i := range s.provider.Verify {
		check := &s.provider.Verify[i]
		answer, err := s.apiAsk(ctx, &check.Call, nil, check.Headers...)
		if err != nil {
			return &VerificationError{Err: err}
		}
		if !check.Expect.Holds(answer.status, answer.header.Get("Content-Type"), []byte(answer.raw)) {
			return s.notAccepted(answer)
		}
	}
	v := s.provider.Verification
	if v == nil {
		return nil
	}
	for i := range v.Endpoints {
		next := s.tryEndpoint(ctx, v, i)
		switch {
		case next == nil:
			return nil
		case failure == nil, failure.told() && (!next.told() || !failure.refused):
			failure = next
		}
	}
	return failure
}

// tryEndpoint makes one call of a verification.
func (s *Subject) tryEndpoint(ctx context.Context, v *spec.Verification, i int) *VerificationError {
	base, err := v.BaseURL.Expand(s.env())
	if err != nil {
		return &VerificationError{Err: configError(err)}
	}
	call := &spec.APICall{URL: v.Endpoints[i], Method: v.Method, Headers: v.Headers, Data: v.Data}
	answer, err := s.apiAsk(ctx, call, base)
	switch {
	case err != nil:
		return &VerificationError{Err: err}
	case answer.status >= 200 && answer.status < 300:
		return nil
	}
	return s.notAccepted(answer)
}

// notAccepted is what an answer other than a good one says of the credential. A
// plain refusal is 401, or a success that the provider's data has it is none, or
// 403 where there is nothing but the credential that it can be about.
func (s *Subject) notAccepted(answer *apiAnswer) *VerificationError {
	e := &VerificationError{Status: answer.status}
	e.limited = answer.header.Get("Retry-After") != "" || answer.header.Get("X-Ratelimit-Remaining") == "0" || s.provider.Retry.Exhausted(answer.header)
	switch {
	case e.Temporary():
	case e.Status == http.StatusUnauthorized, e.Status >= 200 && e.Status < 300:
		e.refused = true
	case e.Status == http.StatusForbidden:
		e.refused = !hasScopes(s.private.cred)
	}
	return e
}

// hasScopes says whether a credential may be good for some calls and not for
// others (RFC 6750 section 3.1), so that a call that is forbidden proves nothing.
func hasScopes(cred Credential) bool {
	switch cred.(type) {
	case *OAuth2Token, *OAuth1Token, *ClientCredentials, *AppToken, *CustomToken, *AWS:
		return true
	}
	return false
}

// joinURL puts a relative reference behind a base URL: its path is appended,
// its query added. An absolute one stands alone.
func joinURL(base, ref *url.URL) *url.URL {
	if ref.IsAbs() {
		u := *ref
		return &u
	}
	u := *base
	if ref.Path != "" {
		// As it is written: a segment that is empty, or is "..", is the API's to
		// understand.
		raw := strings.TrimSuffix(base.EscapedPath(), "/") + "/" + strings.TrimPrefix(ref.EscapedPath(), "/")
		if path, err := url.PathUnescape(raw); err == nil { // it is: both were escaped
			if u.Path, u.RawPath = path, ""; u.EscapedPath() != raw {
				u.RawPath = raw
			}
		}
	}
	switch {
	case base.RawQuery == "":
		u.RawQuery = ref.RawQuery
	case ref.RawQuery != "":
		u.RawQuery = base.RawQuery + "&" + ref.RawQuery
	}
	u.Fragment = ""
	return &u
}
