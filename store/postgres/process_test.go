package postgres

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

func roles() map[string]func(addr string) error {
	return map[string]func(string) error{"open": openAndPut}
}

// openAndPut opens the database as soon as its standard input ends.
func openAndPut(addr string) error {
	cfg, schema, err := parse(addr)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	ctx := context.Background()
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	s, err := Open(ctx, pool, Options{Schema: schema})
	if err != nil {
		return err
	}
	_, err = s.Put(ctx, store.Row{Key: key(fmt.Sprint("process ", os.Getpid()))})
	return err
}

// await starts a process in the role and returns when it is ready. The function
// lets it go, and returns when it has ended.
func await(t testing.TB, role, addr string) (start func() error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, addr)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &lockedBuffer{}
	cmd.Stderr = stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(stdout, make([]byte, len("ready\n"))); err != nil {
		t.Fatalf("another process does not start: %v\n%s", err, stderr)
	}
	return func() error {
		if err := stdin.Close(); err != nil {
			return err
		}
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("another process: %w\n%s", err, stderr)
		}
		return nil
	}
}

// Of several processes and handles that open a new schema at the same moment one
// makes the tables, and all work, also where every transaction would otherwise
// see the database as it was when it began.
func TestOpenAtOnce(t *testing.T) {
	t.Parallel()
	for _, params := range []string{"", "default_transaction_isolation=serializable"} {
		const processes, handles = 4, 4
		addr := freshAddress(t, params)
		var starts []func() error
		for range processes {
			starts = append(starts, await(t, "open", addr))
		}
		for i := range handles {
			starts = append(starts, func() error {
				s, err := openErr(t, addr)
				if err == nil {
					_, err = s.Put(context.Background(), store.Row{Key: key(fmt.Sprint("handle ", i))})
				}
				return err
			})
		}
		ends := make(chan error)
		for _, start := range starts {
			go func() { ends <- start() }()
		}
		for range starts {
			if err := <-ends; err != nil {
				t.Error(err)
			}
		}
		s := open(t, addr)
		page, err := s.List(context.Background(), store.Query{Kind: "k"})
		if err != nil || len(page.Rows) != len(starts) {
			t.Errorf("%d have come and left %d rows, %v", len(starts), len(page.Rows), err)
		}
		if n := number(t, s, "SELECT count(*) FROM @.schema_version"); n != int64(len(migrations())) {
			t.Errorf("%d steps were noted, want %d", n, len(migrations()))
		}
	}
}
