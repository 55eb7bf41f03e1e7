package kill

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/database"
)

// RoleVar makes the test binary an actor. Its value is a role, in JSON.
const RoleVar = "TIELINE_E2E_KILL_ROLE"

// role is what an actor needs to know.
type role struct {
	Play    string // "call", "settle" or "hold"
	Process int    // a number that no other process of the run has
	Address database.Address
	URL     string // of the referee
	Keys    string
	Policy  tieline.RefreshPolicy
	Grace   time.Duration
	Callers int
	Conns   []string
	Run     bool // run Client.Run as well
	Naive   bool // with a store that breaks compare-and-swap
}

// Play makes this process an actor if it was started as one, and returns its
// exit code. Call it first of all in TestMain.
func Play() (code int, ok bool) {
	text, ok := os.LookupEnv(RoleVar)
	if !ok {
		return 0, false
	}
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		a := &actor{role: r, out: os.Stdout}
		switch r.Play {
		case "call":
			err = a.call(os.Stdin)
		case "settle":
			err = a.settle()
		case "hold":
			err = a.hold(os.Stdin)
		default:
			err = errors.New("unknown role")
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

// actor is this process as one of the application.
type actor struct {
	role
	client *tieline.Client
	store  database.Store

	mu     sync.Mutex
	out    io.Writer
	seen   map[string]string // the last token of each connection
	counts map[string]int
}

// say writes one line to the parent, at once: the next moment may be the last.
func (a *actor) say(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sayLocked(format, args...)
}

func (a *actor) sayLocked(format string, args ...any) {
	_, _ = a.out.Write(fmt.Appendf(nil, format+"\n", args...))
}

// open makes the Client. A database that is away is waited for.
func (a *actor) open(ctx context.Context) error {
	err := retry(ctx, time.Minute, func() (err error) {
		a.store, err = a.Address.Open(ctx)
		return err
	})
	if err != nil {
		return err
	}
	a.client, err = a.newClient(a.store)
	return err
}

// newClient makes a Client on a store.
func (a *actor) newClient(st database.Store) (*tieline.Client, error) {
	keys, err := tieline.ParseKeyring(a.Keys)
	if err != nil {
		return nil, err
	}
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "kill.yaml", Data: catalogFile(a.URL, a.Process, a.Grace)})
	for _, p := range problems {
		err = errors.Join(err, errors.New(p.String()))
	}
	if err != nil {
		return nil, err
	}
	cfg := tieline.Config{
		Store: st, Keys: keys, Providers: catalog, CallbackURL: "http://127.0.0.1/callback", Refresh: a.Policy,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		OnEvent:  a.event,
	}
	if a.Naive {
		cfg.Store = naive{st}
	}
	return tieline.New(cfg)
}

// close ends in order.
func (a *actor) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(a.client.Close(ctx), a.store.Close())
}

// retry tries until it works, every few milliseconds, for no longer than d.
func retry(ctx context.Context, d time.Duration, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return err
		}
	}
}

// event tells the parent what is stored for certain.
func (a *actor) event(_ context.Context, e tieline.Event) {
	if e.Type == tieline.EventRefreshed {
		a.say("ack %d %s", time.Now().UnixNano(), e.Connection)
	}
}

// call is the role of a process full of callers, until its input ends.
func (a *actor) call(in io.Reader) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := a.open(ctx); err != nil {
		return err
	}
	a.seen, a.counts = map[string]string{}, map[string]int{}
	a.say("ready")
	var callers sync.WaitGroup
	for range a.Callers {
		callers.Go(func() { a.caller(ctx) })
	}
	if a.Run {
		callers.Go(func() { _ = a.client.Run(ctx) })
	}
	callers.Go(func() { a.report(ctx) })
	callers.Go(func() {
		watchStalls(ctx, func(begin, end time.Time) { a.say("stall %d %d", begin.UnixNano(), end.UnixNano()) })
	})
	_, _ = bufio.NewReader(in).ReadString('\n')
	// As on SIGTERM: the callers are still at it when the drain begins.
	err := a.close()
	cancel()
	callers.Wait()
	if err != nil {
		a.say("unsaved %v", err)
	}
	a.say("bye")
	return nil
}

// report tells the parent what was counted, ten times a second.
func (a *actor) report(ctx context.Context) {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		a.mu.Lock()
		for kind, n := range a.counts {
			a.sayLocked("count %d %s", n, kind)
		}
		clear(a.counts)
		a.mu.Unlock()
	}
}

// caller asks for credentials at random.
func (a *actor) caller(ctx context.Context) {
	for ctx.Err() == nil {
		a.ask(ctx, a.Conns[rand.N(len(a.Conns))])
		wait(20 * time.Millisecond)
	}
}
