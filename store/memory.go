package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Memory is a [Store] in memory: for tests, and for programs whose connections
// need not outlive them. The zero value is empty and ready to use. It must not
// be copied.
//
// Its rows live as long as it does: nothing is written anywhere, and no other
// process sees them. Get is a map look-up and a copy. List reads the rows that it
// returns, and those that its most selective condition selects in vain. A row
// takes 300 to 600 bytes besides its strings and data: the more of its fields are
// set, the more indexes it is in.
type Memory struct {
	closed atomic.Bool // written under mu

	mu       sync.RWMutex
	rows     map[Key]*Row
	kinds    map[Kind]*kindIndex
	children map[Key]map[Kind]*ordered // by Parent, then by ID
}

// kindIndex finds the rows of one Kind. Rows in the maps and sets are replaced
// as a whole under mu, and the slices in them never written to: a copy of the
// struct made under mu can be read without it.
type kindIndex struct {
	byID   ordered
	byDue  ordered // those that are ever due
	unique map[string]*Row
	labels map[string]*ordered // by ID
}

var (
	_ Store      = (*Memory)(nil)
	_ PathGetter = (*Memory)(nil)
)

// Get implements [Store].
func (m *Memory) Get(ctx context.Context, key Key) (Row, error) {
	if err := m.check(ctx); err != nil {
		return Row{}, err
	}
	if err := key.Validate(); err != nil {
		return Row{}, err
	}
	m.mu.RLock()
	if m.closed.Load() {
		m.mu.RUnlock()
		return Row{}, ErrClosed
	}
	p, ok := m.rows[key]
	if !ok {
		m.mu.RUnlock()
		return Row{}, ErrNotFound
	}
	row := *p
	m.mu.RUnlock()
	return row.clone(), nil
}

// GetPath implements [PathGetter].
func (m *Memory) GetPath(ctx context.Context, parentKind Kind, parentUnique string, kind Kind, name string) (Row, error) {
	if err := m.check(ctx); err != nil {
		return Row{}, err
	}
	if err := ValidatePath(parentKind, parentUnique, kind, name); err != nil {
		return Row{}, err
	}
	m.mu.RLock()
	row, err := m.path(parentKind, parentUnique, kind, name)
	m.mu.RUnlock()
	if err != nil {
		return Row{}, err
	}
	return row.clone(), nil
}

func (m *Memory) path(parentKind Kind, parentUnique string, kind Kind, name string) (Row, error) {
	if m.closed.Load() {
		return Row{}, ErrClosed
	}
	parent := m.byUnique(parentKind, parentUnique)
	if parent == nil {
		return Row{}, ErrNotFound
	}
	row := m.byUnique(kind, JoinPath(parent.ID, name))
	if row == nil || row.Parent != parent.Key {
		return Row{}, ErrNotFound
	}
	return *row, nil
}

func (m *Memory) byUnique(kind Kind, unique string) *Row {
	if k := m.kinds[kind]; k != nil {
		return k.unique[unique]
	}
	return nil
}

// Put implements [Store].
func (m *Memory) Put(ctx context.Context, row Row) (Row, error) {
	if err := m.check(ctx); err != nil {
		return Row{}, err
	}
	if err := row.Validate(); err != nil {
		return Row{}, err
	}
	row = row.Normalize()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed.Load() {
		return Row{}, ErrClosed
	}
	old, err := m.admit(row)
	if err != nil {
		return Row{}, err
	}
	row.Version++
	if old == nil {
		m.create(row)
	} else {
		m.replace(old, row)
	}
	return row.clone(), nil
}

func (m *Memory) create(row Row) {
	if m.rows == nil {
		m.rows = make(map[Key]*Row)
	}
	m.rows[row.Key] = &row
	m.index(&row, nil)
}

// replace keeps the pointer, which the indexes hold.
func (m *Memory) replace(stored *Row, row Row) {
	was := *stored
	m.unindex(stored, &row)
	*stored = row
	m.index(stored, &was)
}

// admit decides whether the row may be put, in the order of the table at
// [Store]. It returns the row that it replaces, nil for a new one.
func (m *Memory) admit(row Row) (old *Row, err error) {
	old = m.rows[row.Key]
	if row.Version > 0 && old == nil {
		return nil, ErrNotFound
	}
	if row.Version == 0 && old != nil {
		return nil, ErrExists
	}
	if row.Unique != "" {
		if other := m.byUnique(row.Kind, row.Unique); other != nil && other != old {
			return nil, ErrExists
		}
	}
	if old == nil {
		if row.Parent != (Key{}) && m.rows[row.Parent] == nil {
			return nil, ErrNotFound
		}
		return nil, nil
	}
	if row.Version != old.Version {
		return nil, ErrConflict
	}
	if row.Parent != old.Parent {
		return nil, invalid("Parent of a stored row cannot change")
	}
	return old, nil
}

// Delete implements [Store].
func (m *Memory) Delete(ctx context.Context, key Key, version int64) error {
	if err := m.check(ctx); err != nil {
		return err
	}
	if err := key.Validate(); err != nil {
		return err
	}
	if version < 0 {
		return invalid("version is negative")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed.Load() {
		return ErrClosed
	}
	row := m.rows[key]
	if row == nil {
		return ErrNotFound
	}
	if row.Version != version {
		return ErrConflict
	}
	for doomed := []*Row{row}; len(doomed) > 0; {
		row := doomed[len(doomed)-1]
		doomed = doomed[:len(doomed)-1]
		for _, set := range m.children[row.Key] {
			for _, child := range set.after(place{}) {
				doomed = append(doomed, child)
			}
		}
		delete(m.children, row.Key)
		m.unindex(row, nil)
		delete(m.rows, row.Key)
	}
	return nil
}

// Close empties the Memory; every call that follows, and every one that has not
// taken effect yet, answers [ErrClosed]. Closing it again does nothing. The
// error is always nil.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed.Store(true)
	m.rows, m.kinds, m.children = nil, nil, nil
	return nil
}

// check is the start of every call. The methods look at closed again once they
// have the lock.
func (m *Memory) check(ctx context.Context) error {
	if m.closed.Load() {
		return ErrClosed
	}
	return ctx.Err()
}

// clone gives the caller slices of their own.
func (r Row) clone() Row {
	r.Labels = slices.Clone(r.Labels)
	r.Data = copyData(r.Data)
	return r
}
