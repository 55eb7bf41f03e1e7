package storetest

import (
	"testing"

	"github.com/tieline/tieline/store"
)

func BenchmarkMemory(b *testing.B) {
	Bench(b, inMemory(func() store.Store { return new(store.Memory) }))
}

func BenchmarkSQLite(b *testing.B) { Bench(b, inFile()) }
