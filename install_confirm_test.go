package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tieline/tieline/store"
)

const outboundEntry = `
acme:
  display_name: Acme
  docs: https://example.com
  auth_mode: OAUTH2
  installation: outbound
  token_url: https://acme.example.com/installs/${connectionConfig.installation.id}/token
  webhook_response_metadata: [installation.id]
  connection_config: {installation.id: {type: string, title: ID, automated: true}}
  confirm_installation: {url: 'https://acme.example.com/installs/${connectionConfig.installation.id}', method: PUT, data: {status: installed}}
  proxy: {base_url: 'https://api.example.com'}
`

// An installation is confirmed once there is a connection. What becomes of that is no
// part of the connection, and a failure is told all the same.
func TestInstallationIsConfirmed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name          string
		token, put    int
		puts, unheard int
		more          string // of the entry
	}{
		{"accepted", 200, 200, 1, 0, ""},
		{"refused", 200, 500, 1, 1, ""},
		{"redirected", 200, 302, 1, 1, ""},
		{"no token", 400, 200, 0, 0, ""},
		{"no connection", 200, 200, 0, 0, "  discovery: [{url: 'https://acme.example.com/me', values: {team: team.id}}]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var events []Event
			puts := 0
			c, err := New(Config{
				Store: &store.Memory{}, Keys: testKeys(t), Providers: ownCatalog(t, outboundEntry+tt.more), CallbackURL: quirkCallback,
				OnEvent: func(_ context.Context, e Event) { mu.Lock(); defer mu.Unlock(); events = append(events, e) },
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
			rt := answering(func(r *http.Request, body string) *http.Response {
				if r.Method != http.MethodPut {
					return jsonResponse(r, tt.token, `{"access_token":"AT","expires_in":3600}`)
				}
				puts++
				if _, err := c.Connections.Get(t.Context(), "key", "alice"); err != nil {
					t.Errorf("confirmed before there is a connection: %v", err)
				}
				if r.URL.Path != "/installs/7" || r.Header.Get("Authorization") != "Bearer AT" || body != `{"status":"installed"}` {
					t.Errorf("PUT %s with %q: %s", r.URL.Path, r.Header.Get("Authorization"), body)
				}
				return jsonResponse(r, tt.put, `{}`)
			})
			c.core.tokenHTTP, c.core.apiHTTP = rt, rt
			if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme", App: &OAuthApp{ClientID: "id", ClientSecret: NewSecret("secret")}}); err != nil {
				t.Fatal(err)
			}
			_, err = c.Connections.CompleteInstallation(t.Context(), "key", "alice", json.RawMessage(`{"code":"code-1","installation":{"id":7}}`), ConnectionInput{})
			if (err == nil) != (tt.puts > 0) {
				t.Errorf("complete: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			unheard := 0
			for _, e := range events {
				if e.Type == EventInstallationUnconfirmed {
					unheard++
					if e.Err == nil || strings.Contains(e.Err.Error(), "AT") || e.Connection != "alice" || e.Integration != "key" || errors.Is(e.Err, ErrTokenEndpoint) {
						t.Errorf("event %+v", e)
					}
				}
			}
			if puts != tt.puts || unheard != tt.unheard {
				t.Errorf("%d confirmations and %d events of failure, want %d and %d", puts, unheard, tt.puts, tt.unheard)
			}
		})
	}
}
