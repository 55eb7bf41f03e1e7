package functions

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store"
)

// Config is what [New] makes Functions of. Client is required.
type Config struct {
	Client *tieline.Client

	// Providers are the functions of every integration of a provider, by the
	// provider's name in the catalog. Those of a service go for its other ways to
	// sign in as well ([tieline.Provider.Service]).
	Providers map[string][]*Function
	// Integrations are the functions of one integration, by its key. They go before
	// those of its provider.
	Integrations map[string][]*Function

	// Logger gets what functions log and what becomes of runs. Default: nothing.
	Logger *slog.Logger

	// Store keeps runs, and Keys seals what is in them: the Client's own, for they
	// hang below its connections. Without them there is [Functions.Call], and
	// everything else is ErrNoStore.
	Store store.Store
	Keys  *tieline.Keyring

	// Queue carries wake-ups between processes. Default: none is needed, the Store
	// is looked at every Poll.
	Queue queue.Queue
	// Poll is how often [Functions.Work] looks for what is due while it finds
	// nothing. Default: a second, or 10 with a Queue.
	Poll time.Duration
	// Discover is how often Work looks for connections that are new to functions on
	// a schedule. Default: a minute.
	Discover time.Duration
	// Keep is how long a run stays after its end, and an idempotency key with it.
	// Default: 24 h.
	Keep time.Duration
	// TakeOver is how long after a process was last heard of another one does what it
	// had in hand. At least a second, and the same in all processes. Shorter, functions
	// that a busy machine or a slow Store keeps from being heard of lose their runs to
	// others. Default: 30 s.
	TakeOver time.Duration
	// Concurrency is how many functions Work runs at once. Default: 16.
	Concurrency int
	// MaxBytes bounds an input, an output, and a webhook that starts a function.
	// Default: 1 MiB. The Store has to accept rows that are a half larger.
	MaxBytes int
	// Now is the wall clock. Default: time.Now. Claims do not trust it.
	Now func() time.Time
}

// Functions are the functions of an application's integrations. Make one per process
// with [New]; it is safe for concurrent use.
type Functions struct {
	client       *tieline.Client
	log          *slog.Logger
	providers    map[string]map[string]*Function
	integrations map[string]map[string]*Function

	mu    sync.Mutex
	rooms map[roomKey]*room

	*durable
}

// New checks the Config. The error names every function that is wrong.
func New(cfg Config) (*Functions, error) {
	if cfg.Client == nil {
		return nil, errors.New("functions: Client is required")
	}
	f := &Functions{client: cfg.Client, log: cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)), rooms: map[roomKey]*room{}}
	var err1, err2, err3 error
	f.durable, err3 = cfg.durable()
	f.providers, err1 = byName("provider", cfg.Providers)
	f.integrations, err2 = byName("integration", cfg.Integrations)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, fmt.Errorf("functions: %w", err)
	}
	for name := range cfg.Providers {
		if _, err := cfg.Client.Providers.Get(name); err != nil {
			return nil, fmt.Errorf("functions: %w", err)
		}
	}
	return f, nil
}

func byName(what string, lists map[string][]*Function) (map[string]map[string]*Function, error) {
	all := map[string]map[string]*Function{}
	var errs []error
	for _, of := range slices.Sorted(maps.Keys(lists)) {
		all[of] = map[string]*Function{}
		for _, fn := range lists[of] {
			switch {
			case fn == nil:
				errs = append(errs, fmt.Errorf("%s %q: there is a nil function", what, of))
				continue
			case fn.err != nil:
				errs = append(errs, fmt.Errorf("%s %q: function %q: %w", what, of, fn.name, fn.err))
			case all[of][fn.name] != nil:
				errs = append(errs, fmt.Errorf("%s %q: two functions are called %q", what, of, fn.name))
			}
			all[of][fn.name] = fn
		}
	}
	return all, errors.Join(errs...)
}

// Target is the connection that a function runs for.
type Target struct {
	Integration string // its key
	Connection  string // its ID
}

// List describes the functions of an integration, in the order of their names.
func (f *Functions) List(ctx context.Context, integration string) ([]Info, error) {
	i, err := f.client.Integrations.Get(ctx, integration)
	if err != nil {
		return nil, fmt.Errorf("functions: list %q: %w", integration, err)
	}
	found := f.of(i.Key, i.Provider)
	out := make([]Info, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[name].info())
	}
	return out, nil
}

// of are the functions of an integration.
func (f *Functions) of(integration, provider string) map[string]*Function {
	all := map[string]*Function{}
	if p, err := f.client.Providers.Get(provider); err == nil {
		maps.Copy(all, f.providers[p.Service])
	}
	maps.Copy(all, f.providers[provider])
	maps.Copy(all, f.integrations[integration])
	return all
}

// lookup finds one function of an integration.
func (f *Functions) lookup(integration, provider, name string) (*Function, error) {
	if fn := f.integrations[integration][name]; fn != nil {
		return fn, nil
	}
	if fn := f.providers[provider][name]; fn != nil {
		return fn, nil
	}
	if p, err := f.client.Providers.Get(provider); err == nil && f.providers[p.Service][name] != nil {
		return f.providers[p.Service][name], nil
	}
	return nil, ErrUnknownFunction
}

// Call runs a function at once and returns its output. The input is JSON; none is an
// empty object where In is one.
//
// Errors are those of [KindOf], and a [tieline.ErrNotFound] where there is no such
// connection or function. A connection whose user has to authorize again is not
// asked for ([tieline.ErrReauthRequired]).
func (f *Functions) Call(ctx context.Context, to Target, name string, input json.RawMessage) (json.RawMessage, error) {
	conn, fn, err := f.find(ctx, to, name)
	if err != nil {
		return nil, callError(err, to, name)
	}
	input, err = f.checkInput(fn, input)
	if err != nil {
		return nil, callError(err, to, name)
	}
	out, err := f.attempt(ctx, fn, f.newCall(conn, fn), input)
	if err != nil {
		return nil, callError(err, to, name)
	}
	return out, nil
}

// checkInput is the input to give to a function, if it is not too large.
func (f *Functions) checkInput(fn *Function, input json.RawMessage) (json.RawMessage, error) {
	if len(input) > f.maxBytes {
		return nil, &InputError{Err: fmt.Errorf("it has %d bytes, more than %d", len(input), f.maxBytes)}
	}
	if len(input) == 0 {
		return fn.none, nil
	}
	return input, nil
}

// CallFor is [Functions.Call] with Go values. Out is that of the function, or another
// type that its JSON fits.
func CallFor[Out any](ctx context.Context, f *Functions, to Target, name string, in any) (Out, error) {
	var out Out
	input, err := json.Marshal(in)
	if err != nil {
		return out, callError(&InputError{Err: err}, to, name)
	}
	data, err := f.Call(ctx, to, name, input)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(data, &out); err != nil {
		return out, callError(fmt.Errorf("output: %w", err), to, name)
	}
	return out, nil
}

func callError(err error, to Target, name string) error {
	return opError("call", err, to, name)
}

// find returns the connection and its function.
func (f *Functions) find(ctx context.Context, to Target, name string) (tieline.Connection, *Function, error) {
	conn, err := f.client.Connections.Get(ctx, to.Integration, to.Connection)
	if err != nil {
		return tieline.Connection{}, nil, err
	}
	fn, err := f.lookup(to.Integration, conn.Provider, name)
	if err != nil {
		return tieline.Connection{}, nil, err
	}
	return conn, fn, nil
}

func (f *Functions) newCall(conn tieline.Connection, fn *Function) *Call {
	conn.Captured = nil // it may be secret
	return &Call{
		Connection: conn, client: f.client, Attempt: 1,
		Log: f.log.With(keyFunction, fn.name, keyIntegration, conn.Integration, keyConnection, conn.ID),
	}
}
