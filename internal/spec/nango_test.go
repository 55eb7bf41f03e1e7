package spec

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tieline/tieline/internal/template"
)

// nangoFile returns the provider file of another project that the format comes
// from, which is used as test data where it is at hand and is no part of this
// project.
func nangoFile(t testing.TB) []byte {
	t.Helper()
	if path := os.Getenv("TIELINE_NANGO_PROVIDERS"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, "..", "shared", "data", "nango-providers.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no provider file to test with: set TIELINE_NANGO_PROVIDERS to the path of one, or put it at %s", path)
	}
	return data
}

// nango is the file, loaded once for all tests.
var nango struct {
	once     sync.Once
	set      *Set
	problems []Problem
	entries  int
}

func loadNango(t *testing.T) (*Set, []Problem) {
	t.Helper()
	f := File{Name: "providers.yaml", Data: nangoFile(t)}
	nango.once.Do(func() {
		nango.set, nango.problems = Load(f)
		entries, _ := readFile(f)
		nango.entries = len(entries)
	})
	if nango.entries != 981 {
		t.Fatalf("%d entries, want 981: this is another version of the file than the figures here are for", nango.entries)
	}
	return nango.set, nango.problems
}

// Each entry is usable, or reported with the reason why not.
func TestNangoEveryEntryIsUsableOrReported(t *testing.T) {
	t.Parallel()
	set, problems := loadNango(t)
	rejected := map[string]bool{}
	for _, p := range problems {
		if p.Line == 0 || p.Entry == "" {
			t.Errorf("the problem has no place: %s", p)
		}
		if p.Severity == Rejected {
			rejected[p.Entry] = true
		}
	}
	entries, _ := readFile(File{Name: "providers.yaml", Data: nangoFile(t)})
	for _, e := range entries {
		if _, usable := set.Lookup(e.name); usable == rejected[e.name] {
			t.Errorf("%s: usable %v, rejected %v", e.name, usable, rejected[e.name])
		}
	}
	if got := strings.Join(sortedNames(rejected), " "); got != "aws certn-partner greenhouse-assessment klicktipp" {
		t.Errorf("rejected: %s", got)
	}
	modes := map[AuthMode]int{}
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		modes[e.AuthMode]++
	}
	want := map[AuthMode]int{
		OAuth2: 343, APIKey: 322, OAuth2CC: 109, Basic: 96, TwoStep: 63, MCPOAuth2: 24, JWT: 4, OAuth1: 4, Bill: 2,
		MCPOAuth2Generic: 2, None: 2, App: 1, Custom: 1, TBA: 1, Signed: 1, AWSSigV4: 1, InstallPlugin: 1,
	}
	if diff := cmp.Diff(want, modes); diff != "" {
		t.Errorf("usable entries by mode (-want +got):\n%s", diff)
	}
}

// What is found in the file is what a reader of it found by hand.
func TestNangoFindings(t *testing.T) {
	t.Parallel()
	_, problems := loadNango(t)
	counts := map[string]int{}
	entries := map[string]map[string]bool{}
	for _, p := range problems {
		counts[p.Code]++
		if entries[p.Code] == nil {
			entries[p.Code] = map[string]bool{}
		}
		entries[p.Code][p.Entry] = true
	}
	want := map[string]int{
		"alias-drops": 35, "client-auth-conflict": 1, "example-mismatch": 12, "fixed-nonce": 2, "foreign-template": 1,
		"hidden-no-default": 5, "host-open": 2, "host-unconstrained": 43, "key-in-code": 1, "key-not-attached": 1, "missing-key": 1,
		"no-effect": 14, "no-grant-type": 5, "no-proxy": 1, "optional-variable": 4, "paginate-incomplete": 1,
		"pattern-forbids-host": 1, "pattern-invalid": 4, "pattern-unanchored": 15, "refresh-unused": 1, "retry-no-wait": 1,
		"scheme-doubled": 3, "scheme-missing": 2, "secret-in-url": 11, "suffix-not-in-url": 1, "undeclared-variable": 1,
		"unknown-variable": 2, "unread-key": 6, "unused-field": 6,
	}
	if diff := cmp.Diff(want, counts); diff != "" {
		t.Errorf("problems by code (-want +got):\n%s", diff)
	}
	for code, names := range map[string]string{
		"example-mismatch":     "aws-scim crisp elevio google-service-account greenhouse-assessment mindbody open-hands pennylane-company-api rootly snowflake-jwt thrivecart-api-key twenty-crm-self-hosted",
		"fixed-nonce":          "datev twinfield",
		"foreign-template":     "sage-intacct",
		"hidden-no-default":    "gem okta-cc servicenow servicenow-oauth2-cc stitch-mcp",
		"host-open":            "amazon braze",
		"no-grant-type":        "certn-partner greenhouse-harvest-oauth2-cc personio roller zoominfo",
		"optional-variable":    "aws-sigv4 basecamp workable zoho-mail",
		"paginate-incomplete":  "whoop",
		"pattern-invalid":      "freshteam salesforce salesforce-cc salesforce-sandbox",
		"refresh-unused":       "sap-concur-password",
		"retry-no-wait":        "hubspot",
		"scheme-doubled":       "blackbaud-basic gerrit sage-people",
		"scheme-missing":       "jira-data-center-api-key jira-data-center-basic",
		"secret-in-url":        "algolia datacandy greenhouse-job-board jazzhr jobdiva leapsome paycor paycor-sandbox setmore telegram",
		"suffix-not-in-url":    "snipe-it",
		"unread-key":           "airtable asana attio aws bullhorn squareup",
		"client-auth-conflict": "read-ai",
	} {
		if got := strings.Join(sortedNames(entries[code]), " "); got != names {
			t.Errorf("%s: %s\nwant %s", code, got, names)
		}
	}
}

// The counts of inherited parts that aliases lose.
func TestNangoAliasDrops(t *testing.T) {
	t.Parallel()
	_, problems := loadNango(t)
	byKey := map[string]int{}
	for _, p := range problems {
		if p.Code == "alias-drops" {
			byKey[p.Key]++
		}
	}
	if byKey["proxy"] != 25 || byKey["connection_config"] != 10 || len(byKey) != 2 {
		t.Errorf("drops by key %v, want 25 of proxy and 10 of connection_config", byKey)
	}
}

func TestNangoDerivedValues(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	count := map[string]int{}
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		if e.AuthMode == OAuth2 {
			count["auth "+string(e.ClientAuth)]++
			count["pkce "+string(e.PKCE)]++
			count["body "+string(e.BodyFormat)]++
			if e.Refresh.GrantType != "refresh_token" || e.Refresh.Grant != GrantRefreshToken {
				t.Errorf("%s refreshes with %s, %s", name, e.Refresh.Grant, e.Refresh.GrantType)
			}
		}
		if e.AuthMode == TwoStep {
			count["two-step body "+string(e.BodyFormat)]++
		}
		if e.ScopeSeparator == "," {
			count["comma"]++
		}
		if e.Paginate != nil {
			count["paginate"]++
		}
	}
	want := map[string]int{
		"auth body": 285, "auth basic": 16, "auth basic_raw": 42, "pkce optional": 257, "pkce forbidden": 86,
		"body form": 328, "body json": 15, "two-step body json": 33, "two-step body form": 29, "two-step body xml": 1,
		"comma": 27, "paginate": 43,
	}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("derived values (-want +got):\n%s", diff)
	}
}

// Everything that an entry sends can be made with values of the kind that its
// fields ask for, and nothing of the template language is left in it.
func TestNangoTemplatesExpand(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	urls, texts := 0, 0
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		env := plausible(e)
		e.urls(func(path string, u *template.URL) {
			urls++
			got, err := u.Expand(env)
			if err != nil {
				t.Errorf("%s: %s: %v", name, path, err)
				return
			}
			again, err := url.Parse(got.String())
			if err != nil || again.Host != got.Host || !u.IsRelative() && (got.Scheme != "https" || got.Host == "") || strings.Contains(got.String(), "${") {
				t.Errorf("%s: %s became %s, %v", name, path, got, err)
			}
		})
		e.texts(func(path string, text *template.Text, leave bool) {
			texts++
			got, err := text.Expand(env)
			if err != nil || strings.Contains(got, "${") {
				t.Errorf("%s: %s became %q, %v", name, path, got, err)
			}
		})
	}
	if urls < 1500 || texts < 1500 {
		t.Errorf("only %d URLs and %d texts were expanded", urls, texts)
	}
	t.Logf("expanded %d URLs and %d texts", urls, texts)
}

// pemKey is a throw-away key, for the entries that sign.
const pemKey = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n"

// plausible has, for every variable of an entry, a value such as a user or the
// provider would give.
func plausible(e *Entry) *template.Env {
	whole := map[template.Ref]bool{}
	e.urls(func(_ string, u *template.URL) {
		for _, use := range u.HostUses() {
			whole[use.Ref] = whole[use.Ref] || use.Place == template.WholeURL
		}
	})
	v := newVars(&e.Provider)
	return &template.Env{
		Lookup: func(r template.Ref) (string, bool) {
			f, _ := v.field(r)
			switch {
			case strings.Contains(strings.ToLower(r.Name), "privatekey"), e.Name == "streamline-ai" && r.Name == "password":
				return pemKey, true
			case f.DefaultValue != nil && *f.DefaultValue != "":
				return *f.DefaultValue, true
			case len(f.Enum) > 0:
				return f.Enum[0], true
			case whole[r]:
				return "https://tenant.example.com/base", true
			case f.Format == "uri":
				return "https://tenant.example.com", true
			case f.Format == "uuid":
				return "a1b2c3d4-0000-1111-2222-333344445555", true
			case r.Name == "port":
				return "13113", true
			case f.Format == "hostname":
				return "tenant.example.com", true
			}
			return "value1", true
		},
		Sign: func(name string, args []string) (string, error) { return "signed by " + name, nil },
	}
}

// The fast form loses nothing of any entry.
func TestNangoFastForm(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		data, err := EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeEntry(name, string(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(e.Provider, again.Provider, compareProviders...); diff != "" {
			t.Errorf("%s changed (-want +got):\n%s", name, diff)
		}
		if !slices.Equal(e.ConfigNames, again.ConfigNames) || !slices.Equal(e.CredentialNames, again.CredentialNames) || e.ClientAuth != again.ClientAuth || e.Refresh.GrantType != again.Refresh.GrantType {
			t.Errorf("%s means something else once decoded", name)
		}
	}
}

// What a form suggests can be sent in.
func TestNangoExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	set, problems := loadNango(t)
	doubted := map[string]bool{}
	for _, p := range problems {
		doubted[p.Entry+" "+p.Key] = true
	}
	accepted := 0
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		for _, f := range e.ConnectionConfig {
			if f.Example == "" || strings.Contains(f.Example, "**") || strings.Contains(f.Example, "...") || doubted[name+" connection_config."+f.Name+".example"] {
				continue
			}
			_, _, problems := Fields{f}.Validate(map[string]string{f.Name: f.Prefix + f.Example + f.Suffix}, ValidateOptions{})
			if len(problems) > 0 && !f.keepPrefix && !f.keepSuffix && !strings.Contains(f.Suffix, "(") {
				t.Errorf("%s: %s: %v", name, f.Name, problems)
			}
			accepted++
		}
	}
	if accepted < 250 {
		t.Errorf("only %d examples were tried", accepted)
	}
}
