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
	Status int   // of the last answer, 0 if there was none
	Err    error // why there was none
}

// Error shows the status.
func (e *VerificationError) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("credential could not be tried out: %v", e.Err)
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
	return e.Status == 0 && !errors.Is(e.Err, ErrForbidden) || e.Status == http.StatusTooManyRequests || e.Status >= 500
}

// verify tries out a credential where the provider's data says how. Endpoints
// are tried in order; the first good answer counts.
func (s *Subject) verify(ctx context.Context) error {
	if v := s.provider.Verification; len(s.provider.Verify) == 0 && (v == nil || len(v.Endpoints) == 0) {
		return nil
	}
	began := time.Now()
	err := s.tryEndpoints(ctx)
	r := Result{Err: err}
	var failure *VerificationError
	if errors.As(err, &failure) {
		r.Status = failure.Status
	}
	s.operation.note(OpVerify, began, r)
	return err
}

func (s *Subject) tryEndpoints(ctx context.Context) error {
	if len(s.provider.Verify) > 0 {
		tctx, cancel := context.WithTimeout(ctx, s.core.policy.Exchange)
		defer cancel()
		return s.passes(tctx)
	}
	v := s.provider.Verification
	ctx, cancel := context.WithTimeout(ctx, s.core.policy.Exchange)
	defer cancel()
	failure := &VerificationError{}
	for i := range v.Endpoints {
		status, err := s.tryOut(ctx, v, i)
		switch {
		case isContextError(err) && ctx.Err() != nil && context.Cause(ctx) != context.DeadlineExceeded:
			return err
		case err == nil && status >= 200 && status < 300:
			return nil
		}
		failure = &VerificationError{Status: status, Err: err}
	}
	return failure
}

// tryOut makes one call of a verification. The status is 0 without an answer.
func (s *Subject) tryOut(ctx context.Context, v *spec.Verification, i int) (int, error) {
	base, err := v.BaseURL.Expand(s.env())
	if err != nil {
		return 0, configError(err)
	}
	call := &spec.APICall{URL: v.Endpoints[i], Method: v.Method, Headers: v.Headers, Data: v.Data}
	answer, err := s.apiAsk(ctx, call, base)
	if err != nil {
		return 0, err
	}
	return answer.status, nil
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
