package tieline

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

const introspectedKeys = `  token_url: https://api.example.com/token
  introspection: {url: https://api.example.com/introspect, auth: body}
  refresh: {introspect: true, default_expires_in: 7200}
  proxy: {base_url: https://api.example.com}
`

// The provider is asked how long a token lives before what its data assumes counts,
// and that counts if the provider does not say.
func TestIntrospectionBeforeDefault(t *testing.T) {
	t.Parallel()
	for mode, head := range map[AuthMode]string{
		ModeOAuth2CC: "  auth_mode: OAUTH2_CC\n  token_params: {grant_type: client_credentials}\n",
		ModeOAuth2:   "  auth_mode: OAUTH2\n  authorization_url: https://api.example.com/authorize\n",
	} {
		for answer, want := range map[string]time.Duration{
			`{"active":true,"exp":946686600}`: 30 * time.Minute, // half past midnight on 1 January 2000
			`{"active":true}`:                 2 * time.Hour,
			`{"error":"invalid_client"}`:      2 * time.Hour,
		} {
			t.Run(string(mode)+answer, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					began := time.Now()
					c := clientOf(t, &store.Memory{}, head+introspectedKeys, answering(func(r *http.Request, _ string) *http.Response {
						if r.URL.Path == "/introspect" {
							return jsonResponse(r, 200, answer)
						}
						return jsonResponse(r, 200, `{"access_token":"T"}`)
					}))
					cred, err := introspectedOf(t, c, mode)
					if err != nil || !cred.Expiry().Equal(began.Add(want)) {
						t.Errorf("%v; expires at %v, want %v", err, cred.Expiry(), began.Add(want))
					}
				})
			})
		}
	}
}

// introspectedOf is the credential of a connection after a token request.
func introspectedOf(t *testing.T, c *Client, mode AuthMode) (Credential, error) {
	t.Helper()
	ctx := t.Context()
	in := Integration{Key: "k", Provider: "acme"}
	var cred Credential = &ClientCredentials{ClientID: "id", ClientSecret: NewSecret("secret")}
	if mode == ModeOAuth2 {
		in.App = &OAuthApp{ClientID: "id", ClientSecret: NewSecret("secret")}
		cred = &OAuth2Token{AccessToken: NewSecret("old"), RefreshToken: NewSecret("R"), ExpiresAt: time.Now()}
	}
	if _, err := c.Integrations.Create(ctx, in); err != nil {
		t.Fatal(err)
	}
	create := c.Connections.Create
	if mode == ModeOAuth2 {
		create = c.Connections.Import
	}
	if _, err := create(ctx, "k", "alice", ConnectionInput{Credential: cred}); err != nil {
		t.Fatal(err)
	}
	return c.Connections.Credential(ctx, "k", "alice")
}
