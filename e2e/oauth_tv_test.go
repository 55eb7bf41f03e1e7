package e2e

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// tvFile is a provider of the device authorization grant.
const tvFile = `
tv:
  display_name: TV
  categories: [dev-tools]
  docs: SERVER/
  auth_mode: OAUTH2
  authorization_url: SERVER/authorize
  device_authorization_url: SERVER/device_authorization
  token_url: SERVER/oauth/token
  client_auth: basic
  default_scopes: [openid, profile, offline_access]
  scope_separator: " "
  refresh:
    grant: refresh_token
    rotation: always
  revocation:
    url: SERVER/revoke
  proxy:
    base_url: SERVER
`

const (
	// tvTokenLife is how long the access tokens of the library's store live.
	tvTokenLife = 5 * time.Minute
	// tvUser is a user whom that store knows from the start.
	tvUser = "id1"
)

// tv is a server of github.com/zitadel/oidc, with the store of its example, and an
// application that has no browser.
type tv struct {
	*app
	store        *storage.Storage
	url          string
	clientID     string
	clientSecret string

	mu     sync.Mutex
	grants map[string]int // requests to the token endpoint, by grant type
	polled chan struct{}  // gets something after a request with a device code
}

// tvStore lets the client refresh, which the example's device client may not.
type tvStore struct{ *storage.Storage }

type tvClient struct{ op.Client }

// GrantTypes implements [op.Client].
func (c tvClient) GrantTypes() []oidc.GrantType {
	return append(c.Client.GrantTypes(), oidc.GrantTypeRefreshToken)
}

// GetClientByClientID implements [op.Storage].
func (s tvStore) GetClientByClientID(ctx context.Context, id string) (op.Client, error) {
	c, err := s.Storage.GetClientByClientID(ctx, id)
	if err != nil {
		return nil, err
	}
	return tvClient{c}, nil
}

// CreateAccessAndRefreshTokens implements [op.Storage]. The example does not note
// whose refresh token it is when it is given for a device code.
func (s tvStore) CreateAccessAndRefreshTokens(ctx context.Context, req op.TokenRequest, current string) (access, refresh string, expires time.Time, err error) {
	if d, ok := req.(*op.DeviceAuthorizationState); ok {
		req = storage.RefreshTokenRequestFromBusiness(&storage.RefreshToken{
			ApplicationID: d.ClientID, UserID: d.Subject, Scopes: d.Scopes, Audience: d.GetAudience(),
		})
	}
	return s.Storage.CreateAccessAndRefreshTokens(ctx, req, current)
}

func newTV(t *testing.T) *tv {
	t.Helper()
	d := &tv{clientID: "tv:" + rand.Text(), clientSecret: "%41+/ :&=?" + rand.Text(), grants: map[string]int{}, polled: make(chan struct{}, 1)}
	web := httptest.NewUnstartedServer(nil)
	t.Cleanup(web.Close)
	d.url = "http://" + web.Listener.Addr().String()
	d.store = storage.NewStorageWithClients(storage.NewUserStore(d.url), map[string]*storage.Client{
		d.clientID: storage.DeviceClient(d.clientID, d.clientSecret),
	})
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: sha256.Sum256([]byte(rand.Text())), GrantTypeRefreshToken: true,
		DeviceAuthorization: op.DeviceAuthorizationConfig{
			Lifetime: 10 * time.Minute, PollInterval: time.Second, UserFormPath: "/device", UserCode: op.UserCodeBase20,
		},
	}, tvStore{d.store}, op.StaticIssuer(d.url), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	web.Config.Handler = d.watch(provider)
	web.Start()
	d.app = newApp(t, tvFile, d.url, nil)
	d.setSecret(d.clientSecret)
	return d
}

// setSecret gives the integration a client secret.
func (d *tv) setSecret(secret string) {
	d.t.Helper()
	creds := &tieline.OAuthApp{ClientID: d.clientID, ClientSecret: tieline.NewSecret(secret)}
	if _, err := d.Integrations.Get(d.t.Context(), integration); err != nil {
		d.integrate("tv", creds)
		return
	}
	_, err := d.Integrations.Update(d.t.Context(), integration, func(i *tieline.Integration) error {
		i.App = creds
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
}

// watch counts what comes to the token endpoint.
func (d *tv) watch(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/oauth/token" || r.ParseForm() != nil {
			next.ServeHTTP(w, r)
			return
		}
		grant := r.PostForm.Get("grant_type")
		next.ServeHTTP(w, r)
		d.mu.Lock()
		d.grants[grant]++
		d.mu.Unlock()
		if grant == string(oidc.GrantTypeDeviceCode) {
			select {
			case d.polled <- struct{}{}:
			default:
			}
		}
	})
}

func (d *tv) seen(grant oidc.GrantType) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.grants[string(grant)]
}

// begin shows the user a code.
func (d *tv) begin() *tieline.DeviceAuthorization {
	d.t.Helper()
	a, err := d.Connections.AuthorizeDevice(d.t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

// must is for the steps that the user takes at the server.
func (d *tv) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}
