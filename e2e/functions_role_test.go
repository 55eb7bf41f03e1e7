package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/queue/river"
)

// counterProvider is the entry of the provider that the functions call.
const counterProvider = "counter:\n  display_name: Counter\n  docs: https://example.com\n  auth_mode: API_KEY\n" +
	"  proxy:\n    base_url: %s\n    headers: {x-key: \"${apiKey}\"}\n"

const (
	counters = "counters" // the integration

	// tickEvery is how often the function on a schedule runs.
	tickEvery = time.Second
	// takeOver is how long after a process died another one stands in for it.
	takeOver = 2 * time.Second
)

// scheduling is what a process needs to know to run functions.
type scheduling struct {
	Provider    string // URL of the ledger
	Process     int
	Connections int
	// Naive is to do without package functions.
	Naive bool
	// River is the schema of a queue for wake-ups. Empty: none.
	River string
}

func (s scheduling) connection(i int) string { return fmt.Sprintf("user-%03d", i) }

// openCounters makes a process of this one whose provider is the ledger.
func (r role) openCounters() (*process, error) {
	data := fmt.Appendf(nil, counterProvider, r.Scheduling.Provider)
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "counter.yaml", Data: data})
	if len(problems) > 0 {
		return nil, errors.New(problems[0].String())
	}
	return r.open(func(c *tieline.Config) { c.Providers = catalog })
}

// functionsOf are the functions as a process has them. The queue may be nil.
func (r role) functionsOf(p *process, q queue.Queue) (*functions.Functions, error) {
	keys, err := tieline.ParseKeyring(r.Key)
	if err != nil {
		return nil, err
	}
	poll := tickEvery / 4
	if q != nil {
		poll = takeOver // for what the dead had in hand
	}
	// What fails is tried again for as long as the test takes.
	often := functions.Options{Attempts: 10_000}
	scheduled := often
	scheduled.Every = tickEvery
	return functions.New(functions.Config{
		Client: p.Client, Store: p.store, Keys: keys, Queue: q, TakeOver: takeOver, Poll: poll,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Providers: map[string][]*functions.Function{"counter": {
			functions.Define("tick", r.Scheduling.tick, scheduled),
			functions.Define("charge", r.Scheduling.charge, often),
		}},
	})
}

// tick is the function on a schedule.
func (s scheduling) tick(ctx context.Context, call *functions.Call, _ struct{}) (struct{}, error) {
	a := attempt{Process: s.Process, Connection: call.Connection.ID, From: call.Interval.From, To: call.Interval.To, Number: call.Attempt}
	if _, err := call.Checkpoint(&a.Loaded); err != nil {
		return struct{}{}, err
	}
	if rand.N(2) == 0 {
		// It does not listen when it is told that the run is another one's.
		ctx = context.WithoutCancel(ctx)
	}
	err := a.carryOut(ctx, call.HTTPClient(), func(ctx context.Context, n int64) error { return call.SaveCheckpoint(ctx, n) })
	return struct{}{}, temporary(err)
}

// charge is the function that is started now and then.
func (s scheduling) charge(ctx context.Context, call *functions.Call, _ struct{}) (struct{}, error) {
	return struct{}{}, temporary(post(ctx, call.HTTPClient(), "/charge", url.Values{"mark": {mark()}, "run": {call.RunID}}))
}

// temporary makes an error one after which the same attempt is made again.
func temporary(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", err, &functions.RefusedError{Status: http.StatusServiceUnavailable})
}

// carryOut makes the attempt: it reads the counter and moves the checkpoint.
func (a attempt) carryOut(ctx context.Context, client *http.Client, save func(context.Context, int64) error) error {
	a.Mark = mark()
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/counter?"+url.Values{"attempt": {string(text)}}.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct{ Count int64 }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return err
	}
	if err := save(ctx, answer.Count); err != nil {
		return err
	}
	err = post(ctx, client, "/saved", url.Values{"mark": {a.Mark}})
	linger()
	return err
}

func post(ctx context.Context, client *http.Client, path string, query url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, path+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return functions.Check(resp)
}

func mark() string { return fmt.Sprintf("%016x", rand.Uint64()) }

// runFunctions is the role of a process that runs what is due, and starts runs.
func (r role) runFunctions(in io.Reader, out io.Writer) error {
	p, err := r.openCounters()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	work := func() { naive{r.Scheduling, p}.work(ctx) }
	if !r.Scheduling.Naive {
		q, closeQueue, err := r.openQueue(ctx)
		if err != nil {
			return err
		}
		defer closeQueue()
		fns, err := r.functionsOf(p, q)
		if err != nil {
			return err
		}
		work = func() { r.Scheduling.work(ctx, fns) }
	}
	var working sync.WaitGroup
	working.Go(work)
	fmt.Fprintln(out, "ready")
	_, _ = bufio.NewReader(in).ReadString('\n') // whoever started this process ends it
	cancel()
	working.Wait()
	return p.close()
}

// openQueue opens the queue for wake-ups, if there is one.
func (r role) openQueue(ctx context.Context) (queue.Queue, func(), error) {
	if r.Scheduling.River == "" {
		return nil, func() {}, nil
	}
	pool, err := pgxpool.New(ctx, r.DB.Postgres)
	if err != nil {
		return nil, nil, err
	}
	o := river.Options{Schema: r.Scheduling.River}
	if err := river.Migrate(ctx, pool, o); err != nil {
		pool.Close()
		return nil, nil, err
	}
	q, err := river.New(pool, o)
	return q, pool.Close, err
}

// work runs what is due, and starts runs.
func (s scheduling) work(ctx context.Context, fns *functions.Functions) {
	var both sync.WaitGroup
	both.Go(func() { _ = fns.Work(ctx) })
	both.Go(func() { s.startRuns(ctx, fns) })
	both.Wait()
}

// startRuns starts runs now and then, and tells the ledger of those that were accepted,
// until that says that it is enough.
func (s scheduling) startRuns(ctx context.Context, fns *functions.Functions) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		to := functions.Target{Integration: counters, Connection: s.connection(rand.N(s.Connections))}
		run, err := fns.Start(ctx, to, "charge", nil, functions.RunOptions{})
		if err != nil {
			continue // it was not accepted, or that cannot be told
		}
		told := url.Values{"run": {run.ID}, "process": {strconv.Itoa(s.Process)}}
		if post(ctx, http.DefaultClient, s.Provider+"/accepted", told) != nil {
			return
		}
	}
}
