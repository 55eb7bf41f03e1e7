package tieline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/internal/wire"
	"github.com/tieline/tieline/store"
)

// Errors to test for with [errors.Is]. Context errors pass through unchanged.
var (
	// ErrNotFound: there is no such integration or connection.
	ErrNotFound = errors.New("not found")
	// ErrUnknownIntegration: there is no integration of this key. It is an
	// ErrNotFound.
	ErrUnknownIntegration = fmt.Errorf("integration %w", ErrNotFound)
	// ErrExists: the name is taken.
	ErrExists = errors.New("already exists")
	// ErrInvalid: something given cannot be accepted. A [*FieldError] names it.
	ErrInvalid = errors.New("invalid")
	// ErrUnknownProvider: the catalog has no such provider.
	ErrUnknownProvider = errors.New("unknown provider")
	// ErrWrongMode: the provider's auth mode does not work this way, or takes
	// another kind of credential.
	ErrWrongMode = errors.New("does not fit the provider's auth mode")
	// ErrState: the callback does not belong to an authorization that this
	// browser started, or it was used already, or it is too old. Start again.
	ErrState = errors.New("authorization is unknown, used, expired, or another browser's")
	// ErrDenied: the user or the provider refused the authorization. An
	// [*AuthorizationError] has the code.
	ErrDenied = errors.New("authorization denied")
	// ErrVerification: the provider does not accept the credential.
	ErrVerification = errors.New("credential was not accepted by the provider")
	// ErrReauthRequired: the grant is gone. Only the user can help, by
	// authorizing again.
	ErrReauthRequired = errors.New("user has to authorize again")
	// ErrRefreshFailed: the credential has expired and could not be refreshed
	// now. Trying again later can help. A [*RefreshError] says when.
	ErrRefreshFailed = errors.New("refresh failed")
	// ErrNotRefreshable: the credential is of a kind that is never refreshed, or
	// came without the means to.
	ErrNotRefreshable = errors.New("credential cannot be refreshed")
	// ErrDamaged: stored bytes were changed, cut short, or moved from another row.
	ErrDamaged = errors.New("stored data is damaged or was moved")
	// ErrUnknownKey: stored bytes were sealed under a key that the Keyring lacks.
	ErrUnknownKey = errors.New("sealed under a key that is not in the keyring")
	// ErrNewerFormat: the row was written by a newer, incompatible version.
	ErrNewerFormat = errors.New("written by a newer, incompatible version")
	// ErrForbidden: a request may not go where it would: to an address outside the
	// public Internet, to a host that is not listed, or in the clear. [Outbound]
	// says what is allowed.
	ErrForbidden = outbound.ErrForbidden
	// ErrUnreachable: a request to the provider's API has no answer, for something
	// that happened on the way.
	ErrUnreachable = errors.New("provider could not be reached")
	// ErrClosed: the Client or its Store was closed.
	ErrClosed = errors.New("closed")
	// ErrTokenEndpoint: the provider's token endpoint refused, failed or could
	// not be reached. A [*TokenError] says which.
	ErrTokenEndpoint = errors.New("token endpoint")
)

// FieldError says which field cannot be accepted and why. It is an ErrInvalid.
// When several fields are wrong, the error is an [errors.Join] of one each.
type FieldError struct {
	Field  string // such as "key", "app.client_id" or "config.subdomain"
	Reason string // never contains the value
}

// Error names the field and the reason.
func (e *FieldError) Error() string { return e.Field + ": " + e.Reason }

// Is reports that a FieldError is an ErrInvalid.
func (e *FieldError) Is(target error) bool { return target == ErrInvalid }

// ErrorClass says what a failure at a token endpoint means for the grant.
type ErrorClass string

// The classes.
const (
	// ClassNotSent: the request did not leave this machine.
	ClassNotSent ErrorClass = ErrorClass(oauth.NotSent)
	// ClassTransient: the provider asks to come back later.
	ClassTransient ErrorClass = ErrorClass(oauth.Transient)
	// ClassConfig: the provider refuses the application, not the user. Somebody
	// has to look at the integration.
	ClassConfig ErrorClass = ErrorClass(oauth.Config)
	// ClassPermanent: the grant is refused.
	ClassPermanent ErrorClass = ErrorClass(oauth.Permanent)
	// ClassAmbiguous: the request may have been processed.
	ClassAmbiguous ErrorClass = ErrorClass(oauth.Ambiguous)
)

// TokenError is an answer of a token endpoint that is not a token, or a lost
// connection to it. It is an ErrTokenEndpoint.
type TokenError struct {
	Class  ErrorClass
	Status int    // of the HTTP response, 0 without one
	Code   string // the error code of RFC 6749 section 5.2, empty without one
	// Description is the provider's own text. It is a Secret because providers
	// put back into it what they were sent.
	Description Secret
	// RetryAfter is how long the provider asks to wait, 0 if it does not say.
	RetryAfter time.Duration
	// Err is what happened to the connection, nil when there was a response.
	Err error
}

func newTokenError(e *oauth.Error) *TokenError {
	return &TokenError{
		Class: ErrorClass(e.Class), Status: e.Status, Code: e.Code,
		Description: NewSecret(e.Description), RetryAfter: e.RetryAfter, Err: e.Err,
	}
}

// Error shows class, status and code, and nothing else of the response.
func (e *TokenError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "token endpoint: %s", e.Class)
	if e.Status != 0 {
		fmt.Fprintf(&b, ", status %d", e.Status)
	}
	if e.Code != "" {
		fmt.Fprintf(&b, ", %s", e.Code)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// Unwrap returns ErrTokenEndpoint and the cause.
func (e *TokenError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrTokenEndpoint}
	}
	return []error{ErrTokenEndpoint, e.Err}
}

// Temporary reports whether the same call can succeed later.
func (e *TokenError) Temporary() bool {
	return e.Class == ClassNotSent && !errors.Is(e.Err, ErrForbidden) || e.Class == ClassTransient || e.Class == ClassAmbiguous
}

// AuthorizationError is the refusal that a provider sent with the callback
// (RFC 6749 section 4.1.2.1). It is an ErrDenied.
type AuthorizationError struct {
	Code        string // such as "access_denied"; "unknown" if it is no code
	Description Secret // the provider's own text
}

// Error shows the code.
func (e *AuthorizationError) Error() string { return "authorization denied: " + e.Code }

// Is reports that an AuthorizationError is an ErrDenied.
func (e *AuthorizationError) Is(target error) bool { return target == ErrDenied }

// RefreshError says that a credential has expired and there is no new one. It
// is an ErrReauthRequired when only the user can help, else an
// ErrRefreshFailed.
type RefreshError struct {
	Failure Failure
	// RetryAt is when the next attempt is made at the earliest. Zero when none
	// will be made.
	RetryAt time.Time
	// Reauth is true when only a new authorization helps.
	Reauth bool
	// Err is what the attempt ended with, nil if it was made by another process
	// or at another time.
	Err error
}

// Error shows the failure's code and when the next attempt is due.
func (e *RefreshError) Error() string {
	kind := ErrRefreshFailed
	if e.Reauth {
		kind = ErrReauthRequired
	}
	text := kind.Error()
	if e.Failure.Code != "" {
		text += " (" + e.Failure.Code + ")"
	}
	if !e.RetryAt.IsZero() {
		text += ", next attempt " + e.RetryAt.UTC().Format(time.RFC3339)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns ErrReauthRequired or ErrRefreshFailed, and the cause.
func (e *RefreshError) Unwrap() []error {
	kind := ErrRefreshFailed
	if e.Reauth {
		kind = ErrReauthRequired
	}
	if e.Err == nil {
		return []error{kind}
	}
	return []error{kind, e.Err}
}

// UnsavedError names the connections whose new token could not be saved before
// [Client.Close] had to return. The tokens are lost when the process ends.
type UnsavedError struct {
	Connections []string // "integration/connection"
}

// Error lists the connections.
func (e *UnsavedError) Error() string {
	return "refreshed tokens are not saved: " + strings.Join(e.Connections, ", ")
}

// opError wraps err once with the operation and the names it was about.
func opError(op string, err error, names ...string) error {
	if err == nil || isContextError(err) {
		return err
	}
	var quoted []string
	for _, n := range names {
		if n != "" {
			quoted = append(quoted, fmt.Sprintf("%q", n))
		}
	}
	if len(quoted) > 0 {
		op += " " + strings.Join(quoted, "/")
	}
	return fmt.Errorf("%s: %w", op, translate(err))
}

// isContextError says whether err is one that the caller's own context made, to
// be handed back as it is.
func isContextError(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded
}

// translate gives errors of the layers below the names that users of this
// package know.
func translate(err error) error {
	var unknown *seal.UnknownKeyError
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%w", ErrNotFound)
	case errors.Is(err, store.ErrClosed):
		return fmt.Errorf("%w (store)", ErrClosed)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w (key %s)", ErrUnknownKey, unknown.ID)
	case errors.Is(err, record.ErrFormat):
		return fmt.Errorf("%w", ErrNewerFormat)
	case errors.Is(err, seal.ErrDamaged), errors.Is(err, wire.ErrMalformed):
		return fmt.Errorf("%w", ErrDamaged)
	default:
		return err
	}
}
