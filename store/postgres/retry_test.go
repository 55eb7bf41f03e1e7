package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

// failTimes lets the first n changes of the table fail with the code. Sequences
// do not roll back, so that it counts failures.
func failTimes(t testing.TB, s *Store, code string, n int) {
	t.Helper()
	run(t, s, `CREATE SEQUENCE @.failures`)
	run(t, s, fmt.Sprintf(`CREATE FUNCTION @.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		IF nextval('%s.failures') <= %d THEN RAISE EXCEPTION 'the test' USING ERRCODE = '%s'; END IF;
		IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
		RETURN NEW;
	END $$`, pgx.Identifier{s.schema}.Sanitize(), n, code))
	run(t, s, `CREATE TRIGGER fail BEFORE INSERT OR UPDATE OR DELETE ON @.record FOR EACH ROW EXECUTE FUNCTION @.fail()`)
}

// What Postgres gave up for the sake of others, and what failed because a
// connection's statements were outdated, is tried again, in every write.
func TestRetries(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, code := range []string{codeSerialization, codeDeadlock, codeUnsupported, codeNoStatement, codeStatementTwice, codeProtocol} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := fresh(t, "")
			const times = 3
			failTimes(t, s, code, times)
			row := put(t, s, store.Row{Key: key("a")})
			run(t, s, "ALTER SEQUENCE @.failures RESTART")
			row = put(t, s, row)
			run(t, s, "ALTER SEQUENCE @.failures RESTART")
			if err := s.Delete(ctx, row.Key, row.Version); err != nil {
				t.Error(err)
			}
			if n := number(t, s, "SELECT last_value FROM @.failures"); n != times+1 {
				t.Errorf("the delete was tried %d times, want %d", n, times+1)
			}
		})
	}
}

// There is an end to trying, and the last error is told.
func TestRetriesEnd(t *testing.T) {
	t.Parallel()
	s := fresh(t, "")
	s.limits.contend = 50 * time.Millisecond
	failTimes(t, s, codeDeadlock, 1<<30)
	start := time.Now()
	_, err := s.Put(context.Background(), store.Row{Key: key("a")})
	if code(err) != codeDeadlock {
		t.Errorf("the error is %v, want a deadlock", err)
	}
	if took := time.Since(start); took < s.limits.contend {
		t.Errorf("gave up after %v, before %v", took, s.limits.contend)
	}
	absent(t, s, key("a"))
}

// A real deadlock with another client, of which the Store's call is the victim,
// because it is the last to wait.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	addr := freshAddress(t, "")
	with := func(name, timeout string) *Store {
		return open(t, addr, named(name), func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["deadlock_timeout"] = timeout })
	}
	storeName, otherName := "deadlock "+randomID(), "deadlock "+randomID()
	s, other := with(storeName, "20ms"), with(otherName, "1h")
	top := put(t, s, store.Row{Key: key("top")})
	put(t, s, store.Row{Key: key("below"), Parent: top.Key})

	// The delete is held up after it has locked the top.
	gate := rand.Int64()
	run(t, s, fmt.Sprintf(`CREATE FUNCTION @.wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		PERFORM pg_advisory_xact_lock(%d);
		RETURN OLD;
	END $$`, gate))
	run(t, s, `CREATE TRIGGER wait BEFORE DELETE ON @.record FOR EACH ROW WHEN (OLD.id = 'top') EXECUTE FUNCTION @.wait()`)
	holder, tx := begin(t, other), begin(t, other)
	mustExec(t, holder, s, "SELECT pg_advisory_xact_lock($1)", gate)
	mustExec(t, tx, s, "SELECT 1 FROM @.record WHERE id = $1 FOR UPDATE", "below")
	deleted := make(chan error, 1)
	go func() { deleted <- s.Delete(ctx, top.Key, top.Version) }()
	awaitLock(t, other, storeName)

	// The other client waits for the top, and then the delete for what is below.
	locked := make(chan error, 1)
	go func() {
		_, err := tx.Exec(ctx, inSchema(s, "SELECT 1 FROM @.record WHERE id = $1 FOR UPDATE"), "top")
		locked <- errors.Join(err, tx.Commit(ctx))
	}()
	awaitLock(t, other, otherName)
	if err := holder.Commit(ctx); err != nil {
		t.Error(err)
	}
	if err := <-locked; err != nil {
		t.Errorf("the other client: %v", err)
	}
	if err := <-deleted; err != nil {
		t.Error(err)
	}
	absent(t, s, key("below"))
}

func mustExec(t testing.TB, tx pgx.Tx, s *Store, text string, args ...any) {
	t.Helper()
	if _, err := tx.Exec(context.Background(), inSchema(s, text), args...); err != nil {
		t.Fatal(err)
	}
}

// awaitLock returns when a session of that application_name waits for a lock.
func awaitLock(t testing.TB, s *Store, application string) (pid int64) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for range ticker.C {
		err := s.pool.QueryRow(context.Background(), `SELECT pid FROM pg_stat_activity
			WHERE application_name = $1 AND wait_event_type = 'Lock' LIMIT 1`, application).Scan(&pid)
		if err == nil {
			return pid
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody waits for a lock: %v", err)
		}
	}
	return 0
}

// Statements that were prepared before the tables changed are prepared again,
// on every connection of the pool.
func TestAlteredTable(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			const connections = 6
			addr := freshAddress(t, fmt.Sprintf("default_query_exec_mode=%s&pool_max_conns=%d", mode, connections))
			s, admin := open(t, addr), open(t, addr)
			row := put(t, s, store.Row{Key: key("a"), Unique: "u", Labels: []string{"x"}, Due: someday()})
			for _, change := range []string{
				"ALTER TABLE @.record ADD COLUMN later text",
				"ALTER TABLE @.record ALTER COLUMN version TYPE integer", // changes what is prepared
				"ALTER TABLE @.record ALTER COLUMN version TYPE bigint",
				"ALTER TABLE @.record DROP COLUMN later",
			} {
				everywhere(t, s, connections, func(s *Store) error {
					_, err := s.Get(ctx, row.Key)
					return err
				})
				row = put(t, s, row)
				run(t, admin, change)
				everywhere(t, s, connections, func(s *Store) error {
					got, err := s.Get(ctx, row.Key)
					if err == nil && got.Version != row.Version {
						err = fmt.Errorf("version %d, want %d", got.Version, row.Version)
					}
					return err
				})
				row = put(t, s, row)
				for _, q := range []store.Query{{Kind: "k"}, {Kind: "k", Labels: []string{"x"}}} {
					if page, err := s.List(ctx, q); err != nil || len(page.Rows) != 1 {
						t.Errorf("after %s: List has %d rows, %v", change, len(page.Rows), err)
					}
				}
			}
		})
	}
}

// everywhere makes the call once on each of n connections of the pool, by
// holding all but one of them.
func everywhere(t testing.TB, s *Store, n int, call func(*Store) error) {
	t.Helper()
	var held []*pgxpool.Conn
	for range n {
		conn, err := s.pool.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, conn)
	}
	for _, conn := range held {
		conn.Release()
		if err := call(s); err != nil {
			t.Error(err)
		}
		again, err := s.pool.Acquire(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer again.Release()
	}
}

// named sets the name that the server knows a pool's sessions by.
func named(application string) func(*pgxpool.Config) {
	return func(cfg *pgxpool.Config) { cfg.ConnConfig.RuntimeParams["application_name"] = application }
}

// Sessions that were ended while nobody used them cost nothing but time.
func TestTerminatedIdle(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	const connections = 4
	addr := freshAddress(t, fmt.Sprint("pool_max_conns=", connections))
	s := open(t, addr, named("idle"))
	admin := open(t, addr)
	row := put(t, s, store.Row{Key: key("a")})
	calls := map[string]func() error{
		"get":  func() error { _, err := s.Get(ctx, row.Key); return err },
		"list": func() error { _, err := s.List(ctx, store.Query{Kind: "k"}); return err },
		"put":  func() (err error) { row, err = s.Put(ctx, row); return err },
		"delete": func() error {
			err := s.Delete(ctx, row.Key, row.Version)
			row.Version = 0
			return err
		},
		"create": func() (err error) { row, err = s.Put(ctx, row); return err },
	}
	for _, name := range []string{"get", "list", "put", "delete", "create"} {
		everywhere(t, s, connections, func(*Store) error { return s.pool.Ping(ctx) })
		number(t, admin, "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = 'idle'")
		if err := calls[name](); err != nil {
			t.Errorf("%s on connections that were ended: %v", name, err)
		}
	}
	holds(t, s, row)
}

// A session that is ended in the middle of a write.
func TestTerminatedWrite(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, op := range []string{"update", "delete"} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			addr := freshAddress(t, "")
			name := "terminated " + op
			s := open(t, addr, named(name))
			w := &lostWrite{s: s, other: open(t, addr), op: op}
			w.row = put(t, s, store.Row{Key: key("a"), Data: []byte("old")})
			tx := begin(t, w.other)
			if _, err := tx.Exec(ctx, inSchema(s, "SELECT 1 FROM @.record FOR UPDATE")); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- w.run() }()
			for range 3 {
				pid := awaitLock(t, w.other, name)
				number(t, w.other, "SELECT count(pg_terminate_backend($1::int, 5000))", pid)
			}
			if err := tx.Commit(ctx); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			w.took(t)
		})
	}
}
