package postgres_test

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// server is the one that all tests share, and serverErr why there is none.
var (
	server    *postgrestest.Server
	serverErr error
)

func TestMain(m *testing.M) {
	server, serverErr = postgrestest.Open()
	if serverErr == nil {
		// Processes that tests start use it too.
		if err := os.Setenv(postgrestest.URLVar, server.URL()); err != nil {
			serverErr = err
		}
	}
	code := m.Run()
	if server != nil {
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// need skips or fails a test that has no server.
func need(t testing.TB) {
	t.Helper()
	postgrestest.Need(t, serverErr)
}

// address is a database of its own for a test: a schema of the server, named in
// the fragment of its URL. It is dropped at the end.
func address(t testing.TB) string {
	t.Helper()
	need(t)
	schema := "test " + strings.ToLower(t.Name())
	if len(schema) > 40 {
		schema = schema[len(schema)-40:]
	}
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.Fragment = fmt.Sprintf("%s %x", schema, unique())
	t.Cleanup(func() { dropSchema(t, u.Fragment) })
	return u.String()
}

// openAt opens a Store at such an address. edit may change the pool's
// configuration.
func openAt(t testing.TB, addr string, edit func(*pgxpool.Config)) *postgres.Store {
	t.Helper()
	st, err := tryOpen(t, addr, edit)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func tryOpen(t testing.TB, addr string, edit func(*pgxpool.Config)) (*postgres.Store, error) {
	t.Helper()
	u, err := url.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	schema := u.Fragment
	u.Fragment = ""
	return postgres.Open(t.Context(), newPool(t, u.String(), edit), postgres.Options{Schema: schema})
}

func newPool(t testing.TB, dsn string, edit func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	cfg.MaxConns = 4
	if edit != nil {
		edit(cfg)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

var _ store.Store = (*postgres.Store)(nil)
