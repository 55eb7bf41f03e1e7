package httpapi

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

const oneSession = `{"data":{"token":"*","connect_link":"*","expires_at":"*"}}`

// session returns the session that an answer is about.
func (w *world) sessionOf(a answer) tieline.Session {
	w.t.Helper()
	a.want(201, oneSession)
	token, _ := a.at("data.token").(string)
	s, err := w.client.Sessions.Get(w.t.Context(), strings.TrimPrefix(token, sessionPrefix))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func tagsOf(s tieline.Session) string {
	got, _ := json.Marshal(tagsJSON(s.Tags))
	return string(got)
}

func TestCasesCreateSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(_ *tieline.Config, o *Options) { o.ConnectURL = "https://connect.example.com/x" })
	w.integration("github", "github")
	post := func(body any) answer { return w.call("POST", "/connect/sessions", body) }
	user := fields{"id": "u1"}
	t.Run("2.14.1", func(t *testing.T) { w.protected("POST", "/connect/sessions", fields{}) })
	t.Run("2.14.2", func(t *testing.T) {
		post(fields{}).want(400, errorBody("invalid_body", "invalid_type", "Invalid input: expected object, received undefined", "end_user"))
	})
	t.Run("2.14.3", func(t *testing.T) { post(fields{"end_user": fields{}}).want(400, undefined("end_user.id")) })
	t.Run("2.14.4", func(t *testing.T) {
		a := post(fields{"end_user": fields{"id": "u1", "email": "a@example.com", "display_name": "Alice"}, "organization": fields{"id": "o1", "display_name": "Org"}})
		s := w.sessionOf(a)
		if s.EndUser.Organization == nil || s.EndUser.Organization.ID != "o1" {
			t.Errorf("the user is %+v", s.EndUser)
		}
		if got := tagsOf(s); got != `{"end_user_display_name":"Alice","end_user_email":"a@example.com","end_user_id":"u1","organization_display_name":"Org","organization_id":"o1"}` {
			t.Errorf("the tags are %s", got)
		}
		token, _ := a.at("data.token").(string)
		if a.at("data.connect_link") != "https://connect.example.com/x?session_token="+token || !strings.HasPrefix(token, "nango_connect_session_") {
			t.Errorf("answered with %s", a.Body)
		}
		at, err := time.Parse(time.RFC3339, a.at("data.expires_at").(string))
		if err != nil || (time.Until(at)-30*time.Minute).Abs() > time.Minute {
			t.Errorf("it expires at %v: %v", at, err)
		}
	})
	for number, c := range map[string]struct {
		body fields
		path []string
	}{
		"5": {fields{"allowed_integrations": []string{"none"}}, []string{"allowed_integrations", "0"}},
		"6": {fields{"integrations_config_defaults": fields{"none": fields{}}}, []string{"integrations_config_defaults", "none"}},
		"7": {fields{"overrides": fields{"none": fields{}}}, []string{"overrides", "none"}},
	} {
		t.Run("2.14."+number, func(t *testing.T) {
			c.body["end_user"] = user
			post(c.body).want(400, errorBody("invalid_body", "custom", "Integration does not exist", c.path...))
		})
	}
}

func TestCasesSessionDefaults(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("github", "github")
	post := func(body any) answer { return w.call("POST", "/connect/sessions", body) }
	user := fields{"id": "u1"}
	t.Run("2.14.8 and 9", func(t *testing.T) {
		s := w.sessionOf(post(fields{"end_user": user, "allowed_integrations": []string{"github"}, "integrations_config_defaults": fields{"github": fields{
			"user_scopes": "a,b", "authorization_params": fields{"prompt": "x"}, "connection_config": fields{"oauth_scopes_override": "repo,user", "n": 5},
		}}}))
		d := s.Defaults["github"]
		if len(s.Integrations) != 1 || d.Params["user_scope"] != "a,b" || d.Params["prompt"] != "x" || strings.Join(d.Scopes, " ") != "repo user" || len(d.Config) != 1 || d.Config["n"] != "5" {
			t.Errorf("the session is %+v", s)
		}
	})
	t.Run("2.14.10", func(t *testing.T) {
		body := fields{"end_user": user, "integrations_config_defaults": fields{"github": fields{"connection_config": fields{"webhook_url": "https://example.com/old", "subdomain": "s"}}}}
		s := w.sessionOf(post(body))
		if s.WebhookURL != "https://example.com/old" || len(s.Defaults["github"].Config) != 1 || s.Defaults["github"].Config["subdomain"] != "s" {
			t.Errorf("the session is %+v", s)
		}
		for _, explicit := range []string{"", "https://example.com/new"} {
			body["webhook_url_override"] = explicit
			if s := w.sessionOf(post(body)); s.WebhookURL != explicit {
				t.Errorf("the URL is %q", s.WebhookURL)
			}
		}
		post(fields{"end_user": user, "integrations_config_defaults": fields{"github": fields{"connection_config": fields{"webhook_url": "https://x.nango.dev"}}}}).want(400,
			errorBody("invalid_body", "custom", "Webhook URLs cannot point to Nango's domain (nango.dev).", "webhook_url_override"))
	})
	t.Run("2.14.11, 13 and 14", func(t *testing.T) {
		if s := w.sessionOf(post(fields{"end_user": user, "overrides": fields{"github": fields{"docs_connect": "https://example.com/help"}}})); s.Defaults["github"].DocsConnect != "https://example.com/help" {
			t.Errorf("the session is %+v", s)
		}
		w.sessionOf(post(fields{"end_user": user, "overrides": fields{"github": fields{}}}))
		post(fields{"end_user": user, "overrides": fields{"github": fields{"docs_connect": "javascript://x/%0aalert(1)"}}}).want(400,
			errorBody("invalid_body", "invalid_format", "Invalid URL", "overrides", "github", "docs_connect"))
	})
}

func TestCasesSessionTags(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(body any) answer { return w.call("POST", "/connect/sessions", body) }
	user := fields{"id": "u1"}
	for number, c := range map[string]struct {
		body fields
		tags string
		user bool
	}{
		"15": {fields{"tags": fields{"ProjectId": "1"}}, `{"projectid":"1"}`, false},
		"16": {fields{"tags": fields{}}, `{}`, false},
		"17": {fields{"tags": fields{"a": "b"}, "end_user": fields{"id": "u1", "email": "a@example.com"}}, `{"a":"b","end_user_email":"a@example.com","end_user_id":"u1"}`, true},
		"18": {fields{"end_user": user}, `{"end_user_id":"u1"}`, true},
		"19": {fields{"tags": fields{}, "end_user": user}, `{"end_user_id":"u1"}`, true},
		"21": {fields{"tags": fields{"a": "with some spaces"}}, `{"a":"with some spaces"}`, false},
	} {
		t.Run("2.14."+number, func(t *testing.T) {
			s := w.sessionOf(post(c.body))
			if tagsOf(s) != c.tags || (s.EndUser != nil) != c.user {
				t.Errorf("the session is %+v", s)
			}
		})
	}
	eleven := fields{}
	for n := range 11 {
		eleven["k"+strings.Repeat("x", n)] = "v"
	}
	for number, tags := range map[string]fields{"20": {"1a": "x"}, "22": {strings.Repeat("k", 65): "x"}, "23": {"a": strings.Repeat("v", 256)}, "24": eleven} { // each of them is one item
		t.Run("2.14."+number, func(t *testing.T) {
			a := post(fields{"tags": tags})
			if items, _ := a.at("error.errors").([]any); a.Code != 400 || a.at("error.code") != "invalid_body" || len(items) != 1 {
				t.Errorf("answered with %d %s", a.Code, a.Body)
			}
		})
	}
	t.Run("others", func(t *testing.T) {
		post(fields{"tags": fields{"a": "1", "A": "2"}}).want(400, errorBody("invalid_body", "custom", "Tag keys must be unique in lower case", "tags", "a"))
		post(fields{"tags": fields{"end_user_email": "x"}}).want(400, errorBody("invalid_body", "invalid_format", "Invalid email address", "tags", "end_user_email"))
		post(fields{"end_user": user, "foo": 1}).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "foo"`))
		// What the Client counts in bytes is an answer too.
		if a := post(fields{"tags": fields{"a": strings.Repeat("é", 200)}}); a.Code != 400 || !strings.Contains(a.Body.String(), `"path":["tags","a"]`) {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		if a := post(fields{"tags": fields{}}); a.Code != 201 {
			t.Errorf("answered with %d", a.Code)
		}
		if a := w.call("POST", "/connect/sessions", fields{"tags": fields{}}, "Authorization", w.keyWith(ScopeConnectionsRead)); a.Code != 403 {
			t.Errorf("answered with %d", a.Code)
		}
	})
}

func TestAllTags(t *testing.T) {
	t.Parallel()
	own := map[string]string{"End_User_ID": "own", "bad key": "x", "empty": "", "end_user_email": "none", "Team": "A", "control": "a\nb", strings.Repeat("k", 70): strings.Repeat("é", 200)}
	u := &tieline.EndUser{ID: "u1", Email: "a@example.com", DisplayName: strings.Repeat("é", 200), Tags: own}
	got := allTags(u, &tieline.Organization{ID: "o1"}, map[string]string{"team": "B"})
	want := map[string]string{
		"end_user_id": "own", "end_user_email": "a@example.com", "end_user_display_name": strings.Repeat("é", 127), "organization_id": "o1", "team": "B",
		strings.Repeat("k", 64): strings.Repeat("é", 127),
	}
	gotJSON, _ := json.Marshal(got)
	if wantJSON, _ := json.Marshal(want); string(gotJSON) != string(wantJSON) {
		t.Errorf("the tags are %s, want %s", gotJSON, wantJSON)
	}
	nine := map[string]string{}
	for _, k := range strings.Split("abcdefghi", "") {
		nine[k] = "x"
	}
	if got := allTags(u, nil, nine); len(got) != 10 || got["end_user_display_name"] == "" {
		t.Errorf("the tags are %v", got)
	}
}

func TestCasesGetSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("github", "github")
	w.integration("linear", "linear")
	get := func(token string) answer {
		return w.call("GET", "/connect/session", nil, "Authorization", "Bearer "+token)
	}
	const settings = `"connectUISettings":{"theme":{"light":{"primary":"*"},"dark":{"primary":"*"}},"defaultTheme":"system","showWatermark":false}`
	t.Run("2.15.1", func(t *testing.T) { w.protected("GET", "/connect/session", nil) })
	t.Run("2.15.2", func(t *testing.T) {
		get(testKey).want(401, `{"error":{"code":"invalid_connect_session_token_format","payload":{},
			"message":"Authentication failed. The provided connect session token is not following correct format: nango_connect_session_RANDOM)"}}`)
	})
	unknown := func(a answer) {
		t.Helper()
		a.want(401, `{"error":{"code":"unknown_connect_session_token","payload":{},"message":"Authentication failed. The provided connect session token does not match any account."}}`)
	}
	t.Run("2.15.3", func(t *testing.T) { unknown(get(sessionPrefix + strings.Repeat("0a", 32))) })
	t.Run("2.15.4", func(t *testing.T) {
		token := w.session(tieline.Session{EndUser: &tieline.EndUser{ID: "u1", Email: "a@example.com"}, Integrations: []string{"github"}})
		get(token).want(200, `{"data":{"endUser":{"id":"u1","email":"a@example.com","display_name":null,"tags":null,"organization":null},"allowed_integrations":["github"],`+settings+`}}`)
	})
	t.Run("2.15.6 and 7", func(t *testing.T) {
		for _, tags := range []map[string]string{{"a": "b"}, nil} {
			get(w.session(tieline.Session{Tags: tags})).want(200, `{"data":{"endUser":null,`+settings+`}}`)
		}
	})
	t.Run("what was decided", func(t *testing.T) {
		token := w.session(tieline.Session{Defaults: map[string]tieline.SessionDefaults{
			"github": {Config: map[string]string{"a": "b", "webhook_secret": "canary"}, Params: map[string]string{"p": "q"}, Scopes: []string{"x"}},
			"linear": {DocsConnect: "https://example.com"},
		}})
		get(token).want(200, `{"data":{"endUser":null,`+settings+`,"integrations_config_defaults":{"github":{"connection_config":{"a":"b"},"authorization_params":{"p":"q"}}},
			"overrides":{"linear":{"docs_connect":"https://example.com"}}}}`)
	})
	t.Run("delete", func(t *testing.T) {
		token := w.session(tieline.Session{})
		w.protected("DELETE", "/connect/session", nil)
		if a := w.call("DELETE", "/connect/session", nil, "Authorization", "Bearer "+token); a.Code != 204 || a.Body.Len() != 0 {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		unknown(get(token))
	})
}

func TestCasesReconnectSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("one", "algolia")
	w.integration("two", "algolia")
	made := w.imported("one", "alice", tieline.ConnectionInput{Credential: key("k")})
	post := func(more ...any) answer {
		body := fields{"connection_id": "alice", "integration_id": "one"}
		for n := 0; n+1 < len(more); n += 2 {
			body[more[n].(string)] = more[n+1]
		}
		return w.call("POST", "/connect/sessions/reconnect", body)
	}
	t.Run("2.16.1", func(t *testing.T) { w.protected("POST", "/connect/sessions/reconnect", fields{}) })
	t.Run("2.16.2", func(t *testing.T) {
		w.call("POST", "/connect/sessions/reconnect", fields{}).want(400, undefined("connection_id", "integration_id"))
	})
	t.Run("2.16.3 and 12", func(t *testing.T) {
		a := post()
		s := w.sessionOf(a)
		if s.Reconnect == nil || s.Reconnect.RowID != made.RowID || s.EndUser != nil || tagsOf(s) != "{}" {
			t.Errorf("the session is %+v", s)
		}
		token, _ := a.at("data.token").(string)
		if got := w.call("GET", "/connect/session", nil, "Authorization", "Bearer "+token); got.at("data.isReconnecting") != true || len(got.at("data.allowed_integrations").([]any)) != 1 {
			t.Errorf("answered with %s", got.Body)
		}
	})
	t.Run("2.16.4 and 11", func(t *testing.T) {
		if s := w.sessionOf(post("tags", fields{"ENV": "x"})); s.EndUser != nil || tagsOf(s) != `{"env":"x"}` {
			t.Errorf("the session is %+v", s)
		}
	})
	t.Run("2.16.5", func(t *testing.T) {
		for _, name := range []string{"two", "nothing"} {
			post("integration_id", name).want(400, `{"error":{"code":"invalid_body","message":"ConnectionID or IntegrationId does not exists"}}`)
		}
		post("connection_id", "bob").want(400, `{"error":{"code":"invalid_body","message":"ConnectionID or IntegrationId does not exists"}}`)
	})
	t.Run("2.16.6", func(t *testing.T) {
		if s := w.sessionOf(post("integrations_config_defaults", fields{"one": fields{"connection_config": fields{"APP_ID": "a"}}})); s.Defaults["one"].Config["APP_ID"] != "a" {
			t.Errorf("the session is %+v", s)
		}
		post("integrations_config_defaults", fields{"nothing": fields{}}).want(400, errorBody("invalid_body", "custom", "Integration does not exist", "integrations_config_defaults", "nothing"))
	})
	t.Run("2.16.7, 9 and 10", func(t *testing.T) {
		if s := w.sessionOf(post("overrides", fields{"one": fields{"docs_connect": "https://example.com"}})); s.Defaults["one"].DocsConnect == "" {
			t.Errorf("the session is %+v", s)
		}
		w.sessionOf(post("overrides", fields{"one": fields{}}))
	})
	t.Run("2.16.13", func(t *testing.T) {
		post("tags", fields{"1a": "x"}).want(400, errorBody("invalid_body", "invalid_key", "Invalid key in record", "tags", "1a"))
	})
	t.Run("another body", func(t *testing.T) {
		post("allowed_integrations", []string{"two"}).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "allowed_integrations"`))
	})
}

func TestCasesTelemetry(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	w := newWorld(t, func(cfg *tieline.Config, o *Options) {
		cfg.Now = func() time.Time { return now }
		o.Now = cfg.Now
	})
	token := w.session(tieline.Session{})
	post := func(at time.Time) answer {
		return w.call("POST", "/connect/telemetry", fields{"token": token, "event": "open", "timestamp": at, "dimensions": fields{"integration": "x"}}, "Authorization", "", "Content-Type", "text/plain")
	}
	t.Run("2.17.1", func(t *testing.T) {
		for _, off := range []time.Duration{0, -2 * time.Hour, 2 * time.Hour} {
			if a := post(now.Add(off)); a.Code != 204 {
				t.Errorf("%v: answered with %d %s", off, a.Code, a.Body)
			}
		}
	})
	t.Run("2.17.2", func(*testing.T) {
		for _, off := range []time.Duration{-2*time.Hour - time.Minute, 2*time.Hour + time.Minute} {
			post(now.Add(off)).want(400, errorBody("invalid_body", "custom", "timestamp is more than 7200000ms away from the current time", "timestamp"))
		}
	})
	w.call("POST", "/connect/telemetry", fields{"token": token}).want(400, `{"error":{"code":"invalid_body","errors":[
		{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["event"]},
		{"code":"invalid_type","message":"Invalid input: expected date, received undefined","path":["timestamp"]}]}}`)
	for _, body := range []fields{{}, {"token": testKey}, {"token": sessionPrefix + strings.Repeat("0", 64)}} {
		if a := w.call("POST", "/connect/telemetry", body); a.Code != 401 {
			t.Errorf("answered with %d", a.Code)
		}
	}
}
