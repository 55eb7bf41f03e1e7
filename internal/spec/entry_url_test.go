package spec

import (
	"strings"
	"testing"
)

func TestTokenURLByMode(t *testing.T) {
	t.Parallel()
	e := entry(t, "a:\n  auth_mode: CUSTOM\n  authorization_url: \"${connectionConfig.link}/new\"\n  authorization_url_skip_encode: [base_url]\n  token_url: {OAUTH2: \"https://example.com/o\", APP: \"https://example.com/a/${connectionConfig.id}\"}\n  connection_config: {link: {type: string, format: uri}, id: {type: string}}\n  proxy: {base_url: \"https://example.com\"}\n")
	if e.TokenURL != nil || len(e.TokenURLs) != 2 || e.RefreshURL != e.TokenURLs["OAUTH2"] {
		t.Errorf("token URLs %v, refresh URL %v", e.TokenURLs, e.RefreshURL)
	}
	u, err := e.TokenURLs["APP"].Expand(env(map[string]string{"connectionConfig.id": "1/2"}))
	if err != nil || u.String() != "https://example.com/a/1%2F2" {
		t.Errorf("token URL %v, %v", u, err)
	}
}

// What a URL may take from a value follows from what the entry says of it.
func TestURLValuesFollowTheFields(t *testing.T) {
	t.Parallel()
	tests := []struct{ base, field, value, want string }{
		{"https://${connectionConfig.x}/v1", "example: dev.example.com/org", "dev.example.com/acme", "https://dev.example.com/acme/v1"},
		{"https://${connectionConfig.x}/v1", "enum: [api.example.com/prod, api.example.com/test]", "api.example.com/test", "https://api.example.com/test/v1"},
		{"https://${connectionConfig.x}/v1", "pattern: '^[a-z.]+(\\/[a-z]*)?$'", "h.example.com/a", "https://h.example.com/a/v1"},
		{"https://${connectionConfig.x}/v1", "format: hostname", "h.example.com/a", ""},
		{"https://${connectionConfig.x}/v1", "pattern: '^https?:\\/\\/[^/]+$'", "h.example.com/a", ""},
		{"https://${connectionConfig.x}/v1", "pattern: '^https?:\\/\\/[^/]+$'", "https://h.example.com", "https://h.example.com/v1"},
		{"https://api.${connectionConfig.x}.com", "enum: [a, eu.a]", "eu.a", "https://api.eu.a.com"},
		{"https://api.${connectionConfig.x}.example.com", "pattern: '^[a-z]+$'", "eu.a", ""},
	}
	for _, tt := range tests {
		e := entry(t, withHost(strings.ReplaceAll(tt.base, `"`, `\"`), tt.field))
		u, err := e.BaseURL.Expand(env(map[string]string{"connectionConfig.x": tt.value}))
		if tt.want == "" {
			if err == nil {
				t.Errorf("%s with %s: %s, want an error", tt.field, tt.value, u)
			}
			continue
		}
		if err != nil || u.String() != tt.want {
			t.Errorf("%s with %s: %v, %v, want %s", tt.field, tt.value, u, err, tt.want)
		}
	}
}

// skip_encode says that values may have slashes.
func TestSkipEncode(t *testing.T) {
	t.Parallel()
	src := strings.Replace(oauth2, "https://example.com/authorize", "https://example.com/${connectionConfig.x}/authorize", 1) + "  connection_config: {x: {type: string}}\n"
	for more, want := range map[string]string{"": "https://example.com/a%2Fb/authorize", "  authorization_url_skip_encode: [base_url]\n": "https://example.com/a/b/authorize"} {
		u, err := entry(t, src+more).AuthorizationURL.Expand(env(map[string]string{"connectionConfig.x": "a/b"}))
		if err != nil || u.String() != want {
			t.Errorf("with %q: %v, %v, want %s", more, u, err, want)
		}
	}
}

// The configured query is sent.
func TestQueryOfTokenURLIsKept(t *testing.T) {
	t.Parallel()
	e := entry(t, strings.Replace(oauth2, "https://example.com/token", "https://example.com/token?subscription=${connectionConfig.sub}", 1)+"  connection_config: {sub: {type: string}}\n")
	u, err := e.TokenURL.Expand(env(map[string]string{"connectionConfig.sub": "a b"}))
	if err != nil || u.Query().Get("subscription") != "a b" {
		t.Errorf("token URL %v, %v", u, err)
	}
}
