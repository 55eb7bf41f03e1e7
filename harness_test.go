package tieline

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

const testCallback = "http://127.0.0.1/callback"

var errDown = errors.New("the database is down")

// world is a provider and a Client of it, in process: inside a synctest bubble
// all of it runs on fake time.
type world struct {
	t        testing.TB
	provider *providertest.Server
	store    store.Store
	keys     *Keyring
	catalog  *Catalog
	log      *lockedBuffer
	events   *eventLog
	*Client
}

type worldOptions struct {
	provider providertest.Options
	store    store.Store
	keys     *Keyring
	policy   RefreshPolicy
	entry    string   // more of the entry "acme"
	catalog  *Catalog // of a world that had the same provider, to spare reading its file
	config   func(*Config)
}

func testKeys(t testing.TB, seeds ...byte) *Keyring {
	t.Helper()
	if len(seeds) == 0 {
		seeds = []byte{1}
	}
	var keys [][]byte
	for _, b := range seeds {
		keys = append(keys, bytes.Repeat([]byte{b}, KeySize))
	}
	k, err := NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	if o.provider.TokenLifetime == 0 {
		o.provider.TokenLifetime = time.Hour
	}
	o.provider.RedirectURIs = []string{testCallback}
	w := &world{t: t, provider: providertest.NewInProcess(o.provider), store: o.store, keys: o.keys}
	t.Cleanup(w.provider.Close)
	if w.store == nil {
		w.store = &store.Memory{}
	}
	if w.keys == nil {
		w.keys = testKeys(t)
	}
	if w.catalog = o.catalog; w.catalog == nil {
		w.catalog = catalogOf(t, w.provider, o.entry)
	}
	w.Client, w.log, w.events = w.client(o)
	return w
}

// catalogOf is what a provider says of itself, and more of its entry "acme".
func catalogOf(t testing.TB, p *providertest.Server, entry string) *Catalog {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "test.yaml", Data: bytes.Replace(p.ProvidersYAML(), []byte("acme:\n"), []byte("acme:\n"+entry), 1)})
	for _, p := range problems {
		t.Fatalf("the provider's own catalog entry: %v", p)
	}
	return catalog
}

// client is another process on the same store.
func (w *world) client(o worldOptions) (*Client, *lockedBuffer, *eventLog) {
	w.t.Helper()
	logs, events := &lockedBuffer{}, &eventLog{}
	cfg := Config{
		Store: w.store, Keys: w.keys, Providers: w.catalog, CallbackURL: testCallback, Refresh: o.policy,
		Logger:  slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: func(_ context.Context, e Event) { events.add(e) },
	}
	if o.config != nil {
		o.config(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	c.core.tokenHTTP, c.core.apiHTTP = w.provider.RoundTripper(), w.provider.RoundTripper()
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_ = c.Close(ctx)
	})
	return c, logs, events
}

// integration creates one for a provider of the test catalog.
func (w *world) integration(key, provider string) Integration {
	w.t.Helper()
	in := Integration{Key: key, Provider: provider}
	if provider == "acme" {
		cred := w.provider.Credentials()
		in.App = &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}
	}
	out, err := w.Integrations.Create(w.t.Context(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// connect walks the whole authorization of a user.
func (w *world) connect(integration, id string) Connection {
	w.t.Helper()
	conn, err := w.tryConnect(integration, AuthorizeOptions{ConnectionID: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

func (w *world) tryConnect(integration string, o AuthorizeOptions) (Connection, error) {
	w.t.Helper()
	a, callback := w.consent(integration, o)
	return w.Connections.Complete(w.t.Context(), a.Binding.Reveal(), callback)
}

// consent takes a user to the provider and back.
func (w *world) consent(integration string, o AuthorizeOptions) (*Authorization, url.Values) {
	w.t.Helper()
	a, err := w.Connections.Authorize(w.t.Context(), integration, o)
	if err != nil {
		w.t.Fatal(err)
	}
	callback, _, err := w.provider.Authorize(w.t.Context(), a.URL)
	if err != nil {
		w.t.Fatal(err)
	}
	return a, callback
}

// connected is a world with one OAuth 2 connection, "acme"/"alice".
func connected(t testing.TB, o worldOptions) *world {
	t.Helper()
	w := newWorld(t, o)
	w.integration("acme", "acme")
	w.connect("acme", "alice")
	return w
}

func (w *world) credential() *OAuth2Token {
	w.t.Helper()
	return w.credentialOf(w.Client)
}

func (w *world) credentialOf(c *Client) *OAuth2Token {
	w.t.Helper()
	cred, err := c.Connections.Credential(w.t.Context(), "acme", "alice")
	if err != nil {
		w.t.Fatal(err)
	}
	return cred.(*OAuth2Token)
}

// rows are all rows of a kind.
func (w *world) rows(kind store.Kind) []store.Row {
	w.t.Helper()
	var rows []store.Row
	for row, err := range w.core.rows(w.t.Context(), store.Query{Kind: kind}) {
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// connectionRecord reads the stored record of the only connection.
func (w *world) connectionRecord() (store.Row, *record.Connection) {
	w.t.Helper()
	row := w.rows(kindConnection)[0]
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	return row, rec
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

type eventLog struct {
	mu  sync.Mutex
	all []Event
}

func (l *eventLog) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, e)
}

func (l *eventLog) types() []EventType {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []EventType
	for _, e := range l.all {
		out = append(out, e.Type)
	}
	return out
}

func (l *eventLog) count(t EventType) int {
	n := 0
	for _, have := range l.types() {
		if have == t {
			n++
		}
	}
	return n
}
