package httpapi_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/httpapi"
	"github.com/tieline/tieline/store"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// A user of the application connects an account on the connect page: the application
// makes a session, and sends the user to its link.
func ExampleNew_connectPage() {
	ctx := context.Background()
	keyring, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keyring, Providers: tieline.Builtin(),
		CallbackURL: "https://connect.example.com/oauth/callback",
	})
	check(err)
	defer client.Close(ctx)
	keys, err := httpapi.NewKeys(nil)
	check(err)
	handler, err := httpapi.New(client, httpapi.Options{
		Keys: keys, PublicURL: "https://connect.example.com",
		Origins: []string{"https://app.example.com"}, // whose pages may open it and hear from it
	})
	check(err)

	_, token, err := client.Sessions.Create(ctx, tieline.Session{EndUser: &tieline.EndUser{ID: "u-1", Email: "alice@example.com"}})
	check(err)
	link := "https://connect.example.com/connect?session_token=nango_connect_session_" + token.Reveal()

	// The user's browser: the token becomes a cookie, and the URL is clean.
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, link, nil))
	fmt.Println(rec.Code, rec.Header().Get("Location"))
	fmt.Println(rec.Result().Cookies()[0].Name)
	// Output:
	// 303 https://connect.example.com/connect
	// __Host-tieline_session
}

// A key for a program that may look at connections and nothing else.
func ExampleKeys_Create() {
	ctx := context.Background()
	keys, err := httpapi.NewKeys(&store.Memory{})
	check(err)
	key, secret, err := keys.Create(ctx, "report", httpapi.ScopeConnectionsList, httpapi.ScopeConnectionsRead)
	check(err)
	fmt.Println(key.Name, key.Scopes, secret) // a Secret does not print
	check(keys.Revoke(ctx, key.ID))
	// Output: report [environment:connections:list environment:connections:read] [secret]
}

// A function of the application's that services in other languages call, for a
// connection, with a key that may do nothing else.
func ExampleNew_functions() {
	ctx := context.Background()
	keyring, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	db := &store.Memory{}
	client, err := tieline.New(tieline.Config{Store: db, Keys: keyring, Providers: tieline.Builtin()})
	check(err)
	defer client.Close(ctx)
	_, err = client.Integrations.Create(ctx, tieline.Integration{Key: "mail", Provider: "brevo-api-key"})
	check(err)
	_, err = client.Connections.Import(ctx, "mail", "alice", tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}, SkipVerification: true})
	check(err)

	type Input struct {
		Name string `json:"name" minLength:"1"`
	}
	greet := functions.Define("greet", func(_ context.Context, call *functions.Call, in Input) (string, error) {
		return "Hello " + in.Name + ", from " + call.Connection.ID, nil
	}, functions.Options{})
	fns, err := functions.New(functions.Config{
		Client: client, Store: db, Keys: keyring, Integrations: map[string][]*functions.Function{"mail": {greet}},
	})
	check(err)
	keys, err := httpapi.NewKeys(db)
	check(err)
	_, secret, err := keys.Create(ctx, "caller", httpapi.ScopeActionsExecute)
	check(err)
	handler, err := httpapi.New(client, httpapi.Options{Keys: keys, PublicURL: "https://connect.example.com", Functions: fns})
	check(err)

	// What nango.triggerAction('mail', 'alice', 'greet', input) of the Node client sends.
	for _, input := range []string{`{"name": "Bob"}`, `{}`} {
		r := httptest.NewRequest(http.MethodPost, "/action/trigger", strings.NewReader(`{"action_name": "greet", "input": `+input+`}`))
		r.Header.Set("Authorization", "Bearer "+secret.Reveal())
		r.Header.Set("Provider-Config-Key", "mail")
		r.Header.Set("Connection-Id", "alice")
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, r)
		fmt.Println(rec.Code, rec.Body)
	}
	// Output:
	// 200 "Hello Bob, from alice"
	// 400 {"error":{"code":"invalid_action_input","message":"Failed to validate the input passed to the action","errors":[{"code":"custom","message":"/name is missing","path":["input","name"]}]}}
}
