package kill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/database"
)

// Run runs what the Config says and returns what was written down. An error
// means that the run itself failed, and says nothing about what was tested.
func Run(ctx context.Context, cfg Config) (h History, err error) {
	r := &run{Config: cfg, keys: tieline.GenerateKey()}
	r.history.Errors = map[string]int{}
	defer func() { err = errors.Join(err, r.close()) }()
	watched, done := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { watchStalls(watched, r.stalled) })
	defer watch.Wait()
	defer done()
	if err := r.setUp(ctx); err != nil {
		return History{}, err
	}
	if err := r.storm(ctx); err != nil {
		return History{}, err
	}
	if err := r.settle(ctx); err != nil {
		return History{}, err
	}
	r.mu.Lock()
	h = r.history
	r.mu.Unlock()
	h.Exchanges = r.referee.exchanges()
	sortFaults(h.Kills)
	sortFaults(h.Pauses)
	sortFaults(h.Outages)
	if cfg.Address.SQLite != "" {
		if err := cfg.Address.Integrity(ctx); err != nil {
			h.Unsound = err.Error()
		}
	}
	return h, nil
}

// stalled notes that the machine did not let this process run.
func (r *run) stalled(begin, end time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Stalls = append(r.history.Stalls, Fault{Begin: begin, End: end})
}

// run is one at work. The parent is the provider, the nemesis and the user who
// comes back; it has a Client too, which refreshes nothing.
type run struct {
	Config
	keys    string
	referee *Referee
	holder  io.Closer // nil if the database is not ours to take away
	store   database.Store
	client  *tieline.Client
	conns   []string

	mu      sync.Mutex
	history History
	numbers int                // of processes
	settled map[string]finding // what the fresh process says

	places []*place
}

// place is where one process after the other works.
type place struct {
	mu      sync.Mutex // held by who does something to the process
	process *process   // nil before the first
}

// finding is what the fresh process says of a connection.
type finding struct {
	reauth bool
	text   string // its code, or the hash of the access token
}

func (r *run) setUp(ctx context.Context) (err error) {
	if r.referee, err = newReferee(r.Lifetime, r.Grace, r.Delay); err != nil {
		return err
	}
	if r.store, err = r.Address.Open(ctx); err != nil {
		return err
	}
	if r.Server == nil && r.Faults.Outage != 0 {
		h, err := newHolder(r.Address)
		if err != nil {
			return err
		}
		r.Server, r.holder = h, h
	}
	a := &actor{role: r.role(""), out: io.Discard}
	if r.client, err = a.newClient(r.store); err != nil {
		return err
	}
	for _, provider := range []string{Strict, Forgiving} {
		app := &tieline.OAuthApp{ClientID: "app", ClientSecret: tieline.NewSecret("app-secret")}
		if _, err := r.client.Integrations.Create(ctx, tieline.Integration{Key: provider, Provider: provider, App: app}); err != nil {
			return err
		}
		for i := range r.Connections / 2 {
			conn := provider + "-" + strconv.Itoa(i)
			r.conns = append(r.conns, conn)
			if err := r.connect(ctx, conn); err != nil {
				return err
			}
		}
	}
	r.settled = map[string]finding{}
	for range r.Processes {
		at := &place{}
		r.places = append(r.places, at)
		if err := r.enlist(at); err != nil {
			return err
		}
	}
	return nil
}

// role is that of another process.
func (r *run) role(play string) role {
	return role{
		Play: play, Address: r.Address, URL: r.referee.URL, Keys: r.keys, Policy: r.Policy, Grace: r.Grace,
		Callers: r.Callers, Conns: r.conns, Naive: r.Naive,
	}
}

// connect gives a connection a new grant, as its user would.
func (r *run) connect(ctx context.Context, conn string) error {
	t, p := r.referee.open(integrationOf(conn), conn)
	_, err := r.client.Connections.Import(ctx, integrationOf(conn), conn, tieline.ConnectionInput{
		Credential: &tieline.OAuth2Token{
			AccessToken: tieline.NewSecret(p.AccessToken), RefreshToken: tieline.NewSecret(p.RefreshToken),
			ExpiresAt: time.Now().Add(r.Lifetime),
		},
	})
	if err != nil {
		return fmt.Errorf("connect %s: %w", conn, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Acks = append(r.history.Acks, Ack{Conn: conn, At: now(), Grant: t.Grant})
	return nil
}

// enlist puts a new process in a place.
func (r *run) enlist(at *place) (err error) {
	role := r.role("call")
	r.mu.Lock()
	r.numbers++
	role.Process = r.numbers
	r.mu.Unlock()
	role.Run = role.Process%2 == 0
	at.process, err = role.start(r.hear)
	return err
}

// settle lets all processes end in order, and a fresh one look at what is left.
func (r *run) settle(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, at := range r.places {
		wg.Go(func() { r.retire(at) })
	}
	wg.Wait()
	role := r.role("settle")
	role.Process, role.Naive = r.numbers+1, false
	p, err := role.start(r.hear)
	if err != nil {
		return err
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), p.stop())
	}
	p.wanted = true
	if err := p.failure(); err != nil {
		return fmt.Errorf("settling: %w", err)
	}
	return r.finals(ctx)
}

// retire lets the process in a place end in order.
func (r *run) retire(at *place) {
	if err := errors.Join(at.process.crashed(), at.process.stop()); err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.history.Crashes = append(r.history.Crashes, err.Error())
	}
}

// finals compares what the fresh process found with what is live.
func (r *run) finals(ctx context.Context) error {
	for _, conn := range r.conns {
		s, ok := r.settled[conn]
		if !ok {
			return fmt.Errorf("settling: nothing was said about %s", conn)
		}
		f := Final{Provider: integrationOf(conn), Conn: conn, Reauth: s.reauth, Live: r.referee.live(conn)}
		if s.reauth {
			r.history.Deaths = append(r.history.Deaths, Death{Provider: f.Provider, Conn: conn, Grant: f.Live.Grant, Code: s.text})
		} else {
			f.Token, _ = r.referee.seen(s.text)
		}
		r.history.Finals = append(r.history.Finals, f)
	}
	return ctx.Err()
}

// close ends what is left.
func (r *run) close() error {
	var errs []error
	for _, at := range r.places {
		if at.process != nil {
			at.process.kill()
		}
	}
	if r.holder != nil {
		errs = append(errs, r.holder.Close())
	}
	if r.client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		errs = append(errs, r.client.Close(ctx))
	}
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	if r.referee != nil {
		errs = append(errs, r.referee.close())
	}
	return errors.Join(errs...)
}
