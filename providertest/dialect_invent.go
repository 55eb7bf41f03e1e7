package providertest

import (
	"hash/fnv"
	"math/rand/v2"
	"net/mail"
	"net/url"
	"regexp"
	"regexp/syntax"
	"strings"
)

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// seeded is a source that gives the same values for the same name, so that a
// failing test can be run again.
func seeded(name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

func randomText(r *rand.Rand, n int, alphabet string) string {
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(out)
}

// uuidFrom is a UUID of version 4.
func uuidFrom(r *rand.Rand) string {
	h := randomText(r, 32, "0123456789abcdef")
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-a" + h[17:20] + "-" + h[20:]
}

// matching generates a text that expr matches, or reports failure. It walks the
// expression's syntax tree, so that lengths and alphabets come out right.
func matching(expr string, r *rand.Rand) (string, bool) {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return "", false
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return "", false
	}
	for range 20 {
		var b strings.Builder
		generate(&b, tree, r)
		if s := b.String(); re.MatchString(s) {
			return s, true
		}
	}
	return "", false
}

func generate(b *strings.Builder, t *syntax.Regexp, r *rand.Rand) {
	switch t.Op {
	case syntax.OpLiteral:
		b.WriteString(string(t.Rune))
	case syntax.OpCharClass:
		b.WriteRune(fromClass(t.Rune, r))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte(alphanumeric[r.IntN(26)])
	case syntax.OpCapture, syntax.OpConcat:
		for _, s := range t.Sub {
			generate(b, s, r)
		}
	case syntax.OpAlternate:
		generate(b, t.Sub[r.IntN(len(t.Sub))], r)
	case syntax.OpStar:
		repeat(b, t.Sub[0], r.IntN(2), r)
	case syntax.OpPlus:
		repeat(b, t.Sub[0], repetitions(t.Sub[0]), r)
	case syntax.OpQuest:
		repeat(b, t.Sub[0], r.IntN(2), r)
	case syntax.OpRepeat:
		n := t.Min
		if n == 0 && t.Max != 0 {
			n = 1
		}
		repeat(b, t.Sub[0], n, r)
	}
}

// repetitions of "+": long for characters, once for groups.
func repetitions(t *syntax.Regexp) int {
	if t.Op == syntax.OpCharClass {
		return 12
	}
	return 1
}

func repeat(b *strings.Builder, t *syntax.Regexp, n int, r *rand.Rand) {
	for range n {
		generate(b, t, r)
	}
}

// fromClass picks a letter or digit of the class if it has one.
func fromClass(ranges []rune, r *rand.Rand) rune {
	in := func(c rune) bool {
		for i := 0; i+1 < len(ranges); i += 2 {
			if c >= ranges[i] && c <= ranges[i+1] {
				return true
			}
		}
		return false
	}
	var usable []rune
	for _, c := range alphanumeric {
		if in(c) {
			usable = append(usable, c)
		}
	}
	if len(usable) > 0 {
		return usable[r.IntN(len(usable))]
	}
	return ranges[0]
}

var (
	hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)
	uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
)

// fits tells whether v is of a field's format.
func fits(format, v string) bool {
	switch format {
	case "hostname":
		return hostForm.MatchString(v)
	case "uuid":
		return uuidForm.MatchString(v)
	case "uri":
		u, err := url.Parse(v)
		return err == nil && u.Scheme != "" && u.Host != ""
	case "email":
		a, err := mail.ParseAddress(v)
		return err == nil && a.Address == v
	}
	return true
}
