package storetest

import (
	"context"
	"errors"
	"sync"

	"github.com/tieline/tieline/store"
)

// versionBugs count or compare Versions otherwise.
func versionBugs() []seededBug {
	return append(casBugs(),
		seededBug{"Versions count from 0", "Versions", onMemory(func(m *mutant) {
			m.rows(func(r store.Row) store.Row { r.Version--; return r })
			m.input(func(r store.Row) store.Row {
				if r.Version > 0 {
					r.Version++
				}
				return r
			})
		})},
		seededBug{"Versions count by two", "Versions", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if err == nil && got.Version > 1 {
					got.Version++
					n.set(copied(got))
				}
				return got, err
			}
		})},
		seededBug{"a Put that changes nothing does not count", "Versions", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				old, there := n.raw(row.Key)
				same := stored(row)
				same.Version = row.Version
				if there && diff(old, same) == "" && ctx.Err() == nil {
					return copied(old), nil
				}
				return put(ctx, row)
			}
		})},
		seededBug{"Versions are those of the whole Store", "Versions", storeWideVersions()},
		seededBug{"a new row below counts as a write to its Parent", "Parent", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if parent, there := n.raw(row.Parent); there && err == nil && row.Version == 0 {
					parent.Version++
					n.set(parent)
				}
				return got, err
			}
		})},
	)
}

func storeWideVersions() Target {
	return onNaive(func(m *mutant, n *naive) {
		put := m.put
		var mu sync.Mutex
		var last int64
		m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
			got, err := put(ctx, row)
			if err == nil {
				mu.Lock()
				last++
				got.Version = last
				mu.Unlock()
				n.set(copied(got))
			}
			return got, err
		}
	})
}

// stale makes Put and Delete use the stored Version wherever when says so.
func stale(m *mutant, when func(given, stored int64) bool) {
	get, put, del := m.get, m.put, m.del
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		if now, err := get(ctx, row.Key); err == nil && row.Version > 0 && when(row.Version, now.Version) {
			row.Version = now.Version
		}
		return put(ctx, row)
	}
	m.del = func(ctx context.Context, key store.Key, v int64) error {
		if now, err := get(ctx, key); err == nil && v >= 0 && when(v, now.Version) {
			v = now.Version
		}
		return del(ctx, key, v)
	}
}

// casBugs compare otherwise, or not at all.
func casBugs() []seededBug {
	puts := func(when func(given, stored int64) bool) Target {
		return onMemory(func(m *mutant) {
			del := m.del
			stale(m, when)
			m.del = del
		})
	}
	deletes := func(when func(given, stored int64) bool) Target {
		return onMemory(func(m *mutant) {
			put := m.put
			stale(m, when)
			m.put = put
		})
	}
	return []seededBug{
		{"Put does not compare the Version", "CompareAndSwap", puts(func(_, _ int64) bool { return true })},
		{"Put accepts a Version that is yet to come", "CompareAndSwap", puts(func(given, stored int64) bool { return given > stored })},
		{"Put accepts the Version before the last", "CompareAndSwap", puts(func(given, stored int64) bool { return given == stored-1 })},
		{"Versions are compared in 32 bits", "CompareAndSwap", puts(func(given, stored int64) bool { return int32(given) == int32(stored) })},
		{"Delete does not compare the Version", "CompareAndSwap", deletes(func(_, _ int64) bool { return true })},
		{"Delete of an older Version succeeds", "Lease", deletes(func(given, stored int64) bool { return given > 0 && given < stored })},
		{"Delete with version 0 is for any Version", "CompareAndSwap", deletes(func(given, _ int64) bool { return given == 0 })},
		{"Put of what is not there creates it", "NotFound", onMemory(func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if errors.Is(err, store.ErrNotFound) && row.Version > 0 {
					row.Version = 0
					return put(ctx, row)
				}
				return got, err
			}
		})},
		{"Put with Version 0 replaces what is there", "ErrorsChangeNothing", onMemory(func(m *mutant) {
			get, put := m.get, m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if now, err := get(ctx, row.Key); err == nil && row.Version == 0 {
					row.Version, row.Parent = now.Version, now.Parent
				}
				return put(ctx, row)
			}
		})},
	}
}
