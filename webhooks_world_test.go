package tieline

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

const (
	hookPrefix = "https://app.example.com/hooks"
	hookSecret = "a-webhook-secret-of-the-tests"
)

// hookWorld is an application that takes in webhooks of the provider "acme", as the
// integration "key".
type hookWorld struct {
	*Client
	t       *testing.T
	now     time.Time
	log     *lockedBuffer
	got     []Webhook
	handler http.Handler
}

// newHookWorld makes one whose webhooks are those of a provider that is known,
// by the name in its entry: "slackWebhookRouting".
func newHookWorld(t *testing.T, entry string, s store.Store, out http.RoundTripper) *hookWorld {
	t.Helper()
	w := &hookWorld{t: t, now: time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC), log: &lockedBuffer{}}
	catalog, problems := LoadCatalog(CatalogFile{Name: "x.yaml", Data: []byte("acme:\n  display_name: Acme\n  docs: https://example.com\n" + oauthEntry + entry)})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	var err error
	w.Client, err = New(Config{
		Store: s, Keys: testKeys(t), Providers: catalog, WebhookURL: hookPrefix + "/",
		Now: func() time.Time { return w.now }, Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.core.apiHTTP, w.core.keySets.http = out, out
	t.Cleanup(func() { _ = w.Close(context.Background()) })
	w.handler = w.Integrations.WebhookHandler(WebhookOptions{Receive: w.receive})
	return w
}

// receive is an application that takes everything.
func (w *hookWorld) receive(_ context.Context, hook Webhook) (WebhookResponse, error) {
	w.got = append(w.got, hook)
	return WebhookResponse{}, nil
}

func (w *hookWorld) integration(change func(*Integration)) {
	w.t.Helper()
	in := Integration{
		Key: "key", Provider: "acme",
		App: &OAuthApp{ClientID: "client", ClientSecret: NewSecret("client-secret"), WebhookSecret: NewSecret(hookSecret)},
	}
	if change != nil {
		change(&in)
	}
	if _, err := w.Integrations.Create(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

func (w *hookWorld) connection(id string, in ConnectionInput) {
	w.t.Helper()
	in.Credential = &OAuth2Token{AccessToken: NewSecret("access-" + id)}
	if _, err := w.Connections.Import(w.t.Context(), "key", id, in); err != nil {
		w.t.Fatal(err)
	}
}

// post delivers to the integration "key", with headers as pairs.
func (w *hookWorld) post(query, body string, headers ...string) *httptest.ResponseRecorder {
	return w.send(http.MethodPost, "/anywhere/key"+query, body, headers...)
}

func (w *hookWorld) send(method, target, body string, headers ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

// only is the one webhook that the application got since the last look.
func (w *hookWorld) only() Webhook {
	w.t.Helper()
	if len(w.got) != 1 {
		w.t.Fatalf("the application got %d webhooks", len(w.got))
	}
	hook := w.got[0]
	w.got = nil
	return hook
}

func (w *hookWorld) ids(hook Webhook) string {
	var ids []string
	for _, c := range hook.Connections {
		ids = append(ids, c.ID)
	}
	return strings.Join(sorted(ids), " ")
}

func hookMAC(secret, text string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(text))
	return hex.EncodeToString(m.Sum(nil))
}

// slackHeaders sign a body as Slack does.
func (w *hookWorld) slackHeaders(secret, body string, at time.Time) []string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	return []string{"X-Slack-Request-Timestamp", seconds, "X-Slack-Signature", "v0=" + hookMAC(secret, "v0:"+seconds+":"+body)}
}
