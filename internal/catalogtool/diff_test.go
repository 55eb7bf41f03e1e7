package catalogtool

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/spec"
)

const others = `acme:
  display_name: Acme
  categories: [crm, marketing]
  docs: https://elsewhere.example
  auth_mode: OAUTH2
  authorization_url: https://acme.example/authorize/
  token_url: https://acme.example/token
  proxy: {base_url: "https://api.acme.example", retry: {at: [x-reset]}}
  token_params: {b: 2, a: 1, "on": true}
acme-api-key: {alias: zenith}
acme-eu: {alias: acme, docs: https://docs.acme.example, authorization_url: https://acme.example/authorize, token_params: {b: 2, a: "1", "on": true},
  token_url: https://eu.acme.example/token,
  proxy: {base_url: "https://api.acme.example", retry: {after: [retry-after], error_code: [429, "5xx"]}}}
zenith: {auth_mode: NONE, display_name: Zenith}
`

func TestDiff(t *testing.T) {
	t.Parallel()
	theirs := []spec.File{{Name: "x.yaml", Data: []byte(others)}}
	tests := []struct {
		name string
		o    DiffOptions
		want string
	}{
		{"everything", DiffOptions{}, `acme
  docs: "https://elsewhere.example" → "https://docs.acme.example"
  authorization_url: "https://acme.example/authorize/" → "https://acme.example/authorize"  (the same but for a slash at the end)
  token_params.a: 1 → "1"
  proxy.retry.at: ["x-reset"] → –
  proxy.retry.after: – → ["retry-after"]
  proxy.retry.error_code: – → ["429","5xx"]
  methods: – → ["acme-api-key"]
acme-api-key
  service: – → "acme"
  display_name: "Zenith" → "Acme (API key)"
  categories: – → ["crm","marketing"]
  auth_mode: "NONE" → "API_KEY"
  docs: – → "https://docs.acme.example"
  proxy.base_url: – → "https://api.acme.example"
  proxy.headers.x-api-key: – → "${apiKey}"
  proxy.retry.after: – → ["retry-after"]
  proxy.retry.error_code: – → ["429","5xx"]
3 entries in both: 1 alike, 2 differ, in 16 keys; 1 only in the file, 0 only in the built-in catalog
`},
		{"one key", DiffOptions{Only: []string{"authorization_url"}}, `acme
  authorization_url: "https://acme.example/authorize/" → "https://acme.example/authorize"  (the same but for a slash at the end)
3 entries in both: 2 alike, 1 differ, in 1 keys; 1 only in the file, 0 only in the built-in catalog
`},
		{"what is under a key, and names", DiffOptions{Only: []string{"proxy.retry.at", " auth_mode", "auth"}, Names: true}, `acme
  proxy.retry.at: ["x-reset"] → –
acme-api-key
  auth_mode: "NONE" → "API_KEY"
only in the file:
  zenith
3 entries in both: 1 alike, 2 differ, in 2 keys; 1 only in the file, 0 only in the built-in catalog
`},
		{"where facts are from", DiffOptions{Only: []string{"checked", "sources"}}, `acme
  checked: – → "2026-11-27"
acme-api-key
  checked: – → "2026-11-27"
acme-eu
  checked: – → "2026-11-27"
3 entries in both: 0 alike, 3 differ, in 3 keys; 1 only in the file, 0 only in the built-in catalog
`},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if err := Diff(&out, theirs, files(services), tt.o); err != nil || out.String() != tt.want {
			t.Errorf("%s, %v:\n%s\nwant\n%s", tt.name, err, out.String(), tt.want)
		}
	}
	if err := Diff(brokenWriter{}, theirs, files(services), DiffOptions{}); err == nil {
		t.Error("what cannot be printed is no error")
	}
}

// brokenWriter fails.
type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

// A long value is cut, between characters.
func TestDiffCutsValues(t *testing.T) {
	t.Parallel()
	long := "a: {auth_mode: NONE, docs: xy" + strings.Repeat("é", 200) + "}\n"
	var out bytes.Buffer
	if err := Diff(&out, files(long), files("a: {auth_mode: NONE}\n"), DiffOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := `docs: "xy` + strings.Repeat("é", 118) + "… → –\n"; !strings.Contains(out.String(), want) {
		t.Errorf("printed %s", out.String())
	}
}

func TestSameURL(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{`"https://a.example/"`, `"https://a.example"`, true}, {`"${connectionConfig.x}/"`, `"${connectionConfig.x}"`, true},
		{`"https://a.example/"`, `"https://b.example"`, false}, {`"/a/"`, `"/a"`, false}, {"", `"https://a.example"`, false},
	} {
		if got := sameURL(tt.a, tt.b); got != tt.want {
			t.Errorf("%s and %s: %v", tt.a, tt.b, got)
		}
	}
}
