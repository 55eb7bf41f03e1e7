package catalogtool

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// fixesDomain reports whether every value that a pattern matches is a host, or the URL
// of one, that ends in a domain which the pattern spells out.
func fixesDomain(pattern string) bool {
	// A scheme and a slash at the end say nothing about the domain; any other
	// character that ends a host would let the domain stand somewhere else.
	plain := strings.ReplaceAll(strings.ReplaceAll(pattern, `\/`, "/"), "https?:", "https:")
	plain = strings.ReplaceAll(strings.ReplaceAll(plain, "://", ""), "/?$", "$")
	re, err := syntax.Parse(plain, syntax.Perl)
	if err != nil || pattern == "" || strings.ContainsFunc(endsHost, func(r rune) bool { return canMatch(re, r) }) {
		return false
	}
	ends, anchored := endsOf(re)
	rooted := begins(re)
	return anchored && !slices.ContainsFunc(ends, func(e end) bool {
		if e.whole && rooted {
			return e.text == ""
		}
		// Behind the first dot there have to be two labels: anything may stand
		// before it, "example.com" as well as "evil-example.com".
		_, domain, found := strings.Cut(e.text, ".")
		return !found || !strings.Contains(strings.Trim(domain, "."), ".")
	})
}

// endsHost has the characters that end the host of a URL, or what stands before it.
const endsHost = `/\?#@:`

// canMatch reports whether a part of a pattern matches text with a character in it.
func canMatch(re *syntax.Regexp, r rune) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		return slices.Contains(re.Rune, r)
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i] <= r && r <= re.Rune[i+1] {
				return true
			}
		}
	}
	return slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return canMatch(sub, r) })
}

// begins reports whether everything a pattern matches begins at the start of the text.
func begins(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpBeginText:
		return true
	case syntax.OpCapture, syntax.OpConcat:
		return begins(re.Sub[0])
	case syntax.OpAlternate:
		return !slices.ContainsFunc(re.Sub, func(sub *syntax.Regexp) bool { return !begins(sub) })
	}
	return false
}

// end is what a match of a part of a pattern can end in. It is whole when the part
// matches nothing else.
type end struct {
	text  string
	whole bool
}

// maxEnds bounds how many ends are told apart.
const maxEnds = 256

// endsOf returns the ends of what a part of a pattern matches, and whether it matches to
// the end of the text.
func endsOf(re *syntax.Regexp) (ends []end, anchored bool) {
	switch re.Op {
	case syntax.OpCapture:
		return endsOf(re.Sub[0])
	case syntax.OpAlternate:
		anchored = true
		for _, sub := range re.Sub {
			e, a := endsOf(sub)
			ends, anchored = append(ends, e...), anchored && a
		}
		return ends, anchored
	case syntax.OpConcat:
		_, anchored = endsOf(re.Sub[len(re.Sub)-1])
		return concatEnds(re.Sub), anchored
	case syntax.OpEndText:
		return []end{{whole: true}}, true
	}
	return piece(re), false
}

// concatEnds joins the ends of parts, from the last one, for as long as nothing unknown
// stands between.
func concatEnds(subs []*syntax.Regexp) []end {
	out := []end{{whole: true}}
	for i := len(subs) - 1; i >= 0; i-- {
		before, _ := endsOf(subs[i])
		var next []end
		for _, e := range out {
			if !e.whole {
				next = append(next, e)
				continue
			}
			for _, b := range before {
				next = append(next, end{b.text + e.text, b.whole})
			}
		}
		if out = next; len(out) > maxEnds {
			return []end{{}}
		}
	}
	return out
}

// piece returns the ends of a part that is not made of others in a row.
func piece(re *syntax.Regexp) []end {
	switch re.Op {
	case syntax.OpLiteral:
		return []end{{string(re.Rune), true}}
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return []end{{whole: true}}
	case syntax.OpQuest:
		ends, _ := endsOf(re.Sub[0])
		return append(ends, end{whole: true})
	case syntax.OpCharClass:
		var out []end
		for i := 0; i+1 < len(re.Rune) && len(out) < 8; i += 2 {
			for r := re.Rune[i]; r <= re.Rune[i+1] && len(out) < 8; r++ {
				out = append(out, end{string(r), true})
			}
		}
		if len(out) > 0 && len(out) < 8 {
			return out
		}
	}
	return []end{{}}
}
