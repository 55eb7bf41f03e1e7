package catalogtool

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every code that the package reports is listed, and nothing else is.
func TestCodesAreListed(t *testing.T) {
	t.Parallel()
	call := regexp.MustCompile(`\b(?:breaks\(w|note\(w|report\(")`)
	code := regexp.MustCompile(`"([a-z]+(?:-[a-z]+)+)"`)
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		data, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if m := code.FindStringSubmatch(line); m != nil && call.MatchString(line) {
				found[m[1]] = true
			}
		}
	}
	if got := sortedKeys(found); !slices.Equal(got, Codes()) {
		t.Errorf("reported: %q\nlisted:   %q", got, Codes())
	}
}

// The documentation has them all.
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	const page = "../../docs/adding-a-provider.md"
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range Codes() {
		if !strings.Contains(string(data), "`"+code+"`") {
			t.Errorf("%s does not say what %s means", page, code)
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(string(data), -1) {
		for code := range strings.SplitSeq(m[1], ", ") {
			if !slices.Contains(Codes(), strings.Trim(code, "`")) {
				t.Errorf("%s explains %s, which nothing reports", page, code)
			}
		}
	}
	for _, word := range slices.Concat(Facts, Categories) {
		if !strings.Contains(string(data), "`"+word+"`") {
			t.Errorf("%s does not name the word %s", page, word)
		}
	}
}

// The example of the documentation is an entry that nothing is wrong with.
func TestDocumentedEntry(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/adding-a-provider.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(data), "```yaml\n")
	text, _, ok := strings.Cut(text, "   ```")
	if !ok || !strings.Contains(text, "acme-api-key:") {
		t.Fatalf("there is no entry in the documentation, only %q", text)
	}
	text = strings.ReplaceAll("\n"+text, "\n   ", "\n")
	if got := lintText(text, "a.yaml", LintOptions{House: true, Files: true, Notes: true}); len(got) > 0 {
		t.Errorf("found %q in\n%s", got, text)
	}
}
