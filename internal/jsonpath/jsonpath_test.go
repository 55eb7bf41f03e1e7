package jsonpath

import (
	"encoding/json"
	"testing"
)

func TestAt(t *testing.T) {
	t.Parallel()
	var v any
	if err := json.Unmarshal([]byte(`{"a":{"b":[{"c":"x"},true]},"a.b":"dots","n":1.5,"":"empty"}`), &v); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a.b": "dots", "a.b.0.c": "x", "a.b.1": "true", "n": "1.5",
		"a.b.2": "", "a.b.-1": "", "a.b.c": "", "n.x": "", "no": "", "a": "", "": "",
	} {
		if got, _ := Text(At(v, path)); got != want {
			t.Errorf("At(%q) = %q, want %q", path, got, want)
		}
	}
	if m, ok := At(v, "").(map[string]any); !ok || len(m) != 4 {
		t.Error("the empty path is not the value itself")
	}
}
