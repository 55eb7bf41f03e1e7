package catalog

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/spec"
)

// The generated file is what the YAML says, and the YAML has nothing wrong.
func TestBuiltinIsGenerated(t *testing.T) {
	t.Parallel()
	files, err := spec.ReadDir(os.DirFS("providers"))
	if err != nil {
		t.Fatal(err)
	}
	want, problems, err := spec.EncodeSet(files...)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Severity, p)
	}
	if string(want) != builtin {
		t.Error("builtin.jsonl is not what the YAML files say; run go generate ./catalog")
	}
}

// Every entry says what it is, and where its facts come from.
func TestEntriesAreComplete(t *testing.T) {
	t.Parallel()
	count := 0
	display := map[string]string{}
	for name := range Names() {
		count++
		data, ok := Lookup(name)
		if !ok {
			t.Errorf("%s has a name and no entry", name)
			continue
		}
		e, err := spec.DecodeEntry(name, data)
		if err != nil {
			t.Error(err)
			continue
		}
		if e.DisplayName == "" || len(e.Categories) == 0 || e.Docs == "" && e.AuthMode != spec.None {
			t.Errorf("%s lacks a display name, a category or documentation", name)
		}
		if len(e.Sources) == 0 || e.Checked == "" {
			t.Errorf("%s does not say where its facts come from, and when they were checked", name)
		}
		if other, taken := display[e.DisplayName]; taken {
			t.Errorf("%s and %s are both called %s", name, other, e.DisplayName)
		}
		display[e.DisplayName] = name
		for _, f := range slices.Concat(e.ConnectionConfig, e.Credentials, e.IntegrationConfig) {
			if f.Title == "" || f.Description == "" {
				t.Errorf("%s: the field %s lacks a title or a description", name, f.Name)
			}
		}
	}
	if count < 40 {
		t.Errorf("only %d providers", count)
	}
}

func TestNamesAreSorted(t *testing.T) {
	t.Parallel()
	all := slices.Collect(Names())
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("names %v", all)
	}
	for range Names() {
		break // stopping early is fine
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	lines := ""
	want := map[string]string{}
	for _, name := range []string{"a", "a-b", "ab", "b", "ba", "c", "zzz"} {
		want[name] = "{" + strings.Repeat(name, len(want)*20) + "}"
		lines += name + "\t" + want[name] + "\n"
		for name, entry := range want {
			if got, ok := lookup(lines, name); !ok || got != entry {
				t.Errorf("of %d lines: lookup(%q) = %q, %v", len(want), name, got, ok)
			}
		}
		for _, absent := range []string{"", "A", "aa", "a-", "a-c", "bb", "zz", "zzzz", "{", "a\t", "\n", "a\n"} {
			if got, ok := lookup(lines, absent); ok {
				t.Errorf("of %d lines: lookup(%q) = %q", len(want), absent, got)
			}
		}
	}
	if _, ok := lookup("", "a"); ok {
		t.Error("found something in nothing")
	}
}

func BenchmarkLookup(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Lookup("slack"); !ok {
			b.Fatal("no entry")
		}
	}
}
