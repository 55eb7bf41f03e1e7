package catalogtool

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/tieline/tieline/internal/spec"
)

// families are the services with files of their own, which hold what belongs to them
// whatever it is called.
var families = []string{"google", "microsoft", "atlassian", "salesforce", "zoho"}

// named is a name where it stands in a file.
type named struct {
	name         string
	line, column int
}

// namesIn returns the names of the entries of a file in the order they stand in. What
// cannot be read has none; the loader reports it.
func namesIn(f spec.File) []named {
	var out []named
	dec := yaml.NewDecoder(bytes.NewReader(f.Data))
	for {
		var doc yaml.Node
		if dec.Decode(&doc) != nil {
			return out
		}
		if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
			continue
		}
		for i := 0; i+1 < len(doc.Content[0].Content); i += 2 {
			k := doc.Content[0].Content[i]
			out = append(out, named{k.Value, k.Line, k.Column})
		}
	}
}

// filing checks that entries stand where people look for them: sorted, in the file of
// their first letter, and once.
func (l *linter) filing(files []spec.File) {
	first := map[string]string{} // of each name, the file it stands in
	for _, f := range files {
		before := ""
		for _, n := range namesIn(f) {
			report := func(code, message string) {
				l.findings = append(l.findings, Finding{File: f.Name, Line: n.line, Column: n.column, Entry: n.name, Severity: House, Code: code, Message: message})
			}
			if n.name < before {
				report("entry-order", fmt.Sprintf("entries are sorted by name, and this one stands after %s", before))
			}
			before = max(before, n.name)
			if l.options.Files && !filedIn(n.name, f.Name) {
				report("entry-file", fmt.Sprintf("nobody looks for %s in %s", n.name, path.Base(f.Name)))
			}
			if other, ok := first[n.name]; ok {
				report("entry-twice", fmt.Sprintf("the entry stands in %s, too", other))
			}
			first[n.name] = f.Name
		}
	}
}

// filedIn reports whether an entry may stand in a file: that of a family, of its first
// letters ("s.yaml"), or of a range of them ("sa-si.yaml", "0-9.yaml").
func filedIn(name, file string) bool {
	stem := strings.TrimSuffix(path.Base(strings.ReplaceAll(file, `\`, "/")), ".yaml")
	if slices.Contains(families, stem) {
		return true
	}
	if family, _, _ := strings.Cut(name, "-"); slices.Contains(families, family) {
		return false
	}
	low, high, isRange := strings.Cut(stem, "-")
	if !isRange {
		return strings.HasPrefix(name, stem)
	}
	return name >= low && name[:min(len(high), len(name))] <= high
}
