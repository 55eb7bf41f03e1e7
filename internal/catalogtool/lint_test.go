package catalogtool

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/spec"
)

// The entries that nothing is wrong with, and that tests make something wrong of.
const (
	oauthEntry = `acme:
  display_name: Acme
  categories: [crm]
  auth_mode: OAUTH2
  docs: https://docs.acme.example
  authorization_url: https://acme.example/authorize
  token_url: https://acme.example/token
  client_auth: body
  refresh: {grant: refresh_token}
  proxy: {base_url: "https://api.acme.example"}
  sources: ["https://docs.acme.example (authorize, token; since 2024)", goth (token), "not confirmed with the vendor: api"]
  checked: "2026-11-27"
`
	keyEntry = `acme:
  display_name: Acme
  categories: [crm]
  auth_mode: API_KEY
  docs: https://docs.acme.example
  credentials:
    apiKey: {type: string, title: API key, description: Under Settings., secret: true}
  proxy:
    base_url: https://api.acme.example
    headers: {x-api-key: "${apiKey}"}
  verify: [{url: /me}]
  sources: ["acme/acme-go (api, attach)"]
  checked: "2026-11-27"
`
)

// lintText returns what is found in a file, as "severity code entry key".
func lintText(text, file string, o LintOptions) []string {
	o.Now = today
	var out []string
	for _, f := range Lint([]spec.File{{Name: file, Data: []byte(text)}}, o) {
		out = append(out, fmt.Sprintf("%s %s %s %s", f.Severity, f.Code, f.Entry, f.Key))
	}
	return out
}

// edit is a change to an entry: old and new text, in pairs.
func edit(t *testing.T, entry string, pairs ...string) string {
	t.Helper()
	for i := 0; i+1 < len(pairs); i += 2 {
		if !strings.Contains(entry, pairs[i]) {
			t.Fatalf("the entry has no %q", pairs[i])
		}
		entry = strings.Replace(entry, pairs[i], pairs[i+1], 1)
	}
	return entry
}

// Every rule of the house is broken by one change, and reported where it was made.
func TestHouseRules(t *testing.T) {
	t.Parallel()
	const fields = "  proxy:\n"
	tests := []struct {
		entry string
		edits []string
		want  string // of the entry acme; empty: nothing
	}{
		{oauthEntry, nil, ""},
		{keyEntry, nil, ""},
		{oauthEntry, []string{"  display_name: Acme\n", ""}, "no-display-name display_name"},
		{oauthEntry, []string{"name: Acme", "name: TODO"}, "no-display-name display_name"},
		{oauthEntry, []string{"  docs: https://docs.acme.example\n", ""}, "no-docs docs"},
		{oauthEntry, []string{"[crm]", "[]"}, "no-category categories"},
		{oauthEntry, []string{"[crm]", "[crm, popular]"}, "unknown-category categories[1]"},
		{oauthEntry, []string{"  client_auth: body\n", ""}, "no-client-auth client_auth"},
		{oauthEntry, []string{"  refresh: {grant: refresh_token}\n", ""}, "no-refresh-policy refresh"},
		{oauthEntry, []string{"{grant: refresh_token}", "{rotation: always}"}, "no-refresh-policy refresh"},
		{oauthEntry, []string{`"2026-11-27"`, `"2026-11-28"`}, "bad-date checked"},
		{oauthEntry, []string{`  checked: "2026-11-27"` + "\n", ""}, "no-date checked"},
		{oauthEntry, []string{"goth (token)", "goth"}, "bad-source sources[1]"},
		{oauthEntry, []string{"https://docs.acme.example (authorize, token; since 2024)", "the documentation (token)"}, "bad-source sources[0]"},
		{oauthEntry, []string{`["https://docs.acme.example (authorize, token; since 2024)", goth (token), "not`, `["not`}, "no-sources sources"},
		{keyEntry, []string{"  sources: [\"acme/acme-go (api, attach)\"]\n", ""}, "no-sources sources"},
		{keyEntry, []string{"  verify: [{url: /me}]\n", ""}, "no-verification verify"},
		{keyEntry, []string{"  verify: [{url: /me}]\n", "  unverified: TODO\n"}, "no-verification verify"},
		{keyEntry, []string{"  verify: [{url: /me}]\n", "  unverified: Keys are write-only.\n"}, ""},
		{keyEntry, []string{"description: Under Settings., ", ""}, "field-untold credentials.apiKey"},
		{keyEntry, []string{"title: API key, ", "title: TODO, "}, "field-untold credentials.apiKey"},
		{keyEntry, []string{`headers: {x-api-key: "${apiKey}"}`, `query: {api_key: "${apiKey}"}`, "acme/acme-go", "grant"}, "key-in-query proxy.query.api_key"},
		{keyEntry, []string{`headers: {x-api-key: "${apiKey}"}`, `query: {api_key: "${credentials.apiKey}"}`, "acme/acme-go", "grant"}, "key-in-query proxy.query.api_key"},
		{keyEntry, []string{`headers: {x-api-key: "${apiKey}"}`, `query: {api_key: "${apiKey}"}`, "acme/acme-go", "https://docs.acme.example"}, ""},
		{keyEntry, []string{`headers: {x-api-key: "${apiKey}"}`, `query: {api_key: "${apiKey}"}`}, ""},
		{keyEntry, []string{fields, "  connection_config:\n    plan: {type: string, title: Plan, description: x, pattern: '^[a-z]+$'}\n" + fields,
			"headers: {", `query: {plan: "${connectionConfig.plan}"}` + "\n    headers: {", "acme/acme-go", "grant"}, ""},
	}
	for _, tt := range tests {
		text := edit(t, tt.entry, tt.edits...)
		want := ""
		if code, key, ok := strings.Cut(tt.want, " "); ok {
			want = "house " + code + " acme " + key
		}
		if got := strings.Join(lintText(text, "a.yaml", LintOptions{House: true}), "; "); got != want {
			t.Errorf("after %q: %q, want %q", tt.edits, got, want)
		}
	}
}

// What is wrong with an inherited key is reported once, of the entry that has it first.
func TestInheritedFaultsAreReportedOnce(t *testing.T) {
	t.Parallel()
	text := edit(t, oauthEntry, "goth (token)", "goth") + "acme-2: {alias: acme, display_name: Acme 2}\n"
	if got := lintText(text, "a.yaml", LintOptions{House: true}); len(got) != 1 || got[0] != "house bad-source acme sources[1]" {
		t.Errorf("found %q", got)
	}
	text = edit(t, keyEntry, "  verify:", "  refresh: {rotation: always}\n  verify:") +
		edit(t, oauthEntry, "acme:", "acme-2:\n  alias: acme", "  refresh: {grant: refresh_token}\n", "", "Acme", "Acme 2")
	if got := house(lintText(text, "a.yaml", LintOptions{House: true})); len(got) != 1 || got[0] != "house no-refresh-policy acme-2 refresh" {
		t.Errorf("of what does no harm where it was written: %q", got)
	}
	base, _ := spec.Load(spec.File{Name: "base.yaml", Data: []byte(edit(t, oauthEntry, "[crm]", "[popular]"))})
	if got := lintText("acme: {alias: acme, docs: https://acme.example}\n", "a.yaml", LintOptions{House: true, Base: base}); len(got) != 0 {
		t.Errorf("of a file that is not checked: %q", got)
	}
	text = edit(t, oauthEntry, "acme:", "acme-z:") + "acme-y: {alias: acme-z}\n"
	if got := lintText(text, "a.yaml", LintOptions{House: true}); strings.Join(got, "; ") != "house display-name-taken acme-z display_name; house entry-order acme-y " {
		t.Errorf("found %q", got)
	}
}

func TestFiling(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]string{
		"acme":       "a.yaml dir/a.yaml a-c.yaml ab-ad.yaml google.yaml",
		"1password":  "0-9.yaml 1.yaml",
		"a":          "a.yaml a-b.yaml",
		"sift":       "sa-si.yaml s.yaml",
		"zoho-crm":   "zoho.yaml",
		"google-ads": "google.yaml",
	} {
		for file := range strings.FieldsSeq(files) {
			if !filedIn(name, file) {
				t.Errorf("%s may not stand in %s", name, file)
			}
		}
	}
	for name, files := range map[string]string{
		"acme":      "b.yaml ad-az.yaml a-ab.yaml 0-9.yaml ac-acl.yaml",
		"1password": "a.yaml 2-9.yaml",
		"sjira":     "sa-si.yaml",
		"sa":        "sb-sz.yaml",
		"zoho-crm":  "z.yaml",
		"google":    "g.yaml",
	} {
		for file := range strings.FieldsSeq(files) {
			if filedIn(name, file) {
				t.Errorf("%s may stand in %s", name, file)
			}
		}
	}
	files := []spec.File{{Name: "a.yaml", Data: []byte(oauthEntry)}, {Name: "google.yaml", Data: []byte(oauthEntry)}}
	if got := Lint(files, LintOptions{House: true, Now: today}); len(got) != 1 || got[0].Code != "entry-twice" || got[0].File != "google.yaml" || got[0].Line != 1 {
		t.Errorf("found %v", got)
	}
	if got := lintText(oauthEntry, "b.yaml", LintOptions{House: true}); len(got) != 0 {
		t.Errorf("found %q", got)
	}
	if got := lintText(oauthEntry, "b.yaml", LintOptions{House: true, Files: true}); len(got) != 1 || got[0] != "house entry-file acme " {
		t.Errorf("found %q", got)
	}
}

// What the loader finds is found as well, first things first.
func TestLintHasProblemsOfTheLoader(t *testing.T) {
	t.Parallel()
	text := edit(t, oauthEntry, "  client_auth: body\n", "  colour: red\n") + "b: {auth_mode: FOO}\n"
	got := Lint([]spec.File{{Name: "x/a.yaml", Data: []byte(text)}}, LintOptions{Now: today})
	var lines []string
	for _, f := range got {
		lines = append(lines, f.String())
	}
	want := "x/a.yaml:8:3: doubtful: unknown-key: acme: colour: the format has no key of this name\n" +
		`x/a.yaml:13:5: rejected: auth-mode: b: auth_mode: there is no auth mode "FOO"`
	if strings.Join(lines, "\n") != want {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(lines, "\n"), want)
	}
}
