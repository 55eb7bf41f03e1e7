package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tieline/tieline"
)

// problem is an answer that says what is wrong. It is the error of every handler
// that fails in a way that the caller may know of.
type problem struct {
	status  int
	code    string
	message string // may be empty
	items   []item // of a validation
	payload any    // nil: none
}

// item is one thing that is wrong with a request, with the codes of Zod, which is
// what clients of the surface know.
type item struct {
	Code    string   `json:"code"`
	Message string   `json:"message"`
	Path    []string `json:"path"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.status, p.code, p.message) }

func (p *problem) MarshalJSON() ([]byte, error) {
	body := struct {
		Code    string `json:"code"`
		Message string `json:"message,omitempty"`
		Errors  []item `json:"errors,omitempty"`
		Payload any    `json:"payload,omitempty"`
	}{p.code, p.message, p.items, p.payload}
	return json.Marshal(map[string]any{"error": body})
}

// noPayload is the payload of problems that have an empty one.
func noPayload() any { return struct{}{} }

func notFound(format string, args ...any) *problem {
	return &problem{status: http.StatusNotFound, code: "not_found", message: fmt.Sprintf(format, args...)}
}

func invalid(code string, items ...item) *problem {
	return &problem{status: http.StatusBadRequest, code: code, items: items}
}

// invalidBody is a body that cannot be accepted for a reason that has no path.
func invalidBody(message string) *problem {
	return &problem{status: http.StatusBadRequest, code: "invalid_body", message: message}
}

// statusGone is for the log: the caller went away before there was an answer.
const statusGone = 499

// fail answers with an error. What is not a problem is the server's own, and only
// the log hears about it.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var p *problem
	switch {
	case errors.As(err, &p):
	case errors.Is(r.Context().Err(), context.Canceled):
		p = &problem{status: statusGone, code: "canceled", message: "The caller did not wait"} // for the log
	default:
		p = s.internal(r, err)
	}
	writeJSON(w, p.status, p)
}

func (s *server) internal(r *http.Request, err error) *problem {
	p := &problem{status: http.StatusInternalServerError, code: "server_error", message: "Something went wrong. The request ID tells the operator what."}
	switch {
	case errors.Is(err, tieline.ErrClosed):
		p = &problem{status: http.StatusServiceUnavailable, code: "shutting_down", message: "The service is shutting down"}
	case errors.Is(err, context.DeadlineExceeded):
		p = &problem{status: http.StatusGatewayTimeout, code: "timeout", message: "It took too long"}
	}
	s.log.ErrorContext(r.Context(), "request failed", "request_id", requestID(r.Context()), "status", p.status, "error", err.Error())
	return p
}

// writeJSON writes an answer. JSON that is not ours alone is never a page.
func writeJSON(w http.ResponseWriter, status int, body any) {
	data, err := json.Marshal(body)
	if err != nil { // our own types all marshal
		status, data = http.StatusInternalServerError, []byte(`{"error":{"code":"server_error"}}`)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(data) // the caller is gone if this fails
}
