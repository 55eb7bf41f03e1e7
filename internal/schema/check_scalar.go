package schema

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (c *checker) bool(n *node, b byte) bool {
	is := b == 't'
	word := "false"
	if is {
		word = "true"
	}
	if !c.literal(word) {
		return false
	}
	if n.enumText != "" && !slices.Contains(n.bools, is) {
		return c.report(n.oneOf())
	}
	return true
}

func (c *checker) integer(n *node) bool {
	literal, plain, ok := c.number()
	if !ok {
		return false
	}
	if !plain {
		return c.report("must be an integer, written without fraction and exponent")
	}
	if reason := n.integerRule.check(literal); reason != "" {
		return c.report(reason)
	}
	if n.enumText != "" {
		if w, _ := parseWhole(literal); !slices.Contains(n.wholes, w) {
			return c.report(n.oneOf())
		}
	}
	return true
}

// check is why a plain literal is none of these integers, or "".
func (r *integerRule) check(literal []byte) string {
	negative := literal[0] == '-'
	w, ok := parseWhole(literal)
	switch {
	case r.unsigned && negative: // encoding/json refuses even -0
		return "must be at least " + r.min.String() + ", without a sign"
	case !ok && negative, ok && w.less(r.min):
		return "must be at least " + r.min.String()
	case !ok, r.max.less(w):
		return "must be at most " + r.max.String()
	}
	return ""
}

func (c *checker) float(n *node) bool {
	literal, _, ok := c.number()
	if !ok {
		return false
	}
	f, err := strconv.ParseFloat(string(literal), 64)
	if n.bits == 32 && err == nil {
		_, err = strconv.ParseFloat(string(literal), 32)
	}
	switch {
	case err != nil && n.bits != 0:
		return c.report("is too large for " + strconv.Itoa(n.bits) + " bits")
	case n.integral && f != math.Trunc(f):
		return c.report("must be an integer")
	case n.low != nil && (f < *n.low || n.aboveLow && f == *n.low):
		return c.report("must be " + n.lowText)
	case n.high != nil && (f > *n.high || n.belowHigh && f == *n.high):
		return c.report("must be " + n.highText)
	case n.enumText != "" && !slices.Contains(n.floats, f):
		return c.report(n.oneOf())
	}
	return true
}

func (c *checker) string(n *node) bool {
	s, escaped, ok := c.text()
	if !ok || !n.looksInside() {
		return ok
	}
	if escaped {
		s = unescape(s)
	}
	if reason := n.checkText(s); reason != "" {
		return c.report(reason)
	}
	return true
}

// looksInside says whether it matters what the string is.
func (n *node) looksInside() bool {
	return n.minLength > 0 || n.maxLength >= 0 || n.pattern != nil || n.format != nil || n.readsText != nil || n.enumText != ""
}

// checkText is why a string is refused, or "".
func (n *node) checkText(s []byte) string {
	if n.minLength > 0 || n.maxLength >= 0 {
		switch length := utf8.RuneCount(s); {
		case length < n.minLength:
			return count("must have", "at least", n.minLength, "character")
		case n.maxLength >= 0 && length > n.maxLength:
			return count("must have", "at most", n.maxLength, "character")
		}
	}
	switch {
	case n.pattern != nil && !n.pattern.Match(s):
		return "must match " + n.pattern.String()
	case n.format != nil && !n.format(s):
		return "must be " + n.formatName
	case n.enumText != "" && !slices.Contains(n.texts, string(s)):
		return n.oneOf()
	case n.readsText != nil && n.readsText(s) != nil:
		return "is nothing that " + n.typ.String() + " can be read from"
	}
	return ""
}

// quoted checks a scalar in a string: the option string of encoding/json.
func (c *checker) quoted(n *node) bool {
	s, escaped, ok := c.text()
	if !ok {
		return false
	}
	if escaped {
		s = unescape(s)
	}
	data, pos := c.data, c.pos
	c.data, c.pos = s, 0
	c.trial++
	good := len(s) > 0 && !isSpace(s[0]) && c.value(n.elem) && c.pos == len(s)
	c.trial--
	c.data, c.pos = data, pos
	if good {
		return true
	}
	reason := "must be " + n.what()
	if w := n.elem.words; len(w) > 0 || n.elem.enumText != "" {
		reason += " of this schema: " + string(contents(n.elem))
	}
	return c.report(reason)
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' || b == '\r' }

// check is why the name of a member of a map is refused, or "".
func (r *keyRule) check(name, raw []byte) string {
	if r.reads != nil {
		if r.reads(raw) != nil {
			return "has a name that the type of the map's keys cannot be read from"
		}
		return ""
	}
	if !canonical(name) {
		return "must have an integer for a name, without leading zero or plus sign"
	}
	if reason := r.integerRule.check(name); reason != "" {
		return "has a name that " + reason
	}
	return ""
}

// canonical says whether this is how an integer is written by all who write it.
func canonical(b []byte) bool {
	d := b
	if len(d) > 0 && d[0] == '-' {
		d = d[1:]
	}
	if len(d) == 0 || digits(d, 0) != len(d) {
		return false
	}
	return d[0] != '0' || len(b) == 1
}

func (n *node) oneOf() string { return "must be one of " + n.enumText }

// unknown is why a name is refused; it helps where only the case is wrong.
func (n *node) unknown(name []byte) string {
	for _, f := range n.fields {
		if strings.EqualFold(f.name, string(name)) {
			return "is not known; a member is called " + strconv.Quote(f.name)
		}
	}
	return "is not known"
}

// count is a sentence with a number in it: must have at least 2 items.
func count(verb, bound string, n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return verb + " " + bound + " " + strconv.Itoa(n) + " " + noun
}
