package tieline

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

const teamProvider = `  auth_mode: OAUTH2
  authorization_url: https://team.example.com/authorize
  token_url: https://team.example.com/token
  refresh: {grant: refresh_token, rotation: always}
  additional_tokens:
    - name: user
      response_fields: {access_token: user.access_token, refresh_token: user.refresh_token, expires_in: user.expires_in}
    - name: files
      refresh: {url: "https://files.example.com/token", params: {scope: files}}
      optional: true
  proxy:
    base_url: https://team.example.com/api
    headers: {x-user: "${tokens.user}", x-files: "${tokens.files}"}
`

// team gives a bot's and a user's token in one answer, and a third at another
// endpoint.
type team struct {
	n     int
	dead  string // an endpoint's host and user that fails: "user", "files.example.com"
	forms []url.Values
	seen  []http.Header
}

func (p *team) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		p.seen = append(p.seen, r.Header)
		return jsonResponse(r, 200, `{}`), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	p.n++
	p.forms = append(p.forms, form)
	who := "bot"
	switch {
	case r.URL.Host == "files.example.com":
		who = "files"
	case form.Get("grant_type") == "authorization_code":
		return jsonResponse(r, 200, `{"access_token":"bot-0","refresh_token":"bot-r0","expires_in":3600,
			"user":{"access_token":"user-0","refresh_token":"user-r0","expires_in":1800}}`), nil
	case form.Get("refresh_token")[:4] == "user":
		who = "user"
	}
	if who == p.dead {
		return jsonResponse(r, 400, `{"error":"invalid_grant"}`), nil
	}
	return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"%s-%d","refresh_token":"%s-r%d","expires_in":3600}`, who, p.n, who, p.n)), nil
}

func newTeamClient(t *testing.T, p *team) *Client {
	t.Helper()
	c := clientOf(t, &store.Memory{}, teamProvider, p)
	signIn(t, c)
	return c
}

func teamTokens(t *testing.T, c *Client) string {
	t.Helper()
	cred, err := c.Connections.Credential(t.Context(), "key", "alice")
	if err != nil {
		t.Fatal(err)
	}
	token := cred.(*OAuth2Token)
	user, files := token.Tokens["user"], token.Tokens["files"]
	return fmt.Sprint(token.AccessToken.Reveal(), " ", user.AccessToken.Reveal(), "/", user.RefreshToken.Reveal(), " ", files.AccessToken.Reveal())
}

// Several tokens of one grant are kept, used, and renewed together, when the first
// of them expires.
func TestSeveralTokens(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &team{}
		c := newTeamClient(t, p)
		if got := teamTokens(t, c); got != "bot-0 user-0/user-r0 files-2" {
			t.Errorf("after connecting: %s", got)
		}
		if f := p.forms[1]; f.Get("scope") != "files" || f.Get("refresh_token") != "bot-r0" {
			t.Errorf("the third token was asked for with %v", f)
		}
		resp, err := c.Connections.HTTPClient("key", "alice").Get("/x")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if h := p.seen[0]; h.Get("X-User") != "user-0" || h.Get("X-Files") != "files-2" || h.Get("Authorization") != "Bearer bot-0" {
			t.Errorf("the API got %v", h)
		}
		time.Sleep(31 * time.Minute) // the user's token has expired, the bot's has not
		if got := teamTokens(t, c); got != "bot-3 user-4/user-r4 files-5" {
			t.Errorf("after the refresh: %s", got)
		}
	})
}

// A token that cannot be renewed does not cost the others.
func TestOneOfSeveralTokensFails(t *testing.T) {
	t.Parallel()
	for _, dead := range []string{"user", "files"} {
		t.Run(dead, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &team{dead: dead}
				c := newTeamClient(t, p)
				time.Sleep(31 * time.Minute)
				want := map[string]string{"user": "bot-3 user-0/user-r0 files-5", "files": "bot-3 user-4/user-r4 "}[dead]
				if got := teamTokens(t, c); got != want {
					t.Errorf("after the refresh: %s, want %s", got, want)
				}
				n := p.n
				time.Sleep(10 * time.Minute)
				if teamTokens(t, c); p.n != n {
					t.Errorf("the provider was asked %d times more", p.n-n)
				}
			})
		})
	}
}

// What was granted counts before what the application asks for.
func TestTokenGrantedScopes(t *testing.T) {
	t.Parallel()
	s := &Subject{app: &OAuthApp{Scopes: []string{"a", "b"}}}
	if got := s.grantedScopes(&OAuth2Token{Scopes: []string{"a"}}); !slices.Equal(got, []string{"a"}) {
		t.Errorf("granted a, and %q is asked for again", got)
	}
	if got := s.grantedScopes(&OAuth2Token{}); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("granted what was asked for, and %q is asked for again", got)
	}
}
