// Package catalog holds the providers that Tieline knows from the start: the
// YAML files in providers, which people edit, and builtin.index and builtin.pack,
// which are generated from them and compiled into the program.
//
// Importing the package costs nothing but the size of these: nothing is
// parsed until a provider is looked up, and then only that one.
package catalog

import (
	_ "embed"
	"fmt"
	"iter"

	"github.com/tieline/tieline/internal/pack"
)

//go:generate go run ./cmd/catalog gen

// The entries of all providers, resolved, as JSON. See [pack.Pack].
var (
	//go:embed builtin.index
	index string
	//go:embed builtin.pack
	data []byte
)

// Lookup returns the entry of a provider as JSON, with the keys of the provider
// format and aliases resolved, and whether there is one. An error means that the
// program was built from a damaged catalog.
func Lookup(name string) (entry string, ok bool, err error) {
	entry, ok, err = pack.Pack{Index: index, Data: data}.Lookup(name)
	if err != nil {
		return "", false, fmt.Errorf("catalog: %w", err)
	}
	return entry, ok, nil
}

// Names yields the names of all providers in order.
func Names() iter.Seq[string] {
	return pack.Pack{Index: index, Data: data}.Names()
}
