package tieline

import "strings"

// linkTo finds the target of the first link with a relation in the values of Link
// headers (RFC 8288 section 3). Empty: there is none.
func linkTo(values []string, rel string) string {
	for _, value := range values {
		for value != "" {
			var target, params string
			var ok bool
			if target, params, value, ok = cutLink(value); !ok {
				break // what follows cannot be told from what went wrong
			}
			if hasRel(params, rel) {
				return target
			}
		}
	}
	return ""
}

// cutLink takes the first link off a list: <target>;params, rest.
func cutLink(s string) (target, params, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t,")
	if !strings.HasPrefix(s, "<") {
		return "", "", "", false
	}
	target, s, ok = strings.Cut(s[1:], ">")
	if !ok {
		return "", "", "", false
	}
	end := cutAt(s, ',')
	return strings.TrimSpace(target), s[:end], s[end:], true
}

// cutAt is where a delimiter is that stands outside of quotes, or the end.
func cutAt(s string, delimiter byte) int {
	inQuotes := false
	for i := 0; i < len(s); i++ {
		switch {
		case inQuotes && s[i] == '\\':
			i++
		case s[i] == '"':
			inQuotes = !inQuotes
		case !inQuotes && s[i] == delimiter:
			return i
		}
	}
	return len(s)
}

// hasRel says whether a link's parameters give it a relation. Of several rel
// parameters the first counts, and it may have several relations.
func hasRel(params, rel string) bool {
	for params != "" {
		end := cutAt(params, ';')
		name, value, _ := strings.Cut(params[:end], "=")
		if params = params[end:]; params != "" {
			params = params[1:]
		}
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		value = strings.Trim(strings.TrimSpace(value), `"`)
		for have := range strings.FieldsSeq(value) {
			if strings.EqualFold(have, rel) {
				return true
			}
		}
		return false
	}
	return false
}
