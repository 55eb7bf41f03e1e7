package e2e

import (
	"context"
	"crypto/rand"
	"path/filepath"
	"strings"
	"testing"

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
