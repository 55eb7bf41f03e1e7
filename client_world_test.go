package tieline

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

// told is what a scripted API says to one request: an error of the network, or
// an answer.
type told struct {
	err    error
	status int // 0: 200
	header string
	body   string
}

// apiGot is a request as the API got it.
type apiGot struct {
	at                      time.Duration // since the world began
	method, url, auth, body string
}

// apiWorld is a connection with the key "k3y" to an API that answers in turn, the
// last answer for ever.
type apiWorld struct {
	*Client
	t       testing.TB
	began   time.Time
	answers []told
	serve   func(r *http.Request, body string) told // in place of answers

	mu     sync.Mutex
	sent   []apiGot
	bodies []*trackedBody
}

// newAPIWorld makes one; proxy are keys below proxy of the provider's entry.
func newAPIWorld(t testing.TB, proxy string, answers ...told) *apiWorld {
	t.Helper()
	w := &apiWorld{t: t, began: time.Now(), answers: answers}
	entry := "api:\n  display_name: API\n  docs: https://example.com\n  auth_mode: API_KEY\n  proxy:\n    base_url: https://api.example.com/v1\n"
	if !strings.Contains(proxy, "query:") {
		proxy = "headers: {authorization: 'Bearer ${apiKey}'}\n" + proxy
	}
	for line := range strings.Lines(proxy) {
		entry += "    " + line
	}
	catalog, problems := LoadCatalog(CatalogFile{Name: "api.yaml", Data: []byte(entry)})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	w.open(catalog, "api", &APIKey{Key: NewSecret("k3y")}, nil)
	return w
}

// open connects to a provider of a catalog, as "api"/"alice".
func (w *apiWorld) open(catalog *Catalog, provider string, cred Credential, app AppCredential) {
	w.t.Helper()
	w.connectTo(catalog, provider, ConnectionInput{Credential: cred}, app)
}

func (w *apiWorld) connectTo(catalog *Catalog, provider string, in ConnectionInput, app AppCredential) {
	w.t.Helper()
	c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(w.t), Providers: catalog})
	if err != nil {
		w.t.Fatal(err)
	}
	c.core.jitter = func(time.Duration) time.Duration { return 0 }
	c.core.apiHTTP = answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 200, `{}`) })
	if _, err := c.Integrations.Create(w.t.Context(), Integration{Key: "api", Provider: provider, App: app}); err != nil {
		w.t.Fatal(err)
	}
	if _, err := c.Connections.Import(w.t.Context(), "api", "alice", in); err != nil {
		w.t.Fatal(err)
	}
	c.core.apiHTTP = w
	w.Client = c
}

// RoundTrip is the API.
func (w *apiWorld) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		_ = r.Body.Close()
	}
	w.mu.Lock()
	a := told{}
	if len(w.answers) > 0 {
		a = w.answers[min(len(w.sent), len(w.answers)-1)]
	}
	w.sent = append(w.sent, apiGot{time.Since(w.began), r.Method, r.URL.String(), r.Header.Get("Authorization"), string(body)})
	w.mu.Unlock()
	if w.serve != nil {
		a = w.serve(r, string(body))
	}
	if a.err != nil {
		return nil, a.err
	}
	if a.status == 0 {
		a.status = http.StatusOK
	}
	resp := jsonResponse(r, a.status, a.body)
	for line := range strings.SplitSeq(a.header, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			resp.Header.Add(name, value)
		}
	}
	tracked := &trackedBody{Reader: bytes.NewReader([]byte(a.body))}
	resp.Body = tracked
	w.mu.Lock()
	w.bodies = append(w.bodies, tracked)
	w.mu.Unlock()
	return resp, nil
}

// trackedBody knows whether it was closed, and how much of it is unread.
type trackedBody struct {
	*bytes.Reader
	closed bool
}

func (b *trackedBody) Close() error {
	b.closed = true
	return nil
}

// waits are the times between the requests so far.
func (w *apiWorld) waits() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	waits := []time.Duration{}
	for i := 1; i < len(w.sent); i++ {
		waits = append(waits, w.sent[i].at-w.sent[i-1].at)
	}
	return waits
}

// urls are where the requests so far went.
func (w *apiWorld) urls() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var urls []string
	for _, s := range w.sent {
		urls = append(urls, s.url)
	}
	return urls
}

func (w *apiWorld) client(o ClientOptions) *http.Client {
	return w.Connections.HTTPClientWith("api", "alice", o)
}

func diffWaits(t testing.TB, w *apiWorld, want ...time.Duration) {
	t.Helper()
	if want == nil {
		want = []time.Duration{}
	}
	if diff := cmp.Diff(want, w.waits()); diff != "" {
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}
