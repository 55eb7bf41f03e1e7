package e2e

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tieline/tieline/e2e/internal/database"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// newFile is a SQLite file that is not there yet.
func newFile(t testing.TB) database.Address {
	t.Helper()
	return database.Address{SQLite: filepath.Join(t.TempDir(), "tieline.db")}
}

// newSchema is a schema of a PostgreSQL server that is not there yet, and is gone
// after the test.
func newSchema(t testing.TB, url string) database.Address {
	t.Helper()
	return database.Address{Postgres: url, Schema: postgrestest.Schema(t, url)}
}

// crashing is a PostgreSQL server that crashes, and recovers.
type crashing struct{ server *postgrestest.Cluster }

func (c crashing) Down() error { return c.server.Stop(postgrestest.Immediate) }

func (c crashing) Up() error { return c.server.Start() }

// unwritable is a PostgreSQL server that takes no writes for a while.
type unwritable struct{ url string }

func (u unwritable) Down() error { return u.set("ALTER SYSTEM SET default_transaction_read_only = on") }

func (u unwritable) Up() error { return u.set("ALTER SYSTEM RESET default_transaction_read_only") }

func (u unwritable) set(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, u.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	if err == nil {
		_, err = conn.Exec(ctx, "SELECT pg_reload_conf()")
	}
	return err
}
