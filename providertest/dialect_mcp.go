package providertest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// resourceScopes are the scopes of a discovered MCP server.
var resourceScopes = []string{"mcp:read", "mcp:write"}

// issuer is the authorization server of a discovered MCP server.
func (d *Dialect) issuer() string { return "https://auth." + slug(d.name) + ".example.com" }

// planDiscovery plans MCP_OAUTH2_GENERIC: the documents of RFC 9728 and RFC 8414,
// and the endpoints they name. Other well-known places do not exist.
func (d *Dialect) planDiscovery() {
	server, _ := d.configValue("mcp_server_url")
	u := parsed(server)
	if u == nil {
		return
	}
	d.add("discovery", d.resourceDocument(u), d.resourceMetadata)
	d.add("discovery", d.issuer()+"/.well-known/oauth-authorization-server", d.serverMetadata)
	d.add("registration", d.issuer()+"/register", d.register)
	d.addIf("refresh", d.issuer()+"/token", d.refreshOAuth2, d.isRefresh)
	d.add("token", d.issuer()+"/token", d.exchange)
	for _, origin := range []string{u.Scheme + "://" + u.Host, d.issuer()} {
		d.routes = append(d.routes, route{
			role: "discovery", url: parsed(origin + "/.well-known"), below: true,
			serve: func(*hit) Answer { return textAnswer(http.StatusNotFound, "not found") },
		})
	}
}

// resourceDocument is where RFC 9728 section 3.1 puts the metadata: between host and path.
func (d *Dialect) resourceDocument(u *url.URL) string {
	return u.Scheme + "://" + u.Host + "/.well-known/oauth-protected-resource" + strings.TrimSuffix(u.EscapedPath(), "/")
}

// challenge is what an MCP server answers whoever has no token yet (RFC 9728 section 5.1).
func (d *Dialect) challenge() Answer {
	server, _ := d.configValue("mcp_server_url")
	return Answer{
		Status: http.StatusUnauthorized,
		Header: http.Header{"Www-Authenticate": {`Bearer resource_metadata="` + d.resourceDocument(parsed(server)) + `"`}},
	}
}

func (d *Dialect) resourceMetadata(h *hit) Answer {
	d.wantGet(h)
	server, _ := d.configValue("mcp_server_url")
	return d.sent(h.role, map[string]any{
		"resource": server, "authorization_servers": []string{d.issuer()}, "scopes_supported": resourceScopes,
		"bearer_methods_supported": []string{"header"},
	})
}

func (d *Dialect) serverMetadata(h *hit) Answer {
	d.wantGet(h)
	return d.sent(h.role, map[string]any{
		"issuer":                                d.issuer(),
		"authorization_endpoint":                d.issuer() + "/authorize",
		"token_endpoint":                        d.issuer() + "/token",
		"registration_endpoint":                 d.issuer() + "/register",
		"response_types_supported":              []string{"code"},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"none"},
		"scopes_supported":                      []string{"mcp:read", "mcp:write", "mcp:admin"},
	})
}

func (d *Dialect) wantGet(h *hit) {
	if h.r.Method != http.MethodGet {
		d.problem(h.role, "the method is %s, want GET", h.r.Method)
	}
	if a := h.r.Header.Get("Authorization"); a != "" {
		d.problem(h.role, "header authorization is sent to a public document")
	}
}

// register answers dynamic client registration (RFC 7591).
func (d *Dialect) register(h *hit) Answer {
	before := len(d.problems)
	if h.r.Method != http.MethodPost {
		d.problem(h.role, "the method is %s, want POST", h.r.Method)
	}
	d.wantType(h, jsonType)
	d.noAuthorization(h)
	var m struct {
		RedirectURIs  []string `json:"redirect_uris"`
		AuthMethod    string   `json:"token_endpoint_auth_method"`
		ClientName    string   `json:"client_name"`
		GrantTypes    []string `json:"grant_types"`
		ResponseTypes []string `json:"response_types"`
	}
	if err := json.Unmarshal(h.body, &m); err != nil {
		d.problem(h.role, "the body is no client metadata: %q", h.body)
	}
	if len(m.RedirectURIs) == 0 {
		d.problem(h.role, "redirect_uris is empty")
	}
	for _, u := range m.RedirectURIs {
		d.checkRedirect(h.role, u)
	}
	if m.AuthMethod != "none" {
		d.problem(h.role, "token_endpoint_auth_method is %q, want none", m.AuthMethod)
	}
	if m.ClientName == "" {
		d.problem(h.role, "client_name is missing")
	}
	same := func(what string, got, standard []string) {
		want := standard
		if list := textsOf(dig(d.entry, "registration_params", what)); len(list) > 0 {
			want = list
		}
		got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
		if !slices.Equal(got, want) {
			d.problem(h.role, "%s is %q, want %q", what, got, want)
		}
	}
	same("grant_types", m.GrantTypes, []string{"authorization_code", "refresh_token"})
	same("response_types", m.ResponseTypes, []string{"code"})
	if len(d.problems) > before {
		return oauthAnswer(http.StatusBadRequest, "invalid_client_metadata", "see Problems")
	}
	id := d.grants.text("dcr-")
	d.grants.clients[id] = &registered{redirectURIs: m.RedirectURIs}
	return d.registered(h, id, m.RedirectURIs)
}

func (d *Dialect) registered(h *hit, id string, redirectURIs []string) Answer {
	a := d.sent(h.role, map[string]any{
		"client_id": id, "client_id_issued_at": d.now().Unix(), "redirect_uris": redirectURIs,
		"token_endpoint_auth_method": "none",
	})
	a.Status = http.StatusCreated
	return a
}
