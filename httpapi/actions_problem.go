package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/internal/schema"
)

const (
	// askAgain is when a caller may try again where nobody says; askAgainMax bounds
	// what a provider says.
	askAgain    = 5 * time.Second
	askAgainMax = time.Hour
)

// actionProblem says what an error of a run is to the caller.
func (s *server) actionProblem(w http.ResponseWriter, r *http.Request, a action, err error) error {
	text, returned := functions.Returned(err)
	kind := functions.KindOf(err)
	switch {
	case r.Context().Err() != nil, errors.Is(err, tieline.ErrClosed):
		return err
	case errors.Is(err, functions.ErrNoStore):
		return &problem{status: http.StatusNotImplemented, code: "not_implemented", message: "This service keeps no runs"}
	case errors.Is(err, functions.ErrKeyReused):
		return &problem{status: http.StatusUnprocessableEntity, code: "idempotency_key_reused", message: "The idempotency key has been used with another input"}
	case !returned && errors.Is(err, tieline.ErrUnknownIntegration):
		return errUnknownIntegration
	case !returned && errors.Is(err, functions.ErrUnknownFunction):
		return notFound("The integration has no function %q", a.name)
	case !returned && errors.Is(err, tieline.ErrNotFound):
		return errUnknownConnection
	case !returned && kind == functions.KindFailed:
		return err // not the function's failure
	}
	var (
		run     *functions.RunError
		input   *functions.InputError
		refused *functions.RefusedError
	)
	if errors.As(err, &run) {
		return s.ended(r, run.Kind, run.Text)
	}
	s.logFailure(r, a, kind, err)
	p := s.failure(r, kind, text)
	switch {
	case errors.As(err, &input):
		p.describe(input)
	case kind == functions.KindRefused && errors.As(err, &refused):
		p.payload = map[string]int{"status": refused.Status}
	case kind == functions.KindTemporary:
		retryAfter(w, s.askAgain(err))
		if errors.Is(err, context.DeadlineExceeded) {
			p.status, p.code, p.message = http.StatusGatewayTimeout, "execution_timeout", "The action took too long"
		}
	}
	return p
}

// failure is the answer to a kind of failure. Only what the function says it failed
// with is for callers: other texts may have anything in them.
func (s *server) failure(r *http.Request, kind functions.Kind, text string) *problem {
	answer := func(status int, code, message string) *problem {
		return &problem{status: status, code: code, message: message}
	}
	switch kind {
	case functions.KindInput:
		return answer(http.StatusBadRequest, "invalid_action_input", text)
	case functions.KindRefused:
		return answer(http.StatusFailedDependency, "script_http_error", "The provider refused what the action asked for")
	case functions.KindReauth:
		return errReauth
	case functions.KindTemporary:
		return answer(http.StatusServiceUnavailable, "action_unavailable", "The action could not be carried out for now")
	case functions.KindBug:
		return answer(http.StatusInternalServerError, "action_script_runtime_error",
			fmt.Sprintf("The action is faulty. The request ID %s tells the operator how.", requestID(r.Context())))
	case functions.KindFailed:
	}
	return answer(http.StatusInternalServerError, "action_script_failure", text)
}

// ended is the answer to a failure that is final: a run that will not be tried again.
func (s *server) ended(r *http.Request, kind functions.Kind, text string) *problem {
	p := s.failure(r, kind, text)
	if kind == functions.KindTemporary {
		p.status = http.StatusInternalServerError
	}
	return p
}

// describe lists the faults of an input, each with its place in it: as a JSON pointer
// (RFC 6901) in the message, and as a path.
func (p *problem) describe(input *functions.InputError) {
	var faults schema.Errors
	if !errors.As(input, &faults) {
		p.message = input.Err.Error()
		return
	}
	p.message = "Failed to validate the input passed to the action"
	for _, fault := range faults {
		path := []string{"input"}
		for step := range strings.SplitSeq(strings.TrimPrefix(fault.Path, "/"), "/") {
			if fault.Path != "" {
				path = append(path, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
			}
		}
		p.items = append(p.items, item{Code: "custom", Message: fault.Error(), Path: path})
	}
}

// askAgain is when what failed for now may be tried again.
func (s *server) askAgain(err error) time.Duration {
	var refused *functions.RefusedError
	var refresh *tieline.RefreshError
	wait := askAgain
	switch {
	case errors.As(err, &refused):
		wait = max(wait, refused.RetryAfter)
	case errors.As(err, &refresh) && !refresh.RetryAt.IsZero():
		wait = max(wait, refresh.RetryAt.Sub(s.options.Now()))
	}
	return min(wait, askAgainMax)
}

// logFailure tells the operator more than the caller is told.
func (s *server) logFailure(r *http.Request, a action, kind functions.Kind, err error) {
	level := slog.LevelWarn
	switch kind {
	case functions.KindInput:
		return
	case functions.KindBug:
		level = slog.LevelError
	default:
	}
	attrs := []any{"request_id", requestID(r.Context()), "integration", a.to.Integration, "connection", a.to.Connection, "function", a.name, "kind", string(kind)}
	var bug *functions.BugError
	if !errors.As(err, &bug) || bug.Stack == "" { // what it panicked with may be anything
		attrs = append(attrs, "error", err.Error())
	}
	s.log.Log(r.Context(), level, "action failed", attrs...)
}
