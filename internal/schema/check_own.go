package schema

import "slices"

// own checks a value against a schema that its type says. The value is read again for
// each part of it.
func (c *checker) own(n *node) bool {
	o, b := n.own, c.peek()
	if c.output && o.form != nil {
		c.recheck = true
		return c.value(o.form)
	}
	t := typeOf(b)
	if t == typeNone {
		return c.broken("is not valid JSON")
	}
	if !o.types.has(t) {
		return c.mismatch(n, b)
	}
	start, faults := c.pos, len(c.errs)
	part := o.parts[t]
	if part == nil {
		part = anything
	}
	if !c.value(part) || len(c.errs) == faults && !c.combined(n, start) {
		return false
	}
	if len(c.errs) > faults {
		return true
	}
	if o.values != nil {
		if key, ok := scalarKey(c.data[start:c.pos]); !ok || !slices.Contains(o.values, key) {
			return c.report("must be one of " + o.valuesText)
		}
	}
	if o.form != nil {
		c.pos = start
		if !c.value(o.form) {
			return false
		}
	}
	if n.readsJSON != nil && len(c.errs) == faults {
		return c.reads(n, start)
	}
	return true
}

// combined checks a value, which has been read, against allOf, anyOf and oneOf.
func (c *checker) combined(n *node, start int) bool {
	o := n.own
	for _, all := range o.all {
		c.pos = start
		if !c.value(all) {
			return false
		}
	}
	if len(o.some) > 0 && c.matches(o.some, start, 1) == 0 {
		return c.report("matches none of the schemas of anyOf")
	}
	if len(o.one) > 0 {
		switch c.matches(o.one, start, 2) {
		case 0:
			return c.report("matches none of the schemas of oneOf")
		case 2:
			return c.report("matches more than one of the schemas of oneOf")
		}
	}
	return true
}

// matches counts the schemas that a value, which has been read, holds to, up to a
// number.
func (c *checker) matches(nodes []*node, start, enough int) (found int) {
	end, depth, names := c.pos, c.depth, len(c.names)
	c.trial++
	for _, n := range nodes {
		c.pos = start
		if c.value(n) {
			found++
		}
		c.depth, c.names = depth, c.names[:names]
		if found == enough {
			break
		}
	}
	c.trial--
	c.pos = end
	return found
}
