package spec

import (
	"reflect"
	"sync"
)

// plans holds, for every struct type of an entry, which key is which field.
// Keys have the same names in YAML and in JSON. Reading an entry looks up a
// hundred keys, so this is worked out once.
var plans = sync.OnceValue(func() map[reflect.Type]map[string][]int {
	out := map[reflect.Type]map[string][]int{}
	planType(reflect.TypeFor[Provider](), out)
	planType(reflect.TypeFor[Field](), out)
	return out
})

// keysOf returns the fields of a struct type by their keys.
func keysOf(t reflect.Type) map[string][]int { return plans()[t] }

// planType adds the plan of t and of every type below it.
func planType(t reflect.Type, out map[reflect.Type]map[string][]int) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		planType(t.Elem(), out)
		return
	case reflect.Struct:
	default:
		return
	}
	if _, done := out[t]; done || t == reflect.TypeFor[Value]() || t == reflect.TypeFor[TokenURL]() {
		return
	}
	keys := map[string][]int{}
	out[t] = keys
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("yaml"); name != "" && name != "-" && name != ",inline" {
			keys[name] = f.Index
			planType(f.Type, out)
		}
	}
}
