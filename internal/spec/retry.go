package spec

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// CompiledRetry is the retry key: which answers of the API are to be repeated, and
// what in them says when. The zero value leaves all of it to the defaults.
type CompiledRetry struct {
	At, After []string // headers in canonical form
	Remaining string   // a header in canonical form
	InBody    *WaitInBody
	codes     []codeRange
}

// WaitInBody finds out of the body of an answer when to come back.
type WaitInBody struct {
	Path    string
	Pattern *regexp.Regexp // its first group is what counts
	At      bool           // a moment, and not a number of seconds
}

type codeRange struct{ first, last int }

// compile leaves out what cannot be used; checkRetry reports it.
func (r *Retry) compile() *CompiledRetry {
	out := &CompiledRetry{}
	if r == nil {
		return out
	}
	for _, h := range r.At {
		out.At = append(out.At, http.CanonicalHeaderKey(h))
	}
	for _, h := range r.After {
		out.After = append(out.After, http.CanonicalHeaderKey(h))
	}
	if r.Remaining != "" {
		out.Remaining = http.CanonicalHeaderKey(r.Remaining)
	}
	for _, code := range r.ErrorCode {
		if c, ok := codesOf(code); ok {
			out.codes = append(out.codes, c)
		}
	}
	if b := r.InBody; b != nil && (b.Strategy == "at" || b.Strategy == "after") {
		if re, err := compilePattern(b.Value); err == nil && re.NumSubexp() > 0 {
			out.InBody = &WaitInBody{Path: b.Path, Pattern: re, At: b.Strategy == "at"}
		}
	}
	return out
}

// codesOf reads one element of error_code: 429, 5xx or 500-502.
func codesOf(code string) (codeRange, bool) {
	if !errorCode().MatchString(code) {
		return codeRange{}, false
	}
	if class, ok := strings.CutSuffix(code, "xx"); ok {
		n, _ := strconv.Atoi(class)
		return codeRange{n * 100, n*100 + 99}, true
	}
	first, last, ok := strings.Cut(code, "-")
	if !ok {
		last = first
	}
	a, _ := strconv.Atoi(first)
	b, _ := strconv.Atoi(last)
	return codeRange{a, b}, a <= b
}

// compilePattern compiles an expression that may be written between slashes with
// flags behind, as in JavaScript. Flags other than i, m and s change nothing for a
// single match.
func compilePattern(value string) (*regexp.Regexp, error) {
	last := strings.LastIndexByte(value, '/')
	if last < 1 || value[0] != '/' || strings.Trim(value[last+1:], "dgimsuvy") != "" {
		return regexp.Compile(value)
	}
	flags := strings.Map(func(r rune) rune {
		if strings.ContainsRune("ims", r) {
			return r
		}
		return -1
	}, value[last+1:])
	expr := strings.ReplaceAll(value[1:last], `\/`, `/`)
	if flags != "" {
		expr = "(?" + flags + ")" + expr
	}
	return regexp.Compile(expr)
}

// Replaces says whether the provider has a list of its own of the statuses to
// repeat, in place of the defaults.
func (r *CompiledRetry) Replaces() bool { return len(r.codes) > 0 }

// Lists says whether a status is in that list.
func (r *CompiledRetry) Lists(status int) bool {
	for _, c := range r.codes {
		if c.first <= status && status <= c.last {
			return true
		}
	}
	return false
}

// Exhausted says whether the answer tells that no calls are left.
func (r *CompiledRetry) Exhausted(h http.Header) bool {
	left, known := r.left(h)
	return known && left == 0
}

// Left says whether the answer tells that calls are left, so that it is not for
// their number that it was refused.
func (r *CompiledRetry) Left(h http.Header) bool {
	left, known := r.left(h)
	return known && left > 0
}

func (r *CompiledRetry) left(h http.Header) (n float64, known bool) {
	if r.Remaining == "" {
		return 0, false
	}
	values := h[r.Remaining]
	if len(values) == 0 {
		return 0, false
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(values[0]), 64)
	return n, err == nil
}
