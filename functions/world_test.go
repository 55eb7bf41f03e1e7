package functions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

const testCatalog = `
acme:
  display_name: Acme
  docs: https://example.com
  auth_mode: API_KEY
  proxy:
    base_url: https://api.example.com
    headers: {x-key: "${apiKey}"}
`

var integration = tieline.Integration{Key: "crm", Provider: "acme"}

var errDead = errors.New("this process is dead")

// lockedBuffer is what several goroutines log to.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// world is a Store that several processes work on. Its integration is "crm".
type world struct {
	t       testing.TB
	store   *store.Memory
	base    store.Store // what processes work on: store, or something around it
	keys    *tieline.Keyring
	catalog *tieline.Catalog
	log     *lockedBuffer
	*tieline.Client
}

func testKeys(t testing.TB, seeds ...byte) *tieline.Keyring {
	t.Helper()
	var keys [][]byte
	for _, b := range seeds {
		keys = append(keys, bytes.Repeat([]byte{b}, tieline.KeySize))
	}
	k, err := tieline.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// newWorld has connections of these IDs.
func newWorld(t testing.TB, connections ...string) *world {
	t.Helper()
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "test.yaml", Data: []byte(testCatalog)})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	w := &world{t: t, store: &store.Memory{}, keys: testKeys(t, 1), catalog: catalog, log: &lockedBuffer{}}
	w.base = w.store
	w.Client = w.client(w.store)
	if _, err := w.Integrations.Create(t.Context(), integration); err != nil {
		t.Fatal(err)
	}
	for _, id := range connections {
		w.connect(id)
	}
	return w
}

func (w *world) client(s store.Store) *tieline.Client {
	w.t.Helper()
	c, err := tieline.New(tieline.Config{Store: s, Keys: w.keys, Providers: w.catalog})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) connect(id string) tieline.Connection {
	w.t.Helper()
	key := tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}, SkipVerification: true}
	conn, err := w.Connections.Import(w.t.Context(), "crm", id, key)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func at(id string) Target { return Target{Integration: "crm", Connection: id} }

// process is one of the processes that work on a world.
type process struct {
	*Functions
	w      *world
	dead   atomic.Bool
	cancel context.CancelFunc
	done   chan error // of Work
	// before and after interfere with calls of the Store; set before use.
	before, after func(op string, key store.Key) error
}

// process is a new one with these functions. edit may be nil.
func (w *world) process(edit func(*Config), fns ...*Function) *process {
	w.t.Helper()
	p := &process{w: w}
	either := func(f *func(string, store.Key) error) func(string, store.Key) error {
		return func(op string, key store.Key) error {
			if p.dead.Load() {
				return errDead
			}
			if *f != nil {
				return (*f)(op, key)
			}
			return nil
		}
	}
	s := storetest.Faulty(w.base, either(&p.before), either(&p.after))
	cfg := Config{
		Client: w.client(s), Providers: map[string][]*Function{"acme": fns}, Store: s, Keys: w.keys,
		Logger: slog.New(slog.NewJSONHandler(io.MultiWriter(w.log, io.Discard), &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if p.Functions, err = New(cfg); err != nil {
		w.t.Fatal(err)
	}
	return p
}

// work lets it work until it is stopped or killed, and until the end of the test.
func (p *process) work() *process {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.done = cancel, make(chan error, 1)
	go func() { p.done <- p.Work(ctx) }()
	p.w.t.Cleanup(func() { p.stop() })
	return p
}

// stop ends Work, as a shutdown does.
func (p *process) stop() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	if err := <-p.done; !errors.Is(err, context.Canceled) {
		p.w.t.Errorf("Work = %v", err)
	}
	p.cancel = nil
}

// kill ends it as kill -9 does: nothing that it does from now on has an effect.
func (p *process) kill() {
	p.dead.Store(true)
	if p.cancel != nil {
		p.cancel()
	}
}

// rows are all of a kind.
func (w *world) rows(kind store.Kind) []entry {
	w.t.Helper()
	page, err := w.store.List(context.Background(), store.Query{Kind: kind, Limit: store.MaxLimit})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []entry
	for _, row := range page.Rows {
		e, err := parseEntry(row)
		if err != nil {
			e = entry{row: row}
		}
		out = append(out, e)
	}
	return out
}

// setStatus changes a connection behind everybody's back.
func (w *world) setStatus(id string, s record.Status) {
	w.t.Helper()
	conn, err := w.Connections.Get(w.t.Context(), "crm", id)
	if err != nil {
		w.t.Fatal(err)
	}
	row, err := w.store.Get(w.t.Context(), store.Key{Kind: kindConnection, ID: conn.RowID})
	if err != nil {
		w.t.Fatal(err)
	}
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	rec.State.Status = s
	row.Data = rec.Encode()
	if _, err := w.store.Put(w.t.Context(), row); err != nil {
		w.t.Fatal(err)
	}
}

// wait looks at a run until it is over.
func (w *world) wait(f *Functions, id string) Run {
	w.t.Helper()
	var run Run
	for range 3600 {
		var err error
		if run, err = f.Get(context.Background(), id); err != nil {
			w.t.Fatal(err)
		}
		if run.Status == StatusDone || run.Status == StatusFailed {
			return run
		}
		time.Sleep(time.Second)
	}
	w.t.Fatalf("the run did not end: %+v", run)
	return run
}

// journal is what functions write down.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

func (j *journal) all() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.lines)
}

func (j *journal) String() string { return strings.Join(j.all(), "\n") }

type word struct {
	Word string `json:"word"`
}

// echo answers with its input.
func echo(j *journal) *Function {
	return Define("echo", func(_ context.Context, call *Call, in word) (word, error) {
		j.add("%s %s %d", call.Connection.ID, in.Word, call.Attempt)
		return in, nil
	}, Options{})
}

var errBusyProvider = &RefusedError{Status: 503}
