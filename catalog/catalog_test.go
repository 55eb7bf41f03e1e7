package catalog

import (
	"os"
	"slices"
	"testing"

	"github.com/tieline/tieline/internal/pack"
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
	have, err := pack.Pack{Index: index, Data: data}.Texts()
	if err != nil || !slices.Equal(have, want) {
		t.Errorf("builtin.pack is not what the YAML files say (%v); run go generate ./catalog", err)
	}
}

// Every entry says what it is, and where its facts come from.
func TestEntriesAreComplete(t *testing.T) {
	t.Parallel()
	count := 0
	display := map[string]string{}
	for name := range Names() {
		count++
		data, ok, err := Lookup(name)
		if !ok || err != nil {
			t.Errorf("%s has a name and no entry: %v", name, err)
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
		if (len(e.Sources) == 0 || e.Checked == "") && e.AuthMode != spec.None {
			t.Errorf("%s does not say where its facts come from, and when they were checked", name)
		}
		if other, taken := display[e.DisplayName]; taken {
			t.Errorf("%s and %s are both called %s", name, other, e.DisplayName)
		}
		display[e.DisplayName] = name
		for _, f := range slices.Concat(e.ConnectionConfig, e.Credentials, e.IntegrationConfig) {
			if !f.Hidden && (f.Title == "" || f.Description == "") {
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

func BenchmarkLookup(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := Lookup("slack"); !ok || err != nil {
			b.Fatal("no entry", err)
		}
	}
}
