package spec

import (
	"slices"
	"strings"
	"testing"
)

const service = `
a:
  auth_mode: OAUTH2
  categories: [crm]
  docs: https://docs.example.com
  authorization_url: https://example.com/authorize
  token_url: https://example.com/token
  default_scopes: [read]
  refresh: {grant: none}
  connection_config:
    tenant: {type: string, pattern: '^[a-z]+$'}
    account: {type: string, automated: true, source: "token_response:account"}
  token_response_metadata: [account]
  proxy:
    base_url: https://${connectionConfig.tenant}.example.com
    headers: {x-version: "2", x-account: "${connectionConfig.account}"}
    retry: {after: [retry-after]}
  verify: [{url: /me}]
  sources: [https://docs.example.com]
  methods:
    a-key:
      auth_mode: API_KEY
      docs: https://docs.example.com/keys
      credentials:
        apiKey: {type: string, secret: true}
      proxy:
        headers: {x-api-key: "${apiKey}", x-account: null}
    a-basic:
      auth_mode: BASIC
      proxy: {headers: null}
      verify: null
      unverified: Nothing says.
`

func TestMethods(t *testing.T) {
	t.Parallel()
	set, problems := Load(File{Name: "f.yaml", Data: []byte(service)})
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	a, _ := set.Lookup("a")
	if !slices.Equal(a.Methods, []string{"a-key", "a-basic"}) || a.Service != "" {
		t.Errorf("a is of %q and has the methods %q", a.Service, a.Methods)
	}
	key, ok := set.Lookup("a-key")
	if !ok {
		t.Fatal("no a-key")
	}
	if key.Service != "a" || key.AuthMode != APIKey || len(key.Methods) > 0 {
		t.Errorf("a-key: service %q, mode %s, methods %q", key.Service, key.AuthMode, key.Methods)
	}
	if key.Docs != "https://docs.example.com/keys" || !slices.Equal(key.Categories, []string{"crm"}) || len(key.Verify) != 1 || len(key.Sources) != 1 {
		t.Errorf("a-key inherited otherwise: %+v", key.Provider)
	}
	if key.Provider.AuthorizationURL != "" || len(key.DefaultScopes) > 0 || key.Provider.Refresh != nil || len(key.Provider.TokenResponseMetadata) > 0 {
		t.Errorf("a-key inherited how to sign in: %+v", key.Provider)
	}
	if len(key.ConnectionConfig) != 1 || key.ConnectionConfig[0].Name != "tenant" {
		t.Errorf("a-key has the fields %+v", key.ConnectionConfig)
	}
	headers := key.Proxy.Headers
	if len(headers) != 2 || headers.Text("x-version") != "2" || headers.Text("x-api-key") != "${apiKey}" {
		t.Errorf("a-key has the headers %+v", headers)
	}
	if key.Proxy.Retry == nil || key.Proxy.BaseURL != a.Proxy.BaseURL {
		t.Errorf("a-key has the proxy %+v", key.Proxy)
	}
	basic, _ := set.Lookup("a-basic")
	if len(basic.Verify) > 0 || len(basic.Proxy.Headers) > 0 || basic.Unverified == "" {
		t.Errorf("a-basic kept what it took away: %+v", basic.Provider)
	}
}

// What was resolved can be written down and read back.
func TestMethodsRoundTrip(t *testing.T) {
	t.Parallel()
	entries, problems, err := EncodeSet(File{Name: "f.yaml", Data: []byte(service)})
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	for _, e := range entries {
		name, text := e.Name, e.Text
		if _, err := DecodeEntry(name, text); err != nil {
			t.Error(err)
		}
		set, problems := Load(File{Name: "again.yaml", Data: []byte(name + ": " + text + "\n")})
		if e, ok := set.Lookup(name); !ok || len(problems) > 0 || (e.Service == "") != (name == "a") || (len(e.Methods) == 2) != (name == "a") {
			t.Errorf("%s reads back as %v, %v", name, e, problems)
		}
	}
}

// An alias is a service of its own; one that changes an entry of its name is not.
func TestMethodsAndAliases(t *testing.T) {
	t.Parallel()
	base, _ := Load(File{Name: "f.yaml", Data: []byte(service)})
	set, problems := LoadOver(base, File{Name: "g.yaml", Data: []byte(`
a: {alias: a, default_scopes: [write]}
a-key: {alias: a-key, docs: https://docs.example.com/other}
a-sandbox: {alias: a}
key-sandbox: {alias: a-key}
`)})
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	for name, want := range map[string]struct {
		service string
		methods int
	}{"a": {"", 2}, "a-key": {"a", 0}, "a-sandbox": {"", 0}, "key-sandbox": {"", 0}} {
		e, ok := set.Lookup(name)
		if !ok || e.Service != want.service || len(e.Methods) != want.methods {
			t.Errorf("%s: service %q, methods %q, want %q and %d", name, e.Service, e.Methods, want.service, want.methods)
		}
	}
}

// Methods follow what a later file makes of their service.
func TestMethodsFollowTheirService(t *testing.T) {
	t.Parallel()
	set, problems := Load(File{Name: "f.yaml", Data: []byte(service)},
		File{Name: "g.yaml", Data: []byte("a: {alias: a, docs: https://new.example.com, categories: [other]}\n")})
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	if e, _ := set.Lookup("a-basic"); e.Docs != "https://new.example.com" || !slices.Equal(e.Categories, []string{"other"}) {
		t.Errorf("a-basic has %+v", e.Provider)
	}
}

func TestBadMethods(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, src, want string }{
		{"an alias", "a:\n  auth_mode: NONE\n  methods:\n    b: {alias: a}\n", "rejected: f.yaml:4:9: b: alias: "},
		{"methods of methods", "a:\n  auth_mode: NONE\n  methods:\n    b: {auth_mode: NONE, methods: {c: {auth_mode: NONE}}}\n", "rejected: f.yaml:4:26: b: methods: "},
		{"another's method", "a:\n  auth_mode: NONE\n  methods:\n    b: {auth_mode: NONE, service: x}\n", "rejected: f.yaml:4:26: b: service: "},
		{"a name that is taken", "b: {auth_mode: NONE}\na:\n  auth_mode: NONE\n  methods:\n    b: {auth_mode: NONE}\n", "rejected: f.yaml:5:5: b: there are two"},
		{"no mapping", "a:\n  auth_mode: NONE\n  methods:\n    b: x\n", "rejected: f.yaml:4:8: b: an entry is"},
		{"a rejected service", "a:\n  auth_mode: WRONG\n  methods:\n    b: {auth_mode: NONE}\n", "rejected: f.yaml:2:3: a: auth_mode: "},
		{"its own method", "a:\n  auth_mode: NONE\n  service: a\n", "doubtful: f.yaml:3:3: a: service: "},
		{"a method with methods", "a:\n  auth_mode: NONE\n  service: b\n  methods: [c]\n", "doubtful: f.yaml:4:3: a: methods: "},
		{"tried out and not", "a:\n  auth_mode: API_KEY\n  verify: [{url: /me}]\n  unverified: x\n  proxy: {base_url: https://example.com, headers: {x: \"${apiKey}\"}}\n", "doubtful: f.yaml:4:3: a: unverified: "},
	}
	for _, tt := range tests {
		_, problems := Load(File{Name: "f.yaml", Data: []byte(tt.src)})
		var all []string
		for _, p := range problems {
			all = append(all, p.Severity.String()+": "+p.String())
		}
		if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, tt.want) }) {
			t.Errorf("%s: problems %q, want one that begins %q", tt.name, all, tt.want)
		}
	}
}

// ${integrationConfig.x} is what the application set, wherever a URL is made.
func TestIntegrationConfigInURLs(t *testing.T) {
	t.Parallel()
	e := entry(t, `
a:
  auth_mode: OAUTH2
  authorization_url: https://${integrationConfig.server}/authorize
  token_url: https://${integrationConfig.server}/token
  integration_config: {server: {type: string, format: hostname}}
  proxy: {base_url: "https://${integrationConfig.server}/api"}
`)
	got, err := e.TokenURL.Expand(env(map[string]string{"integrationConfig.server": "id.example.com"}))
	if err != nil || got.String() != "https://id.example.com/token" {
		t.Errorf("the token URL is %v, %v", got, err)
	}
	_, problems := Load(File{Name: "f.yaml", Data: []byte("a: {auth_mode: API_KEY, proxy: {base_url: \"https://${integrationConfig.server}\", headers: {x: \"${apiKey}\"}}}\n")})
	if len(problems) != 1 || problems[0].Code != "unknown-variable" {
		t.Errorf("a variable that no form has: %v", problems)
	}
}
