package river

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/queue/queuetest"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }

// newPool connects to the server, with parameters for the pool such as
// "pool_max_conns=2".
func newPool(t testing.TB, params string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(postgrestest.URL(t) + "&" + params)
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
