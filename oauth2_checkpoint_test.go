package tieline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

const siteProvider = `  auth_mode: OAUTH2
  authorization_url: https://site.example.com/authorize
  token_url: https://site.example.com/token
  refresh: {grant: refresh_token, rotation: always, reuse: revoke_family}
  discovery: [{url: /root, values: {siteHost: host}}]
  additional_tokens:
    - {name: files, refresh: {params: {scope: "https://${connectionConfig.siteHost}/.default"}}}
  proxy: {base_url: https://site.example.com/api, headers: {x-files: "${tokens.files}"}}
`

// twoTokens gives refresh tokens that work once, and a second access token for a host
// that has to be looked up.
type twoTokens struct {
	log    []string
	n      int
	live   string       // the refresh token that works; the grant is over when it is empty
	second func() error // runs before the second token is answered

	answered func() // runs once a token was made
}

func (p *twoTokens) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		p.log = append(p.log, "root")
		return jsonResponse(r, 200, `{"host":"acme.example.com"}`), nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	scope := form.Get("scope")
	p.log = append(p.log, form.Get("grant_type")+scope)
	if form.Get("grant_type") == "refresh_token" && form.Get("refresh_token") != p.live {
		p.live = ""
		return jsonResponse(r, 400, `{"error":"invalid_grant"}`), nil
	}
	if scope != "" && p.second != nil {
		if err := p.second(); err != nil {
			return nil, err
		}
	}
	p.n++
	p.live = fmt.Sprintf("refresh-%d", p.n)
	if p.answered != nil {
		p.answered()
	}
	return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"%s","expires_in":3600}`, p.n, p.live)), nil
}

// signIn connects alice.
func signIn(t *testing.T, c *Client) {
	t.Helper()
	app := &OAuthApp{ClientID: "id", ClientSecret: NewSecret("secret")}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme", App: app}); err != nil {
		t.Fatal(err)
	}
	reconnect(t, c)
}

func reconnect(t *testing.T, c *Client) {
	t.Helper()
	a, err := c.Connections.Authorize(t.Context(), "key", AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(a.URL)
	if err != nil {
		t.Fatal(err)
	}
	callback := url.Values{"code": {"c"}, "state": {u.Query().Get("state")}}
	if _, err := c.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
		t.Fatal(err)
	}
}

// storedConnection is what is in the Store of the only connection.
func storedConnection(t testing.TB, c *Client) *private {
	t.Helper()
	for row, err := range c.core.rows(context.Background(), store.Query{Kind: kindConnection}) {
		if err != nil {
			t.Fatal(err)
		}
		rec, err := record.ParseConnection(row.Data)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.core.openPrivate(row.ID, rec)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	t.Fatal("there is no connection")
	return nil
}

func siteTokens(t *testing.T, c *Client) (access, files string) {
	t.Helper()
	cred, err := c.Connections.Credential(t.Context(), "key", "alice")
	if err != nil {
		t.Fatal(err)
	}
	token := cred.(*OAuth2Token)
	return token.AccessToken.Reveal(), token.Tokens["files"].AccessToken.Reveal()
}

// A token that needs what is looked up is asked for after that. At a refresh the new
// refresh token is in the Store before it is spent for another token.
func TestCheckpointBeforeSecondToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &twoTokens{}
		c := clientOf(t, &store.Memory{}, siteProvider, p)
		signIn(t, c)
		const second = "refresh_tokenhttps://acme.example.com/.default"
		if want := []string{"authorization_code", "root", second}; !slices.Equal(p.log, want) {
			t.Errorf("requests to connect: %q, want %q", p.log, want)
		}
		if access, files := siteTokens(t, c); access != "access-1" || files != "access-2" {
			t.Errorf("connected with %s and %s", access, files)
		}
		time.Sleep(2 * time.Hour)
		p.log = nil
		p.second = func() error {
			if got := storedConnection(t, c).cred.(*OAuth2Token).RefreshToken.Reveal(); got != p.live {
				t.Errorf("%s is about to be spent, and stored is %s", p.live, got)
			}
			return nil
		}
		if access, files := siteTokens(t, c); access != "access-3" || files != "access-4" {
			t.Errorf("refreshed to %s and %s", access, files)
		}
		if want := []string{"refresh_token", second}; !slices.Equal(p.log, want) {
			t.Errorf("requests to refresh: %q, want %q", p.log, want)
		}
		synctest.Wait()
		if got := storedConnection(t, c).cred.(*OAuth2Token).RefreshToken.Reveal(); got != p.live {
			t.Errorf("stored is %s, and %s works", got, p.live)
		}
	})
}

// A process dies after the first answer of a refresh: the next one goes on with the
// refresh token that came with it.
func TestCheckpointSurvivesCrash(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, dead := &twoTokens{}, false
		var shared store.Memory
		crashing := storetest.Faulty(&shared, func(string, store.Key) error {
			if dead {
				return store.ErrClosed
			}
			return nil
		}, nil)
		first := clientOf(t, crashing, siteProvider, p)
		signIn(t, first)
		time.Sleep(2 * time.Hour)
		p.second = func() error {
			dead = true
			return errDown
		}
		_, _ = first.Connections.Credential(t.Context(), "key", "alice")
		synctest.Wait()
		p.second = nil
		next := clientOf(t, &shared, siteProvider, p)
		if access, files := siteTokens(t, next); access != "access-4" || files != "access-5" {
			t.Errorf("the next process has %s and %s", access, files)
		}
		if p.live == "" {
			t.Error("the grant is lost")
		}
	})
}

// The Store does not take the new refresh token: it is not spent again, the access
// token is served, and both are saved when the Store is back.
func TestCheckpointFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		p := &twoTokens{}
		p.answered = func() { down.Store(p.n == 3) }
		c := clientOf(t, storetest.Faulty(&store.Memory{}, func(op string, _ store.Key) error {
			if down.Load() && op == "Put" {
				return errDown
			}
			return nil
		}, nil), siteProvider, p)
		signIn(t, c)
		time.Sleep(2 * time.Hour)
		p.log = nil
		if access, files := siteTokens(t, c); access != "access-3" || files != "access-2" {
			t.Errorf("while the Store fails: %s and %s", access, files)
		}
		if want := []string{"refresh_token"}; !slices.Equal(p.log, want) {
			t.Errorf("requests while the Store fails: %q", p.log)
		}
		down.Store(false)
		time.Sleep(time.Minute)
		if got := storedConnection(t, c).cred.(*OAuth2Token); got.RefreshToken.Reveal() != p.live || got.AccessToken.Reveal() != "access-3" {
			t.Errorf("stored are %s and %s", got.AccessToken.Reveal(), got.RefreshToken.Reveal())
		}
	})
}

// The Store takes the new refresh token and says that it did not: the access token
// that came with it is saved all the same.
func TestCheckpointInDoubt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, doubt := &twoTokens{}, false
		c := clientOf(t, storetest.Faulty(&store.Memory{}, nil, func(op string, _ store.Key) error {
			if doubt && op == "Put" {
				doubt = false
				return errDown
			}
			return nil
		}), siteProvider, p)
		signIn(t, c)
		time.Sleep(2 * time.Hour)
		p.answered = func() { doubt = true }
		if access, files := siteTokens(t, c); access != "access-3" || files != "access-2" {
			t.Errorf("served are %s and %s", access, files)
		}
		time.Sleep(time.Minute)
		if got := storedConnection(t, c).cred.(*OAuth2Token); doubt || got.RefreshToken.Reveal() != p.live || got.AccessToken.Reveal() != "access-3" {
			t.Errorf("stored are %s and %s", got.AccessToken.Reveal(), got.RefreshToken.Reveal())
		}
	})
}

// The user reconnects while a refresh is between its two requests: the new grant
// stays, and nothing of the old one takes its place.
func TestCheckpointGivesWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &twoTokens{}
		c := clientOf(t, &store.Memory{}, siteProvider, p)
		signIn(t, c)
		time.Sleep(2 * time.Hour)
		var renewed string
		p.second = func() error {
			p.second = nil
			reconnect(t, c)
			renewed = p.live
			return errors.New("the old grant is over")
		}
		_, _ = c.Connections.Credential(t.Context(), "key", "alice")
		time.Sleep(time.Minute)
		if got := storedConnection(t, c).cred.(*OAuth2Token).RefreshToken.Reveal(); got != renewed {
			t.Errorf("stored is %s, and the user came back with %s", got, renewed)
		}
	})
}

// The tokens of a GitHub App are had one after the other. The user's is stored
// before the application's is asked for.
func TestCheckpointOfCustom(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "custom"), func(t *testing.T, w *modeWorld) {
		w.mustJoin()
		before, asked := w.storedCustom(), 0
		w.provider.Fail("app-token", func(http.ResponseWriter, *http.Request) bool {
			asked++
			got := storedConnection(t, w.Client).cred.(*CustomToken)
			if got.User.RefreshToken.Equal(before.User.RefreshToken) || !got.App.Token.Equal(before.App.Token) {
				t.Error("the user's new refresh token is not stored yet")
			}
			return false
		})
		if _, err := w.refreshBoth(); err != nil || asked != 1 {
			t.Errorf("Credential: %v; the application's token was asked for %d times", err, asked)
		}
	})
}

// rotating is a mode of an application whose refreshes take two requests, the second
// of which fails once.
type rotating struct {
	staticMode
	n      int
	failed bool
	stored func() Credential
	t      *testing.T
}

func (*rotating) CanRefresh(*Subject) bool { return true }

func (m *rotating) Refresh(_ context.Context, s *Subject) (Grant, error) {
	if got := s.Credential().(*Fields).Values["refresh"].Reveal(); got != fmt.Sprint("r", m.n) {
		m.t.Errorf("%s is spent, and r%d is the one that works", got, m.n)
	}
	m.n++
	next := &Fields{Mode: "X_ROTATING", ExpiresAt: s.Now().Add(time.Hour), Values: map[string]Secret{"refresh": NewSecret(fmt.Sprint("r", m.n))}}
	if !s.Checkpoint(next) {
		m.t.Error("the new refresh token could not be saved")
	}
	if m.stored != nil && !m.stored().(*Fields).Values["refresh"].Equal(next.Values["refresh"]) {
		m.t.Error("the new refresh token is not in the Store")
	}
	if m.stored != nil && !m.failed {
		m.failed = true
		return Grant{}, errors.New("nobody answered")
	}
	return Grant{Credential: next}, nil
}

func (m *rotating) Create(ctx context.Context, s *Subject) (Grant, error) { return m.Refresh(ctx, s) }

// A mode of the application's own goes on after a checkpoint with what it saved.
func TestCheckpointOfOwnMode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &rotating{t: t}
		catalog, _ := LoadCatalog(CatalogFile{Name: "x.yaml", Data: []byte("acme: {display_name: Acme, docs: https://example.com, auth_mode: X_ROTATING}")})
		c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog, Modes: map[AuthMode]Mode{"X_ROTATING": m}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close(context.Background()) }()
		if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme"}); err != nil {
			t.Fatal(err)
		}
		first := &Fields{Mode: "X_ROTATING", Values: map[string]Secret{"refresh": NewSecret("r0")}}
		if _, err := c.Connections.Create(t.Context(), "key", "alice", ConnectionInput{Credential: first}); err != nil {
			t.Fatal(err)
		}
		m.stored = func() Credential { return storedConnection(t, c).cred }
		time.Sleep(2 * time.Hour)
		cred, err := c.Connections.Credential(t.Context(), "key", "alice")
		if err != nil || m.n != 3 || cred.(*Fields).Values["refresh"].Reveal() != "r3" {
			t.Errorf("Credential: %v after %d refreshes", err, m.n)
		}
	})
}
