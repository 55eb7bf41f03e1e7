package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	clean = `acme:
  display_name: Acme
  categories: [crm]
  auth_mode: NONE
  proxy: {base_url: "https://acme.example"}
  sources: ["https://docs.acme.example (api)"]
  checked: "2026-11-27"
`
	mine = "mine:\n  alias: acme\n  display_name: Mine\n"
)

// repository is a directory with a catalog in it and a file beside it, which becomes the
// current one.
func repository(t *testing.T, builtin string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range map[string]string{"catalog/providers/a.yaml": builtin, "mine.yaml": mine, "docs/x": ""} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	return dir
}

func runText(args ...string) (out, log string, err error) {
	var o, l bytes.Buffer
	err = run(args, &o, &l)
	return o.String(), l.String(), err
}

// Of the built-in catalog more is asked than of other files.
func TestLint(t *testing.T) {
	repository(t, clean)
	if out, _, err := runText("lint"); err != nil || out != "" {
		t.Errorf("nothing is wrong, and lint says %q, %v", out, err)
	}
	if out, _, err := runText("lint", "mine.yaml"); err != nil || out != "" {
		t.Errorf("a file that builds on the catalog: %q, %v", out, err)
	}
	if err := os.WriteFile("mine.yaml", []byte(mine+"  categories: []\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err := runText("lint", "mine.yaml"); err != nil || out != "" {
		t.Errorf("without the rules of the house: %q, %v", out, err)
	}
	if out, _, err := runText("lint", "mine.yaml", "-house"); !errors.Is(err, errFound) || out != "mine.yaml:4:3: house: no-category: mine: categories: the entry is in no category\n" {
		t.Errorf("the rules of the house: %q, %v", out, err)
	}
	dir := repository(t, strings.Replace(clean, "[crm]", "[popular]", 1))
	for _, args := range [][]string{{"lint"}, {"lint", "catalog/providers"}, {"lint", filepath.Join(dir, "catalog", "providers", "a.yaml")}} {
		out, _, err := runText(args...)
		if !errors.Is(err, errFound) || !strings.Contains(out, filepath.FromSlash("catalog/providers/a.yaml")+":3:16: house: unknown-category: acme: categories[0]: ") {
			t.Errorf("%q: %q, %v", args, out, err)
		}
	}
	note := "  proxy: {base_url: \"https://acme.example\", verification: {endpoints: [/me]}}\n"
	repository(t, strings.Replace(strings.Replace(clean, "  proxy: {base_url: \"https://acme.example\"}\n", note, 1), "NONE", "X_OWN", 1))
	if out, _, _ := runText("lint"); strings.Contains(out, "note: ") {
		t.Errorf("notes of the built-in catalog: %s", out)
	}
}

// Notes are for files of others, and can be left out.
func TestLintNotes(t *testing.T) {
	repository(t, clean)
	text := "mine:\n  auth_mode: X_OWN\n  proxy: {base_url: \"https://acme.example\", verification: {endpoints: [/me]}}\n"
	if err := os.WriteFile("mine.yaml", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err := runText("lint", "mine.yaml"); !errors.Is(err, errFound) || !strings.HasPrefix(out, "mine.yaml:3:45: note: verification-elsewhere: ") {
		t.Errorf("%q, %v", out, err)
	}
	if out, _, err := runText("lint", "-notes=false", "mine.yaml"); err != nil || out != "" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestCommands(t *testing.T) {
	repository(t, clean)
	tests := []struct {
		args []string
		want string // part of what is printed, or of the error
	}{
		{[]string{"show", "acme"}, "# catalog/providers/a.yaml:1\nacme:\n  display_name: Acme\n"},
		{[]string{"show", "acne"}, "there is no entry acne; there is acme"},
		{[]string{"show", "mine", "-in", "mine.yaml"}, "mine cannot be read: mine.yaml:2:3: mine: alias: "},
		{[]string{"diff", "mine.yaml"}, "0 entries in both: 0 alike, 0 differ, in 0 keys; 0 only in the file, 1 only in the built-in catalog\n"},
		{[]string{"diff", "mine.yaml", "-v"}, "only in the built-in catalog:\n  acme\n"},
		{[]string{"diff", "-only", "docs,display_name", "catalog/providers/a.yaml"}, "1 entries in both: 1 alike"},
		{[]string{"import", "catalog/providers/a.yaml", "acme"}, "# Imported; "},
		{[]string{"import", "catalog/providers/a.yaml", "other"}, "there is no entry other"},
		{[]string{"list"}, "| Acme | `acme` NONE |"},
		{[]string{"show", "-in", "nowhere", "acme"}, "nowhere: no such file"},
	}
	for _, tt := range tests {
		out, _, err := runText(tt.args...)
		if err != nil {
			out += err.Error()
		}
		if !strings.Contains(filepath.ToSlash(out), tt.want) {
			t.Errorf("%q: %s, want %s", tt.args, out, tt.want)
		}
	}
}

// What is generated is written, from the directory of the catalog as well.
func TestGenerateAndList(t *testing.T) {
	dir := repository(t, clean)
	if out, _, err := runText("list", "-write"); err != nil || out != "" {
		t.Errorf("%s, %v", out, err)
	}
	t.Chdir(filepath.Join(dir, "catalog"))
	if _, log, err := runText("gen"); err != nil {
		t.Errorf("%s, %v", log, err)
	}
	for _, name := range []string{"docs/providers.md", "catalog/builtin.index", "catalog/builtin.pack"} {
		if data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil || len(data) == 0 {
			t.Errorf("%s: %d bytes, %v", name, len(data), err)
		}
	}
}

// What is no command is told how they are.
func TestUsage(t *testing.T) {
	repository(t, clean)
	for _, args := range [][]string{nil, {"help"}, {"show"}, {"show", "a", "b"}, {"diff"}, {"import", "x"}, {"list", "x"}, {"gen", "-what"}, {"lint", "-h"}} {
		if out, log, err := runText(args...); !errors.Is(err, flag.ErrHelp) || out != "" || !strings.Contains(log, "usage: catalog COMMAND") {
			t.Errorf("%q: %q, %q, %v", args, out, log, err)
		}
	}
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"lint"}, {"show", "acme"}, {"list"}, {"gen"}} {
		if _, _, err := runText(args...); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%q without a catalog: %v", args, err)
		}
	}
}

// The page of evidence is made where there are claims, and bad ones are not passed over.
func TestEvidence(t *testing.T) {
	dir := repository(t, clean)
	claims := filepath.Join(dir, "catalog", "evidence", "claims.tsv")
	if err := os.MkdirAll(filepath.Dir(claims), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(claims, []byte("# none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, _, err := runText("evidence"); err != nil || !strings.HasPrefix(out, "# Evidence for the built-in catalog\n") {
		t.Errorf("%s, %v", out, err)
	}
	if _, log, err := runText("gen"); err != nil {
		t.Errorf("%s, %v", log, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "docs", "catalog-evidence.md")); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(claims, []byte("acme\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"evidence"}, {"evidence", "-write"}, {"gen"}} {
		if _, _, err := runText(args...); err == nil || !strings.Contains(err.Error(), "line 1 is no claim") {
			t.Errorf("%q with bad claims: %v", args, err)
		}
	}
}
