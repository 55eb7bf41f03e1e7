package functions

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tieline/tieline"
)

// Errors to test for with [errors.Is], beside those of package tieline.
var (
	// ErrUnknownFunction: the integration has no function of this name. It is a
	// [tieline.ErrNotFound].
	ErrUnknownFunction = fmt.Errorf("function %w", tieline.ErrNotFound)
	// ErrInput: the input is not what the function's schema asks for.
	ErrInput = errors.New("input does not fit the schema")
	// ErrRefused: the provider does not do what the function asked of it.
	ErrRefused = errors.New("provider refused")
	// ErrBug: the function itself is wrong: it panicked, or what it returned does not
	// fit its schema.
	ErrBug = errors.New("function is faulty")
	// ErrNoStore: runs that are kept need Config.Store and Config.Keys.
	ErrNoStore = errors.New("functions: Config.Store and Config.Keys are required to keep runs")
	// ErrKeyReused: the idempotency key has been used with another input. It is a
	// [tieline.ErrExists].
	ErrKeyReused = fmt.Errorf("idempotency key with another input %w", tieline.ErrExists)
	// ErrTakenOver: this process was not heard of for so long that another one may
	// have taken the run over. A function whose context has this cause should stop.
	ErrTakenOver = errors.New("run was taken over by another process")
	// ErrUnverified: a webhook that anybody may have sent starts nothing.
	ErrUnverified = errors.New("webhook is not verified")
)

// Kind says whose fault a failure is.
type Kind string

// The kinds of failure.
const (
	// KindInput: the caller's. Nothing was done.
	KindInput Kind = "input"
	// KindRefused: the provider said no. Asking again would not help.
	KindRefused Kind = "refused"
	// KindReauth: the user has to authorize again ([tieline.ErrReauthRequired]).
	KindReauth Kind = "reauth"
	// KindTemporary: nobody's for long: a provider that is busy or down, a timeout.
	KindTemporary Kind = "temporary"
	// KindBug: the function's.
	KindBug Kind = "bug"
	// KindFailed: the function said so, and no more.
	KindFailed Kind = "failed"
)

// KindOf tells the kind of a failure, and "" for nil.
func KindOf(err error) Kind {
	var refused *RefusedError
	var answer *tieline.StatusError // of Call.Pages
	var run *RunError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &run):
		return run.Kind
	case errors.Is(err, ErrInput):
		return KindInput
	case errors.Is(err, ErrBug):
		return KindBug
	case errors.Is(err, tieline.ErrReauthRequired):
		return KindReauth
	case errors.As(err, &refused):
		if refused.Temporary() {
			return KindTemporary
		}
		return KindRefused
	case errors.As(err, &answer):
		return KindOf(&RefusedError{Status: answer.Status})
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.Is(err, tieline.ErrRefreshFailed), errors.Is(err, tieline.ErrUnreachable),
		errors.Is(err, tieline.ErrClosed), errors.Is(err, ErrTakenOver):
		return KindTemporary
	}
	return KindFailed
}

// Temporary reports whether another attempt may do better.
func Temporary(err error) bool { return KindOf(err) == KindTemporary }

// RunError is how a run failed that somebody else made: another process, or an earlier
// call. It matches ErrInput, ErrBug, ErrRefused or [tieline.ErrReauthRequired] as its
// Kind says.
type RunError struct {
	Kind Kind
	Text string // of the error that the function ended with
}

// Error shows the text.
func (e *RunError) Error() string { return e.Text }

// Is compares the kind.
func (e *RunError) Is(target error) bool {
	switch e.Kind {
	case KindInput:
		return target == ErrInput
	case KindBug:
		return target == ErrBug
	case KindRefused:
		return target == ErrRefused
	case KindReauth:
		return target == tieline.ErrReauthRequired
	default:
		return false
	}
}

// returnedError is an error that a function returned, as opposed to one of what is
// around it.
type returnedError struct{ error }

func (e *returnedError) Unwrap() error { return e.error }

// Returned is the text of the error that a function returned, now or in the run that
// err tells of. It is not ok if err is not the function's but, say, the Store's, whose
// text is nothing for callers.
func Returned(err error) (text string, ok bool) {
	var run *RunError
	var returned *returnedError
	switch {
	case errors.As(err, &run):
		return run.Text, true
	case errors.As(err, &returned):
		return returned.Error(), true
	}
	return "", false
}

// InputError says what of an input does not fit. It is an ErrInput.
type InputError struct {
	// Err lists the faults, each with its path (RFC 6901).
	Err error
}

// Error shows the faults.
func (e *InputError) Error() string { return ErrInput.Error() + ": " + e.Err.Error() }

// Unwrap returns ErrInput and the faults.
func (e *InputError) Unwrap() []error { return []error{ErrInput, e.Err} }

// BugError is a failure of the function itself. It is an ErrBug.
type BugError struct {
	// Err is what is wrong; a [*PanicError] if it panicked.
	Err error
	// Stack is where it panicked; empty if it did not.
	Stack string
}

// Error shows the cause without the stack.
func (e *BugError) Error() string { return ErrBug.Error() + ": " + e.Err.Error() }

// Unwrap returns ErrBug and the cause.
func (e *BugError) Unwrap() []error { return []error{ErrBug, e.Err} }

// PanicError is a panic of a function. Its text does not have the value, which can be
// anything the function had at hand; texts of errors are logged and kept.
type PanicError struct {
	Value any
}

// Error says that there was a panic.
func (e *PanicError) Error() string { return "it panicked" }

// Unwrap returns the value if that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// RefusedError is an answer of the provider that is no success. It is an ErrRefused
// unless it is [RefusedError.Temporary].
type RefusedError struct {
	Status int
	// RetryAfter is how long the provider asks to wait, 0 if it does not say.
	RetryAfter time.Duration
}

// Error shows the status.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%v: %d %s", ErrRefused, e.Status, http.StatusText(e.Status))
}

// Temporary reports whether the provider is busy, or broken for now.
func (e *RefusedError) Temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusRequestTimeout || e.Status >= 500
}

// Is reports that the error is an ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused && !e.Temporary() }

// Check returns a [RefusedError] for an answer whose status is not 2xx, and nil for
// others. The body is left alone.
func Check(resp *http.Response) error {
	if resp.StatusCode/100 == 2 {
		return nil
	}
	e := &RefusedError{Status: resp.StatusCode}
	if after, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil && after > 0 {
		e.RetryAfter = after
	}
	return e
}
