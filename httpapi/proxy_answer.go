package httpapi

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/tieline/tieline"
)

// copySize is how much of an answer is in memory at a time, in bytes.
const copySize = 32 << 10

// passBack gives the caller the provider's answer as it comes.
func (s *server) passBack(w http.ResponseWriter, r *http.Request, resp *http.Response, idle *watchdog) error {
	if resp.StatusCode < 200 {
		return &problem{status: http.StatusBadGateway, code: "upstream_error", message: "The provider answered with something that is no answer"}
	}
	copyAnswerHeader(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	flush := func() {}
	if resp.ContentLength < 0 || kind == "text/event-stream" {
		rc := http.NewResponseController(w)
		flush = func() { _ = rc.Flush() } // a writer that cannot flush does not hold back
		flush()
	}
	buf := make([]byte, copySize)
	for {
		n, err := resp.Body.Read(buf)
		idle.progress()
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return nil // the caller is gone
			}
			flush()
		}
		if err == io.EOF { //nolint:errorlint // readers return it bare
			return nil
		}
		if err != nil {
			if r.Context().Err() == nil {
				s.log.WarnContext(r.Context(), "the provider's answer broke off", "request_id", requestID(r.Context()), "error", err.Error())
			}
			// It is too late for a status: the caller must not take this for the end.
			panic(http.ErrAbortHandler)
		}
	}
}

// copyAnswerHeader passes on what the provider says of its answer. What it says of
// its host, to browsers and to caches does not hold here.
func copyAnswerHeader(to, from http.Header) {
	named := map[string]bool{}
	for _, list := range from.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			named[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	for name, values := range from {
		if !named[name] && !perHop(name) && !ofTheHost(name) {
			to[name] = values
		}
	}
}

// ofTheHost are headers about the host that an answer came from, or instructions to
// what stands before this one.
func ofTheHost(name string) bool {
	switch name {
	case "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security", "Alt-Svc", "Clear-Site-Data", "Service-Worker-Allowed",
		"Nel", "Report-To", "Reporting-Endpoints", "Timing-Allow-Origin", "X-Content-Type-Options", "Referrer-Policy",
		"Surrogate-Control", "X-Sendfile", "X-Litespeed-Location", "X-Reproxy-Url", "Refresh":
		return true
	}
	// Some answers to different connections have the same URL here, so none is
	// kept. The X-Accel- headers tell nginx to send another file.
	return strings.HasPrefix(name, "Access-Control-") || strings.HasPrefix(name, "Cross-Origin-") ||
		strings.HasPrefix(name, "Public-Key-Pins") || strings.HasPrefix(name, "X-Accel-") || strings.HasSuffix(name, "Cache-Control")
}

var (
	errOverride = &problem{status: http.StatusBadRequest, code: "base_url_override_not_allowed", message: "This base URL override is not allowed by server configuration."}

	errUnknownIntegration = &problem{status: http.StatusNotFound, code: "unknown_provider_config", message: "There is no such integration", payload: noPayload()}
	errUnknownConnection  = &problem{status: http.StatusNotFound, code: "unknown_connection", message: "Failed to get connection", payload: noPayload()}
)

// proxyProblem says what an error of the call is to the caller.
func (s *server) proxyProblem(ctx context.Context, call *proxyCall, err error) error {
	// The text of a url.Error is the URL, with its query.
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var (
		refresh *tieline.RefreshError
		field   *tieline.FieldError
	)
	answer := func(status int, code, message string) error {
		return &problem{status: status, code: code, message: message}
	}
	switch {
	case errors.Is(context.Cause(ctx), errIdle):
		return answer(http.StatusGatewayTimeout, "upstream_timeout", "The provider took too long")
	case errors.Is(err, tieline.ErrUnknownIntegration):
		return errUnknownIntegration
	case errors.Is(err, tieline.ErrNotFound):
		return errUnknownConnection
	case errors.As(err, &refresh):
		return s.refreshProblem(refresh)
	case errors.Is(err, tieline.ErrForbidden) && call.override != "":
		return errOverride
	case errors.Is(err, tieline.ErrForbidden):
		return answer(http.StatusBadRequest, "url_not_allowed", "The call may not go to this address")
	case errors.Is(err, errHops):
		return answer(http.StatusBadGateway, "too_many_redirects", "The provider redirects too often")
	case errors.Is(err, tieline.ErrUnreachable):
		s.log.WarnContext(ctx, "provider not reached", "request_id", requestID(ctx), "integration", call.integration, "error", err.Error())
		return answer(http.StatusBadGateway, "upstream_unreachable", "The provider could not be reached")
	case errors.Is(err, tieline.ErrWrongMode):
		return answer(http.StatusBadRequest, "unsupported_auth", "The provider's auth mode has nothing to put on a call")
	case errors.As(err, &field) && field.Field == "body":
		return answer(http.StatusBadRequest, "invalid_body", field.Error())
	case errors.As(err, &field):
		return answer(http.StatusBadRequest, "missing_api_url", "The call cannot be made: "+field.Error())
	case errors.Is(err, tieline.ErrInvalid):
		return answer(http.StatusBadRequest, "missing_api_url", "The provider has no base URL; set Base-Url-Override")
	}
	return err
}

const noCredential = "Failed to get connection credentials: "

var errReauth = &problem{status: http.StatusFailedDependency, code: "connection_refresh_exhausted", message: noCredential + "the user has to authorize again"}

// refreshProblem is a credential that has expired and could not be renewed.
func (s *server) refreshProblem(e *tieline.RefreshError) error {
	switch {
	case e.Reauth:
		return errReauth
	case e.Err == nil:
		return &problem{status: http.StatusFailedDependency, code: "connection_refresh_backoff", message: noCredential + "a recent refresh failed, and the next is not due yet"}
	}
	return &problem{status: http.StatusFailedDependency, code: "connection_refresh_failed", message: noCredential + "the refresh failed and will be tried again"}
}
