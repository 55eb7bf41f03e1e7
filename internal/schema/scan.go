package schema

import (
	"bytes"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// This file reads JSON text (RFC 8259) and knows nothing of schemas. Each method
// leaves pos behind what it has read and answers false when the search is over: the
// text is broken, or there are faults enough.

func (c *checker) space() {
	for c.pos < len(c.data) {
		switch c.data[c.pos] {
		case ' ', '\n', '\t', '\r':
			c.pos++
		default:
			return
		}
	}
}

// broken reports that the text is no JSON, which nothing can be read after.
func (c *checker) broken(format string, args ...any) bool {
	c.report(fmt.Sprintf(format, args...) + fmt.Sprintf(" (byte %d)", c.pos))
	return false
}

// peek is the first byte of the value that comes next, or 0.
func (c *checker) peek() byte {
	c.space()
	if c.pos < len(c.data) {
		return c.data[c.pos]
	}
	return 0
}

func (c *checker) literal(word string) bool {
	if !bytes.HasPrefix(c.data[c.pos:], []byte(word)) {
		return c.broken("is not valid JSON")
	}
	c.pos += len(word)
	return true
}

// text reads a string literal. Raw is what stands between its quotes.
func (c *checker) text() (raw []byte, escaped, ok bool) {
	start := c.pos + 1
	high := false
	for i := start; i < len(c.data); {
		switch b := c.data[i]; {
		case b == '"':
			raw = c.data[start:i:i]
			if high && !utf8.Valid(raw) {
				return nil, false, c.broken("has a string that is not valid UTF-8")
			}
			c.pos = i + 1
			return raw, escaped, true
		case b == '\\':
			n := escapeLen(c.data[i:])
			if n == 0 {
				c.pos = i
				return nil, false, c.broken("has an escape in a string that JSON does not know")
			}
			escaped, i = true, i+n
		case b < ' ':
			c.pos = i
			return nil, false, c.broken("has a control character in a string")
		default:
			high = high || b >= utf8.RuneSelf
			i++
		}
	}
	c.pos = len(c.data)
	return nil, false, c.broken("ends within a string")
}

// escapeLen is the length of the escape at the start of b, a surrogate pair being
// one. 0: it is not one.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	}
	r, ok := hexRune(b)
	switch {
	case !ok:
		return 0
	case !utf16.IsSurrogate(r):
		return 6
	}
	low, ok := hexRune(b[6:])
	if !ok || utf16.DecodeRune(r, low) == utf8.RuneError {
		return 0
	}
	return 12
}

// hexRune reads an escape of the form \uXXXX.
func hexRune(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, d := range b[2:6] {
		switch {
		case '0' <= d && d <= '9':
			d -= '0'
		case 'a' <= d|0x20 && d|0x20 <= 'f':
			d = d | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// unescape is the text of a raw string that method text has found good.
func unescape(raw []byte) []byte {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		if raw[0] != '\\' {
			n := bytes.IndexByte(raw, '\\')
			if n < 0 {
				n = len(raw)
			}
			out, raw = append(out, raw[:n]...), raw[n:]
			continue
		}
		n := escapeLen(raw)
		switch raw[1] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hexRune(raw)
			if n == 12 {
				low, _ := hexRune(raw[6:])
				r = utf16.DecodeRune(r, low)
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, raw[1])
		}
		raw = raw[n:]
	}
	return out
}

// number reads a number literal; plain says that it has no fraction or exponent.
func (c *checker) number() (literal []byte, plain, ok bool) {
	start, b := c.pos, c.data
	i := start
	if i < len(b) && b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else {
		first := i
		i = digits(b, i)
		ok = i > first
		if !ok {
			return nil, false, c.broken("is not valid JSON")
		}
	}
	plain = true
	if i < len(b) && b[i] == '.' {
		plain = false
		first := i + 1
		if i = digits(b, first); i == first {
			return nil, false, c.broken("has a number without digits behind its point")
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		plain = false
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		first := i
		if i = digits(b, first); i == first {
			return nil, false, c.broken("has a number without digits in its exponent")
		}
	}
	c.pos = i
	return b[start:i:i], plain, true
}

func digits(b []byte, i int) int {
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	return i
}

// enter goes into a list or object, whose bracket comes next.
func (c *checker) enter() bool {
	if c.depth == MaxDepth {
		return c.broken("nests deeper than %d", MaxDepth)
	}
	c.path[c.depth] = step{index: unset}
	c.depth++
	c.pos++
	return true
}

// leave ends a list or object at its closing bracket.
func (c *checker) leave() bool {
	c.depth--
	c.pos++
	return true
}

// nextItem goes to element i of a list. More is false at the end of the list, which
// has been left then.
func (c *checker) nextItem(i int) (more, ok bool) {
	c.path[c.depth-1].index = unset
	switch b := c.peek(); {
	case b == ']':
		return false, c.leave()
	case i == 0:
	case b != ',':
		return false, c.broken("is a list that lacks a comma or its end")
	default:
		c.pos++
		if c.peek() == ']' {
			return false, c.broken("is a list with a comma before its end")
		}
	}
	c.path[c.depth-1].index = i
	return true, true
}

// nextKey goes to the value of the next member of an object and is its name. More is
// false at the end of the object, which has been left then.
func (c *checker) nextKey(first bool) (name []byte, more, ok bool) {
	at := &c.path[c.depth-1]
	at.index = unset
	b := c.peek()
	switch {
	case b == '}' && first:
		return nil, false, c.leave()
	case first:
	case b == '}':
		return nil, false, c.leave()
	case b != ',':
		return nil, false, c.broken("is an object that lacks a comma or its end")
	default:
		c.pos++
		b = c.peek()
	}
	if b != '"' {
		return nil, false, c.broken("is an object where a name should be and is not")
	}
	start := c.pos
	name, escaped, ok := c.text()
	if !ok {
		return nil, false, false
	}
	c.rawKey = c.data[start:c.pos:c.pos]
	if escaped {
		name = unescape(name)
	}
	if c.peek() != ':' {
		return nil, false, c.broken("is an object that lacks a colon")
	}
	c.pos++
	*at = step{name: name, index: byName}
	return name, true, true
}
