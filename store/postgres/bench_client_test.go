package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// statementCount counts what reaches the server: reads, and writes.
type statementCount struct{ reads, writes atomic.Int64 }

func (c *statementCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "RETURNING") {
		c.writes.Add(1)
	} else {
		c.reads.Add(1)
	}
	return ctx
}

func (c *statementCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (c *statementCount) take() (reads, writes int64) { return c.reads.Swap(0), c.writes.Swap(0) }

// clientWorld is a Client over Postgres, and a provider on loopback.
type clientWorld struct {
	*Store
	count    *statementCount
	provider *providertest.Server
	client   *tieline.Client
	ids      []string
	rows     []store.Key // of the connections
}

const callback = "http://127.0.0.1/callback"

func newClientWorld(t testing.TB, connections int) *clientWorld {
	t.Helper()
	w := &clientWorld{count: &statementCount{}}
	w.Store = open(t, freshAddress(t, ""), func(cfg *pgxpool.Config) { cfg.ConnConfig.Tracer = w.count })
	w.provider = providertest.New(t, providertest.Options{TokenLifetime: 24 * time.Hour, RedirectURIs: []string{callback}})
	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "test.yaml", Data: w.provider.ProvidersYAML()})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	keys, err := tieline.NewKeyring(bytes.Repeat([]byte{1}, tieline.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	w.client, err = tieline.New(tieline.Config{
		Store: w.Store, Keys: keys, Providers: catalog, CallbackURL: callback,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	app := w.provider.Credentials()
	_, err = w.client.Integrations.Create(t.Context(), tieline.Integration{
		Key: "acme", Provider: "acme", App: &tieline.OAuthApp{ClientID: app.ClientID, ClientSecret: tieline.NewSecret(app.ClientSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range connections {
		w.connect(t, fmt.Sprint("user-", i))
	}
	return w
}

// connect walks the whole authorization of a user.
func (w *clientWorld) connect(t testing.TB, id string) {
	t.Helper()
	a, err := w.client.Connections.Authorize(t.Context(), "acme", tieline.AuthorizeOptions{ConnectionID: id})
	if err != nil {
		t.Fatal(err)
	}
	answer, _, err := w.provider.Authorize(t.Context(), a.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.client.Connections.Complete(t.Context(), a.Binding.Reveal(), answer); err != nil {
		t.Fatal(err)
	}
	w.ids = append(w.ids, id)
}

// load finds the rows of the connections, for the floors to read as well.
func (w *clientWorld) load(t testing.TB) {
	t.Helper()
	q := store.Query{Kind: "connection", Limit: store.MaxLimit}
	page, err := w.List(t.Context(), q)
	if err != nil || len(page.Rows) != len(w.ids) {
		t.Fatalf("%d rows of kind %s, %v, want %d", len(page.Rows), q.Kind, err, len(w.ids))
	}
	for _, row := range page.Rows {
		w.rows = append(w.rows, row.Key)
	}
}

// A credential that is fresh costs one statement, and a refresh two writes.
func TestStatementsOfClient(t *testing.T) {
	t.Parallel()
	w := newClientWorld(t, 1)
	w.count.take()
	if _, err := w.client.Connections.Credential(t.Context(), "acme", w.ids[0]); err != nil {
		t.Fatal(err)
	}
	if reads, writes := w.count.take(); reads != 1 || writes > 1 {
		// Once a day, the time that it was fetched at is written.
		t.Errorf("a credential takes %d reads and %d writes, want 1 and at most 1", reads, writes)
	}
	if _, err := w.client.Connections.Credential(t.Context(), "acme", w.ids[0]); err != nil {
		t.Fatal(err)
	}
	if reads, writes := w.count.take(); reads != 1 || writes != 0 {
		t.Errorf("a credential takes %d reads and %d writes, want 1 and 0", reads, writes)
	}
	if _, err := w.client.Connections.Refresh(t.Context(), "acme", w.ids[0], nil); err != nil {
		t.Fatal(err)
	}
	if err := w.client.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if reads, writes := w.count.take(); writes != 2 {
		t.Errorf("a refresh takes %d reads and %d writes, want 2 writes", reads, writes)
	}
}

// BenchmarkCredential gets a fresh credential through the Client, which is one
// statement. The floors are that statement bare, and a bare look-up of the row by
// its key.
func BenchmarkCredential(b *testing.B) {
	w := newClientWorld(b, 64)
	w.load(b)
	ctx := b.Context()
	statement := func(int) error {
		var id, parent string
		var version, due int64
		var labels []string
		var data []byte
		return w.pool.QueryRow(ctx, w.sql.path, "integration", "acme", "connection", w.ids[rand.IntN(len(w.ids))]).
			Scan(&id, &version, &parent, &labels, &due, &data)
	}
	text := inSchema(w.Store, `SELECT version, data FROM @.record WHERE kind = $1 AND id = $2`)
	lookup := func(int) error {
		key := w.rows[rand.IntN(len(w.rows))]
		var version int64
		var data []byte
		return w.pool.QueryRow(ctx, text, string(key.Kind), key.ID).Scan(&version, &data)
	}
	credential := func(int) error {
		_, err := w.client.Connections.Credential(ctx, "acme", w.ids[rand.IntN(len(w.ids))])
		return err
	}
	for _, id := range w.ids { // the first read of the day is written down
		if _, err := w.client.Connections.Credential(ctx, "acme", id); err != nil {
			b.Fatal(err)
		}
	}
	for _, g := range []int{1, 16} {
		for name, floor := range map[string]func(int) error{"statement": statement, "lookup": lookup} {
			b.Run(fmt.Sprintf("floor=%s/g=%d", name, g), func(b *testing.B) {
				w.count.take()
				compare(b, g, 64, floor, credential)
				reads, writes := w.count.take()
				b.ReportMetric(float64(reads+writes)/float64(b.N*g*64)-1, "statements/op") // without the floor's
			})
		}
	}
}

// BenchmarkRefresh makes a whole refresh. Its floor is what the protocol cannot do
// without, done bare: a durable update of one row, a POST to the token endpoint on
// a new connection, and a second durable update.
func BenchmarkRefresh(b *testing.B) {
	w := newClientWorld(b, 64)
	w.load(b)
	refresh := func(i int) error {
		_, err := w.client.Connections.Refresh(b.Context(), "acme", w.ids[i%len(w.ids)], nil)
		return err
	}
	w.count.take()
	for i := range w.ids {
		if err := refresh(i); err != nil {
			b.Fatal(err)
		}
	}
	reads, writes := w.count.take()
	b.Logf("a refresh makes %d reads and %d writes", reads/int64(len(w.ids)), writes/int64(len(w.ids)))
	for _, g := range []int{1, 16} {
		b.Run(fmt.Sprintf("g=%d", g), func(b *testing.B) { compare(b, g, 4, w.refreshFloor(b), refresh) })
	}
}

// refreshFloor works on rows of its own, of the size that connections have.
func (w *clientWorld) refreshFloor(b *testing.B) func(int) error {
	ctx := b.Context()
	row, err := w.Get(ctx, w.rows[0])
	if err != nil {
		b.Fatal(err)
	}
	kind := store.Kind("floor " + randomID())
	for i := range 64 {
		put(b, w.Store, store.Row{Key: store.Key{Kind: kind, ID: fmt.Sprint(i)}, Data: row.Data})
	}
	write := inSchema(w.Store, `UPDATE @.record SET version = version + 1, data = $3 WHERE kind = $1 AND id = $2`)
	app := w.provider.Credentials()
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {app.ClientID}, "client_secret": {app.ClientSecret}}.Encode()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	return func(i int) error {
		id := fmt.Sprint(i % 64)
		if _, err := w.pool.Exec(ctx, write, string(kind), id, row.Data); err != nil {
			return err
		}
		resp, err := client.Post(w.provider.URL+"/token", "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			return fmt.Errorf("the token endpoint answers %d, %v", resp.StatusCode, err)
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		_, err = w.pool.Exec(ctx, write, string(kind), id, row.Data)
		return err
	}
}
