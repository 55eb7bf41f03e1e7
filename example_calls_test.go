package tieline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// listing starts an API with a list in two pages that is busy at first, and a Client
// with a connection to it.
func listing() (*tieline.Client, *httptest.Server) {
	busy := true
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case busy:
			busy = false
			w.Header().Set("Retry-After", "0.01")
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Query().Get("after") == "":
			fmt.Fprint(w, `{"data": [{"id": 1}, {"id": 2}], "next": "b"}`)
		default:
			fmt.Fprint(w, `{"data": [{"id": 3}], "next": null}`)
		}
	}))
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "api.yaml", Data: []byte(`
api:
  display_name: API
  docs: https://example.com
  auth_mode: API_KEY
  proxy:
    base_url: ` + api.URL + `
    headers: {x-key: "${apiKey}"}
    paginate: {type: cursor, cursor_name_in_request: after, cursor_path_in_response: next, response_path: data}
`)})
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(err)
	ctx := context.Background()
	_, err = client.Integrations.Create(ctx, tieline.Integration{Key: "api", Provider: "api"})
	check(err)
	_, err = client.Connections.Create(ctx, "api", "alice", tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}})
	check(err)
	return client, api
}

// A batch job has more patience than a page that a user waits for.
func ExampleConnections_HTTPClientWith() {
	client, api := listing()
	defer api.Close()
	patient := client.Connections.HTTPClientWith("api", "alice", tieline.ClientOptions{
		Retry: tieline.RetryPolicy{Attempts: 6, MaxWait: 5 * time.Minute, MaxTotal: time.Hour},
	})
	resp, err := patient.Get("/things") // busy at first
	check(err)
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output: 200 OK
}

// Each page says how to go on after it.
func ExampleConnections_Pages() {
	ctx := context.Background()
	client, api := listing()
	defer api.Close()
	saved := ""
	for page, err := range client.Connections.Pages(ctx, "api", "alice", tieline.PageRequest{URL: "/things", MaxPages: 1}) {
		check(err)
		fmt.Println(len(page.Items), "things, and more after", page.Next)
		saved = page.Next
	}
	for page, err := range client.Connections.Pages(ctx, "api", "alice", tieline.PageRequest{URL: "/things", Cursor: saved}) {
		check(err)
		fmt.Println(len(page.Items), "things, last page:", page.Next == "")
	}
	// Output:
	// 2 things, and more after "b"
	// 1 things, last page: true
}

// A vendor that takes uploads at a host of their own gets the credential there, too.
func ExampleIntegrations_Update_apiHosts() {
	ctx := context.Background()
	client, api := listing()
	defer api.Close()
	uploads := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "key %q", r.Header.Get("X-Key"))
	}))
	defer uploads.Close()
	_, err := client.Integrations.Update(ctx, "api", func(i *tieline.Integration) error {
		i.APIHosts = []string{uploads.Listener.Addr().String()} // or "uploads.example.com"
		return nil
	})
	check(err)
	resp, err := client.Connections.HTTPClient("api", "alice").Get(uploads.URL + "/files")
	check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(err)
	fmt.Println(string(body))
	// Output: key "k"
}

func ExampleConnections_Items() {
	client, api := listing()
	defer api.Close()
	for item, err := range client.Connections.Items(context.Background(), "api", "alice", tieline.PageRequest{URL: "/things"}) {
		var status *tieline.StatusError
		if errors.As(err, &status) {
			fmt.Println("the provider answered", status.Status)
			return
		}
		check(err)
		fmt.Println(string(item))
	}
	// Output:
	// {"id": 1}
	// {"id": 2}
	// {"id": 3}
}

// A URL that somebody else gave is asked about before it is called with a credential.
func ExampleConnections_Allows() {
	client, api := listing()
	defer api.Close()
	for _, link := range []string{api.URL + "/files/1", "https://files.example.net/1"} {
		u, err := url.Parse(link)
		if err != nil {
			fmt.Println(err)
			return
		}
		allowed, err := client.Connections.Allows(context.Background(), "api", "alice", u)
		fmt.Println(u.Path, allowed, err)
	}
	// Output:
	// /files/1 true <nil>
	// /1 false <nil>
}
