package oauth

import (
	"encoding/json"
	"html"
	"strings"
	"unicode/utf8"
)

// scan finds the value of a field in text that is nothing as a whole: cut off,
// with a stray comma, inside a page, or in a notation of its own. A value whose
// end is not there is none. path is that of the field; its last name will do.
func scan(text, path string) string {
	names := []string{path, path[strings.LastIndexByte(path, '.')+1:]}
	for _, name := range names {
		if v := scanString(text, name); v != "" {
			return v
		}
	}
	for _, name := range names {
		if v := scanLoose(text, name); v != "" {
			return v
		}
	}
	if strings.Contains(text, "&quot;") {
		return scan(html.UnescapeString(strings.ReplaceAll(text, "&amp;", "")), path)
	}
	return ""
}

// scanString finds "name": "value". The last occurrence counts, as it does for a
// parser.
func scanString(text, name string) string {
	found := ""
	quoted := `"` + name + `"`
	for rest := text; ; {
		i := strings.Index(rest, quoted)
		if i < 0 {
			return found
		}
		rest = rest[i+len(quoted):]
		after := skipBlank(rest)
		if !strings.HasPrefix(after, ":") {
			continue
		}
		if v, ok := leadingString(skipBlank(after[1:])); ok && v != "" {
			found = v
		}
	}
}

// skipBlank skips white space and comments.
func skipBlank(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n")
		if !strings.HasPrefix(s, "/*") {
			return s
		}
		_, after, closed := strings.Cut(s, "*/")
		if !closed {
			return ""
		}
		s = after
	}
}

// leadingString decodes the JSON string that s begins with.
func leadingString(s string) (string, bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", false
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			var v string
			if json.Unmarshal([]byte(s[:i+1]), &v) != nil || !utf8.ValidString(v) {
				return "", false
			}
			return v, true
		}
	}
	return "", false
}

// scanLoose finds a value behind a name in whatever notation: quotes of the other
// kind or none, other case, numbers, XML, lines of a YAML file.
func scanLoose(text, name string) string {
	lower, name := lowerASCII(text), lowerASCII(name)
	found := ""
	for at := 0; ; {
		i := strings.Index(lower[at:], name)
		if i < 0 || name == "" {
			return found
		}
		start, end := at+i, at+i+len(name)
		at = end
		if start > 0 && isNameByte(lower[start-1]) || end < len(lower) && isNameByte(lower[end]) {
			continue // part of another name
		}
		if v := looseValue(text[:start], text[end:]); v != "" {
			found = v
		}
	}
}

// looseValue reads the value after a name, given what stands before and after it.
func looseValue(before, after string) string {
	lineStart := before == "" || strings.HasSuffix(before, "\n")
	switch {
	case strings.HasSuffix(before, "<") && strings.HasPrefix(after, ">"):
		value, _, closed := strings.Cut(after[1:], "<")
		if !closed {
			return ""
		}
		return html.UnescapeString(strings.TrimSpace(value))
	case strings.HasSuffix(before, `'`), strings.HasSuffix(before, `"`):
		if after == "" || after[0] != before[len(before)-1] {
			return ""
		}
		after, lineStart = after[1:], false
	}
	after = skipBlank(after)
	if !strings.HasPrefix(after, ":") {
		return ""
	}
	after = skipBlank(after[1:])
	if v, ok := leadingString(after); ok {
		return v
	}
	if strings.HasPrefix(after, `'`) {
		value, _, closed := strings.Cut(after[1:], `'`)
		if !closed {
			return ""
		}
		return value
	}
	end := strings.IndexFunc(after, func(r rune) bool { return strings.ContainsRune(",}] \t\r\n<;", r) })
	if end <= 0 {
		return ""
	}
	value := after[:end]
	// A bare word is a value at most where a line says nothing else.
	if strings.Trim(value, "0123456789") != "" && (!lineStart || after[end] != '\n' && after[end] != '\r' || strings.ContainsAny(value, `"'{[`)) {
		return ""
	}
	return value
}

// isNameByte says whether a byte can be part of a name.
func isNameByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z'
}

// lowerASCII keeps every place where it is, which strings.ToLower does not.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
