package tieline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/journal"
)

// A readiness probe asks the Client how it is.
func ExampleClient_Health() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)
	_, err := client.Connections.Refresh(ctx, "acme", "alice", nil)
	check(err)
	check(client.Close(ctx)) // the token is saved now
	health := client.Health()
	fmt.Println(health.Err(), len(health.Unsaved), health.Counts.Exchanges, health.Counts.Refreshed)
	// Output: <nil> 0 1 1
}

// At its end a program waits for what is under way, and hears of what could
// not be saved.
func ExampleClient_Close() {
	client, provider := start()
	defer provider.Close()
	connect(client, provider)
	err := client.Close(context.Background())
	var unsaved *tieline.UnsavedError
	if errors.As(err, &unsaved) {
		fmt.Println("lost when the process ends:", unsaved.Connections)
	}
	_, err = client.Connections.Refresh(context.Background(), "acme", "alice", nil)
	fmt.Println(errors.Is(err, tieline.ErrClosed))
	// Output: true
}

// On a machine whose disk stays while its database may be away, a journal keeps
// refreshed tokens until the database takes them.
func ExampleJournal() {
	dir, err := os.MkdirTemp("", "tieline-journal-")
	check(err)
	defer os.RemoveAll(dir)
	j, err := journal.Open(filepath.Join(dir, "journal"))
	check(err)
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{Store: &store.Memory{}, Keys: keys, Journal: j})
	check(err)
	// ... serve ...
	fmt.Println(client.Close(context.Background()), j.Close())
	// Output: <nil> <nil>
}

// vault stands for a key management service.
type vault struct{}

func (vault) UnwrapKey(_ context.Context, wrapped []byte) ([]byte, error) {
	key := make([]byte, len(wrapped))
	for i, b := range wrapped {
		key[i] = b ^ 0x5a
	}
	return key, nil
}

// Keys that a key management service has wrapped are unwrapped once, at start.
func ExampleUnwrapKeyring() {
	wrapped := make([]byte, tieline.KeySize)
	keys, err := tieline.UnwrapKeyring(context.Background(), vault{}, wrapped)
	check(err)
	fmt.Println(len(keys.IDs()))
	// Output: 1
}

// Other kinds of credential are given as values of their type.
func ExampleConnections_Create_otherModes() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	known := provider.Credentials()
	for _, name := range []string{"acme-basic", "acme-cc"} {
		_, err := client.Integrations.Create(ctx, tieline.Integration{Key: name, Provider: name})
		check(err)
	}
	_, err := client.Connections.Create(ctx, "acme-basic", "alice", tieline.ConnectionInput{Credential: &tieline.Basic{
		Username: tieline.NewSecret(known.Username), Password: tieline.NewSecret(known.Password),
	}})
	check(err)
	_, err = client.Connections.Create(ctx, "acme-cc", "machine", tieline.ConnectionInput{Credential: &tieline.ClientCredentials{
		ClientID: known.ClientID, ClientSecret: tieline.NewSecret(known.ClientSecret),
	}})
	check(err)
	for conn, err := range client.Connections.All(ctx, tieline.Filter{}) {
		check(err)
		fmt.Println(conn.Integration, conn.ID, conn.Status)
	}
	// Unordered output:
	// acme-basic alice active
	// acme-cc machine active
}

// A page of the application's settings shows whether a key still works.
func ExampleConnections_Verify() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	_, err := client.Integrations.Create(ctx, tieline.Integration{Key: "acme-key", Provider: "acme-key"})
	check(err)
	for id, key := range map[string]string{"alice": provider.Credentials().APIKey, "bob": "revoked"} {
		_, err := client.Connections.Import(ctx, "acme-key", id, tieline.ConnectionInput{
			Credential: &tieline.APIKey{Key: tieline.NewSecret(key)}, SkipVerification: true,
		})
		check(err)
	}
	// A refusal is confirmed and noted if there is time; a page wants to be quick.
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for _, id := range []string{"alice", "bob"} {
		verdict, err := client.Connections.Verify(ctx, "acme-key", id)
		switch verdict {
		case tieline.VerdictAccepted, tieline.VerdictUntested:
			fmt.Println(id, verdict)
		case tieline.VerdictRefused:
			fmt.Println(id, "has to connect again:", errors.Is(err, tieline.ErrVerification))
		case tieline.VerdictUnclear:
			fmt.Println(id, "is to be looked at later:", err)
		default:
			check(err)
		}
	}
	// Output:
	// alice accepted
	// bob has to connect again: true
}

// An existing connection gets a new grant in place, and keeps what the
// application knows about it.
func ExampleConnections_Authorize_reconnect() {
	ctx := context.Background()
	client, provider := start()
	defer provider.Close()
	connect(client, provider)
	_, err := client.Connections.SetMetadata(ctx, "acme", "alice", []byte(`{"plan":"pro"}`))
	check(err)

	a, err := client.Connections.Authorize(ctx, "acme", tieline.AuthorizeOptions{ConnectionID: "alice"})
	check(err)
	conn, err := client.Connections.Complete(ctx, a.Binding.Reveal(), browser(provider, a.URL))
	check(err)
	fmt.Println(conn.ID, string(conn.Metadata), conn.Status)
	// Output: alice {"plan":"pro"} active
}

// A session lets somebody connect who has no account at the application's API: its
// token goes into a link, or a cookie. It makes one connection.
func ExampleSessions_Create() {
	ctx := context.Background()
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{Store: &store.Memory{}, Keys: keys})
	check(err)
	session, token, err := client.Sessions.Create(ctx, tieline.Session{EndUser: &tieline.EndUser{ID: "u-1"}})
	check(err)
	fmt.Println(len(token.Reveal()), session.ExpiresAt.Sub(session.CreatedAt))

	made := tieline.ConnectionName{Integration: "github", ID: "alice"}
	_, err = client.Sessions.Finish(ctx, token.Reveal(), made)
	check(err)
	_, err = client.Sessions.Finish(ctx, token.Reveal(), tieline.ConnectionName{Integration: "github", ID: "bob"})
	fmt.Println(errors.Is(err, tieline.ErrExists))
	// Output:
	// 64 30m0s
	// true
}
