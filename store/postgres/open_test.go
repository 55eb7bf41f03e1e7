package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// Any name of a schema works, and two Stores on one database do not see each
// other.
func TestSchemaNames(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	server := postgrestest.URL(t)
	base := postgrestest.Schema(t, server)[:12]
	names := []string{
		`a"b`, `a'b`, `a\b`, "a b", "a.b", "A", "é☃", "$i0$ $o0$", "$i0$o1$", "@#~~", "--", "/*", "%s %", strings.Repeat("x", maxName-len(base)), "a?b$1",
	}
	stores := map[string]*Store{}
	for i, name := range names {
		name = base + name
		t.Cleanup(func() { dropSchema(t, server, name) })
		s := open(t, address(t, server, "", name))
		if s.schema != name {
			t.Fatalf("the schema is %q, want %q", s.schema, name)
		}
		stores[name] = s
		put(t, s, store.Row{Key: key("a"), Labels: []string{"l"}, Data: []byte(name)})
		if i%2 == 0 {
			open(t, address(t, server, "", name)) // what is there already is found
		}
	}
	for name, s := range stores {
		page, err := s.List(ctx, store.Query{Kind: "k", Labels: []string{"l"}})
		if err != nil || len(page.Rows) != 1 || string(page.Rows[0].Data) != name {
			t.Errorf("schema %q: %+v, %v", name, page.Rows, err)
		}
		if err := s.Delete(ctx, key("a"), 1); err != nil {
			t.Errorf("schema %q: %v", name, err)
		}
		var path string
		if err := s.pool.QueryRow(ctx, "SHOW search_path").Scan(&path); err != nil || path != `"$user", public` {
			t.Errorf("the search_path is %s, %v", path, err)
		}
	}
}

func dropSchema(t testing.TB, server, name string) {
	conn, err := pgx.Connect(context.Background(), server)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+pgx.Identifier{name}.Sanitize()+" CASCADE"); err != nil {
		t.Error(err)
	}
}

func TestOpenRefusesOptions(t *testing.T) {
	t.Parallel()
	for _, name := range []string{strings.Repeat("x", maxName+1), "pg_tieline", "a\x00b", "a\xffb"} {
		if _, err := Open(context.Background(), nil, Options{Schema: name}); err == nil || !strings.Contains(err.Error(), "Options.Schema") {
			t.Errorf("schema %q: %v", name, err)
		}
	}
	if _, err := Open(context.Background(), nil, Options{}); err == nil || !strings.Contains(err.Error(), "pool is nil") {
		t.Errorf("a nil pool: %v", err)
	}
	s := fresh(t, "")
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(done, s.pool, Options{Schema: s.schema}); !errors.Is(err, context.Canceled) {
		t.Errorf("a done context: %v", err)
	}
}

// The tables of a newer version are refused, unless they say that this one can
// use them.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	addr := freshAddress(t, "")
	s := open(t, addr)
	known := len(migrations())
	run(t, s, "INSERT INTO @.schema_version (version, oldest) VALUES ($1, $2)", known+1, known)
	run(t, s, "ALTER TABLE @.record ADD COLUMN later text NOT NULL DEFAULT 'x'")
	older := open(t, addr)
	row := put(t, older, store.Row{Key: key("a")})
	put(t, older, row)
	run(t, s, "INSERT INTO @.schema_version (version, oldest) VALUES ($1, $2)", known+2, known+1)
	_, err := openErr(t, addr)
	wantErr(t, err, ErrNewerSchema)
	put(t, older, store.Row{Key: key("b")}) // what is open goes on
}

// A schema in which others have tables of our names stays as it is.
func TestForeignTables(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"record (a int)", "record_label (a int)", "ending (a int)", "schema_version (a int)"} {
		addr := freshAddress(t, "")
		s := fresh(t, "")
		s.schema = schemaOf(t, addr)
		run(t, s, "CREATE SCHEMA @")
		run(t, s, "CREATE TABLE @."+table)
		_, err := openErr(t, addr)
		wantErr(t, err, ErrForeign)
		if n := number(t, s, "SELECT count(*) FROM pg_tables WHERE schemaname = $1", s.schema); n != 1 {
			t.Errorf("%s: %d tables are left, want 1", table, n)
		}
	}
}

func schemaOf(t testing.TB, addr string) string {
	t.Helper()
	_, schema, err := parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// A role without the right to create anything can use what another has made.
func TestLimitedRole(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	addr := freshAddress(t, "")
	admin := open(t, addr)
	role := "role_" + admin.schema
	run(t, admin, "CREATE ROLE "+role)
	t.Cleanup(func() {
		run(t, admin, "DROP OWNED BY "+role)
		run(t, admin, "DROP ROLE "+role)
	})
	as := func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["role"] = role }
	_, err := openErr(t, addr, as)
	wantErr(t, err, ErrPermission)
	run(t, admin, "GRANT USAGE ON SCHEMA @ TO "+role)
	run(t, admin, "GRANT SELECT ON ALL TABLES IN SCHEMA @ TO "+role)
	s := open(t, addr, as)
	_, err = s.Put(ctx, store.Row{Key: key("a")})
	wantErr(t, err, ErrPermission)
	absent(t, s, key("a"))
	run(t, admin, "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA @ TO "+role)
	row := put(t, s, store.Row{Key: key("a"), Labels: []string{"x"}})
	row.Labels = []string{"y"}
	row = put(t, s, row)
	if err := s.Delete(ctx, row.Key, row.Version); err != nil {
		t.Error(err)
	}
	_, err = openErr(t, freshAddress(t, ""), as)
	wantErr(t, err, ErrPermission) // it may not create another schema
}

// Where nothing can be written, Open says so, and so does a call when the server
// became so later.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	addr := freshAddress(t, "")
	s := open(t, addr, func(cfg *pgxpool.Config) { cfg.MaxConns = 1 })
	row := put(t, s, store.Row{Key: key("a")})
	_, err := openErr(t, addr, func(cfg *pgxpool.Config) {
		cfg.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	})
	wantErr(t, err, ErrReadOnly)
	if _, err := s.pool.Exec(ctx, "SET default_transaction_read_only = on"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Put(ctx, row)
	wantErr(t, err, ErrReadOnly)
	_, err = s.Put(ctx, store.Row{Key: key("b")})
	wantErr(t, err, ErrReadOnly)
	wantErr(t, s.Delete(ctx, row.Key, row.Version), ErrReadOnly)
	holds(t, s, row)
}

// A standby is refused, also one that would take over later.
func TestStandby(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Start(t)
	addr := address(t, cluster.URL(), "", "standby")
	open(t, addr)
	if err := cluster.Stop(postgrestest.Fast); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Standby(); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	_, err := openErr(t, addr)
	wantErr(t, err, ErrReadOnly)
	if err == nil || !strings.Contains(err.Error(), "standby") {
		t.Errorf("the error is %v", err)
	}
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	s := fresh(t, "")
	name := "latin_" + s.schema
	run(t, s, "CREATE DATABASE "+name+" ENCODING 'LATIN1' LOCALE 'C' LOCALE_PROVIDER libc TEMPLATE template0")
	t.Cleanup(func() { run(t, s, "DROP DATABASE "+name+" WITH (FORCE)") })
	_, err := openErr(t, freshAddress(t, ""), func(cfg *pgxpool.Config) { cfg.ConnConfig.Database = name })
	if err == nil || !strings.Contains(err.Error(), "LATIN1") {
		t.Errorf("the error is %v", err)
	}
}

// A server that does not keep what it acknowledges is worth a warning, to those
// who listen.
func TestFsyncOff(t *testing.T) {
	t.Parallel()
	for _, setting := range []string{"off", "on"} {
		cluster := postgrestest.Start(t, "fsync="+setting)
		pool, err := pgxpool.New(context.Background(), cluster.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		logs := &lockedBuffer{}
		for _, opts := range []Options{{}, {Logger: slog.New(slog.NewTextHandler(logs, nil))}} {
			if _, err := Open(context.Background(), pool, opts); err != nil {
				t.Error(err)
			}
		}
		if warned := strings.Contains(logs.String(), "fsync=off"); warned != (setting == "off") {
			t.Errorf("fsync=%s: the log is %q", setting, logs)
		}
		n := 0
		if err := pool.QueryRow(context.Background(), "SELECT count(*) FROM tieline.record").Scan(&n); err != nil {
			t.Errorf("the default schema: %v", err)
		}
	}
}

// A closed Store leaves its pool alone, and a closed pool makes a Store closed.
func TestClose(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, "")
	second, err := Open(ctx, s.pool, Options{Schema: s.schema})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = second.Get(ctx, key("a"))
	wantErr(t, err, store.ErrClosed)
	row := put(t, s, store.Row{Key: key("a")})
	s.pool.Close()
	_, err = s.Get(ctx, row.Key)
	wantErr(t, err, store.ErrClosed)
	_, err = s.Put(ctx, row)
	wantErr(t, err, store.ErrClosed)
	if fmt.Sprint(err) == store.ErrClosed.Error() {
		t.Error("the error does not tell that it is the pool")
	}
}
