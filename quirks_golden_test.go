package tieline

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

// quirkCatalog is the reference file, loaded once.
var quirkCatalog = sync.OnceValue(func() *Catalog {
	path := os.Getenv("TIELINE_NANGO_PROVIDERS")
	if path == "" {
		path = filepath.Join("..", "shared", "data", "nango-providers.yaml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: data})
	return catalog
})

// runQuirks compares what is sent at each quirk with its golden file.
func runQuirks(t *testing.T, quirks []quirk) {
	t.Parallel()
	for _, q := range quirks {
		t.Run(q.test(), func(t *testing.T) {
			t.Parallel()
			catalog := quirkCatalog()
			if q.own != "" {
				catalog = ownCatalog(t, q.own)
			}
			if catalog == nil {
				referenceFile(t) // skips
			}
			synctest.Test(t, func(t *testing.T) {
				differ, diff := q.compare(t, catalog)
				q.judge(t, differ, diff)
			})
		})
	}
}

func ownCatalog(t testing.TB, text string) *Catalog {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "own.yaml", Data: []byte(text)})
	for _, p := range problems {
		t.Logf("%v", p)
	}
	return catalog
}

// test is the name of the subtest: 01-comma-scope is Quirk01CommaScope.
func (q quirk) test() string {
	var b strings.Builder
	b.WriteString("Quirk")
	for part := range strings.SplitSeq(q.name, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// compare names the sections that are not as the golden file has them.
func (q quirk) compare(t testing.TB, catalog *Catalog) (differ []string, diff string) {
	t.Helper()
	want, got := q.read(t), q.play(t, catalog)
	texts := func(list []quirkSection) (names []string, byName map[string]string) {
		byName = map[string]string{}
		for _, s := range list {
			names, byName[s.Name] = append(names, s.Name), s.Text
		}
		return names, byName
	}
	wantNames, wantText := texts(want)
	gotNames, gotText := texts(got)
	if d := cmp.Diff(wantNames, gotNames); d != "" {
		differ, diff = append(differ, "steps"), d
	}
	for _, name := range wantNames {
		if gotText[name] != wantText[name] {
			differ = append(differ, name)
			diff += fmt.Sprintf("== %s\n--- golden\n%s\n--- sent\n%s\n", name, wantText[name], gotText[name])
		}
	}
	return differ, diff
}

// judge holds a quirk against the list of what is known to be wrong.
func (q quirk) judge(t testing.TB, differ []string, diff string) {
	t.Helper()
	gap, known := knownGaps[q.name]
	switch {
	case !known && len(differ) > 0:
		t.Errorf("%s differs in %q:\n%s", q.name, differ, diff)
	case known && len(differ) == 0:
		t.Errorf("%s is as it should be: take it off the list of gaps", q.name)
	case known && !slices.Equal(differ, strings.Split(gap.sections, ", ")):
		t.Errorf("%s is known to differ in %q and differs in %q:\n%s", q.name, gap.sections, differ, diff)
	case known:
		t.Logf("known gap: %s\n%s", gap.what, diff)
	}
}

// quirkGap is a difference that is known and not yet mended.
type quirkGap struct {
	sections string // that differ, in order, with ", " between them
	what     string
}

// allQuirks are those of all tables.
func allQuirks() []quirk {
	return slices.Concat(authorizeQuirks(), clientQuirks(), tokenQuirks(), answerQuirks(), refreshQuirks(), lifetimeQuirks(), contextQuirks(), hostQuirks())
}

// TestQuirkClassesAreAllThere counts the classes, and looks for golden files that no
// test reads.
func TestQuirkClassesAreAllThere(t *testing.T) {
	t.Parallel()
	const classes = 63
	seen, files := map[string]bool{}, map[string]bool{"README.md": true}
	for _, q := range allQuirks() {
		if files[q.name+".txt"] {
			t.Errorf("there are two of %s", q.name)
		}
		seen[q.name[:2]], files[q.name+".txt"] = true, true
	}
	for n := 1; n <= classes; n++ {
		if !seen[fmt.Sprintf("%02d", n)] {
			t.Errorf("there is no golden file of class %d", n)
		}
	}
	list, err := os.ReadDir(filepath.Join("testdata", "quirks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if !files[f.Name()] {
			t.Errorf("nothing reads %s", f.Name())
		}
	}
	for name := range knownGaps {
		if !files[name+".txt"] {
			t.Errorf("the list of gaps has %s, which there is not", name)
		}
	}
}
