package river

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// Many processes migrate at once, with a pool of one, and what is up to date stays so.
func TestMigrate(t *testing.T) {
	t.Parallel()
	o := Options{Schema: postgrestest.Schema(t, postgrestest.URL(t))}
	var migrating sync.WaitGroup
	for range 8 {
		pool := newPool(t, "pool_max_conns=1")
		migrating.Go(func() {
			if err := Migrate(t.Context(), pool, o); err != nil {
				t.Error(err)
			}
		})
	}
	migrating.Wait()
	q := open(t, newPool(t, ""), o)
	if err := q.Add(t.Context(), queue.Wake{Kind: "k", ID: "1"}); err != nil {
		t.Error(err)
	}
	if err := Migrate(t.Context(), q.pool, o); err != nil {
		t.Error(err)
	}
	if n := number(t, q, "SELECT count(*) FROM @"); n != 1 {
		t.Errorf("%d jobs are left", n)
	}
}

// Who may not create anything can use what is there.
func TestMigrateWithoutPermission(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	schema := newSchema(t, pool)
	role := pgx.Identifier{"user_" + schema}.Sanitize()
	for _, text := range []string{
		"CREATE ROLE " + role + " LOGIN",
		"GRANT USAGE ON SCHEMA " + schema + " TO " + role,
		"GRANT ALL ON ALL TABLES IN SCHEMA " + schema + " TO " + role,
		"GRANT ALL ON ALL SEQUENCES IN SCHEMA " + schema + " TO " + role,
	} {
		if _, err := pool.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		_, err := pool.Exec(context.Background(), "DROP OWNED BY "+role)
		if err == nil {
			_, err = pool.Exec(context.Background(), "DROP ROLE "+role)
		}
		if err != nil {
			t.Error(err)
		}
	})
	user := newPool(t, "options=-c%20role%3Duser_"+schema)
	o := Options{Schema: schema}
	if err := Migrate(t.Context(), user, o); err != nil {
		t.Error(err)
	}
	if err := open(t, user, o).Add(t.Context(), queue.Wake{Kind: "k", ID: "1"}); err != nil {
		t.Error(err)
	}
	o.Schema = "new_" + schema
	if err := Migrate(t.Context(), user, o); err == nil || !strings.Contains(err.Error(), "permission") {
		t.Errorf("a new schema: %v", err)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	if _, err := New(nil, Options{}); err == nil {
		t.Error("no pool is fine")
	}
	if err := Migrate(t.Context(), nil, Options{}); err == nil {
		t.Error("no pool is fine")
	}
	for name, o := range map[string]Options{
		"a schema with a space": {Schema: "a b"},
		"a long schema":         {Schema: strings.Repeat("x", 64)},
		"no workers":            {Workers: -1},
		"too many workers":      {Workers: 1 << 20},
	} {
		if _, err := New(pool, o); err == nil || !strings.HasPrefix(err.Error(), "river: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	q := open(t, pool, Options{Schema: newSchema(t, pool)})
	if err := q.Add(t.Context(), queue.Wake{Kind: "no kind", ID: "1"}); err == nil {
		t.Error("a kind that River cannot name is fine")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := q.Add(ctx, queue.Wake{Kind: "k", ID: "1"}); err == nil {
		t.Error("Add does not look at its context")
	}
}
