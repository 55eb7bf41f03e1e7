package storetest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tieline/tieline/store"
)

// raceBugs only show when several calls meet.
func raceBugs() []seededBug {
	return append(staleReadBugs(),
		seededBug{"Put reads, compares and then writes", "CASContention", onNaive(func(m *mutant, n *naive) {
			m.put = n.checkThenPut(m.put, func(row store.Row, _ bool) bool { return row.Version > 0 })
		})},
		seededBug{"creating looks for the Key and then writes", "CreateOnce", onNaive(func(m *mutant, n *naive) {
			m.put = n.checkThenPut(m.put, func(row store.Row, there bool) bool { return row.Version == 0 && !there })
		})},
		seededBug{"Delete looks for the row and then deletes", "DeleteOnce", onNaive(func(m *mutant, n *naive) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				now, there := n.raw(key)
				if !there || now.Version != v {
					return del(ctx, key, v)
				}
				window()
				_ = del(ctx, key, v)
				return nil
			}
		})},
		seededBug{"a Unique is looked up and then written", "UniqueRace", onNaive(checkThenTake)},
		seededBug{"a row is written in two steps", "TornReads", onNaive(putInSteps)},
		seededBug{"a row that is being replaced is not there", "TornReads", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				got, err := put(ctx, row)
				if err == nil && got.Version > 1 {
					n.mu.Lock()
					delete(n.rows, row.Key)
					n.mu.Unlock()
					window()
					n.set(copied(got))
				}
				return got, err
			}
		})},
		seededBug{"contention is an error of the driver", "CASContention", onMemory(func(m *mutant) {
			put := m.put
			var busy sync.Mutex
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if !busy.TryLock() {
					return store.Row{}, errors.New("database is locked")
				}
				defer busy.Unlock()
				window()
				return put(ctx, row)
			}
		})},
		seededBug{"a lease that is over can be renewed by its holder", "Lease", onNaive(laterDueWins)},
		seededBug{"two calls at once wait for each other", "CASContention", deadlocking()},
	)
}

// checkThenPut is a put with a gap between its check and its write, for the
// rows that when selects.
func (n *naive) checkThenPut(put putFunc, when func(row store.Row, there bool) bool) putFunc {
	return func(ctx context.Context, row store.Row) (store.Row, error) {
		now, there := n.raw(row.Key)
		if !when(row, there) || now.Version != row.Version || now.Parent != row.Parent && there {
			return put(ctx, row)
		}
		window()
		got, err := put(ctx, row)
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrExists) && row.Unique == "" {
			n.set(stored(row))
			return stored(row), nil
		}
		return got, err
	}
}

// deadlocking takes two locks, in an order that depends on the call.
func deadlocking() Target {
	target := onMemory(func(m *mutant) {
		var first, second sync.Mutex
		get, put := m.get, m.put
		m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
			first.Lock()
			defer first.Unlock()
			window()
			second.Lock()
			defer second.Unlock()
			return get(ctx, key)
		}
		m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
			second.Lock()
			defer second.Unlock()
			window()
			first.Lock()
			defer first.Unlock()
			return put(ctx, row)
		}
	})
	target.deadline = 2 * time.Second
	return target
}

// staleReadBugs are handles that remember.
func staleReadBugs() []seededBug {
	return []seededBug{
		{"a handle caches what Get returned", "ReadLatest", onHandles(onMemory(func(*mutant) {}), cacheRows)},
		{"a handle remembers that a row is not there", "ReadLatest", onHandles(onMemory(func(*mutant) {}), func(m *mutant) {
			var mu sync.Mutex
			none := map[store.Key]bool{}
			get := m.get
			m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
				mu.Lock()
				defer mu.Unlock()
				if none[key] && ctx.Err() == nil {
					return store.Row{}, store.ErrNotFound
				}
				row, err := get(ctx, key)
				none[key] = errors.Is(err, store.ErrNotFound)
				return row, err
			}
		})},
		{"a handle caches the row of a path", "GetPath", onHandles(onMemory(func(*mutant) {}), cachePaths)},
		{"List answers from a replica that is one write behind", "ReadLatest", onMemory(lagBehind)},
	}
}

// checkThenTake looks whether a Unique is free, and takes it later.
func checkThenTake(m *mutant, n *naive) {
	put := m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		n.mu.Lock()
		taken := n.taken(row)
		n.mu.Unlock()
		if taken || row.Unique == "" {
			return put(ctx, row)
		}
		window()
		unique := row.Unique
		row.Unique = ""
		got, err := put(ctx, row)
		if err == nil {
			got.Unique = unique
			n.set(copied(got))
		}
		return got, err
	}
}

// putInSteps writes Due and Labels after the rest.
func putInSteps(m *mutant, n *naive) {
	put := m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		if old, there := n.raw(row.Key); there && old.Version == row.Version {
			half := row
			half.Due, half.Labels = old.Due, old.Labels
			if got, err := put(ctx, half); err != nil {
				return got, err
			}
			window()
			full := stored(row)
			n.set(full)
			return copied(full), nil
		}
		return put(ctx, row)
	}
}

// cacheRows forgets a row only when this handle writes it.
func cacheRows(m *mutant) {
	var mu sync.Mutex
	cache := map[store.Key]store.Row{}
	get, put, del := m.get, m.put, m.del
	m.get = func(ctx context.Context, key store.Key) (store.Row, error) {
		mu.Lock()
		defer mu.Unlock()
		if row, there := cache[key]; there && ctx.Err() == nil {
			return copied(row), nil
		}
		row, err := get(ctx, key)
		if err == nil {
			cache[key] = copied(row)
		}
		return row, err
	}
	forget := func(key store.Key) {
		mu.Lock()
		defer mu.Unlock()
		delete(cache, key)
	}
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		defer forget(row.Key)
		return put(ctx, row)
	}
	m.del = func(ctx context.Context, key store.Key, v int64) error {
		defer forget(key)
		return del(ctx, key, v)
	}
}

// cachePaths never forgets.
func cachePaths(m *mutant) {
	var cache sync.Map
	path := m.path
	m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
		at := [4]string{string(parentKind), parentUnique, string(kind), name}
		if row, there := cache.Load(at); there && ctx.Err() == nil {
			return copied(row.(store.Row)), nil
		}
		row, err := path(ctx, parentKind, parentUnique, kind, name)
		if err == nil {
			cache.Store(at, copied(row))
		}
		return row, err
	}
}

// lagBehind leaves the row that was created last out of the next List.
func lagBehind(m *mutant) {
	var mu sync.Mutex
	last := store.Row{}
	put, list := m.put, m.list
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		got, err := put(ctx, row)
		mu.Lock()
		defer mu.Unlock()
		if err == nil && got.Version == 1 {
			last = got
		}
		return got, err
	}
	m.list = func(ctx context.Context, q store.Query) (store.Page, error) {
		page, err := list(ctx, q)
		mu.Lock()
		defer mu.Unlock()
		for i, row := range page.Rows {
			if row.Key == last.Key {
				page.Rows = append(page.Rows[:i:i], page.Rows[i+1:]...)
				break
			}
		}
		last = store.Row{}
		return page, err
	}
}

// laterDueWins accepts an older Version when its Due is later.
func laterDueWins(m *mutant, n *naive) {
	put := m.put
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		now, there := n.raw(row.Key)
		if there && row.Version > 0 && row.Version < now.Version && now.Due.Before(row.Due) {
			row.Version = now.Version
		}
		return put(ctx, row)
	}
}
