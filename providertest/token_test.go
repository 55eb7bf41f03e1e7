package providertest

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestCodeFlow(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{TokenLifetime: time.Hour}, func(t *testing.T, a app) {
		r := a.exchange(a.code("login_hint", "bob"))
		got := a.mustTokens(r)
		equal(t, "token type", r.str("token_type"), "Bearer")
		equal(t, "scope", r.str("scope"), "read write")
		equal(t, "Cache-Control", r.header.Get("Cache-Control"), "no-store")
		equal(t, "expires_in", r.json["expires_in"], any(3600.0))
		me := a.me(got.access)
		equal(t, "status", me.status, http.StatusOK)
		equal(t, "user", me.str("user"), "bob")
		equal(t, "access token live", a.s.IsLive(got.access), true)
		equal(t, "refresh token live", a.s.IsLive(got.refresh), true)
		grants := a.s.Grants()
		equal(t, "grants", len(grants), 1)
		equal(t, "access token", grants[0].AccessToken, got.access)
		equal(t, "refresh token", grants[0].RefreshToken, got.refresh)
		equal(t, "generation", grants[0].Generation, 1)
		equal(t, "user", grants[0].User, "bob")
		equal(t, "Exchanges", a.s.Stats().Exchanges, 1)
	})
}

func TestExchangeErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change []string
		status int
		want   string
	}{
		{"unknown code", []string{"code", "x"}, 400, "invalid_grant"},
		{"other redirect URI", []string{"redirect_uri", callbackURI + "x"}, 400, "invalid_grant"},
		{"no redirect URI", []string{"redirect_uri", "-"}, 400, "invalid_grant"},
		{"no verifier", []string{"code_verifier", "-"}, 400, "invalid_grant"},
		{"other verifier", []string{"code_verifier", verifier + "x"}, 400, "invalid_grant"},
		{"short verifier", []string{"code_verifier", "x"}, 400, "invalid_grant"},
		{"other secret", []string{"client_secret", "x"}, 401, "invalid_client"},
		{"no secret", []string{"client_secret", "-"}, 401, "invalid_client"},
		{"other client", []string{"client_id", "x"}, 401, "invalid_client"},
		{"other grant type", []string{"grant_type", "password"}, 400, "unsupported_grant_type"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := inProcessApp(t, Options{})
			code := a.code()
			a.mustFail(a.exchange(code, tt.change...), tt.status, tt.want)
			equal(t, "Exchanges", a.s.Stats().Exchanges, 0)
			equal(t, "Errors", a.s.Stats().Errors[tt.want], 1)
			a.mustTokens(a.exchange(code)) // a bad attempt does not burn the code
		})
	}
}

// Verifiers that no challenge asked for are a downgrade (RFC 9700 section 4.8.2).
func TestVerifierWithoutChallenge(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{PKCE: PKCEOptional})
	code := a.code("code_challenge", "-", "code_challenge_method", "-")
	a.mustFail(a.exchange(code), 400, "invalid_grant")
	a.mustTokens(a.exchange(code, "code_verifier", "-"))
}

func TestRedirectURIMayBeLeftOutTwice(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	a.mustTokens(a.exchange(a.code("redirect_uri", "-"), "redirect_uri", "-"))
	a.mustFail(a.exchange(a.code("redirect_uri", "-"), "redirect_uri", "https://x.example"), 400, "invalid_grant")
}

func TestCodeWorksOnceAndReplayRevokes(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	code := a.code()
	got := a.mustTokens(a.exchange(code))
	a.mustFail(a.exchange(code), 400, "invalid_grant")
	equal(t, "access token live", a.s.IsLive(got.access), false)
	equal(t, "refresh token live", a.s.IsLive(got.refresh), false)
	equal(t, "FamiliesRevoked", a.s.Stats().FamiliesRevoked, 1)
	a.mustFail(a.exchange(code), 400, "invalid_grant")
	equal(t, "FamiliesRevoked after another", a.s.Stats().FamiliesRevoked, 1)
}

func TestCodeExpires(t *testing.T) {
	t.Parallel()
	c := newClock()
	a := inProcessApp(t, Options{Now: c.now})
	code := a.code()
	c.advance(codeLifetime)
	a.mustFail(a.exchange(code), 400, "invalid_grant")
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	secret := Credentials{}
	{
		s := NewInProcess(Options{})
		secret = s.Credentials()
	}
	raw := basic(secret.ClientID, secret.ClientSecret)
	encoded := basic(url.QueryEscape(secret.ClientID), url.QueryEscape(secret.ClientSecret))
	ways := []struct {
		name   string
		change []string // of the form
		header string
		works  []ClientAuth
	}{
		{"body", nil, "", []ClientAuth{"", ClientAuthBody}},
		{"basic", []string{"client_id", "-", "client_secret", "-"}, encoded, []ClientAuth{"", ClientAuthBasic}},
		{"basic with client_id", []string{"client_secret", "-"}, encoded, []ClientAuth{"", ClientAuthBasic}},
		{"basic raw", []string{"client_id", "-", "client_secret", "-"}, raw, []ClientAuth{"", ClientAuthBasicRaw}},
		{"public", []string{"client_secret", "-"}, "", []ClientAuth{ClientAuthNone}},
		{"basic for another", []string{"client_id", "x", "client_secret", "-"}, encoded, nil},
		{"basic, wrong secret", []string{"client_id", "-", "client_secret", "-"}, basic(secret.ClientID, "x"), nil},
		{"nobody", []string{"client_id", "-", "client_secret", "-"}, "", nil},
	}
	for _, auth := range []ClientAuth{"", ClientAuthBody, ClientAuthBasic, ClientAuthBasicRaw, ClientAuthNone} {
		for _, way := range ways {
			t.Run("accepts "+string(auth)+", sent "+way.name, func(t *testing.T) {
				t.Parallel()
				a := inProcessApp(t, Options{ClientAuth: auth})
				r := a.postRequest("/token", append([]string{"grant_type", "authorization_code", "code", a.code(),
					"redirect_uri", callbackURI, "code_verifier", verifier}, way.change...)...)
				if way.header != "" {
					r.Header.Set("Authorization", way.header)
				}
				got := a.do(r)
				if contains(way.works, auth) {
					a.mustTokens(got)
					return
				}
				a.mustFail(got, 401, "invalid_client")
				equal(t, "challenged", strings.HasPrefix(got.header.Get("WWW-Authenticate"), "Basic"), way.header != "")
			})
		}
	}
}

func contains(list []ClientAuth, a ClientAuth) bool {
	for _, l := range list {
		if l == a {
			return true
		}
	}
	return false
}

func TestMalformedTokenRequests(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		c := a.s.Credentials()
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}}
		twice := form.Encode() + "&scope=a&scope=b"
		a.mustFail(a.do(a.request("POST", "/token", twice, "Content-Type", formType)), 400, "invalid_request")
		a.mustFail(a.do(a.request("POST", "/token", `{"grant_type":"client_credentials"}`, "Content-Type", jsonType)), 400, "invalid_request")
		both := a.request("POST", "/token", form.Encode(), "Content-Type", formType, "Authorization", basic("a", "b"))
		a.mustFail(a.do(both), 400, "invalid_request")
		inURL := a.request("POST", "/token?client_secret=x", form.Encode(), "Content-Type", formType)
		a.mustFail(a.do(inURL), 400, "invalid_request")
		equal(t, "status of GET", a.do(a.request("GET", "/token?"+form.Encode(), "")).status, 405)
		equal(t, "status of GET", a.do(a.request("GET", "/revoke?token=x", "")).status, 405)
		equal(t, "ClientCredentials", a.s.Stats().ClientCredentials, 0)
	})
}

func TestClientCredentialsGrant(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{TokenLifetime: time.Minute}, func(t *testing.T, a app) {
		r := a.post("/token", "grant_type", "client_credentials", "scope", "jobs")
		got := a.mustTokens(r)
		equal(t, "refresh token", got.refresh, "")
		equal(t, "scope", r.str("scope"), "jobs")
		equal(t, "user", a.me(got.access).str("user"), "app")
		equal(t, "ClientCredentials", a.s.Stats().ClientCredentials, 1)
		equal(t, "grants", len(a.s.Grants()), 0)
	})
	a := inProcessApp(t, Options{ClientAuth: ClientAuthNone})
	a.mustFail(a.post("/token", "grant_type", "client_credentials", "client_secret", "-"), 400, "unauthorized_client")
}

func TestExpiresIn(t *testing.T) {
	t.Parallel()
	for lifetime, want := range map[time.Duration]any{
		0: nil, time.Hour: 3600.0, 250 * time.Millisecond: 0.25, 1500 * time.Millisecond: 1.5,
	} {
		a := inProcessApp(t, Options{TokenLifetime: lifetime})
		equal(t, lifetime.String(), a.exchange(a.code()).json["expires_in"], want)
	}
}

func TestNoRefreshToken(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{NoRefreshToken: true})
	equal(t, "refresh token", a.connect().refresh, "")
	equal(t, "of the grant", a.s.Grants()[0].RefreshToken, "")
	a.s.RevokeAll()
	equal(t, "grants", len(a.s.Grants()), 0)
}

func TestRevocation(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		one, two := a.connect(), a.connect()
		equal(t, "status", a.post("/revoke", "token", one.refresh, "token_type_hint", "refresh_token").status, 200)
		equal(t, "access token live", a.s.IsLive(one.access), false)
		equal(t, "refresh token live", a.s.IsLive(one.refresh), false)
		equal(t, "Revocations", a.s.Stats().Revocations, 1)
		equal(t, "status", a.post("/revoke", "token", two.access).status, 200)
		equal(t, "access token live", a.s.IsLive(two.access), false)
		equal(t, "refresh token live", a.s.IsLive(two.refresh), true)
		equal(t, "Revocations", a.s.Stats().Revocations, 2)
		for _, gone := range []string{one.refresh, one.access, two.access, "never seen"} {
			equal(t, "status of a token that is gone", a.post("/revoke", "token", gone).status, 200)
		}
		equal(t, "Revocations of those", a.s.Stats().Revocations, 2)
		a.mustFail(a.post("/revoke"), 400, "invalid_request")
		a.mustFail(a.post("/revoke", "token", two.refresh, "client_secret", "x"), 401, "invalid_client")
		equal(t, "refresh token live", a.s.IsLive(two.refresh), true)
	})
}
