package river

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/store/postgres"
)

const catalog = `
acme:
  display_name: Acme
  docs: https://example.com
  auth_mode: API_KEY
  proxy:
    base_url: https://api.example.com
    headers: {x-key: "${apiKey}"}
`

// inbox is a receiver of what is forwarded, which refuses each message once.
type inbox struct {
	mu   sync.Mutex
	seen map[string][]time.Time
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := r.Header.Get("webhook-id")
	b.seen[id] = append(b.seen[id], time.Now())
	if len(b.seen[id]) == 1 {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// waits are the times between the two attempts at each message.
func (b *inbox) waits() (out []time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, times := range b.seen {
		if len(times) == 2 {
			out = append(out, times[1].Sub(times[0]))
		}
	}
	slices.Sort(out)
	return out
}

// process is one of the processes of an application: a Client and its functions, which
// share a Queue and look at the Store hardly ever.
func process(t *testing.T, schema, url string) (*tieline.Client, *functions.Functions) {
	t.Helper()
	pool := newPool(t, "pool_max_conns=10")
	st, err := postgres.Open(t.Context(), pool, postgres.Options{Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	q := open(t, pool, Options{Schema: schema})
	providers, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "test.yaml", Data: []byte(catalog)})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keys, err := tieline.NewKeyring(bytes.Repeat([]byte{1}, tieline.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	client, err := tieline.New(tieline.Config{
		Store: st, Keys: keys, Providers: providers,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Forward:  tieline.Forward{URLs: []string{url}, Secrets: []tieline.Secret{tieline.NewForwardSecret()}, Queue: q},
	})
	if err != nil {
		t.Fatal(err)
	}
	hello := functions.Define("hello", func(_ context.Context, call *functions.Call, _ struct{}) (string, error) {
		return "hello " + call.Connection.ID, nil
	}, functions.Options{})
	fns, err := functions.New(functions.Config{
		Client: client, Store: st, Keys: keys, Queue: q, Poll: time.Hour,
		Providers: map[string][]*functions.Function{"acme": {hello}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return client, fns
}

// Two processes share what there is to do, runs of functions and forwarding alike, and
// neither waits for a look at the Store.
func TestFunctionsAndForwarding(t *testing.T) {
	t.Parallel()
	receiver := &inbox{seen: map[string][]time.Time{}}
	server := httptest.NewServer(receiver)
	defer server.Close()
	schema := newSchema(t, newPool(t, ""))
	ctx, cancel := context.WithCancel(t.Context())
	var loops sync.WaitGroup
	defer loops.Wait()
	defer cancel()
	var client *tieline.Client
	var fns *functions.Functions
	for range 2 {
		client, fns = process(t, schema, server.URL)
		loops.Go(func() { _ = client.Run(ctx) })
		loops.Go(func() { _ = fns.Work(ctx) })
	}
	if _, err := client.Integrations.Create(ctx, tieline.Integration{Key: "crm", Provider: "acme"}); err != nil {
		t.Fatal(err)
	}
	// Creating a connection is an event, which is forwarded.
	for _, id := range []string{"alice", "bob"} {
		in := tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}, SkipVerification: true}
		if _, err := client.Connections.Create(ctx, "crm", id, in); err != nil {
			t.Fatal(err)
		}
	}
	for _, after := range []time.Duration{2 * time.Second, 7 * time.Second, 0} {
		due := time.Now().Add(after)
		run, err := fns.Start(ctx, functions.Target{Integration: "crm", Connection: "alice"}, "hello", nil, functions.RunOptions{At: due})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the run is done", func() bool {
			run, err = fns.Get(ctx, run.ID)
			return err != nil || run.Status == functions.StatusDone
		})
		if late := run.StartedAt.Sub(due); err != nil || string(run.Output) != `"hello alice"` || late > 3*time.Second || late < -time.Millisecond {
			t.Errorf("a run that was due in %v came %v late: %+v, %v", after, late, run, err)
		}
	}
	eventually(t, "both events have arrived", func() bool { return len(receiver.waits()) == 2 })
	if waits := receiver.waits(); waits[0] < 5*time.Second || waits[1] > 9*time.Second {
		t.Errorf("they were sent again after %v", waits)
	}
}
