package catalogtool

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// fixesDomain reports whether every value that a pattern matches ends in a domain that
// the pattern spells out, or is spelled out itself.
func fixesDomain(pattern string) bool {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil || pattern == "" {
		return false
	}
	ends, anchored := endsOf(re)
	if !anchored {
		return false
	}
	return !slices.ContainsFunc(ends, func(e end) bool {
		if e.whole {
			return e.text == ""
		}
		// Behind the first dot there have to be two labels: anything may stand
		// before it, "example.com" as well as "evil-example.com".
		_, domain, found := strings.Cut(strings.Trim(e.text, "/"), ".")
		return !found || !strings.Contains(strings.Trim(domain, "."), ".") || strings.ContainsAny(domain, "/:?#@")
	})
}

// end is what a match can end in. It is whole when there is nothing before it.
type end struct {
	text  string
	whole bool
}

// maxEnds bounds how many ends are told apart.
const maxEnds = 256

// endsOf returns the ends of what a pattern matches, and whether it matches to the end
// of the text.
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
		begin := re.Sub[0].Op == syntax.OpBeginText
		return concatEnds(re.Sub, begin), anchored
	case syntax.OpEndText:
		return []end{{whole: true}}, true
	}
	return piece(re), false
}

// concatEnds joins the ends of parts, from the last one, for as long as nothing unknown
// stands between.
func concatEnds(subs []*syntax.Regexp, begin bool) []end {
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
	if !begin {
		for i := range out {
			out[i].whole = false
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
