package functions_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/store"
)

type query struct {
	Limit int `json:"limit,omitempty" minimum:"1" maximum:"100"`
}

type contact struct {
	Name string `json:"name"`
}

// contactsList is what the examples define. An application has it as a package
// variable, beside its others.
var contactsList = functions.Define("contacts.list",
	func(ctx context.Context, call *functions.Call, in query) ([]contact, error) {
		var answer []contact
		err := call.Get(ctx, fmt.Sprintf("/contacts?limit=%d", max(in.Limit, 2)), &answer)
		return answer, err
	}, functions.Options{Description: "Lists contacts."})

var alice = functions.Target{Integration: "crm", Connection: "alice"}

// start makes an API with contacts, a Client with a connection to it, and Functions.
func start(fns ...*functions.Function) (f *functions.Functions, stop func()) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `[{"name": "Ada", "phone": "1"}, {"name": "Grace", "phone": "2"}]`)
	}))
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "acme.yaml", Data: []byte(`
acme:
  display_name: Acme
  docs: https://example.com
  auth_mode: API_KEY
  proxy:
    base_url: ` + api.URL + `
    headers: {x-key: "${apiKey}"}
`)})
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	st := &store.Memory{}
	client, err := tieline.New(tieline.Config{
		Store: st, Keys: keys, Providers: catalog,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(err)
	ctx := context.Background()
	_, err = client.Integrations.Create(ctx, tieline.Integration{Key: "crm", Provider: "acme"})
	check(err)
	_, err = client.Connections.Create(ctx, "crm", "alice", tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}})
	check(err)
	f, err = functions.New(functions.Config{
		Client: client, Store: st, Keys: keys,
		Providers: map[string][]*functions.Function{"acme": append(fns, contactsList)},
	})
	check(err)
	wctx, cancel := context.WithCancel(ctx)
	done := make(chan error)
	go func() { done <- f.Work(wctx) }()
	return f, func() {
		cancel()
		<-done
		check(client.Close(ctx))
		api.Close()
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A caller names a connection and a function, and need not know the provider.
func Example() {
	f, stop := start()
	defer stop()
	out, err := f.Call(context.Background(), alice, "contacts.list", []byte(`{"limit": 2}`))
	check(err)
	fmt.Println(string(out))
	_, err = f.Call(context.Background(), alice, "contacts.list", []byte(`{"limit": 1000}`))
	fmt.Println(errors.Is(err, functions.ErrInput), functions.KindOf(err))
	// Output:
	// [{"name":"Ada"},{"name":"Grace"}]
	// true input
}

func ExampleCallFor() {
	f, stop := start()
	defer stop()
	contacts, err := functions.CallFor[[]contact](context.Background(), f, alice, "contacts.list", query{Limit: 2})
	check(err)
	fmt.Println(contacts[1].Name)
	// Output: Grace
}

// Whoever calls twice with a key gets what came of the first call.
func ExampleFunctions_CallWith() {
	sent := 0
	send := functions.Define("mail.send", func(_ context.Context, _ *functions.Call, to contact) (int, error) {
		sent++
		return sent, nil
	}, functions.Options{})
	f, stop := start(send)
	defer stop()
	for range 3 {
		out, err := f.CallWith(context.Background(), alice, "mail.send", []byte(`{"name": "Ada"}`),
			functions.RunOptions{IdempotencyKey: "welcome-ada"})
		check(err)
		fmt.Println(string(out))
	}
	// Output:
	// 1
	// 1
	// 1
}

// A run that was accepted happens, whatever becomes of the process.
func ExampleFunctions_Start() {
	f, stop := start()
	defer stop()
	ctx := context.Background()
	run, err := f.Start(ctx, alice, "contacts.list", nil, functions.RunOptions{IdempotencyKey: "import-1"})
	check(err)
	for run.Status == functions.StatusQueued || run.Status == functions.StatusRunning {
		time.Sleep(10 * time.Millisecond)
		run, err = f.Get(ctx, run.ID)
		check(err)
	}
	fmt.Println(run.Status, string(run.Output))
	// Output: done [{"name":"Ada"},{"name":"Grace"}]
}

// A function on a schedule runs for every connection. It goes on from where it was.
func ExampleOptions_schedule() {
	synced := make(chan string, 10)
	sync := functions.Define("contacts.sync",
		func(ctx context.Context, call *functions.Call, _ struct{}) (struct{}, error) {
			n := 0
			_, err := call.Checkpoint(&n) // the provider's own cursor, in real life
			if err != nil {
				return struct{}{}, err
			}
			synced <- fmt.Sprintf("interval %d, from the beginning: %v", n+1, call.Interval.From.IsZero())
			return struct{}{}, call.SaveCheckpoint(ctx, n+1)
		}, functions.Options{Every: time.Second})
	_, stop := start(sync)
	defer stop()
	for range 2 {
		fmt.Println(<-synced)
	}
	// Output:
	// interval 1, from the beginning: true
	// interval 2, from the beginning: false
}
