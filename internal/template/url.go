package template

import (
	"net/url"
	"strings"
)

// URL is a compiled template that expands to a URL. Its structure was fixed
// when it was compiled: no value can add or end a part of it. It does not
// change once compiled and may be used by several goroutines.
type URL struct {
	src   string
	field string
	alts  []urlAlternative
	all   []alternative
}

// urlAlternative is one side of "||", divided into the parts of a URL.
type urlAlternative struct {
	refs     []Ref
	fixed    *url.URL // the result, when there is no variable in it
	whole    bool     // the first variable stands for everything up to the path
	base     Ref      // that variable
	scheme   string
	host     []part
	suffix   string // the literal end of host, in lower case
	port     []part
	path     []part
	query    []part
	fragment []part
	hasQuery bool
}

// CompileURL reads a template for a URL. The scheme must be spelled out, http
// or https, unless the template begins with a variable: that variable is then a
// whole URL, and what follows is appended to its path.
//
// Values are held to these rules when the template is expanded:
//
//   - In the host only letters, digits and hyphens, and dots at the start and at
//     the end of the host. See [Place] for what may stand where, and [Options]
//     for the exceptions.
//   - A value that fills the whole host may begin with the scheme that the
//     template has already ("https://${x}" and "https://a.example.com"): it is
//     taken off, as is one slash at the end. It may end in a port.
//   - In the path and in the query values are percent-encoded, and a path segment
//     never becomes "." or "..".
//   - An empty value is a missing one.
//
// Errors are those of [Compile].
func CompileURL(src string, o Options) (*URL, error) {
	return compileURL(src, o, false)
}

// CompileEndpoint is CompileURL for a template that may also be relative: a path
// with or without a leading slash, and a query. The scheme and the host of what
// it expands to are then empty.
func CompileEndpoint(src string, o Options) (*URL, error) {
	return compileURL(src, o, true)
}

func compileURL(src string, o Options, relative bool) (*URL, error) {
	if strings.TrimSpace(src) == "" {
		return nil, &SyntaxError{Field: o.Field, Reason: "the URL is empty"}
	}
	p := parser{src: src, opts: o}
	all, err := p.parse()
	if err != nil {
		return nil, err
	}
	u := &URL{src: src, field: o.Field, all: all}
	for _, a := range all {
		markParts(a.parts, o)
		d := divider{field: o.Field, relative: relative}
		if err := d.divide(a); err != nil {
			return nil, err
		}
		u.alts = append(u.alts, d.out)
	}
	return u, nil
}

// markParts asks the options once what they say of each variable.
func markParts(parts []part, o Options) {
	for i := range parts {
		if p := &parts[i]; p.kind == refPart {
			p.carriesPath = o.CarriesPath != nil && o.CarriesPath(p.ref)
			p.carriesDots = o.CarriesDots != nil && o.CarriesDots(p.ref)
		}
	}
}

// String returns the template as it was written.
func (u *URL) String() string { return u.src }

// IsLiteral reports whether the URL is the same for every [Env].
func (u *URL) IsLiteral() bool { return len(u.alts) == 1 && u.alts[0].fixed != nil }

// IsRelative reports whether the first alternative has neither scheme nor host.
func (u *URL) IsRelative() bool {
	a := u.alts[0]
	if a.fixed != nil {
		return a.fixed.Scheme == ""
	}
	return !a.whole && a.scheme == ""
}

// Refs returns the variables of all alternatives, each once.
func (u *URL) Refs() []Ref { return distinctRefs(u.all) }

// Alternatives returns the variables that each alternative needs, in order.
func (u *URL) Alternatives() [][]Ref { return alternativeRefs(u.all) }

// HostRefs returns the variables that have a say in which host is called.
func (u *URL) HostRefs() []Ref {
	var out []Ref
	for _, use := range u.HostUses() {
		out = appendDistinct(out, use.Ref)
	}
	return out
}

// HostUses returns every variable in the authority of every alternative.
func (u *URL) HostUses() []HostUse {
	var out []HostUse
	for i := range u.alts {
		out = append(out, u.alts[i].hostUses()...)
	}
	return out
}

func (a *urlAlternative) hostUses() []HostUse {
	if a.whole {
		return []HostUse{{Ref: a.base, Place: WholeURL}}
	}
	var out []HostUse
	for i, p := range a.host {
		if p.kind != refPart {
			continue
		}
		use := HostUse{Ref: p.ref, Place: a.place(i), Suffix: a.suffix}
		if i > 0 {
			use.Before = a.host[i-1].lit
		}
		if i+1 < len(a.host) {
			use.After = a.host[i+1].lit
		}
		out = append(out, use)
	}
	if len(a.port) == 1 && a.port[0].kind == refPart {
		out = append(out, HostUse{Ref: a.port[0].ref, Place: Port})
	}
	return out
}

// place returns what the i-th part of the host fills.
func (a *urlAlternative) place(i int) Place {
	switch {
	case len(a.host) == 1:
		return WholeHost
	case i == 0:
		return Leading
	case i == len(a.host)-1:
		return Trailing
	}
	return Inner
}

// QueryRefs returns the variables that land in the query or in the fragment.
func (u *URL) QueryRefs() []Ref {
	var out []Ref
	for i := range u.alts {
		out = appendDistinct(out, partRefs(u.alts[i].query)...)
		out = appendDistinct(out, partRefs(u.alts[i].fragment)...)
	}
	return out
}

// PathRefs returns the variables that land in the path.
func (u *URL) PathRefs() []Ref {
	var out []Ref
	for i := range u.alts {
		out = appendDistinct(out, partRefs(u.alts[i].path)...)
	}
	return out
}

// Schemes returns the literal scheme of each alternative, "" where a variable
// brings it along or the URL is relative.
func (u *URL) Schemes() []string {
	out := make([]string, len(u.alts))
	for i, a := range u.alts {
		out[i] = a.scheme
		if a.fixed != nil {
			out[i] = a.fixed.Scheme
		}
	}
	return out
}

// LiteralHosts returns the hosts, without ports, of the alternatives that have
// no variable in their host.
func (u *URL) LiteralHosts() []string {
	var out []string
	for _, a := range u.alts {
		switch {
		case a.fixed != nil && a.fixed.Host != "":
			out = append(out, strings.ToLower(a.fixed.Hostname()))
		case literalParts(a.host) && len(a.host) == 1:
			out = append(out, strings.ToLower(a.host[0].lit))
		}
	}
	return out
}

// HasFragment reports whether an alternative has a fragment.
func (u *URL) HasFragment() bool {
	for _, a := range u.alts {
		if a.fragment != nil || a.fixed != nil && a.fixed.Fragment != "" {
			return true
		}
	}
	return false
}

func partRefs(parts []part) []Ref {
	var out []Ref
	for _, p := range parts {
		switch p.kind {
		case refPart:
			out = append(out, p.ref)
		case callPart:
			for _, arg := range p.call.args {
				out = append(out, partRefs(arg)...)
			}
		}
	}
	return out
}
