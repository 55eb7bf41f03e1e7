package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
)

// What Postgres answers becomes an error that a caller can act on, with the call
// and the row in it, and nothing was changed.
func TestErrorsOfWrites(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for code, want := range map[string]error{codeFull: ErrFull, codeReadOnly: ErrReadOnly, codePermission: ErrPermission, "57014": nil} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := fresh(t, "")
			row := put(t, s, store.Row{Key: key("a"), Data: []byte("old")})
			failTimes(t, s, code, 3)
			next := row
			next.Data = []byte("new")
			_, updateErr := s.Put(ctx, next)
			_, createErr := s.Put(ctx, store.Row{Key: key("b")})
			for op, err := range map[string]error{`put k "a"`: updateErr, `put k "b"`: createErr, `delete k "a"`: s.Delete(ctx, row.Key, row.Version)} {
				if err == nil || !strings.Contains(err.Error(), "postgres: "+op+": ") || !strings.Contains(err.Error(), code) {
					t.Errorf("%s: the error is %v", op, err)
				}
				if want != nil {
					wantErr(t, err, want)
				}
				if errors.Is(err, ErrUncertain) {
					t.Errorf("%s: the error is %v, and the outcome is certain", op, err)
				}
			}
			holds(t, s, row)
			absent(t, s, key("b"))
			put(t, s, next) // the fourth goes through
		})
	}
}

func TestTablesGone(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, "")
	row := put(t, s, store.Row{Key: key("a")})
	for _, drop := range []string{"DROP TABLE @.record CASCADE", "DROP SCHEMA @ CASCADE"} {
		run(t, s, drop)
		_, getErr := s.Get(ctx, row.Key)
		_, putErr := s.Put(ctx, row)
		_, pathErr := s.GetPath(ctx, "p", "u", "k", "n")
		_, listErr := s.List(ctx, store.Query{Kind: "k"})
		for _, err := range []error{getErr, putErr, pathErr, listErr, s.Delete(ctx, row.Key, 1)} {
			wantErr(t, err, ErrNoTables)
		}
	}
}

// What no index takes is refused as what it is: a call that can never succeed.
func TestTooLong(t *testing.T) {
	t.Parallel()
	s := fresh(t, "")
	var long strings.Builder
	for range 1000 {
		fmt.Fprintf(&long, "%x", rand.Uint64())
	}
	for _, row := range []store.Row{
		{Key: key(long.String())}, {Key: key("a"), Unique: long.String()}, {Key: key("a"), Labels: []string{long.String()}},
		{Key: key("a"), Data: make([]byte, maxData+1)},
	} {
		_, err := s.Put(context.Background(), row)
		wantErr(t, err, store.ErrInvalid)
		if err != nil && strings.Contains(err.Error(), row.Unique+" ") && row.Unique != "" {
			t.Error("the error repeats the Unique")
		}
	}
	absent(t, s, key("a"))
	put(t, s, store.Row{Key: key(strings.Repeat("x", 2500)), Unique: strings.Repeat("y", 2500), Labels: []string{strings.Repeat("z", 2500)}})
}

// A server that is not there, and one that does not let in: the first is waited
// for a while, the second is not, and no error tells the password.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := fresh(t, "")
	const password = "p4ssw0rd-of-the-test"
	for name, c := range map[string]struct {
		change func(*pgxpool.Config)
		waits  bool
	}{
		"nobody listens": {func(cfg *pgxpool.Config) {
			cfg.ConnConfig.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errBroken }
		}, true},
		"no such database": {func(cfg *pgxpool.Config) { cfg.ConnConfig.Database = "no such database" }, false},
	} {
		cfg := s.pool.Config()
		cfg.ConnConfig.Password = password
		c.change(cfg)
		pool, err := pgxpool.NewWithConfig(ctx, cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		away := &Store{pool: pool, schema: s.schema, sql: s.sql, limits: s.limits}
		away.limits.connect = 100 * time.Millisecond
		start := time.Now()
		_, getErr := away.Get(ctx, key("a"))
		_, putErr := away.Put(ctx, store.Row{Key: key("a")})
		if took := time.Since(start); c.waits != (took >= 2*away.limits.connect) {
			t.Errorf("%s: two calls took %v", name, took)
		}
		_, openErr := Open(ctx, pool, Options{})
		for _, err := range []error{getErr, putErr, openErr} {
			if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), password) {
				t.Errorf("%s: the error is %v", name, err)
			}
			if errors.Is(err, ErrUncertain) {
				t.Errorf("%s: nothing was sent, and the error is %v", name, err)
			}
		}
		// A done context ends the waiting.
		done, cancel := context.WithTimeout(ctx, time.Millisecond)
		away.limits.connect = time.Hour
		_, err = away.Get(done, key("a"))
		cancel()
		if c.waits {
			wantErr(t, err, context.DeadlineExceeded)
		}
	}
}

// A server that comes back within the patience for it is not noticed.
func TestConnectionComesBack(t *testing.T) {
	t.Parallel()
	failures := 5
	s := open(t, freshAddress(t, ""), func(cfg *pgxpool.Config) {
		cfg.MaxConns = 1
		cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
			if failures > 0 {
				failures--
				return errBroken
			}
			return nil
		}
	})
	row := put(t, s, store.Row{Key: key("a")})
	for range 2 {
		failures = 5
		s.pool.Reset()
		row = put(t, s, row)
	}
}

// A record that contradicts itself must not keep a call busy for good.
func TestWriteGivesUp(t *testing.T) {
	t.Parallel()
	s := fresh(t, "")
	run(t, s, "CREATE FUNCTION @.deaf() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
	run(t, s, "CREATE TRIGGER deaf BEFORE INSERT ON @.record FOR EACH ROW EXECUTE FUNCTION @.deaf()")
	_, err := s.Put(context.Background(), store.Row{Key: key("a")})
	wantErr(t, err, ErrCorrupt)
}
