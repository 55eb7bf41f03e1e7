// Package tieline connects an application to its users' accounts at
// third-party services.
//
// An application makes one [Client] over a [store.Store] and a [Keyring]:
//
//	keys, err := tieline.ParseKeyring(os.Getenv("TIELINE_ENCRYPTION_KEY"))
//	...
//	db, err := sqlite.Open("tieline.db", sqlite.Options{})
//	...
//	client, err := tieline.New(tieline.Config{
//		Store: db, Keys: keys, CallbackURL: "https://example.com/callback",
//	})
//	...
//	defer client.Close(context.Background())
//
// It registers what it is at a provider as an [Integration] under a key of its
// choice, and lets users authorize it:
//
//	a, err := client.Connections.Authorize(ctx, "github", tieline.AuthorizeOptions{ConnectionID: userID})
//	// Set a.Binding as a cookie, redirect to a.URL. In the handler of CallbackURL:
//	conn, err := client.Connections.Complete(ctx, cookie.Value, r.URL.Query())
//
// From then on the [Connection] is used as if it were always signed in:
//
//	resp, err := client.Connections.HTTPClient("github", userID).Get("/user")
//
// # Words
//
// A provider is an entry of the [Catalog], data that says how a service is spoken
// to. An integration is a provider set up for this application, with app
// credentials. A connection is one end user's account through an integration,
// named by the integration's key and a connection ID. A [Credential] is what
// authenticates a request; an [AuthMode] is the way it is had and attached.
//
// # Refresh
//
// A credential is refreshed exactly once per expiry however many goroutines and
// processes ask for it, and the new token is saved before anything else is done
// with it, for as long as the process lives. Most providers accept a refresh
// token once: everything here is built so that none is lost or sent twice. For
// that to hold, end a process with [Client.Close]. [Client.Run] refreshes ahead of
// need; it is optional.
//
// # Webhooks
//
// [Integrations.WebhookHandler] takes in what providers send: verified, with the
// connections that it is about. [Config.Forward] hands it on, and what happens to
// connections, from a queue in the Store.
//
// # Over HTTP
//
// Package httpapi serves a Client to programs in other languages, and has a page on
// which users connect; a [Session] is how they get there.
//
// # Secrets
//
// Everything secret is encrypted before it reaches the Store and bound to its
// row, and is a [Secret] in memory, which does not print. Errors, logs and
// [Event]s hold no token, secret, code or response body.
//
// # Errors
//
// Errors are tested with errors.Is against the Err values of this package, and
// with errors.As for the types that say more: [*FieldError], [*RefreshError],
// [*TokenError], [*AuthorizationError], [*VerificationError], [*ForwardError],
// [*UnsavedError].
// Context errors come back as they are.
package tieline
