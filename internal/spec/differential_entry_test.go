package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// The files differential_*_test.go hold a second reading of the provider format:
// how the system that the format comes from resolves an entry, as its behaviour
// was observed and written down, faults included. It is a reference to compare
// with, shares no code with what it checks, and is no part of the package.

// refEntry is an entry as the reference system has it after loading.
type refEntry struct {
	name string
	keys map[string]any
}

// refLoad reads a file with the reference's alias rule: one pass in the order of
// the file, each key of an alias replacing the target's key whole. The target is
// taken as it stands at that moment, so a chain works only when the target was
// resolved earlier in the file, and a missing target gives nothing.
func refLoad(t *testing.T, data []byte) []refEntry {
	t.Helper()
	var file yaml.Node
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	list := file.Content[0].Content
	byName := map[string]map[string]any{}
	var names []string
	for i := 0; i < len(list); i += 2 {
		var keys map[string]any
		if err := list[i+1].Decode(&keys); err != nil {
			t.Fatal(err)
		}
		byName[list[i].Value] = keys
		names = append(names, list[i].Value)
	}
	out := make([]refEntry, 0, len(names))
	for _, name := range names {
		keys := byName[name]
		if target, ok := keys["alias"].(string); ok {
			merged := maps.Clone(byName[target])
			if merged == nil {
				merged = map[string]any{}
			}
			maps.Copy(merged, keys)
			delete(merged, "alias")
			byName[name] = merged
		}
		out = append(out, refEntry{name: name, keys: byName[name]})
	}
	return out
}

// at follows keys into nested objects; nil when there is nothing.
func (e refEntry) at(path ...string) any {
	var v any = e.keys
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

func (e refEntry) text(path ...string) string { return refText(e.at(path...)) }

func (e refEntry) object(path ...string) map[string]any {
	m, _ := e.at(path...).(map[string]any)
	return m
}

func (e refEntry) has(path ...string) bool { return e.at(path...) != nil }

func (e refEntry) mode() string { return e.text("auth_mode") }

func (e refEntry) lists(key, item string) bool {
	return slices.ContainsFunc(refList(e.at(key)), func(v any) bool { return refText(v) == item })
}

func refList(v any) []any {
	list, _ := v.([]any)
	return list
}

// refText writes a scalar as a form does.
func refText(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// call is one request, taken apart into named fields; or why it is not made.
type call struct {
	err    string // "missing": a variable has no value; "value": one is refused
	fields map[string]string
}

func newCall() *call { return &call{fields: map[string]string{}} }

// failed is a call that is not made.
func failed(why string) *call { return &call{err: why} }

// put records a nested value under name, one field for each leaf.
func (c *call) put(name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for k, below := range v {
			c.put(name+"."+k, below)
		}
	case []any:
		for i, below := range v {
			c.put(fmt.Sprintf("%s[%d]", name, i), below)
		}
	default:
		c.fields[name] = refText(v)
	}
}

// hole reports whether a field has a variable that was never replaced.
func (c *call) hole() bool {
	for _, v := range c.fields {
		if strings.Contains(v, "${") || strings.Contains(v, "$%7B") || strings.Contains(v, "%24%7B") {
			return true
		}
	}
	return false
}

// calls are all requests that an entry leads to, by what they are for.
type calls map[string]*call
