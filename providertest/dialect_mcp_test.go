package providertest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const mcpEntry = `
auth_mode: MCP_OAUTH2
authorization_url: https://vendor.test/authorize
token_url: https://vendor.test/token
registration_url: https://vendor.test/register
authorization_params: {response_type: code, resource: https://mcp.vendor.test/mcp}
token_params: {grant_type: authorization_code}
refresh_params: {grant_type: refresh_token}
disable_pkce: true
proxy: {base_url: https://mcp.vendor.test, headers: {accept: "application/json,text/event-stream"}}
client_registration: `

// registration is the metadata of a public client.
func registration() map[string]any {
	return map[string]any{
		"redirect_uris": []string{callback}, "token_endpoint_auth_method": "none", "client_name": "Client",
		"grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
	}
}

// mcpFlow connects, calls and refreshes as a client whose ID and secret are known.
func mcpFlow(w *wire, page, token, api, id, secret, scope string, resource string) {
	query := url.Values{
		"response_type": {"code"}, "client_id": {id}, "redirect_uri": {callback}, "state": {state16}, "scope": {scope},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}, "resource": {resource},
	}
	back, ok := w.visit(msg{url: page, form: query})
	if !ok {
		return
	}
	client := func(form url.Values) url.Values {
		form.Set("client_id", id)
		if secret != "" {
			form.Set("client_secret", secret)
		}
		if strings.Contains(token, "auth.") {
			form.Set("resource", resource)
		}
		return form
	}
	r := w.do("token", msg{url: token, form: client(url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier},
	})})
	if r.status != 200 {
		return
	}
	head := bearer(r.str("access_token"))
	head.Set("Accept", "application/json,text/event-stream")
	if a := w.do("api", msg{url: api, header: head}); w.edit == nil && a.status != 200 {
		w.t.Errorf("the API answers %d", a.status)
	}
	w.do("refresh", msg{url: token, form: client(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {r.str("refresh_token")}})})
}

func TestDialectMCP(t *testing.T) {
	t.Parallel()
	const page, token, api, resource = "https://vendor.test/authorize", "https://vendor.test/token", "https://mcp.vendor.test/mcp", "https://mcp.vendor.test/mcp"
	shared := []edit{
		{"no resource", "authorize", del("resource"), "resource is missing"},
		{"no challenge although the entry has no PKCE", "authorize", del("code_challenge"), "code_challenge is"},
		{"no verifier", "token", del("code_verifier"), "does not match"},
		{"other client", "authorize", set("client_id", "x"), "client_id"},
		{"other resource", "token", set("resource", "https://x"), "resource is"},
	}
	register := func(role string, change func(m map[string]any)) edit {
		return edit{"", role, func(m *msg) { change(m.json) }, ""}
	}
	dynamic := append([]edit{
		{"secret", "token", set("client_secret", "x"), "the client is public"},
		{"Basic", "token", hset("Authorization", "Basic x"), "authenticates in the body"},
		{"unregistered redirect", "authorize", set("redirect_uri", callback+"2"), "was not registered"},
		{"another client's code", "token", set("client_id", "x"), "the code is for"},
		{"refresh of another client", "refresh", set("client_id", "x"), "never registered"},
		{"no accept", "api", hdel("Accept"), "accept is missing"},
	}, shared...)
	dynamic = append(dynamic, []edit{
		{"registration by PUT", "registration", by("PUT"), "want POST"},
		{"registration as a form", "registration", func(m *msg) { m.raw = "a=b" }, "no client metadata"},
		{"registration's type", "registration", hset("Content-Type", formType), "content-type is"},
		{"registration with a token", "registration", hset("Authorization", "Bearer x"), "nothing asks for one"},
		{"registration of a path", "registration", func(m *msg) { m.json["redirect_uris"] = []string{"/callback"} }, "not an absolute URL"},
	}...)
	for name, problem := range map[string]string{
		"redirect_uris": "redirect_uris is empty", "token_endpoint_auth_method": "want none", "client_name": "client_name is missing",
		"grant_types": "grant_types is", "response_types": "response_types is",
	} {
		e := register("registration", func(m map[string]any) { delete(m, name) })
		e.name, e.problem = "registration without "+name, problem
		dynamic = append(dynamic, e)
	}
	t.Run("dynamic", func(t *testing.T) {
		t.Parallel()
		scripted(t, "mcp", mcpEntry+"dynamic", func(w *wire) {
			id := w.do("registration", msg{url: "https://vendor.test/register", json: registration()}).str("client_id")
			mcpFlow(w, page, token, api, id, "", strings.Join(w.d.Inputs().Scopes, " "), resource)
		}, dynamic)
	})
	t.Run("static", func(t *testing.T) {
		t.Parallel()
		scripted(t, "mcp", mcpEntry+"static", func(w *wire) {
			in := w.d.Inputs()
			mcpFlow(w, page, token, api, in.ClientID, in.ClientSecret, strings.Join(in.Scopes, " "), resource)
		}, append([]edit{{"no secret", "token", del("client_secret"), "client_secret is missing"}}, shared...))
	})
	t.Run("cimd", func(t *testing.T) {
		t.Parallel()
		scripted(t, "mcp", mcpEntry+"cimd", func(w *wire) {
			mcpFlow(w, page, token, api, "https://app.test/client.json", "", strings.Join(w.d.Inputs().Scopes, " "), resource)
		}, append([]edit{
			{"plain http", "authorize", set("client_id", "http://app.test/client.json"), "want an https URL"},
			{"secret", "token", set("client_secret", "x"), "the client is public"},
		}, shared[:3]...))
	})
}

func TestDialectMCPDiscovery(t *testing.T) {
	t.Parallel()
	scripted(t, "generic", `
auth_mode: MCP_OAUTH2_GENERIC
proxy: {base_url: "${connectionConfig.mcp_server_url}"}
connection_config: {mcp_server_url: {pattern: '^https://[a-zA-Z0-9.-]+(?:/.*)?$', example: https://mcp.example.com/mcp}}
`, func(w *wire) {
		server := w.d.Inputs().Config["mcp_server_url"]
		first := w.do("challenge", msg{url: server, raw: "{}"})
		where := strings.TrimSuffix(strings.TrimPrefix(first.header.Get("Www-Authenticate"), `Bearer resource_metadata="`), `"`)
		u, err := url.Parse(server)
		if err != nil {
			w.t.Fatal(err)
		}
		if want := "https://" + u.Host + "/.well-known/oauth-protected-resource" + u.Path; w.edit == nil && where != want {
			w.t.Errorf("the metadata is at %q, want %q", where, want)
		}
		resource := w.do("resource", msg{method: http.MethodGet, url: where})
		issuer := textsOf(resource.json["authorization_servers"])
		if len(issuer) != 1 {
			return
		}
		meta := w.do("server", msg{method: http.MethodGet, url: issuer[0] + "/.well-known/oauth-authorization-server"})
		if w.edit == nil && meta.str("issuer") != issuer[0] {
			w.t.Errorf("the metadata is %s", meta.text)
		}
		if r := w.do("nowhere", msg{method: http.MethodGet, url: issuer[0] + "/.well-known/openid-configuration"}); r.status != 404 {
			w.t.Errorf("there is another document: %d", r.status)
		}
		if meta.str("token_endpoint") == "" {
			return
		}
		id := w.do("registration", msg{url: meta.str("registration_endpoint"), json: registration()}).str("client_id")
		scope := strings.Join(textsOf(resource.json["scopes_supported"]), " ")
		mcpFlow(w, meta.str("authorization_endpoint"), meta.str("token_endpoint"), server, id, "", scope, resource.str("resource"))
	}, []edit{
		{"credentials to a document", "server", hset("Authorization", "Bearer x"), "public document"},
		{"POST", "resource", by("POST"), "want GET"},
		{"no resource", "authorize", del("resource"), "resource is missing"},
		{"the server's scopes", "authorize", set("scope", "mcp:read mcp:write mcp:admin"), "scope is"},
		{"no resource at the token", "token", del("resource"), "resource is missing"},
		{"no resource at the refresh", "refresh", del("resource"), "resource is missing"},
		{"registration", "registration", func(m *msg) { m.json["token_endpoint_auth_method"] = "client_secret_basic" }, "want none"},
		{"token", "api", hset("Authorization", "Bearer x"), "authorization is"},
	})
}
