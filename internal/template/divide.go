package template

import (
	"net/url"
	"strings"
)

// divider divides one alternative into the parts of a URL.
type divider struct {
	field    string
	relative bool
	out      urlAlternative
	at       section
}

// section is the part of the URL the divider is in.
type section int

const (
	inHost section = iota
	inPort
	inPath
	inQuery
	inFragment
)

// ends lists the characters that end each section.
var ends = [...]string{inHost: ":/?#", inPort: "/?#", inPath: "?#", inQuery: "#", inFragment: ""}

func (d *divider) divide(a alternative) error {
	d.out.refs = a.refs
	if literalParts(a.parts) {
		return d.literal(literalText(a.parts))
	}
	parts, err := d.begin(a.parts)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.kind == literalPart {
			err = d.text(p)
		} else {
			err = d.add(p)
		}
		if err != nil {
			return err
		}
	}
	return d.finish(a.parts[0].offset)
}

// literal handles an alternative without variables.
func (d *divider) literal(text string) error {
	u, err := url.Parse(text)
	if err != nil {
		return d.errorAt(0, "it is not a URL")
	}
	switch {
	case d.relative && u.Scheme == "" && u.Host == "" && u.User == nil:
	case u.Scheme != "http" && u.Scheme != "https":
		return d.errorAt(0, "a URL begins with https://")
	case u.Host == "" || u.Opaque != "":
		return d.errorAt(0, "the URL has no host")
	case u.User != nil:
		return d.errorAt(0, "user names and passwords do not belong into a URL")
	case !validAuthority(u):
		return d.errorAt(0, "the host of the URL is not a host name")
	}
	if hasDotSegment(u.EscapedPath(), true) {
		return d.errorAt(0, "the path has a segment of dots")
	}
	d.out.fixed = u
	d.out.scheme = u.Scheme
	return nil
}

// validAuthority checks the host and the port of a parsed URL.
func validAuthority(u *url.URL) bool {
	if p := u.Port(); p != "" && portReason(p) != "" || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if strings.HasPrefix(u.Host, "[") {
		// An IPv6 address, which url.Parse has looked at; but a zone is of this machine.
		return !strings.Contains(u.Host, "%")
	}
	return ValidHost(u.Hostname())
}

// begin finds out how the URL begins and returns the parts after that.
func (d *divider) begin(parts []part) ([]part, error) {
	first := parts[0]
	if first.kind == literalPart {
		for _, scheme := range []string{"https", "http"} {
			if rest, ok := cutPrefixFold(first.lit, scheme+"://"); ok {
				d.out.scheme = scheme
				d.at = inHost
				first.offset += len(first.lit) - len(rest)
				first.lit = rest
				return append([]part{first}, parts[1:]...), nil
			}
		}
	}
	if d.relative {
		d.at = inPath
		return parts, nil
	}
	if first.kind != refPart {
		return nil, d.errorAt(first.offset, "a URL begins with https://, or with a variable that holds all of it")
	}
	if len(parts) > 1 && (parts[1].kind != literalPart || strings.IndexByte("/?#", parts[1].lit[0]) < 0) {
		return nil, d.errorAt(parts[1].offset, "a variable at the start stands for a whole URL, so a slash must follow")
	}
	d.out.whole = true
	d.out.base = first.ref
	d.at = inPath
	return parts[1:], nil
}

func cutPrefixFold(s, prefix string) (string, bool) {
	if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):], true
	}
	return s, false
}

// text divides literal text at the characters that end a section.
func (d *divider) text(p part) error {
	for {
		at := strings.IndexAny(p.lit, ends[d.at])
		if at < 0 {
			return d.add(p)
		}
		head := p
		head.lit = p.lit[:at]
		if err := d.add(head); err != nil {
			return err
		}
		end := p.lit[at]
		keep := 1
		switch end {
		case ':':
			d.at = inPort
		case '/':
			d.at = inPath
			keep = 0 // the slash belongs to the path
		case '?':
			d.at = inQuery
			d.out.hasQuery = true
		case '#':
			d.at = inFragment
		}
		p.lit = p.lit[at+keep:]
		p.offset += at + keep
	}
}

// add puts a part into the current section.
func (d *divider) add(p part) error {
	if p.kind == literalPart && p.lit == "" {
		return nil
	}
	if d.at <= inPort && p.kind != literalPart && p.kind != refPart {
		return d.errorAt(p.offset, "only plain variables can be part of a host or a port")
	}
	switch d.at {
	case inHost:
		if p.kind == literalPart && hostReason(strings.Trim(p.lit, "."), true) != "" {
			return d.errorAt(p.offset, "the host of the URL is not a host name")
		}
		d.out.host = append(d.out.host, p)
	case inPort:
		d.out.port = append(d.out.port, p)
	case inPath:
		d.out.path = append(d.out.path, p)
	case inQuery:
		d.out.query = append(d.out.query, p)
	case inFragment:
		d.out.fragment = append(d.out.fragment, p)
	}
	if p.kind == literalPart && d.at >= inPath && !plainURLText(p.lit) {
		return d.errorAt(p.offset, "the URL contains a character that must be percent-encoded")
	}
	return nil
}

// plainURLText reports whether literal text of a path, query or fragment can be
// sent as it is: printable ASCII without the characters that RFC 3986 has no
// place for, and only whole percent-encodings.
func plainURLText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return false
		}
	}
	_, err := url.PathUnescape(s)
	return err == nil
}

// finish checks what only the whole alternative shows.
func (d *divider) finish(offset int) error {
	a := &d.out
	if a.scheme != "" && len(a.host) == 0 {
		return d.errorAt(offset, "the URL has no host")
	}
	if err := d.checkDots(); err != nil {
		return err
	}
	switch {
	case len(a.port) > 1:
		return d.errorAt(a.port[1].offset, "the port must be one number or one variable")
	case len(a.port) == 1 && a.port[0].kind == literalPart && portReason(a.port[0].lit) != "":
		return d.errorAt(a.port[0].offset, portReason(a.port[0].lit))
	}
	if n := len(a.host); n > 0 && a.host[n-1].kind == literalPart {
		a.suffix = strings.ToLower(a.host[n-1].lit)
	}
	if d.relative && len(a.path) > 0 && strings.HasPrefix(a.path[0].lit, "//") {
		return d.errorAt(offset, "a relative URL must not begin with two slashes")
	}
	for _, p := range a.path {
		if p.kind != literalPart {
			continue
		}
		if hasDotSegment(p.lit, len(a.path) == 1) {
			return d.errorAt(p.offset, "the path has a segment of dots")
		}
	}
	return nil
}

// checkDots refuses a host that no value could complete.
func (d *divider) checkDots() error {
	for i, p := range d.out.host {
		first, last := i == 0, i == len(d.out.host)-1
		if strings.Contains(p.lit, "..") || first && strings.HasPrefix(p.lit, ".") || last && strings.HasSuffix(p.lit, ".") {
			return d.errorAt(p.offset, "the host of the URL has an empty label")
		}
	}
	return nil
}

// hasDotSegment reports whether an escaped path has a segment "." or "..", which
// RFC 3986 section 5.2.4 removes together with what stands before it. Without
// ends only segments between two slashes are looked at.
func hasDotSegment(path string, ends bool) bool {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if !ends && (i == 0 || i == len(segments)-1) {
			continue
		}
		if s = strings.ReplaceAll(strings.ToLower(s), "%2e", "."); s == "." || s == ".." {
			return true
		}
	}
	return false
}

func (d *divider) errorAt(offset int, reason string) error {
	return &SyntaxError{Field: d.field, Offset: offset, Reason: reason}
}
