package providertest

import (
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"
)

// catalogFile is the provider file of another project that the format comes
// from: test data where it is at hand, and no part of this project.
func catalogFile(t testing.TB) []byte {
	t.Helper()
	path := os.Getenv("TIELINE_NANGO_PROVIDERS")
	if path == "" {
		path = filepath.Join("..", "..", "shared", "data", "nango-providers.yaml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no provider file to test with: set TIELINE_NANGO_PROVIDERS to the path of one, or put it at %s", path)
	}
	return data
}

// catalogEntries holds the entries for all tests; no test changes them.
var catalogEntries struct {
	sync.Once
	all map[string]map[string]any
	err error
}

// catalog is every entry, with what it inherits merged into it: the keys of an
// alias replace those of its target, whole.
func catalog(t testing.TB) map[string]map[string]any {
	t.Helper()
	data := catalogFile(t)
	catalogEntries.Do(func() { catalogEntries.all, catalogEntries.err = decodeCatalog(data) })
	if catalogEntries.err != nil {
		t.Fatal(catalogEntries.err)
	}
	if n := len(catalogEntries.all); n != 981 {
		t.Fatalf("%d entries, want 981: this is another version of the file than the tables here are for", n)
	}
	return catalogEntries.all
}

func decodeCatalog(data []byte) (map[string]map[string]any, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		return nil, err
	}
	list := file.Content[0].Content
	out := map[string]map[string]any{}
	for i := 0; i < len(list); i += 2 {
		var e map[string]any
		if err := list[i+1].Decode(&e); err != nil {
			return nil, err
		}
		out[list[i].Value] = e
	}
	for i := 0; i < len(list); i += 2 { // in the order of the file: one alias is of an alias
		e := out[list[i].Value]
		target, ok := e["alias"].(string)
		if !ok {
			continue
		}
		merged := maps.Clone(out[target])
		maps.Copy(merged, e)
		delete(merged, "alias")
		out[list[i].Value] = merged
	}
	return out, nil
}

// Fields whose pattern RE2 cannot compile, so that nothing can be checked here.
var uncheckable = map[string]string{
	"salesforce connection_config.hostname":         "a negative look-ahead; checked without it",
	"salesforce-cc connection_config.hostname":      "a negative look-ahead; checked without it",
	"salesforce-sandbox connection_config.hostname": "a negative look-ahead; checked without it",
	"freshteam credentials.apiKey":                  "the range \\-+ is invalid in every dialect of regular expressions",
}

// Every entry constructs, and its inputs satisfy its own description.
func TestDialectCatalogInputs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for name, entry := range catalog(t) {
		d, err := NewDialect(name, entry)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		in := d.Inputs()
		for section, values := range map[string]map[string]string{
			"connection_config": in.Config, "credentials": in.Credentials,
			"integration_config": in.IntegrationConfig, "assertion_option": in.AssertionOption,
		} {
			for field, v := range values {
				checkField(t, name, section, field, v, mapOf(dig(entry, section, field)), seen)
			}
		}
		for field, v := range d.learned {
			checkField(t, name, "connection_config", field, v, mapOf(dig(entry, "connection_config", field)), seen)
		}
		checkComplete(t, d, in)
	}
	for k := range uncheckable {
		if !seen[k] {
			t.Errorf("%s is no exception any more", k)
		}
	}
}

// checkField holds one value to its description, with rules of its own.
func checkField(t *testing.T, name, section, field, v string, spec map[string]any, seen map[string]bool) {
	t.Helper()
	where := name + " " + section + "." + field
	if v == "" && (spec["hidden"] != true || spec["default_value"] != "") {
		t.Errorf("%s is empty", where)
	}
	if strings.ContainsAny(v, "*•") {
		t.Errorf("%s is starred out: %q", where, v)
	}
	if enum := textsOf(spec["enum"]); len(enum) > 0 && !slices.Contains(enum, v) {
		t.Errorf("%s is %q, want one of %q", where, v, enum)
	}
	if u, err := url.Parse(v); spec["format"] == "uri" && (err != nil || u.Scheme != "https" || !strings.Contains(u.Host, ".")) {
		t.Errorf("%s is %q, want a URL", where, v)
	}
	forms := map[string]string{
		"hostname": `^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`, "uuid": `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, "email": `^[^@ ]+@[^@ ]+\.[a-z]+$`,
	}
	if form := forms[textOf(spec["format"])]; form != "" && !regexp.MustCompile(form).MatchString(v) {
		t.Errorf("%s is %q, want a %s", where, v, spec["format"])
	}
	expr := textOf(spec["pattern"])
	re, err := regexp.Compile(expr)
	if err != nil {
		seen[where] = true
		if uncheckable[where] == "" {
			t.Errorf("%s: the pattern does not compile: %v", where, err)
		}
		return
	}
	if !re.MatchString(v) {
		t.Errorf("%s is %q, want %s", where, v, expr)
	}
}

// checkComplete checks that no variable of the entry is left without a value.
func checkComplete(t *testing.T, d *Dialect, in Inputs) {
	t.Helper()
	for field := range mapOf(d.entry["connection_config"]) {
		_, given := in.Config[field]
		_, found := in.Discovered[field]
		_, learned := d.learned[field]
		if !given && !found && !learned && d.source(field) != fromIntegration {
			t.Errorf("%s: connection_config.%s has no value", d.name, field)
		}
	}
	templates(d.entry, func(path []string, s string) {
		for _, v := range variables(s) {
			config, isConfig := strings.CutPrefix(v, "connectionConfig.")
			if _, ok := d.configValue(config); isConfig && !ok {
				t.Errorf("%s: %s: ${%s} has no value", d.name, strings.Join(path, "."), v)
			}
			credential, isCredential := strings.CutPrefix(v, "credentials.")
			if _, ok := d.credential(credential); isCredential && !ok && !d.madeCredential(credential) {
				t.Errorf("%s: %s: ${%s} has no value", d.name, strings.Join(path, "."), v)
			}
		}
	})
}

// Hosts are reserved ones (RFC 2606) unless the entry itself says otherwise.
func TestDialectCatalogHosts(t *testing.T) {
	t.Parallel()
	for name, entry := range catalog(t) {
		d, err := NewDialect(name, entry)
		if err != nil {
			t.Fatal(err)
		}
		in := d.Inputs()
		for field, spec := range mapOf(entry["connection_config"]) {
			v := in.Config[field]
			if dig(spec, "format") == "hostname" && dig(spec, "pattern") == nil && dig(spec, "enum") == nil && strings.Contains(v, ".") &&
				!strings.HasSuffix(v, ".example.com") && dig(spec, "example") != v {
				t.Errorf("%s: %s is %q", name, field, v)
			}
		}
	}
}

// What in the entries had to be guessed, and is judged right here: each is a
// mistake in the entry whose meaning is plain.
func TestDialectCatalogDoubts(t *testing.T) {
	t.Parallel()
	const twice = ": the value has a scheme, and so has the template; the value's counts"
	want := map[string][]string{
		"blackbaud-basic": {"https://${connectionConfig.hostName}" + twice},
		"gerrit":          {"https://${connectionConfig.host}" + twice},
		"sage-people":     {"https://${connectionConfig.instance_url}/services/apexrest/spapi" + twice},
	}
	const slash = ": a value ends in a slash, and the template goes on with one: one counts"
	for _, page := range []string{"authorize", "token"} {
		want["practicefusion"] = append(want["practicefusion"], "https://${connectionConfig.baseUrl}/"+page+slash)
	}
	got := map[string][]string{}
	for name, entry := range catalog(t) {
		d, err := NewDialect(name, entry)
		if err != nil {
			t.Fatal(err)
		}
		d.planned()
		if doubts := d.Doubts(); len(doubts) > 0 {
			got[name] = slices.Sorted(slices.Values(doubts))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Entries without an endpoint of their mode, each for a reason.
func TestDialectCatalogRoutes(t *testing.T) {
	t.Parallel()
	without := map[string]string{
		"certn-partner":   "token: OAUTH2_CC without a token_url",
		"linear-mcp":      "api: no proxy",
		"unauthenticated": "api: no proxy",
	}
	needs := map[string][]string{
		"OAUTH2": {"token", "refresh"}, "OAUTH2_CC": {"token"}, "TWO_STEP": {"token"}, "BILL": {"token"}, "OAUTH1": {"request-token", "token"},
		"APP": {"token"}, "CUSTOM": {"token", "app-token"}, "AWS_SIGV4": {"sts"}, "MCP_OAUTH2": {"token", "refresh"},
		"MCP_OAUTH2_GENERIC": {"discovery", "registration", "token", "refresh"},
	}
	got := map[string]string{}
	for name, entry := range catalog(t) {
		d, err := NewDialect(name, entry)
		if err != nil {
			t.Fatal(err)
		}
		for _, role := range append(needs[d.mode], "api") {
			if !slices.ContainsFunc(d.routes, func(r route) bool { return r.role == role }) {
				got[name] += role
			}
		}
		if len(stepsOf(d)) != len(d.stepList()) {
			got[name] += " steps"
		}
	}
	for name, why := range got {
		if !strings.HasPrefix(without[name], why+":") {
			t.Errorf("%s has no endpoint for %q", name, why)
		}
	}
	if len(got) != len(without) {
		t.Errorf("%d entries lack an endpoint, want %d", len(got), len(without))
	}
}

func stepsOf(d *Dialect) []route {
	var out []route
	for _, r := range d.routes {
		if r.step > 1 {
			out = append(out, r)
		}
	}
	return out
}
