// Package tielineotel makes OpenTelemetry spans and metrics of what a
// [tieline.Client] does.
//
// It uses the API of OpenTelemetry and no SDK: what becomes of spans and metrics is
// the application's matter. docs/observability.md lists them.
package tielineotel

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/tieline/tieline"
)

// scope is the name of the instrumentation.
const scope = "github.com/tieline/tieline/otel"

// Options say where spans and metrics go. The zero value uses the global providers.
type Options struct {
	// TracerProvider gets the spans. Default: otel.GetTracerProvider().
	TracerProvider trace.TracerProvider
	// MeterProvider gets the metrics. Default: otel.GetMeterProvider().
	MeterProvider metric.MeterProvider
}

// Telemetry is a [tieline.Tracer]. It has an OnEvent for [tieline.Config] as well,
// and measures a Store. It holds no secret, starts nothing and needs no closing.
type Telemetry struct {
	tracer trace.Tracer
	meter  metric.Meter
	instruments
}

// New makes a Telemetry. The error is one of the MeterProvider's.
func New(o Options) (*Telemetry, error) {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	t := &Telemetry{tracer: o.TracerProvider.Tracer(scope), meter: o.MeterProvider.Meter(scope)}
	var err error
	if t.instruments, err = newInstruments(t.meter); err != nil {
		return nil, fmt.Errorf("tielineotel: new: %w", err)
	}
	return t, nil
}

// Start implements [tieline.Tracer]. A refresh is the root of a trace, with a link to
// the span that set it off; every other span is a child of what ctx has.
func (t *Telemetry) Start(ctx context.Context, op tieline.Operation) (context.Context, func(tieline.Result)) {
	options := []trace.SpanStartOption{
		trace.WithTimestamp(op.Began), trace.WithSpanKind(kindOf(op.Name)),
		trace.WithAttributes(keyIntegration.String(op.Integration), keyConnection.String(op.Connection), keyProvider.String(op.Provider)),
	}
	if op.Cause != nil && trace.SpanContextFromContext(op.Cause).IsValid() {
		options = append(options, trace.WithLinks(trace.LinkFromContext(op.Cause)))
	}
	if op.Method != "" {
		options = append(options, trace.WithAttributes(method(op.Method)))
	}
	if op.Attempt > 1 {
		options = append(options, trace.WithAttributes(keyResends.Int(op.Attempt-1)))
	}
	ctx, span := t.tracer.Start(ctx, "tieline."+string(op.Name), options...)
	return ctx, func(r tieline.Result) {
		end(span, op, r)
		t.record(ctx, op, r)
	}
}

func kindOf(op tieline.OperationName) trace.SpanKind {
	switch op {
	case tieline.OpTokenRequest, tieline.OpVerify, tieline.OpAPICall:
		return trace.SpanKindClient
	}
	return trace.SpanKindInternal
}

// end says on the span how it went.
func end(span trace.Span, op tieline.Operation, r tieline.Result) {
	if out := outcome(op, r); out != "" {
		span.SetAttributes(keyOutcome.String(out))
	}
	if op.Name == tieline.OpRefresh {
		span.SetAttributes(keyExchanges.Int(r.Exchanges))
	}
	if r.Status != 0 {
		span.SetAttributes(keyStatus.Int(r.Status))
	}
	if kind, code := failure(r); kind != "" {
		span.SetAttributes(keyErrorType.String(kind))
		text := kind
		if code != "" {
			span.SetAttributes(keyCode.String(code))
			text += ": " + code
		}
		// Not the error's text: that is for the log.
		span.SetStatus(codes.Error, text)
	}
	span.End(trace.WithTimestamp(r.Ended))
}

// OnEvent counts an event. It is for [tieline.Config], to be called from a function
// that does more, or as it is.
func (t *Telemetry) OnEvent(ctx context.Context, e tieline.Event) {
	t.events.Add(ctx, 1, metric.WithAttributes(keyEvent.String(string(e.Type)), keyProvider.String(e.Provider)))
}

// Watch lets the metrics have what a Client counts itself, each time that they are
// collected. health is [tieline.Client.Health]. Unregister what is returned when
// the Client is closed.
func (t *Telemetry) Watch(health func() tieline.Health) (metric.Registration, error) {
	w := watched{meter: t.meter}
	values := []struct {
		metric.Int64Observable
		read func(*tieline.Health) int64
	}{
		{w.gauge("tieline.unsaved_tokens", "{token}", "Tokens that exist only in this process."), func(h *tieline.Health) int64 { return int64(len(h.Unsaved)) }},
		{w.gauge("tieline.open_breakers", "{breaker}", "Applications that their provider refuses."), func(h *tieline.Health) int64 { return int64(len(h.Breakers)) }},
		{w.gauge("tieline.refreshing", "{refresh}", "Refreshes under way."), func(h *tieline.Health) int64 { return int64(h.Refreshing) }},
		{w.counter("tieline.exchanges", "{exchange}", "Requests that asked for a refresh."), func(h *tieline.Health) int64 { return h.Counts.Exchanges }},
		{w.counter("tieline.take_overs", "{take_over}", "Refreshes taken over from a process that was not heard of again."), func(h *tieline.Health) int64 { return h.Counts.TakeOvers }},
		{w.counter("tieline.lost_rotations", "{grant}", "Grants whose new refresh token was probably made and lost."), func(h *tieline.Health) int64 { return h.Counts.LostRotations }},
		{w.counter("tieline.save_retries", "{try}", "Tries to save a new token that failed."), func(h *tieline.Health) int64 { return h.Counts.SaveRetries }},
		{w.counter("tieline.recovered_tokens", "{token}", "Tokens that a journal kept and the Store had not."), func(h *tieline.Health) int64 { return h.Counts.Recovered }},
		{w.counter("tieline.orphaned_tokens", "{token}", "Tokens received for a connection that had been deleted."), func(h *tieline.Health) int64 { return h.Counts.Orphans }},
	}
	if w.err != nil {
		return nil, fmt.Errorf("tielineotel: watch: %w", w.err)
	}
	all := make([]metric.Observable, len(values))
	for i, v := range values {
		all[i] = v.Int64Observable
	}
	registration, err := t.meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		h := health()
		for _, v := range values {
			o.ObserveInt64(v.Int64Observable, v.read(&h))
		}
		return nil
	}, all...)
	if err != nil {
		return nil, fmt.Errorf("tielineotel: watch: %w", err)
	}
	return registration, nil
}

// watched makes instruments that are asked, and remembers what went wrong.
type watched struct {
	meter metric.Meter
	err   error
}

func (w *watched) gauge(name, unit, description string) metric.Int64Observable {
	g, err := w.meter.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
	w.err = errors.Join(w.err, err)
	return g
}

func (w *watched) counter(name, unit, description string) metric.Int64Observable {
	c, err := w.meter.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
	w.err = errors.Join(w.err, err)
	return c
}

// The keys of attributes.
const (
	keyIntegration = attribute.Key("tieline.integration")
	keyConnection  = attribute.Key("tieline.connection")
	keyProvider    = attribute.Key("tieline.provider")
	keyOutcome     = attribute.Key("tieline.outcome")
	keyCode        = attribute.Key("tieline.failure.code")
	keyExchanges   = attribute.Key("tieline.refresh.exchanges")
	keyEvent       = attribute.Key("tieline.event")
	keyStatusClass = attribute.Key("tieline.http.status_class")
	keyOperation   = attribute.Key("tieline.store.operation")
	keyKind        = attribute.Key("tieline.store.kind")

	// Of OpenTelemetry's semantic conventions.
	keyErrorType = attribute.Key("error.type")
	keyMethod    = attribute.Key("http.request.method")
	keyResends   = attribute.Key("http.request.resend_count")
	keyStatus    = attribute.Key("http.response.status_code")
)
