package webhook

import (
	"errors"
	"strings"
)

// kind is a sentinel with the code that [Error.Code] shows for it.
type kind struct{ code, text string }

func (k *kind) Error() string { return k.text }

// ErrRefused is every refusal: whatever is wrong lies with the delivery. It is to be
// answered with 401, or 400, and nothing of it is to be believed.
var ErrRefused = errors.New("delivery refused")

// What can be wrong, to be told apart with errors.Is.
var (
	// ErrMissing is a delivery without the signature, token, timestamp or ID that it needs.
	ErrMissing error = &kind{"missing", "not there"}
	// ErrDuplicate is a header or parameter that is there twice. Which one counts would be
	// a matter of taste, and the sender could have them disagree.
	ErrDuplicate error = &kind{"duplicate", "there more than once"}
	// ErrMalformed is a value that cannot be what it should be: an odd length, another
	// encoding, no number.
	ErrMalformed error = &kind{"malformed", "not in the form that it should have"}
	// ErrMismatch is a signature or token of another secret or another content.
	ErrMismatch error = &kind{"mismatch", "no secret or key at hand made it"}
	// ErrStale is a delivery signed too long ago, or in the future.
	ErrStale error = &kind{"stale", "too far from the present"}
	// ErrClaim is a genuine token that says something else than it has to.
	ErrClaim error = &kind{"claim", "the token claims something else"}
	// ErrTooLarge is a body of more than [MaxBody] bytes.
	ErrTooLarge error = &kind{"too_large", "larger than a delivery may be"}
	// ErrUnavailable says that the keys could not be had just now. It is no refusal: the
	// provider should try again, so 503 is the answer.
	ErrUnavailable error = &kind{"unavailable", "the keys could not be fetched"}
)

// Error says why a delivery was refused. Nothing in its text comes from the delivery.
type Error struct {
	Scheme string // as given to [Compile]
	Method string // the method that decided, or the challenge; empty when none did
	Field  string // the header, parameter or claim at fault, as the scheme names it
	Code   string // a word for the reason

	reason error // the sentinel
	cause  error // of a key set that could not be had; not printed
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("webhook: " + e.Scheme)
	for _, part := range []string{e.Method, e.Field} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if e.reason != nil {
		b.WriteString(": " + e.reason.Error())
	}
	return b.String()
}

// Unwrap returns the sentinel, [ErrRefused] where it is one, and what a [KeySource]
// answered, among it the context's error.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.reason != nil {
		errs = append(errs, e.reason)
		if !errors.Is(e.reason, ErrUnavailable) {
			errs = append(errs, ErrRefused)
		}
	}
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	return errs
}

// fail makes an Error that is still without the names of scheme and method.
func fail(reason error, field string) *Error {
	e := &Error{Field: field, reason: reason}
	if k, ok := reason.(*kind); ok { //nolint:errorlint // the sentinels themselves
		e.Code = k.code
	}
	return e
}
