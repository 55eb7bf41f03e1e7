package catalogtool

import (
	"strings"
	"testing"
)

// What other programs read differently is said, of the key that they do so with.
func TestNotes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		entry string
		edits []string
		want  string // of the entry acme
	}{
		{oauthEntry, nil, ""},
		{keyEntry, nil, ""},
		{oauthEntry, []string{"  client_auth", "  token_params: {grant_type: authorization_code}\n  client_auth"}, "refresh-grant-elsewhere token_params.grant_type"},
		{oauthEntry, []string{"  client_auth", "  token_params: {grant_type: authorization_code}\n  refresh_params: {}\n  client_auth"}, ""},
		{oauthEntry, []string{"  client_auth", "  token_params: {grant_type: authorization_code}\n  client_auth", "grant: refresh_token", "grant: none"}, ""},
		{oauthEntry, []string{"  client_auth", "  token_params: {expiring: 1, code: x}\n  client_auth"}, "refresh-repeats token_params.expiring"},
		{oauthEntry, []string{"  client_auth", "  refresh_url: https://acme.example/refresh\n  client_auth"}, "refresh-url-elsewhere refresh_url"},
		{oauthEntry, []string{"  client_auth", "  refresh_params: {id: \"${clientId}\"}\n  client_auth"}, "refresh-template-elsewhere refresh_params.id"},
		{oauthEntry, []string{"example/token\n", "example/token?v=2\n"}, "query-elsewhere token_url"},
		{oauthEntry, []string{"example/authorize\n", "example/authorize?v=2\n"}, "query-elsewhere authorization_url"},
		{oauthEntry, []string{"https://api.acme.example\"", "https://${connectionConfig.team.id}.acme.example\"", "  proxy:", "  token_response_metadata: [team.id]\n  proxy:"},
			"used-undeclared token_response_metadata[0]; note dotted-name-elsewhere acme proxy.base_url"},
		{oauthEntry, []string{"https://api.acme.example\"", "https://api.acme.example\", verification: {endpoints: [/me]}"}, "verification-elsewhere proxy.verification"},
		{oauthEntry, []string{"  client_auth", "  token_headers: {x: y}\n  client_auth"}, "token-headers-elsewhere token_headers"},
		{oauthEntry, []string{"  proxy:", "  redirect_uri_metadata: [site]\n  proxy:"}, "metadata-undeclared redirect_uri_metadata[0]"},
		{keyEntry, []string{"secret: true}", "secret: true, pattern: '^[a-z]+.*'}"}, "pattern-open-ended credentials.apiKey.pattern"},
		{keyEntry, []string{"  proxy:", "  integration_config:\n    plan: {type: string, title: P, description: x}\n  proxy:"}, "field-in-code integration_config.plan"},
		{oauthEntry, []string{"  client_auth", "  connection_config:\n    org: {type: string, title: O, description: x, optional: true}\n  token_params: {org: \"${connectionConfig.org}\"}\n  refresh_params: {}\n  client_auth"},
			"optional-elsewhere token_params.org"},
		{keyEntry, []string{"  proxy:", "  connection_config:\n    org: {type: string, title: O, description: x, optional: true}\n  proxy:", "headers: {", "headers: {x-org: \"${connectionConfig.org}\", "}, ""},
	}
	for _, tt := range tests {
		text := edit(t, tt.entry, tt.edits...)
		want := ""
		if code, key, ok := strings.Cut(tt.want, " "); ok {
			want = "note " + code + " acme " + key
		}
		if got := strings.Join(lintText(text, "a.yaml", LintOptions{Notes: true}), "; "); got != want {
			t.Errorf("after %q: %q, want %q", tt.edits, got, want)
		}
	}
}

// An alias that is signed in to in another way says what it has from the other.
func TestNoteOfAliasThatChangesMode(t *testing.T) {
	t.Parallel()
	text := oauthEntry + "acme-2: {alias: acme, client_auth: basic}\nacme-cc: {alias: acme, auth_mode: NONE}\n"
	if got := lintText(text, "a.yaml", LintOptions{Notes: true}); !strings.Contains(strings.Join(got, "; "), "note alias-changes-mode acme-cc auth_mode") ||
		strings.Contains(strings.Join(got, "; "), "acme-2") {
		t.Errorf("found %q", got)
	}
}
