package catalogtool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestList(t *testing.T) {
	t.Parallel()
	text := edit(t, services, "display_name: Acme\n", "display_name: Acme | <b>\n", "https://docs.acme.example\n", "https://docs.acme.example/a(b)\n") +
		"zenith: {auth_mode: NONE, display_name: abc, categories: [crm]}\n"
	got := string(List(files(text)))
	_, got, ok := strings.Cut(got, "\n\n2 services, 1 variants of them (sandboxes, products behind one sign-in), 4 ways to sign in.\n")
	want := "\n[crm](#crm) ·\n[marketing](#marketing)\n" +
		"\n## crm\n\n| Provider | Ways to sign in | Documentation |\n|---|---|---|\n" +
		"| abc | `zenith` NONE |  |\n" +
		"| Acme \\| &lt;b> | `acme` OAUTH2<br>`acme-api-key` API_KEY | [docs](https://docs.acme.example/a%28b%29) |\n" +
		"| Acme \\| &lt;b> | `acme-eu` OAUTH2 | [docs](https://docs.acme.example/a%28b%29) |\n" +
		"\n## marketing\n\n| Provider | Ways to sign in | Documentation |\n|---|---|---|\n" +
		"| Acme \\| &lt;b> | `acme` OAUTH2<br>`acme-api-key` API_KEY | [docs](https://docs.acme.example/a%28b%29) |\n" +
		"| Acme \\| &lt;b> | `acme-eu` OAUTH2 | [docs](https://docs.acme.example/a%28b%29) |\n"
	if !ok || got != want {
		t.Errorf("listed\n%s\nwant\n%s", got, want)
	}
}

// The page that is part of the repository is what the catalog says.
func TestProvidersPage(t *testing.T) {
	t.Parallel()
	dir, err := FindCatalog(".")
	if err != nil {
		t.Fatal(err)
	}
	files, err := ReadFiles(filepath.Join(dir, "providers"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "..", filepath.FromSlash(ListFile)))
	if err != nil {
		t.Fatal(err)
	}
	if string(page) != string(List(files)) {
		t.Errorf("%s is not what the YAML files say; run go generate ./catalog", ListFile)
	}
}

func TestReadFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b.yaml", "a.yaml", "c.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := ReadFiles(filepath.Join(dir, "c.txt"), dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got {
		if string(f.Data) != filepath.Base(f.Name) {
			t.Errorf("%s holds %s", f.Name, f.Data)
		}
		names = append(names, filepath.Base(f.Name))
	}
	if strings.Join(names, " ") != "c.txt a.yaml b.yaml" {
		t.Errorf("read %v", names)
	}
	for _, bad := range [][]string{nil, {filepath.Join(dir, "none")}, {t.TempDir()}} {
		if got, err := ReadFiles(bad...); err == nil {
			t.Errorf("ReadFiles(%v) = %v", bad, got)
		}
	}
	if got, err := FindCatalog(dir); err == nil {
		t.Errorf("found a catalog at %s", got)
	}
}
