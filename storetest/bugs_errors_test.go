package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/store"
)

// errorBugs answer otherwise than the contract's table, or too late.
func errorBugs() []seededBug {
	return slices.Concat(closedBugs(), mixedErrorBugs(), lenientBugs(), partialBugs(), []seededBug{
		{"errors cannot be tested with errors.Is", "NotFound", onMemory(func(m *mutant) {
			m.errs(func(err error) error {
				if err != nil {
					err = fmt.Errorf("toy: %v", err)
				}
				return err
			})
		})},
		{"an error is two at once", "NotFound", onMemory(func(m *mutant) {
			m.errs(func(err error) error {
				if errors.Is(err, store.ErrNotFound) {
					err = errors.Join(err, store.ErrConflict)
				}
				return err
			})
		})},
		{"an empty page has nil Rows", "NotFound", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(ctx, q)
				if len(page.Rows) == 0 {
					page.Rows = nil
				}
				return page, err
			}
		})},
		{"a List that matches nothing is ErrNotFound", "NotFound", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(ctx, q)
				if err == nil && len(page.Rows) == 0 {
					return store.Page{}, store.ErrNotFound
				}
				return page, err
			}
		})},
		{"arguments are looked at before the context", "Precedence", onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if err := row.Validate(); err != nil {
					return store.Row{}, err
				}
				return put(ctx, row)
			}
		})},
	})
}

func closedBugs() []seededBug {
	return []seededBug{
		{"a closed Store answers reads", "Closed", onClosed(func(m *mutant, closed func() bool, s *store.Memory) {
			get := m.get
			m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
				if row, err := get(ctx, key); !closed() || ctx.Err() != nil || key.ID == "" {
					return row, err
				}
				return store.Row{Key: key, Version: 1}, nil
			}
		})},
		{"closing a second time panics", "Closed", inMemory(func() store.Store {
			s, done := new(store.Memory), make(chan struct{})
			return &countedHandle{Store: s, close: func() {
				close(done)
				_ = s.Close()
			}}
		})},
		{"a closed Store looks at the context first", "Closed", onClosed(func(m *mutant, closed func() bool, _ *store.Memory) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				if ctx.Err() != nil {
					return store.Page{}, ctx.Err()
				}
				return list(ctx, q)
			}
		})},
		{"a closed Store reports what the driver said", "Closed", onClosed(func(m *mutant, closed func() bool, _ *store.Memory) {
			m.errs(func(err error) error {
				if closed() {
					return errors.New("sql: database is closed")
				}
				return err
			})
		})},
	}
}

// onClosed is a target on store.Memory with a bug that shows after Close.
func onClosed(edit func(m *mutant, closed func() bool, s *store.Memory)) Target {
	return inMemory(func() store.Store {
		s := new(store.Memory)
		closed := func() bool {
			_, err := s.Get(context.Background(), itemKey("x"))
			return errors.Is(err, store.ErrClosed)
		}
		return mutate(s, func(m *mutant) { edit(m, closed, s) })
	})
}

// mixedErrorBugs give one error for another.
func mixedErrorBugs() []seededBug {
	swapPut := func(from, to error, when func(store.Row) bool) Target {
		return onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if errors.Is(err, from) && when(row) {
					err = to
				}
				return got, err
			}
		})
	}
	swapDelete := func(from, to error) Target {
		return onMemory(func(m *mutant) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				err := del(ctx, key, v)
				if errors.Is(err, from) {
					err = to
				}
				return err
			}
		})
	}
	anyRow := func(store.Row) bool { return true }
	isNew := func(r store.Row) bool { return r.Version == 0 }
	return []seededBug{
		{"Get of nothing is a zero Row without an error", "NotFound", onMemory(func(m *mutant) {
			get := m.get
			m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
				row, err := get(ctx, key)
				if errors.Is(err, store.ErrNotFound) {
					err = nil
				}
				return row, err
			}
		})},
		{"Delete of nothing succeeds", "NotFound", swapDelete(store.ErrNotFound, nil)},
		{"Delete of nothing is a conflict", "NotFound", swapDelete(store.ErrNotFound, store.ErrConflict)},
		{"Delete of another Version finds nothing", "CompareAndSwap", swapDelete(store.ErrConflict, store.ErrNotFound)},
		{"Put of what was deleted is a conflict", "NotFound", swapPut(store.ErrNotFound, store.ErrConflict, func(r store.Row) bool { return !isNew(r) })},
		{"Put of another Version finds nothing", "CompareAndSwap", swapPut(store.ErrConflict, store.ErrNotFound, anyRow)},
		{"Put of a Key that is there is a conflict", "CreateOnce", swapPut(store.ErrExists, store.ErrConflict, isNew)},
		{"Put below nothing is invalid", "Parent", swapPut(store.ErrNotFound, store.ErrInvalid, isNew)},
		{"Put of another Parent is a conflict", "Parent", swapPut(store.ErrInvalid, store.ErrConflict, func(r store.Row) bool { return r.Version > 0 && r.Validate() == nil })},
		{"Put of a Unique that is taken says that the row changed", "Unique", swapPut(store.ErrExists, store.ErrConflict, func(r store.Row) bool { return r.Unique != "" })},
	}
}

// lenientBugs accept what can never be.
func lenientBugs() []seededBug {
	return []seededBug{
		{"NUL in an ID is taken", "Invalid", onMemory(func(m *mutant) {
			m.keys(func(k store.Key) store.Key { k.ID = strings.ReplaceAll(k.ID, "\x00", "0"); return k })
		})},
		{"invalid UTF-8 in a Label is taken", "Invalid", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row {
				r.Labels = slices.Clone(r.Labels)
				for i, l := range r.Labels {
					r.Labels[i] = strings.ToValidUTF8(l, "?")
				}
				return r
			})
		})},
		{"invalid UTF-8 in a Query is taken", "Invalid", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				q.Unique = strings.ToValidUTF8(q.Unique, "?")
				return list(ctx, q)
			}
		})},
		{"a half-filled Parent is taken for none", "Invalid", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row {
				if r.Parent.ID == "" {
					r.Parent = store.Key{}
				}
				return r
			})
		})},
		{"a negative Limit is taken for the default", "Limits", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				q.Limit = max(q.Limit, 0)
				return list(ctx, q)
			}
		})},
		{"a negative Version is a conflict", "Invalid", onMemory(func(m *mutant) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				if v < 0 {
					v = 0
				}
				return del(ctx, key, v)
			}
		})},
		{"a Due after the year 9999 is taken", "Invalid", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row {
				if r.Due.Year() > 9999 {
					r.Due = far()
				}
				return r
			})
		})},
	}
}

// partialBugs do half of what they then refuse.
func partialBugs() []seededBug {
	return []seededBug{
		{"a refused Put has set the Labels", "ErrorsChangeNothing", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if old, there := n.raw(row.Key); errors.Is(err, store.ErrExists) && there {
					old.Labels = labelSet(row.Labels)
					n.set(old)
				}
				return got, err
			}
		})},
		{"a refused Put has counted", "Versions", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if old, there := n.raw(row.Key); err != nil && there {
					old.Version++
					n.set(old)
				}
				return got, err
			}
		})},
		{"a refused create has reserved the Unique", "ErrorsChangeNothing", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if errors.Is(err, store.ErrNotFound) && row.Unique != "" {
					n.set(store.Row{Key: store.Key{Kind: row.Kind, ID: "reserved by " + row.ID}, Version: 1, Unique: row.Unique, Data: []byte{}})
				}
				return got, err
			}
		})},
		{"a refused Delete has deleted what was below", "ErrorsChangeNothing", onNaive(func(m *mutant, n *naive) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				err := del(ctx, key, v)
				row, there := n.raw(key)
				if errors.Is(err, store.ErrConflict) && there {
					n.mu.Lock()
					n.cascade(key)
					n.mu.Unlock()
					n.set(row)
				}
				return err
			}
		})},
		{"a Put that fails with ErrExists has stored the row", "ErrorsChangeNothing", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if old, there := n.raw(row.Key); errors.Is(err, store.ErrExists) && there && old.Version == row.Version {
					n.set(stored(row))
				}
				return got, err
			}
		})},
	}
}
