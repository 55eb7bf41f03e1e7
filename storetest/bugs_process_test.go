package storetest

import (
	"context"
	"errors"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/tieline/tieline/store"
)

// processBugs only show when handles or processes end, or when there are
// several processes.
func processBugs() []seededBug {
	return []seededBug{
		{"rows live as long as a handle is open", "Reopen", counted(func(s *sharedMemory) {
			if s.handles == 0 {
				s.Memory = new(store.Memory)
			}
		})},
		{"closing one handle closes the others", "Reopen", counted(func(s *sharedMemory) { _ = s.Memory.Close() })},
		{"a write is acknowledged before it is made", "KillNine", onHandles(inFile(), writeBehind)},
		{"Versions are compared under a lock of the process", "Processes", lockedInProcess()},
		{"only one process can write", "Processes", oneProcess()},
	}
}

// sharedMemory is a database of handles that count.
type sharedMemory struct {
	*store.Memory
	handles int
}

// counted is a target that says it is durable, and calls closed when a handle
// is closed.
func counted(closed func(*sharedMemory)) Target {
	var mu sync.Mutex
	all := map[string]*sharedMemory{}
	return Target{
		New: func(t testing.TB) string {
			mu.Lock()
			defer mu.Unlock()
			all[t.Name()] = &sharedMemory{Memory: new(store.Memory)}
			return t.Name()
		},
		Open: func(_ testing.TB, addr string) store.Store {
			mu.Lock()
			defer mu.Unlock()
			s := all[addr]
			s.handles++
			return &countedHandle{Store: s.Memory, close: func() {
				mu.Lock()
				defer mu.Unlock()
				s.handles--
				closed(s)
			}}
		},
		Lacks: map[Capability]string{Processes: "it is a map"},
	}
}

type countedHandle struct {
	store.Store
	close func()
}

func (h *countedHandle) Close() error {
	h.close()
	return nil
}

// writeBehind answers a Put that will succeed at once, and makes it with the
// next call.
func writeBehind(m *mutant) {
	var mu sync.Mutex
	var pending func()
	flush := func() {
		mu.Lock()
		defer mu.Unlock()
		if pending != nil {
			pending()
			pending = nil
		}
	}
	get, put, del, list, path := m.get, m.put, m.del, m.list, m.path
	m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
		flush()
		now, err := get(ctx, row.Key)
		if err != nil || now.Version != row.Version || now.Parent != row.Parent {
			return put(ctx, row)
		}
		mu.Lock()
		defer mu.Unlock()
		pending = func() { _, _ = put(context.Background(), stored(withVersion(row, row.Version-1))) }
		return stored(row), nil
	}
	m.get = func(ctx context.Context, key store.Key) (store.Row, error) { flush(); return get(ctx, key) }
	m.del = func(ctx context.Context, key store.Key, v int64) error { flush(); return del(ctx, key, v) }
	m.list = func(ctx context.Context, q store.Query) (store.Page, error) { flush(); return list(ctx, q) }
	m.path = func(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
		flush()
		return path(ctx, parentKind, parentUnique, kind, name)
	}
}

// lockedInProcess compares Versions in Go, under a lock, and then writes
// whatever the Version is by then.
func lockedInProcess() Target {
	var mu sync.Mutex
	return onHandles(inFile(), func(m *mutant) {
		get, put := m.get, m.put
		m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
			mu.Lock()
			defer mu.Unlock()
			now, err := get(ctx, row.Key)
			if err != nil || row.Version == 0 || now.Version != row.Version {
				return put(ctx, row)
			}
			for range 8 { // others write meanwhile
				_, _ = get(ctx, row.Key)
			}
			for {
				got, err := put(ctx, row)
				if !errors.Is(err, store.ErrConflict) {
					return got, err
				}
				if now, err = get(ctx, row.Key); err != nil {
					return now, err
				}
				row.Version = now.Version
			}
		}
	})
}

// oneProcess belongs to the process that opened it first.
func oneProcess() Target {
	target := inFile()
	open := target.Open
	target.Open = func(t testing.TB, addr string) store.Store {
		owner := addr + ".owner"
		me := strconv.Itoa(os.Getpid())
		if f, err := os.OpenFile(owner, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			_, _ = f.WriteString(me)
			_ = f.Close()
		}
		by, err := os.ReadFile(owner)
		if err != nil {
			t.Fatal(err)
		}
		return mutate(open(t, addr), func(m *mutant) {
			put := m.put
			m.put = func(ctx context.Context, row store.Row) (store.Row, error) {
				if string(by) != me {
					return store.Row{}, errors.New("locked by another process")
				}
				return put(ctx, row)
			}
		})
	}
	return target
}
