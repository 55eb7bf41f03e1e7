package storetest

import (
	"context"
	"runtime"
	"testing"

	"github.com/tieline/tieline/store"
)

// mutant is a Store whose methods can be replaced one by one.
type mutant struct {
	get  func(context.Context, store.Key) (store.Row, error)
	put  func(context.Context, store.Row) (store.Row, error)
	del  func(context.Context, store.Key, int64) error
	list func(context.Context, store.Query) (store.Page, error)
	path func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error)
}

func (m *mutant) Get(ctx context.Context, key store.Key) (store.Row, error)   { return m.get(ctx, key) }
func (m *mutant) Put(ctx context.Context, row store.Row) (store.Row, error)   { return m.put(ctx, row) }
func (m *mutant) Delete(ctx context.Context, key store.Key, v int64) error    { return m.del(ctx, key, v) }
func (m *mutant) List(ctx context.Context, q store.Query) (store.Page, error) { return m.list(ctx, q) }

func (m *mutant) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	return m.path(ctx, parentKind, parentUnique, kind, name)
}

// mutate returns s with what edit changes about it, and with its Close.
func mutate(s store.Store, edit func(m *mutant)) store.Store {
	m := &mutant{get: s.Get, put: s.Put, del: s.Delete, list: s.List}
	m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
		return store.GetPath(ctx, s, parentKind, parentUnique, kind, name)
	}
	edit(m)
	if c, ok := s.(closer); ok {
		return struct {
			*mutant
			closer
		}{m, c}
	}
	return m
}

// onNaive is a target on the naive table with a bug that may look inside it.
func onNaive(edit func(m *mutant, n *naive)) Target {
	return inMemory(func() store.Store {
		n := &naive{rows: map[store.Key]store.Row{}}
		return mutate(n, func(m *mutant) { edit(m, n) })
	})
}

// onMemory is a target on store.Memory with a bug around it.
func onMemory(edit func(m *mutant)) Target {
	return inMemory(func() store.Store { return mutate(new(store.Memory), edit) })
}

// onHandles is like the target, with a bug that each handle has for itself.
func onHandles(target Target, edit func(m *mutant)) Target {
	open := target.Open
	target.Open = func(t testing.TB, addr string) store.Store { return mutate(open(t, addr), edit) }
	return target
}

// reads changes the rows that Get, List and GetPath return.
func (m *mutant) reads(change func(store.Row) store.Row) {
	get, list, path := m.get, m.list, m.path
	m.get = func(ctx context.Context, key store.Key) (store.Row, error) { return changed(change)(get(ctx, key)) }
	m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
		return changed(change)(path(ctx, parentKind, parentUnique, kind, name))
	}
	m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
		page, err := list(ctx, q)
		for i := range page.Rows {
			page.Rows[i] = change(page.Rows[i])
		}
		return page, err
	}
}

// rows changes the rows that any method returns.
func (m *mutant) rows(change func(store.Row) store.Row) {
	m.reads(change)
	put := m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) { return changed(change)(put(ctx, row)) }
}

func changed(change func(store.Row) store.Row) func(store.Row, error) (store.Row, error) {
	return func(row store.Row, err error) (store.Row, error) {
		if err == nil {
			row = change(row)
		}
		return row, err
	}
}

// input changes the rows given to Put.
func (m *mutant) input(change func(store.Row) store.Row) {
	put := m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) { return put(ctx, change(row)) }
}

// keys changes every Key given to the Store.
func (m *mutant) keys(change func(store.Key) store.Key) {
	get, del, list := m.get, m.del, m.list
	m.get = func(ctx context.Context, key store.Key) (store.Row, error) { return get(ctx, change(key)) }
	m.del = func(ctx context.Context, key store.Key, v int64) error { return del(ctx, change(key), v) }
	m.input(func(row store.Row) store.Row {
		row.Key = change(row.Key)
		if row.Parent != (store.Key{}) {
			row.Parent = change(row.Parent)
		}
		return row
	})
	m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
		q.Kind = change(store.Key{Kind: q.Kind}).Kind
		if q.Parent != (store.Key{}) {
			q.Parent = change(q.Parent)
		}
		return list(ctx, q)
	}
}

// errs changes every error, nil included.
func (m *mutant) errs(change func(error) error) {
	get, put, del, list, path := m.get, m.put, m.del, m.list, m.path
	m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
		row, err := get(ctx, key)
		return row, change(err)
	}
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		row, err := put(ctx, row)
		return row, change(err)
	}
	m.del = func(ctx context.Context, key store.Key, v int64) error { return change(del(ctx, key, v)) }
	m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
		page, err := list(ctx, q)
		return page, change(err)
	}
	m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
		row, err := path(ctx, parentKind, parentUnique, kind, name)
		return row, change(err)
	}
}

// window stands for the time a call to a database takes: others run meanwhile.
func window() {
	for range 8 {
		runtime.Gosched()
	}
}
