package discover

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := []struct {
		raw           string
		strict, plain bool
	}{
		{"https://a.example", true, true},
		{"https://a.example:8443/x?y=z", true, true},
		{"HTTPS://A.example/", true, true},
		{"https://[2001:db8::1]/x", true, true},
		{"http://a.example/x", false, false},
		{"http://10.0.0.1/x", false, false},
		{"http://localhost:8080/x", false, true},
		{"http://LOCALHOST/x", false, true},
		{"http://127.0.0.1/x", false, true},
		{"http://127.9.9.9/x", false, true},
		{"http://[::1]:80/x", false, true},
		{"http://[::ffff:127.0.0.1]/x", false, true},
		{"http://localhost.evil.example/x", false, false},
		{"http://127.0.0.1.evil.example/x", false, false},
		{"http://127.0.0.1@evil.example/x", false, false},
		{"https://user@a.example/x", false, false},
		{"https://user:pw@a.example/x", false, false},
		{"https://@a.example/x", false, false},
		{"https://a.example/x#f", false, false},
		{"https://a.example/x#", false, false},
		{"/x", false, false},
		{"//a.example/x", false, false},
		{"x", false, false},
		{"", false, false},
		{"https:", false, false},
		{"https:a.example", false, false},
		{"https:///x", false, false},
		{"https://:443/x", false, false},
		{"ftp://a.example/x", false, false},
		{"javascript:alert(1)", false, false},
		{"file:///etc/passwd", false, false},
		{"https://a.example/\nx", false, false},
		{" https://a.example", false, false},
		{"https://a.example/%zz", false, false},
		{"https://a.example\\@b.example/", false, false},
		{"https://a.example/" + strings.Repeat("x", maxURL), false, false},
	}
	for _, tt := range tests {
		if got := (Options{}).parse(tt.raw) != nil; got != tt.strict {
			t.Errorf("%q: %v, want %v", tt.raw, got, tt.strict)
		}
		if got := (Options{PlainLoopback: true}).parse(tt.raw) != nil; got != tt.plain {
			t.Errorf("%q with plain http on loopback: %v, want %v", tt.raw, got, tt.plain)
		}
	}
}

func TestCanonicalResource(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, want string }{
		{"https://mcp.example.com/mcp", "https://mcp.example.com/mcp"}, // the examples of the MCP specification
		{"https://mcp.example.com", "https://mcp.example.com"},
		{"https://mcp.example.com:8443", "https://mcp.example.com:8443"},
		{"https://mcp.example.com/server/mcp", "https://mcp.example.com/server/mcp"},
		{"HTTPS://MCP.Example.COM/Mcp", "https://mcp.example.com/Mcp"},
		{"https://mcp.example.com/", "https://mcp.example.com"},
		{"https://mcp.example.com/mcp/", "https://mcp.example.com/mcp/"},
		{"https://mcp.example.com:443/mcp#f", "https://mcp.example.com/mcp"},
		{"http://localhost:80/mcp", "http://localhost/mcp"},
		{"http://localhost:443/mcp", "http://localhost:443/mcp"},
		{"https://u:p@mcp.example.com/a%2Fb?x=1", "https://mcp.example.com/a%2Fb?x=1"},
		{"https://mcp.example.com/?x=1", "https://mcp.example.com?x=1"},
		{"https://[2001:DB8::1]:443/mcp", "https://[2001:db8::1]/mcp"},
	}
	for _, tt := range tests {
		if got := CanonicalResource(mustURL(t, tt.raw)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.raw, got, tt.want)
		}
	}
	if got := Origin(mustURL(t, "HTTPS://u@MCP.example.com:443/a?b#c")); got != "https://mcp.example.com" {
		t.Errorf("origin %s", got)
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	resources := map[string][]string{
		"https://a.example":            {"https://a.example/.well-known/oauth-protected-resource"},
		"https://a.example/":           {"https://a.example/.well-known/oauth-protected-resource"},
		"https://a.example/r1":         {"https://a.example/.well-known/oauth-protected-resource/r1", "https://a.example/.well-known/oauth-protected-resource"},
		"https://a.example:8443/a%2Fb": {"https://a.example:8443/.well-known/oauth-protected-resource/a%2Fb", "https://a.example:8443/.well-known/oauth-protected-resource"},
		"https://a.example/?k=v":       {"https://a.example/.well-known/oauth-protected-resource?k=v", "https://a.example/.well-known/oauth-protected-resource"},
		"https://a.example/x/?k=v":     {"https://a.example/.well-known/oauth-protected-resource/x/?k=v", "https://a.example/.well-known/oauth-protected-resource"},
	}
	for raw, want := range resources {
		var got []string
		for _, p := range resourcePlaces(mustURL(t, raw)) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("resource %s: %s", raw, diff)
		}
		if of := describes(resourcePlaces(mustURL(t, raw))[0]); of != CanonicalResource(mustURL(t, raw)) {
			t.Errorf("the first place of %s describes %s", raw, of)
		}
	}
	for _, raw := range []string{"https://a.example/m", "https://a.example/.well-known/oauth-protected-resources", "https://a.example/x/.well-known/oauth-protected-resource"} {
		if of := describes(mustURL(t, raw)); of != "" {
			t.Errorf("%s describes %s", raw, of)
		}
	}
	issuers := map[string][]string{
		"https://a.example":  {"https://a.example/.well-known/oauth-authorization-server", "https://a.example/.well-known/openid-configuration"},
		"https://a.example/": {"https://a.example/.well-known/oauth-authorization-server", "https://a.example/.well-known/openid-configuration"},
		"https://a.example/i1": {"https://a.example/.well-known/oauth-authorization-server/i1", "https://a.example/.well-known/openid-configuration/i1",
			"https://a.example/i1/.well-known/openid-configuration"},
		"https://a.example/i1/": {"https://a.example/.well-known/oauth-authorization-server/i1", "https://a.example/.well-known/openid-configuration/i1",
			"https://a.example/i1/.well-known/openid-configuration"},
	}
	for raw, want := range issuers {
		var got []string
		for _, p := range serverPlaces(mustURL(t, raw)) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("issuer %s: %s", raw, diff)
		}
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "https://a.example/api/mcp?x=1")
	for parent, want := range map[string]bool{
		"https://a.example": true, "https://a.example/api": true, "https://a.example/api/": true, "https://a.example/api/mcp": true, "https://a.example/api/mcp?x=1": true,
		"https://a.example/ap": false, "https://a.example/api/mcp/x": false, "https://a.example/other": false, "https://a.exampl": false, "http://a.example": false,
	} {
		if got := covers(parent, u); got != want {
			t.Errorf("%s covers: %v, want %v", parent, got, want)
		}
	}
}
