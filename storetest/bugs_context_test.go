package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tieline/tieline/store"
)

// contextBugs do not listen, or listen at the wrong moment.
func contextBugs() []seededBug {
	return []seededBug{
		{"no call listens to its context", "Canceled", onMemory(func(m *mutant) {
			get, put, del, list := m.get, m.put, m.del, m.list
			m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
				return get(context.WithoutCancel(ctx), key)
			}
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				return put(context.WithoutCancel(ctx), row)
			}
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				return del(context.WithoutCancel(ctx), key, v)
			}
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				return list(context.WithoutCancel(ctx), q)
			}
		})},
		{"a List that finds nothing does not listen to its context", "Canceled", onMemory(func(m *mutant) {
			list := m.list
			m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
				page, err := list(context.WithoutCancel(ctx), q)
				if len(page.Rows) > 0 {
					return page, firstError(ctx.Err(), err)
				}
				return page, err
			}
		})},
	}
}

func lateBugs() []seededBug {
	return []seededBug{
		{"Put looks at its context when it has written", "Canceled", onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(context.WithoutCancel(ctx), row)
				return got, firstError(ctx.Err(), err)
			}
		})},
		{"Delete looks at its context when it has deleted", "Canceled", onMemory(func(m *mutant) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				err := del(context.WithoutCancel(ctx), key, v)
				return firstError(ctx.Err(), err)
			}
		})},
		{"a canceled call says so in words", "Canceled", onMemory(func(m *mutant) {
			m.errs(func(err error) error {
				if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
					return fmt.Errorf("interrupted: %v", err)
				}
				return err
			})
		})},
		{"a deadline that passed is reported as a cancellation", "Canceled", onMemory(func(m *mutant) {
			m.errs(func(err error) error {
				if errors.Is(err, context.DeadlineExceeded) {
					return context.Canceled
				}
				return err
			})
		})},
	}
}

// midwayBugs show when a context is done during a call.
func midwayBugs() []seededBug {
	return []seededBug{
		{"a Put that is interrupted leaves half of the row", "CancelMidway", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				old, there := n.raw(row.Key)
				if !there || old.Version != row.Version {
					return put(ctx, row)
				}
				half := row
				half.Labels = old.Labels
				if got, err := put(ctx, half); err != nil {
					return got, err
				}
				if ctx.Err() != nil {
					return store.Row{}, ctx.Err()
				}
				n.set(stored(row))
				return stored(row), nil
			}
		})},
		{"a Delete that is interrupted has taken some of the tree", "CancelMidway", onNaive(deleteInSteps)},
	}
}

func afterwardsBugs() []seededBug {
	return []seededBug{
		{"a Put that is interrupted before it writes succeeds", "CancelMidway", onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if ctx.Err() != nil {
					return store.Row{}, ctx.Err()
				}
				got, err := put(ctx, row)
				if errors.Is(err, context.Canceled) {
					return stored(row), nil
				}
				return got, err
			}
		})},
		{"a Put that is interrupted goes on and writes later", "CancelMidway", onMemory(writeLater)},
		{"after a call was interrupted the handle is of no use", "CancelMidway", onMemory(func(m *mutant) {
			var broken atomic.Bool
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if broken.Load() {
					return store.Row{}, errors.New("cannot start a transaction within a transaction")
				}
				if ctx.Err() != nil {
					return store.Row{}, ctx.Err()
				}
				got, err := put(ctx, row)
				if errors.Is(err, context.Canceled) {
					broken.Store(true)
				}
				return got, err
			}
		})},
	}
}

// deleteInSteps takes what is below a row before it asks whether to go on.
func deleteInSteps(m *mutant, n *naive) {
	del := m.del
	m.del = func(ctx context.Context, key store.Key, v int64) error {
		row, there := n.raw(key)
		if err := firstError(ctx.Err(), validVersion(v)); err != nil || !there || row.Version != v {
			return del(ctx, key, v)
		}
		n.mu.Lock()
		for _, r := range n.all() {
			if r.Parent == key {
				n.cascade(r.Key)
			}
		}
		n.mu.Unlock()
		return del(ctx, key, v)
	}
}

// writeLater makes a Put that was interrupted all the same, after the next
// read.
func writeLater(m *mutant) {
	var mu sync.Mutex
	late := func() {}
	get, put := m.get, m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		got, err := put(ctx, row)
		if errors.Is(err, context.Canceled) {
			mu.Lock()
			defer mu.Unlock()
			late = func() { _, _ = put(context.WithoutCancel(ctx), row) }
		}
		return got, err
	}
	m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
		row, err := get(ctx, key)
		mu.Lock()
		defer mu.Unlock()
		late()
		late = func() {}
		return row, err
	}
}
