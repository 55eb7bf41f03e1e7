package tieline

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

const retoldProvider = `  auth_mode: OAUTH2
  authorization_url: https://acme.example.com/authorize
  token_url: https://acme.example.com/token
  refresh: {grant: refresh_token, rotation: always}
  discovery:
    - {from: token_response, values: {team: team.id}, on_refresh: true}
    - {url: /me, values: {plan: plan}, on_refresh: true}
    - {url: "/teams/${connectionConfig.team}", values: {name: name}, on_refresh: true}
    - {url: /once, values: {once: value}}
  proxy: {base_url: https://acme.example.com/api}
`

// retold is a provider whose account changes with every token.
type retold struct {
	n      int // of tokens
	frozen bool
	before func(path string) *http.Response // of a call to the API; nil: answered as usual
	calls  []string
}

func (p *retold) client(t *testing.T) *Client {
	t.Helper()
	return clientOf(t, &store.Memory{}, retoldProvider, answering(func(r *http.Request, body string) *http.Response {
		path := strings.TrimPrefix(r.URL.Path, "/api")
		if body != "" {
			p.n++
			return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"refresh-%d","expires_in":3600,"team":{"id":"t%d"}}`, p.n, p.n, p.version()))
		}
		p.calls = append(p.calls, path)
		if p.before != nil {
			if resp := p.before(path); resp != nil {
				resp.Request = r
				return resp
			}
		}
		return jsonResponse(r, 200, fmt.Sprintf(`{"plan":"p%d","name":"n%d of %s","value":"v%d"}`, p.version(), p.version(), path, p.version()))
	}))
}

func (p *retold) version() int {
	if p.frozen {
		return 1
	}
	return p.n
}

// What a provider's data wants to be known after each refresh is: what the answer
// says together with the token, and the rest once the token is stored.
func TestLookUpAfterRefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &retold{}
		c := p.client(t)
		signIn(t, c)
		want := map[string]string{"team": "t1", "plan": "p1", "name": "n1 of /teams/t1", "once": "v1"}
		if diff := cmp.Diff(want, storedConnection(t, c).captured); diff != "" {
			t.Fatalf("connected (-want +got):\n%s", diff)
		}
		time.Sleep(2 * time.Hour)
		p.calls = nil
		p.before = func(path string) *http.Response {
			got := storedConnection(t, c)
			if access, _ := got.cred.field("accessToken"); access != "access-2" || got.captured["team"] != "t2" {
				t.Errorf("%s is asked for while stored are %s and %s", path, access, got.captured["team"])
			}
			return nil
		}
		if _, err := c.Connections.Credential(t.Context(), "key", "alice"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		want = map[string]string{"team": "t2", "plan": "p2", "name": "n2 of /teams/t2", "once": "v1"}
		if diff := cmp.Diff(want, storedConnection(t, c).captured); diff != "" {
			t.Errorf("refreshed (-want +got):\n%s", diff)
		}
		if want := []string{"/me", "/teams/t2"}; !slices.Equal(p.calls, want) {
			t.Errorf("calls %q, want %q", p.calls, want)
		}
	})
}

// A look-up that fails, and one that never ends, cost neither the token nor what
// was known.
func TestLookUpAfterRefreshFails(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() *http.Response{
		"status":   func() *http.Response { return jsonResponse(nil, 500, `{}`) },
		"HTML":     func() *http.Response { return jsonResponse(nil, 200, `<html>`) },
		"too late": func() *http.Response { time.Sleep(time.Hour); return jsonResponse(nil, 500, `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := &retold{}
				c := p.client(t)
				signIn(t, c)
				time.Sleep(2 * time.Hour)
				p.before = func(path string) *http.Response {
					if path == "/me" {
						return fail()
					}
					return nil
				}
				cred, err := c.Connections.Credential(t.Context(), "key", "alice")
				if access, _ := cred.field("accessToken"); err != nil || access != "access-2" {
					t.Fatalf("Credential = %s, %v", access, err)
				}
				time.Sleep(2 * time.Hour)
				got := storedConnection(t, c)
				if access, _ := got.cred.field("accessToken"); access != "access-2" || got.captured["plan"] != "p1" || got.captured["team"] != "t2" {
					t.Errorf("stored are %s and %v", access, got.captured)
				}
				if h := c.Health(); h.Err() != nil {
					t.Errorf("health: %v", h.Err())
				}
			})
		})
	}
}

// Nothing is written when nothing has changed.
func TestLookUpAfterRefreshFindsTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &retold{frozen: true}
		c := p.client(t)
		signIn(t, c)
		time.Sleep(2 * time.Hour)
		version := func() int64 {
			s, err := c.core.findConnection(t.Context(), "key", "alice")
			if err != nil {
				t.Fatal(err)
			}
			return s.row.Version
		}
		stored := int64(0)
		p.before = func(string) *http.Response { stored = version(); return nil }
		if _, err := c.Connections.Credential(t.Context(), "key", "alice"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := version(); stored == 0 || got != stored {
			t.Errorf("version %d before the look-up, %d after", stored, got)
		}
	})
}

// The user connects another account while the old one is looked up: what is found
// belongs to the old one, and is dropped.
func TestLookUpAfterRefreshGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &retold{}
		c := p.client(t)
		signIn(t, c)
		time.Sleep(2 * time.Hour)
		p.before = func(path string) *http.Response {
			p.before = nil
			reconnect(t, c)
			return jsonResponse(nil, 200, `{"plan":"of the old account"}`)
		}
		if _, err := c.Connections.Credential(t.Context(), "key", "alice"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		want := map[string]string{"team": "t3", "plan": "p3", "name": "n3 of /teams/t3", "once": "v3"}
		if diff := cmp.Diff(want, storedConnection(t, c).captured); diff != "" {
			t.Errorf("reconnected (-want +got):\n%s", diff)
		}
	})
}

// Values of the answer are read again in every mode that has one.
func TestLookUpAfterRefreshOfClientCredentials(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := clientOf(t, &store.Memory{}, `  auth_mode: OAUTH2_CC
  token_url: https://acme.example.com/token
  discovery: [{from: token_response, values: {region: region}, on_refresh: true}]
  proxy: {base_url: https://acme.example.com/api}
`, answering(func(r *http.Request, _ string) *http.Response {
			n++
			return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"access-%d","expires_in":3600,"region":"r%d"}`, n, n))
		}))
		if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme"}); err != nil {
			t.Fatal(err)
		}
		in := ConnectionInput{Credential: &ClientCredentials{ClientID: "id", ClientSecret: NewSecret("secret")}}
		if _, err := c.Connections.Create(t.Context(), "key", "alice", in); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if _, err := c.Connections.Credential(t.Context(), "key", "alice"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := storedConnection(t, c).captured["region"]; got != "r2" {
			t.Errorf("region %s after the refresh", got)
		}
	})
}
