package httpapi

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// The cases are those of the reference system's own tests, under the numbers that
// docs/http-differences.md has them by.

const githubJSON = `{"provider":"github","unique_key":"github","display_name":"*","logo":"http://localhost:3003/images/template-logos/github.svg",
	"created_at":"*","updated_at":"*","forward_webhooks":true}`

const threeItems = `{"error":{"code":"invalid_body","errors":[
	{"code":"invalid_format","message":"Invalid string: must match pattern /^[a-zA-Z0-9~:.@ _-]+$/","path":["unique_key"]},
	{"code":"invalid_type","message":"Invalid input: expected string, received boolean","path":["display_name"]},
	{"code":"invalid_union","message":"invalid credentials object","path":["credentials","type"]}]}}`

func TestCasesListIntegrations(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("2.1.1", func(t *testing.T) { w.protected("GET", "/integrations", nil) })
	t.Run("2.1.2 and 5", func(t *testing.T) { w.call("GET", "/integrations", nil).want(200, `{"data":[]}`) })
	w.integration("github", "github")
	t.Run("2.1.3", func(t *testing.T) {
		token := w.session(tieline.Session{})
		w.call("GET", "/integrations", nil, "Authorization", "Bearer "+token).want(200, `{"data":[`+githubJSON+`]}`)
	})
	t.Run("2.1.4", func(t *testing.T) {
		w.call("GET", "/integrations?foo=bar", nil).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "foo"`))
	})
	t.Run("2.1.6", func(t *testing.T) {
		a := w.call("GET", "/integrations", nil).want(200, `{"data":[`+githubJSON+`]}`)
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", a.Body.String()[strings.Index(a.Body.String(), `created_at":"`)+13:][:24]); err != nil {
			t.Error(err)
		}
	})
	w.integration("other", "linear")
	t.Run("a session sees what it may use", func(t *testing.T) {
		token := w.session(tieline.Session{Integrations: []string{"other"}})
		a := w.call("GET", "/integrations", nil, "Authorization", "Bearer "+token)
		if strings.Contains(a.Body.String(), "github") || !strings.Contains(a.Body.String(), "other") {
			t.Errorf("answered with %s", a.Body)
		}
	})
}

func TestCasesPostIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(body any) answer { return w.call("POST", "/integrations", body) }
	t.Run("2.2.1", func(t *testing.T) { w.protected("POST", "/integrations", map[string]any{}) })
	t.Run("2.2.2", func(t *testing.T) {
		post(`{"provider":"invalid","unique_key":"1832_@$ùé&","display_name":false,"credentials":{"authType":"OAUTH1"}}`).want(400, threeItems)
	})
	t.Run("2.2.3", func(t *testing.T) {
		post(map[string]any{"provider": "invalid", "unique_key": "foobar"}).want(400, errorBody("invalid_body", "invalid_string", "Invalid provider", "provider"))
	})
	t.Run("2.2.5", func(t *testing.T) {
		post(map[string]any{"provider": "algolia", "unique_key": "foobar"}).want(200, `{"data":{"created_at":"*","updated_at":"*","display_name":"Algolia",
			"logo":"http://localhost:3003/images/template-logos/algolia.svg","provider":"algolia","unique_key":"foobar","forward_webhooks":true}}`)
		post(map[string]any{"provider": "algolia", "unique_key": "foobar"}).want(400, errorBody("invalid_body", "invalid_string", "Unique key already exists", "uniqueKey"))
	})
	credentials := func(key string) answer { return w.call("GET", "/integrations/"+key+"?include=credentials", nil) }
	t.Run("2.2.6", func(t *testing.T) {
		app := oauthApp()
		app["webhook_secret"] = "new_secret"
		if a := post(map[string]any{"provider": "github", "unique_key": "gh", "credentials": app}); a.at("data.credentials") != nil || a.Code != 200 {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		if got := credentials("gh").at("data.credentials.webhook_secret"); got != "new_secret" {
			t.Errorf("the secret is %v", got)
		}
	})
	t.Run("2.2.7", func(t *testing.T) {
		post(map[string]any{"provider": "github", "unique_key": "gh2", "credentials": oauthApp()})
		if a := credentials("gh2"); a.Code != 200 || a.at("data.credentials.webhook_secret") != nil || a.at("data.credentials.client_secret") != "bar" {
			t.Errorf("answered with %s", a.Body)
		}
	})
	t.Run("2.2.4", func(t *testing.T) {
		w := newWorld(t, func(cfg *tieline.Config, _ *Options) {
			cfg.Store = storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
				if op == "Put" && key.Kind == "integration" {
					return errors.New("inner detail")
				}
				return nil
			}, nil)
		})
		a := w.call("POST", "/integrations", map[string]any{"provider": "algolia", "unique_key": "x"})
		if a.Code != 500 || a.at("error.code") != "server_error" || strings.Contains(a.Body.String(), "inner") {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
	t.Run("messages", func(t *testing.T) {
		post(map[string]any{"provider": "github", "unique_key": "x"}).want(400, `{"error":{"code":"invalid_body","message":"Missing credentials"}}`)
		post(map[string]any{"provider": "algolia", "unique_key": "x", "credentials": oauthApp()}).want(400,
			`{"error":{"code":"invalid_body","message":"incompatible credentials auth type and provider auth"}}`)
	})
}

func TestCasesGetIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("2.4.1", func(t *testing.T) { w.protected("GET", "/integrations/github", nil) })
	t.Run("2.4.2", func(t *testing.T) {
		if a := w.call("GET", "/integrations/github", nil, "Authorization", "Bearer "+w.session(tieline.Session{})); a.Code != 401 {
			t.Errorf("answered with %d", a.Code)
		}
	})
	t.Run("2.4.3", func(t *testing.T) {
		w.call("GET", "/integrations/github?foo=bar", nil).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "foo"`))
	})
	t.Run("2.4.4", func(t *testing.T) {
		w.call("GET", "/integrations/github", nil).want(404, `{"error":{"code":"not_found","message":"Integration \"github\" does not exist"}}`)
	})
	w.integration("github", "github")
	t.Run("2.4.5", func(t *testing.T) { w.call("GET", "/integrations/github", nil).want(200, `{"data":`+githubJSON+`}`) })
	t.Run("2.4.6", func(t *testing.T) {
		a := w.call("GET", "/integrations/github?include=webhook", nil)
		if url, ok := a.at("data").(map[string]any)["webhook_url"]; !ok || url != nil {
			t.Errorf("answered with %s", a.Body)
		}
	})
	t.Run("2.4.10", func(t *testing.T) {
		for _, q := range []string{"include=credentials", "include[]=credentials", "include=webhook&include=credentials"} {
			a := w.call("GET", "/integrations/github?"+q, nil)
			if got := a.at("data.credentials"); got == nil {
				t.Fatalf("%s: answered with %s", q, a.Body)
			}
			if a.at("data.credentials.scopes") != "hello,world" || a.at("data.credentials.client_id") != "foo" || a.at("data.credentials.type") != "OAUTH2" {
				t.Errorf("answered with %s", a.Body)
			}
		}
		w.call("GET", "/integrations/github?include=other", nil).want(400,
			errorBody("invalid_query_params", "invalid_value", `Invalid option: expected one of "webhook"|"credentials"`, "include"))
	})
	t.Run("a scope that does not show credentials", func(t *testing.T) {
		_, secret, err := w.keys.Create(t.Context(), "reader", ScopeIntegrationsRead)
		if err != nil {
			t.Fatal(err)
		}
		w.call("GET", "/integrations/github?include=credentials", nil, "Authorization", "Bearer "+secret.Reveal()).want(200, `{"data":`+githubJSON+`}`)
	})
}

// The provider's webhooks are known by the name in its entry.
func TestCasesWebhookURL(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("platform-google", "hooked")
	w.integration("acme:corp", "hooked")
	for number, key := range map[string][2]string{"7": {"platform-google", "platform-google"}, "8": {"acme:corp", "acme%3Acorp"}} {
		t.Run("2.4."+number, func(t *testing.T) {
			a := w.call("GET", "/integrations/"+key[0]+"?include=webhook", nil)
			if got := a.at("data.webhook_url"); got != testPublic+"/webhook/"+defaultEnvironment+"/"+key[1] {
				t.Errorf("the URL is %v", got)
			}
		})
	}
}

func TestCasesPatchIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("github", "github")
	patch := func(body any) answer { return w.call("PATCH", "/integrations/github", body) }
	t.Run("2.5.1", func(t *testing.T) { w.protected("PATCH", "/integrations/github", map[string]any{}) })
	t.Run("2.5.2", func(t *testing.T) {
		patch(`{"unique_key":"1832_@$ùé&","display_name":false,"credentials":{"authType":"OAUTH1"}}`).want(400, threeItems)
	})
	t.Run("2.5.3", func(t *testing.T) {
		if a := patch(map[string]any{"display_name": "DISPLAY"}); a.at("data.display_name") != "DISPLAY" || a.at("data.unique_key") != "github" {
			t.Errorf("answered with %s", a.Body)
		}
	})
	t.Run("2.5.6", func(t *testing.T) {
		app := oauthApp()
		app["webhook_secret"] = "new_secret"
		patch(map[string]any{"credentials": app})
		secret := func() any {
			return w.call("GET", "/integrations/github?include=credentials", nil).at("data.credentials.webhook_secret")
		}
		if got := secret(); got != "new_secret" {
			t.Errorf("the secret is %v", got)
		}
		// What is not given stays; null and "" take it away.
		if patch(map[string]any{"credentials": oauthApp()}); secret() != "new_secret" {
			t.Errorf("the secret is %v", secret())
		}
		for _, clear := range []any{nil, ""} {
			app["webhook_secret"] = "again"
			patch(map[string]any{"credentials": app})
			patch(map[string]any{"credentials": map[string]any{"type": "OAUTH2", "webhook_secret": clear}})
			if secret() != nil {
				t.Errorf("the secret is %v", secret())
			}
		}
	})
	t.Run("2.5.4 and 5", func(t *testing.T) {
		// With connections as well: they follow.
		if _, err := w.client.Connections.Import(t.Context(), "github", "alice", tieline.ConnectionInput{Credential: &tieline.OAuth2Token{AccessToken: tieline.NewSecret("t")}}); err != nil {
			t.Fatal(err)
		}
		if a := patch(map[string]any{"unique_key": "renamed"}); a.at("data.unique_key") != "renamed" {
			t.Errorf("answered with %s", a.Body)
		}
		w.call("GET", "/integrations/github", nil).want(404, `{"error":{"code":"not_found","message":"Integration \"github\" does not exist"}}`)
		if _, err := w.client.Connections.Get(t.Context(), "renamed", "alice"); err != nil {
			t.Error(err)
		}
	})
	t.Run("taken and unknown", func(t *testing.T) {
		w.integration("linear", "linear")
		w.call("PATCH", "/integrations/renamed", map[string]any{"unique_key": "linear"}).want(400, `{"error":{"code":"invalid_body","message":"uniqueKey is already used by another integration"}}`)
		w.call("PATCH", "/integrations/none", map[string]any{}).want(404, `{"error":{"code":"not_found","message":"Integration \"none\" does not exist"}}`)
	})
}

func TestCasesDeleteIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("github", "github")
	t.Run("2.6.1", func(*testing.T) { w.protected("DELETE", "/integrations/github", nil) })
	t.Run("2.6.2", func(*testing.T) { w.call("DELETE", "/integrations/github", nil).want(200, `{"success":true}`) })
	w.call("DELETE", "/integrations/github", nil).want(404, `{"error":{"code":"not_found","message":"Integration \"github\" does not exist"}}`)
}

func TestCasesProviders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("2.13.1", func(t *testing.T) {
		w.protected("GET", "/providers", nil)
		for _, token := range []string{testKey, w.session(tieline.Session{})} {
			a := w.call("GET", "/providers", nil, "Authorization", "Bearer "+token)
			if list, _ := a.at("data").([]any); a.Code != 200 || len(list) < 200 {
				t.Errorf("answered with %d and %d providers", a.Code, len(list))
			}
		}
		w.call("GET", "/providers?search=foobar", nil).want(200, `{"data":[]}`)
		a := w.call("GET", "/providers?search=LINEA", nil)
		var names []string
		for _, p := range a.at("data").([]any) {
			names = append(names, p.(map[string]any)["name"].(string))
		}
		if !slices.Equal(names, []string{"linear", "linear-api-key"}) {
			t.Errorf("found %q", names)
		}
	})
	t.Run("2.13.2", func(t *testing.T) {
		w.protected("GET", "/providers/hubspot", nil)
		w.call("GET", "/providers/foobar", nil).want(404, `{"error":{"code":"not_found","message":"Unknown provider foobar"}}`)
		a := w.call("GET", "/providers/hubspot", nil)
		for name, want := range map[string]any{"name": "hubspot", "auth_mode": "OAUTH2", "logo_url": testPublic + "/images/template-logos/hubspot.svg"} {
			if got := a.at("data." + name); got != want {
				t.Errorf("%s is %v", name, got)
			}
		}
	})
}

func TestCasesQuickstart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	post := func(body any) answer { return w.call("POST", "/integrations/quickstart", body) }
	t.Run("2.3.1", func(t *testing.T) { w.protected("POST", "/integrations/quickstart", map[string]any{}) })
	t.Run("2.3.2", func(t *testing.T) {
		post(map[string]any{"provider": "github", "unique_key": "a", "credentials": map[string]any{}}).
			want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "credentials"`))
	})
	t.Run("2.3.3", func(t *testing.T) {
		post(map[string]any{"provider": "invalid", "unique_key": "a"}).want(400, errorBody("invalid_body", "invalid_string", "Invalid provider", "provider"))
	})
	t.Run("2.3.4", func(t *testing.T) {
		post(map[string]any{"provider": "algolia", "unique_key": "a"}).want(400,
			`{"error":{"code":"invalid_body","message":"Quickstart is only available for providers that require a developer app"}}`)
	})
	t.Run("2.3.5", func(t *testing.T) {
		post(map[string]any{"provider": "github", "unique_key": "a", "display_name": "A", "forward_webhooks": false}).want(400,
			`{"error":{"code":"invalid_body","message":"No Nango-provided developer app is configured for this provider"}}`)
	})
	w.call("GET", "/integrations", nil).want(200, `{"data":[]}`)
}

func TestCasesTemplates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	t.Run("2.13.3", func(t *testing.T) {
		w.protected("GET", "/providers/github/templates", nil)
		for _, name := range []string{"github", "unknown"} {
			w.call("GET", "/providers/"+name+"/templates", nil).want(200, `{"data":[]}`)
		}
		w.call("GET", "/providers/github/templates?foo=bar", nil).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "foo"`))
	})
}
