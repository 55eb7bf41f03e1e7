package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

func TestCasesGetConnection(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	get := func(query string) answer { return w.call("GET", "/connections/alice?"+query, nil) }
	t.Run("2.10.1", func(t *testing.T) { w.protected("GET", "/connections/alice", nil) })
	t.Run("2.10.2", func(t *testing.T) {
		get("provider_config_key=nothing").want(400, `{"error":{"code":"unknown_provider_config","message":"Provider does not exists","payload":{}}}`)
	})
	t.Run("2.10.3", func(t *testing.T) {
		get("provider_config_key=app-id").want(404, `{"error":{"code":"not_found","message":"Failed to find connection"}}`)
	})
	user := &tieline.EndUser{ID: "u1", Email: "a@example.com", Tags: map[string]string{"origin": "test"}, Organization: &tieline.Organization{ID: "o1"}}
	w.imported("app-id", "alice", tieline.ConnectionInput{Credential: key("k"), Config: map[string]string{"APP_ID": "TEST"}, EndUser: user})
	t.Run("2.10.4", func(t *testing.T) {
		for _, path := range []string{"/connections/alice", "/connection/alice"} {
			w.call("GET", path+"?provider_config_key=app-id&refresh_token=false&force_refresh=false&refresh_github_app_jwt_token=false", nil).want(200, `{"id":"*","connection_id":"alice",
				"provider":"app-id","provider_config_key":"app-id","connection_config":{"APP_ID":"TEST"},"webhook_url_override":null,"credentials":{"type":"API_KEY","apiKey":"k"},
				"end_user":{"id":"u1","email":"a@example.com","display_name":null,"tags":{"origin":"test"},"organization":{"id":"o1","display_name":null}},
				"errors":[],"metadata":null,"tags":{},"created_at":"*","updated_at":"*","last_fetched_at":"*"}`)
		}
	})
	t.Run("2.10.5 and 6", func(t *testing.T) {
		w.imported("basic", "alice", tieline.ConnectionInput{Credential: &tieline.Basic{Username: tieline.NewSecret("u")}, Tags: map[string]string{"a": "b"}})
		if a := get("provider_config_key=app-id"); a.at("credentials.type") != "API_KEY" {
			t.Errorf("answered with %s", a.Body)
		}
		if a := get("provider_config_key=basic"); a.at("credentials.type") != "BASIC" || a.at("tags.a") != "b" || a.at("end_user") != nil {
			t.Errorf("answered with %s", a.Body)
		}
	})
	t.Run("force refresh of what cannot be", func(t *testing.T) {
		if a := get("provider_config_key=app-id&force_refresh=true"); a.Code != 200 || a.at("credentials.apiKey") != "k" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
	t.Run("no right to credentials", func(t *testing.T) {
		reader := w.keyWith(ScopeConnectionsRead)
		a := w.call("GET", "/connections/alice?provider_config_key=app-id&force_refresh=false", nil, "Authorization", reader)
		if got, _ := json.Marshal(a.at("credentials")); a.Code != 200 || string(got) != "{}" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		for _, flag := range []string{"refresh_token", "force_refresh", "refresh_github_app_jwt_token"} {
			w.call("GET", "/connections/alice?provider_config_key=app-id&"+flag+"=true", nil, "Authorization", reader).want(403,
				`{"error":{"code":"forbidden","message":"Credential and refresh options require the environment:connections:read_credentials scope"}}`)
		}
		if a := w.call("GET", "/connections/alice?provider_config_key=app-id", nil, "Authorization", w.keyWith(ScopeConnectionsReadCredentials)); a.at("credentials.apiKey") != "k" {
			t.Errorf("answered with %s", a.Body)
		}
	})
	t.Run("bad queries", func(t *testing.T) {
		get("force_refresh=maybe").want(400, `{"error":{"code":"invalid_query_params","errors":[
			{"code":"invalid_value","message":"Invalid option: expected one of \"true\"|\"false\"|\"\"","path":["force_refresh"]},
			{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider_config_key"]}]}}`)
		w.call("GET", "/connections/a%C3%A9?provider_config_key=x", nil).want(400, errorBody("invalid_uri_params", "invalid_format", "Invalid string: must match pattern /"+patternConnection+"/", "connectionId"))
		w.call("GET", "/connections/a%2Fb?provider_config_key=app-id", nil).want(404, `{"error":{"code":"not_found","message":"Failed to find connection"}}`)
	})
}

func grant(now time.Time) *tieline.OAuth2Token {
	return &tieline.OAuth2Token{AccessToken: tieline.NewSecret("access-old"), RefreshToken: tieline.NewSecret("refresh-old"), ExpiresAt: now.Add(time.Hour)}
}

// What is said of a credential that cannot be had.
const (
	outside  = "The external API returned an error when trying to refresh the access token. Please try again later."
	limit    = "The refresh limit has been reached for this connection."
	cooling  = "A recent refresh attempt failed. Backing off before retrying."
	hopeless = "The credentials have expired and cannot be refreshed. The user has to connect again."
)

// failed is that answer.
func failed(message, errors string) string {
	return `{"error":{"code":"invalid_credentials","message":"` + message + `","payload":{"connection":{"id":"*","connection_id":"alice","provider":"oauth","provider_config_key":"oauth",
		"connection_config":{},"webhook_url_override":null,"credentials":{},"end_user":null,"errors":` + errors + `,"metadata":null,"tags":{},
		"created_at":"*","updated_at":"*","last_fetched_at":"*"}}}}`
}

func TestForceRefresh(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	get := func(query string) answer { return w.call("GET", "/connections/alice?"+query, nil) }
	w.imported("oauth", "alice", tieline.ConnectionInput{Credential: grant(time.Now())})
	if a := get("provider_config_key=oauth"); a.at("credentials.access_token") != "access-old" || api.count() != 0 {
		t.Errorf("answered with %s after %d calls", a.Body, api.count())
	}
	a := get("provider_config_key=oauth&force_refresh=true")
	if a.Code != 200 || a.at("credentials.access_token") != "access-new" || api.count() != 1 {
		t.Errorf("answered with %d %s after %d calls", a.Code, a.Body, api.count())
	}
	if strings.Contains(strings.ToLower(a.Body.String()), "refresh") {
		t.Errorf("a refresh token was not asked for: %s", a.Body)
	}
	if a := get("provider_config_key=oauth&refresh_token=true"); a.at("credentials.refresh_token") != "refresh-new" || a.at("credentials.raw.refresh_token") != "refresh-new" {
		t.Errorf("answered with %s", a.Body)
	}
}

func TestCasesGetRefreshed(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w, api := connectWorld(t, func(cfg *tieline.Config, _ *Options) {
		cfg.Now = func() time.Time { return now }
		cfg.Refresh.Confirm = time.Millisecond
	})
	get := func(query string) answer { return w.call("GET", "/connections/alice?"+query, nil) }
	w.imported("oauth", "alice", tieline.ConnectionInput{Credential: grant(now)})
	t.Run("back-off", func(t *testing.T) {
		api.answers(503, `{"error":"temporarily_unavailable"}`)
		defer api.answers(0, "")
		now = now.Add(2 * time.Hour)
		get("provider_config_key=oauth").want(400, failed(outside, `[{"type":"auth","log_id":"temporarily_unavailable"}]`))
		calls := api.count()
		get("provider_config_key=oauth").want(424, failed(cooling, `[{"type":"auth","log_id":"temporarily_unavailable"}]`))
		if api.count() != calls {
			t.Error("the provider was asked again")
		}
	})
	t.Run("2.10.8", func(t *testing.T) {
		api.answers(400, `{"error":"invalid_grant"}`)
		defer api.answers(0, "")
		get("provider_config_key=oauth&force_refresh=true").want(400, failed(outside, `[{"type":"auth","log_id":"invalid_grant"}]`))
	})
	t.Run("2.10.7", func(t *testing.T) {
		get("provider_config_key=oauth").want(424, failed(limit, `[{"type":"auth","log_id":"invalid_grant"}]`))
	})
	t.Run("expired for good", func(t *testing.T) {
		token := grant(now)
		token.RefreshToken, token.ExpiresAt = tieline.Secret{}, now.Add(time.Minute)
		w.imported("oauth", "alice", tieline.ConnectionInput{Credential: token})
		if a := get("provider_config_key=oauth"); a.Code != 200 || strings.Contains(a.Body.String(), "expires_at") {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		now = now.Add(time.Hour)
		// Who may not see credentials refreshes nothing.
		if a := w.call("GET", "/connections/alice?provider_config_key=oauth", nil, "Authorization", w.keyWith(ScopeConnectionsRead)); a.Code != 200 {
			t.Errorf("answered with %d", a.Code)
		}
		get("provider_config_key=oauth").want(424, failed(hopeless, `[]`))
	})
	for _, secret := range []string{"access-old", "access-new", "refresh-old", "refresh-new"} {
		if strings.Contains(w.log.String(), secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// What is not the refresh token's own name is taken out all the same, at any depth.
func TestWithoutRefreshTokens(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	token := &tieline.OAuth2Token{
		AccessToken: tieline.NewSecret("a"), RefreshToken: tieline.NewSecret("canary-1"),
		Raw:    tieline.NewSecret(`{"access_token":"a","refreshToken":"canary-1","Refresh-Token":"canary-1","refresh_token_expires_in":5,"data":[{"refresh_token":{"value":"canary-1"},"other":1}]}`),
		Tokens: map[string]tieline.ExtraToken{"bot": {AccessToken: tieline.NewSecret("b"), RefreshToken: tieline.NewSecret("canary-2")}},
	}
	w.imported("oauth", "alice", tieline.ConnectionInput{Credential: token})
	a := w.call("GET", "/connections/alice?provider_config_key=oauth", nil)
	if strings.Contains(a.Body.String(), "canary") {
		t.Errorf("answered with %s", a.Body)
	}
	got, _ := json.Marshal(a.at("credentials"))
	if want := `{"access_token":"a","bot":{"access_token":"b"},"raw":{"access_token":"a","data":[{"other":1}],"refresh_token_expires_in":5},"type":"OAUTH2"}`; string(got) != want {
		t.Errorf("the credentials are %s", got)
	}
	if a := w.call("GET", "/connections/alice?provider_config_key=oauth&refresh_token=true", nil); strings.Count(a.Body.String(), "canary-1") != 4 || !strings.Contains(a.Body.String(), "canary-2") {
		t.Errorf("answered with %s", a.Body)
	}
	// An answer that is no JSON may have it anywhere.
	token.Raw = tieline.NewSecret("access_token=a&refresh_token=canary-1")
	w.imported("oauth", "alice", tieline.ConnectionInput{Credential: token})
	if a := w.call("GET", "/connections/alice?provider_config_key=oauth", nil); strings.Contains(a.Body.String(), "canary") {
		t.Errorf("answered with %s", a.Body)
	}
	// The entry says where a login has it.
	login := &tieline.TwoStep{Token: tieline.NewSecret("t"), RefreshToken: tieline.NewSecret("canary-3"), Raw: tieline.NewSecret(`{"data":{"token":"t","renew":"canary-3"}}`)}
	w.imported("two-step", "alice", tieline.ConnectionInput{Credential: login})
	a = w.call("GET", "/connections/alice?provider_config_key=two-step", nil)
	if got, _ := json.Marshal(a.at("credentials")); string(got) != `{"raw":{"data":{"token":"t"}},"token":"t","type":"TWO_STEP"}` {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
}

// The shapes of credentials that cannot be imported over HTTP.
func TestCredentialJSON(t *testing.T) {
	t.Parallel()
	at := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	s := tieline.NewSecret
	user := tieline.OAuth2Token{AccessToken: s("u")}
	for want, cred := range map[string]tieline.Credential{
		`{"oauth_token":"a","oauth_token_secret":"b","raw":{"x":1},"type":"OAUTH1"}`:                  &tieline.OAuth1Token{Token: s("a"), TokenSecret: s("b"), Raw: s(`{"x":1}`)},
		`{"access_token":"a","config_override":{"client_id":"i","client_secret":""},"type":"OAUTH2"}`: &tieline.OAuth2Token{AccessToken: s("a"), ClientID: "i", ExpiresAt: at},
		`{"access_token":"i","type":"APP","user":{"access_token":"u","type":"OAUTH2"}}`:               &tieline.CustomToken{App: tieline.AppToken{Token: s("i")}, User: user},
		`{"access_token":"v","bot":{"access_token":"c"},"type":"OAUTH2"}`: &tieline.OAuth2Token{AccessToken: s("v"), Tokens: map[string]tieline.ExtraToken{
			"access_token": {AccessToken: s("other")}, "bot": {AccessToken: s("c")}}},
		`{"access_token":"u","type":"OAUTH2"}`:                                                                                               &tieline.CustomToken{User: user},
		`{"expires_at":"2100-01-01T00:00:00.000Z","privateKey":"k","token":"t","type":"JWT"}`:                                                &tieline.JWT{Values: map[string]tieline.Secret{"privateKey": s("k"), "token": s("other")}, Token: s("t"), ExpiresAt: at},
		`{"expires_at":"2100-01-01T00:00:00.000Z","password":"p","token":"t","type":"SIGNATURE","username":"u"}`:                             &tieline.Signature{Username: s("u"), Password: s("p"), Token: s("t"), ExpiresAt: at},
		`{"dev_key":"d","organization_id":"o","password":"p","session_id":"s","type":"BILL","user_id":"x","username":"u"}`:                   &tieline.Bill{Username: s("u"), Password: s("p"), OrganizationID: s("o"), DevKey: s("d"), SessionID: s("s"), UserID: "x"},
		`{"access_key_id":"k","external_id":"e","region":"r","role_arn":"a","secret_access_key":"s","session_token":"t","type":"AWS_SIGV4"}`: &tieline.AWS{RoleARN: "a", Region: "r", ExternalID: "e", AccessKeyID: "k", SecretAccessKey: s("s"), SessionToken: s("t")},
		`{"assertion":"x","h":"c","refresh_token":"r","token":"t","type":"TWO_STEP","u":"v"}`:                                                &tieline.TwoStep{Values: map[string]tieline.Secret{"u": s("v"), "type": s("x")}, Headers: map[string]tieline.Secret{"h": s("c")}, Token: s("t"), RefreshToken: s("r"), Assertion: s("x")},
		`{"token_id":"i","token_secret":"s","type":"TBA"}`:                                                                                   &tieline.TBA{TokenID: s("i"), TokenSecret: s("s")},
		`{"a":"b","type":"X_OWN"}`: &tieline.Fields{Mode: "X_OWN", Values: map[string]tieline.Secret{"a": s("b")}},
	} {
		if got, err := json.Marshal(credentialJSON(cred)); err != nil || string(got) != want {
			t.Errorf("%s is\n%s, want\n%s", cred.Type(), got, want)
		}
	}
}
