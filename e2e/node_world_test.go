package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// nodeWorld is what the Node program meets: the server, two providers, and this test,
// which it asks to do what only they or an end user can do.
type nodeWorld struct {
	t        *testing.T
	server   *serverProcess
	log      buffer               // of the server
	provider *providertest.Server // OAuth 2.0
	echo     *httptest.Server     // an API that tells what it receives
	test     *httptest.Server
}

// nodeProviders are an API that is called, one that sends webhooks, one of OAuth 1.0, and
// the API that functions of examples/server call.
const nodeProviders = `
echo:
  display_name: Echo
  docs: https://example.com
  auth_mode: API_KEY
  proxy: {base_url: %[1]q, headers: {x-key: '${apiKey}'}}
github:
  display_name: GitHub
  docs: https://example.com
  auth_mode: API_KEY
  proxy: {base_url: %[1]q, headers: {authorization: 'Bearer ${apiKey}'}}
chat:
  display_name: Chat
  docs: https://example.com
  auth_mode: OAUTH2
  authorization_url: https://example.com/authorize
  token_url: https://example.com/token
  webhook_routing_script: slackWebhookRouting
one:
  display_name: One
  docs: https://example.com
  auth_mode: OAUTH1
  request_url: https://example.com/request
  authorization_url: https://example.com/authorize
  token_url: https://example.com/token
`

func newNodeWorld(t *testing.T) *nodeWorld {
	w := &nodeWorld{t: t, provider: providertest.New(t, providertest.Options{AnyLoopbackRedirect: true, TokenLifetime: time.Hour})}
	w.echo = httptest.NewServer(&echo{tries: map[string]int{}})
	w.test = httptest.NewServer(http.HandlerFunc(w.serve))
	t.Cleanup(w.echo.Close)
	t.Cleanup(w.test.Close)
	w.server = startServer(t, string(w.provider.ProvidersYAML())+fmt.Sprintf(nodeProviders, w.echo.URL), &w.log)
	return w
}

func (w *nodeWorld) environment() []string {
	app := w.provider.Credentials()
	return []string{
		"TIELINE_URL=" + w.server.url, "TIELINE_KEY=" + serverKey, "TIELINE_TEST=" + w.test.URL,
		"TIELINE_CLIENT_ID=" + app.ClientID, "TIELINE_CLIENT_SECRET=" + app.ClientSecret,
	}
}

// serve does what the program asks for.
func (w *nodeWorld) serve(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	answer := map[string]any{}
	switch {
	case err != nil:
	case r.URL.Path == "/consent": // an end user who is asked by the provider
		callback, redirect, failed := w.provider.Authorize(r.Context(), string(body))
		answer["callback"], err = redirect+"?"+callback.Encode(), failed
	case r.URL.Path == "/stats":
		answer["refreshes"] = w.provider.Stats().Refreshes
	case r.URL.Path == "/revoke":
		w.provider.RevokeAll()
	case r.URL.Path == "/hosts":
		answer["base"], answer["elsewhere"] = w.echo.URL, w.test.URL
	case r.URL.Path == "/forwarded":
		answer, err = forwarded(r)
	default:
		err = fmt.Errorf("%s is unknown", r.URL.Path)
	}
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(rw).Encode(answer) // the program notices
}

// forwarded is a message of a Client, as its receiver gets it, and the key that it is
// signed with.
func forwarded(r *http.Request) (map[string]any, error) {
	const key = "a-key-for-signing-what-is-forwarded"
	got := make(chan map[string]any, 1)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		headers := map[string]string{}
		for name := range r.Header {
			headers[name] = r.Header.Get(name)
		}
		got <- map[string]any{"body": string(body), "headers": headers, "key": key}
	}))
	defer receiver.Close()
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		return nil, err
	}
	catalog, _ := tieline.LoadCatalog(tieline.CatalogFile{Name: "node.yaml", Data: fmt.Appendf(nil, nodeProviders, "https://example.com")})
	client, err := tieline.New(tieline.Config{
		Store: &store.Memory{}, Keys: keys, Providers: catalog,
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		Forward:  tieline.Forward{URLs: []string{receiver.URL}, Secrets: []tieline.Secret{tieline.NewForwardSecret()}, NangoKey: tieline.NewSecret(key)},
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close(r.Context()) }()
	if _, err := client.Integrations.Create(r.Context(), tieline.Integration{Key: "e", Provider: "echo"}); err != nil {
		return nil, err
	}
	input := tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("key")}, Tags: map[string]string{"name": "Zoë <z>"}}
	if _, err := client.Connections.Import(r.Context(), "e", "a b", input); err != nil {
		return nil, err
	}
	select {
	case message := <-got:
		return message, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// echo answers with what it has received.
type echo struct {
	mu    sync.Mutex
	tries map[string]int
}

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, argument, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	status, _ := strconv.Atoi(argument)
	body, _ := io.ReadAll(r.Body)
	answer := any(map[string]any{"method": r.Method, "uri": r.RequestURI, "headers": r.Header, "body": string(body)})
	switch kind {
	case "bytes":
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write([]byte{0, 255, 128, 10})
		return
	case "flaky": // twice not, then well
		e.mu.Lock()
		e.tries[argument]++
		tries := e.tries[argument]
		e.mu.Unlock()
		answer = map[string]int{"tries": tries}
		if tries > 2 {
			status = http.StatusOK
		}
	case "status":
		answer = map[string]int{"status": status}
	case "user":
		status, answer = http.StatusOK, map[string]string{"login": r.Header.Get("Authorization"), "name": "Alice"}
	case "repos":
		status, answer = http.StatusCreated, map[string]any{"number": len(body), "html_url": "https://example.com" + r.URL.EscapedPath()}
		if strings.HasPrefix(argument, "none/") {
			status, answer = http.StatusNotFound, map[string]string{"message": "Not Found"}
		}
	default:
		status = http.StatusOK
	}
	w.Header().Set("X-From", "echo")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}
