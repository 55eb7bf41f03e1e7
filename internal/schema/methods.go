package schema

import (
	"encoding"
	"encoding/json"
	"errors"
	"reflect"
	"time"
)

// Describer is a type that says its own schema. It is asked For it once, on a zero
// value. As with MarshalJSON, a struct has the method of what it embeds.
//
// The schema is published as it is said and can use: type, enum and const of scalars,
// minimum, maximum, exclusiveMinimum, exclusiveMaximum, minLength, maxLength, pattern,
// format, items, minItems, maxItems, properties, required, additionalProperties,
// allOf, anyOf, oneOf, and words that check nothing, such as title and description.
//
// A type without MarshalJSON or MarshalText is held to its schema and to what its Go
// type can be, of which the schema should be a part.
type Describer interface {
	JSONSchema() json.RawMessage
}

// form is by which methods encoding/json writes or reads a type.
type form int

const (
	byKind form = iota
	byText
	byJSON
)

// forms of a type that is no pointer. ByPointer says that what writes it belongs to
// its pointer, so that encoding/json has to be able to take the address.
func forms(t reflect.Type) (writes, reads form, byPointer bool) {
	var (
		marshaler       = reflect.TypeFor[json.Marshaler]()
		textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
		unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
		textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
		pointer         = reflect.PointerTo(t)
	)
	switch {
	case pointer.Implements(marshaler):
		writes, byPointer = byJSON, !t.Implements(marshaler)
	case pointer.Implements(textMarshaler):
		writes, byPointer = byText, !t.Implements(textMarshaler)
	}
	reader := pointer
	if t.Name() == "" {
		reader = t // encoding/json takes the address of named types only
	}
	switch {
	case reader.Implements(unmarshaler):
		reads = byJSON
	case reader.Implements(textUnmarshaler):
		reads = byText
	}
	return writes, reads, byPointer
}

// readsJSON asks a new value of the type whether it can be read from JSON.
func readsJSON(t reflect.Type) func(raw []byte) error {
	return func(raw []byte) error {
		return reflect.New(t).Interface().(json.Unmarshaler).UnmarshalJSON(raw)
	}
}

// readsText asks a new value of the type whether it can be read from a text.
func readsText(t reflect.Type) func(text []byte) error {
	return func(text []byte) error {
		return reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText(text)
	}
}

// methods fills in a node whose type has methods for JSON. It is false, if the type
// is read and written as its kind has it.
func (b *builder) methods(n *node, path string) bool {
	t := n.typ
	switch t {
	case reflect.TypeFor[time.Time]():
		n.kind = kindString
		b.must(path, n.limit("format", "date-time"))
		return true
	case reflect.TypeFor[json.RawMessage]():
		n.kind = kindAny
		return true
	case reflect.TypeFor[json.Number]():
		n.kind = kindNumber
		return true
	}
	writes, reads, byPointer := forms(t)
	n.byPointer = byPointer
	if d, ok := reflect.New(t).Interface().(Describer); ok && t.Kind() != reflect.Interface {
		b.describe(n, d.JSONSchema(), path)
		switch {
		case writes == byKind && reads == byKind:
			form := &node{typ: t}
			n.own.form = form
			form.ifNull = b.kind(form, path)
		case writes == byJSON && reads == byJSON:
			n.readsJSON = readsJSON(t)
		case writes == byText && reads == byText:
			n.own.form = textNode(t)
		}
		return true
	}
	switch {
	case writes == byKind && reads == byKind:
		return false
	case writes != reads:
		b.fail(path, errors.New(t.String()+" is not read the way it is written: it needs methods for both, or a method JSONSchema"))
	case writes == byJSON:
		n.kind, n.readsJSON = kindAny, readsJSON(t)
	default:
		*n = *textNode(t)
		n.byPointer = byPointer
	}
	return true
}

func textNode(t reflect.Type) *node {
	n := &node{typ: t, kind: kindString}
	n.minLength, n.maxLength = 0, -1
	n.readsText = readsText(t)
	return n
}

// keys is the rule for the keys of a map; nil, if they are any text.
func keys(t reflect.Type) (*keyRule, error) {
	writesText := t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
	readsText := reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	if t.Kind() == reflect.String {
		if !readsText {
			return nil, nil
		}
		return &keyRule{reads: readsKey(t)}, nil // written without asking
	}
	if writesText != readsText {
		return nil, errors.New("keys of type " + t.String() + " are not read the way they are written")
	}
	if writesText {
		return &keyRule{reads: readsKey(t)}, nil
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return &keyRule{integerRule: bounds(t.Kind(), t.Bits())}, nil
	}
	return nil, errors.New("keys of type " + t.String() + " are neither text nor integers")
}

// readsKey asks the type of a key. Encoding/json prefers its UnmarshalJSON, which is
// given the quotes.
func readsKey(t reflect.Type) func(raw []byte) error {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return readsJSON(t)
	}
	read := readsText(t)
	return func(raw []byte) error { return read(unescape(raw[1 : len(raw)-1])) }
}
