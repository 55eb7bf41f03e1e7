package e2e

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
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
func newSchema(t testing.TB, s *postgrestest.Server) database.Address {
	t.Helper()
	a := database.Address{Postgres: s.URL(), Schema: "e2e_" + strings.ToLower(rand.Text()[:12])}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		conn, err := pgx.Connect(ctx, a.Postgres)
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close(ctx)
		if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{a.Schema}.Sanitize()+" CASCADE"); err != nil {
			t.Error(err)
		}
	})
	return a
}

// postgresServer is a server that open makes or finds, for as long as the test
// runs. Without one the test is skipped, or fails where one is required.
func postgresServer(t testing.TB, open func() (*postgrestest.Server, error)) *postgrestest.Server {
	t.Helper()
	s, err := open()
	postgrestest.Need(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// crashing is a PostgreSQL server that crashes, and recovers.
type crashing struct{ server *postgrestest.Server }

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
