package tieline

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

const exchangeProvider = `  auth_mode: OAUTH2
  authorization_url: https://acme.example.com/authorize
  token_url: https://acme.example.com/token
  refresh: {grant: refresh_token, rotation: always, then: true}
  then:
    - url: https://sts.example.com/token
      params:
        grant_type: urn:ietf:params:oauth:grant-type:token-exchange
        subject_token: ${accessToken}
        subject_token_type: urn:ietf:params:oauth:token-type:access_token
        audience: https://api.example.com
  proxy: {base_url: https://api.example.com}
`

// A provider whose API takes tokens of another server gets them by token exchange
// (RFC 8693 section 2.1), after the first grant and after each refresh. While the
// other server is asked, the new refresh token is in the Store.
func TestTokenExchange(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c *Client
		n, down, exchanges := 0, false, []url.Values(nil)
		c = clientOf(t, &store.Memory{}, exchangeProvider, answering(func(r *http.Request, body string) *http.Response {
			if r.URL.Host == "acme.example.com" {
				n++
				return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"login-%d","refresh_token":"refresh-%d","expires_in":60}`, n, n))
			}
			if n > 1 {
				if got := storedConnection(t, c).cred.(*OAuth2Token).RefreshToken.Reveal(); got != fmt.Sprint("refresh-", n) {
					t.Errorf("%s is stored while the token is exchanged, want that of answer %d", got, n)
				}
			}
			if down {
				return jsonResponse(r, 503, `{}`)
			}
			form, err := url.ParseQuery(body)
			if err != nil {
				t.Error(err)
			}
			exchanges = append(exchanges, form)
			return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"api-%d","issued_token_type":"urn:ietf:params:oauth:token-type:access_token","token_type":"Bearer","expires_in":3600}`, n))
		}))
		signIn(t, c)
		access := func() string {
			t.Helper()
			cred, err := c.Connections.Credential(t.Context(), "key", "alice")
			if err != nil {
				return err.Error()
			}
			return cred.(*OAuth2Token).AccessToken.Reveal()
		}
		if got := access(); got != "api-1" {
			t.Errorf("connected with %s", got)
		}
		time.Sleep(2 * time.Hour)
		if got := access(); got != "api-2" {
			t.Errorf("refreshed to %s", got)
		}
		down = true
		time.Sleep(2 * time.Hour)
		_ = access()
		down = false
		time.Sleep(time.Hour)
		if got := access(); got != "api-4" {
			t.Errorf("after the other server failed: %s", got)
		}
		want := url.Values{
			"grant_type":         {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"subject_token":      {"login-1"},
			"subject_token_type": {"urn:ietf:params:oauth:token-type:access_token"},
			"audience":           {"https://api.example.com"},
		}
		if diff := cmp.Diff(want, exchanges[0]); diff != "" {
			t.Errorf("exchange (-want +got):\n%s", diff)
		}
	})
}
