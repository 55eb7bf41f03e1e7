package spec

import (
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// checkFields checks the declarations of a form.
func (c *checker) checkFields(key, space string, fields Fields) {
	for _, f := range fields {
		path := key + "." + f.Name
		c.choice(Rejected, path+".type", f.Type, "string")
		c.choice(Rejected, path+".format", f.Format, "hostname", "uri", "uuid", "email")
		if f.Hidden && f.DefaultValue == nil && !f.Automated && !f.Optional {
			c.doubt(path, "hidden-no-default", "the field is hidden and has no default, so no form can supply it")
		}
		if w := f.VisibleWhen; w != nil {
			if _, ok := fields.Get(w.Field); !ok {
				c.doubt(path+".visible_when", "bad-value", fmt.Sprintf("there is no field %q", w.Field))
			}
		}
		if f.keepSuffix && f.Suffix != "" {
			c.doubt(path+".suffix", "suffix-not-in-url", "a form shows the suffix after the value, but the URL does not have it")
		}
		c.checkPattern(path, f)
		c.checkSamples(path, f)
	}
}

// checkPattern checks that a pattern can be matched and means all of the value.
func (c *checker) checkPattern(path string, f Field) {
	if f.Pattern == "" {
		return
	}
	re, err := syntax.Parse(f.Pattern, syntax.Perl)
	if err != nil {
		c.doubt(path+".pattern", "pattern-invalid", "the pattern is not one that RE2 can match, and is not enforced")
		return
	}
	if begin, end := anchored(re); !begin || !end {
		c.doubt(path+".pattern", "pattern-unanchored", "the pattern is not anchored at both ends, so it says little about the value")
	}
}

// anchored reports whether everything a pattern matches begins at the start of
// the text, and ends at its end. ".*" at an end says so as well.
func anchored(re *syntax.Regexp) (begin, end bool) {
	switch re.Op {
	case syntax.OpBeginText:
		return true, false
	case syntax.OpEndText:
		return false, true
	case syntax.OpCapture:
		return anchored(re.Sub[0])
	case syntax.OpConcat:
		begin, _ = anchored(re.Sub[0])
		_, end = anchored(re.Sub[len(re.Sub)-1])
		return begin, end || anyTail(re.Sub[len(re.Sub)-1])
	case syntax.OpAlternate:
		begin, end = true, true
		for _, sub := range re.Sub {
			b, e := anchored(sub)
			begin, end = begin && b, end && e
		}
		return begin, end
	}
	return false, false
}

// anyTail reports whether a pattern ends by allowing anything.
func anyTail(re *syntax.Regexp) bool {
	return (re.Op == syntax.OpStar || re.Op == syntax.OpPlus) &&
		(re.Sub[0].Op == syntax.OpAnyChar || re.Sub[0].Op == syntax.OpAnyCharNotNL)
}

// patternForbidsDots reports whether no value that matches can have a dot in it.
func patternForbidsDots(pattern string) bool {
	if pattern == "" {
		return false
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return false
	}
	begin, end := anchored(re)
	return begin && end && !anyTail(re) && !canMatchDot(re)
}

func canMatchDot(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return true
	case syntax.OpLiteral:
		return slices.Contains(re.Rune, '.')
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			if re.Rune[i] <= '.' && '.' <= re.Rune[i+1] {
				return true
			}
		}
	}
	return slices.ContainsFunc(re.Sub, canMatchDot)
}

// checkSamples checks the default and the example of a field against its rules.
func (c *checker) checkSamples(path string, f Field) {
	if v := f.DefaultValue; v != nil && *v != "" {
		if reason := f.reason(*v); reason != "" {
			c.doubt(path+".default_value", "default-mismatch", "the default does not fit the field: "+reason)
		}
	}
	// An example in which a secret was starred out, or left out, says nothing.
	if f.Example == "" || strings.Contains(f.Example, "**") || strings.Contains(f.Example, "...") {
		return
	}
	if reason := f.reason(f.strip(f.Example)); reason != "" {
		c.doubt(path+".example", "example-mismatch", "the example does not fit the field: "+reason)
	}
}

// reason says why a value does not fit what the field declares, or "". It never
// contains the value.
func (f Field) reason(v string) string {
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, v) {
		return "it is none of the choices"
	}
	switch f.Format {
	case "hostname":
		host, port, hasPort := strings.Cut(v, ":")
		if f.carriesPath() {
			host, _, _ = strings.Cut(host, "/")
		} else if hasPort && !validPort(port) {
			host = ""
		}
		if !template.ValidHost(host) {
			return "it is not a host name"
		}
	case "uri":
		if u, err := url.Parse(v); err != nil || u.Scheme == "" || u.Host == "" {
			return "it is not an absolute URL"
		}
	case "uuid":
		if !uuid().MatchString(v) {
			return "it is not a UUID"
		}
	case "email":
		if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
			return "it is not an e-mail address"
		}
	}
	if f.Pattern != "" {
		if re, err := regexp.Compile(f.Pattern); err == nil && !re.MatchString(v) {
			return "it does not have the required form"
		}
	}
	return ""
}

func validPort(v string) bool {
	return v != "" && len(v) <= 5 && strings.Trim(v, "0123456789") == ""
}

var uuid = lazyRegexp(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)
