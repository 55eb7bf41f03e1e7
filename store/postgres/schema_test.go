package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
)

// exec runs statements as the owner, with {s} standing for the schema of addr.
func exec(t testing.TB, addr string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, text := range statements {
		if _, err := conn.Exec(t.Context(), strings.ReplaceAll(text, "{s}", pgx.Identifier{schemaOf(t, addr)}.Sanitize())); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

func schemaOf(t testing.TB, addr string) string {
	t.Helper()
	u, err := url.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	return u.Fragment
}

func item(id string) store.Row {
	return store.Row{Key: store.Key{Kind: "item", ID: id}, Data: []byte(id)}
}

func put(t testing.TB, st store.Store, row store.Row) store.Row {
	t.Helper()
	row, err := st.Put(t.Context(), row)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

// Many processes start at once on an empty database.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	addr := address(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			st, err := tryOpen(t, addr, nil)
			if err == nil {
				_, err = st.List(t.Context(), store.Query{Kind: "item"})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestOddSchemaNames(t *testing.T) {
	t.Parallel()
	need(t)
	for _, name := range []string{`has "quotes"`, "semi;colon", "Großbuchstaben", "public.tieline", `back\slash`} {
		pool := newPool(t, server.URL(), nil)
		st, err := postgres.Open(t.Context(), pool, postgres.Options{Schema: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		put(t, st, item("a"))
		dropSchema(t, name)
	}
	for _, name := range []string{strings.Repeat("x", 64), "a\x00b"} {
		if _, err := postgres.Open(t.Context(), newPool(t, server.URL(), nil), postgres.Options{Schema: name}); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := postgres.Open(t.Context(), nil, postgres.Options{}); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("no pool: %v", err)
	}
}

func TestSchemasKnowNothingOfEachOther(t *testing.T) {
	t.Parallel()
	a, b := openAt(t, address(t), nil), openAt(t, address(t), nil)
	put(t, a, item("x"))
	if _, err := b.Get(t.Context(), item("x").Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v", err)
	}
}

// A newer program has migrated: this one goes on as long as it may.
func TestNewerSchema(t *testing.T) {
	t.Parallel()
	addr := address(t)
	openAt(t, addr, nil)
	exec(t, addr, `ALTER TABLE {s}.record ADD COLUMN novelty text`, `UPDATE {s}.schema_version SET version = 99`)
	put(t, openAt(t, addr, nil), item("a"))
	exec(t, addr, `UPDATE {s}.schema_version SET needs = 99`)
	if _, err := tryOpen(t, addr, nil); !errors.Is(err, postgres.ErrNewerSchema) {
		t.Errorf("Open = %v", err)
	}
}

func TestForeignSchema(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"a table of ours by name": {`CREATE SCHEMA {s}`, `CREATE TABLE {s}.record (mine text)`},
		"another version table":   {`CREATE SCHEMA {s}`, `CREATE TABLE {s}.schema_version (v text)`},
		"an empty version table":  {`CREATE SCHEMA {s}`, `CREATE TABLE {s}.schema_version (version int, needs int)`},
	} {
		addr := address(t)
		exec(t, addr, statements...)
		if _, err := tryOpen(t, addr, nil); !errors.Is(err, postgres.ErrForeign) {
			t.Errorf("%s: Open = %v", name, err)
		}
	}
	addr := address(t)
	exec(t, addr, `CREATE SCHEMA {s}`, `CREATE TABLE {s}.unrelated (mine text)`)
	put(t, openAt(t, addr, nil), item("a"))
}

// A user that may only read and write rows can use a schema that is up to date.
func TestLittlePrivilege(t *testing.T) {
	t.Parallel()
	addr := address(t)
	openAt(t, addr, nil)
	role := pgx.Identifier{"role of " + schemaOf(t, addr)}.Sanitize()
	exec(t, addr, `CREATE ROLE `+role, `GRANT USAGE ON SCHEMA {s} TO `+role,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {s} TO `+role)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), server.URL())
		if err == nil {
			_, err = conn.Exec(context.Background(), `DROP OWNED BY `+role+` CASCADE; DROP ROLE `+role)
			_ = conn.Close(context.Background())
		}
		if err != nil {
			t.Error(err)
		}
	})
	as := func(c *pgxpool.Config) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET ROLE "+role)
			return err
		}
	}
	st := openAt(t, addr, as)
	row := put(t, st, item("a"))
	row.Labels = []string{"x"}
	row = put(t, st, row)
	if err := st.Delete(t.Context(), row.Key, row.Version); err != nil {
		t.Error(err)
	}
	exec(t, addr, `REVOKE INSERT ON {s}.record FROM `+role)
	if _, err := st.Put(t.Context(), item("b")); !errors.Is(err, postgres.ErrDenied) {
		t.Errorf("Put = %v", err)
	}
	if _, err := tryOpen(t, address(t), as); !errors.Is(err, postgres.ErrDenied) {
		t.Errorf("Open of a new schema = %v", err)
	}
}

func TestSchemaGone(t *testing.T) {
	t.Parallel()
	addr := address(t)
	st := openAt(t, addr, nil)
	row := put(t, st, item("a"))
	exec(t, addr, `DROP SCHEMA {s} CASCADE`)
	if _, err := st.Get(t.Context(), row.Key); !errors.Is(err, postgres.ErrNoSchema) {
		t.Errorf("Get = %v", err)
	}
	if _, err := st.Put(t.Context(), row); !errors.Is(err, postgres.ErrNoSchema) {
		t.Errorf("Put = %v", err)
	}
}

// A migration by another process, or a pooler that hands out another session,
// takes prepared statements away.
func TestPreparedStatementsGoStale(t *testing.T) {
	t.Parallel()
	for _, mode := range []pgx.QueryExecMode{
		pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec, pgx.QueryExecModeExec,
	} {
		addr := address(t)
		pool := newPool(t, strings.Split(addr, "#")[0], func(c *pgxpool.Config) {
			c.MaxConns, c.ConnConfig.DefaultQueryExecMode = 1, mode
		})
		st, err := postgres.Open(t.Context(), pool, postgres.Options{Schema: schemaOf(t, addr)})
		if err != nil {
			t.Fatal(err)
		}
		row := put(t, st, put(t, st, item("a")))
		for what, change := range map[string]func(){
			"another session": func() {
				if _, err := pool.Exec(t.Context(), "DEALLOCATE ALL"); err != nil {
					t.Fatal(err)
				}
			},
			"a migration": func() {
				exec(t, addr, `ALTER TABLE {s}.record ADD COLUMN novelty text`, `DROP INDEX {s}.record_due`)
			},
		} {
			if _, err := st.Get(t.Context(), row.Key); err != nil {
				t.Fatal(err)
			}
			change()
			if _, err := st.Get(t.Context(), row.Key); err != nil {
				t.Errorf("%v, %s: %v", mode, what, err)
			}
			row = put(t, st, row)
			if _, err := st.List(t.Context(), store.Query{Kind: "item"}); err != nil {
				t.Errorf("%v, %s: %v", mode, what, err)
			}
		}
	}
}

// A tree goes as a whole, however deep.
func TestDeepTree(t *testing.T) {
	t.Parallel()
	addr := address(t)
	st := openAt(t, addr, nil)
	top := put(t, st, item("0"))
	exec(t, addr, `INSERT INTO {s}.record (kind, id, version, parent_kind, parent_id, write_id, data)
		SELECT 'item', n::text, 1, 'item', (n - 1)::text, 0, '' FROM generate_series(1, 20000) AS n`)
	if err := st.Delete(t.Context(), top.Key, top.Version); err != nil {
		t.Fatal(err)
	}
	if page, err := st.List(t.Context(), store.Query{Kind: "item"}); err != nil || len(page.Rows) > 0 {
		t.Errorf("%d rows are left, %v", len(page.Rows), err)
	}
}
