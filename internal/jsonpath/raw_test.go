package jsonpath

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Raw finds what At finds, as it is written.
func TestRaw(t *testing.T) {
	t.Parallel()
	const text = ` {"a":{"b":[{"c": 12345678901234567890.10 },true]},"a.b":"dots","n":null,"":"empty","a":{"b":[{"c": 1e2 },true]}}`
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"a.b", "a", "a.b.0.c", "a.b.1", "a.b.2", "a.b.-1", "a.b.x", "n", "n.x", "no", "", "a.b.0.c.d"} {
		var got any
		if raw := Raw(json.RawMessage(text), path); raw != nil {
			if err := json.Unmarshal(raw, &got); err != nil {
				t.Errorf("%s: %s: %v", path, raw, err)
			}
		}
		if diff := cmp.Diff(At(v, path), got); diff != "" {
			t.Errorf("%s: -At +Raw:\n%s", path, diff)
		}
	}
	if got := string(Raw(json.RawMessage(`[{"id":12345678901234567890.10}]`), "0.id")); got != "12345678901234567890.10" {
		t.Errorf("a number became %s", got)
	}
	for _, bad := range []string{"", "{", "[1", "7", "x"} {
		if got := Raw(json.RawMessage(bad), "0"); got != nil {
			t.Errorf("%q: %s", bad, got)
		}
	}
}
