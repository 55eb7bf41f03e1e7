package providertest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// xmlTree reads XML as nested objects: attributes have a $ before the name, an
// element without children and attributes is its text.
func xmlTree(data []byte) (map[string]any, error) {
	root, err := parseXML(data)
	if err != nil {
		return nil, err
	}
	return map[string]any{root.local: root.tree()}, nil
}

func (n *xmlNode) tree() any {
	out := map[string]any{}
	var text strings.Builder
	for _, a := range n.attrs {
		out["$"+a.local] = a.value
	}
	for _, c := range n.children {
		if c.text != "" {
			text.WriteString(c.text)
		} else {
			out[c.local] = c.tree()
		}
	}
	if len(out) == 0 {
		return text.String()
	}
	return out
}

// leavesAsText is v with every scalar written as XML has it.
func leavesAsText(v any) any {
	object, ok := v.(map[string]any)
	if !ok {
		return textOf(v)
	}
	out := map[string]any{}
	for k, x := range object {
		out[k] = leavesAsText(x)
	}
	return out
}

// xmlText writes nested objects as elements.
func xmlText(object map[string]any) []byte {
	var b bytes.Buffer
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?>`)
	for _, k := range sortedKeys(object) {
		writeXML(&b, k, object[k])
	}
	return b.Bytes()
}

func writeXML(b *bytes.Buffer, name string, v any) {
	b.WriteString("<" + name + ">")
	if object, ok := v.(map[string]any); ok {
		for _, k := range sortedKeys(object) {
			writeXML(b, k, object[k])
		}
	} else {
		_ = xml.EscapeText(b, []byte(textOf(v))) // a Buffer takes everything
	}
	b.WriteString("</" + name + ">")
}

// xmlNode is an element, or a piece of text, with the prefixes as written, which
// is what canonical XML needs.
type xmlNode struct {
	text          string
	prefix, local string
	attrs         []xmlAttr // without namespace declarations
	spaces        map[string]string
	children      []*xmlNode
}

type xmlAttr struct{ prefix, local, value string }

var errXML = errors.New("providertest: no single XML element")

// parseXML reads one element. Comments and processing instructions are dropped.
func parseXML(data []byte) (*xmlNode, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	var root *xmlNode
	var stack []*xmlNode
	for {
		t, err := dec.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n := startNode(t)
			switch {
			case len(stack) > 0:
				top := stack[len(stack)-1]
				top.children = append(top.children, n)
			case root != nil:
				return nil, errXML
			default:
				root = n
			}
			stack = append(stack, n)
		case xml.EndElement:
			if len(stack) == 0 || stack[len(stack)-1].local != t.Name.Local {
				return nil, errXML
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			if len(stack) > 0 && len(t) > 0 {
				top := stack[len(stack)-1]
				top.children = append(top.children, &xmlNode{text: string(t)})
			}
		}
	}
	if root == nil || len(stack) > 0 {
		return nil, errXML
	}
	return root, nil
}

func startNode(t xml.StartElement) *xmlNode {
	n := &xmlNode{prefix: t.Name.Space, local: t.Name.Local, spaces: map[string]string{}}
	for _, a := range t.Attr {
		switch {
		case a.Name.Space == "xmlns":
			n.spaces[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			n.spaces[""] = a.Value
		default:
			n.attrs = append(n.attrs, xmlAttr{a.Name.Space, a.Name.Local, a.Value})
		}
	}
	return n
}

// child is the first child element of that name, or nil.
func (n *xmlNode) child(local string) *xmlNode {
	for _, c := range n.kids() {
		if c.local == local {
			return c
		}
	}
	return nil
}

func (n *xmlNode) kids() []*xmlNode {
	if n == nil {
		return nil
	}
	return n.children
}

// at follows names to a descendant, or nil.
func (n *xmlNode) at(path ...string) *xmlNode {
	for _, p := range path {
		n = n.child(p)
	}
	return n
}

func (n *xmlNode) attr(local string) string {
	if n == nil {
		return ""
	}
	for _, a := range n.attrs {
		if a.local == local {
			return a.value
		}
	}
	return ""
}

// content is the text of an element.
func (n *xmlNode) content() string {
	var b strings.Builder
	for _, c := range n.kids() {
		b.WriteString(c.text)
	}
	return strings.TrimSpace(b.String())
}
