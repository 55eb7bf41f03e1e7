package catalogtool

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/spec"
)

func TestSameFact(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fact, a, b string
		want       bool
	}{
		{"token", "https://a.example/token", "http://A.example/token/?x=1#y", true},
		{"token", "https://a.example/token", "https://a.example/v2/token", false},
		{"token", "https://${connectionConfig.tenant}.a.example/token", "https://[subdomain].a.example/token", true},
		{"token", "https://${connectionConfig.tenant}.a.example/token", "https://acme.a.example/token", true},
		{"token", "https://${connectionConfig.tenant}.a.example/token", "https://a.example/token", false},
		{"token", "https://${connectionConfig.host}/token || https://a.example/token", "https://a.example/token", true},
		{"authorize", "https://{{.workspace}}.a.example/x", "https://${connectionConfig.x}.a.example/x", true},
		{"api", "https://api.a.example/v1", "https://api.a.example", true},
		{"api", "https://api.a.example", "https://api.b.example", false},
		{"api", "{}", "https://api.b.example", false},
		{"attach", "header authorization Bearer", "header Authorization bearer", true},
		{"attach", "header authorization", "header authorization Bearer", false},
	} {
		if got := SameFact(tt.fact, tt.a, tt.b); got != tt.want {
			t.Errorf("SameFact(%s, %q, %q) = %v", tt.fact, tt.a, tt.b, got)
		}
		if got := SameFact(tt.fact, tt.b, tt.a); got != tt.want {
			t.Errorf("SameFact(%s, %q, %q) = %v", tt.fact, tt.b, tt.a, got)
		}
	}
}

const weighed = `
acme:
  auth_mode: OAUTH2
  authorization_url: https://acme.example/authorize
  token_url: https://acme.example/token
  proxy: {base_url: https://api.acme.example}
  sources:
    - https://docs.acme.example (authorize, token)
    - acme/sdk (token; an older one)
    - public clients (api)
    - grant (authorize)
    - "not confirmed with the vendor: token"
  methods:
    acme-api-key:
      auth_mode: API_KEY
      proxy: {headers: {authorization: "Token ${apiKey}"}}
      sources: [https://docs.acme.example/keys (attach)]
`

func TestWeigh(t *testing.T) {
	t.Parallel()
	claims, err := ReadClaims([]byte("# a comment\n\nacme\tgrant\tauthorize\thttps://acme.example/authorize\nacme\tgoth\tauthorize\thttps://old.example/authorize\n" +
		"acme\tamp-labs/connectors\tattach\theader authorization Token\nother\tgoth\ttoken\thttps://acme.example/token\n"))
	if err != nil {
		t.Fatal(err)
	}
	all := Weigh([]spec.File{{Name: "a.yaml", Data: []byte(weighed)}}, claims)
	if len(all) != 1 || all[0].Entry != "acme" {
		t.Fatalf("weighed %+v", all)
	}
	for fact, want := range map[string]string{"authorize": "v 1, c 1 of 2", "token": "v 2", "api": "p 1", "attach": "v 1, c 1 of 1"} {
		if got := support(all[0].Facts[fact]); got != want {
			t.Errorf("%s: %q, want %q", fact, got, want)
		}
	}
	page := string(EvidencePage(all))
	for _, want := range []string{"| acme | v 1, c 1 of 2 | v 2 | p 1 | v 1, c 1 of 1 |\n", "| authorize | 1 | 1 | 0 | 0 | 1 |\n", "| api | 1 | 0 | 1 | 0 | 0 |\n"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}

func TestBadClaims(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{"fields": "acme\tgoth\ttoken\n", "catalog": "acme\tmine\ttoken\tx\n", "fact": "acme\tgoth\tcolour\tx\n"} {
		if _, err := ReadClaims([]byte("#\n" + text)); err == nil || !strings.Contains(err.Error(), "line 2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// builtinEvidence is what there is for the catalog of the repository.
func builtinEvidence(t *testing.T) (dir string, all []Evidence) {
	t.Helper()
	dir, err := FindCatalog(".")
	if err != nil {
		t.Fatal(err)
	}
	files, err := ReadFiles(filepath.Join(dir, "providers"))
	if err != nil {
		t.Fatal(err)
	}
	if all, err = ReadEvidence(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir, all
}

// The page that is part of the repository is what sources and claims say, and each
// claim is about an entry that is there.
func TestEvidencePage(t *testing.T) {
	t.Parallel()
	dir, all := builtinEvidence(t)
	page, err := os.ReadFile(filepath.Join(dir, "..", filepath.FromSlash(EvidenceFile)))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != string(EvidencePage(all)) {
		t.Errorf("%s is not what the sources say; run go generate ./catalog", EvidenceFile)
	}
	for _, c := range builtinClaims(t, dir) {
		if !slices.ContainsFunc(all, func(e Evidence) bool { return e.Entry == c.Entry }) {
			t.Errorf("a claim of %s is about %s, which is no service", c.Catalog, c.Entry)
		}
	}
}

func builtinClaims(t *testing.T, dir string) []Claim {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "..", filepath.FromSlash(ClaimsFile)))
	if err != nil {
		t.Fatal(err)
	}
	claims, err := ReadClaims(data)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// decided are the entries that docs/catalog-decisions.md says something of.
func decided(t *testing.T, dir string) map[string]bool {
	t.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "..", "docs", "catalog-decisions.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z0-9-]+) \|`).FindAllStringSubmatch(string(page), -1) {
		out[m[1]] = true
	}
	return out
}

// Where two open catalogs agree, ours agrees with them, or the decisions say why not.
func TestAgreesWithCatalogs(t *testing.T) {
	t.Parallel()
	dir, all := builtinEvidence(t)
	reasons := decided(t, dir)
	claims := builtinClaims(t, dir)
	agreed, explained := 0, 0
	for _, e := range all {
		for _, fact := range []string{"authorize", "token"} {
			value := commonValue(fact, e.Entry, claims)
			if value == "" {
				continue
			}
			switch ours := e.Facts[fact].Values; {
			case slices.ContainsFunc(ours, func(v string) bool { return SameFact(fact, v, value) }):
				agreed++
			case reasons[e.Entry]:
				explained++
			default:
				t.Errorf("%s: catalogs agree that %s is %s; ours is %q, and the decisions do not say why", e.Entry, fact, value, ours)
			}
		}
	}
	t.Logf("two catalogs or more agree on %d values; ours agrees on %d, and says why not of %d", agreed+explained, agreed, explained)
	if agreed < 100 {
		t.Errorf("only %d values that catalogs agree on", agreed)
	}
}

// commonValue is what two catalogs say of a fact; empty if no two agree.
func commonValue(fact, entry string, claims []Claim) string {
	var own []Claim
	for _, a := range claims {
		if a.Entry != entry || a.Fact != fact {
			continue
		}
		for _, b := range own {
			if a.Catalog != b.Catalog && SameFact(fact, a.Value, b.Value) {
				return a.Value
			}
		}
		own = append(own, a)
	}
	return ""
}
