package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/tieline/tieline"
)

// errAPI: the provider's API has answered with something else than 200.
var errAPI = errors.New("the provider's API did not answer as expected")

// failures says how errors are answered. The first that fits counts: a refresh
// that failed for now is one whatever it failed of.
var failures = []struct {
	err    error
	status int
	text   string
}{
	{tieline.ErrReauthRequired, http.StatusConflict, "the provider asks you to connect again"},
	{tieline.ErrRefreshFailed, http.StatusServiceUnavailable, "the provider does not answer, try again later"},
	{tieline.ErrState, http.StatusBadRequest, "this sign-in was used already, is too old, or began in another browser: connect again"},
	{tieline.ErrDenied, http.StatusForbidden, "access was not granted"},
	{tieline.ErrTokenEndpoint, http.StatusBadGateway, "the provider did not complete the sign-in: connect again"},
	{tieline.ErrNotFound, http.StatusNotFound, "there is no such connection"},
	{tieline.ErrInvalid, http.StatusBadRequest, "the request cannot be accepted"},
	{tieline.ErrClosed, http.StatusServiceUnavailable, "the service is shutting down"},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "the provider takes too long"},
	{errAPI, http.StatusBadGateway, "the provider's API did not answer as expected"},
}

// fail answers an error. Tieline's hold no secret and may be logged; what the
// user is told is up to the application.
func (a *accounts) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there any more
	}
	status, text := http.StatusInternalServerError, "something went wrong"
	if errors.As(err, new(*url.Error)) { // the API was not reached
		status, text = http.StatusBadGateway, errAPI.Error()
	}
	for _, f := range failures {
		if errors.Is(err, f.err) {
			status, text = f.status, f.text
			break
		}
	}
	if refresh := (*tieline.RefreshError)(nil); errors.As(err, &refresh) && !refresh.RetryAt.IsZero() {
		seconds := max(1, int(time.Until(refresh.RetryAt)/time.Second)+1)
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	a.log.WarnContext(r.Context(), "request failed", "path", r.URL.Path, "status", status, "error", err)
	http.Error(w, text, status)
}
