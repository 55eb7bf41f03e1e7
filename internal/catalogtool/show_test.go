package catalogtool

import (
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/spec"
)

const services = `acme:
  display_name: Acme
  categories: [crm, marketing]
  docs: https://docs.acme.example
  auth_mode: OAUTH2
  token_url: https://acme.example/token
  authorization_url: https://acme.example/authorize
  checked: "2026-11-27"
  proxy: {base_url: "https://api.acme.example", retry: {after: [retry-after], error_code: [429, "5xx"]}}
  token_params: {b: 2, a: "1", "on": true}
  methods:
    acme-api-key:
      display_name: Acme (API key)
      auth_mode: API_KEY
      proxy: {headers: {x-api-key: "${apiKey}"}}
acme-eu:
  alias: acme
  token_url: https://eu.acme.example/token
`

func files(text string) []spec.File {
	return []spec.File{{Name: "catalog/providers/a.yaml", Data: []byte(text)}}
}

// shownEntries are the entries of services, as they are shown.
var shownEntries = map[string]string{
	"acme": `# catalog/providers/a.yaml:1
acme:
  display_name: Acme
  categories: [crm, marketing]
  auth_mode: OAUTH2
  docs: https://docs.acme.example
  authorization_url: https://acme.example/authorize
  token_url: https://acme.example/token
  token_params:
    b: 2
    a: "1"
    on: true
  proxy:
    base_url: https://api.acme.example
    retry:
      after: [retry-after]
      error_code: ["429", 5xx]
  methods: [acme-api-key]
  checked: "2026-11-27"
`,
	"acme-api-key": `# catalog/providers/a.yaml:12
acme-api-key:
  service: acme
  display_name: Acme (API key)
  categories: [crm, marketing]
  auth_mode: API_KEY
  docs: https://docs.acme.example
  proxy:
    base_url: https://api.acme.example
    headers:
      x-api-key: ${apiKey}
    retry:
      after: [retry-after]
      error_code: ["429", 5xx]
  checked: "2026-11-27"
`,
	"acme-eu": `# catalog/providers/a.yaml:16, an alias of acme
acme-eu:
  display_name: Acme
  categories: [crm, marketing]
  auth_mode: OAUTH2
  docs: https://docs.acme.example
  authorization_url: https://acme.example/authorize
  token_url: https://eu.acme.example/token
  token_params:
    b: 2
    a: "1"
    on: true
  proxy:
    base_url: https://api.acme.example
    retry:
      after: [retry-after]
      error_code: ["429", 5xx]
  checked: "2026-11-27"
`,
}

// An entry is shown with what it inherits, in the order of the catalog's own.
func TestShow(t *testing.T) {
	t.Parallel()
	for name, want := range shownEntries {
		got, err := Show(files(services), name)
		if err != nil || string(got) != want {
			t.Errorf("%s, %v:\n%s\nwant\n%s", name, err, got, want)
		}
		if _, problems := spec.Load(spec.File{Name: "x", Data: got}); len(problems) > 0 {
			t.Errorf("what is shown of %s has problems: %v", name, problems)
		}
	}
}

// A name that nobody has is an error that helps.
func TestShowUnknown(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"acne":      "there is no entry acne; there is acme",
		"acme-ue":   "there is no entry acme-ue; there is acme, acme-eu",
		"api-key":   "there is no entry api-key; there is acme-api-key",
		"zendesk":   "there is no entry zendesk",
		"x":         "there is no entry x",
		"acme-nope": "acme-nope cannot be read: catalog/providers/a.yaml:19:13: acme-nope: alias: there is no entry \"nope\" to inherit from",
	} {
		if _, err := Show(files(services+"acme-nope: {alias: nope}\n"), name); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

func TestNearNames(t *testing.T) {
	t.Parallel()
	names := []string{"github", "gitlab", "google", "google-mail", "hubspot", "notion"}
	for name, want := range map[string]string{
		"gihub": "github", "GitHub": "github gitlab", "goggle": "google", "googl": "google google-mail", "hub": "github hubspot", "salesforce": "", "n": "",
	} {
		if got := strings.Join(nearNames(name, names), " "); got != want {
			t.Errorf("near %s: %s, want %s", name, got, want)
		}
	}
}
