package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
)

// Schema is what JSON has to be for one type. It does not change and can be used by
// many at once.
type Schema struct {
	typ  reflect.Type
	root *node
	text json.RawMessage
}

// For derives the schema of what encoding/json makes of a type. Its errors, all that
// there are, name the path of what has no schema, in words of Go: Input.Items[].Done.
func For(t reflect.Type) (*Schema, error) {
	if t == nil {
		return nil, errors.New("schema: there is no type")
	}
	b := &builder{nodes: map[reflect.Type]*node{}}
	root := b.node(t, t.String())
	if len(b.errs) == 0 {
		b.addressable(root, t.String(), true, map[place]bool{})
		for _, do := range b.later {
			do()
		}
	}
	if len(b.errs) > 0 {
		return nil, fmt.Errorf("schema: %w", errors.Join(b.errs...))
	}
	return &Schema{typ: t, root: root, text: publish(root)}, nil
}

// JSON is the schema as JSON Schema, draft 2020-12. It is the same for the same type.
// Properties are in the order of the fields. Named structs that are used more than
// once are in $defs; where a type refers to itself, the reference is "#" for the
// outermost.
func (s *Schema) JSON() json.RawMessage { return slices.Clone(s.text) }

// Validate is nil for what [Schema.Decode] accepts, or else [Errors]. It does not
// keep data.
func (s *Schema) Validate(data []byte) error {
	c := checker{data: data}
	c.run(s.root)
	if len(c.errs) == 0 {
		return nil
	}
	return c.errs
}

// Decode validates data and decodes it into v, a pointer to the type of the schema.
// All of *v is replaced, or nothing if there is an error. Numbers in a value of type
// any are of type json.Number and lose no digits.
func (s *Schema) Decode(data []byte, v any) error {
	target := reflect.ValueOf(v)
	if target.Kind() != reflect.Pointer || target.IsNil() || target.Type().Elem() != s.typ {
		return fmt.Errorf("schema: decode into %T: need a pointer to %s", v, s.typ)
	}
	if err := s.Validate(data); err != nil {
		return err
	}
	fresh := reflect.New(s.typ)
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(fresh.Interface()); err != nil {
		return fmt.Errorf("schema: decode %s: %w", s.typ, err)
	}
	target.Elem().Set(fresh.Elem())
	return nil
}

// Encode is what encoding/json writes for v, a value of the type of the schema or a
// pointer to one, with two differences: nil slices and maps that are not behind a
// pointer are [] and {} (nil bytes are ""), and <, > and & are not escaped. A value
// that does not hold to the schema is refused with [Errors].
func (s *Schema) Encode(v any) ([]byte, error) {
	value := reflect.ValueOf(v)
	if !value.IsValid() || value.Type() != reflect.PointerTo(s.typ) {
		fresh := reflect.New(s.typ) // has an address, for methods of its pointer
		switch {
		case value.IsValid() && value.Type().AssignableTo(s.typ):
			fresh.Elem().Set(value)
		case value.IsValid() || s.typ.Kind() != reflect.Interface:
			return nil, fmt.Errorf("schema: encode %T: need a value of type %s", v, s.typ)
		}
		value = fresh
	}
	if value.IsNil() {
		return nil, fmt.Errorf("schema: encode: a nil pointer is no %s", s.typ)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value.Interface()); err != nil {
		return nil, fmt.Errorf("schema: encode %s: %w", s.typ, err)
	}
	data := bytes.TrimSuffix(out.Bytes(), []byte("\n"))
	c := checker{data: data, output: true}
	c.run(s.root)
	switch {
	case len(c.errs) > 0:
		return nil, c.errs
	case len(c.nulls) == 0 && !c.recheck:
		return data, nil
	}
	filled := fill(data, c.nulls)
	if err := s.Validate(filled); err != nil { // an empty list may be too short
		return nil, err
	}
	return filled, nil
}

// fill puts in what nulls stand for.
func fill(data []byte, nulls []null) []byte {
	out := make([]byte, 0, len(data))
	from := 0
	for _, n := range nulls {
		out = append(out, data[from:n.pos]...)
		out = append(out, n.becomes...)
		from = n.pos + len("null")
	}
	return append(out, data[from:]...)
}

// place is a node where the address of a value is known to encoding/json, or is not.
type place struct {
	*node
	known bool
}

// addressable refuses types with methods of their pointer where encoding/json cannot
// take the address, and so writes them as if they had none: in a map.
func (b *builder) addressable(n *node, path string, known bool, done map[place]bool) {
	if n == nil || done[place{n, known}] {
		return
	}
	done[place{n, known}] = true
	if n.byPointer && !known {
		b.fail(path, fmt.Errorf("%s is written by a method of its pointer, which it does not have in a map", n.typ))
	}
	switch n.kind {
	case kindNullable:
		known = true
	case kindList:
		known = known || n.typ.Kind() == reflect.Slice
	case kindMap:
		known = false
	}
	if n.kind == kindList || n.kind == kindMap {
		path += "[]"
	}
	b.addressable(n.elem, path, known, done)
	for _, f := range n.fields {
		b.addressable(f.node, path+"."+f.name, known, done)
	}
	if n.own != nil {
		b.addressable(n.own.form, path, known, done)
	}
}
