package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

// undefined is the body of an error about members that are missing.
func undefined(paths ...string) string {
	items := []any{}
	for _, p := range paths {
		items = append(items, map[string]any{"code": "invalid_type", "message": "Invalid input: expected string, received undefined", "path": strings.Split(p, ".")})
	}
	data, _ := json.Marshal(map[string]any{"error": map[string]any{"code": "invalid_body", "errors": items}})
	return string(data)
}

// fields is a body, or a part of one.
type fields = map[string]any

// post imports a connection; more are further members of the body, in pairs.
func (w *world) post(key, id string, credentials fields, more ...any) answer {
	w.t.Helper()
	body := fields{"provider_config_key": key, "credentials": credentials}
	if id != "" {
		body["connection_id"] = id
	}
	for n := 0; n+1 < len(more); n += 2 {
		body[more[n].(string)] = more[n+1]
	}
	return w.call("POST", "/connections", body)
}

func TestCasesImport(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	with := func(credentials fields) answer { return w.post("github", "", credentials) }
	t.Run("2.8.1", func(t *testing.T) { w.protected("POST", "/connections", fields{}) })
	for number, c := range map[string]struct{ kind, missing string }{
		"2": {"OAUTH2", "access_token"}, "3": {"OAUTH2_CC", "token client_id client_secret"}, "4": {"OAUTH1", "oauth_token oauth_token_secret"}, "5": {"API_KEY", "apiKey"},
		"6": {"BASIC", "username password"}, "8": {"TBA", "token_id token_secret"}, "9": {"APP", "app_id installation_id"},
	} {
		t.Run("2.8."+number, func(t *testing.T) {
			var paths []string
			for _, name := range strings.Fields(c.missing) {
				paths = append(paths, "credentials."+name)
			}
			with(fields{"type": c.kind}).want(400, undefined(paths...))
		})
	}
	t.Run("2.8.7", func(t *testing.T) {
		with(fields{"type": "NONE", "foo": "bar"}).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "foo"`, "credentials"))
	})
	t.Run("no right", func(t *testing.T) {
		w.call("POST", "/connections", fields{}, "Authorization", w.keyWith(ScopeConnectionsRead)).want(403, `{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:connections:create"}}`)
	})
}

func TestCasesImported(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	with := func(credentials fields, more ...any) answer { return w.post("github", "", credentials, more...) }
	token := fields{"type": "OAUTH2", "access_token": "123"}
	full := func(credentials, endUser, tags, webhook string) string {
		return `{"connection_id":"*","id":"*","provider":"github","provider_config_key":"github","connection_config":{},"webhook_url_override":` + webhook +
			`,"credentials":` + credentials + `,"end_user":` + endUser + `,"errors":[],"metadata":{},"tags":` + tags + `,"created_at":"*","updated_at":"*","last_fetched_at":"*"}`
	}
	plain := `{"type":"OAUTH2","access_token":"123","raw":{"type":"OAUTH2","access_token":"123"}}`
	user := fields{"id": "u1", "display_name": "John", "tags": fields{"projectId": "123"}}
	t.Run("2.8.10", func(t *testing.T) {
		a := with(token, "end_user", user)
		a.want(201, full(plain, `{"id":"u1","email":null,"display_name":"John","organization":null,"tags":{"projectId":"123"}}`,
			`{"end_user_id":"u1","end_user_display_name":"John","projectid":"123"}`, "null"))
		if id, _ := a.at("connection_id").(string); !isUUID(id) {
			t.Errorf("the ID is %q", id)
		}
		if n, ok := a.at("id").(float64); !ok || n <= 0 {
			t.Errorf("the number is %v", a.at("id"))
		}
		for _, name := range []string{"created_at", "updated_at", "last_fetched_at"} {
			text, _ := a.at(name).(string)
			if at, err := time.Parse("2006-01-02T15:04:05.000Z", text); err != nil || time.Since(at).Abs() > time.Hour {
				t.Errorf("%s is %q", name, text)
			}
		}
	})
	t.Run("2.8.11", func(t *testing.T) {
		for _, target := range []string{"https://api.nango.dev/hook", "https://NANGO.dev./x"} {
			with(token, "webhook_url_override", target).want(400, errorBody("invalid_body", "custom", "Webhook URLs cannot point to Nango's domain (nango.dev).", "webhook_url_override"))
		}
		for _, target := range []string{testPublic + "/x", "ftp://example.com"} {
			with(token, "webhook_url_override", target).want(400, errorBody("invalid_body", "custom", "This webhook URL is not allowed.", "webhook_url_override"))
		}
	})
	t.Run("2.8.12", func(t *testing.T) {
		with(token, "webhook_url_override", "https://example.com/hook").want(201, full(plain, "null", "{}", `"https://example.com/hook"`))
	})
	t.Run("2.8.13", func(t *testing.T) {
		override := `"config_override":{"client_id":"own","client_secret":"own secret"}`
		with(fields{"type": "OAUTH2", "access_token": "123", "config_override": fields{"client_id": "own", "client_secret": "own secret"}}).want(201, full(
			`{"type":"OAUTH2","access_token":"123",`+override+`,"raw":{"type":"OAUTH2","access_token":"123",`+override+`}}`, "null", "{}", "null"))
	})
	t.Run("2.8.14", func(t *testing.T) {
		with(token, "tags", fields{"projectId": "1"}).want(201, full(plain, "null", `{"projectid":"1"}`, "null"))
	})
	t.Run("2.8.15", func(t *testing.T) { with(token).want(201, full(plain, "null", "{}", "null")) })
	t.Run("2.8.16", func(t *testing.T) {
		with(token, "tags", fields{"123invalid": "x"}).want(400, errorBody("invalid_body", "invalid_key", "Invalid key in record", "tags", "123invalid"))
	})
	t.Run("2.8.17", func(t *testing.T) {
		with(token, "tags", fields{"env": "prod", "end_user_id": "mine"}, "end_user", fields{"id": "u1", "email": "a@example.com"}).want(201, full(plain,
			`{"id":"u1","email":"a@example.com","display_name":null,"organization":null,"tags":null}`, `{"end_user_id":"mine","end_user_email":"a@example.com","env":"prod"}`, "null"))
	})
}

func TestImportOfEveryType(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	w.installable()
	for key, c := range map[string]struct {
		given fields
		want  string
	}{
		"oauth": {fields{"type": "OAUTH2", "access_token": "a", "refresh_token": "r", "expires_at": "2100-01-01T00:00:00Z"},
			`{"type":"OAUTH2","access_token":"a","refresh_token":"r","expires_at":"2100-01-01T00:00:00.000Z","raw":"*"}`},
		"cc": {fields{"type": "OAUTH2_CC", "token": "t", "client_id": "c", "client_secret": "s", "expires_at": int64(4102444800000)},
			`{"type":"OAUTH2_CC","token":"t","client_id":"c","client_secret":"s","expires_at":"2100-01-01T00:00:00.000Z","raw":"*"}`},
		"app-id": {fields{"type": "API_KEY", "apiKey": "k"}, `{"type":"API_KEY","apiKey":"k"}`},
		"basic":  {fields{"type": "BASIC", "username": "u", "password": ""}, `{"type":"BASIC","username":"u","password":""}`},
		"none":   {fields{"type": "NONE"}, `{}`},
		"app":    {fields{"type": "APP", "app_id": "12", "installation_id": "34"}, `{"type":"APP","access_token":"installation-token","expires_at":"*","raw":"*"}`},
	} {
		a := w.post(key, "all", c.given)
		if a.Code != 201 {
			t.Fatalf("%s: answered with %d %s", key, a.Code, a.Body)
		}
		got, _ := json.Marshal(a.at("credentials"))
		a.Body.Reset()
		a.Body.Write(got)
		a.want(201, c.want)
	}
	a := w.post("tba", "all", fields{"type": "TBA", "token_id": "i", "token_secret": "s"}, "connection_config", fields{"accountId": "77"})
	if a.Code != 201 || a.at("credentials.token_id") != "i" || a.at("connection_config.accountId") != "77" {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
}

func TestImportRefused(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	w.installable()
	w.post("github", "x", fields{"type": "API_KEY", "apiKey": "k"}).want(400, `{"error":{"code":"invalid_body","message":"Provider OAUTH2 does not support API_KEY auth"}}`)
	w.post("github", "x", fields{"type": "CUSTOM", "app_id": "1", "installation_id": "2"}).want(400, `{"error":{"code":"invalid_body","message":"Provider OAUTH2 does not support CUSTOM auth"}}`)
	w.post("unknown", "x", fields{"type": "API_KEY", "apiKey": "k"}).want(404, `{"error":{"code":"not_found","message":"Integration does not exist"}}`)
	w.post("app", "x", fields{"type": "APP", "app_id": "13", "installation_id": "34"}).want(400, errorBody("invalid_body", "custom", "is not the app of the integration", "credentials", "app_id"))
	w.post("github", "x", fields{"type": "JWT"}).want(400, errorBody("invalid_body", "invalid_union", "Invalid input", "credentials", "type"))
	w.post("github", "é", fields{"type": "OAUTH2", "access_token": "a"}).want(400, errorBody("invalid_body", "invalid_format", "Invalid string: must match pattern /"+patternConnection+"/", "connection_id"))
	for _, at := range []any{"tomorrow", true, "-1", 1e18, "NaN"} {
		if a := w.post("github", "x", fields{"type": "OAUTH2", "access_token": "a", "expires_at": at}); a.Code != 400 || !strings.Contains(a.Body.String(), "expected date") {
			t.Errorf("%v: answered with %d %s", at, a.Code, a.Body)
		}
	}
	if a := w.post("tba", "x", fields{"type": "TBA", "token_id": "i", "token_secret": "s"}); a.Code != 400 || !strings.Contains(a.Body.String(), `"path":["connection_config","accountId"]`) {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if a := w.post("app-id", "x", fields{"type": "API_KEY", "apiKey": "k"}, "connection_config", fields{"other": "x"}); a.Code != 400 || !strings.Contains(a.Body.String(), `"path":["connection_config","other"]`) {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	api.answers(401, "{}")
	defer api.answers(0, "")
	w.post("app-id", "x", fields{"type": "API_KEY", "apiKey": "k"}).want(400,
		`{"error":{"code":"connection_test_failed","message":"The provider did not accept the credentials (it answered with status 401)"}}`)
	if _, err := w.client.Connections.Get(t.Context(), "app-id", "x"); err == nil {
		t.Error("a connection was made")
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	t.Run("scopes", func(t *testing.T) {
		w.post("github", "scoped", fields{"type": "OAUTH2", "access_token": "a"}, "connection_config", fields{"oauth_scopes_override": []string{"repo", "user"}})
		w.call("POST", "/connection", fields{"provider_config_key": "github", "connection_id": "flat", "access_token": "a", "no_expiration": true,
			"connection_config": fields{"oauth_scopes_override": []string{"repo", "user"}}})
		for _, id := range []string{"scoped", "flat"} {
			cred, err := w.client.Connections.Credential(t.Context(), "github", id)
			if token, ok := cred.(*tieline.OAuth2Token); !ok || strings.Join(token.Scopes, " ") != "repo user" {
				t.Errorf("%s: the credential is %v: %v", id, cred, err)
			}
		}
		w.post("github", "x", fields{"type": "OAUTH2", "access_token": "a"}, "connection_config", fields{"oauth_scopes_override": "repo"}).want(400,
			errorBody("invalid_body", "invalid_type", "Invalid input: expected array, received string", "connection_config", "oauth_scopes_override"))
	})
	t.Run("again", func(t *testing.T) {
		w.post("app-id", "twice", fields{"type": "API_KEY", "apiKey": "k1"}, "metadata", fields{"n": int64(12345678901234567)}, "tags", fields{"a": "b"})
		a := w.post("app-id", "twice", fields{"type": "API_KEY", "apiKey": "k2"})
		if a.Code != 201 || a.at("credentials.apiKey") != "k2" || a.at("tags.a") != "b" || !strings.Contains(a.Body.String(), `"metadata":{"n":12345678901234567}`) {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
}

func TestImportFlat(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	w.installable()
	api.answers(500, "{}") // nothing is tried out
	post := func(body fields) answer { return w.call("POST", "/connection", body) }
	for code, body := range map[string]fields{
		"missing_provider_config": {},
		"unknown_provider_config": {"provider_config_key": "nothing"},
		"missing_access_token":    {"provider_config_key": "github", "no_expiration": true},
		"missing_expires_at":      {"provider_config_key": "github", "access_token": "a"},
		"invalid_expires_at":      {"provider_config_key": "github", "access_token": "a", "expires_at": "soon"},
		"missing_basic_username":  {"provider_config_key": "basic", "password": "x"},
		"missing_api_key":         {"provider_config_key": "app-id"},
		"missing_app_id":          {"provider_config_key": "app"},
		"missing_installation_id": {"provider_config_key": "app", "app_id": "12"},
		"missing_account_id":      {"provider_config_key": "tba", "token_id": "a", "token_secret": "b"},
		"unknown_oauth_type":      {"provider_config_key": "jwt"},
	} {
		if a := post(body); a.Code != 400 || a.at("error.code") != code || a.at("error.payload") == nil {
			t.Errorf("%s: answered with %d %s", code, a.Code, a.Body)
		}
	}
	post(fields{"provider_config_key": "app-id", "connection_id": "alice", "api_key": "k", "connection_config": fields{"APP_ID": 5}, "metadata": fields{"a": 1}}).want(201,
		`{"provider_config_key":"app-id","connection_id":"alice","api_key":"k","connection_config":{"APP_ID":5},"metadata":{"a":1}}`)
	post(fields{"provider_config_key": "github", "connection_id": "bob", "access_token": "a", "refresh_token": "r", "expires_in": "3600"}).want(201, `{"provider_config_key":"github","connection_id":"bob","access_token":"a","refresh_token":"r","expires_in":"3600"}`)
	post(fields{"provider_config_key": "app", "app_id": 13, "installation_id": 34}).want(400, errorBody("invalid_body", "custom", "is not the app of the integration", "credentials", "app_id"))
	a := w.call("GET", "/connection/bob?provider_config_key=github", nil)
	text, _ := a.at("credentials.expires_at").(string)
	if at, err := time.Parse(time.RFC3339, text); err != nil || (time.Until(at)-time.Hour).Abs() > time.Minute {
		t.Errorf("it expires at %q: %s", text, a.Body)
	}
	if a := post(fields{"provider_config_key": "none"}); a.Code != 201 || !isUUID(fmt.Sprint(a.at("connection_id"))) {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
}

// editor edits one connection.
type editor struct{ w *world }

func (w *world) editor() editor {
	w.imported("app-id", "alice", tieline.ConnectionInput{Credential: key("k"), Config: map[string]string{"APP_ID": "A"}})
	return editor{w}
}

func (e editor) patch(body any) answer {
	return e.w.call("PATCH", "/connections/alice?provider_config_key=app-id", body)
}

func (e editor) get() tieline.Connection {
	e.w.t.Helper()
	c, err := e.w.client.Connections.Get(e.w.t.Context(), "app-id", "alice")
	if err != nil {
		e.w.t.Fatal(err)
	}
	return c
}

// ok makes a change after which the connection has these tags.
func (e editor) ok(t *testing.T, body any, tags string) {
	t.Helper()
	e.patch(body).want(200, `{"success":true}`)
	if got, _ := json.Marshal(tagsJSON(e.get().Tags)); string(got) != tags {
		t.Errorf("the tags are %s, want %s", got, tags)
	}
}

func TestCasesEditConnection(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	e := w.editor()
	t.Run("2.11.1", func(t *testing.T) { w.protected("PATCH", "/connections/alice", fields{}) })
	t.Run("2.11.2", func(t *testing.T) {
		w.call("PATCH", "/connections/alice?provider_config_key=nothing", fields{}).want(400, `{"error":{"code":"unknown_provider_config","message":"Provider does not exists","payload":{}}}`)
	})
	t.Run("2.11.3", func(t *testing.T) {
		w.call("PATCH", "/connections/bob?provider_config_key=app-id", fields{}).want(404, `{"error":{"code":"not_found","message":"Failed to find connection"}}`)
	})
	t.Run("2.11.10", func(t *testing.T) { e.ok(t, fields{"tags": fields{"first": "1"}}, `{"first":"1"}`) })
	t.Run("2.11.4", func(t *testing.T) {
		e.ok(t, fields{"end_user": fields{"id": "u1", "email": "a@example.com"}}, `{"first":"1"}`)
		if u := e.get().EndUser; u == nil || u.ID != "u1" || u.Email != "a@example.com" {
			t.Errorf("the user is %+v", u)
		}
	})
	t.Run("the organization", func(t *testing.T) {
		_, err := w.client.Connections.Update(t.Context(), "app-id", "alice", func(c *tieline.Connection) error {
			c.EndUser.Organization = &tieline.Organization{ID: "o1"}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		e.ok(t, fields{"end_user": fields{"id": "u1", "display_name": "Alice"}}, `{"first":"1"}`)
		if u := e.get().EndUser; u.Organization == nil || u.DisplayName != "Alice" {
			t.Errorf("the user is %+v", u)
		}
		e.ok(t, fields{"end_user": fields{"id": "u9"}}, `{"first":"1"}`)
		if u := e.get().EndUser; u.Organization != nil { // it was another user's
			t.Errorf("the user is %+v", u)
		}
	})
	t.Run("2.11.5", func(t *testing.T) { e.ok(t, fields{"tags": fields{"ENV": "Prod"}}, `{"env":"Prod"}`) })
	t.Run("2.11.6", func(t *testing.T) {
		e.ok(t, fields{"tags": fields{"env": "prod"}, "end_user": fields{"id": "u2"}}, `{"end_user_id":"u2","env":"prod"}`)
		if u := e.get().EndUser; u == nil || u.ID != "u2" {
			t.Errorf("the user is %+v", u)
		}
	})
	t.Run("2.11.7", func(t *testing.T) {
		e.patch(fields{"tags": fields{"123invalid": "x"}}).want(400, errorBody("invalid_body", "invalid_key", "Invalid key in record", "tags", "123invalid"))
	})
	t.Run("2.11.8", func(t *testing.T) {
		e.ok(t, fields{"tags": fields{"a": "with some spaces"}}, `{"a":"with some spaces"}`)
	})
	t.Run("2.11.9", func(t *testing.T) { e.ok(t, fields{"tags": fields{"b": "new"}}, `{"b":"new"}`) })
	t.Run("2.11.11", func(t *testing.T) { e.ok(t, fields{"tags": fields{}}, `{}`) })
}

func TestCasesEditWebhookURL(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	e := w.editor()
	t.Run("2.11.12", func(t *testing.T) {
		e.ok(t, fields{"webhook_url_override": "https://example.com/hook"}, `{}`)
		if c := e.get(); c.WebhookURL != "https://example.com/hook" || len(c.Config) != 1 {
			t.Errorf("the connection is %+v", c)
		}
	})
	t.Run("2.11.13", func(t *testing.T) {
		e.ok(t, fields{}, `{}`)
		if c := e.get(); c.WebhookURL == "" {
			t.Error("what was not given was changed")
		}
		e.ok(t, fields{"webhook_url_override": ""}, `{}`)
		if c := e.get(); c.WebhookURL != "" {
			t.Errorf("the URL is %q", c.WebhookURL)
		}
	})
	t.Run("2.11.14", func(t *testing.T) {
		e.patch(fields{"webhook_url_override": "not-a-url"}).want(400, errorBody("invalid_body", "invalid_format", "Invalid URL", "webhook_url_override"))
	})
	t.Run("unknown members", func(t *testing.T) {
		e.patch(fields{"connection_config": fields{}}).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "connection_config"`))
	})
}

func TestCasesDeleteConnection(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	w.imported("app-id", "alice", tieline.ConnectionInput{Credential: key("k")})
	w.protected("DELETE", "/connections/alice", nil)
	w.call("DELETE", "/connections/alice?provider_config_key=nothing", nil).want(400, `{"error":{"code":"unknown_provider_config","message":"Provider does not exists","payload":{}}}`)
	w.call("DELETE", "/connections/alice", nil).want(400, `{"error":{"code":"invalid_query_params","errors":[{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider_config_key"]}]}}`)
	w.call("DELETE", "/connections/alice?provider_config_key=app-id", nil).want(200, `{"success":true}`)
	w.call("DELETE", "/connection/alice?provider_config_key=app-id", nil).want(404, `{"error":{"code":"unknown_connection","message":"Failed to find connection"}}`)
}
