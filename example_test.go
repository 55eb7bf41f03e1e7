package tieline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/netip"
	"net/url"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// start makes a provider on loopback and a Client that knows it as "acme" and by
// other names. The examples below have their users there.
func start() (*tieline.Client, *providertest.Server) {
	provider, err := providertest.Start(providertest.Options{
		RedirectURIs: []string{"http://127.0.0.1/callback"}, TokenLifetime: time.Hour,
	})
	check(err)
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "acme.yaml", Data: provider.ProvidersYAML()})
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog, CallbackURL: "http://127.0.0.1/callback",
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	check(err)
	return client, provider
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

// browser plays a user who consents at the provider and comes back.
func browser(provider *providertest.Server, authorizationURL string) url.Values {
	callback, _, err := provider.Authorize(context.Background(), authorizationURL)
	check(err)
	return callback
}

// register makes the integration that the examples use.
func register(client *tieline.Client, provider *providertest.Server) {
	app := provider.Credentials()
	_, err := client.Integrations.Create(context.Background(), tieline.Integration{
		Key: "acme", Provider: "acme",
		App: &tieline.OAuthApp{ClientID: app.ClientID, ClientSecret: tieline.NewSecret(app.ClientSecret)},
	})
	check(err)
}

// connect makes the connection that the examples use.
func connect(client *tieline.Client, provider *providertest.Server) {
	register(client, provider)
	a, err := client.Connections.Authorize(context.Background(), "acme", tieline.AuthorizeOptions{ConnectionID: "alice"})
	check(err)
	_, err = client.Connections.Complete(context.Background(), a.Binding.Reveal(), browser(provider, a.URL))
	check(err)
}

// A user authorizes the application, and the application calls the provider's
// API as that user.
func Example() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	defer client.Close(ctx)
	register(client, provider)

	// In the handler that the user clicks: keep a.Binding in a cookie and
	// redirect to a.URL.
	a, err := client.Connections.Authorize(ctx, "acme", tieline.AuthorizeOptions{ConnectionID: "alice"})
	check(err)
	callback := browser(provider, a.URL)

	// In the handler of the callback URL.
	conn, err := client.Connections.Complete(ctx, a.Binding.Reveal(), callback)
	check(err)
	fmt.Println(conn.ID, "is", conn.Status)

	// From then on, anywhere.
	resp, err := client.Connections.HTTPClient("acme", "alice").Get("/me")
	check(err)
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	// Output:
	// alice is active
	// 200 OK
}

func ExampleIntegrations_Update() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	// A new key: connections follow.
	_, err := client.Integrations.Update(ctx, "acme", func(i *tieline.Integration) error {
		i.Key = "acme-eu"
		return nil
	})
	check(err)
	conn, err := client.Connections.Get(ctx, "acme-eu", "alice")
	fmt.Println(conn.Integration, err)
	// Output: acme-eu <nil>
}

func ExampleIntegrations_All() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	register(client, provider)
	for i, err := range client.Integrations.All(ctx) {
		check(err)
		fmt.Println(i.Key, i.DisplayName)
	}
	// Output: acme Acme
}

func ExampleIntegrations_Delete() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	check(client.Integrations.Delete(ctx, "acme", tieline.DeleteOptions{}))
	fmt.Println(len(provider.Grants()), "grants are alive at the provider")
	// Output: 0 grants are alive at the provider
}

func ExampleConnections_Create() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	_, err := client.Integrations.Create(ctx, tieline.Integration{Key: "acme", Provider: "acme-key"})
	check(err)

	create := func(key string) error {
		_, err := client.Connections.Create(ctx, "acme", "alice", tieline.ConnectionInput{
			Credential: &tieline.APIKey{Key: tieline.NewSecret(key)},
		})
		return err
	}
	fmt.Println(create("mistyped"))
	fmt.Println(create(provider.Credentials().APIKey))
	// Output:
	// connections: create "acme"/"alice": credential was not accepted by the provider (status 401)
	// <nil>
}

func ExampleConnections_Import() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)
	held, err := client.Connections.Credential(ctx, "acme", "alice")
	check(err)

	// A refresh token that another system held becomes a connection; the first
	// use gets an access token for it.
	_, err = client.Connections.Import(ctx, "acme", "imported", tieline.ConnectionInput{
		Credential: &tieline.OAuth2Token{RefreshToken: held.(*tieline.OAuth2Token).RefreshToken},
	})
	check(err)
	cred, err := client.Connections.Credential(ctx, "acme", "imported")
	check(err)
	fmt.Println(provider.IsLive(cred.(*tieline.OAuth2Token).AccessToken.Reveal()))
	// Output: true
}

func ExampleConnections_Credential() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	cred, err := client.Connections.Credential(ctx, "acme", "alice")
	switch {
	case errors.Is(err, tieline.ErrReauthRequired):
		fmt.Println("ask the user to connect again")
	case errors.Is(err, tieline.ErrRefreshFailed):
		fmt.Println("try again later")
	case err == nil:
		token := cred.(*tieline.OAuth2Token)
		fmt.Println(token.AccessToken) // a Secret does not print; Reveal returns it
		fmt.Println(len(token.AccessToken.Reveal()) > 0)
	}
	// Output:
	// [secret]
	// true
}

func ExampleConnections_Refresh() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	before, err := client.Connections.Credential(ctx, "acme", "alice")
	check(err)
	_, err = client.Connections.Refresh(ctx, "acme", "alice", nil)
	check(err)
	// Naming a credential that is not the stored one any more costs no exchange.
	_, err = client.Connections.Refresh(ctx, "acme", "alice", before)
	check(err)
	fmt.Println(provider.Stats().Refreshes)
	// Output: 1
}

func ExampleConnections_TokenSource() {
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	// For any library that takes an oauth2.TokenSource.
	source := client.Connections.TokenSource("acme", "alice")
	token, err := source.Token()
	check(err)
	fmt.Println(token.Type(), token.Valid())
	// Output: Bearer true
}

func ExampleConnections_HTTPClient() {
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	resp, err := client.Connections.HTTPClient("acme", "alice").Get("/me")
	check(err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	fmt.Println(resp.StatusCode, err)
	// Output: 200 <nil>
}

func ExampleConnections_All() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)
	_, err := client.Connections.Update(ctx, "acme", "alice", func(c *tieline.Connection) error {
		c.Tags = map[string]string{"team": "blue"}
		return nil
	})
	check(err)
	for conn, err := range client.Connections.All(ctx, tieline.Filter{Tags: map[string]string{"team": "blue"}}) {
		check(err)
		fmt.Println(conn.Integration, conn.ID, conn.Status)
	}
	// Output: acme alice active
}

func ExampleConnections_MergeMetadata() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)
	_, err := client.Connections.SetMetadata(ctx, "acme", "alice", json.RawMessage(`{"plan": "free", "seats": 1}`))
	check(err)
	conn, err := client.Connections.MergeMetadata(ctx, "acme", "alice", json.RawMessage(`{"plan": "pro"}`))
	check(err)
	fmt.Println(string(conn.Metadata))
	// Output: {"plan":"pro","seats":1}
}

func ExampleConnections_Delete() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)

	check(client.Connections.Delete(ctx, "acme", "alice", tieline.DeleteOptions{}))
	_, err := client.Connections.Get(ctx, "acme", "alice")
	fmt.Println(errors.Is(err, tieline.ErrNotFound), provider.Stats().Revocations)
	// Output: true 1
}

// Run refreshes ahead of need, in one process or in many.
func ExampleClient_Run() {
	ctx, stop := context.WithCancel(context.Background())
	client, provider := start()
	defer provider.Close()
	done := make(chan error)
	go func() { done <- client.Run(ctx) }()
	// ... serve ...
	stop()
	fmt.Println(<-done)
	fmt.Println(client.Close(context.Background()))
	// Output:
	// context canceled
	// <nil>
}

// Keys are rotated while everything runs.
func ExampleClient_Rewrap() {
	ctx := context.Background()
	oldKey, newKey := tieline.GenerateKey(), tieline.GenerateKey()
	db := &store.Memory{}
	open := func(keys string) *tieline.Client {
		ring, err := tieline.ParseKeyring(keys)
		check(err)
		client, err := tieline.New(tieline.Config{Store: db, Keys: ring})
		check(err)
		return client
	}
	_, err := open(oldKey).Integrations.Create(ctx, tieline.Integration{Key: "github", Provider: "github-pat"})
	check(err)

	report, err := open(newKey + "," + oldKey).Rewrap(ctx)
	check(err)
	fmt.Println(report.Rewrapped, "moved")
	_, err = open(newKey).Integrations.Get(ctx, "github")
	fmt.Println("without the old key:", err)
	// Output:
	// 1 moved
	// without the old key: <nil>
}

func ExampleFieldError() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	_, err := client.Integrations.Create(ctx, tieline.Integration{Key: "a/b", Provider: "acme"})
	var field *tieline.FieldError
	if errors.As(err, &field) {
		fmt.Println(field.Field, field.Reason)
	}
	// Output: key must be ASCII letters, digits, spaces and ~ : . @ _ -
}
