package e2e

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

// mcpFile knows nothing of any server: the connection brings the URL.
const mcpFile = `
mcp:
  display_name: Any MCP server
  categories: [dev-tools]
  docs: https://modelcontextprotocol.io/
  auth_mode: MCP_OAUTH2_GENERIC
  proxy:
    base_url: ${connectionConfig.mcp_server_url}
  connection_config:
    mcp_server_url:
      type: string
      title: URL
      description: Where the MCP server is.
      pattern: '^https://[a-z0-9.:-]+/.*$'
      example: https://mcp.example.com/mcp
`

const metadataPath = "/.well-known/oauth-protected-resource"

// mcpWorld is an MCP server of the official SDK behind the SDK's own check of
// bearer tokens, and the authorization server that it names.
type mcpWorld struct {
	*app
	server *authserver.Server
	// URL is the MCP server's; all that the application is told.
	URL string
	// refused is how many requests the MCP server answered with 401.
	refused atomic.Int64
	// metadata is what the MCP server says about itself (RFC 9728).
	metadata oauthex.ProtectedResourceMetadata
}

// newMCPWorld starts both. edit may change what the MCP server says about itself.
func newMCPWorld(t *testing.T, o authserver.Options, edit func(*mcpWorld)) *mcpWorld {
	t.Helper()
	w := &mcpWorld{}
	web := httptest.NewUnstartedServer(nil)
	t.Cleanup(web.Close)
	origin := "https://" + web.Listener.Addr().String()
	w.URL = origin + "/mcp"
	o.RedirectURI, o.TLS, o.Open, o.Resource = callbackURL, true, true, w.URL
	w.server = authserver.New(t, o)
	w.metadata = oauthex.ProtectedResourceMetadata{
		Resource: w.URL, AuthorizationServers: []string{w.server.URL}, ScopesSupported: []string{"read", "write"},
	}
	if edit != nil {
		edit(w)
	}
	check := auth.RequireBearerToken(w.verify, &auth.RequireBearerTokenOptions{
		ResourceMetadataURL: origin + metadataPath + "/mcp", Scopes: []string{"read"},
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", w.count(check(greeter())))
	mux.Handle(metadataPath+"/mcp", auth.ProtectedResourceMetadataHandler(&w.metadata))
	web.Config.Handler = mux
	web.StartTLS()
	roots := w.server.Roots()
	roots.AddCert(web.Certificate())
	w.app = newMCPApp(t, roots)
	return w
}

func newMCPApp(t *testing.T, roots *x509.CertPool) *app {
	t.Helper()
	a := newApp(t, mcpFile, "", roots)
	a.integrate("mcp", nil)
	return a
}

// verify asks the authorization server.
func (w *mcpWorld) verify(ctx context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
	info, err := w.server.Introspect(ctx, token)
	if err != nil {
		return nil, err
	}
	if !info.Active {
		return nil, auth.ErrInvalidToken
	}
	return &auth.TokenInfo{
		Scopes: strings.Fields(info.Scope), Expiration: time.Unix(info.Expires, 0), UserID: info.Subject,
	}, nil
}

func (w *mcpWorld) count(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&counting{ResponseWriter: rw, refused: &w.refused}, r)
	})
}

// counting counts answers of 401.
type counting struct {
	http.ResponseWriter
	refused *atomic.Int64
}

// WriteHeader implements [http.ResponseWriter].
func (c *counting) WriteHeader(status int) {
	if status == http.StatusUnauthorized {
		c.refused.Add(1)
	}
	c.ResponseWriter.WriteHeader(status)
}

// Unwrap lets the server flush its events.
func (c *counting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// greeter is an MCP server with one tool, which greets whom it is told to and says
// whose token it was called with.
func greeter() http.Handler {
	type args struct {
		Name string `json:"name"`
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "greeter", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "greet", Description: "Says hello."},
		func(_ context.Context, req *mcp.CallToolRequest, in args) (*mcp.CallToolResult, any, error) {
			text := "Hello " + in.Name + ", from " + req.Extra.TokenInfo.UserID
			return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil, nil
		})
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
}

// authorize takes a user to the server that was found, and back.
func (w *mcpWorld) authorize(deny bool) (binding string, callback url.Values) {
	w.t.Helper()
	a, err := w.Connections.Authorize(w.t.Context(), integration, w.options())
	if err != nil {
		w.t.Fatal(err)
	}
	callback, err = w.server.Browse(w.t.Context(), a.URL, deny)
	if err != nil {
		w.t.Fatal(err)
	}
	return a.Binding.Reveal(), callback
}

func (w *mcpWorld) options() tieline.AuthorizeOptions {
	return tieline.AuthorizeOptions{ConnectionID: user, Config: map[string]string{"mcp_server_url": w.URL}}
}

// session is the SDK's client, on the application's HTTP client. It keeps a stream
// open for what the server has to say, unless quiet.
func (w *mcpWorld) session(quiet bool) *mcp.ClientSession {
	w.t.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "app", Version: "1"}, nil)
	session, err := client.Connect(w.t.Context(), &mcp.StreamableClientTransport{
		Endpoint: w.URL, HTTPClient: w.Connections.HTTPClient(integration, user), DisableStandaloneSSE: quiet, MaxRetries: -1,
	}, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = session.Close() })
	return session
}

// greet calls the tool.
func (w *mcpWorld) greet(s *mcp.ClientSession, name string) {
	w.t.Helper()
	res, err := s.CallTool(w.t.Context(), &mcp.CallToolParams{Name: "greet", Arguments: map[string]any{"name": name}})
	if err != nil {
		w.t.Fatal(err)
	}
	if len(res.Content) != 1 || res.IsError {
		w.t.Fatalf("the tool answered %+v", res)
	}
	text, ok := res.Content[0].(*mcp.TextContent)
	if want := "Hello " + name + ", from alice"; !ok || text.Text != want {
		w.t.Errorf("the tool answered %+v, want %q", res.Content[0], want)
	}
}
