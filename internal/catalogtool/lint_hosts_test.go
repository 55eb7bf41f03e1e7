package catalogtool

import (
	"strings"
	"testing"
)

// A person who connects does not choose where the application's secret goes.
func TestUserChoosesHost(t *testing.T) {
	t.Parallel()
	const label = "pattern: '^[a-z0-9-]{1,63}$'"
	tests := []struct {
		url, field string
		form       string
		chooses    bool
	}{
		{"https://${connectionConfig.x}.acme.example/token", label, "connection_config", false},
		{"https://${connectionConfig.x}/token", "format: hostname", "connection_config", true},
		{"https://${connectionConfig.x}/token", "enum: [eu.acme.example, us.acme.example]", "connection_config", false},
		{"https://${connectionConfig.x}/token", `pattern: '^[a-z0-9-]+\.acme\.example$'`, "connection_config", false},
		{"https://${connectionConfig.x}/token", `pattern: '^[a-z0-9.-]+\.example$'`, "connection_config", true},
		{"${connectionConfig.x}/token", "format: uri", "connection_config", true},
		{"${connectionConfig.x}/token", "format: uri, automated: true, source: 'token_response:x'", "connection_config", false},
		{"${connectionConfig.x}/token", "format: uri, automated: true, source: 'callback:x'", "connection_config", true},
		{"${connectionConfig.x}/token", `pattern: '^https://[a-z]+\.acme\.example$', automated: true, source: 'callback:x'`, "connection_config", false},
		{"https://acme.${connectionConfig.x}/token", "pattern: '^[a-z.]+$'", "connection_config", true},
		{"https://acme.example:${connectionConfig.x}/token", "pattern: '^[0-9]+$'", "connection_config", false},
		{"https://acme.example/${connectionConfig.x}/token", label, "connection_config", false},
		{"https://${connectionConfig.x}.${connectionConfig.x}/token", "enum: [a.example, b.example]", "connection_config", false},
		{"https://${connectionConfig.x}.${integrationConfig.y}/token", label, "connection_config", false},
		{"https://${connectionConfig.x}${integrationConfig.y}/token", label, "connection_config", true},
		{"https://${integrationConfig.x}/token", "format: hostname", "integration_config", false},
	}
	for _, tt := range tests {
		for _, key := range []string{"authorization_url", "token_url", "refresh_url", "revocation"} {
			value := `"` + tt.url + `"`
			if key == "revocation" {
				value = "{url: " + value + "}"
			}
			text := edit(t, oauthEntry, "  client_auth: body\n", "  client_auth: body\n  "+tt.form+":\n    x: {type: string, title: X, description: x, "+tt.field+"}\n")
			if strings.Contains(tt.url, "Config.y") {
				text += "  integration_config:\n    y: {type: string, title: Y, description: x, format: hostname}\n"
			}
			if strings.Contains(text, "  "+key+": ") {
				_, old, _ := strings.Cut(text, "  "+key+": ")
				old, _, _ = strings.Cut(old, "\n")
				text = edit(t, text, key+": "+old, key+": "+value)
			} else {
				text += "  " + key + ": " + value + "\n"
			}
			want := ""
			if tt.chooses {
				want = "house user-chooses-host acme " + key
			}
			got := strings.TrimSuffix(strings.Join(house(lintText(text, "a.yaml", LintOptions{House: true})), "; "), ".url")
			if got != want {
				t.Errorf("%s: %s with %s: %q, want %q", key, tt.url, tt.field, got, want)
			}
		}
	}
}

// The credential of somebody who names the server is their own.
func TestUserMayChooseHostOfOwnCredential(t *testing.T) {
	t.Parallel()
	text := edit(t, keyEntry, "https://api.acme.example\n", "https://${connectionConfig.x}\n", "  proxy:\n",
		"  connection_config:\n    x: {type: string, title: X, description: x, format: hostname}\n  proxy:\n")
	if got := lintText(text, "a.yaml", LintOptions{House: true}); len(got) > 0 {
		t.Errorf("an API key: %q", got)
	}
	text = edit(t, oauthEntry, "https://acme.example/token", "https://${connectionConfig.x}/token", "OAUTH2", "OAUTH2_CC", "  authorization_url: https://acme.example/authorize\n", "",
		"grant: refresh_token", "grant: none", "  proxy:",
		"  token_params: {grant_type: client_credentials}\n  connection_config:\n    x: {type: string, title: X, description: x, format: hostname}\n  proxy:")
	if got := lintText(text, "a.yaml", LintOptions{House: true}); len(got) > 0 {
		t.Errorf("client credentials of their own: %q", got)
	}
}

// house returns the findings that are not the loader's.
func house(findings []string) []string {
	var out []string
	for _, f := range findings {
		if strings.HasPrefix(f, "house ") {
			out = append(out, f)
		}
	}
	return out
}

func TestFixesDomain(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		`^[a-z]+\.acme\.example$`, `^acme\.example$`, `^(eu|us)\.acme\.example$`, `^(?:[a-z]+\.)?login\.acme\.example$`, `^https://[a-z]+\.acme\.example/?$`,
		`^[a-z]+\.(acme|zenith)\.(com|eu|co\.uk)$`, `^[a-z.]+\.acme\.(com|eu)$`, `^a\.acme\.example$|^b\.acme\.example$`, `^[a-z]+\.acme\.[ce][ou]$`,
		`^https://accounts\.(?:acme\.(?:com|com\.au)|acmecloud\.ca)$`,
	} {
		if !fixesDomain(pattern) {
			t.Errorf("%s leaves the domain open", pattern)
		}
	}
	for _, pattern := range []string{
		``, `^[a-z]+$`, `^[a-z.]+$`, `acme\.example`, `\.acme\.example`, `^acme\.example`, `^[a-z.-]+acme\.example$`, `^[a-z]+\.example$`, `acme\.example$`,
		`^[a-z]+\.acme\.example(/.*)?$`, `^[a-z]+(\.acme\.example)?$`, `^[a-z]+\.acme\.example$|^[a-z.]+$`, `(`, `^.*\.acme\.[a-z]+$`, `^x?$`, `(?:a|b)acme\.example$`, `(a\.acme|b)\.example$`,
		`^(https://)?[a-z0-9.]+(/acme\.example\.test)$`, `^[a-z.]+#\.acme\.example\.x$`, `^[a-z.]+/a\.acme\.example$`, `^https://.*\.acme\.example$`, `^https://[^/]+\.acme\.example$`, `^[a-z.:]+\.acme\.example$`,
	} {
		if fixesDomain(pattern) {
			t.Errorf("%s fixes the domain", pattern)
		}
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	l := &linter{written: nil}
	for _, good := range []string{
		"https://docs.acme.example/oauth (authorize, token)", "amp-labs/connectors (api)", "x/oauth2 endpoints (authorize, token)", "goth (token; an older host (v1) for it)",
		"acme/acme-go (auth)", "acme/acme-go src/auth.go, release v2 (auth, revoke)", "https://en.acme.example/wiki/A_(b) (captures)", "not confirmed with the vendor: pkce",
		"acme/docs, the vendor's description (verify)",
	} {
		if reason := l.sourceReason(good); reason != "" {
			t.Errorf("%s: %s", good, reason)
		}
	}
	if reason := l.sourceReason("goth"); !strings.Contains(reason, "in parentheses") {
		t.Errorf("without facts: %s", reason)
	}
	for _, bad := range []string{
		"", "TODO", "https://docs.acme.example", "https://docs.acme.example (authorization URL)", "goth (; older)", "goth ()", "the documentation (token)", "seen at https://docs.acme.example (token)",
		"not confirmed with the vendor:", "elsewhere (this catalog)", "ftp://acme.example (token)", "acme (token)", "goth(token)", "acme/acme-go/x (token)",
	} {
		if l.sourceReason(bad) == "" {
			t.Errorf("%q is taken for a source", bad)
		}
	}
}
