package tieline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gopkg.in/yaml.v3"
)

// entryFault is one wrong value in an entry that is otherwise as it was.
type entryFault struct {
	provider string
	path     string // keys, with / between them
	op       string // drop, set or rename
	value    string // to set, as YAML, or the new name
	golden   string // the golden file that is to notice
	blind    string // why the Dialect cannot notice; empty: it has to
}

func entryFaults() []entryFault {
	return []entryFault{
		{"zoom", "scope_separator", "set", "' '", "01-comma-scope-separator", ""},
		{"zoom", "token_url", "set", "https://zoom.us/oauth/authorize", "01-comma-scope-separator", ""},
		{"pennylane", "authorization_url_skip_encode", "drop", "", "02-plus-scope-separator-raw", ""},
		{"pipedrive", "token_response_metadata", "drop", "", "03-empty-scope-omitted", ""},
		{"drchrono", "token_url", "set", "https://app.drchrono.com/o/token", "03b-empty-scope-omitted-with-pkce", ""},
		{"aircall", "authorization_params/scope", "set", "private_api", "04-fixed-scope", ""},
		{"cal-com-oauth", "body_format", "drop", "", "05-json-token-body", ""},
		{"cal-com-oauth", "disable_pkce", "set", "false", "05-json-token-body", ""},
		{"kno-commerce", "body_format", "set", "form", "06-parameters-in-query", ""},
		{"sage-intacct", "token_params/request/control/senderid", "rename", "sender_id", "09-xml-token-call", ""},
		{"airtable", "authorization_method", "drop", "", "10-client-secret-basic-encoded", ""},
		{"canva", "token_request_auth_method", "drop", "", "11-client-secret-basic-raw", ""},
		{"okta-cc", "token_request_auth_method", "set", "basic", "14-private-key-jwt", ""},
		{"netsuite-client-credentials", "assertion/payload/aud", "set", "https://example.com", "14b-assertion-of-a-sign-in", ""},
		{"reddit", "authorization_params/duration", "rename", "durations", "19b-extra-authorize-parameter", ""},
		{"amazon-selling-partner", "authorization_code_param_in_callback", "drop", "", "21-code-under-another-name", ""},
		{"zendesk", "token_params/expires_in", "set", "'18000'", "26-extra-token-parameter", ""},
		{"bamboohr", "refresh_params/request", "drop", "", "27b-extra-refresh-parameter", ""},
		{"altrata", "token_headers/x-api-key", "drop", "", "28c-headers-of-a-sign-in", ""},
		{"trustpilot", "refresh_url", "drop", "", "29-refresh-url", ""},
		{"salesmsg", "refresh_token_headers", "drop", "", "34b-sign-in-refreshed-with-its-token", "signing in again is as good to it as a refresh"},
		{"fiserv", "expires_in_unit", "drop", "", "42-lifetime-in-milliseconds", "it ends its tokens when the Client thinks that they end"},
		{"tableau", "token_response/token", "set", "token", "43-lifetime-in-days-hours-minutes", ""},
		{"myob", "redirect_uri_metadata", "drop", "", "48-callback-value-needed-later", ""},
		{"okta", "proxy/base_url", "set", "'https://${connectionConfig.subdomain}.okta-emea.com'", "51-host-of-the-tenant", ""},
		{"auth0", "authorization_params/response_mode", "drop", "", "55-response-mode-query", ""},
		{"shopify", "proxy/headers/x-shopify-access-token", "rename", "x-access-token", "57-token-in-another-header", ""},
		{"etsy", "proxy/headers/x-api-key", "drop", "", "58-application-in-api-header", ""},
	}
}

func (f entryFault) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", f.provider, f.op, f.path, f.value))
}

// TestSeededEntryFaults gives the Client an entry with one wrong value, and its
// provider the right one: the Dialect has to notice, and so has the golden file.
func TestSeededEntryFaults(t *testing.T) {
	entries, nodes := referenceEntries(t), referenceNodes(t)
	goldens := map[string]quirk{}
	for _, q := range allQuirks() {
		goldens[q.name] = q
	}
	var table []string
	for _, f := range entryFaults() {
		t.Run(strings.ReplaceAll(f.String(), "/", "."), func(t *testing.T) {
			right, wrong := entryCatalog(t, nodes, f, false), entryCatalog(t, nodes, f, true)
			if got := noticedByDialect(t, right, f.provider, entries[f.provider]); got != "" {
				t.Fatalf("the entry as it is does not pass: %s", got)
			}
			byDialect := noticedByDialect(t, wrong, f.provider, entries[f.provider])
			if byDialect == "" && f.blind == "" {
				t.Error("the Dialect has noticed nothing")
			} else if byDialect != "" && f.blind != "" {
				t.Errorf("the Dialect is not blind to it any more: %s", byDialect)
			}
			q, ok := goldens[f.golden]
			if !ok {
				t.Fatalf("there is no golden file %s", f.golden)
			}
			before, byGolden := noticedByGolden(t, q, right), noticedByGolden(t, q, wrong)
			if slices.Equal(before, byGolden) {
				t.Error("the golden file is met")
			}
			table = append(table, fmt.Sprintf("%s\n\tDialect: %s\n\tgolden: %s", f, cmp.Or(byDialect, "nothing: "+f.blind), strings.Join(byGolden, ", ")))
		})
	}
	t.Logf("%d faults\n%s", len(table), strings.Join(table, "\n"))
}

// noticedByDialect lives a connection's life and returns what was found wrong.
func noticedByDialect(t *testing.T, catalog *Catalog, name string, entry map[string]any) (notice string) {
	synctest.Test(t, func(t *testing.T) {
		w, err := newDialectWorld(t, catalog, name, entry)
		if err != nil {
			t.Fatal(err)
		}
		err = lastError(w.live(AuthMode(fmt.Sprint(entry["auth_mode"]))))
		_ = w.Close(context.WithoutCancel(t.Context()))
		if problems := w.provider.Problems(); len(problems) > 0 {
			notice = problems[0]
		} else if err != nil {
			notice = err.Error()
		}
	})
	return notice
}

// lastError is the error that a function returns last.
func lastError(results ...any) error {
	err, _ := results[len(results)-1].(error)
	return err
}

func noticedByGolden(t *testing.T, q quirk, catalog *Catalog) (differ []string) {
	synctest.Test(t, func(t *testing.T) { differ, _ = q.compare(t, catalog) })
	return differ
}

// referenceNodes is the reference file with its order kept.
func referenceNodes(t testing.TB) map[string]*yaml.Node {
	t.Helper()
	var file map[string]yaml.Node
	if err := yaml.Unmarshal(referenceFile(t), &file); err != nil {
		t.Fatal(err)
	}
	nodes := map[string]*yaml.Node{}
	for name, n := range file {
		nodes[name] = &n
	}
	return nodes
}

// entryCatalog is a catalog of one entry, with the fault or without, and of what it
// inherits from.
func entryCatalog(t testing.TB, nodes map[string]*yaml.Node, f entryFault, faulty bool) *Catalog {
	t.Helper()
	file := map[string]*yaml.Node{}
	for name := f.provider; name != ""; {
		file[name] = nodes[name]
		i := keyOf(nodes[name], "alias")
		if i < 0 {
			break
		}
		name = nodes[name].Content[i+1].Value
	}
	if faulty {
		entry := copyNode(nodes[f.provider])
		if !f.apply(t, entry) {
			t.Fatalf("%s has no %s", f.provider, f.path)
		}
		file[f.provider] = entry
	}
	text, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	catalog, problems := LoadCatalog(CatalogFile{Name: "seeded.yaml", Data: text})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatalf("the entry is refused, so that nothing can be found out: %v", p)
		}
	}
	return catalog
}

func copyNode(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content = nil
	for _, child := range n.Content {
		c.Content = append(c.Content, copyNode(child))
	}
	return &c
}

func (f entryFault) apply(t testing.TB, entry *yaml.Node) bool {
	t.Helper()
	keys := strings.Split(f.path, "/")
	for len(keys) > 1 {
		i := keyOf(entry, keys[0])
		if i < 0 {
			return false
		}
		entry, keys = entry.Content[i+1], keys[1:]
	}
	i := keyOf(entry, keys[0])
	if i < 0 {
		return false
	}
	switch f.op {
	case "drop":
		entry.Content = slices.Delete(entry.Content, i, i+2)
	case "rename":
		entry.Content[i].Value = f.value
	case "set":
		var v yaml.Node
		if err := yaml.Unmarshal([]byte(f.value), &v); err != nil {
			t.Fatal(err)
		}
		entry.Content[i+1] = v.Content[0]
	}
	return true
}

// keyOf is where a key of a mapping stands, or -1.
func keyOf(n *yaml.Node, key string) int {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}
