package tielineotel_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tieline/tieline"
	tielineotel "github.com/tieline/tieline/otel"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// telemetry is one with everything that comes out of it.
type telemetry struct {
	*tielineotel.Telemetry
	t      testing.TB
	spans  *tracetest.InMemoryExporter
	traces *sdktrace.TracerProvider
	reader *sdkmetric.ManualReader
}

func newTelemetry(t testing.TB) *telemetry {
	t.Helper()
	out := &telemetry{t: t, spans: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	out.traces = sdktrace.NewTracerProvider(sdktrace.WithSyncer(out.spans))
	var err error
	out.Telemetry, err = tielineotel.New(tielineotel.Options{
		TracerProvider: out.traces,
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(out.reader)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// tree is every span since the last call, a line each and those below it indented:
// the name, the kind, the attributes but for the names of the connection, and the
// status.
func (o *telemetry) tree() string {
	o.t.Helper()
	spans := o.spans.GetSpans()
	o.spans.Reset()
	var b strings.Builder
	var walk func(parent, indent string)
	walk = func(parent, indent string) {
		for _, s := range spans {
			if s.Parent.SpanID().String() != parent {
				continue
			}
			fmt.Fprintf(&b, "%s%s (%s)%s", indent, s.Name, s.SpanKind, o.attributes(s))
			if s.Status.Description != "" {
				fmt.Fprintf(&b, " %s: %s", s.Status.Code, s.Status.Description)
			}
			fmt.Fprintf(&b, "\n")
			walk(s.SpanContext.SpanID().String(), indent+"  ")
		}
	}
	walk(strings.Repeat("0", 16), "")
	return b.String()
}

func (o *telemetry) attributes(s tracetest.SpanStub) string {
	set := attribute.NewSet(s.Attributes...)
	for key, want := range map[attribute.Key]string{"tieline.integration": "acme", "tieline.connection": "alice", "tieline.provider": "acme"} {
		if v, _ := set.Value(key); v.AsString() != want {
			o.t.Errorf("%s: %s is %q", s.Name, key, v.AsString())
		}
	}
	if len(s.Events) > 0 || s.EndTime.Before(s.StartTime) {
		o.t.Errorf("%s: from %v to %v, %d events", s.Name, s.StartTime, s.EndTime, len(s.Events))
	}
	var out string
	for _, a := range set.ToSlice() {
		if a.Key != "tieline.integration" && a.Key != "tieline.connection" && a.Key != "tieline.provider" {
			out += " " + string(a.Key) + "=" + a.Value.String()
		}
	}
	return out
}

// metrics is every point there is, by instrument: the number of measurements or the
// value, and the attributes.
func (o *telemetry) metrics() map[string][]string {
	o.t.Helper()
	var rm metricdata.ResourceMetrics
	if err := o.reader.Collect(context.Background(), &rm); err != nil {
		o.t.Fatal(err)
	}
	out := map[string][]string{}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			name := m.Name + " " + m.Unit
			add := func(n int64, set attribute.Set) {
				line := fmt.Sprint(n)
				for _, a := range set.ToSlice() {
					line += " " + string(a.Key) + "=" + a.Value.String()
				}
				out[name] = append(out[name], line)
			}
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if p.Sum <= 0 || p.Sum > 60 {
						o.t.Errorf("%s: %v seconds", name, p.Sum)
					}
					add(int64(p.Count), p.Attributes)
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(p.Value, p.Attributes)
				}
			case metricdata.Gauge[int64]:
				for _, p := range data.DataPoints {
					add(p.Value, p.Attributes)
				}
			default:
				o.t.Errorf("%s is a %T", name, m.Data)
			}
			slices.Sort(out[name])
		}
	}
	return out
}

// want compares the points of an instrument.
func (o *telemetry) want(name string, points ...string) {
	o.t.Helper()
	slices.Sort(points)
	if got := o.metrics()[name]; !slices.Equal(got, points) {
		o.t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(points, "\n"))
	}
}

// world is a provider on loopback and the Store of its Clients.
type world struct {
	t        testing.TB
	provider *providertest.Server
	store    store.Store
	keys     *tieline.Keyring
}

const callback = "http://127.0.0.1/callback"

func newWorld(t testing.TB) *world {
	t.Helper()
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	return &world{
		t: t, keys: keys, store: &store.Memory{},
		provider: providertest.New(t, providertest.Options{TokenLifetime: time.Hour, RedirectURIs: []string{callback}}),
	}
}

// client is one of a process's own.
func (w *world) client(o *telemetry) *tieline.Client {
	w.t.Helper()
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "test.yaml", Data: w.provider.ProvidersYAML()})
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	c, err := tieline.New(tieline.Config{
		Store: o.Store(w.store), Keys: w.keys, Providers: catalog, CallbackURL: callback,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Refresh:  tieline.RefreshPolicy{Confirm: time.Millisecond},
		OnEvent:  o.OnEvent, Tracer: o,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { w.close(c) })
	return c
}

// close waits until everything is told.
func (w *world) close(c *tieline.Client) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := c.Close(ctx); err != nil {
		w.t.Error(err)
	}
}

// connect makes the integration "acme" and its connection "alice".
func (w *world) connect(c *tieline.Client) {
	w.t.Helper()
	ctx, cred := context.Background(), w.provider.Credentials()
	app := &tieline.OAuthApp{ClientID: cred.ClientID, ClientSecret: tieline.NewSecret(cred.ClientSecret)}
	if _, err := c.Integrations.Create(ctx, tieline.Integration{Key: "acme", Provider: "acme", App: app}); err != nil {
		w.t.Fatal(err)
	}
	a, err := c.Connections.Authorize(ctx, "acme", tieline.AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		w.t.Fatal(err)
	}
	query, _, err := w.provider.Authorize(ctx, a.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := c.Connections.Complete(ctx, a.Binding.Reveal(), query); err != nil {
		w.t.Fatal(err)
	}
}
