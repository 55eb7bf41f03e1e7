package river

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/queue/queuetest"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// roleVar makes the test binary another process of a test.
const roleVar = "TIELINE_RIVER_ROLE"

func TestMain(m *testing.M) {
	if schema, isChild := os.LookupEnv(roleVar); isChild {
		fmt.Fprintln(os.Stderr, holdOne(schema))
		os.Exit(1)
	}
	os.Exit(postgrestest.Main(m))
}

// newPool connects to the server, with parameters for the pool such as
// "pool_max_conns=2".
func newPool(t testing.TB, params string) *pgxpool.Pool {
	t.Helper()
	u, err := url.Parse(postgrestest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	u.RawQuery += "&" + params
	cfg, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// newSchema is the name of a schema where Migrate has been.
func newSchema(t testing.TB, pool *pgxpool.Pool) string {
	t.Helper()
	schema := postgrestest.Schema(t, postgrestest.URL(t))
	if err := Migrate(context.Background(), pool, Options{Schema: schema}); err != nil {
		t.Fatal(err)
	}
	return schema
}

func open(t testing.TB, pool *pgxpool.Pool, o Options) *Queue {
	t.Helper()
	q, err := New(pool, o)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// receiving receives until the function is called, or the test ends.
func receiving(t testing.TB, q *Queue, kinds []string, do func(context.Context, queue.Wake) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Receive(ctx, kinds, do) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Receive = %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// eventually waits until something is so.
func eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Since(began) > time.Minute {
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

// number runs a SELECT of one number, in which @ stands for the table of jobs.
func number(t testing.TB, q *Queue, text string) (n int) {
	t.Helper()
	table := pgx.Identifier{q.o.Schema, "river_job"}.Sanitize()
	if err := q.pool.QueryRow(context.Background(), strings.ReplaceAll(text, "@", table)).Scan(&n); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return n
}

// conforms runs the conformance suite on queues with these options. Who fails twice is
// asked again after two seconds, not seventeen.
func conforms(t *testing.T, params string, o Options) {
	queuetest.Run(t, func(t testing.TB) func(testing.TB) queue.Queue {
		o := o
		o.Schema = newSchema(t, newPool(t, ""))
		return func(t testing.TB) queue.Queue {
			q := open(t, newPool(t, params), o)
			q.times.retry = time.Second
			return q
		}
	})
}

// lockedBuffer can be written to and read at the same time.
type lockedBuffer struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newLog is a logger that takes everything, and what it was told.
func newLog() (*slog.Logger, *lockedBuffer) {
	b := &lockedBuffer{}
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})), b
}
