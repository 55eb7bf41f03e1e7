package postgres_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

func unique() uint64 { return rand.Uint64() }

func dropSchema(t testing.TB, schema string) {
	conn, err := pgx.Connect(context.Background(), server.URL())
	if err == nil {
		_, err = conn.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+pgx.Identifier{schema}.Sanitize()+" CASCADE")
	}
	if err == nil {
		err = conn.Close(context.Background())
	}
	if err != nil {
		t.Error(err)
	}
}

func target(edit func(*pgxpool.Config)) storetest.Target {
	return storetest.Target{
		New: address,
		Open: func(t testing.TB, addr string) store.Store {
			st := openAt(t, addr, edit)
			t.Cleanup(func() { _ = st.Close() })
			return st
		},
	}
}

func TestStore(t *testing.T) {
	need(t)
	storetest.Run(t, target(nil))
}

// With a single connection, a call that holds one while it waits for another
// never ends.
func TestStoreOneConnection(t *testing.T) {
	need(t)
	storetest.Run(t, target(func(c *pgxpool.Config) { c.MaxConns = 1 }))
}

// Behind an older pooler nothing can be prepared.
func TestStoreUnprepared(t *testing.T) {
	need(t)
	storetest.Run(t, target(func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec }))
}
