package storetest

import (
	"context"
	"errors"
	"slices"

	"github.com/tieline/tieline/store"
)

// treeBugs are about Parent and Unique.
func treeBugs() []seededBug {
	return slices.Concat(parentBugs(), uniqueBugs(), cascadeBugs(), []seededBug{
		{"the Parent of a new row is not looked for", "Parent", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				_, there := n.raw(row.Parent)
				if there || row.Parent == (store.Key{}) || row.Version > 0 || row.Validate() != nil {
					return put(ctx, row)
				}
				parent := row.Parent
				row.Parent = store.Key{}
				got, err := put(ctx, row)
				if err == nil {
					got.Parent = parent
					n.set(copied(got))
				}
				return got, err
			}
		})},
		{"a row can be created below itself", "Parent", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if row.Version > 0 || row.Parent != row.Key || row.Validate() != nil {
					return put(ctx, row)
				}
				row.Parent = store.Key{}
				got, err := put(ctx, row)
				if err == nil {
					got.Parent = got.Key
					n.set(copied(got))
				}
				return got, err
			}
		})},
	})
}

func parentBugs() []seededBug {
	return []seededBug{
		{"another Parent in a Put is ignored", "Parent", onMemory(func(m *mutant) {
			m.put = keeping(m.put, m.get, func(row *store.Row, old store.Row) {
				if row.Version == old.Version {
					row.Parent = old.Parent
				}
			})
		})},
		{"a Put moves the row to another Parent", "Parent", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				old, there := n.raw(row.Key)
				_, parentThere := n.raw(row.Parent)
				if there && row.Version == old.Version && parentThere {
					old.Parent = row.Parent
					n.set(old)
				}
				return put(ctx, row)
			}
		})},
		{"another Parent is found before another Version", "Precedence", onMemory(func(m *mutant) {
			get, put := m.get, m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if old, err := get(ctx, row.Key); err == nil && row.Version > 0 && row.Parent != old.Parent {
					return store.Row{}, store.ErrInvalid
				}
				return put(ctx, row)
			}
		})},
	}
}

func orphanBugs() []seededBug {
	return []seededBug{
		{"a Put brings back a row that was deleted with its Parent", "NoOrphans", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				now, there := n.raw(row.Key)
				if !there || now.Version != row.Version || now.Parent != row.Parent {
					return put(ctx, row)
				}
				window()
				got, err := put(ctx, row)
				if errors.Is(err, store.ErrNotFound) {
					n.set(stored(row))
					return stored(row), nil
				}
				return got, err
			}
		})},
		{"a child is created below a Parent that is just deleted", "NoOrphans", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				_, there := n.raw(row.Parent)
				if !there || row.Version > 0 {
					return put(ctx, row)
				}
				window()
				got, err := put(ctx, row)
				if errors.Is(err, store.ErrNotFound) {
					n.set(stored(row))
					return stored(row), nil
				}
				return got, err
			}
		})},
	}
}

func uniqueBugs() []seededBug {
	return []seededBug{
		{"Unique is unique across Kinds", "Unique", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				n.mu.Lock()
				for key, other := range n.rows {
					if row.Unique != "" && other.Unique == row.Unique && key != row.Key {
						n.mu.Unlock()
						return store.Row{}, store.ErrExists
					}
				}
				n.mu.Unlock()
				return put(ctx, row)
			}
		})},
		{"Unique is not unique", "Unique", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				unique := row.Unique
				row.Unique = ""
				got, err := put(ctx, row)
				if err == nil {
					got.Unique = unique
					n.set(copied(got))
				}
				return got, err
			}
		})},
		{"rows without Unique collide", "Unique", onMemory(func(m *mutant) {
			m.input(func(r store.Row) store.Row {
				if r.Unique == "" && r.Kind == "nameless" {
					r.Unique = "NULL"
				}
				return r
			})
		})},
		{"a rename does not free the old Unique", "Unique", remembering(func(was, now store.Row) bool { return now.Version > 0 && was.Unique != now.Unique })},
		{"a delete does not free the Unique", "Unique", remembering(func(_, now store.Row) bool { return now.Version == 0 })},
		{"a row cannot keep its own Unique", "Unique", onNaive(func(m *mutant, n *naive) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				old, there := n.raw(row.Key)
				if there && row.Unique != "" && old.Unique == row.Unique && row.Version == old.Version {
					return store.Row{}, store.ErrExists
				}
				return put(ctx, row)
			}
		})},
		{"a conflict is found before a Unique that is taken", "Precedence", onMemory(func(m *mutant) {
			get, put := m.get, m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if old, err := get(ctx, row.Key); err == nil && row.Version > 0 && row.Version != old.Version {
					return store.Row{}, store.ErrConflict
				}
				return put(ctx, row)
			}
		})},
	}
}

// remembering keeps names in use that rows have given up, as when says.
func remembering(when func(was, now store.Row) bool) Target {
	return onNaive(func(m *mutant, n *naive) {
		ever := map[[2]string]store.Row{} // by Kind and Unique, under n.mu
		put := m.put
		m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
			n.mu.Lock()
			name := [2]string{string(row.Kind), row.Unique}
			was, used := ever[name]
			taken := used && row.Unique != "" && was.Key != row.Key && when(was, n.rows[was.Key])
			n.mu.Unlock()
			if taken {
				return store.Row{}, store.ErrExists
			}
			got, err := put(ctx, row)
			if err == nil {
				n.mu.Lock()
				ever[name] = got
				n.mu.Unlock()
			}
			return got, err
		}
	})
}

// below is a Delete that takes the rows that match says are below key, with a
// gap after each.
func below(gap func(), match func(n *naive, key store.Key, row store.Row) bool) Target {
	return onNaive(func(m *mutant, n *naive) {
		m.del = func(ctx context.Context, key store.Key, v int64) error {
			row, there := n.raw(key)
			err := firstError(ctx.Err(), validKey(key), validVersion(v))
			switch {
			case err != nil:
				return err
			case !there:
				return store.ErrNotFound
			case row.Version != v:
				return store.ErrConflict
			}
			n.mu.Lock()
			defer n.mu.Unlock()
			doomed := []store.Key{key}
			for k, r := range n.rows {
				if match(n, key, r) {
					doomed = append(doomed, k)
				}
			}
			for _, k := range doomed {
				delete(n.rows, k)
				n.mu.Unlock()
				gap()
				n.mu.Lock()
			}
			return nil
		}
	})
}

// anywhere reports whether the row is below key at any depth.
func anywhere(n *naive, key store.Key, row store.Row) bool {
	for row.Parent != (store.Key{}) {
		if row.Parent == key {
			return true
		}
		row = n.rows[row.Parent]
	}
	return false
}

// cascadeBugs delete too little, too much, or too slowly.
func cascadeBugs() []seededBug {
	none := func() {}
	return []seededBug{
		{"a delete leaves what is below", "Cascade", below(none, func(*naive, store.Key, store.Row) bool { return false })},
		{"a delete takes one level", "Cascade", below(none, func(_ *naive, key store.Key, r store.Row) bool { return r.Parent == key })},
		{"a delete takes what is below the same ID of any Kind", "Cascade", below(none, func(n *naive, key store.Key, r store.Row) bool {
			return anywhere(n, key, r) || r.Parent.ID == key.ID
		})},
		{"a delete takes only children of another Kind", "Cascade", below(none, func(n *naive, key store.Key, r store.Row) bool {
			return anywhere(n, key, r) && r.Kind != key.Kind
		})},
		{"a delete takes the same ID of every Kind", "Cascade", below(none, func(n *naive, key store.Key, r store.Row) bool {
			return anywhere(n, key, r) || r.ID == key.ID && r.Kind != key.Kind
		})},
		{"a delete takes ten levels", "Cascade", below(none, func(n *naive, key store.Key, r store.Row) bool {
			for range 10 {
				if r.Parent == key {
					return true
				}
				r = n.rows[r.Parent]
			}
			return false
		})},
		{"a delete takes the first hundred rows below", "Cascade", onNaive(func(m *mutant, n *naive) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				n.mu.Lock()
				var left []store.Row
				for _, row := range n.rows {
					if row.Parent == key {
						left = append(left, row)
					}
				}
				n.mu.Unlock()
				err := del(ctx, key, v)
				if err == nil && len(left) > 100 {
					n.set(left[100])
				}
				return err
			}
		})},
		{"a delete goes row by row", "CascadeRace", below(window, anywhere)},
		{"a row with rows below cannot be deleted", "Cascade", onNaive(func(m *mutant, n *naive) {
			del := m.del
			m.del = func(ctx context.Context, key store.Key, v int64) error {
				n.mu.Lock()
				for _, row := range n.rows {
					if row.Parent == key {
						n.mu.Unlock()
						return store.ErrConflict
					}
				}
				n.mu.Unlock()
				return del(ctx, key, v)
			}
		})},
	}
}
