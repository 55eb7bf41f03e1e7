package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// fault is one thing done wrong in a tree of JSON, and where it has to be reported.
type fault struct {
	path, name string
	do         func()
	undo       func()
}

// finder collects all the faults that can be made in a value.
type finder struct{ faults []fault }

const twin = "\x00twin" // in the tree, the place of a second member of the same name

// find goes through a value together with its node. Set replaces the value.
func (f *finder) find(n *node, v any, path string, set func(any)) {
	put := func(name string, bad any) {
		f.faults = append(f.faults, fault{path, name, func() { set(bad) }, func() { set(v) }})
	}
	nullable := n.kind == kindNullable
	for n.kind == kindNullable {
		n = n.elem
	}
	if n.kind == kindAny {
		return
	}
	if !nullable {
		put("null", nil)
	}
	if n.kind == kindBool {
		put("wrong type", "true")
	} else {
		put("wrong type", true)
	}
	if v == nil {
		return
	}
	switch n.kind {
	case kindInteger:
		put("too large", json.Number("18446744073709551616"))
		put("too small", json.Number("-9223372036854775809"))
		put("fraction", json.Number("1.0"))
		put("exponent", json.Number("1e2"))
	case kindNumber:
		if n.bits != 0 {
			put("too large", json.Number("1e400"))
		}
	case kindString:
		if n.looksInside() {
			put("bad text", "?!")
		}
	case kindQuoted, kindOwn:
		put("bad text", "?!")
	case kindList:
		f.list(n, v.([]any), path, set)
	case kindMap, kindObject:
		f.object(n, v.(map[string]any), path)
	}
}

func (f *finder) list(n *node, v []any, path string, set func(any)) {
	if n.maxItems >= 0 && len(v) > 0 {
		long := slices.Repeat(v[:1], n.maxItems+1)
		f.faults = append(f.faults, fault{path, "too long", func() { set(long) }, func() { set(v) }})
	}
	if n.minItems > 0 {
		f.faults = append(f.faults, fault{path, "too short", func() { set(v[1:]) }, func() { set(v) }})
	}
	for i := range v {
		f.find(n.elem, v[i], fmt.Sprintf("%s/%d", path, i), func(x any) { v[i] = x })
	}
}

func (f *finder) object(n *node, v map[string]any, path string) {
	add := func(name, key string) {
		f.faults = append(f.faults, fault{path + pointer(key), name, func() { v[key] = 1 }, func() { delete(v, key) }})
	}
	if n.kind == kindObject {
		add("unknown", "no/such~member")
	}
	if n.key != nil {
		add("bad key", "01")
	}
	for _, key := range slices.Sorted(maps.Keys(v)) {
		at, value := path+pointer(key), v[key]
		inner := n.elem
		if i, ok := n.index[key]; ok {
			inner = n.fields[i].node
			if n.fields[i].required {
				f.faults = append(f.faults, fault{at, "missing", func() { delete(v, key) }, func() { v[key] = value }})
			}
		}
		f.faults = append(f.faults, fault{at, "twice", func() { v[twin+key] = value }, func() { delete(v, twin+key) }})
		f.find(inner, value, at, func(x any) { v[key] = x })
	}
}

func pointer(name string) string {
	return string(appendPointer(nil, step{name: []byte(name), index: byName}))
}

// TestFaults makes each possible fault in random values, one at a time, and wants it
// reported at its place, and no other place reported.
func TestFaults(t *testing.T) {
	g := generator{Rand: seeded(t), nils: true}
	made := map[string]int{}
	for _, typ := range shapes() {
		s := mustFor(t, typ)
		for range 20 {
			data, err := s.Encode(g.value(typ, 4).Interface())
			if err != nil {
				t.Fatal(err)
			}
			d := json.NewDecoder(bytes.NewReader(data))
			d.UseNumber()
			var tree any
			if err := d.Decode(&tree); err != nil {
				t.Fatal(err)
			}
			var f finder
			f.find(s.root, tree, "", func(x any) { tree = x })
			for _, fault := range f.faults {
				fault.do()
				bad, err := json.Marshal(tree)
				fault.undo()
				if err != nil {
					t.Fatal(err)
				}
				bad = bytes.ReplaceAll(bad, []byte(`\u0000twin`), nil)
				made[fault.name]++
				var errs Errors
				if !errors.As(s.Validate(bad), &errs) || slices.ContainsFunc(errs, func(e *Error) bool { return e.Path != fault.path }) {
					t.Fatalf("%s, %s at %q: %s\n%v", typ, fault.name, fault.path, bad, errs)
				}
			}
		}
	}
	t.Log(made)
	if len(made) != 13 {
		t.Errorf("%d kinds of faults were made", len(made))
	}
}
