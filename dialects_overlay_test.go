package tieline

import (
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/tieline/tieline/catalog/dialects"
)

// The dialects read without a problem, every one finds its entry, and none makes
// an entry worse.
func TestDialectsFit(t *testing.T) {
	t.Parallel()
	if _, problems := builtinDialects(); len(problems) > 0 {
		t.Errorf("the dialects alone: %v", problems)
	}
	var overlay map[string]map[string]any
	if err := yaml.Unmarshal(dialects.File, &overlay); err != nil {
		t.Fatal(err)
	}
	entries := referenceEntries(t)
	for name, e := range overlay {
		if entries[name]["auth_mode"] != e["auth_mode"] {
			t.Errorf("%s: the file has mode %v, the dialect is for %v", name, entries[name]["auth_mode"], e["auth_mode"])
		}
	}
	_, problems := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, p := range problems {
		if p.File == "dialects.yaml" {
			t.Error(p)
		}
	}
}
