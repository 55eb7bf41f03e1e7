package tielineotel_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	tielineotel "github.com/tieline/tieline/otel"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

var rowsOfAKind = store.Query{Kind: "connection"}

// TestStoreConforms holds a Store that is measured to all that a Store has to do.
func TestStoreConforms(t *testing.T) {
	t.Parallel()
	o := newTelemetry(t)
	var mu sync.Mutex
	stores := map[string]store.Store{}
	storetest.Run(t, storetest.Target{
		New: func(t testing.TB) string {
			mu.Lock()
			defer mu.Unlock()
			stores[t.Name()] = o.Store(&store.Memory{})
			return t.Name()
		},
		Open: func(_ testing.TB, addr string) store.Store {
			mu.Lock()
			defer mu.Unlock()
			return stores[addr]
		},
		Lacks: map[storetest.Capability]string{storetest.Durable: "it is a map", storetest.Processes: "it is a map"},
	})
}

func TestStoreIsMeasured(t *testing.T) {
	t.Parallel()
	o, ctx := newTelemetry(t), t.Context()
	broken := errors.New("the disk is gone")
	fail := false
	s := o.Store(storetest.Faulty(&store.Memory{}, func(string, store.Key) error {
		if fail {
			return broken
		}
		return nil
	}, nil))
	row, err := s.Put(ctx, store.Row{Key: store.Key{Kind: "connection", ID: "1"}, Unique: "i/alice"})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = s.Put(ctx, store.Row{Key: row.Key})
	_, _ = s.Put(ctx, store.Row{Key: row.Key, Version: 7})
	_, _ = s.Put(ctx, store.Row{})
	_, _ = s.Get(ctx, row.Key)
	_, _ = s.Get(ctx, store.Key{Kind: "integration", ID: "2"})
	_, _ = s.List(ctx, rowsOfAKind)
	_, _ = s.(store.PathGetter).GetPath(ctx, "integration", "i", "connection", "alice")
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = s.Get(over, row.Key)
	fail = true
	if _, err := s.Get(ctx, row.Key); !errors.Is(err, broken) {
		t.Errorf("Get = %v", err)
	}
	fail = false
	if err := s.Delete(ctx, row.Key, row.Version); err != nil {
		t.Error(err)
	}
	if c, ok := s.(interface{ Close() error }); !ok || c.Close() != nil {
		t.Error("Close is not passed on")
	}
	_, _ = s.Get(ctx, row.Key)
	point := func(op, kind, outcome string) string {
		return "1 tieline.outcome=" + outcome + " tieline.store.kind=" + kind + " tieline.store.operation=" + op
	}
	o.want("tieline.store.duration s",
		point("put", "connection", "ok"), point("put", "connection", "exists"), point("put", "connection", "conflict"), point("put", "", "invalid"),
		point("get", "connection", "ok"), point("get", "integration", "not_found"), point("get", "connection", "cancelled"),
		point("get", "connection", "error"), point("get", "connection", "closed"),
		point("list", "connection", "ok"), point("get_path", "connection", "not_found"), point("delete", "connection", "ok"))
}

// A Store has after measuring what it had before, and no more.
func TestStoreAbilities(t *testing.T) {
	t.Parallel()
	type bare struct{ store.Store }
	type paths struct {
		store.Store
		store.PathGetter
	}
	type closing struct {
		store.Store
		closer
	}
	type both struct {
		store.Store
		store.PathGetter
		closer
	}
	m := &store.Memory{}
	for _, tt := range []struct {
		s                 store.Store
		hasPaths, canStop bool
	}{
		{bare{m}, false, false}, {paths{m, m}, true, false}, {closing{m, m}, false, true}, {both{m, m, m}, true, true},
	} {
		s := newTelemetry(t).Store(tt.s)
		_, hasPaths := s.(store.PathGetter)
		_, canStop := s.(closer)
		if hasPaths != tt.hasPaths || canStop != tt.canStop {
			t.Errorf("of %T came one with GetPath %t and Close %t", tt.s, hasPaths, canStop)
		}
	}
}

type closer interface{ Close() error }

// brokenMeters are of meters that panic whenever something is measured.
type brokenMeters struct{ noop.MeterProvider }

func (brokenMeters) Meter(string, ...metric.MeterOption) metric.Meter { return brokenMeter{} }

type brokenMeter struct{ noop.Meter }

func (brokenMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return brokenHistogram{}, nil
}

type brokenHistogram struct{ noop.Float64Histogram }

func (brokenHistogram) Record(context.Context, float64, ...metric.RecordOption) { panic("broken") }

// What goes wrong with a measurement is nothing to the call.
func TestMeterThatPanics(t *testing.T) {
	t.Parallel()
	o, err := tielineotel.New(tielineotel.Options{MeterProvider: brokenMeters{}})
	if err != nil {
		t.Fatal(err)
	}
	s := o.Store(&store.Memory{})
	if row, err := s.Put(t.Context(), store.Row{Key: store.Key{Kind: "k", ID: "1"}, Due: time.Now()}); err != nil || row.Version != 1 {
		t.Errorf("Put = %v, %v", row, err)
	}
}
