package postgrestest

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func connect(t *testing.T, c *Cluster) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), c.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // the server may have ended it
	return conn
}

func mustExec(t *testing.T, conn *pgx.Conn, text string) {
	t.Helper()
	if _, err := conn.Exec(context.Background(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// A cluster can be stopped in both ways and started again at its old address
// with its old data; an immediate stop ends the sessions as a crash does.
func TestStopAndStart(t *testing.T) {
	c := Start(t, "max_connections=17")
	url := c.URL()
	conn := connect(t, c)
	mustExec(t, conn, "CREATE TABLE a AS SELECT 1 AS n")
	for _, mode := range []Mode{Fast, Immediate} {
		if err := c.Stop(mode); err != nil {
			t.Fatal(err)
		}
		if err := conn.Ping(context.Background()); err == nil {
			t.Errorf("after a stop (%s) the session goes on", mode)
		}
		if other, err := pgx.Connect(context.Background(), url); err == nil {
			t.Errorf("after a stop (%s) the server takes connections", mode)
			_ = other.Close(context.Background())
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if c.URL() != url {
			t.Errorf("the address was %s and is %s", url, c.URL())
		}
		conn = connect(t, c)
		var rows, limit, fsync string
		err := conn.QueryRow(context.Background(), "SELECT count(*)::text, current_setting('max_connections'), current_setting('fsync') FROM a").
			Scan(&rows, &limit, &fsync)
		if err != nil || rows != "1" || limit != "17" || fsync != "on" {
			t.Errorf("%s rows, max_connections=%s, fsync=%s, %v", rows, limit, fsync, err)
		}
	}
	if log := string(c.logEnd()); !strings.Contains(log, "automatic recovery") && !strings.Contains(log, "redo") {
		t.Errorf("the immediate stop was none:\n%s", log)
	}
}

// A standby answers reads and refuses writes.
func TestStandby(t *testing.T) {
	c := Start(t)
	if err := c.Stop(Fast); err != nil {
		t.Fatal(err)
	}
	if err := c.Standby(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var standby bool
	if err := connect(t, c).QueryRow(context.Background(), "SELECT pg_is_in_recovery()").Scan(&standby); err != nil || !standby {
		t.Errorf("pg_is_in_recovery: %v, %v", standby, err)
	}
}

// When the test that had it is over, nothing is left of a cluster.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	var dir, url string
	t.Run("with a cluster", func(t *testing.T) {
		c := Start(t)
		dir, url = c.dir, c.URL()
		if _, err := os.Stat(dir); err != nil {
			t.Error(err)
		}
	})
	if dir == "" {
		t.Skip("PostgreSQL is not installed")
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
	if _, err := pgx.Connect(context.Background(), url); err == nil {
		t.Error("the server goes on")
	}
	for start := time.Now(); runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Since(start) > 5*time.Second {
			t.Fatalf("%d goroutines before, %d after", before, runtime.NumGoroutine())
		}
	}
}

// A setting that the server does not know is told with what the server says.
func TestStartFails(t *testing.T) {
	programs, err := findPrograms()
	if err != nil {
		t.Skip(err)
	}
	c, err := newCluster(programs, []string{"no_such_setting=1"})
	if err == nil {
		_ = c.remove()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("the error is %v", err)
	}
}

// The shared server is the one that the environment names.
func TestSharedServer(t *testing.T) {
	c := Start(t)
	t.Setenv(EnvURL, c.URL())
	if got := URL(t); got != c.URL() {
		t.Errorf("the URL is %s, want %s", got, c.URL())
	}
	conn := connect(t, c)
	var name string
	t.Run("with a schema", func(t *testing.T) {
		name = Schema(t, c.URL())
		if other := Schema(t, c.URL()); other == name {
			t.Errorf("%s was given twice", name)
		}
		mustExec(t, conn, "CREATE SCHEMA "+name)
		mustExec(t, conn, "CREATE TABLE "+name+".a (n int)")
	})
	var left int
	if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_namespace WHERE nspname = $1", name).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d schemas are left, %v", left, err)
	}
}

func TestVersion(t *testing.T) {
	for dir, want := range map[string]int{
		"/usr/lib/postgresql/15/bin": 15, "/usr/pgsql-9/bin": 9, "/opt/homebrew/opt/postgresql@16/bin": 16, "/usr/bin": 0, "bin": 0,
	} {
		if got := version(dir); got != want {
			t.Errorf("%s: %d, want %d", dir, got, want)
		}
	}
}
