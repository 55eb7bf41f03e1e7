package spec

import (
	"bytes"
	"encoding/json"
)

// Kind is what a [Value] is.
type Kind uint8

// The kinds of a Value. Null is the zero Value.
const (
	Null Kind = iota
	String
	Number
	Bool
	List
	Object
)

// Value is a piece of a provider entry whose shape the format leaves open: a
// request body, parameters that may nest. Unlike map[string]any it keeps the
// order of its members, which matters where the body is XML, and a number
// stays as it was written.
type Value struct {
	Kind Kind
	Text string // of a String; of a Number or Bool, its JSON form
	List []Value
	Map  Map
}

// Map is an object in the order in which it was written.
type Map []Member

// Member is one name of a Map and its value.
type Member struct {
	Name  string
	Value Value
}

// Get returns the value under name, and whether there is one.
func (m Map) Get(name string) (Value, bool) {
	for _, e := range m {
		if e.Name == name {
			return e.Value, true
		}
	}
	return Value{}, false
}

// Text returns the scalar under name as text, "" when there is none.
func (m Map) Text(name string) string {
	v, _ := m.Get(name)
	return v.Text
}

// IsScalar reports whether the value is neither a list nor an object.
func (v Value) IsScalar() bool { return v.Kind != List && v.Kind != Object }

// MarshalJSON writes the object with its members in order.
func (m Map) MarshalJSON() ([]byte, error) {
	return appendMap(nil, m)
}

// MarshalJSON writes the value.
func (v Value) MarshalJSON() ([]byte, error) {
	return appendValue(nil, v)
}

func appendMap(dst []byte, m Map) ([]byte, error) {
	var err error
	dst = append(dst, '{')
	for i, e := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendString(dst, e.Name); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = appendValue(dst, e.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendValue(dst []byte, v Value) ([]byte, error) {
	switch v.Kind {
	case String:
		return appendString(dst, v.Text)
	case Number, Bool:
		return append(dst, v.Text...), nil
	case Object:
		return appendMap(dst, v.Map)
	case List:
		dst = append(dst, '[')
		for i, e := range v.List {
			if i > 0 {
				dst = append(dst, ',')
			}
			var err error
			if dst, err = appendValue(dst, e); err != nil {
				return nil, err
			}
		}
		return append(dst, ']'), nil
	}
	return append(dst, "null"...), nil
}

// appendString writes a JSON string without the escapes that only HTML needs.
func appendString(dst []byte, s string) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return append(dst, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}

// UnmarshalJSON reads an object, keeping the order of its members.
func (m *Map) UnmarshalJSON(data []byte) error { return readJSON(string(data), m) }

// UnmarshalJSON reads any value.
func (v *Value) UnmarshalJSON(data []byte) error { return readJSON(string(data), v) }

// maxDepth bounds how deep a value may nest, in YAML and in JSON.
const maxDepth = 32
