package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tieline/tieline/store/postgres/postgrestest"
	"github.com/tieline/tieline/storetest"
)

// poolerVar is the address of a pgbouncer, with its pool mode at the end of the
// name: processes that a test starts use the one that is there.
const poolerVar = "TIELINE_POSTGRES_POOLER_"

// Behind a pooler, each statement may run in another session.
func TestStoreBehindPgbouncer(t *testing.T) {
	behindPgbouncer(t, "transaction")
}

// In this mode, there are no transactions of more than one statement at all.
func TestStoreBehindPgbouncerStatements(t *testing.T) {
	behindPgbouncer(t, "statement")
}

func behindPgbouncer(t *testing.T, mode string) {
	url := os.Getenv(poolerVar + mode)
	if url == "" {
		url = startPgbouncer(t, mode)
		t.Setenv(poolerVar+mode, url)
	}
	target := target("default_query_exec_mode=exec")
	target.New = func(t testing.TB) string {
		return address(t, url, "default_query_exec_mode=exec", postgrestest.Schema(t, postgrestest.URL(t)))
	}
	t.Run("store", func(t *testing.T) { storetest.Run(t, target) })
}

// startPgbouncer runs a pgbouncer in front of the server and returns its address.
func startPgbouncer(t *testing.T, mode string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/pgbouncer"); err != nil {
			t.Skip("pgbouncer is not installed")
		}
	}
	server, err := pgx.ParseConfig(postgrestest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "pgbouncer") // short, because the name of a socket has to be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	password := ""
	if server.Password != "" {
		password = "password='" + strings.ReplaceAll(server.Password, "'", "''") + "'"
	}
	config := fmt.Sprintf(`[databases]
%s = host=%s port=%d user=%s %s
[pgbouncer]
pool_mode = %s
listen_addr =
unix_socket_dir = %s
auth_type = any
max_client_conn = 1000
default_pool_size = 20
ignore_startup_parameters = extra_float_digits
`, server.Database, server.Host, server.Port, server.User, password, mode, dir)
	ini := filepath.Join(dir, "pgbouncer.ini")
	if err := os.WriteFile(ini, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-q", ini}
	if os.Geteuid() == 0 { // as whom it refuses to run
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"-u", "postgres"}, args...)
	}
	out := &lockedBuffer{}
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended, which the tests have noticed
		_ = cmd.Wait()
	})
	url := "postgres://" + server.User + "@/" + server.Database + "?host=" + dir + "&port=" + strconv.Itoa(6432)
	awaitServer(t, url, out)
	return url
}

func awaitServer(t *testing.T, url string, out *lockedBuffer) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.Now().Add(20 * time.Second)
	for range ticker.C {
		conn, err := pgx.Connect(context.Background(), url)
		if err == nil {
			if err := conn.Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("pgbouncer is not ready: %v\n%s", err, strings.TrimSpace(out.String()))
		}
	}
}
