// Package xmlbody brings a body that is a tree of names and values into XML and
// back, for the few providers whose login speaks XML.
//
// Members of an object are child elements, in their order; a list is a repeated
// element; a member whose name begins with [AttrPrefix] is an attribute; the
// member [TextName] is the text of an element that has attributes or children
// too. Names may have a namespace prefix, which is taken as it is written.
package xmlbody

import "errors"

// AttrPrefix is what the name of a member begins with that is an attribute.
const AttrPrefix = "$"

// TextName is the name of the member that is the text beside attributes or
// children.
const TextName = "#text"

// MaxSize is how long a body to decode may be, in bytes.
const MaxSize = 1 << 20

// MaxDepth is how deep elements may nest, the outermost being at depth 1.
const MaxDepth = 64

// Why [Decode] refuses a body. The text of the body is never in an error.
var (
	ErrMalformed = errors.New("xmlbody: not well-formed XML in UTF-8")
	ErrDoctype   = errors.New("xmlbody: has a document type declaration")
	ErrTooLarge  = errors.New("xmlbody: is too long or nests too deep")
)

// EncodeError says which part of a tree has no XML form. It contains names,
// which come from the provider's entry, and never a value.
type EncodeError struct {
	Path   string // names with dots between them; "" is the tree itself
	Reason string
}

// Error says where and why.
func (e *EncodeError) Error() string {
	if e.Path == "" {
		return "xmlbody: " + e.Reason
	}
	return "xmlbody: " + e.Path + ": " + e.Reason
}
