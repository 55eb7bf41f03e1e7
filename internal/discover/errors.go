package discover

import (
	"errors"
	"strconv"
	"strings"

	"github.com/tieline/tieline/internal/outbound"
)

// kind is a sentinel with the code that [Error.Code] shows for it.
type kind struct{ code, text string }

func (k *kind) Error() string { return k.text }

// What can be wrong, to be told apart with errors.Is.
var (
	// ErrNone means that the server publishes no such metadata (a 4xx answer at
	// every place). It is what a server of the time before RFC 9728 answers.
	ErrNone error = &kind{"none", "the server publishes none"}
	// ErrUnreachable means that there was no answer, or not a whole one.
	ErrUnreachable error = &kind{"unreachable", "no whole answer"}
	// ErrStatus is an answer whose status tells neither yes nor no: 5xx, 429, ...
	ErrStatus error = &kind{"status", "unexpected status"}
	// ErrRedirect is a redirect to another origin, from a POST, or one too many.
	// It was not followed.
	ErrRedirect error = &kind{"redirect", "redirect not followed"}
	// ErrTooLarge is an answer of more than 1 MiB.
	ErrTooLarge error = &kind{"too_large", "answer too large"}
	// ErrNotJSON is an answer that is no JSON object: HTML, a truncated one, ...
	ErrNotJSON error = &kind{"not_json", "answer is no JSON object"}
	// ErrMismatch is metadata of something else than was asked about (RFC 8414
	// section 3.3, RFC 9728 section 3.3).
	ErrMismatch error = &kind{"mismatch", "metadata is not of what was asked about"}
	// ErrMissing is a required field that is not there.
	ErrMissing error = &kind{"missing", "required field missing"}
	// ErrType is a field of a wrong JSON type, or a value that cannot be one.
	ErrType error = &kind{"type", "field has a wrong type or value"}
	// ErrURL is a URL that is not https (or what [Options] allow), not absolute,
	// or has a fragment or user information.
	ErrURL error = &kind{"url", "URL not allowed"}
	// ErrPKCE is a server that lists its code challenge methods, S256 not among
	// them (RFC 7636 section 4.2).
	ErrPKCE error = &kind{"no_s256", "the server does not support PKCE with S256"}
	// ErrClientID is a URL that cannot be a client ID.
	ErrClientID error = &kind{"client_id", "URL cannot be a client ID"}
)

// What a registration is refused for (RFC 7591 section 3.2.2).
var (
	ErrInvalidRedirectURI          error = &kind{"invalid_redirect_uri", "redirect URI refused"}
	ErrInvalidClientMetadata       error = &kind{"invalid_client_metadata", "client metadata refused"}
	ErrInvalidSoftwareStatement    error = &kind{"invalid_software_statement", "software statement refused"}
	ErrUnapprovedSoftwareStatement error = &kind{"unapproved_software_statement", "software statement not approved"}
	// ErrRefused is a refusal (a 4xx answer) for any other reason, or none.
	ErrRefused error = &kind{"refused", "refused"}
)

// Error says which step failed and why. Nothing in it comes from the server but
// its status: Code and Field are from a fixed set of words.
type Error struct {
	Step   string // one of the Step constants
	Code   string // a word for the reason, of RFC 7591 section 3.2.2 where it has one
	Field  string // the metadata field at fault, where there is one
	Status int    // of the answer, 0 without one

	reason  error // the sentinel
	cause   error // what happened to the connection, nil with an answer
	foreign bool  // the document was not shown to be of what was asked about
}

// fail makes an Error. A field of "" means none, a status of 0 no answer.
func fail(step string, reason error, field string, status int) *Error {
	e := &Error{Step: step, Field: field, Status: status, reason: reason}
	if k, ok := reason.(*kind); ok { //nolint:errorlint // the sentinels themselves
		e.Code = k.code
	}
	return e
}

// Error names the step, the reason and the field.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Step)
	if e.reason != nil {
		b.WriteString(": " + e.reason.Error())
	}
	if e.Field != "" {
		b.WriteString(" (" + e.Field + ")")
	}
	if e.Status != 0 {
		b.WriteString(", status " + strconv.Itoa(e.Status))
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap returns the sentinel, and what happened to the connection, among it
// the context's error.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.reason, e.cause} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// isForbidden says whether the guarded transport refused the request.
func isForbidden(err error) bool { return errors.Is(err, outbound.ErrForbidden) }
