package sign

import "strings"

const upperHex = "0123456789ABCDEF"

// isUnreserved is RFC 3986 section 2.3.
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

// percentEncode encodes every byte that is neither unreserved nor in keep, in
// upper case: RFC 5849 section 3.6, and what AWS calls UriEncode.
func percentEncode(s, keep string) string {
	plain := 0
	for plain < len(s) && (isUnreserved(s[plain]) || strings.IndexByte(keep, s[plain]) >= 0) {
		plain++
	}
	if plain == len(s) {
		return s
	}
	b := make([]byte, plain, len(s)+24)
	copy(b, s)
	for i := plain; i < len(s); i++ {
		c := s[i]
		if isUnreserved(c) || strings.IndexByte(keep, c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// percentDecode decodes what is encoded. A percent sign that begins no code
// stands for itself.
func percentDecode(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			high, okHigh := unhex(s[i+1])
			low, okLow := unhex(s[i+2])
			if okHigh && okLow {
				b = append(b, high<<4|low)
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}

// param is one name and value, decoded.
type param struct {
	name, value string
	bare        bool // had no equals sign
}

// parseQuery reads application/x-www-form-urlencoded in order. Unlike
// url.ParseQuery it drops nothing: what is sent has to be signed.
func parseQuery(raw string) []param {
	var params []param
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, equals := strings.Cut(pair, "=")
		params = append(params, param{name: formDecode(name), value: formDecode(value), bare: !equals})
	}
	return params
}

func formDecode(s string) string {
	return percentDecode(strings.ReplaceAll(s, "+", " "))
}
