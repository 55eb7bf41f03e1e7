package postgres

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// roleVar makes the test binary another process of a test: it plays the role on
// the address that is its argument, and exits with 1 when that went wrong.
const roleVar = "TIELINE_POSTGRES_ROLE"

func TestMain(m *testing.M) {
	role, isChild := os.LookupEnv(roleVar)
	if !isChild {
		before := runtime.NumGoroutine()
		code := postgrestest.Main(m)
		if code == 0 && leaked(before) {
			code = 1
		}
		os.Exit(code)
	}
	if err := roles()[role](os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// leaked reports, after all tests, goroutines that have no owner any more.
func leaked(before int) bool {
	if f := flag.Lookup("test.fuzz"); f != nil && f.Value.String() != "" {
		return false // the fuzzer keeps some of its own
	}
	for start := time.Now(); time.Since(start) < 5*time.Second; runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return false
		}
	}
	fmt.Fprintln(os.Stderr, "goroutines are left behind:")
	_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	return true
}

// someday is a Due.
func someday() time.Time { return time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC) }

func key(id string) store.Key { return store.Key{Kind: "k", ID: id} }

// freshAddress is the address of a schema that does not exist yet, with
// parameters for the pool such as "pool_max_conns=1".
func freshAddress(t testing.TB, params string) string {
	t.Helper()
	server := postgrestest.URL(t)
	return address(t, server, params, postgrestest.Schema(t, server))
}

// address is the URL of a server with more parameters, and a schema in its
// fragment.
func address(t testing.TB, server, params, schema string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	if params != "" {
		u.RawQuery += "&" + params
	}
	u.Fragment = schema
	return u.String()
}

// parse takes an address apart.
func parse(addr string) (*pgxpool.Config, string, error) {
	u, err := url.Parse(addr)
	if err != nil {
		return nil, "", err
	}
	schema := u.Fragment
	u.Fragment, u.RawFragment = "", ""
	cfg, err := pgxpool.ParseConfig(u.String())
	return cfg, schema, err
}

// openErr opens the address, with changes to the pool's configuration.
func openErr(t testing.TB, addr string, change ...func(*pgxpool.Config)) (*Store, error) {
	t.Helper()
	cfg, schema, err := parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(cfg)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return Open(context.Background(), pool, Options{Schema: schema})
}

func open(t testing.TB, addr string, change ...func(*pgxpool.Config)) *Store {
	t.Helper()
	s, err := openErr(t, addr, change...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fresh is a Store in a schema of its own.
func fresh(t testing.TB, params string) *Store {
	t.Helper()
	return open(t, freshAddress(t, params))
}

func put(t testing.TB, s *Store, row store.Row) store.Row {
	t.Helper()
	row, err := s.Put(context.Background(), row)
	if err != nil {
		t.Fatalf("put: %v", err)
	}
	return row
}

// run runs statements, in which @ stands for the schema.
func run(t testing.TB, s *Store, text string, args ...any) {
	t.Helper()
	if _, err := s.pool.Exec(context.Background(), inSchema(s, text), args...); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// number runs a SELECT of one number.
func number(t testing.TB, s *Store, text string, args ...any) (n int64) {
	t.Helper()
	if err := s.pool.QueryRow(context.Background(), inSchema(s, text), args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

// holds checks that the row is stored as it is.
func holds(t testing.TB, s *Store, want store.Row) {
	t.Helper()
	got, err := s.Get(context.Background(), want.Key)
	if err != nil || got.Version != want.Version || string(got.Data) != string(want.Data) {
		t.Errorf("the row is %+v, %v, want version %d with %q", got, err, want.Version, want.Data)
	}
}

// begin starts a transaction that ends with the test at the latest.
func begin(t testing.TB, s *Store) pgx.Tx {
	t.Helper()
	tx, err := s.pool.Begin(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // it is over when all went well
	return tx
}

func absent(t testing.TB, s *Store, k store.Key) {
	t.Helper()
	if row, err := s.Get(context.Background(), k); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the row is %+v, %v, want ErrNotFound", row, err)
	}
}

func wantErr(t testing.TB, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("the error is %v, want %v", err, w)
		}
	}
}
