package schema

import (
	"errors"
	"fmt"
	"reflect"
)

// builder derives nodes from types. A type has one node, which may be incomplete
// while the types in it are derived.
type builder struct {
	nodes map[reflect.Type]*node
	// later is done when all nodes are complete: tags make a narrower copy of one.
	later []func()
	errs  []error
}

func (b *builder) fail(path string, err error) {
	b.errs = append(b.errs, fmt.Errorf("%s: %w", path, err))
}

func (b *builder) must(path string, err error) {
	if err != nil {
		b.fail(path, err)
	}
}

// node is that of a type. Path is for errors: Go's names from the outermost type on.
func (b *builder) node(t reflect.Type, path string) *node {
	if n := b.nodes[t]; n != nil {
		return n
	}
	n := &node{typ: t}
	n.minLength, n.maxLength, n.minItems, n.maxItems = 0, -1, 0, -1
	b.nodes[t] = n
	if t.Kind() == reflect.Pointer || !b.methods(n, path) {
		n.ifNull = b.kind(n, path)
	}
	return n
}

// kind fills in a node for what encoding/json makes of a kind of type, and says what
// should stand for null.
func (b *builder) kind(n *node, path string) (ifNull string) {
	n.minLength, n.maxLength, n.minItems, n.maxItems = 0, -1, 0, -1
	t := n.typ
	switch t.Kind() {
	case reflect.Bool:
		n.kind = kindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n.kind, n.integerRule = kindInteger, bounds(t.Kind(), t.Bits())
		n.set("minimum", n.min.String())
		n.set("maximum", n.max.String())
	case reflect.Float32, reflect.Float64:
		n.kind, n.bits = kindNumber, t.Bits()
	case reflect.String:
		n.kind = kindString
	case reflect.Interface:
		n.kind = kindAny
		if t.NumMethod() > 0 {
			b.fail(path, errors.New(t.String()+" is an interface, and JSON does not say which type is in it"))
		}
	case reflect.Pointer:
		b.pointer(n, path)
	case reflect.Slice:
		return b.slice(n, path)
	case reflect.Array:
		n.kind, n.elem = kindList, b.node(t.Elem(), path+"[]")
		n.minItems, n.maxItems = t.Len(), t.Len()
		n.set("minItems", fmt.Sprint(t.Len()))
		n.set("maxItems", fmt.Sprint(t.Len()))
	case reflect.Map:
		n.kind = kindMap
		key, err := keys(t.Key())
		b.must(path, err)
		n.key, n.elem = key, b.node(t.Elem(), path+"[]")
		return "{}"
	case reflect.Struct:
		b.object(n, path)
	default:
		b.fail(path, errors.New("JSON has nothing for the type "+t.String()))
	}
	return ""
}

func (b *builder) pointer(n *node, path string) {
	met := map[reflect.Type]bool{}
	for t := n.typ; t.Kind() == reflect.Pointer; t = t.Elem() {
		if met[t] {
			b.fail(path, errors.New(t.String()+" is a pointer to itself"))
			return
		}
		met[t] = true
	}
	n.kind, n.elem = kindNullable, b.node(n.typ.Elem(), path)
}

func (b *builder) slice(n *node, path string) (ifNull string) {
	elem := n.typ.Elem()
	if elem.Kind() == reflect.Uint8 {
		if writes, reads, _ := forms(elem); writes == byKind {
			if reads != byKind {
				b.fail(path, errors.New(n.typ.String()+" is not read the way it is written"))
			}
			n.kind, n.format, n.formatName = kindString, isBase64, "base64, padded and in one line"
			n.set("contentEncoding", `"base64"`)
			return `""`
		}
	}
	n.kind, n.elem = kindList, b.node(elem, path+"[]")
	return "[]"
}

func (b *builder) object(n *node, path string) {
	n.kind, n.index = kindObject, map[string]int{}
	for _, m := range members(n.typ) {
		at := path + m.path
		if m.blocked {
			b.fail(at, errors.New("encoding/json cannot set a pointer to a struct that is embedded and not exported"))
			continue
		}
		if !m.IsExported() {
			if writes, reads, _ := forms(m.Type); writes != byKind || reads != byKind {
				b.fail(at, errors.New("encoding/json cannot use the methods of what is embedded and not exported"))
				continue
			}
		}
		f := &field{name: m.name}
		required, err := m.required()
		b.must(at, err)
		f.required = required
		f.node = b.node(m.Type, at)
		if m.has("string") {
			f.node = b.quote(f.node, at)
		}
		n.index[f.name] = len(n.fields)
		n.fields = append(n.fields, f)
		b.later = append(b.later, func() { b.must(at, f.narrow(m.Tag)) })
	}
}

// required is what the tag says, or whether encoding/json always writes the member.
func (m *member) required() (bool, error) {
	switch tag, ok := m.Tag.Lookup("required"); {
	case !ok:
		return m.Type.Kind() != reflect.Pointer && !m.has("omitempty") && !m.has("omitzero") && !m.throughP, nil
	case tag == "true":
		return true, nil
	case tag == "false":
		return false, nil
	}
	return false, errors.New("the tag required is neither true nor false")
}

// quote is the option string of the json tag. It is for scalars only and does nothing
// to other types.
func (b *builder) quote(outer *node, path string) *node {
	n := outer
	if outer.kind == kindNullable && outer.typ.Name() == "" {
		n = outer.elem
	}
	switch n.typ.Kind() {
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
	default:
		return outer
	}
	if writes, reads, _ := forms(n.typ); writes != byKind || reads != byKind {
		b.fail(path, errors.New("the option string does not go with the methods of "+n.typ.String()))
		return outer
	}
	quoted := &node{kind: kindQuoted, typ: n.typ, elem: n}
	if n == outer {
		return quoted
	}
	return &node{kind: kindNullable, typ: outer.typ, elem: quoted}
}
