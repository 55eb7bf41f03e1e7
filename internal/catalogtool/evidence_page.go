package catalogtool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// EvidenceFile is the page that [WriteEvidence] writes, and ClaimsFile what it reads,
// below the directory of the repository.
const (
	EvidenceFile = "docs/catalog-evidence.md"
	ClaimsFile   = "catalog/evidence/claims.tsv"
)

const evidenceHead = `# Evidence for the built-in catalog

How many independent sources agree with each entry on where users are sent, where tokens come from, where the API is, and
where an API key goes. Written by ` + "`go run ./catalog/cmd/catalog evidence -write`" + ` from the sources of the entries and from
` + "`catalog/evidence/claims.tsv`" + `, which has what four openly licensed catalogs say.

- *v*: pages and repositories of the vendor, or descriptions of its API, that the entry names as a source of this fact
- *p*: other public clients that it names
- *c*: catalogs that say the same, of those that say anything; a tenant's name is as good as another's, and of the API only the
  host is compared. Where catalogs differ, [catalog-decisions.md](catalog-decisions.md) has the reasons
- –: the entry has no such fact

`

// EvidencePage is the table of sources, in Markdown.
func EvidencePage(all []Evidence) []byte {
	var page bytes.Buffer
	page.WriteString(evidenceHead)
	writeTotals(&page, all)
	fmt.Fprint(&page, "\n| Provider | Authorization URL | Token URL | API | Attachment |\n|---|---|---|---|---|\n")
	for _, e := range all {
		fmt.Fprintf(&page, "| %s |", e.Entry)
		for _, fact := range evidenceFacts {
			fmt.Fprintf(&page, " %s |", support(e.Facts[fact]))
		}
		page.WriteByte('\n')
	}
	return page.Bytes()
}

// support is a cell of the table.
func support(a Agreement) string {
	if len(a.Values) == 0 {
		return "–"
	}
	var parts []string
	if a.Vendor > 0 {
		parts = append(parts, fmt.Sprintf("v %d", a.Vendor))
	}
	if a.Others > 0 {
		parts = append(parts, fmt.Sprintf("p %d", a.Others))
	}
	if n := len(a.Agree) + len(a.Differ); n > 0 {
		parts = append(parts, fmt.Sprintf("c %d of %d", len(a.Agree), n))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// writeTotals counts the facts by the number of their sources.
func writeTotals(page *bytes.Buffer, all []Evidence) {
	fmt.Fprint(page, "| Fact | entries that have it | of these, two sources or more | one | none | confirmed by the vendor |\n|---|---|---|---|---|---|\n")
	for _, fact := range evidenceFacts {
		var n [3]int
		has, vendor := 0, 0
		for _, e := range all {
			a := e.Facts[fact]
			if len(a.Values) == 0 {
				continue
			}
			has++
			n[min(a.Vendor+a.Others+len(a.Agree), 2)]++
			if a.Vendor > 0 {
				vendor++
			}
		}
		fmt.Fprintf(page, "| %s | %d | %d | %d | %d | %d |\n", fact, has, n[2], n[1], n[0], vendor)
	}
}

// ReadEvidence weighs the catalog in dir.
func ReadEvidence(dir string, files []spec.File) ([]Evidence, error) {
	data, err := os.ReadFile(filepath.Join(dir, "..", filepath.FromSlash(ClaimsFile)))
	if err != nil {
		return nil, err
	}
	claims, err := ReadClaims(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", ClaimsFile, err)
	}
	return Weigh(files, claims), nil
}

// WriteEvidence writes the page of the catalog in dir, from its files.
func WriteEvidence(dir string, files []spec.File) error {
	all, err := ReadEvidence(dir, files)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "..", filepath.FromSlash(EvidenceFile)), EvidencePage(all), 0o644)
}
