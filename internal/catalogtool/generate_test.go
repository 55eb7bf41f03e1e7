package catalogtool

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/pack"
)

func TestGenerate(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	dir := filepath.Join(root, "catalog")
	for _, d := range []string{filepath.Join(dir, "providers"), filepath.Join(root, "docs")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "providers", "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index, data := filepath.Join(dir, "builtin.index"), filepath.Join(dir, "builtin.pack")
	var log bytes.Buffer
	if err := Generate(dir, &log); err == nil {
		t.Error("a directory without files is no error")
	}
	write("b: {auth_mode: NONE}\na: {alias: b, docs: x}\n")
	if err := Generate(dir, &log); err != nil {
		t.Fatal(err)
	}
	want := []pack.Text{{Name: "a", Text: `{"docs":"x","auth_mode":"NONE"}`}, {Name: "b", Text: `{"auth_mode":"NONE"}`}}
	if got, err := read(index, data); err != nil || !slices.Equal(got, want) {
		t.Errorf("wrote %q, %v, want %q", got, err, want)
	}
	if page, err := os.ReadFile(filepath.Join(root, "docs", "providers.md")); err != nil || !strings.Contains(string(page), "1 services, 1 variants of them (sandboxes, products behind one sign-in), 2 ways to sign in.") {
		t.Errorf("the page of providers says %s, %v", page, err)
	}
	// What is there already stays, whatever this version of Go would make of it.
	old, err := pack.New(append(want, pack.Text{Name: "c"}))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(old.Index, "\n")
	if err := os.WriteFile(index, []byte(strings.Join(lines[:3], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(data, old.Data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Generate(dir, &log); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(data); err != nil || !bytes.Equal(got, old.Data) {
		t.Errorf("what was up to date was written anew, %v", err)
	}
	write("b: {auth_mode: NONE, colour: red}\n")
	if err := Generate(dir, &log); err == nil || !strings.Contains(log.String(), "doubtful: a.yaml:1:22: b: colour: ") {
		t.Errorf("a doubtful entry: %v, %s", err, log.String())
	}
	if got, err := read(index, data); err != nil || !slices.Equal(got, want) {
		t.Errorf("something was written: %q, %v", got, err)
	}
}
