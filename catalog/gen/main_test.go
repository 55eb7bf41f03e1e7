package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/pack"
)

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "providers"), 0o700); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "providers", "a.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	index, data := filepath.Join(dir, "builtin.index"), filepath.Join(dir, "builtin.pack")
	var log bytes.Buffer
	if err := run(dir, &log); err == nil {
		t.Error("a directory without files is no error")
	}
	write("b: {auth_mode: NONE}\na: {alias: b, docs: x}\n")
	if err := run(dir, &log); err != nil {
		t.Fatal(err)
	}
	want := []pack.Text{{Name: "a", Text: `{"docs":"x","auth_mode":"NONE"}`}, {Name: "b", Text: `{"auth_mode":"NONE"}`}}
	if got, err := read(index, data); err != nil || !slices.Equal(got, want) {
		t.Errorf("wrote %q, %v, want %q", got, err, want)
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
	if err := os.WriteFile(data, []byte(old.Data), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, &log); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(data); err != nil || string(got) != old.Data {
		t.Errorf("what was up to date was written anew, %v", err)
	}
	write("b: {auth_mode: NONE, colour: red}\n")
	if err := run(dir, &log); err == nil || !strings.Contains(log.String(), "doubtful: a.yaml:1:22: b: colour: ") {
		t.Errorf("a doubtful entry: %v, %s", err, log.String())
	}
	if got, err := read(index, data); err != nil || !slices.Equal(got, want) {
		t.Errorf("something was written: %q, %v", got, err)
	}
}
