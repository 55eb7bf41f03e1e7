// Command contacts lists a user's contacts, whoever keeps them: one function,
// contacts.list, is there for HubSpot, Salesforce and Google Contacts, and the
// application calls it without knowing which of them a user has connected.
//
//	go run ./examples/contacts
//
// needs no set-up and no network: a server on this machine answers as the providers do,
// each with pages and names of its own.
//
//   - contacts.go is the model, and what the functions have in common;
//   - hubspot.go, salesforce.go and google.go are one provider each;
//   - app.go is the application;
//   - fakes.go are the providers, and network.go is how they are reached under their own
//     addresses, so that the built-in catalog is used as it is.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/store"
)

// user has an account with each of the providers.
const user = "alice"

func main() {
	if err := demo(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "contacts:", err)
		os.Exit(1)
	}
}

// demo lists and prints the contacts of the fakes.
func demo(ctx context.Context, out io.Writer) error {
	hosts := map[string]http.Handler{}
	for _, f := range fakes() {
		hosts[f.host] = f
	}
	n, err := newNetwork(hosts)
	if err != nil {
		return err
	}
	defer n.close()
	client, err := newClient(n)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close(ctx) }()
	var accounts []functions.Target
	for _, f := range fakes() {
		account, err := connect(ctx, client, f)
		if err != nil {
			return err
		}
		accounts = append(accounts, account)
	}
	fns, err := functions.New(functions.Config{Client: client, Providers: providers()})
	if err != nil {
		return err
	}
	return show(ctx, fns, accounts, out)
}

func newClient(n *network) (*tieline.Client, error) {
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		return nil, err
	}
	return tieline.New(tieline.Config{Store: &store.Memory{}, Keys: keys, Outbound: tieline.Outbound{
		Transport: n.transport(), AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}})
}

// connect makes an integration for a provider, and the user's connection. With a real
// one the user authorizes it: see examples/quickstart and examples/handlers.
func connect(ctx context.Context, client *tieline.Client, f fake) (functions.Target, error) {
	to := functions.Target{Integration: f.provider, Connection: user}
	_, err := client.Integrations.Create(ctx, tieline.Integration{
		Key: to.Integration, Provider: f.provider,
		App: &tieline.OAuthApp{ClientID: "id", ClientSecret: tieline.NewSecret("secret")},
	})
	if err != nil {
		return to, err
	}
	_, err = client.Connections.Import(ctx, to.Integration, to.Connection, tieline.ConnectionInput{
		Credential: &tieline.OAuth2Token{AccessToken: tieline.NewSecret(token)}, Config: f.config, SkipVerification: true,
	})
	return to, err
}
