// Package template compiles the small expression language of provider entries
// ("https://${connectionConfig.subdomain}.example.com", "Basic ${base64(...)}")
// into typed expressions.
//
// Everything that can be wrong with a template is found when it is compiled.
// What remains for run time is values: a variable without one is a
// [*MissingError], a value that must not stand where it would land is a
// [*ValueError]. A literal "${...}" never reaches the wire, and values are
// never expanded again.
//
// There are two kinds of template. A [Text] becomes a string: a header, a form
// field, a query parameter. A [URL] knows its own structure, so that a value
// is checked or escaped for the part it lands in: host, port, path or query.
package template

import (
	"strings"
)

// Ref names one variable of a template.
//
//	${apiKey}                    Ref{"", "apiKey"}
//	${connectionConfig.region}   Ref{"connectionConfig", "region"}
//	${credentials.a.b}           Ref{"credentials", "a.b"}
//	${step1.data.token}          Ref{"step1", "data.token"}
type Ref struct {
	// Space is what stands before the first dot; empty for a bare name.
	Space string
	// Name is the rest, further dots included.
	Name string
}

// String returns the name as it stands between the braces.
func (r Ref) String() string {
	if r.Space == "" {
		return r.Name
	}
	return r.Space + "." + r.Name
}

// Position says where the text of a template lands.
type Position int

// The positions of a [Text]. The parts of a URL have rules of their own, see
// [CompileURL].
const (
	// Plain text is encoded by whoever sends it: a form or JSON field, a query
	// parameter, a claim.
	Plain Position = iota
	// Header text is the value of an HTTP header. Control characters, which
	// could end the header and begin another, are refused.
	Header
)

// Options say how a template is to be read. The zero value compiles plain text
// in which every variable is allowed and "||" has no meaning.
type Options struct {
	// Field names the template in errors, such as "proxy.headers.authorization".
	Field string

	// Allowed reports whether a variable exists for this field. A template
	// with another one does not compile, see [*UnknownRefError]. Nil allows all.
	Allowed func(Ref) bool

	// Fallback gives "||" its meaning: "A || B" is A when all variables of A
	// have non-empty values, else B; any number of alternatives. Without it the
	// two bars are text like any other.
	Fallback bool

	// Position is where the text lands. CompileURL does not look at it.
	Position Position

	// CarriesPath reports whether the values of a variable may contain slashes:
	// "example.com/tenant" where a host is expected, "a/b" in a path. Without it
	// a slash is escaped in a path and refused in a host. URLs only.
	CarriesPath func(Ref) bool

	// CarriesDots reports whether the values of a variable in the middle of a
	// host may contain dots. At the start and at the end of a host they always
	// may. URLs only.
	CarriesDots func(Ref) bool
}

func (o Options) allowed(r Ref) bool { return o.Allowed == nil || o.Allowed(r) }

// Text is a compiled template that expands to a string. It does not change
// once compiled and may be used by several goroutines.
type Text struct {
	src   string
	field string
	pos   Position
	alts  []alternative
}

// alternative is one side of "||".
type alternative struct {
	parts []part
	refs  []Ref // every variable in parts, function arguments included
}

// Compile reads a template that expands to a string.
//
// It returns a [*SyntaxError] or an [*UnknownRefError], both of which name
// o.Field and the offset in src.
func Compile(src string, o Options) (*Text, error) {
	p := parser{src: src, opts: o}
	alts, err := p.parse()
	if err != nil {
		return nil, err
	}
	if o.Position == Header {
		if err := checkHeaderLiterals(src, o.Field, alts); err != nil {
			return nil, err
		}
	}
	return &Text{src: src, field: o.Field, pos: o.Position, alts: alts}, nil
}

// checkHeaderLiterals refuses control characters in the literal text of a
// header. Arguments of functions are free of that rule: what is signed may well
// have several lines, and what comes out is encoded.
func checkHeaderLiterals(src, field string, alts []alternative) error {
	for _, a := range alts {
		for _, p := range a.parts {
			if p.kind == literalPart && headerReason(p.lit) != "" {
				return &SyntaxError{Field: field, Offset: strings.Index(src, p.lit), Reason: "a header value must not contain control characters"}
			}
		}
	}
	return nil
}

// String returns the template as it was written.
func (t *Text) String() string { return t.src }

// IsLiteral reports whether the text is the same for every [Env].
func (t *Text) IsLiteral() bool {
	return len(t.alts) == 1 && literalParts(t.alts[0].parts)
}

func literalParts(parts []part) bool {
	return len(parts) == 0 || len(parts) == 1 && parts[0].kind == literalPart
}

// Refs returns the variables of all alternatives, each once, in the order in
// which they are first mentioned.
func (t *Text) Refs() []Ref { return distinctRefs(t.alts) }

// Alternatives returns the variables that each alternative needs, in order.
// A template without "||" has one alternative.
func (t *Text) Alternatives() [][]Ref { return alternativeRefs(t.alts) }

func distinctRefs(alts []alternative) []Ref {
	var out []Ref
	for _, a := range alts {
		out = appendDistinct(out, a.refs...)
	}
	return out
}

func alternativeRefs(alts []alternative) [][]Ref {
	out := make([][]Ref, len(alts))
	for i, a := range alts {
		out[i] = appendDistinct(nil, a.refs...)
	}
	return out
}

func appendDistinct(out []Ref, refs ...Ref) []Ref {
next:
	for _, r := range refs {
		for _, have := range out {
			if have == r {
				continue next
			}
		}
		out = append(out, r)
	}
	return out
}

// Expand returns the text with the values of env in place of the variables.
//
// A variable that env does not know is a [*MissingError]; a variable that env
// knows as the empty string is empty text. In a template with alternatives an
// alternative counts only when all its variables have non-empty values.
// A value that the position forbids is a [*ValueError].
func (t *Text) Expand(env *Env) (string, error) {
	if t.IsLiteral() {
		return literalText(t.alts[0].parts), nil
	}
	alt, err := choose(t.alts, env, t.field)
	if err != nil {
		return "", err
	}
	if out, ok, err := t.join(alt.parts, env); ok {
		return out, err
	}
	buf := make([]byte, 0, 128)
	for i := range alt.parts {
		p := &alt.parts[i]
		if p.kind == refPart {
			v, err := t.value(p.ref, env)
			if err != nil {
				return "", err
			}
			buf = append(buf, v...)
			continue
		}
		if buf, err = p.append(buf, env, t.field); err != nil {
			return "", err
		}
	}
	return string(buf), nil
}

// join expands the usual kind of template, text and variables and little of
// both, at the price of its result. It answers false for any other kind.
func (t *Text) join(parts []part, env *Env) (out string, ok bool, err error) {
	var pieces [8]string
	if len(parts) > len(pieces) {
		return "", false, nil
	}
	for i := range parts {
		switch parts[i].kind {
		case literalPart:
			pieces[i] = parts[i].lit
		case refPart:
			if pieces[i], err = t.value(parts[i].ref, env); err != nil {
				return "", true, err
			}
		default:
			return "", false, nil
		}
	}
	if len(parts) == 1 {
		return pieces[0], true, nil
	}
	return strings.Join(pieces[:len(parts)], ""), true, nil
}

func literalText(parts []part) string {
	if len(parts) == 0 {
		return ""
	}
	return parts[0].lit
}

// value looks a variable up and checks it for the position of the text.
func (t *Text) value(r Ref, env *Env) (string, error) {
	v, ok := env.lookup(r)
	if !ok {
		return "", &MissingError{Field: t.field, Ref: r}
	}
	if t.pos == Header {
		if reason := headerReason(v); reason != "" {
			return "", &ValueError{Field: t.field, Ref: r, Reason: reason}
		}
	}
	return v, nil
}

// choose picks the first alternative all of whose variables have non-empty
// values. A template with one alternative has no choice: whatever is missing is
// found while it is expanded.
func choose(alts []alternative, env *Env, field string) (*alternative, error) {
	if len(alts) == 1 {
		return &alts[0], nil
	}
	for i := range alts {
		if _, missing := firstEmpty(alts[i].refs, env); !missing {
			return &alts[i], nil
		}
	}
	r, _ := firstEmpty(alts[0].refs, env)
	return nil, &MissingError{Field: field, Ref: r}
}

func firstEmpty(refs []Ref, env *Env) (Ref, bool) {
	for _, r := range refs {
		if v, ok := env.lookup(r); !ok || v == "" {
			return r, true
		}
	}
	return Ref{}, false
}

// headerReason says why v cannot be (part of) a header value, or "". The rule
// is that of RFC 9110 section 5.5: visible characters, space, tab and bytes
// above ASCII.
func headerReason(v string) string {
	for i := 0; i < len(v); i++ {
		if c := v[i]; c < ' ' && c != '\t' || c == 0x7f {
			return "a header value must not contain control characters such as line breaks"
		}
	}
	return ""
}
