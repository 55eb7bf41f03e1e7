package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
	out := filepath.Join(dir, "builtin.jsonl")
	var log bytes.Buffer
	if err := run(dir, &log); err == nil {
		t.Error("a directory without files is no error")
	}
	write("b: {auth_mode: NONE}\na: {alias: b, docs: x}\n")
	if err := run(dir, &log); err != nil {
		t.Fatal(err)
	}
	want := "a\t{\"docs\":\"x\",\"auth_mode\":\"NONE\"}\nb\t{\"auth_mode\":\"NONE\"}\n"
	if got, err := os.ReadFile(out); err != nil || string(got) != want {
		t.Errorf("wrote %q, %v, want %q", got, err, want)
	}
	write("b: {auth_mode: NONE, colour: red}\n")
	if err := run(dir, &log); err == nil || !strings.Contains(log.String(), "doubtful: a.yaml:1:22: b: colour: ") {
		t.Errorf("a doubtful entry: %v, %s", err, log.String())
	}
	if got, err := os.ReadFile(out); err != nil || string(got) != want {
		t.Errorf("something was written: %q, %v", got, err)
	}
}
