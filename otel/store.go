package tielineotel

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tieline/tieline/store"
)

// Store returns a Store that does what s does and measures each call. It makes no
// spans: ending one may wait for an exporter, and a Store is called while a process
// holds the only copy of a new token.
//
// The result is a [store.PathGetter] and has a Close method where s is and has.
func (t *Telemetry) Store(s store.Store) store.Store {
	m := &measured{t: t, s: s}
	paths, hasPaths := s.(store.PathGetter)
	closing, hasClose := s.(closer)
	switch {
	case hasPaths && hasClose:
		return struct {
			*measured
			measuredPaths
			closer
		}{m, measuredPaths{m, paths}, closing}
	case hasPaths:
		return struct {
			*measured
			measuredPaths
		}{m, measuredPaths{m, paths}}
	case hasClose:
		return struct {
			*measured
			closer
		}{m, closing}
	}
	return m
}

// closer is the optional part of a Store that holds resources.
type closer interface{ Close() error }

// measured has the four methods of every Store.
type measured struct {
	t *Telemetry
	s store.Store
}

func (m *measured) Get(ctx context.Context, key store.Key) (store.Row, error) {
	return measure(ctx, m.t, "get", key.Kind, func() (store.Row, error) { return m.s.Get(ctx, key) })
}

func (m *measured) Put(ctx context.Context, row store.Row) (store.Row, error) {
	return measure(ctx, m.t, "put", row.Kind, func() (store.Row, error) { return m.s.Put(ctx, row) })
}

func (m *measured) Delete(ctx context.Context, key store.Key, version int64) error {
	_, err := measure(ctx, m.t, "delete", key.Kind, func() (struct{}, error) {
		return struct{}{}, m.s.Delete(ctx, key, version)
	})
	return err
}

func (m *measured) List(ctx context.Context, q store.Query) (store.Page, error) {
	return measure(ctx, m.t, "list", q.Kind, func() (store.Page, error) { return m.s.List(ctx, q) })
}

// measuredPaths adds the method of a [store.PathGetter].
type measuredPaths struct {
	m     *measured
	paths store.PathGetter
}

func (p measuredPaths) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	return measure(ctx, p.m.t, "get_path", kind, func() (store.Row, error) {
		return p.paths.GetPath(ctx, parentKind, parentUnique, kind, name)
	})
}

func measure[T any](ctx context.Context, t *Telemetry, op string, kind store.Kind, call func() (T, error)) (T, error) {
	began := time.Now()
	out, err := call()
	t.called(ctx, time.Since(began), op, kind, err)
	return out, err
}

// called notes a call. It is made while a process holds the only copy of a new token,
// so what goes wrong in here must not show outside.
func (t *Telemetry) called(ctx context.Context, d time.Duration, op string, kind store.Kind, err error) {
	defer func() {
		if recover() != nil {
			otel.Handle(errPanic)
		}
	}()
	t.store.Record(ctx, d.Seconds(), metric.WithAttributeSet(attribute.NewSet(
		keyOperation.String(op), keyKind.String(string(kind)), keyOutcome.String(storeOutcome(err)))))
}

var errPanic = errors.New("tielineotel: the MeterProvider panicked")

// storeOutcome names the answers that a Store may give. Most of them are no failures:
// that a row is not there, or was changed, is what a caller wants to know.
func storeOutcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, store.ErrNotFound):
		return "not_found"
	case errors.Is(err, store.ErrExists):
		return "exists"
	case errors.Is(err, store.ErrConflict):
		return "conflict"
	case errors.Is(err, store.ErrInvalid):
		return "invalid"
	case errors.Is(err, store.ErrClosed):
		return "closed"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled"
	}
	return "error"
}
