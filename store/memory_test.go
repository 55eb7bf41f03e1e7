package store_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	var memories sync.Map // of *store.Memory by address
	storetest.Run(t, storetest.Target{
		New: func(testing.TB) string {
			m := new(store.Memory)
			addr := fmt.Sprintf("%p", m)
			memories.Store(addr, m) // keeps it, so that no other gets its address
			return addr
		},
		Open: func(t testing.TB, addr string) store.Store {
			m, ok := memories.Load(addr)
			if !ok {
				t.Fatalf("no Memory was made at %s", addr)
			}
			return m.(*store.Memory)
		},
		Lacks: map[storetest.Capability]string{
			storetest.Durable:   "its rows live and die with the value",
			storetest.Processes: "it is memory of one process",
		},
	})
}
