package template

import (
	"strconv"
	"strings"
)

// Limits that keep a hostile file from costing more than its size.
const (
	maxSource = 64 << 10
	maxNested = 8
	maxRefs   = 256
)

type partKind uint8

const (
	literalPart partKind = iota
	refPart
	nowPart
	randomPart
	callPart
)

// part is one piece of a template: text, or one ${...}.
type part struct {
	kind   partKind
	offset int // where it begins in the source
	lit    string
	ref    Ref
	now    *nowExpr
	call   *callExpr

	carriesPath bool // of a variable in a URL, see Options
	carriesDots bool
}

// callExpr is ${name(arg, ...)}.
type callExpr struct {
	fn   function
	args [][]part
}

type parser struct {
	src  string
	opts Options
	pos  int
	refs []Ref // of the alternative being read
}

// parse reads the whole source.
func (p *parser) parse() ([]alternative, error) {
	if len(p.src) > maxSource {
		return nil, p.errorAt(0, "the template is longer than "+strconv.Itoa(maxSource)+" bytes")
	}
	if !strings.Contains(p.src, "${") {
		return []alternative{{parts: literalOnly(p.src)}}, nil
	}
	var alts []alternative
	for {
		parts, more, err := p.alternative()
		if err != nil {
			return nil, err
		}
		alts = append(alts, alternative{parts: parts, refs: p.refs})
		p.refs = nil
		if !more {
			break
		}
	}
	return p.trimAlternatives(alts)
}

func literalOnly(s string) []part {
	if s == "" {
		return nil
	}
	return []part{{kind: literalPart, lit: s}}
}

// alternative reads up to the next "||" that separates alternatives, or to the
// end; more says which.
func (p *parser) alternative() (parts []part, more bool, err error) {
	start := p.pos
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch {
		case strings.HasPrefix(rest, "${"):
			parts = p.literal(parts, start)
			expr, err := p.expression(0)
			if err != nil {
				return nil, false, err
			}
			parts = append(parts, expr)
			start = p.pos
		case p.opts.Fallback && strings.HasPrefix(rest, "||"):
			parts = p.literal(parts, start)
			p.pos += 2
			return parts, true, nil
		default:
			p.pos++
		}
	}
	return p.literal(parts, start), false, nil
}

// literal appends the text between start and the current position.
func (p *parser) literal(parts []part, start int) []part {
	if start == p.pos {
		return parts
	}
	return append(parts, part{kind: literalPart, offset: start, lit: p.src[start:p.pos]})
}

// trimAlternatives drops the spaces around "||" and refuses alternatives that
// can never be chosen.
func (p *parser) trimAlternatives(alts []alternative) ([]alternative, error) {
	if len(alts) == 1 {
		return alts, nil
	}
	for i := range alts {
		parts := trimParts(alts[i].parts)
		if len(parts) == 0 {
			return nil, p.errorAt(0, "an alternative of || is empty")
		}
		if len(alts[i].refs) == 0 && i < len(alts)-1 {
			return nil, p.errorAt(parts[0].offset, "the alternatives after one without variables can never be chosen")
		}
		alts[i].parts = parts
	}
	return alts, nil
}

func trimParts(parts []part) []part {
	if n := len(parts); n > 0 && parts[0].kind == literalPart {
		text := strings.TrimLeft(parts[0].lit, " \t\r\n")
		parts[0].offset += len(parts[0].lit) - len(text)
		parts[0].lit = text
		if text == "" {
			parts = parts[1:]
		}
	}
	if n := len(parts); n > 0 && parts[n-1].kind == literalPart {
		parts[n-1].lit = strings.TrimRight(parts[n-1].lit, " \t\r\n")
		if parts[n-1].lit == "" {
			parts = parts[:n-1]
		}
	}
	return parts
}

// expression reads one ${...}; the current position is its dollar sign.
func (p *parser) expression(depth int) (part, error) {
	start := p.pos
	if depth > maxNested {
		return part{}, p.errorAt(start, "expressions are nested too deeply")
	}
	p.pos += len("${")
	name := p.identifier()
	if name == "" {
		return part{}, p.errorAt(p.pos, "a name is expected after ${")
	}
	next := p.peek()
	switch {
	case next == '(':
		return p.function(name, start, depth)
	case name == "now" && (next == '}' || next == ':' || next == '+' || next == '-'):
		return p.nowExpression(start)
	case name == "random" && next == '}':
		p.pos++
		return part{kind: randomPart, offset: start}, nil
	}
	return p.variable(start)
}

// variable reads a name with its dots; the current position is after the first
// identifier of it.
func (p *parser) variable(start int) (part, error) {
	for p.pos < len(p.src) && (isNameByte(p.src[p.pos]) || p.src[p.pos] == '.' || p.src[p.pos] == '-') {
		p.pos++
	}
	name := p.src[start+len("${") : p.pos]
	if p.peek() != '}' {
		return part{}, p.errorAt(p.pos, "the name "+strconv.Quote(name)+" is not followed by }")
	}
	if strings.HasSuffix(name, ".") || strings.Contains(name, "..") {
		return part{}, p.errorAt(start, "the name "+strconv.Quote(name)+" has an empty part")
	}
	p.pos++
	ref := Ref{Name: name}
	if space, rest, dotted := strings.Cut(name, "."); dotted {
		ref = Ref{Space: space, Name: rest}
	}
	if !p.opts.allowed(ref) {
		return part{}, &UnknownRefError{Field: p.opts.Field, Ref: ref, Offset: start}
	}
	if len(p.refs) == maxRefs {
		return part{}, p.errorAt(start, "the template has more than "+strconv.Itoa(maxRefs)+" variables")
	}
	p.refs = append(p.refs, ref)
	return part{kind: refPart, offset: start, ref: ref}, nil
}

// function reads the arguments of ${name(...)}. They end at the first ")}" that
// is not inside a ${...} of their own, so that a message to be signed may
// contain parentheses.
func (p *parser) function(name string, start, depth int) (part, error) {
	fn, ok := functions[name]
	if !ok {
		return part{}, p.errorAt(start, "there is no function "+strconv.Quote(name))
	}
	p.pos++ // the parenthesis
	var content []part
	text := p.pos
	for {
		rest := p.src[p.pos:]
		if rest == "" {
			return part{}, p.errorAt(start, "the function "+name+" is not closed with )}")
		}
		if strings.HasPrefix(rest, ")}") {
			break
		}
		if strings.HasPrefix(rest, "${") {
			content = p.literal(content, text)
			inner, err := p.expression(depth + 1)
			if err != nil {
				return part{}, err
			}
			content = append(content, inner)
			text = p.pos
			continue
		}
		p.pos++
	}
	content = p.literal(content, text)
	p.pos += len(")}")
	args, err := fn.split(content)
	if err != "" {
		return part{}, p.errorAt(start, "the function "+name+" "+err)
	}
	return part{kind: callPart, offset: start, call: &callExpr{fn: fn, args: args}}, nil
}

func (p *parser) identifier() string {
	start := p.pos
	for p.pos < len(p.src) && isNameByte(p.src[p.pos]) {
		p.pos++
	}
	return p.src[start:p.pos]
}

func isNameByte(c byte) bool {
	return c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// peek returns the current byte, 0 at the end.
func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) errorAt(offset int, reason string) error {
	return &SyntaxError{Field: p.opts.Field, Offset: offset, Reason: reason}
}
