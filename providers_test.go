package tieline

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
)

const acmeYAML = `
acme:
  display_name: Acme
  auth_mode: OAUTH2
  categories: [crm]
  docs: https://docs.acme.example
  authorization_url: https://${connectionConfig.subdomain}.acme.example/authorize
  token_url: https://${connectionConfig.subdomain}.acme.example/token
  default_scopes: [read]
  webhook_user_defined_secret: true
  proxy: {base_url: "https://${connectionConfig.subdomain}.acme.example"}
  connection_config:
    region:
      {title: Region, enum: [eu, us], default_value: "", order: 2, optional: true, visible_when: {field: subdomain, equals: x}, warnings: {us: Far away.}}
    subdomain:
      {title: Subdomain, description: Yours., example: corp, pattern: "^[a-z]+$", prefix: https://, suffix: .acme.example, order: 1, doc_section: "#sub"}
    site: {automated: true, source: "token_response:site"}
    apiSecret: {hidden: true, optional: true}
  post_connection_script: acme
  sources: [https://docs.acme.example]
  checked: "2026-11-21"
acme-key:
  auth_mode: API_KEY
  proxy: {base_url: https://api.acme.example, headers: {x-api-key: "${apiKey}"}}
`

func acmeCatalog(t *testing.T) *Catalog {
	t.Helper()
	c, problems := LoadCatalog(CatalogFile{Name: "acme.yaml", Data: []byte(acmeYAML)})
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	return c
}

func TestProviderFields(t *testing.T) {
	t.Parallel()
	p, err := acmeCatalog(t).Get("acme")
	if err != nil {
		t.Fatal(err)
	}
	if p.Name != "acme" || p.DisplayName != "Acme" || p.AuthMode != ModeOAuth2 || !slices.Equal(p.Categories, []string{"crm"}) || p.Docs != "https://docs.acme.example" ||
		!slices.Equal(p.DefaultScopes, []string{"read"}) || p.ScopeSeparator != " " || !p.HasWebhooks || len(p.Sources) != 1 || p.Checked != "2026-11-21" || p.Deprecated != "" {
		t.Errorf("%+v", p)
	}
	var names []string
	for _, f := range p.ConfigFields {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, " "); got != "subdomain region site apiSecret" {
		t.Fatalf("fields in the order %s", got)
	}
	sub, region, site, secret := p.ConfigFields[0], p.ConfigFields[1], p.ConfigFields[2], p.ConfigFields[3]
	if sub.Title != "Subdomain" || sub.Description != "Yours." || sub.Example != "corp" || sub.Pattern != "^[a-z]+$" || sub.Prefix != "https://" || sub.Suffix != ".acme.example" ||
		sub.DocSection != "#sub" || !sub.Required || sub.Optional || sub.HasDefault || sub.Secret {
		t.Errorf("subdomain %+v", sub)
	}
	if region.Required || !region.Optional || !region.HasDefault || region.Default != "" || !slices.Equal(region.Enum, []string{"eu", "us"}) ||
		region.VisibleWhen == nil || *region.VisibleWhen != (FieldCondition{"subdomain", "x"}) || region.Warnings["us"] != "Far away." {
		t.Errorf("region %+v", region)
	}
	if !site.Automated || site.Required || site.Source != "token_response:site" {
		t.Errorf("site %+v", site)
	}
	if !secret.Secret || !secret.Hidden {
		t.Errorf("apiSecret %+v", secret)
	}
	key, err := acmeCatalog(t).Get("acme-key")
	if err != nil || key.DisplayName != "acme-key" || key.HasWebhooks || key.ConfigFields != nil {
		t.Errorf("%+v, %v", key, err)
	}
}

func TestProviderIsACopy(t *testing.T) {
	t.Parallel()
	c := acmeCatalog(t)
	p, err := c.Get("acme")
	if err != nil {
		t.Fatal(err)
	}
	p.Categories[0], p.DefaultScopes[0], p.Sources[0] = "x", "x", "x"
	p.ConfigFields[1].Enum[0], p.ConfigFields[1].Warnings["us"], p.ConfigFields[1].VisibleWhen.Field = "x", "x", "x"
	p.ConfigFields[0].Name = "x"
	again, err := c.Get("acme")
	if err != nil {
		t.Fatal(err)
	}
	if again.Categories[0] != "crm" || again.DefaultScopes[0] != "read" || again.Sources[0] != "https://docs.acme.example" || again.ConfigFields[0].Name != "subdomain" ||
		again.ConfigFields[1].Enum[0] != "eu" || again.ConfigFields[1].Warnings["us"] != "Far away." || again.ConfigFields[1].VisibleWhen.Field != "subdomain" {
		t.Errorf("a caller changed the catalog: %+v", again)
	}
}

func TestProviderJSON(t *testing.T) {
	t.Parallel()
	p, err := acmeCatalog(t).Get("acme")
	if err != nil {
		t.Fatal(err)
	}
	var entry struct {
		DisplayName      string `json:"display_name"`
		AuthorizationURL string `json:"authorization_url"`
		ConnectionConfig map[string]struct {
			Title string `json:"title"`
		} `json:"connection_config"`
	}
	if err := json.Unmarshal(p.JSON(), &entry); err != nil {
		t.Fatal(err)
	}
	if entry.DisplayName != "Acme" || entry.AuthorizationURL != "https://${connectionConfig.subdomain}.acme.example/authorize" || entry.ConnectionConfig["region"].Title != "Region" {
		t.Errorf("%+v", entry)
	}
	if got := string(Provider{}.JSON()); got != "null" {
		t.Errorf("the zero Provider is %s", got)
	}
}

func TestUnknownProvider(t *testing.T) {
	t.Parallel()
	rejecting, _ := Builtin().With(CatalogFile{Name: "bad.yaml", Data: []byte("github:\n  auth_mode: FOO\n")})
	for name, c := range map[string]*Catalog{"nil": nil, "zero": {}, "built-in": Builtin(), "rejecting": rejecting} {
		for _, provider := range []string{"no-such-provider", "", "github\x00"} {
			if p, err := c.Get(provider); !errors.Is(err, ErrUnknownProvider) || p.Name != "" {
				t.Errorf("%s: Get(%q) = %+v, %v, want ErrUnknownProvider", name, provider, p, err)
			}
		}
	}
	// Falling back to the entry that was to be replaced would be a surprise.
	_, err := rejecting.Get("github")
	if !errors.Is(err, ErrUnknownProvider) || !strings.Contains(err.Error(), "bad.yaml:2:3: github: auth_mode: ") {
		t.Errorf("Get of a rejected entry: %v, want the reason", err)
	}
	if slices.Contains(rejecting.Names(), "github") || !slices.Contains(rejecting.Names(), "slack") {
		t.Errorf("names %v", rejecting.Names())
	}
}

func TestZeroCatalog(t *testing.T) {
	t.Parallel()
	for _, c := range []*Catalog{nil, {}} {
		if len(c.Names()) != 0 {
			t.Errorf("names %v", c.Names())
		}
		for p := range c.All() {
			t.Errorf("provider %s", p.Name)
		}
	}
	with, problems := (&Catalog{}).With(CatalogFile{Name: "acme.yaml", Data: []byte(acmeYAML)})
	if len(problems) > 0 || strings.Join(with.Names(), " ") != "acme acme-key" {
		t.Errorf("names %v, problems %v", with.Names(), problems)
	}
}

func TestWith(t *testing.T) {
	t.Parallel()
	base := acmeCatalog(t)
	over, problems := base.With(CatalogFile{Name: "over.yaml", Data: []byte(`
acme: {alias: acme, display_name: Acme (ours), default_scopes: [read, write]}
acme-eu: {alias: acme, display_name: Acme EU}
`)})
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	if got := strings.Join(over.Names(), " "); got != "acme acme-eu acme-key" {
		t.Errorf("names %s", got)
	}
	for name, want := range map[string]string{"acme": "Acme (ours) 2", "acme-eu": "Acme EU 2"} {
		p, err := over.Get(name)
		if got := p.DisplayName + " " + string(rune('0'+len(p.DefaultScopes))); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", name, got, err, want)
		}
	}
	if p, err := base.Get("acme"); err != nil || p.DisplayName != "Acme" {
		t.Errorf("the receiver changed: %s, %v", p.DisplayName, err)
	}
	if strings.Join(base.Names(), " ") != "acme acme-key" {
		t.Errorf("the receiver changed: %v", base.Names())
	}
}

func TestWithOverBuiltin(t *testing.T) {
	t.Parallel()
	c, problems := Builtin().With(CatalogFile{Name: "mine.yaml", Data: []byte("my-github: {alias: github, default_scopes: [repo]}\n")})
	if len(problems) > 0 {
		t.Fatalf("problems %v", problems)
	}
	mine, err := c.Get("my-github")
	if err != nil {
		t.Fatal(err)
	}
	github, err := c.Get("github")
	if err != nil {
		t.Fatal(err)
	}
	if mine.AuthMode != github.AuthMode || mine.Docs != github.Docs || !slices.Equal(mine.DefaultScopes, []string{"repo"}) || mine.Name != "my-github" {
		t.Errorf("%+v does not build on %+v", mine, github)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	c, problems := LoadCatalog(
		CatalogFile{Name: "a.yaml", Data: []byte("a:\n  auth_mode: NONE\n  colour: red\nb:\n  auth_mode: FOO\n")},
		CatalogFile{Name: "c.yaml", Data: []byte("[")},
	)
	want := []Problem{
		{File: "a.yaml", Line: 3, Column: 3, Entry: "a", Key: "colour", Severity: SeverityDoubtful, Code: "unknown-key"},
		{File: "a.yaml", Line: 5, Column: 3, Entry: "b", Key: "auth_mode", Severity: SeverityRejected, Code: "auth-mode"},
		{File: "c.yaml", Line: 1, Column: 1, Severity: SeverityRejected, Code: "syntax"},
	}
	if len(problems) != len(want) {
		t.Fatalf("problems %v", problems)
	}
	for i, p := range problems {
		if p.Message == "" || !strings.HasSuffix(p.String(), p.Message) || !strings.HasPrefix(p.String(), p.File+":") {
			t.Errorf("%d: %s", i, p)
		}
		p.Message = ""
		if p != want[i] {
			t.Errorf("%d: %+v, want %+v", i, p, want[i])
		}
	}
	if strings.Join(c.Names(), " ") != "a" {
		t.Errorf("names %v", c.Names())
	}
	if SeverityDoubtful.String() != "doubtful" || SeverityRejected.String() != "rejected" {
		t.Error("severities have the wrong names")
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	c := Builtin()
	find := func(text string) []string {
		var names []string
		for p := range c.Search(text) {
			names = append(names, p.Name)
		}
		return names
	}
	if got := find("GitHub"); !slices.Contains(got, "github") || !slices.IsSorted(got) || len(got) > 10 {
		t.Errorf("Search(GitHub) = %v", got)
	}
	if got := find("no-such-provider"); got != nil {
		t.Errorf("Search(no-such-provider) = %v", got)
	}
	if got := find(""); !slices.Equal(got, c.Names()) {
		t.Errorf("Search of nothing found %d of %d", len(got), len(c.Names()))
	}
	for range c.All() {
		break // stopping early is fine
	}
}

// Every built-in provider can be used, by several goroutines at once, and is
// read once.
func TestBuiltinConcurrently(t *testing.T) {
	t.Parallel()
	c := Builtin()
	names := c.Names()
	if len(names) < 40 {
		t.Fatalf("only %d built-in providers", len(names))
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, name := range names {
				p, err := c.Get(name)
				if err != nil || p.Name != name {
					t.Errorf("Get(%q) = %+v, %v", name, p, err)
				}
			}
		})
	}
	wg.Wait()
	one, err := c.entry("github")
	if err != nil {
		t.Fatal(err)
	}
	if two, err := c.entry("github"); err != nil || one != two {
		t.Errorf("the entry was read twice: %v", err)
	}
}

func TestAuthModesAreThoseOfTheFormat(t *testing.T) {
	t.Parallel()
	modes := []AuthMode{
		ModeOAuth2, ModeOAuth2CC, ModeOAuth1, ModeAPIKey, ModeBasic, ModeTwoStep, ModeJWT, ModeSignature, ModeApp, ModeCustom, ModeTBA, ModeBill,
		ModeAWSSigV4, ModeInstallPlugin, ModeMCPOAuth2, ModeMCPOAuth2Generic, ModeNone,
	}
	for _, m := range modes {
		c, problems := LoadCatalog(CatalogFile{Name: "f.yaml", Data: []byte("a: {auth_mode: " + string(m) + "}\n")})
		for _, p := range problems {
			if p.Code == "auth-mode" {
				t.Errorf("%s: %s", m, p)
			}
		}
		if p, err := c.Get("a"); err == nil && p.AuthMode != m {
			t.Errorf("%s became %s", m, p.AuthMode)
		}
	}
	if len(modes) != 17 {
		t.Errorf("%d modes", len(modes))
	}
}

func BenchmarkCatalogGet(b *testing.B) {
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Builtin().Get("github"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("again", func(b *testing.B) {
		c := Builtin()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Get("github"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("entry", func(b *testing.B) {
		c := Builtin()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.entry("github"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
