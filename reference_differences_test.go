package tieline

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

// A value that the token URL lacks is found before the user is sent away.
func TestTokenURLIsCheckedFirst(t *testing.T) {
	t.Parallel()
	const entry = "  auth_mode: OAUTH2\n  authorization_url: https://e.example.com/a\n  token_url: 'https://${connectionConfig.shop}.example.com/t'\n" +
		"  connection_config: {shop: {type: string, title: Shop, optional: true}}\n"
	c := clientOf(t, &store.Memory{}, entry, answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 200, `{}`) }))
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme", App: &OAuthApp{ClientID: "id", ClientSecret: NewSecret("s")}}); err != nil {
		t.Fatal(err)
	}
	_, err := c.Connections.Authorize(t.Context(), "k", AuthorizeOptions{})
	var field *FieldError
	if !errors.As(err, &field) || field.Field != "config.shop" {
		t.Errorf("Authorize = %v", err)
	}
}

// A GitHub App's token is dated back, for servers whose clock is behind, and lives
// no longer than GitHub allows.
func TestAppTokenIsDatedBack(t *testing.T) {
	t.Parallel()
	app := &GitHubApp{AppID: "7", PrivateKey: NewSecret(rsaPEM())}
	now := time.Unix(1_800_000_000, 0)
	token, err := app.token(now)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Iat, Exp int64
		Iss      string
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	if claims.Iss != "7" || claims.Iat != now.Unix()-60 || claims.Exp-claims.Iat > 600 || claims.Exp <= now.Unix() {
		t.Errorf("claims %+v at %d", claims, now.Unix())
	}
}

// The token of a login that names no lifetime is used until it is refused, and then
// the login is made again.
func TestLoginWithoutLifetime(t *testing.T) {
	t.Parallel()
	const entry = "  auth_mode: TWO_STEP\n  token_url: https://e.example.com/login\n  token_params: {key: '${credentials.key}'}\n" +
		"  credentials: {key: {type: string, title: Key, secret: true}}\n  token_response: {token: token}\n  proxy: {base_url: 'https://api.example.com'}\n"
	synctest.Test(t, func(t *testing.T) {
		logins, refuse := 0, false
		c := clientOf(t, &store.Memory{}, entry, answering(func(r *http.Request, _ string) *http.Response {
			switch {
			case r.URL.Path == "/login":
				logins++
				return jsonResponse(r, 200, `{"token":"T`+strings.Repeat("x", logins)+`"}`)
			case refuse && r.Header.Get("Authorization") == "Bearer Tx":
				return jsonResponse(r, 401, `{}`)
			}
			return jsonResponse(r, 200, `{}`)
		}))
		if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme"}); err != nil {
			t.Fatal(err)
		}
		in := ConnectionInput{Credential: &TwoStep{Values: map[string]Secret{"key": NewSecret("K")}}}
		conn, err := c.Connections.Create(t.Context(), "k", "alice", in)
		if err != nil || !conn.ExpiresAt.IsZero() {
			t.Fatalf("Create = %+v, %v", conn, err)
		}
		get := func() {
			t.Helper()
			resp, err := c.Connections.HTTPClient("k", "alice").Get("/x")
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Fatalf("a call: %v, %v", resp, err)
			}
			resp.Body.Close()
		}
		time.Sleep(400 * 24 * time.Hour)
		get()
		if logins != 1 {
			t.Errorf("%d logins, want 1", logins)
		}
		refuse = true
		get()
		if logins != 2 {
			t.Errorf("%d logins after the refusal, want 2", logins)
		}
	})
}
