package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// own is a schema that a type says.
type own struct {
	types typeSet
	// parts are words about one type. Nil: nothing is said.
	parts          [typesEnd]*node
	all, some, one []*node
	values         []string // of enum and const, as scalarKey has them. Nil: any
	valuesText     string
	// form is what the type can be in Go, if it has no methods for JSON.
	form *node
	text json.RawMessage
}

// anything is the node of any value, member or element.
var anything = &node{kind: kindAny, listRule: listRule{maxItems: -1}}

// describe fills in the node of a type that says its schema.
func (b *builder) describe(n *node, text json.RawMessage, path string) {
	said, err := parseOwn(text)
	if err != nil {
		b.fail(path, fmt.Errorf("JSONSchema of %s: %w", n.typ, err))
		said = &own{}
	}
	n.kind, n.own = kindOwn, said
}

// parseOwn compiles a schema.
func parseOwn(text json.RawMessage) (*own, error) {
	c := checker{data: text}
	if c.run(anything); len(c.errs) > 0 {
		return nil, c.errs
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	o := &own{types: 1<<typesEnd - 1, text: compact.Bytes()}
	if compact.String() == "true" {
		return o, nil
	}
	var words map[string]json.RawMessage
	if err := json.Unmarshal(o.text, &words); err != nil || words == nil {
		return nil, errors.New("is neither an object nor true")
	}
	// In the order of the alphabet additionalProperties, properties, required and
	// type, and each needs those before it, or none.
	for _, name := range slices.Sorted(maps.Keys(words)) {
		if err := o.word(name, words[name]); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return o, nil
}

func parseNode(text json.RawMessage) (*node, error) {
	o, err := parseOwn(text)
	return &node{kind: kindOwn, own: o}, err
}

// part is the node for what is said about one type.
func (o *own) part(t jsonType) *node {
	if o.parts[t] == nil {
		n := &node{listRule: listRule{maxItems: -1}, textRule: textRule{maxLength: -1}}
		switch t {
		case typeNumber:
			n.kind = kindNumber
		case typeString:
			n.kind = kindString
		case typeList:
			n.kind = kindList
		case typeObject:
			n.kind, n.index, n.extra = kindObject, map[string]int{}, anything
		}
		o.parts[t] = n
	}
	return o.parts[t]
}

// word does what one keyword says.
func (o *own) word(name string, value json.RawMessage) (err error) {
	switch name {
	case "type":
		return o.setTypes(value)
	case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum":
		return o.part(typeNumber).limit(name, string(value))
	case "minLength", "maxLength":
		return o.part(typeString).limit(name, string(value))
	case "minItems", "maxItems":
		return o.part(typeList).limit(name, string(value))
	case "pattern", "format":
		var text string
		if err := json.Unmarshal(value, &text); err != nil {
			return err
		}
		if check, _ := formatOf(text); name == "format" && check == nil {
			return nil // JSON Schema lets others pass
		}
		return o.part(typeString).limit(name, text)
	case "items":
		o.part(typeList).elem, err = parseNode(value)
		return err
	case "additionalProperties":
		if string(value) == "false" {
			o.part(typeObject).extra = nil
			return nil
		}
		o.part(typeObject).extra, err = parseNode(value)
		return err
	case "properties":
		return o.part(typeObject).properties(value)
	case "required":
		return o.part(typeObject).require(value)
	case "allOf":
		o.all, err = parseNodes(value)
		return err
	case "anyOf":
		o.some, err = parseNodes(value)
		return err
	case "oneOf":
		o.one, err = parseNodes(value)
		return err
	case "enum":
		return o.setValues(value)
	case "const":
		return o.setValues(slices.Concat([]byte("["), value, []byte("]")))
	case "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
		"$comment", "contentEncoding", "contentMediaType", "contentSchema":
		return nil
	}
	return errors.New("is no word that is understood")
}

func (o *own) setTypes(value json.RawMessage) error {
	var names []string
	if value[0] == '"' {
		value = slices.Concat([]byte("["), value, []byte("]"))
	}
	if err := json.Unmarshal(value, &names); err != nil {
		return err
	}
	o.types = 0
	integer := slices.Contains(names, "integer") && !slices.Contains(names, "number")
	for _, name := range names {
		t, ok := map[string]jsonType{
			"null": typeNull, "boolean": typeBool, "number": typeNumber, "integer": typeNumber,
			"string": typeString, "array": typeList, "object": typeObject,
		}[name]
		if !ok {
			return errors.New("there is no type " + name)
		}
		o.types |= 1 << t
	}
	if integer {
		o.part(typeNumber).integral = true
	}
	return nil
}

func (n *node) properties(value json.RawMessage) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(value, &all); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		inner, err := parseNode(all[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		n.addField(&field{name: name, node: inner})
	}
	return nil
}

func (n *node) require(value json.RawMessage) error {
	var names []string
	if err := json.Unmarshal(value, &names); err != nil {
		return err
	}
	for _, name := range names {
		if i, ok := n.index[name]; ok {
			n.fields[i].required = true
			continue
		}
		if n.extra == nil {
			return errors.New(name + " is not one of the properties")
		}
		n.addField(&field{name: name, node: n.extra, required: true})
	}
	return nil
}

func (n *node) addField(f *field) {
	n.index[f.name] = len(n.fields)
	n.fields = append(n.fields, f)
}

func parseNodes(value json.RawMessage) ([]*node, error) {
	var texts []json.RawMessage
	if err := json.Unmarshal(value, &texts); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, errors.New("is empty")
	}
	nodes := make([]*node, len(texts))
	for i, text := range texts {
		var err error
		if nodes[i], err = parseNode(text); err != nil {
			return nil, fmt.Errorf("%d: %w", i, err)
		}
	}
	return nodes, nil
}

func (o *own) setValues(value json.RawMessage) error {
	var texts []json.RawMessage
	if err := json.Unmarshal(value, &texts); err != nil {
		return err
	}
	if o.values != nil {
		return errors.New("there is an enum and a const")
	}
	o.values, o.valuesText = []string{}, string(value)
	for _, text := range texts {
		key, ok := scalarKey(text)
		if !ok {
			return errors.New("a list or object among the values is not understood")
		}
		o.values = append(o.values, key)
	}
	return nil
}

// scalarKey is the same text for the same value. It is not ok for lists and objects.
func scalarKey(raw []byte) (key string, ok bool) {
	switch typeOf(raw[0]) {
	case typeString:
		return `"` + string(unescape(raw[1:len(raw)-1])), true
	case typeNumber:
		f, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return string(raw), true
		}
		return strconv.FormatFloat(f+0, 'g', -1, 64), true
	case typeList, typeObject:
		return "", false
	}
	return string(raw), true
}
