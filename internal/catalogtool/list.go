package catalogtool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// ListFile is the page that [WriteList] writes, below the directory of the repository.
const ListFile = "docs/providers.md"

const listHead = `# Providers

The built-in catalog by category, written by ` + "`go run ./catalog/cmd/catalog list -write`" + `. A provider that is in several
categories is listed in each. The names in the second column are what an integration names as its provider: the first is
the usual way to sign in, the others are further ways to sign in to the same service.
`

// List returns the providers of files by category, as a page in Markdown.
func List(files []spec.File) []byte {
	aliases := map[string]bool{}
	set, _ := spec.Options{Inspect: func(w spec.Written) { aliases[w.Name] = w.Alias != "" }}.Load(files...)
	groups := map[string][]*spec.Entry{}
	services, variants, ways := 0, 0, 0
	for _, name := range set.Names() {
		ways++
		e, _ := set.Lookup(name)
		if e.Service != "" {
			continue
		}
		services++
		if aliases[name] {
			variants++
		}
		for _, c := range e.Categories {
			groups[c] = append(groups[c], e)
		}
	}
	var page bytes.Buffer
	fmt.Fprintf(&page, "%s\n%d services, %d variants of them (sandboxes, products behind one sign-in), %d ways to sign in.\n\n", listHead, services-variants, variants, ways)
	var links []string
	for _, c := range sortedKeys(groups) {
		links = append(links, fmt.Sprintf("[%s](#%s)", c, c))
	}
	fmt.Fprintln(&page, strings.Join(links, " ·\n"))
	for _, c := range sortedKeys(groups) {
		fmt.Fprintf(&page, "\n## %s\n\n| Provider | Ways to sign in | Documentation |\n|---|---|---|\n", c)
		slices.SortStableFunc(groups[c], func(a, b *spec.Entry) int {
			return strings.Compare(strings.ToLower(a.DisplayName), strings.ToLower(b.DisplayName))
		})
		for _, e := range groups[c] {
			fmt.Fprintf(&page, "| %s | %s | %s |\n", cell(e.DisplayName), signIns(set, e), docsLink(e.Docs))
		}
	}
	return page.Bytes()
}

// signIns lists the entries of a service with their auth modes.
func signIns(set *spec.Set, e *spec.Entry) string {
	var out []string
	for _, name := range append([]string{e.Name}, e.Methods...) {
		if m, ok := set.Lookup(name); ok {
			out = append(out, fmt.Sprintf("`%s` %s", name, m.AuthMode))
		}
	}
	return strings.Join(out, "<br>")
}

func docsLink(url string) string {
	if url == "" {
		return ""
	}
	return "[docs](" + strings.NewReplacer("|", "%7C", ")", "%29", "(", "%28", " ", "%20").Replace(url) + ")"
}

// cell makes text fit into a cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(text)
}

// WriteList writes the page of the catalog in dir, from its files.
func WriteList(dir string, files []spec.File) error {
	return os.WriteFile(filepath.Join(dir, "..", filepath.FromSlash(ListFile)), List(files), 0o644)
}
