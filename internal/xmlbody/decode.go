package xmlbody

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Decode reads a document as a map with one member, its outermost element. An
// element is a string if it has neither attributes nor children, and else a
// map[string]any, with attributes under [AttrPrefix] and their names, text, if
// any, under [TextName], and a []any where an element is repeated. White space
// around text is dropped, as servers indent. Comments and processing
// instructions are skipped.
//
// A document type declaration is refused, and with it every entity that XML
// does not define itself.
//
// The error is [ErrMalformed], [ErrDoctype] or [ErrTooLarge].
func Decode(b []byte) (any, error) {
	if len(b) > MaxSize {
		return nil, ErrTooLarge
	}
	// A byte order mark is part of the encoding and not of the document.
	d := decoder{xml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff"))))}
	out := map[string]any{}
	for {
		tok, err := d.next()
		if errors.Is(err, io.EOF) && len(out) == 1 {
			return out, nil
		}
		if err != nil {
			return nil, known(err)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(out) > 0 {
				return nil, ErrMalformed
			}
			if out[name(tok.Name)], err = d.element(tok, 1); err != nil {
				return nil, known(err)
			}
		case xml.CharData:
			if len(trim(string(tok))) > 0 {
				return nil, ErrMalformed
			}
		case xml.EndElement:
			return nil, ErrMalformed
		}
	}
}

// known replaces what encoding/xml says, which quotes the document.
func known(err error) error {
	if errors.Is(err, ErrDoctype) || errors.Is(err, ErrTooLarge) {
		return err
	}
	return ErrMalformed
}

type decoder struct{ xml *xml.Decoder }

// next returns the next start tag, end tag or text. Raw tokens keep the prefixes
// of names; in exchange, that tags match is for the caller to see to.
func (d decoder) next() (xml.Token, error) {
	for {
		tok, err := d.xml.RawToken()
		if err != nil {
			return nil, err
		}
		switch tok.(type) {
		case xml.StartElement, xml.EndElement, xml.CharData:
			return tok, nil
		case xml.Directive:
			return nil, ErrDoctype
		}
	}
}

// element reads the content of an element whose start tag has been read.
func (d decoder) element(start xml.StartElement, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, ErrTooLarge
	}
	members := map[string]any{}
	for _, a := range start.Attr {
		key := AttrPrefix + name(a.Name)
		if _, twice := members[key]; twice {
			return nil, ErrMalformed
		}
		members[key] = a.Value
	}
	var text strings.Builder
	for {
		tok, err := d.next()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.CharData:
			text.Write(tok)
		case xml.StartElement:
			child, err := d.element(tok, depth+1)
			if err != nil {
				return nil, err
			}
			add(members, name(tok.Name), child)
		case xml.EndElement:
			if tok.Name != start.Name {
				return nil, ErrMalformed
			}
			return content(members, trim(text.String())), nil
		}
	}
}

// content is what an element with these attributes and children, and this text,
// is decoded to.
func content(members map[string]any, text string) any {
	if len(members) == 0 {
		return text
	}
	if text != "" {
		members[TextName] = text
	}
	return members
}

// add puts a child where others of its name may already be. A child is never a
// list itself.
func add(members map[string]any, name string, child any) {
	switch before, found := members[name]; before := before.(type) {
	case []any:
		members[name] = append(before, child)
	default:
		if found {
			child = []any{before, child}
		}
		members[name] = child
	}
}

// name is an XML name as it was written.
func name(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}

// trim drops what XML 1.0 section 2.3 calls white space.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }
