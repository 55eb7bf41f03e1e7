package postgres

import (
	"testing"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, target(""))
}

// With a single connection, a call that holds one while it waits for another
// never ends.
func TestStoreOneConnection(t *testing.T) {
	t.Parallel()
	storetest.Run(t, target("pool_max_conns=1&default_query_exec_mode=cache_describe"))
}

// What an old pgbouncer needs: nothing prepared, all values as text.
func TestStoreExec(t *testing.T) {
	t.Parallel()
	storetest.Run(t, target("default_query_exec_mode=exec"))
}

// Where the role or the database asks for serializable transactions, Postgres
// gives up many.
func TestStoreSerializable(t *testing.T) {
	t.Parallel()
	storetest.Run(t, target("default_transaction_isolation=serializable&default_query_exec_mode=describe_exec"))
}

// target is a schema of its own for each rule.
func target(params string) storetest.Target {
	return storetest.Target{
		New:  func(t testing.TB) string { return freshAddress(t, params) },
		Open: func(t testing.TB, addr string) store.Store { return open(t, addr) },
	}
}
