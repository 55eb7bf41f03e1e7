package tieline

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/webhook"
	"github.com/tieline/tieline/store"
)

const (
	receiverA, receiverB = "https://a.example.com/hook?key=canary-url", "https://b.example.com/hook"
	forwardSecret        = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5" // canary-canary-canary-canary
	nangoKey             = "canary-nango-key-of-36-characters-ok"
)

// forwardGot is one request that a receiver got.
type forwardGot struct {
	at     time.Duration // since the world began
	url    string
	id     string
	header http.Header
	body   string
}

// forwardWorld is a Client that forwards, with its receivers. The connection is
// "key"/"alice".
type forwardWorld struct {
	*Client
	t      testing.TB
	began  time.Time
	store  store.Store
	events *eventLog
	log    *lockedBuffer
	// answer is what a receiver does; nil: 200.
	answer func(r *http.Request, n int) (*http.Response, error)

	mu  sync.Mutex
	got []forwardGot
}

func newForwardWorld(t testing.TB, s store.Store, edit func(*Config)) *forwardWorld {
	t.Helper()
	w := &forwardWorld{t: t, began: time.Now(), store: s}
	if s == nil {
		w.store = &store.Memory{}
	}
	w.Client, w.events, w.log = w.client(edit)
	return w
}

// client is another process on the same Store, with the same receivers.
func (w *forwardWorld) client(edit func(*Config)) (*Client, *eventLog, *lockedBuffer) {
	w.t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "x.yaml", Data: []byte("acme:\n  display_name: Acme\n  docs: https://example.com\n" + keyEntry)})
	if len(problems) > 0 {
		w.t.Fatal(problems)
	}
	events, logs := &eventLog{}, &lockedBuffer{}
	cfg := Config{
		Store: w.store, Keys: testKeys(w.t), Providers: catalog,
		Forward: Forward{URLs: []string{receiverA}, Secrets: []Secret{NewSecret(forwardSecret)}, Events: []EventType{}},
		Logger:  slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: func(_ context.Context, e Event) { events.add(e) },
	}
	if edit != nil {
		edit(&cfg)
	}
	c, err := New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	c.core.apiHTTP = w
	c.core.jitter = func(time.Duration) time.Duration { return 0 }
	w.t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c, events, logs
}

// RoundTrip is every receiver.
func (w *forwardWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	n := len(w.got)
	w.got = append(w.got, forwardGot{time.Since(w.began), r.URL.String(), r.Header.Get("webhook-id"), r.Header, string(body)})
	w.mu.Unlock()
	if w.answer == nil {
		return jsonResponse(r, 200, `{}`), nil
	}
	return w.answer(r, n)
}

// answers always gives this status.
func (w *forwardWorld) answers(status int, header ...string) {
	w.answer = func(r *http.Request, _ int) (*http.Response, error) {
		resp := jsonResponse(r, status, `{}`)
		for i := 0; i < len(header); i += 2 {
			resp.Header.Set(header[i], header[i+1])
		}
		return resp, nil
	}
}

func (w *forwardWorld) received() []forwardGot {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]forwardGot{}, w.got...)
}

// ids counts the messages that were received, by receiver and ID.
func (w *forwardWorld) ids() map[string]int {
	n := map[string]int{}
	for _, g := range w.received() {
		n[g.url+" "+g.id]++
	}
	return n
}

// hook is a webhook; n tells several apart.
func hook(n int) outgoingWebhook {
	return outgoingWebhook{
		dedup: fmt.Sprint("delivery-", n), integration: "key", provider: "acme", connection: "alice", verified: true,
		header: http.Header{"X-Acme-Event": {"push"}}, contentType: "application/json", payload: fmt.Appendf(nil, `{"n":%d}`, n),
	}
}

func (w *forwardWorld) forward(msgs ...outgoingWebhook) {
	w.t.Helper()
	if err := w.core.forward(w.t.Context(), msgs...); err != nil {
		w.t.Fatal(err)
	}
}

// messages are the rows that there are.
func (w *forwardWorld) messages() []message {
	w.t.Helper()
	all := []message{}
	for row, err := range w.core.rows(context.Background(), store.Query{Kind: kindForward}) {
		if err != nil {
			w.t.Fatal(err)
		}
		rec, err := record.ParseForward(row.Data)
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, message{row: row, rec: rec})
	}
	return all
}

func (w *forwardWorld) left(want int) {
	w.t.Helper()
	if n := len(w.messages()); n != want {
		w.t.Errorf("%d messages are in the Store, want %d", n, want)
	}
}

// sweep is one look at the Store by Run, and all that comes of it.
func (w *forwardWorld) sweep(c *Client) {
	w.t.Helper()
	r := runner{core: c.core, slots: make(chan struct{}, 1)}
	if err := r.forwardDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	r.drains.Wait()
	if err := c.core.tasks.wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// run runs a Client until the test ends, or the function is called.
func (w *forwardWorld) run(c *Client) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// settle waits for the attempts that are under way.
func (w *forwardWorld) settle() {
	w.t.Helper()
	if err := w.core.tasks.wait(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// connection makes "key"/"alice".
func (w *forwardWorld) connection(in ConnectionInput) {
	w.t.Helper()
	if _, err := w.Integrations.Create(w.t.Context(), Integration{Key: "key", Provider: "acme"}); err != nil {
		w.t.Fatal(err)
	}
	in.Credential = &APIKey{Key: NewSecret("canary-api-key")}
	if _, err := w.Connections.Import(w.t.Context(), "key", "alice", in); err != nil {
		w.t.Fatal(err)
	}
}

// verified checks a request as a receiver does.
func verified(g forwardGot, secret string, now time.Time) error {
	schemes, err := webhook.Schemes()
	if err != nil {
		return err
	}
	v, problems := webhook.Compile("standard-webhooks", schemes["standard-webhooks"])
	if len(problems) > 0 {
		return fmt.Errorf("the scheme: %v", problems)
	}
	d := webhook.Delivery{Method: http.MethodPost, URL: g.url, Header: g.header, Body: []byte(g.body)}
	result, err := v.Verify(context.Background(), d, webhook.Inputs{Secrets: []webhook.Secret{webhook.NewSecret(webhook.UseWebhook, "", secret)}, Now: now})
	if err == nil && (result.Status != webhook.Verified || !result.BodySigned) {
		err = fmt.Errorf("%s: %s", result.Status, result.Reason)
	}
	return err
}

func diff(t testing.TB, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
