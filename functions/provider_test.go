package functions

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// live is a provider on loopback, and functions of a connection to it. Its clock can
// be set forward.
type live struct {
	*Functions
	t        *testing.T
	provider *providertest.Server
	client   *tieline.Client
	ahead    atomic.Int64
}

func newLive(t *testing.T, fns ...*Function) *live {
	const callback = "http://127.0.0.1/callback"
	l := &live{t: t, provider: providertest.New(t, providertest.Options{RedirectURIs: []string{callback}, TokenLifetime: time.Second})}
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "acme.yaml", Data: l.provider.ProvidersYAML()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	s, keys := &store.Memory{}, testKeys(t, 1)
	var err error
	l.client, err = tieline.New(tieline.Config{
		Store: s, Keys: keys, Providers: catalog, CallbackURL: callback, MaxStale: -1,
		Refresh:  tieline.RefreshPolicy{Confirm: 10 * time.Millisecond, RetryMin: 10 * time.Millisecond, RetryMax: time.Second},
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	app := l.provider.Credentials()
	_, err = l.client.Integrations.Create(t.Context(), tieline.Integration{
		Key: "crm", Provider: "acme", App: &tieline.OAuthApp{ClientID: app.ClientID, ClientSecret: tieline.NewSecret(app.ClientSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.connect()
	l.Functions, err = New(Config{
		Client: l.client, Providers: map[string][]*Function{"acme": fns}, Store: s, Keys: keys, Poll: 10 * time.Millisecond, Discover: 50 * time.Millisecond,
		Now: func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// connect has the user authorize, for the first time or again.
func (l *live) connect() {
	l.t.Helper()
	a, err := l.client.Connections.Authorize(l.t.Context(), "crm", tieline.AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		l.t.Fatal(err)
	}
	callback, _, err := l.provider.Authorize(l.t.Context(), a.URL)
	if err != nil {
		l.t.Fatal(err)
	}
	if _, err := l.client.Connections.Complete(l.t.Context(), a.Binding.Reveal(), callback); err != nil {
		l.t.Fatal(err)
	}
}

// work goes on until the end of the test.
func (l *live) work() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Work(ctx) }()
	l.t.Cleanup(func() {
		cancel()
		<-done
		_ = l.client.Close(context.Background())
	})
}

// until waits for something of another goroutine.
func (l *live) until(what string, ok func() bool) {
	l.t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	for !ok() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline.C:
			l.t.Fatal(what)
		}
	}
}

type me struct {
	Sub string `json:"sub,omitempty"`
}

func whoami(ctx context.Context, call *Call) (me, error) {
	var out struct{}
	return me{}, call.Get(ctx, "/me", &out)
}

// A token that is over in the middle of a function is replaced, and the function notices
// nothing.
func TestTokenExpiresMidway(t *testing.T) {
	t.Parallel()
	var l *live
	fn := Define("twice", func(ctx context.Context, call *Call, _ struct{}) (me, error) {
		if _, err := whoami(ctx, call); err != nil {
			return me{}, err
		}
		g := l.provider.Grants()
		token := g[len(g)-1].AccessToken
		l.until("the token lives on", func() bool { return !l.provider.IsLive(token) })
		return whoami(ctx, call)
	}, Options{})
	l = newLive(t, fn)
	l.work()
	if _, err := l.Call(t.Context(), at("alice"), "twice", nil); err != nil {
		t.Error(err)
	}
	run, err := l.Start(t.Context(), at("alice"), "twice", nil, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.until("the run did not end", func() bool {
		run, err = l.Functions.Get(t.Context(), run.ID)
		return err != nil || run.Status == StatusDone || run.Status == StatusFailed
	})
	if run.Status != StatusDone || run.Attempt != 1 || l.provider.Stats().Refreshes < 2 {
		t.Errorf("%+v, %v; the provider: %+v", run, err, l.provider.Stats())
	}
}

// A grant that is gone ends runs as what they are, pauses schedules, and nothing is
// run until the user is back.
func TestGrantIsRevoked(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	body := func(ctx context.Context, call *Call, _ struct{}) (me, error) {
		runs.Add(1)
		return whoami(ctx, call)
	}
	l := newLive(t, Define("once", body, Options{}), Define("often", body, Options{Every: time.Second}))
	l.work()
	schedule := func() Schedule {
		list, err := l.Schedules(t.Context(), at("alice"))
		if err != nil || len(list) != 1 {
			return Schedule{}
		}
		return list[0]
	}
	l.until("the schedule did not begin", func() bool {
		l.ahead.Add(int64(100 * time.Millisecond))
		return schedule().Completed > 0
	})
	l.provider.RevokeAll()
	// The function that finds out fails, and the schedule is paused.
	l.until("the schedule goes on", func() bool {
		l.ahead.Add(int64(100 * time.Millisecond))
		return schedule().Paused
	})
	if s := schedule(); s.Kind != KindReauth {
		t.Errorf("%+v", s)
	}
	before := runs.Load()
	l.ahead.Add(int64(10 * time.Minute))
	if _, err := l.Call(t.Context(), at("alice"), "once", nil); !errors.Is(err, tieline.ErrReauthRequired) {
		t.Errorf("Call = %v", err)
	}
	run, err := l.Start(t.Context(), at("alice"), "once", nil, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	l.until("the run did not end", func() bool {
		run, err = l.Functions.Get(t.Context(), run.ID)
		return err != nil || run.Status == StatusFailed
	})
	if run.Kind != KindReauth || runs.Load() != before {
		t.Errorf("%+v, %v, %d more", run, err, runs.Load()-before)
	}
	completed := schedule().Completed
	l.connect()
	l.until("the schedule did not go on", func() bool {
		l.ahead.Add(int64(time.Second)) // spares the test the wait
		return schedule().Completed > completed && !schedule().Paused
	})
}
