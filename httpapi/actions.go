package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

// Clients of the surface know a function that runs for a connection as an action.

const (
	patternAction = `^[a-zA-Z0-9._-]+$`
	maxRerun      = 5 // of x-max-retries
)

func (s *server) actionRoutes() []route {
	routes := []route{
		{method: "POST", pattern: "/action/trigger", serve: s.triggerAction},
		{method: "POST", pattern: "/integrations/{key}/functions/{name}", serve: s.callFunction},
		{method: "GET", pattern: "/action/{id}", serve: s.actionResult},
	}
	for n := range routes {
		routes[n].access, routes[n].scopes, routes[n].jsonOnly = keyOnly, []string{ScopeActionsExecute}, true
		routes[n].serve = s.withFunctions(routes[n].serve)
	}
	return routes
}

// withFunctions answers for a service that has no functions.
func (s *server) withFunctions(serve func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	if s.options.Functions != nil {
		return serve
	}
	return func(http.ResponseWriter, *http.Request) error { return notFound("There are no functions here") }
}

// noQuery refuses what nothing would read.
func noQuery(r *http.Request) error {
	q := readQuery(r.URL.Query())
	q.strict()
	return q.err("invalid_query_params")
}

// action is a function that a caller wants to run.
type action struct {
	to    functions.Target
	name  string
	input json.RawMessage
	async bool
	key   string // for idempotency; empty: none
}

// readHeader reads what headers say of a run.
func (a *action) readHeader(o *object) {
	a.to.Connection = connectionID(o, "connection-id")
	async, _ := o.optionalText("x-async", trueOrFalse)
	a.async = async == "true"
	if retries, _ := o.optionalText("x-max-retries"); retries != "" {
		number(o, "x-max-retries", 0, maxRerun, 0) // how often it is tried is the function's to say
	}
	a.key, _ = o.optionalText("idempotency-key", maxLength(maxName))
}

// triggerAction is the form in which the body names the function.
func (s *server) triggerAction(w http.ResponseWriter, r *http.Request) error {
	var a action
	header := readHeader(r.Header)
	a.to.Integration = integrationKey(header, "provider-config-key")
	a.readHeader(header)
	if err := header.err("invalid_headers"); err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	data, err := readData(r)
	if err != nil {
		return err
	}
	body, err := parseBody(data)
	if err != nil {
		return err
	}
	a.name = body.text("action_name", matching(patternAction), maxLength(maxName))
	body.ignore("input")
	body.strict()
	if err := body.err("invalid_body"); err != nil {
		return err
	}
	var members map[string]json.RawMessage // the input as it is written
	if err := json.Unmarshal(data, &members); err != nil {
		return err
	}
	a.input = members["input"]
	return s.run(w, r, a)
}

// callFunction is the form in which the path names the function and the body is the
// input: an operation that a document can describe.
func (s *server) callFunction(w http.ResponseWriter, r *http.Request) error {
	key, name, err := functionInPath(r)
	if err != nil {
		return err
	}
	a := action{name: name, to: functions.Target{Integration: key}}
	header := readHeader(r.Header)
	a.readHeader(header)
	if err := header.err("invalid_headers"); err != nil {
		return err
	}
	if err := noQuery(r); err != nil {
		return err
	}
	if a.input, err = readData(r); err != nil {
		return err
	}
	return s.run(w, r, a)
}

// run runs a function now, or accepts that it will be run.
func (s *server) run(w http.ResponseWriter, r *http.Request, a action) error {
	o := functions.RunOptions{IdempotencyKey: a.key}
	if !a.async {
		output, err := s.options.Functions.CallWith(r.Context(), a.to, a.name, a.input, o)
		if err != nil {
			return s.actionProblem(w, r, a, err)
		}
		writeRaw(w, output)
		return nil
	}
	run, err := s.options.Functions.Start(r.Context(), a.to, a.name, a.input, o)
	if err != nil {
		return s.actionProblem(w, r, a, err)
	}
	path := "/action/" + run.ID
	w.Header().Set("Location", s.options.PublicURL+path)
	writeJSON(w, http.StatusAccepted, map[string]string{"id": run.ID, "statusUrl": path})
	return nil
}

// actionResult is what has become of a run. 404 is what pollers take for "not yet".
func (s *server) actionResult(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	run, err := s.options.Functions.Get(r.Context(), id)
	if errors.Is(err, tieline.ErrNotFound) || errors.Is(err, functions.ErrNoStore) {
		return notFound("No action '%s' found", id)
	}
	if err != nil {
		return err
	}
	switch run.Status {
	case functions.StatusDone:
		writeRaw(w, run.Output)
		return nil
	case functions.StatusFailed:
		return s.ended(r, run.Kind, run.Error)
	}
	retryAfter(w, max(time.Second, run.DueAt.Sub(s.options.Now())))
	return &problem{status: http.StatusNotFound, code: "action_not_completed", message: "The action has not completed yet",
		payload: map[string]any{"status": run.Status, "attempt": run.Attempt}}
}

// writeRaw writes an output, which is JSON.
func writeRaw(w http.ResponseWriter, data []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(data) // the caller is gone if this fails
}
