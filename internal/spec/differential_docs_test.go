package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page about the differences names tests that exist, each where it says.
func TestCatalogOfDifferences(t *testing.T) {
	t.Parallel()
	root := filepath.Join("..", "..")
	data, err := os.ReadFile(filepath.Join(root, "docs", "reference-differences.md"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile("`([a-z0-9/]+)\\.(Test[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(data), -1)
	if len(names) < 60 {
		t.Errorf("only %d tests are named", len(names))
	}
	sources := map[string]string{}
	for _, n := range names {
		dir := n[1]
		if dir == "tieline" {
			dir = "."
		}
		if sources[dir] == "" {
			sources[dir] = testSource(t, filepath.Join(root, filepath.FromSlash(dir)))
		}
		if !strings.Contains(sources[dir], fmt.Sprintf("\nfunc %s(t *testing.T)", n[2])) {
			t.Errorf("there is no test %s in %s", n[2], n[1])
		}
	}
}

// testSource is the text of all test files of a directory.
func testSource(t *testing.T, dir string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(data)
	}
	return b.String()
}
