package discover

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// mcpWorld is one host with an MCP server at /mcp, its authorization server at
// /tenant, and an application at /app that has a client ID metadata document.
type mcpWorld struct {
	t      *testing.T
	origin string
	doc    []byte

	mu       sync.Mutex
	clients  map[string][]string // redirect URIs
	verifier string              // the challenge that a code was given for
}

func (w *mcpWorld) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch r.Method + " " + r.URL.Path {
	case "GET /mcp":
		if r.Header.Get("Authorization") != "Bearer AT" {
			rw.Header().Add("WWW-Authenticate", `Basic realm="humans, only"`)
			rw.Header().Add("WWW-Authenticate", `Bearer error="invalid_token", scope="files:read", resource_metadata="`+w.origin+`/meta"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(rw, "tools")
	case "GET /meta":
		http.Redirect(rw, r, wellKnownResource+"/mcp", http.StatusFound)
	case "GET " + wellKnownResource + "/mcp":
		w.json(rw, 200, map[string]any{"resource": w.origin + "/mcp", "authorization_servers": []string{w.origin + "/tenant"}, "scopes_supported": []string{"files:read", "files:write"}})
	case "GET " + wellKnownOpenID + "/tenant":
		w.json(rw, 200, map[string]any{
			"issuer": w.origin + "/tenant", "authorization_endpoint": w.origin + "/tenant/authorize", "token_endpoint": w.origin + "/tenant/token",
			"registration_endpoint": w.origin + "/tenant/register", "code_challenge_methods_supported": []string{"S256"},
			"client_id_metadata_document_supported": true, "authorization_response_iss_parameter_supported": true,
		})
	case "POST /tenant/register":
		w.register(rw, r)
	case "GET /app/client.json":
		_, _ = rw.Write(w.doc)
	case "GET /tenant/authorize":
		w.authorize(rw, r.URL.Query())
	case "POST /tenant/token":
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if r.PostFormValue("code") != "CODE" || r.PostFormValue("resource") != w.origin+"/mcp" || base64.RawURLEncoding.EncodeToString(sum[:]) != w.verifier {
			w.json(rw, 400, map[string]any{"error": "invalid_grant"})
			return
		}
		w.json(rw, 200, map[string]any{"access_token": "AT", "token_type": "Bearer"})
	default:
		http.NotFound(rw, r)
	}
}

func (w *mcpWorld) register(rw http.ResponseWriter, r *http.Request) {
	var c ClientMetadata
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil || len(c.RedirectURIs) == 0 {
		w.json(rw, 400, map[string]any{"error": "invalid_client_metadata"})
		return
	}
	if !strings.HasPrefix(c.RedirectURIs[0], w.origin) {
		w.json(rw, 400, map[string]any{"error": "invalid_redirect_uri"})
		return
	}
	w.clients["dynamic"] = c.RedirectURIs
	w.json(rw, 201, map[string]any{"client_id": "dynamic", "client_id_issued_at": 1, "redirect_uris": c.RedirectURIs})
}

func (w *mcpWorld) authorize(rw http.ResponseWriter, q url.Values) {
	if id := q.Get("client_id"); strings.HasPrefix(id, "https://") {
		var doc struct {
			ClientID     string   `json:"client_id"`
			RedirectURIs []string `json:"redirect_uris"`
		}
		if json.Unmarshal(w.doc, &doc) == nil && doc.ClientID == id {
			w.clients[id] = doc.RedirectURIs
		}
	}
	if !slices.Contains(w.clients[q.Get("client_id")], q.Get("redirect_uri")) || q.Get("code_challenge_method") != "S256" || q.Get("resource") != w.origin+"/mcp" {
		http.Error(rw, "refused", http.StatusBadRequest)
		return
	}
	w.verifier = q.Get("code_challenge")
	rw.Header().Set("Location", q.Get("redirect_uri")+"?code=CODE&iss="+url.QueryEscape(w.origin+"/tenant"))
	rw.WriteHeader(http.StatusFound)
}

func (w *mcpWorld) json(rw http.ResponseWriter, status int, v any) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(status)
	if err := json.NewEncoder(rw).Encode(v); err != nil {
		w.t.Error(err)
	}
}

// A server that nobody set up is connected to, knowing only its URL: once with a
// registered client, once with a metadata document.
func TestFromURLToToken(t *testing.T) {
	t.Parallel()
	world := &mcpWorld{t: t, clients: map[string][]string{}}
	srv, rt := secure(t, func(w http.ResponseWriter, r *http.Request) { world.ServeHTTP(w, r) })
	world.origin = srv.URL
	callback, id := srv.URL+"/app/callback", srv.URL+"/app/client.json"
	doc, err := ClientDocument(id, []string{callback}, "App")
	if err != nil {
		t.Fatal(err)
	}
	world.doc = doc

	resource, err := ProtectedResource(t.Context(), rt, mustURL(t, srv.URL+"/mcp"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(resource.ChallengeScopes, []string{"files:read"}) || len(resource.AuthorizationServers) != 1 {
		t.Fatalf("%+v", resource)
	}
	server, err := AuthorizationServer(t.Context(), rt, resource.AuthorizationServers[0], Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !server.ClientIDMetadataDocumentSupported || !server.AuthorizationResponseIssParameterSupported {
		t.Fatalf("%+v", server)
	}
	_, err = Register(t.Context(), rt, server.RegistrationEndpoint, ClientMetadata{RedirectURIs: []string{"https://elsewhere.example/"}}, Options{})
	wantError(t, err, ErrInvalidRedirectURI, StepRegistration)
	registered, err := Register(t.Context(), rt, server.RegistrationEndpoint, ClientMetadata{RedirectURIs: []string{callback}, TokenEndpointAuthMethod: "none"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []string{registered.ClientID, id} {
		if got := connect(t, rt, server, resource.Resource, client, callback); got != "tools" {
			t.Errorf("as %s: %q", client, got)
		}
	}
}

// connect walks the authorization code flow and calls the resource.
func connect(t *testing.T, rt http.RoundTripper, server Server, resource, client, callback string) string {
	t.Helper()
	send := func(method, target string, form url.Values, token string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	const verifier = "a-verifier-of-no-entropy-that-is-long-enough-for-the-rules"
	sum := sha256.Sum256([]byte(verifier))
	query := url.Values{"client_id": {client}, "redirect_uri": {callback}, "response_type": {"code"}, "resource": {resource},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}}
	resp, body := send("GET", server.AuthorizationEndpoint+"?"+query.Encode(), nil, "")
	back := mustURL(t, resp.Header.Get("Location")).Query()
	if back.Get("iss") != server.Issuer {
		t.Fatalf("issuer %q of the answer %d %s", back.Get("iss"), resp.StatusCode, body)
	}
	_, body = send("POST", server.TokenEndpoint, url.Values{"code": {back.Get("code")}, "code_verifier": {verifier}, "resource": {resource}}, "")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &token); err != nil {
		t.Fatal(err)
	}
	_, body = send("GET", resource, nil, token.AccessToken)
	return body
}
