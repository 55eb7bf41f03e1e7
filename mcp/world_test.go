package mcp_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

const callback = "http://127.0.0.1/callback"

// world is a provider on loopback and a Client of it. Its integrations are crm and
// erp, which take keys, and mail, where users sign in.
type world struct {
	*tieline.Client
	t        testing.TB
	store    *store.Memory
	provider *providertest.Server
	log      *lockedBuffer

	mu    sync.Mutex
	users map[string][]mcp.Connection // by name
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		t: t, store: &store.Memory{}, log: &lockedBuffer{}, users: map[string][]mcp.Connection{},
		provider: providertest.New(t, providertest.Options{TokenLifetime: time.Hour, RedirectURIs: []string{callback}}),
	}
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "test.yaml", Data: w.provider.ProvidersYAML()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	w.must(err)
	w.Client, err = tieline.New(tieline.Config{
		Store: w.store, Keys: keys, Providers: catalog, CallbackURL: callback, MaxStale: -1,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Refresh:  tieline.RefreshPolicy{Confirm: time.Millisecond},
	})
	w.must(err)
	t.Cleanup(func() { w.must(w.Close(context.Background())) })
	app := w.provider.Credentials()
	for _, i := range []tieline.Integration{
		{Key: "crm", Provider: "acme-key"},
		{Key: "erp", Provider: "acme-key"},
		{Key: "mail", Provider: "acme", App: &tieline.OAuthApp{ClientID: app.ClientID, ClientSecret: tieline.NewSecret(app.ClientSecret)}},
	} {
		_, err := w.Integrations.Create(t.Context(), i)
		w.must(err)
	}
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// give lets a user have connections, which are made if they are not there. Each is a
// target and perhaps a label.
func (w *world) give(user string, conns ...mcp.Connection) {
	w.t.Helper()
	for _, conn := range conns {
		if _, err := w.Connections.Get(w.t.Context(), conn.Integration, conn.Connection); err == nil {
			continue
		}
		if conn.Integration == "mail" {
			w.signIn(conn.Connection)
			continue
		}
		_, err := w.Connections.Import(w.t.Context(), conn.Integration, conn.Connection, tieline.ConnectionInput{
			Credential: &tieline.APIKey{Key: tieline.NewSecret(w.provider.Credentials().APIKey)}, SkipVerification: true,
		})
		w.must(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.users[user] = conns
}

// signIn has the user of a connection of mail authorize.
func (w *world) signIn(id string) {
	w.t.Helper()
	a, err := w.Connections.Authorize(w.t.Context(), "mail", tieline.AuthorizeOptions{ConnectionID: id})
	w.must(err)
	query, _, err := w.provider.Authorize(w.t.Context(), a.URL)
	w.must(err)
	_, err = w.Connections.Complete(w.t.Context(), a.Binding.Reveal(), query)
	w.must(err)
}

func at(integration, connection string) mcp.Connection {
	return mcp.Connection{Target: functions.Target{Integration: integration, Connection: connection}}
}

// connectionsOf goes by the header X-User. Who has none is alice.
func (w *world) connectionsOf(_ context.Context, req sdk.Request) ([]mcp.Connection, error) {
	user := "alice"
	if extra := req.GetExtra(); extra != nil {
		user = extra.Header.Get("X-User")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	conns, ok := w.users[user]
	if !ok {
		return nil, fmt.Errorf("there is no %q in users_table", user)
	}
	return slices.Clone(conns), nil
}

// server has these functions for all integrations. edit may be nil.
func (w *world) server(edit func(*mcp.Options), fns ...*functions.Function) *mcp.Server {
	w.t.Helper()
	return w.serverOf(edit, functions.Config{Providers: map[string][]*functions.Function{"acme-key": fns, "acme": fns}})
}

func (w *world) serverOf(edit func(*mcp.Options), cfg functions.Config) *mcp.Server {
	w.t.Helper()
	cfg.Client = w.Client
	fns, err := functions.New(cfg)
	w.must(err)
	o := mcp.Options{Connections: w.connectionsOf, Logger: slog.New(slog.NewTextHandler(w.log, nil))}
	if edit != nil {
		edit(&o)
	}
	s, err := mcp.NewServer(fns, o)
	w.must(err)
	return s
}

// client is one of a server in process.
func (w *world) client(s *mcp.Server, o *sdk.ClientOptions, version string) *client {
	w.t.Helper()
	near, far := sdk.NewInMemoryTransports()
	session, err := s.Connect(w.t.Context(), far, nil)
	w.must(err)
	w.t.Cleanup(func() { session.Close() })
	return w.connect(near, o, version)
}

// serve puts a server on loopback.
func (w *world) serve(h http.Handler) (url string) {
	web := httptest.NewServer(h)
	w.t.Cleanup(web.Close)
	return web.URL
}

// clientAt is a user's of a server over HTTP.
func (w *world) clientAt(url, user string, o *sdk.ClientOptions, version string) *client {
	w.t.Helper()
	return w.connect(&sdk.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: as(user)}, MaxRetries: -1}, o, version)
}

func (w *world) connect(t sdk.Transport, o *sdk.ClientOptions, version string) *client {
	w.t.Helper()
	c := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, o)
	session, err := c.Connect(w.t.Context(), t, &sdk.ClientSessionOptions{ProtocolVersion: version})
	w.must(err)
	w.t.Cleanup(func() { session.Close() })
	return &client{session, w.t}
}

// as sends the name of a user.
type as string

func (user as) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("X-User", string(user))
	return http.DefaultTransport.RoundTrip(r)
}

// bearer sends a token.
type bearer string

func (token bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(token))
	return http.DefaultTransport.RoundTrip(r)
}

// client is the SDK's, with what tests ask for.
type client struct {
	*sdk.ClientSession
	t testing.TB
}

// names are those of the tools that it is listed.
func (c *client) names() []string {
	c.t.Helper()
	var names []string
	for t, err := range c.Tools(c.t.Context(), nil) {
		if err != nil {
			c.t.Fatal(err)
		}
		names = append(names, t.Name)
	}
	return names
}

func (c *client) tool(name string) *sdk.Tool {
	c.t.Helper()
	for t, err := range c.Tools(c.t.Context(), nil) {
		if err != nil {
			c.t.Fatal(err)
		}
		if t.Name == name {
			return t
		}
	}
	c.t.Fatalf("there is no tool %q", name)
	return nil
}

// call is the text that a call is answered with.
func (c *client) call(name string, args any) (text string, failed bool) {
	c.t.Helper()
	result, err := c.CallTool(c.t.Context(), &sdk.CallToolParams{Name: name, Arguments: args})
	if err != nil {
		c.t.Fatal(err)
	}
	return textOf(c.t, result), result.IsError
}

func textOf(t testing.TB, result *sdk.CallToolResult) string {
	t.Helper()
	if len(result.Content) != 1 {
		t.Fatalf("there are %d contents", len(result.Content))
	}
	return result.Content[0].(*sdk.TextContent).Text
}

type args = map[string]any

type query struct {
	Limit int `json:"limit,omitempty" minimum:"1" maximum:"100"`
}

type owner struct {
	Connection string `json:"connection"`
	Limit      int    `json:"limit"`
}

// whose answers with the connection that it is called for, after a call of its
// provider.
func whose(name string) *functions.Function {
	return functions.Define(name, func(ctx context.Context, call *functions.Call, in query) (owner, error) {
		var answer struct{}
		err := call.Get(ctx, "/me", &answer)
		return owner{call.Connection.Integration + "/" + call.Connection.ID, in.Limit}, err
	}, functions.Options{Description: "Tells whose connection it is."})
}
