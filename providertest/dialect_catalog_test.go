package providertest

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

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

var decodeCatalog = sync.OnceValues(func() (map[string]map[string]any, error) { return nil, nil })

// catalog is every entry with what it inherits merged into it.
func catalog(t testing.TB) map[string]map[string]any {
	t.Helper()
	var raw yaml.Node
	if err := yaml.Unmarshal(catalogFile(t), &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	var order []string
	for i := 0; i < len(raw.Content[0].Content); i += 2 {
		var e map[string]any
		if err := raw.Content[0].Content[i+1].Decode(&e); err != nil {
			t.Fatal(err)
		}
		name := raw.Content[0].Content[i].Value
		out[name] = e
		order = append(order, name)
	}
	for _, name := range order { // in the order of the file: one alias is of an alias
		e := out[name]
		target, ok := e["alias"].(string)
		if !ok {
			continue
		}
		merged := map[string]any{}
		for k, v := range out[target] {
			merged[k] = v
		}
		for k, v := range e {
			merged[k] = v
		}
		delete(merged, "alias")
		out[name] = merged
	}
	if len(out) != 981 {
		t.Fatalf("%d entries, want 981: this is another version of the file than the tables here are for", len(out))
	}
	return out
}

func TestDumpCatalog(t *testing.T) {
	for _, name := range sortedKeys(catalog(t)) {
		e := catalog(t)[name]
		_ = e
		break
	}
	c := catalog(t)
	for _, name := range sortedKeys(c) {
		d, err := NewDialect(name, c[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(d.doubts) > 0 {
			t.Logf("%s %s: %s", name, d.mode, strings.Join(d.doubts, " | "))
		}
		if os.Getenv("DUMP") != "" {
			t.Logf("%s %+v LEARNED %v", name, d.in, d.learned)
			for _, r := range d.routes {
				t.Logf("   %s %s", r.role, r.url)
			}
		}
	}
}
