package httpapi

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tieline/tieline"
)

// connectProviders have one entry of each way to connect without a browser, all of
// them at the test's own API.
const connectProviders = `
oauth:
  display_name: OAuth
  docs: https://example.com
  auth_mode: OAUTH2
  authorization_url: @API@/authorize
  token_url: @API@/token
  proxy: {base_url: "@API@"}
app-id:
  display_name: Key with an app ID
  docs: https://example.com
  auth_mode: API_KEY
  connection_config:
    APP_ID: {type: string, title: App ID, description: The ID, optional: true}
    token_name: {type: string, title: Name, automated: true, optional: true, source: "token_response:name"}
    client_key: {type: string, title: Key, secret: true, optional: true}
  proxy: {base_url: "@API@", headers: {x-key: "${apiKey}"}, verification: {method: GET, endpoints: [/me]}}
secretive:
  display_name: Key of a client
  docs: https://example.com
  auth_mode: API_KEY
  connection_config:
    client_key: {type: string, title: Key, secret: true}
    region: {type: string, title: Region, optional: true}
  proxy: {base_url: "@API@", headers: {x-key: "${apiKey}", x-client: "${connectionConfig.client_key}"}, verification: {method: GET, endpoints: [/me]}}
basic:
  display_name: Basic
  docs: https://example.com
  auth_mode: BASIC
  proxy: {base_url: "@API@", verification: {method: GET, endpoints: [/me]}}
none:
  display_name: None
  docs: https://example.com
  auth_mode: NONE
  proxy: {base_url: "@API@"}
cc:
  display_name: Client
  docs: https://example.com
  auth_mode: OAUTH2_CC
  token_url: @API@/token
  token_params: {grant_type: client_credentials}
  proxy: {base_url: "@API@"}
tba:
  display_name: TBA
  docs: https://example.com
  auth_mode: TBA
  connection_config: {accountId: {type: string, title: A, pattern: '^[a-zA-Z0-9_-]+$'}}
  proxy: {base_url: "@API@", verification: {method: GET, endpoints: [/me]}}
two-step:
  display_name: Login
  docs: https://example.com
  auth_mode: TWO_STEP
  token_url: @API@/login
  token_params: {user: "${credentials.username}", pass: "${credentials.password}"}
  refresh_url: @API@/login
  refresh_token_params: {token: "${refresh_token}"}
  token_response: {token: data.token, token_expiration: data.ttl, token_expiration_strategy: expireIn, refresh_token: data.renew}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: "@API@"}
jwt:
  display_name: JWT
  docs: https://example.com
  auth_mode: JWT
  signature: {protocol: HMAC, hmac_secret_encoding: utf8}
  token: {signing_key: "${credentials.secretKey}", expires_in_ms: 300000, header: {alg: HS256, typ: JWT}, payload: {iss: "${credentials.username}"}}
  credentials: {username: {type: string, title: U}, secretKey: {type: string, title: P, secret: true}}
  proxy: {base_url: "@API@", verification: {method: GET, endpoints: [/me]}}
signature:
  display_name: Signature
  docs: https://example.com
  auth_mode: SIGNATURE
  signature: {protocol: WSSE}
  token: {expires_in_ms: 300000}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: "@API@", headers: {x-wsse: "${accessToken}"}, verification: {method: GET, endpoints: [/me]}}
bill:
  display_name: Bill
  docs: https://example.com
  auth_mode: BILL
  token_url: @API@/login
  proxy: {base_url: "@API@"}
aws:
  display_name: AWS
  docs: https://example.com
  auth_mode: AWS_SIGV4
  integration_config:
    service: {type: string, title: S}
    stsMode: {type: string, title: M}
    stsEndpointUrl: {type: string, title: E}
  credentials: {role_arn: {type: string, title: R}}
  proxy: {base_url: "@API@"}
app:
  display_name: App
  docs: https://example.com
  auth_mode: APP
  authorization_url: ${connectionConfig.appPublicLink}/installations/new
  token_url: @API@/installations/${connectionConfig.installation_id}/access_tokens
  connection_config: {appPublicLink: {type: string, title: L, automated: true}, installation_id: {type: string, title: I, automated: true}}
  proxy: {base_url: "@API@"}
`

// api plays the providers. What it answers can be changed while it runs.
type api struct {
	mu     sync.Mutex
	status int    // 0: 200
	body   string // "": what all of them understand
	calls  int
	last   http.Header
	during func() // before the answer
}

const goodAnswer = `{"access_token":"access-new","refresh_token":"refresh-new","expires_in":3600,"token":"installation-token","expires_at":"2100-01-01T00:00:00Z",
	"data":{"token":"login-token","ttl":3600,"renew":"login-renewal"},"sessionId":"bill-session","userId":"bill-user",
	"AccessKeyId":"AKIDNEW","SecretAccessKey":"aws-secret","SessionToken":"aws-session"}`

func (a *api) answers(status int, body string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.body = status, body
}

func (a *api) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

// header is one of the last request.
func (a *api) header(name string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.last.Get(name)
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	a.calls++
	a.last = r.Header
	status, body, during := a.status, a.body, a.during
	a.mu.Unlock()
	if during != nil {
		during()
	}
	if status == 0 {
		status = http.StatusOK
	}
	if body == "" {
		body = goodAnswer
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// connectWorld is a world with integrations of all these providers, by their names,
// and "github".
func connectWorld(t *testing.T, change ...func(*tieline.Config, *Options)) (*world, *api) {
	t.Helper()
	a := &api{}
	srv := httptest.NewTLSServer(a)
	t.Cleanup(srv.Close)
	w := newWorld(t, append([]func(*tieline.Config, *Options){func(cfg *tieline.Config, _ *Options) {
		catalog, problems := cfg.Providers.With(tieline.CatalogFile{Name: "connect.yaml", Data: []byte(strings.ReplaceAll(connectProviders, "@API@", srv.URL))})
		for _, p := range problems {
			if p.Severity == tieline.SeverityRejected {
				t.Fatal(p)
			}
		}
		cfg.Providers = catalog
		cfg.Outbound.Transport, _ = srv.Client().Transport.(*http.Transport)
	}}, change...)...)
	for _, name := range []string{"github", "oauth", "app-id", "secretive", "basic", "none", "cc", "two-step", "jwt", "signature", "bill"} {
		w.integration(name, name)
	}
	for _, in := range []tieline.Integration{
		{Key: "tba", Provider: "tba", App: &tieline.OAuthApp{ClientID: "consumer", ClientSecret: tieline.NewSecret("consumer-secret")}},
		{Key: "aws", Provider: "aws", Config: map[string]string{"service": "execute-api", "stsMode": "custom", "stsEndpointUrl": srv.URL}},
	} {
		if _, err := w.client.Integrations.Create(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	return w, a
}

// installable makes the integration "app".
func (w *world) installable() {
	w.t.Helper()
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		w.t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
	in := tieline.Integration{Key: "app", Provider: "app", App: &tieline.GitHubApp{AppID: "12", AppLink: "https://github.com/apps/x", PrivateKey: tieline.NewSecret(string(block))}}
	if _, err := w.client.Integrations.Create(w.t.Context(), in); err != nil {
		w.t.Fatal(err)
	}
}

// imported makes a connection through the Client.
func (w *world) imported(key, id string, in tieline.ConnectionInput) tieline.Connection {
	w.t.Helper()
	in.SkipVerification = true
	c, err := w.client.Connections.Import(w.t.Context(), key, id, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func key(s string) *tieline.APIKey { return &tieline.APIKey{Key: tieline.NewSecret(s)} }

// keyWith returns the header of a key that has these scopes.
func (w *world) keyWith(scopes ...string) string {
	w.t.Helper()
	_, secret, err := w.keys.Create(w.t.Context(), "some", scopes...)
	if err != nil {
		w.t.Fatal(err)
	}
	return "Bearer " + secret.Reveal()
}
