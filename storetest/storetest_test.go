package storetest

import (
	"sync"
	"testing"

	"github.com/tieline/tieline/store"
)

// inMemory is a target whose databases live in a map of this test.
func inMemory(fresh func() store.Store) Target {
	var mu sync.Mutex
	stores := map[string]store.Store{}
	return Target{
		New: func(t testing.TB) string {
			mu.Lock()
			defer mu.Unlock()
			stores[t.Name()] = fresh()
			return t.Name()
		},
		Open: func(_ testing.TB, addr string) store.Store {
			mu.Lock()
			defer mu.Unlock()
			return stores[addr]
		},
		Lacks: map[Capability]string{
			Durable:   "it is a map",
			Processes: "it is a map",
		},
	}
}

func TestNaive(t *testing.T) {
	t.Parallel()
	Run(t, inMemory(func() store.Store { return &naive{} }))
}

func TestMemory(t *testing.T) {
	t.Parallel()
	Run(t, inMemory(func() store.Store { return new(store.Memory) }))
}
