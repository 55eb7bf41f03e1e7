package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
)

func setting(name, value string) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams[name] = value }
}

// After a failover the pool may lead to a server that takes no writes.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	addr := address(t)
	row := put(t, openAt(t, addr, nil), item("a"))
	st := openAt(t, addr, setting("default_transaction_read_only", "on"))
	if _, err := st.Get(t.Context(), row.Key); err != nil {
		t.Error(err)
	}
	if _, err := st.Put(t.Context(), row); !errors.Is(err, postgres.ErrReadOnly) {
		t.Errorf("Put = %v", err)
	}
	if err := st.Delete(t.Context(), row.Key, row.Version); !errors.Is(err, postgres.ErrReadOnly) {
		t.Errorf("Delete = %v", err)
	}
}

// Whatever the session says, a write waits for the disk.
func TestWritesAreDurable(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"off", "local", "on"} {
		addr := address(t)
		st := openAt(t, addr, setting("synchronous_commit", value))
		// Deferred, the trigger runs when the transaction commits, and sees what
		// the commit will look at.
		exec(t, addr, `CREATE TABLE {s}.seen (value text)`,
			`CREATE FUNCTION {s}.look() RETURNS trigger LANGUAGE plpgsql AS
				$f$ BEGIN EXECUTE format('INSERT INTO %I.seen VALUES (%L)', TG_TABLE_SCHEMA, current_setting('synchronous_commit')); RETURN NULL; END $f$`,
			`CREATE CONSTRAINT TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON {s}.record DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {s}.look()`)
		row := put(t, st, item("a"))
		row = put(t, st, row)
		if err := st.Delete(t.Context(), row.Key, row.Version); err != nil {
			t.Fatal(err)
		}
		conn, err := pgx.Connect(t.Context(), server.URL())
		if err != nil {
			t.Fatal(err)
		}
		rows, err := conn.Query(t.Context(), "SELECT value FROM "+pgx.Identifier{schemaOf(t, addr), "seen"}.Sanitize())
		if err != nil {
			t.Fatal(err)
		}
		seen, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || strings.Join(seen, " ") != "on on on" {
			t.Errorf("session %s: the commits saw %v, %v", value, seen, err)
		}
		_ = conn.Close(t.Context())
	}
}

// The host may have made all its transactions serializable.
func TestSerializable(t *testing.T) {
	t.Parallel()
	addr := address(t)
	st := openAt(t, addr, setting("default_transaction_isolation", "serializable"))
	row := put(t, st, item("counter"))
	var wg sync.WaitGroup
	var wins atomic.Int64
	for range 8 {
		wg.Go(func() {
			for range 20 {
				row, err := st.Get(t.Context(), row.Key)
				if err == nil {
					_, err = st.Put(t.Context(), row)
				}
				if err == nil {
					wins.Add(1)
				} else if !errors.Is(err, store.ErrConflict) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if row, err := st.Get(t.Context(), row.Key); err != nil || row.Version != 1+wins.Load() {
		t.Errorf("version %d after %d wins, %v", row.Version, wins.Load(), err)
	}
}

// counter counts the statements that a pool sends.
type counter struct {
	mu  sync.Mutex
	sql []string
}

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sql = append(c.sql, data.SQL)
	return ctx
}

func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *counter) take() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.sql)
	c.sql = nil
	return n
}

func TestStatementsPerCall(t *testing.T) {
	t.Parallel()
	c := &counter{}
	st := openAt(t, address(t), func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = c })
	parent := put(t, st, store.Row{Key: store.Key{Kind: "folder", ID: "f"}, Unique: "folder"})
	row := store.Row{Key: store.Key{Kind: "item", ID: "i"}, Parent: parent.Key, Unique: store.JoinPath("f", "i"), Labels: []string{"a", "b"}}
	c.take()
	row = put(t, st, row)
	want := func(call string, n int) {
		t.Helper()
		if got := c.take(); got != n {
			t.Errorf("%s: %d statements, want %d", call, got, n)
		}
	}
	want("insert", 1)
	row.Labels = []string{"b", "c"}
	row = put(t, st, row)
	want("update", 1)
	if _, err := st.Get(t.Context(), row.Key); err != nil {
		t.Fatal(err)
	}
	want("Get", 1)
	if got, err := st.GetPath(t.Context(), "folder", "folder", "item", "i"); err != nil || got.Version != 2 {
		t.Fatal(got, err)
	}
	want("GetPath", 1)
	if _, err := st.List(t.Context(), store.Query{Kind: "item", Parent: parent.Key}); err != nil {
		t.Fatal(err)
	}
	want("List", 1)
	if err := st.Delete(t.Context(), parent.Key, parent.Version); err != nil {
		t.Fatal(err)
	}
	want("Delete", 1)
}

// Sessions are ended at random while writers count. What was acknowledged
// happened, what was refused did not, and nothing happened twice.
func TestSessionsAreEnded(t *testing.T) {
	t.Parallel()
	addr := address(t)
	name := fmt.Sprintf("victim %x", unique())
	st := openAt(t, addr, func(c *pgxpool.Config) {
		c.MaxConns = 4
		c.ConnConfig.RuntimeParams["application_name"] = name
	})
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { endSessions(ctx, t, name) })
	type tally struct{ done, unknown int64 }
	tallies := make([]tally, 4)
	for i := range tallies {
		key := put(t, st, item(fmt.Sprint("counter ", i))).Key
		wg.Go(func() {
			for ctx.Err() == nil {
				row, err := st.Get(context.Background(), key)
				if err != nil {
					continue
				}
				switch _, err := st.Put(context.Background(), row); {
				case err == nil:
					tallies[i].done++
				case errors.Is(err, store.ErrConflict):
					t.Error("a conflict with nobody")
				default:
					tallies[i].unknown++
				}
			}
		})
	}
	wg.Wait()
	for i, n := range tallies {
		row, err := openAt(t, addr, nil).Get(t.Context(), item(fmt.Sprint("counter ", i)).Key)
		if err != nil || row.Version-1 < n.done || row.Version-1 > n.done+n.unknown || n.done == 0 {
			t.Errorf("version %d after %d writes and %d of unknown end, %v", row.Version, n.done, n.unknown, err)
		}
		t.Logf("%d writes, %d of unknown end", n.done, n.unknown)
	}
}

func endSessions(ctx context.Context, t *testing.T, name string) {
	conn, err := pgx.Connect(context.Background(), server.URL())
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if _, err := conn.Exec(context.Background(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1", name); err != nil {
			t.Error(err)
			return
		}
	}
}

func TestClosedPool(t *testing.T) {
	t.Parallel()
	addr := address(t)
	openAt(t, addr, nil)
	u := strings.Split(addr, "#")[0]
	pool := newPool(t, u, nil)
	st, err := postgres.Open(t.Context(), pool, postgres.Options{Schema: schemaOf(t, addr)})
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	if _, err := st.Put(t.Context(), item("a")); err == nil || !strings.Contains(err.Error(), "closed pool") {
		t.Errorf("Put = %v", err)
	}
	if _, err := st.Get(t.Context(), item("a").Key); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v", err)
	}
}

// Errors name the call, and nothing of the connection string.
func TestErrorsKeepThePassword(t *testing.T) {
	t.Parallel()
	need(t)
	pool := newPool(t, "postgres://user:canary-password@127.0.0.1:1/nowhere?connect_timeout=1", nil)
	_, err := postgres.Open(t.Context(), pool, postgres.Options{})
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "postgres: open") {
		t.Errorf("Open = %v", err)
	}
}
