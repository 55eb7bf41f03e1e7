package storetest

import (
	"context"

	"github.com/tieline/tieline/store"
)

// Faulty returns a Store that loses calls to s, for tests of what is built
// above a Store: the request that never arrived, and the answer that never
// came back.
//
// Before each call, before is asked; if it returns an error, the call is not
// made and fails with that error. After each call that was made, also one that
// failed, after is asked; if it returns an error, that replaces the result,
// although s has done what it was told. A nil function never interferes. Both
// may be called from many goroutines at once, and may block, which is how a
// test holds a call at a chosen point.
//
// The op is "Get", "Put", "Delete", "List" or "GetPath". The key is the row's,
// except that List has only its Kind, and GetPath has the Kind and, as ID, the
// name of the row looked for.
//
// The result is a [store.PathGetter] and has a Close method where s is and
// has. Close is passed on without asking.
func Faulty(s store.Store, before, after func(op string, key store.Key) error) store.Store {
	f := faulty{s: s, before: orNever(before), after: orNever(after)}
	paths, hasPaths := s.(store.PathGetter)
	closing, hasClose := s.(closer)
	switch {
	case hasPaths && hasClose:
		return struct {
			faulty
			faultyPaths
			closer
		}{f, faultyPaths{f, paths}, closing}
	case hasPaths:
		return struct {
			faulty
			faultyPaths
		}{f, faultyPaths{f, paths}}
	case hasClose:
		return struct {
			faulty
			closer
		}{f, closing}
	}
	return f
}

// closer is the optional part of a Store that holds resources.
type closer interface{ Close() error }

type faultFunc = func(op string, key store.Key) error

func orNever(f faultFunc) faultFunc {
	if f == nil {
		return func(string, store.Key) error { return nil }
	}
	return f
}

// faulty has the four methods of every Store.
type faulty struct {
	s             store.Store
	before, after faultFunc
}

func (f faulty) Get(ctx context.Context, key store.Key) (store.Row, error) {
	return interfere(f, "Get", key, func() (store.Row, error) { return f.s.Get(ctx, key) })
}

func (f faulty) Put(ctx context.Context, row store.Row) (store.Row, error) {
	return interfere(f, "Put", row.Key, func() (store.Row, error) { return f.s.Put(ctx, row) })
}

func (f faulty) Delete(ctx context.Context, key store.Key, version int64) error {
	_, err := interfere(f, "Delete", key, func() (struct{}, error) {
		return struct{}{}, f.s.Delete(ctx, key, version)
	})
	return err
}

func (f faulty) List(ctx context.Context, q store.Query) (store.Page, error) {
	return interfere(f, "List", store.Key{Kind: q.Kind}, func() (store.Page, error) { return f.s.List(ctx, q) })
}

// faultyPaths adds the method of a [store.PathGetter]. Its faulty has a name,
// so that embedding both does not make Get and the rest ambiguous.
type faultyPaths struct {
	f     faulty
	paths store.PathGetter
}

func (p faultyPaths) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	return interfere(p.f, "GetPath", store.Key{Kind: kind, ID: name}, func() (store.Row, error) {
		return p.paths.GetPath(ctx, parentKind, parentUnique, kind, name)
	})
}

// interfere makes the call unless before objects, and keeps its result unless
// after does.
func interfere[T any](f faulty, op string, key store.Key, call func() (T, error)) (T, error) {
	var none T
	if err := f.before(op, key); err != nil {
		return none, err
	}
	result, err := call()
	if lost := f.after(op, key); lost != nil {
		return none, lost
	}
	return result, err
}
