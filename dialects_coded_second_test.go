package tieline

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

// sharePointAsks is what is sent beside the client's ID and secret.
var sharePointAsks = []string{
	"POST login.microsoftonline.com/common/oauth2/v2.0/token authorization_code c ",
	"GET graph.microsoft.com/v1.0/sites/root siteCollection",
	"POST login.microsoftonline.com/common/oauth2/v2.0/token refresh_token r1 https://acme.sharepoint.com/.default offline_access",
	"POST login.microsoftonline.com/common/oauth2/v2.0/token refresh_token r2 ",
	"POST login.microsoftonline.com/common/oauth2/v2.0/token refresh_token r3 https://acme.sharepoint.com/.default offline_access",
}

// SharePoint takes a token of its own, which is had with the same refresh token. The
// newest refresh token is always the one that is used.
func TestCodedSharePoint(t *testing.T) {
	t.Parallel()
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, provider := range []string{"one-drive", "sharepoint-online"} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { sharePoint(t, catalog, provider) })
		})
	}
}

func sharePoint(t *testing.T, catalog *Catalog, provider string) {
	c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog, CallbackURL: testCallback})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	n, asked := 0, []string(nil)
	out := answering(func(r *http.Request, body string) *http.Response {
		if body == "" {
			asked = append(asked, "GET "+r.URL.Host+r.URL.Path+" "+r.URL.Query().Get("$select"))
			return jsonResponse(r, 200, `{"siteCollection":{"hostname":"acme.sharepoint.com"}}`)
		}
		form, err := url.ParseQuery(body)
		if err != nil {
			t.Error(err)
		}
		asked = append(asked, "POST "+r.URL.Host+r.URL.Path+" "+form.Get("grant_type")+" "+form.Get("code")+form.Get("refresh_token")+" "+form.Get("scope"))
		n++
		return jsonResponse(r, 200, fmt.Sprintf(`{"token_type":"Bearer","access_token":"a%d","refresh_token":"r%d","expires_in":3600}`, n, n))
	})
	c.core.tokenHTTP, c.core.apiHTTP = out, out
	app := &OAuthApp{ClientID: "id", ClientSecret: NewSecret("secret")}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: provider, App: app}); err != nil {
		t.Fatal(err)
	}
	reconnect(t, c)
	time.Sleep(2 * time.Hour)
	cred, err := c.Connections.Credential(t.Context(), "key", "alice")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if diff := cmp.Diff(sharePointAsks, asked); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	token := cred.(*OAuth2Token)
	if got := token.AccessToken.Reveal() + " " + token.Tokens["sharepoint"].AccessToken.Reveal(); got != "a3 a4" {
		t.Errorf("tokens %s, want a3 a4", got)
	}
	if got := storedConnection(t, c).cred.(*OAuth2Token).RefreshToken.Reveal(); got != "r4" {
		t.Errorf("stored is %s, want r4", got)
	}
}
