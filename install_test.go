package tieline

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
)

const customEntry = "  auth_mode: CUSTOM\n  authorization_url: '${connectionConfig.appPublicLink}/installations/new'\n" +
	"  token_url: {OAUTH2: https://hub.example.com/token, APP: 'https://api.example.com/app/installations/${connectionConfig.installation_id}/access_tokens'}\n" +
	"  connection_config: {appPublicLink: {type: string, title: Link, automated: true}, installation_id: {type: string, title: ID, automated: true}}\n" +
	"  proxy: {base_url: 'https://api.example.com'}\n"

// The user's token is renewed while an installation is being approved. The newest
// one stays, and not the one that was read before.
func TestInstallationKeepsTheNewestUserToken(t *testing.T) {
	t.Parallel()
	var c *Client
	keep := func(refresh string) {
		t.Helper()
		i, err := c.core.integration(context.Background(), "k")
		if err != nil {
			t.Fatal(err)
		}
		d, err := c.core.draft(context.Background(), i, "alice", ConnectionInput{})
		if err != nil {
			t.Fatal(err)
		}
		user := OAuth2Token{AccessToken: NewSecret("A" + refresh), RefreshToken: NewSecret(refresh)}
		if _, err := c.core.connect(context.Background(), d, Grant{Credential: &CustomToken{User: user}, IssuedAt: c.core.now()}); err != nil {
			t.Fatal(err)
		}
	}
	c = clientOf(t, &store.Memory{}, customEntry, answering(func(r *http.Request, _ string) *http.Response {
		if strings.HasSuffix(r.URL.Path, "/app/installations/7/access_tokens") {
			keep("r2") // as a refresh would that ends just now
			return jsonResponse(r, 201, `{"token":"APP"}`)
		}
		return jsonResponse(r, 404, `{}`)
	}))
	hub := GitHubApp{AppID: "1", AppLink: "https://hub.example.com/apps/x", PrivateKey: NewSecret(rsaPEM())}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: &CustomApp{OAuthApp: *app("id"), GitHubApp: hub}}); err != nil {
		t.Fatal(err)
	}
	keep("r1")
	if _, err := c.Connections.CompleteInstallation(t.Context(), "k", "alice", json.RawMessage(`{"installation":{"id":7}}`), ConnectionInput{}); err != nil {
		t.Fatal(err)
	}
	cred, err := c.Connections.Credential(t.Context(), "k", "alice")
	if err != nil {
		t.Fatal(err)
	}
	token := cred.(*CustomToken)
	if token.App.Token.Reveal() != "APP" || token.User.RefreshToken.Reveal() != "r2" {
		t.Errorf("application %q, user's refresh token %q", token.App.Token.Reveal(), token.User.RefreshToken.Reveal())
	}
}
