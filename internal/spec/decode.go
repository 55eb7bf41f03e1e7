package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// decoder turns the keys of an entry into a [Provider]. Unlike the decoder of the
// yaml package it goes on after a problem, and remembers where each key stands.
type decoder struct {
	name     string              // of the entry
	file     string              // of the pair being decoded
	at       map[string]place    // where each key stands, by path
	inherits map[string]string   // which top-level keys are inherited, and from whom
	keys     map[string]struct{} // the top-level keys that are there
	problems []Problem
}

func newDecoder(entry string) *decoder {
	return &decoder{name: entry, at: map[string]place{}, inherits: map[string]string{}, keys: map[string]struct{}{}}
}

// provider decodes the pairs of an entry.
func (d *decoder) provider(p *Provider, pairs []pair) {
	fields := keysOf(reflect.TypeFor[Provider]())
	v := reflect.ValueOf(p).Elem()
	for _, pair := range pairs {
		d.file = pair.at.file
		d.at[pair.key] = pair.at
		if pair.from != "" {
			d.inherits[pair.key] = pair.from
		}
		index, ok := fields[pair.key]
		if !ok {
			d.report(pair.key, Doubtful, "unknown-key", "the format has no key of this name")
			continue
		}
		d.keys[pair.key] = struct{}{}
		d.value(v.FieldByIndex(index), pair.value, pair.key)
	}
}

func (d *decoder) report(path string, s Severity, code, message string) {
	at := d.placeOf(path)
	if from := d.inherits[topKey(path)]; from != "" {
		message += " (inherited from " + from + ")"
	}
	d.problems = append(d.problems, Problem{File: at.file, Line: at.line, Column: at.col, Entry: d.name, Key: path, Severity: s, Code: code, Message: message})
}

// placeOf returns where path stands, or the nearest thing around it.
func (d *decoder) placeOf(path string) place {
	for {
		if at, ok := d.at[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return d.at[""]
		}
		path = path[:cut]
	}
}

// topKey returns the first part of a path.
func topKey(path string) string {
	if cut := strings.IndexAny(path, ".["); cut >= 0 {
		return path[:cut]
	}
	return path
}

// value decodes a node into v.
func (d *decoder) value(v reflect.Value, n *yaml.Node, path string) {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		d.report(path, Doubtful, "empty-value", "the key has no value and counts as absent")
		return
	}
	switch out := v.Addr().Interface().(type) {
	case *Value:
		*out = d.free(n, path)
		return
	case *Map:
		if d.want(n, yaml.MappingNode, path, "a mapping") {
			*out = d.free(n, path).Map
		}
		return
	case *Fields:
		d.formFields(out, n, path)
		return
	case *TokenURL:
		if n.Kind == yaml.MappingNode {
			d.value(reflect.ValueOf(&out.ByMode).Elem(), n, path)
		} else {
			d.value(reflect.ValueOf(&out.URL).Elem(), n, path)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v.Elem(), n, path)
	case reflect.String, reflect.Bool, reflect.Int64:
		d.scalar(v, n, path)
	case reflect.Slice:
		d.list(v, n, path)
	case reflect.Map:
		d.stringMap(v, n, path)
	case reflect.Struct:
		d.structure(v, n, path)
	default:
		panic("spec: no way to decode into " + v.Type().String())
	}
}

func (d *decoder) want(n *yaml.Node, kind yaml.Kind, path, what string) bool {
	if n.Kind == kind {
		return true
	}
	d.report(path, Rejected, "wrong-type", what+" is expected here")
	return false
}

func (d *decoder) scalar(v reflect.Value, n *yaml.Node, path string) {
	if !d.want(n, yaml.ScalarNode, path, "a single value") {
		return
	}
	switch v.Kind() {
	case reflect.String:
		// What YAML takes for a date or a number, such as an unquoted version, is
		// the text that was written.
		v.SetString(n.Value)
	case reflect.Bool:
		b, err := strconv.ParseBool(strings.ToLower(n.Value))
		if n.ShortTag() != "!!bool" || err != nil {
			d.report(path, Rejected, "wrong-type", "true or false is expected here")
			return
		}
		v.SetBool(b)
	case reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, 64)
		if err != nil {
			d.report(path, Rejected, "wrong-type", "a whole number is expected here")
			return
		}
		v.SetInt(i)
	}
}

func (d *decoder) list(v reflect.Value, n *yaml.Node, path string) {
	if !d.want(n, yaml.SequenceNode, path, "a list") {
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		item := fmt.Sprintf("%s[%d]", path, i)
		d.at[item] = place{d.file, c.Line, c.Column}
		d.value(out.Index(i), c, item)
	}
	v.Set(out)
}

func (d *decoder) stringMap(v reflect.Value, n *yaml.Node, path string) {
	if !d.want(n, yaml.MappingNode, path, "a mapping") {
		return
	}
	out := make(map[string]string, len(n.Content)/2)
	d.pairs(n, path, func(key, item string, value *yaml.Node) {
		var s string
		d.value(reflect.ValueOf(&s).Elem(), value, item)
		if !isNull(value) { // an absent name is not an empty one
			out[key] = s
		}
	})
	v.Set(reflect.ValueOf(out))
}

// pairs calls f for each key of a mapping, whose place it has noted.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key, item string, value *yaml.Node)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		item := joinPath(path, k.Value)
		d.at[item] = place{d.file, k.Line, k.Column}
		f(k.Value, item, n.Content[i+1])
	}
}

func (d *decoder) structure(v reflect.Value, n *yaml.Node, path string) {
	if !d.want(n, yaml.MappingNode, path, "a mapping") {
		return
	}
	fields := keysOf(v.Type())
	d.pairs(n, path, func(key, item string, value *yaml.Node) {
		index, ok := fields[key]
		if !ok {
			d.report(item, Doubtful, "unknown-key", "the format has no key of this name")
			return
		}
		d.value(v.FieldByIndex(index), value, item)
	})
}

func (d *decoder) formFields(out *Fields, n *yaml.Node, path string) {
	if !d.want(n, yaml.MappingNode, path, "a mapping") {
		return
	}
	d.pairs(n, path, func(key, item string, value *yaml.Node) {
		f := Field{Name: key}
		d.value(reflect.ValueOf(&f).Elem(), value, item)
		*out = append(*out, f)
	})
}

// free decodes a value whose shape is open.
func (d *decoder) free(n *yaml.Node, path string) Value {
	switch n.Kind {
	case yaml.SequenceNode:
		out := Value{Kind: List}
		for i, c := range n.Content {
			item := fmt.Sprintf("%s[%d]", path, i)
			d.at[item] = place{d.file, c.Line, c.Column}
			out.List = append(out.List, d.free(c, item))
		}
		return out
	case yaml.MappingNode:
		out := Value{Kind: Object, Map: Map{}}
		d.pairs(n, path, func(key, item string, value *yaml.Node) {
			out.Map = append(out.Map, Member{Name: key, Value: d.free(value, item)})
		})
		return out
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return Value{}
	case tag == "!!bool":
		return Value{Kind: Bool, Text: strings.ToLower(n.Value)}
	case (tag == "!!int" || tag == "!!float") && isJSONNumber(n.Value):
		return Value{Kind: Number, Text: n.Value}
	}
	return Value{Kind: String, Text: n.Value}
}

func isJSONNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789+-.eE") == "" && json.Valid([]byte(s))
}

// node turns a value back into YAML, so that an alias can inherit from an entry
// that is already decoded.
func (v Value) node() *yaml.Node {
	switch v.Kind {
	case Object:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, m := range v.Map {
			n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: m.Name}, m.Value.node())
		}
		return n
	case List:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, e := range v.List {
			n.Content = append(n.Content, e.node())
		}
		return n
	case Number:
		tag := "!!int"
		if strings.ContainsAny(v.Text, ".eE") {
			tag = "!!float"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: v.Text}
	case Bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: v.Text}
	case String:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v.Text}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
}
