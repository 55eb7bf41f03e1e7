package mcp_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
	"github.com/tieline/tieline/store"
)

type search struct {
	Limit int `json:"limit,omitempty" minimum:"1" maximum:"100" description:"how many at most"`
}

type contact struct {
	Name string `json:"name"`
}

// start makes an API with contacts, a Client with connections of the end users alice
// and bob to it, and Functions.
func start() (client *tieline.Client, fns *functions.Functions, stop func()) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `[{"name": "A friend of %s"}]`, r.Header.Get("X-Key"))
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
	client, err = tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(err)
	ctx := context.Background()
	_, err = client.Integrations.Create(ctx, tieline.Integration{Key: "crm", Provider: "acme"})
	check(err)
	for _, user := range []string{"alice", "bob"} {
		_, err = client.Connections.Create(ctx, "crm", user+"-1", tieline.ConnectionInput{
			Credential: &tieline.APIKey{Key: tieline.NewSecret(user)}, EndUser: &tieline.EndUser{ID: user},
		})
		check(err)
	}
	list := functions.Define("contacts.list", func(ctx context.Context, call *functions.Call, in search) ([]contact, error) {
		var answer []contact
		err := call.Get(ctx, fmt.Sprintf("/contacts?limit=%d", max(in.Limit, 10)), &answer)
		return answer, err
	}, functions.Options{Description: "Lists contacts."})
	fns, err = functions.New(functions.Config{Client: client, Providers: map[string][]*functions.Function{"acme": {list}}})
	check(err)
	return client, fns, func() {
		check(client.Close(ctx))
		api.Close()
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A server for one user, such as a model on their own machine: [sdk.StdioTransport]
// takes the place of the transport here.
func Example() {
	ctx := context.Background()
	_, fns, stop := start()
	defer stop()
	server, err := mcp.NewServer(fns, mcp.Options{
		Connections: func(context.Context, sdk.Request) ([]mcp.Connection, error) {
			return []mcp.Connection{{Target: functions.Target{Integration: "crm", Connection: "alice-1"}}}, nil
		},
		Annotations: map[string]*sdk.ToolAnnotations{"contacts.list": {ReadOnlyHint: true}},
	})
	check(err)
	transport, far := sdk.NewInMemoryTransports()
	session, err := server.Connect(ctx, transport, nil) // Run does so, and waits
	check(err)
	defer session.Close()

	model, err := sdk.NewClient(&sdk.Implementation{Name: "model"}, nil).Connect(ctx, far, nil)
	check(err)
	defer model.Close()
	tools, err := model.ListTools(ctx, nil)
	check(err)
	fmt.Println(tools.Tools[0].Name, "-", tools.Tools[0].Description)
	for _, limit := range []int{10, 1000} {
		result, err := model.CallTool(ctx, &sdk.CallToolParams{Name: "contacts_list", Arguments: map[string]any{"limit": limit}})
		check(err)
		fmt.Println(result.Content[0].(*sdk.TextContent).Text)
	}
	// Output:
	// contacts_list - Lists contacts.
	// {"output":[{"name":"A friend of alice"}]}
	// The arguments do not fit:
	// /limit must be at most 100
}

// A server for all users of an application. Who calls is in their token, and what they
// may use are the connections that they made.
func ExampleServer_Handler() {
	client, fns, stop := start()
	defer stop()
	server, err := mcp.NewServer(fns, mcp.Options{
		Connections: func(ctx context.Context, req sdk.Request) ([]mcp.Connection, error) {
			var own []mcp.Connection
			for conn, err := range client.Connections.All(ctx, tieline.Filter{EndUser: req.GetExtra().TokenInfo.UserID}) {
				if err != nil {
					return nil, err
				}
				own = append(own, mcp.Connection{Target: functions.Target{Integration: conn.Integration, Connection: conn.ID}})
			}
			return own, nil
		},
		ReconnectURL: func(_ context.Context, to functions.Target) (string, error) {
			return "https://app.example.com/accounts/" + to.Integration + "/" + url.PathEscape(to.Connection), nil
		},
	})
	check(err)
	verify := func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		if token != "token-of-bob" { // a real application verifies a JWT, or looks it up
			return nil, auth.ErrInvalidToken
		}
		return &auth.TokenInfo{UserID: "bob", Expiration: time.Now().Add(time.Hour)}, nil
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", auth.RequireBearerToken(verify, nil)(server.Handler()))
	web := httptest.NewServer(mux)
	defer web.Close()

	ctx := context.Background()
	for _, token := range []bearer{"token-of-bob", "token-of-mallory"} {
		transport := &sdk.StreamableClientTransport{Endpoint: web.URL + "/mcp", HTTPClient: &http.Client{Transport: token}}
		model, err := sdk.NewClient(&sdk.Implementation{Name: "model"}, nil).Connect(ctx, transport, nil)
		if err != nil {
			fmt.Println("not let in:", !errors.Is(err, context.Canceled))
			continue
		}
		result, err := model.CallTool(ctx, &sdk.CallToolParams{Name: "contacts_list"})
		check(err)
		fmt.Println(result.Content[0].(*sdk.TextContent).Text)
		check(model.Close())
	}
	// Output:
	// {"output":[{"name":"A friend of bob"}]}
	// not let in: true
}
