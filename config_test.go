package tieline

import (
	"errors"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
)

// The provider's rules for a connection's config are applied here, whatever a
// form has let through.
func TestConnectionConfig(t *testing.T) {
	t.Parallel()
	c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), CallbackURL: testCallback})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "zendesk", Provider: "zendesk", App: app("id")}); err != nil {
		t.Fatal(err)
	}
	for _, good := range []string{"acme", "Acme-2", "https://acme.zendesk.com"} {
		a, err := c.Connections.Authorize(t.Context(), "zendesk", AuthorizeOptions{Config: map[string]string{"subdomain": good}})
		if err != nil || !strings.HasPrefix(strings.ToLower(a.URL), "https://acme") || !strings.Contains(a.URL, ".zendesk.com/") {
			t.Errorf("%s: %v", good, err)
		}
	}
	for name, config := range map[string]map[string]string{
		"missing":           nil,
		"empty":             {"subdomain": ""},
		"another host":      {"subdomain": "evil.example/#"},
		"a user in the URL": {"subdomain": "a@evil.example"},
		"an escape":         {"subdomain": "evil.example%2f"},
		"a newline":         {"subdomain": "acme\n.evil.example"},
		"a backslash":       {"subdomain": `evil.example\`},
		"full-width dot":    {"subdomain": "evil。example"},
		"endless":           {"subdomain": strings.Repeat("a", 10_000)},
	} {
		_, err := c.Connections.Authorize(t.Context(), "zendesk", AuthorizeOptions{Config: config})
		var field *FieldError
		if !errors.As(err, &field) || field.Field != "config.subdomain" {
			t.Errorf("%s: %v", name, err)
		}
		if v := config["subdomain"]; v != "" && strings.Contains(err.Error(), v) {
			t.Errorf("%s: the error shows the value: %v", name, err)
		}
	}
}

// Where a client secret goes is for the application to say, with the integration.
// What a user types has no part in it, whatever it is called.
func TestIntegrationConfigIsTheApplications(t *testing.T) {
	t.Parallel()
	catalog, problems := LoadCatalog(CatalogFile{Name: "test.yaml", Data: []byte(`
own:
  auth_mode: OAUTH2
  authorization_url: https://${integrationConfig.server}/authorize
  token_url: https://${integrationConfig.server}/token
  integration_config:
    server: {type: string, title: Server, format: hostname}
  connection_config:
    server: {type: string, title: Another server, format: hostname, optional: true}
  proxy: {base_url: "https://${connectionConfig.server}"}
`)})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), CallbackURL: testCallback, Providers: catalog})
	if err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]map[string]string{"none": nil, "no host": {"server": "id.example/x?"}} {
		_, err := c.Integrations.Create(t.Context(), Integration{Key: "bad", Provider: "own", App: app("id"), Config: config})
		var field *FieldError
		if !errors.As(err, &field) || field.Field != "config.server" {
			t.Errorf("%s: %v", name, err)
		}
	}
	in := Integration{Key: "own", Provider: "own", App: app("id"), Config: map[string]string{"server": "id.example.com"}}
	if _, err := c.Integrations.Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	a, err := c.Connections.Authorize(t.Context(), "own", AuthorizeOptions{Config: map[string]string{"server": "evil.example.com"}})
	if err != nil || !strings.HasPrefix(a.URL, "https://id.example.com/authorize?") {
		t.Errorf("the user is sent to %q: %v", a.URL, err)
	}
}
