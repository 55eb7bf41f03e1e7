package tieline

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

const ownHeadersEntry = `  auth_mode: OAUTH2_CC
  token_url: https://api.example.com/token
  token_params: {grant_type: client_credentials}
  proxy: {base_url: https://api.example.com, headers: {x-version: "1"}}
  discovery:
    - {url: /plain, values: {plain: id}}
    - {url: /own, headers: {authorization: "OAuth ${accessToken}", x-version: "2"}, values: {own: id}}
  verify: [{url: /verify, headers: {authorization: "OAuth ${accessToken}", x-version: "2"}}]
  uninstall: {url: /uninstall, headers: {authorization: "OAuth ${accessToken}", x-version: "2"}}
`

// The headers of a call around a connection win over those of every call, the one
// with the credential among them: some providers want it otherwise at one place.
func TestHeadersOfACall(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	c := clientOf(t, &store.Memory{}, ownHeadersEntry, answering(func(r *http.Request, _ string) *http.Response {
		got[r.URL.Path] = r.Header.Get("Authorization") + " " + r.Header.Get("X-Version")
		return jsonResponse(r, 200, `{"access_token":"T","expires_in":3600,"id":"7"}`)
	}))
	ctx := t.Context()
	if _, err := c.Integrations.Create(ctx, Integration{Key: "k", Provider: "acme"}); err != nil {
		t.Fatal(err)
	}
	in := ConnectionInput{Credential: &ClientCredentials{ClientID: "id", ClientSecret: NewSecret("secret")}}
	if _, err := c.Connections.Create(ctx, "k", "alice", in); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connections.Verify(ctx, "k", "alice"); err != nil {
		t.Fatal(err)
	}
	if err := c.Connections.Delete(ctx, "k", "alice", DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	delete(got, "/token")
	want := map[string]string{"/plain": "Bearer T 1", "/own": "OAuth T 2", "/verify": "OAuth T 2", "/uninstall": "OAuth T 2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
