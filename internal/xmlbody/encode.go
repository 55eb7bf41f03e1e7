package xmlbody

import (
	"strings"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/xmlbody/xmltext"
)

// declaration leaves no doubt about the encoding, which a content type of
// application/xml without a charset does.
const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

// Encode writes v, an object whose only member is the outermost element, as a
// document in UTF-8. Null is an empty element, and so are "" and an object
// without members; an empty list is no element, and a list is the one way to
// repeat one. Text comes out of a parser as it went in, line ends and tabs
// included.
//
// The error is an [*EncodeError].
func Encode(v spec.Value) ([]byte, error) {
	if v.Kind != spec.Object || len(v.Map) != 1 {
		return nil, &EncodeError{"", "is not an object with one member, the outermost element"}
	}
	return appendElement([]byte(declaration), nil, v.Map[0].Name, v.Map[0].Value)
}

// path is where in the tree an element stands.
type path []string

func (p path) fail(name, reason string) error {
	return &EncodeError{strings.Join(append(p, name), "."), reason}
}

// appendElement appends the element name, which is a child of the elements at
// p, with v in it.
func appendElement(dst []byte, p path, name string, v spec.Value) ([]byte, error) {
	switch {
	case !xmltext.IsQName(name):
		return nil, p.fail(name, "is not an XML name")
	case len(p) >= MaxDepth:
		return nil, p.fail(name, "nests too deep")
	}
	seen := map[string]bool{}
	for _, e := range v.Map {
		if seen[e.Name] {
			return nil, append(p, name).fail(e.Name, "is there twice")
		}
		seen[e.Name] = true
	}
	dst = append(append(dst, '<'), name...)
	dst, err := appendAttrs(dst, append(p, name), v.Map)
	if err != nil {
		return nil, err
	}
	dst = append(dst, '>')
	if v.Kind == spec.Object {
		dst, err = appendContent(dst, append(p, name), v.Map)
	} else {
		dst, err = appendText(dst, p, name, v)
	}
	if err != nil {
		return nil, err
	}
	return append(append(append(dst, '<', '/'), name...), '>'), nil
}

// appendAttrs appends those members of m that are attributes of the element at p.
func appendAttrs(dst []byte, p path, m spec.Map) ([]byte, error) {
	for _, e := range m {
		name, is := strings.CutPrefix(e.Name, AttrPrefix)
		switch {
		case !is:
			continue
		case !xmltext.IsQName(name):
			return nil, p.fail(e.Name, "is not an XML name")
		case !e.Value.IsScalar():
			return nil, p.fail(e.Name, "is a list or an object, which an attribute cannot be")
		case !xmltext.Valid(e.Value.Text):
			return nil, p.fail(e.Name, "has a character that XML cannot carry")
		}
		dst = append(append(append(dst, ' '), name...), '=', '"')
		dst = append(xmltext.AppendAttr(dst, e.Value.Text), '"')
	}
	return dst, nil
}

// appendContent appends those members of m that are not attributes of the
// element at p.
func appendContent(dst []byte, p path, m spec.Map) ([]byte, error) {
	for _, e := range m {
		items := []spec.Value{e.Value}
		switch {
		case strings.HasPrefix(e.Name, AttrPrefix):
			continue
		case e.Name == TextName:
			var err error
			if dst, err = appendText(dst, p, e.Name, e.Value); err != nil {
				return nil, err
			}
			continue
		case e.Value.Kind == spec.List:
			items = e.Value.List
		}
		for _, item := range items {
			var err error
			if dst, err = appendElement(dst, p, e.Name, item); err != nil {
				return nil, err
			}
		}
	}
	return dst, nil
}

func appendText(dst []byte, p path, name string, v spec.Value) ([]byte, error) {
	switch {
	case !v.IsScalar():
		return nil, p.fail(name, "is a list or an object, where there can be only one element or text")
	case !xmltext.Valid(v.Text):
		return nil, p.fail(name, "has a character that XML cannot carry")
	}
	return xmltext.AppendText(dst, v.Text), nil
}
