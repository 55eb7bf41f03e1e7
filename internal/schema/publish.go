package schema

import (
	"encoding/json"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// publisher writes nodes as JSON Schema.
type publisher struct {
	root  *node
	order []*node          // those in $defs
	refs  map[*node]string // of the nodes that are written once and referred to
	taken map[string]bool  // names of $defs
}

// publish writes a schema.
func publish(root *node) json.RawMessage {
	p := &publisher{root: root, refs: map[*node]string{}, taken: map[string]bool{}}
	p.count(root, map[*node]int{}, map[*node]bool{})
	members := []string{`"$schema":"https://json-schema.org/draft/2020-12/schema"`}
	if body := p.body(root, false, nil); body != "{}" {
		members = append(members, body[1:len(body)-1])
	}
	if len(p.order) > 0 {
		var defs []string
		for _, n := range p.order {
			name := strings.TrimPrefix(p.refs[n], "#/$defs/")
			defs = append(defs, quote(name)+":"+p.body(n, false, nil))
		}
		members = append(members, `"$defs":{`+strings.Join(defs, ",")+"}")
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}")
}

// contents is the schema of a scalar, for a reason.
func contents(n *node) string { return (&publisher{}).text(n, false, nil) }

// count finds the nodes to refer to: named structs that are used twice, and what has
// a name and contains itself. All circles go through one of these.
func (p *publisher) count(n *node, uses map[*node]int, inside map[*node]bool) {
	if n == nil || p.refs[n] != "" {
		return
	}
	named := n.typ != nil && n.typ.Name() != "" && (n.kind == kindObject || n.kind == kindList || n.kind == kindMap)
	if named && (inside[n] || uses[n] > 0 && n.kind == kindObject) {
		p.refer(n)
		return
	}
	uses[n]++
	was := inside[n]
	inside[n] = true
	p.count(n.elem, uses, inside)
	for _, f := range n.fields {
		p.count(f.node, uses, inside)
	}
	inside[n] = was
}

// refer gives a node the name by which it is referred to.
func (p *publisher) refer(n *node) {
	if n == p.root {
		p.refs[n] = "#"
		return
	}
	base := plainName(n.typ.Name())
	name := base
	if p.taken[name] {
		base = plainName(path.Base(n.typ.PkgPath())) + "_" + base
		name = base
	}
	for i := 2; p.taken[name]; i++ {
		name = base + strconv.Itoa(i)
	}
	p.taken[name] = true
	p.refs[n] = "#/$defs/" + name
	p.order = append(p.order, n)
}

// plainName is the name of a type without what has a meaning in a reference: that of
// Page[example.com/shop.Item] is Page_Item.
func plainName(name string) string {
	name = regexp.MustCompile(`·[0-9]+`).ReplaceAllString(name, "") // of types in functions
	name = regexp.MustCompile(`[^\[\],]*[/.]`).ReplaceAllString(name, "")
	name = regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(name, "_")
	return strings.Trim(name, "_")
}

// text is a node, or a reference to it. Null says that null is a value too; notes are
// of the field that has it.
func (p *publisher) text(n *node, null bool, notes []word) string {
	ref := p.refs[n]
	switch {
	case ref == "":
		return p.body(n, null, notes)
	case null:
		return object([]string{`"anyOf":[{"$ref":` + quote(ref) + `},{"type":"null"}]`}, notes)
	}
	return object([]string{`"$ref":` + quote(ref)}, notes)
}

// body is what a node says.
func (p *publisher) body(n *node, null bool, notes []word) string {
	switch n.kind {
	case kindAny:
		return object(nil, notes)
	case kindNullable:
		return p.text(n.elem, true, notes)
	case kindOwn:
		return n.own.publish(null, notes)
	}
	typ := quote(n.typeName())
	if null {
		typ = "[" + typ + `,"null"]`
	}
	members := []string{`"type":` + typ}
	for _, w := range append(notes[:len(notes):len(notes)], n.words...) {
		members = append(members, quote(w.name)+":"+w.json)
	}
	if n.enumText != "" {
		enum := n.enumText
		if null {
			enum = strings.TrimSuffix(enum, "]") + ",null]"
		}
		members = append(members, `"enum":`+enum)
	}
	return object(append(members, p.structure(n)...), nil)
}

// structure is what a node says of other nodes.
func (p *publisher) structure(n *node) []string {
	switch n.kind {
	case kindQuoted:
		return []string{`"contentMediaType":"application/json"`, `"contentSchema":` + p.text(n.elem, false, nil)}
	case kindList:
		return []string{`"items":` + p.text(n.elem, false, nil)}
	case kindMap:
		members := []string{`"additionalProperties":` + p.text(n.elem, false, nil)}
		switch {
		case n.key == nil || n.key.reads != nil:
		case n.key.unsigned:
			members = append(members, `"propertyNames":{"pattern":"^(0|[1-9][0-9]*)$"}`)
		default:
			members = append(members, `"propertyNames":{"pattern":"^(0|-?[1-9][0-9]*)$"}`)
		}
		return members
	case kindObject:
		var fields, required []string
		for _, f := range n.fields {
			fields = append(fields, quote(f.name)+":"+p.text(f.node, false, f.notes))
			if f.required {
				required = append(required, quote(f.name))
			}
		}
		members := []string{`"properties":{` + strings.Join(fields, ",") + "}"}
		if len(required) > 0 {
			members = append(members, `"required":[`+strings.Join(required, ",")+"]")
		}
		return append(members, `"additionalProperties":false`)
	}
	return nil
}

// publish is the schema as the type says it, with what the field adds.
func (o *own) publish(null bool, notes []word) string {
	text := string(o.text)
	switch {
	case null:
		return object([]string{`"anyOf":[` + text + `,{"type":"null"}]`}, notes)
	case len(notes) > 0:
		return object([]string{`"allOf":[` + text + "]"}, notes)
	}
	return text
}

// object is a JSON object of members and words.
func object(members []string, words []word) string {
	for _, w := range words {
		members = append(members, quote(w.name)+":"+w.json)
	}
	return "{" + strings.Join(members, ",") + "}"
}
