package httpapi_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/tieline/tieline"
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
