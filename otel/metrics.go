package tielineotel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tieline/tieline"
)

// instruments are what is measured.
type instruments struct {
	refreshes, events metric.Int64Counter
	durations         map[tieline.OperationName]metric.Float64Histogram
	store             metric.Float64Histogram
}

func newInstruments(m metric.Meter) (instruments, error) {
	var errs []error
	count := func(name, unit, description string) metric.Int64Counter {
		c, err := m.Int64Counter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
		return c
	}
	seconds := func(name, description string, bounds ...float64) metric.Float64Histogram {
		h, err := m.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(description), metric.WithExplicitBucketBoundaries(bounds...))
		errs = append(errs, err)
		return h
	}
	// The Store is asked in less than a millisecond, a provider in less than the 20 s
	// that it gets, and another process is watched for up to 45 s.
	fast := []float64{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
	slow := []float64{0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 45, 90}
	i := instruments{
		refreshes: count("tieline.refresh.count", "{refresh}", "Refreshes of connections, by how they ended."),
		events:    count("tieline.event.count", "{event}", "What happened to connections and integrations."),
		durations: map[tieline.OperationName]metric.Float64Histogram{
			tieline.OpRefresh:      seconds("tieline.refresh.duration", "Time from finding something to do until it is stored.", slow...),
			tieline.OpConnect:      seconds("tieline.connect.duration", "Time from a callback, a form or a webhook until the connection is stored.", slow...),
			tieline.OpTokenRequest: seconds("tieline.token_request.duration", "Time of a request for a token.", slow...),
			tieline.OpLeaseWait:    seconds("tieline.lease.wait.duration", "Time that another process was waited for.", slow...),
			tieline.OpVerify:       seconds("tieline.verify.duration", "Time of trying a credential out.", slow...),
			tieline.OpAPICall:      seconds("tieline.api_call.duration", "Time until the header of an API's answer.", slow...),
		},
		store: seconds("tieline.store.duration", "Time of a call of the Store.", fast...),
	}
	return i, errors.Join(errs...)
}

// record measures an operation that has ended. Nothing that there are many of is an
// attribute.
func (t *Telemetry) record(ctx context.Context, op tieline.Operation, r tieline.Result) {
	attrs := []attribute.KeyValue{keyProvider.String(op.Provider)}
	if op.Method != "" {
		attrs = append(attrs, method(op.Method))
	}
	if r.Status != 0 {
		attrs = append(attrs, keyStatusClass.String(strconv.Itoa(r.Status/100)+"xx"))
	}
	if out := outcome(op, r); out != "" {
		attrs = append(attrs, keyOutcome.String(out))
	}
	if kind, code := failure(r); kind != "" {
		attrs = append(attrs, keyErrorType.String(kind))
		if code = bounded(code); code != "" {
			attrs = append(attrs, keyCode.String(code))
		}
	}
	set := metric.WithAttributeSet(attribute.NewSet(attrs...))
	if h := t.durations[op.Name]; h != nil {
		h.Record(ctx, r.Ended.Sub(op.Began).Seconds(), set)
	}
	if op.Name == tieline.OpRefresh {
		t.refreshes.Add(ctx, 1, set)
	}
}

// outcome is how a refresh or a connection ended.
func outcome(op tieline.Operation, r tieline.Result) string {
	switch {
	case op.Name == tieline.OpConnect && r.Err == nil:
		return "connected"
	case op.Name == tieline.OpConnect:
		return "failed"
	case op.Name != tieline.OpRefresh:
		return ""
	case r.Exchanges == 0:
		return "not_asked"
	case r.Err == nil:
		return "refreshed"
	case errors.Is(r.Err, tieline.ErrReauthRequired):
		return "reauth_required"
	}
	return "failed"
}

// failure is of which kind a failure is, empty if there was none, and the provider's
// code or what stands for it.
func failure(r tieline.Result) (kind, code string) {
	var refresh *tieline.RefreshError
	var token *tieline.TokenError
	var denied *tieline.AuthorizationError
	err := r.Err
	switch {
	case err == nil && r.Status >= 400:
		return strconv.Itoa(r.Status), ""
	case err == nil:
		return "", ""
	case errors.As(err, &refresh) && refresh.Failure.Class != "":
		return string(refresh.Failure.Class), refresh.Failure.Code
	case errors.As(err, &refresh):
		return "refresh_failed", refresh.Failure.Code
	case errors.As(err, &token):
		return string(token.Class), token.Code
	case errors.As(err, &denied):
		return "denied", denied.Code
	}
	for _, k := range []struct {
		err  error
		kind string
	}{
		{context.Canceled, "cancelled"}, {context.DeadlineExceeded, "timeout"}, {tieline.ErrForbidden, "forbidden"},
		{tieline.ErrVerification, "verification"}, {tieline.ErrState, "state"}, {tieline.ErrInvalid, "invalid"},
		{tieline.ErrWrongMode, "wrong_mode"}, {tieline.ErrNotFound, "not_found"}, {tieline.ErrExists, "exists"},
		{tieline.ErrClosed, "closed"}, {tieline.ErrTokenEndpoint, "token_endpoint"},
	} {
		if errors.Is(err, k.err) {
			return k.kind, ""
		}
	}
	return "_OTHER", ""
}

// bounded keeps the codes that there are a known number of: a provider may put
// anything into its own.
func bounded(code string) string {
	switch code {
	case "", "lost_rotation", "contention", "unsaved", "unreachable", "no_answer", "panic", "provider_data",
		// RFC 6749 sections 4.1.2.1 and 5.2, and RFC 8628 section 3.5.
		"invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"access_denied", "unsupported_response_type", "server_error", "temporarily_unavailable", "expired_token", "invalid_token",
		"unknown":
		return code
	}
	if status, ok := strings.CutPrefix(code, "http_"); ok && len(status) == 3 {
		if n, err := strconv.Atoi(status); err == nil && n >= 100 && http.StatusText(n) != "" {
			return fmt.Sprintf("http_%d", n)
		}
	}
	return "other"
}

// method is that of a request. Those of RFC 9110 and PATCH are known.
func method(m string) attribute.KeyValue {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return keyMethod.String(m)
	}
	return keyMethod.String("_OTHER")
}
