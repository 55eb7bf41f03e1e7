package kill

import (
	"context"
	"errors"

	"github.com/tieline/tieline/e2e/internal/database"
	"github.com/tieline/tieline/store"
)

// naive is what a store must not be: replacing a connection succeeds whatever
// has been written to it meanwhile. The harness has to notice.
type naive struct {
	database.Store
}

// Put replaces the row whichever its version.
func (n naive) Put(ctx context.Context, row store.Row) (store.Row, error) {
	for {
		stored, err := n.Store.Put(ctx, row)
		if row.Kind != "connection" || row.Version == 0 || !errors.Is(err, store.ErrConflict) {
			return stored, err
		}
		now, err := n.Get(ctx, row.Key)
		if err != nil {
			return store.Row{}, err
		}
		row.Version = now.Version
	}
}
