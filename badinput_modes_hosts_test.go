package tieline

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/outbound"
)

// badHosts are what is no host name, and no URL with one.
func badHosts() []string {
	return []string{
		"evil.test/", "evil.test/x", "evil.test#", "evil.test?", "user@evil.test", "user:pass@evil.test", "evil.test:80:80", "evil.test:x", "evil.test\\x",
		"evil.test\n", "evil.test\r\nx-evil: 1", "evil test", "evil%2etest", "evil\u3002test", "\u0435vil.test", "evil\u2028.test", "-evil.test", "evil..test",
		"0x7f.1", "127.1", "2130706433", "[::1]", "::1", "evil.test\x00", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 130) + "test", "javascript:x", "${apiKey}",
	}
}

// hostEntries have a host that somebody types in, in every way that there is.
func hostEntries() []modeEntry {
	login := `
  token_params: {user: "${credentials.username}", pass: "${credentials.password}"}
  token_response: {token: data.token, token_expiration: data.ttl, token_expiration_strategy: expireIn}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  connection_config: {host: {type: string, title: H}}
`
	return []modeEntry{
		{name: "host-name", mode: ModeTwoStep, yaml: "  token_url: https://${connectionConfig.host}/login\n  proxy: {base_url: \"https://${connectionConfig.host}/api\"}\n" + login},
		{name: "host-label", mode: ModeTwoStep, yaml: "  token_url: https://${connectionConfig.host}.vendor.test/login\n  proxy: {base_url: \"https://${connectionConfig.host}.vendor.test\"}\n" + login},
		{name: "host-url", mode: ModeTwoStep, yaml: "  token_url: ${connectionConfig.host}/login\n  proxy: {base_url: \"${connectionConfig.host}/api\"}\n" + login},
		{name: "host-oauth1", mode: ModeOAuth1, yaml: `
  request_url: https://${connectionConfig.host}/request
  authorization_url: https://${connectionConfig.host}/authorize
  token_url: https://${connectionConfig.host}/access
  proxy: {base_url: "https://${connectionConfig.host}"}
  connection_config: {host: {type: string, title: H}}
`},
		{name: "host-bill", mode: ModeBill, yaml: `
  token_url: https://${connectionConfig.host}/login
  proxy: {base_url: "https://${connectionConfig.host}"}
  connection_config: {host: {type: string, title: H}}
`},
		{name: "host-jwt", mode: ModeJWT, yaml: `
  signature: {protocol: HMAC, hmac_secret_encoding: utf8}
  token: {signing_key: "${credentials.secretKey}", expires_in_ms: 300000, header: {alg: HS256, typ: JWT}, payload: {aud: me}}
  credentials: {secretKey: {type: string, title: P, secret: true}}
  proxy: {base_url: "https://${connectionConfig.host}", verification: {method: GET, endpoints: [/me]}}
  connection_config: {host: {type: string, title: H}}
`},
		{name: "host-cc", mode: ModeOAuth2CC, yaml: `
  token_url: https://${connectionConfig.host}/token
  proxy: {base_url: "https://${connectionConfig.host}"}
  connection_config: {host: {type: string, title: H}}
`},
	}
}

// What is no host is refused by the name of its field, and nobody is asked.
func TestModesBadHosts(t *testing.T) {
	t.Parallel()
	for _, e := range hostEntries() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				good := w.in.Config["host"]
				for _, bad := range badHosts() {
					if e.name == "host-name" && bad == "evil.test/" || strings.HasSuffix(bad, "\n") || e.name != "host-url" && e.name != "host-label" && bad == "evil.test/" {
						continue // a slash at the end is forgiven, and so are line breaks
					}
					w.in.Config["host"] = bad
					if e.name == "host-url" {
						if !strings.HasPrefix(bad, "javascript:") {
							w.in.Config["host"] = "https://" + bad
						}
						if slices.Contains([]string{"evil.test/", "evil.test/x", "[::1]"}, bad) {
							continue // good URLs; where they lead is for the way out to judge
						}
					}
					if e.name == "host-label" && strings.Trim(bad, "0123456789xf.") == "" {
						continue // a name like any other
					}
					asked := len(w.provider.Log())
					err := w.join(t.Context())
					var problem error
					switch {
					case !slices.Contains(fieldErrorsOf(err), "config.host"):
						problem = fmt.Errorf("%w, %q", errOrNone(err), fieldErrorsOf(err))
					case len(w.provider.Log()) > asked:
						problem = errors.New("the provider was asked")
					case len(w.rows(kindConnection))+len(w.rows(kindAuthorization)) > 0:
						problem = errors.New("something is stored")
					}
					gap(t, fmt.Sprintf("host/%s/%.20q", e.name, bad), problem)
				}
				w.in.Config["host"] = good
				w.mustJoin()
			})
		})
	}
}

// A host that leads into the application's own network is not asked, the error says
// so, and trying again is not what helps.
func TestModesPrivateHosts(t *testing.T) {
	t.Parallel()
	for _, e := range hostEntries() {
		if e.name == "host-label" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for _, ip := range []string{"10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1"} {
				w := newModeWorld(t, e)
				tr := outbound.New(nil, outbound.Policy{})
				w.core.tokenHTTP, w.core.apiHTTP = tr.Token, tr.API
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.in.Config["host"] = ip
				if e.name == "host-url" {
					w.in.Config["host"] = "https://" + ip
				}
				err := w.join(t.Context())
				if !errors.Is(err, ErrForbidden) || typed(err) == "" || len(w.rows(kindConnection)) > 0 {
					t.Errorf("%s: %v", ip, err)
				}
				var temporary interface{ Temporary() bool }
				var problem error
				if errors.As(err, &temporary) && temporary.Temporary() {
					problem = fmt.Errorf("temporary: %w", err)
				}
				gap(t, "forbidden/"+e.name, problem)
				w.end()
				tr.CloseIdle()
			}
		})
	}
}

// capturedEntries take their API's address from what the provider, or whoever
// brings the callback, says.
func capturedEntries() []modeEntry {
	return []modeEntry{
		{name: "captured-login", mode: ModeTwoStep, yaml: `
  token_url: https://vendor.test/login
  token_params: {user: "${credentials.username}", pass: "${credentials.password}"}
  token_response: {token: data.token}
  token_response_metadata: [instance_url]
  token_expires_in_ms: 3600000
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: "${connectionConfig.instance_url}"}
`},
		{name: "captured-steps", mode: ModeTwoStep, yaml: `
  token_url: https://vendor.test/login
  token_params: {user: "${credentials.username}", pass: "${credentials.password}"}
  additional_steps: [{token_url: "${step1.instance_url}/next", token_headers: {authorization: "Bearer ${step1.ticket}"}}]
  token_response: {token: data.token}
  token_expires_in_ms: 3600000
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: https://api.vendor.test}
`},
	}
}

// An address in an answer that is none is not called, and the credential goes
// nowhere.
func TestModesCapturedHosts(t *testing.T) {
	t.Parallel()
	for _, e := range capturedEntries() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for _, bad := range []string{
				"http://evil.test", "https://user@evil.test", "https://u:p@evil.test", "https://evil.test#", "//evil.test", "evil.test", "https://",
				"https:///x", "https://evil.test\n", "https://evil.test\r\nx-evil: 1", "https://evil test", "javascript:alert(1)", "file:///etc/passwd", "https://evil\u3002test", "https://0x7f.1",
				"https://[::1%25eth0]", "https://evil.test:99999", strings.Repeat("x", 20<<10),
			} {
				inBubble(t, e, func(t *testing.T, w *modeWorld) {
					w.fail("token", modeFault{answer: func(rw http.ResponseWriter, _ *http.Request) {
						jsonAnswer(rw, http.StatusOK, fmt.Sprintf(`{"data":{"token":"the-token"},"ticket":"the-ticket","instance_url":%q}`, bad))
					}})
					if err := w.setUp(t.Context()); err != nil {
						t.Fatal(err)
					}
					err := w.join(t.Context())
					if err == nil {
						err = w.note(w.call(t.Context()))
					}
					if err == nil {
						t.Errorf("%.40q was called", bad)
					}
					var problem error
					if typed(err) == "" {
						problem = fmt.Errorf("%.40q: %w is of no type", bad, err)
					}
					gap(t, fmt.Sprintf("captured/%s/%.20q", e.name, bad), problem)
					for _, x := range w.provider.Log() {
						if u, err := url.Parse(x.URL); err != nil || u.Host != "vendor.test" {
							t.Errorf("%.40q: %s was asked", bad, x.URL)
						}
					}
				})
			}
		})
	}
}

// The MCP server is anybody's, and so is what it says of who authorizes for it.
func TestModesDiscovery(t *testing.T) {
	t.Parallel()
	e := modeNamed(t, "mcp-generic")
	for name, doc := range map[string]string{
		"endpoint in the clear": `{"issuer":"%[1]s","authorization_endpoint":"http://evil.test/a","token_endpoint":"%[1]s/t"}`,
		"endpoint with a user":  `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/a","token_endpoint":"https://u:p@evil.test/t"}`,
		"endpoint of a script":  `{"issuer":"%[1]s","authorization_endpoint":"javascript:alert(1)","token_endpoint":"%[1]s/t"}`,
		"no token endpoint":     `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/a"}`,
		"another issuer":        `{"issuer":"https://evil.test","authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t"}`,
		"no S256":               `{"issuer":"%[1]s","authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t","code_challenge_methods_supported":["plain"]}`,
		"numbers":               `{"issuer":"%[1]s","authorization_endpoint":1,"token_endpoint":2}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				w.provider.Fail("discovery", func(rw http.ResponseWriter, r *http.Request) bool {
					if strings.Contains(r.URL.Path, "protected-resource") {
						return false
					}
					jsonAnswer(rw, http.StatusOK, fmt.Sprintf(doc, r.URL.Scheme+"://"+r.URL.Host+issuerPath(r.URL.Path)))
					return true
				})
				err := w.join(t.Context())
				var failure *DiscoveryError
				if !errors.As(err, &failure) || failure.Step == "" || failure.Code == "" || !errors.Is(err, ErrTokenEndpoint) {
					t.Errorf("Authorize = %v", err)
				}
				if w.asked("registration")+len(w.rows(kindAuthorization)) > 0 {
					t.Error("it went on")
				}
			})
		})
	}
}

// issuerPath is the path of the issuer whose metadata is at path (RFC 8414 section 3).
func issuerPath(path string) string {
	for _, known := range []string{"/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"} {
		path = strings.Replace(path, known, "", 1)
	}
	return path
}

// A registration that fails makes no integration, and is not tried twice.
func TestModesRegistration(t *testing.T) {
	t.Parallel()
	e := modeNamed(t, "mcp-dynamic")
	for _, f := range append(modeFaults(),
		statusFault("a line in the ID", http.StatusCreated, `{"client_id":"a\nb"}`), statusFault("no ID", http.StatusCreated, `{"client_name":"x"}`),
		statusFault("refused", http.StatusBadRequest, `{"error":"invalid_redirect_uri","error_description":"`+answerCanary+`"}`)) {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				clear := w.fail("registration", f)
				err := w.setUp(t.Context())
				clear()
				var failure *DiscoveryError
				if !errors.As(err, &failure) || failure.Step != "registration" || len(w.rows(kindIntegration)) != 0 {
					t.Errorf("Create = %v", err)
				}
				if n := w.asked("registration"); n != 1 {
					t.Errorf("asked %d times", n)
				}
				w.mustJoin()
			})
		})
	}
}

// A plain MCP URL that leads nowhere good.
func TestModesMCPServer(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "mcp-generic"), func(t *testing.T, w *modeWorld) {
		if err := w.setUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		good := w.in.Config[mcpServer]
		for _, bad := range []string{"http://mcp.test", "https://u@mcp.test", "https://u:p@mcp.test/", "mcp.test", "https://", "javascript:x", "https://mcp.test:x", "https://mcp test"} {
			w.in.Config[mcpServer] = bad
			err := w.join(t.Context())
			if !slices.Contains(fieldErrorsOf(err), "config."+mcpServer) || len(w.provider.Log()) > 0 {
				t.Errorf("%q: %v", bad, err)
			}
		}
		w.in.Config[mcpServer] = good
		w.mustJoin()
	})
}
