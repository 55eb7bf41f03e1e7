package schema

import (
	"slices"
)

// MaxDepth is how deep lists and objects may nest.
const MaxDepth = 100

// checker goes through a JSON text once, without building what it says.
type checker struct {
	data []byte
	pos  int
	errs Errors

	path   [MaxDepth]step // of the value at pos
	depth  int
	rawKey []byte   // the last name, as it is written, in quotes
	names  [][]byte // of members met, of all objects that are not closed; innermost last

	// trial counts attempts of which failure is not a fault.
	trial int
	// output: nil slices and maps were written as null, and their places are noted.
	// Then recheck says that what types say of themselves has not been looked at, for
	// it is true only of what the nulls become.
	output, recheck bool
	nulls           []null
}

// null is a place in a text where null stands for something.
type null struct {
	pos     int
	becomes string
}

// run checks the whole text.
func (c *checker) run(n *node) {
	if c.peek() == 0 {
		c.broken("is missing: there is no JSON")
		return
	}
	if !c.value(n) {
		return
	}
	c.space()
	if c.pos < len(c.data) {
		c.broken("is followed by something else")
	}
}

// report notes a fault at the current path. It answers whether to go on.
func (c *checker) report(reason string) bool {
	return c.reportAt(step{index: unset}, reason)
}

// reportAt notes a fault one step below the current path.
func (c *checker) reportAt(below step, reason string) bool {
	if c.trial > 0 {
		return false
	}
	var path []byte
	for _, s := range c.path[:c.depth] {
		path = appendPointer(path, s)
	}
	path = appendPointer(path, below)
	c.errs = append(c.errs, &Error{Path: string(path), Reason: reason})
	return len(c.errs) < MaxErrors
}

// value checks the value that comes next.
func (c *checker) value(n *node) bool {
	b := c.peek()
	switch n.kind {
	case kindNullable:
		if b == 'n' {
			return c.literal("null")
		}
		return c.value(n.elem)
	case kindOwn:
		return c.own(n)
	case kindAny:
		return c.any(n)
	}
	if typeOf(b) != n.jsonType() {
		return c.mismatch(n, b)
	}
	switch n.kind {
	case kindBool:
		return c.bool(n, b)
	case kindInteger:
		return c.integer(n)
	case kindNumber:
		return c.float(n)
	case kindString:
		return c.string(n)
	case kindQuoted:
		return c.quoted(n)
	case kindList:
		return c.list(n)
	case kindMap:
		return c.object(n)
	}
	return c.closed(n)
}

// mismatch reports a value of the wrong type, and goes behind it.
func (c *checker) mismatch(n *node, b byte) bool {
	if c.output && b == 'n' && n.ifNull != "" {
		c.nulls = append(c.nulls, null{c.pos, n.ifNull})
		return c.literal("null")
	}
	t := typeOf(b)
	if t == typeNone {
		return c.broken("is not valid JSON")
	}
	return c.report("must be "+n.what()+", not "+t.String()) && c.skip()
}

// any checks what only has to be JSON.
func (c *checker) any(n *node) bool {
	start, faults := c.pos, len(c.errs)
	if !c.skip() {
		return false
	}
	if n.readsJSON != nil && len(c.errs) == faults {
		return c.reads(n, start)
	}
	return true
}

// reads asks a type about the value that has been read from start on.
func (c *checker) reads(n *node, start int) bool {
	if n.readsJSON(c.data[start:c.pos:c.pos]) == nil {
		return true
	}
	return c.report("is nothing that " + n.typ.String() + " can be read from")
}

// skip goes behind a value of any type.
func (c *checker) skip() (ok bool) {
	switch b := c.peek(); typeOf(b) {
	case typeNull:
		return c.literal("null")
	case typeBool:
		if b == 't' {
			return c.literal("true")
		}
		return c.literal("false")
	case typeNumber:
		_, _, ok = c.number()
		return ok
	case typeString:
		_, _, ok = c.text()
		return ok
	case typeList:
		return c.list(anything)
	case typeObject:
		return c.object(anything)
	}
	return c.broken("is not valid JSON")
}

// list checks each element, and then their number.
func (c *checker) list(n *node) bool {
	if !c.enter() {
		return false
	}
	i := 0
	for ; ; i++ {
		more, ok := c.nextItem(i)
		if !ok {
			return false
		}
		if !more {
			break
		}
		if n.elem == nil {
			ok = c.skip()
		} else {
			ok = c.value(n.elem)
		}
		if !ok {
			return false
		}
	}
	switch {
	case i < n.minItems:
		return c.report(count("must have", "at least", n.minItems, "item"))
	case n.maxItems >= 0 && i > n.maxItems:
		return c.report(count("must have", "at most", n.maxItems, "item"))
	}
	return true
}

// closed checks an object that has no other members than its fields.
func (c *checker) closed(n *node) bool {
	if n.extra != nil {
		return c.object(n)
	}
	if !c.enter() {
		return false
	}
	var few [256]bool
	seen := few[:]
	if len(n.fields) > len(few) {
		seen = make([]bool, len(n.fields))
	}
	likely := 0 // members tend to come in the order of the fields
	for first := true; ; first = false {
		name, more, ok := c.nextKey(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		i, known := n.find(name, likely)
		switch {
		case !known:
			ok = c.report(n.unknown(name)) && c.skip()
		case seen[i]:
			ok = c.report("is there twice") && c.skip()
		default:
			seen[i], likely = true, i+1
			ok = c.value(n.fields[i].node)
		}
		if !ok {
			return false
		}
	}
	for i, f := range n.fields {
		if f.required && !seen[i] && !c.missing(f) {
			return false
		}
	}
	return true
}

func (c *checker) missing(f *field) bool {
	return c.reportAt(step{name: []byte(f.name), index: byName}, "is missing")
}

// find is the place of a field.
func (n *node) find(name []byte, likely int) (int, bool) {
	if likely < len(n.fields) && n.fields[likely].name == string(name) {
		return likely, true
	}
	i, ok := n.index[string(name)]
	return i, ok
}

// object checks an object that has members beyond its fields, or has none: a map.
func (c *checker) object(n *node) bool {
	if !c.enter() {
		return false
	}
	base := len(c.names)
	var many map[string]bool
	for first := true; ; first = false {
		name, more, ok := c.nextKey(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		if c.again(name, base, &many) {
			ok = c.report("is there twice") && c.skip()
		} else {
			ok = c.member(n, name)
		}
		if !ok {
			return false
		}
	}
	met := c.names[base:]
	c.names = c.names[:base]
	for _, f := range n.fields {
		was := many[f.name] || slices.ContainsFunc(met, func(name []byte) bool { return string(name) == f.name })
		if f.required && !was && !c.missing(f) {
			return false
		}
	}
	return true
}

// again says whether the object whose names begin at base has had this one.
func (c *checker) again(name []byte, base int, many *map[string]bool) bool {
	const few = 16
	if *many == nil {
		for _, other := range c.names[base:] {
			if string(other) == string(name) {
				return true
			}
		}
		c.names = append(c.names, name)
		if len(c.names)-base < few {
			return false
		}
		*many = make(map[string]bool, 4*few)
		for _, other := range c.names[base:] {
			(*many)[string(other)] = true
		}
		return false
	}
	if (*many)[string(name)] {
		return true
	}
	(*many)[string(name)] = true
	return false
}

// member checks one member of an object that is not closed.
func (c *checker) member(n *node, name []byte) bool {
	if i, ok := n.index[string(name)]; ok {
		return c.value(n.fields[i].node)
	}
	if n.key != nil {
		if reason := n.key.check(name, c.rawKey); reason != "" && !c.report(reason) {
			return false
		}
	}
	switch {
	case n.elem != nil:
		return c.value(n.elem)
	case n.extra != nil:
		return c.value(n.extra)
	}
	return c.skip()
}
