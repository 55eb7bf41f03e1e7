package oauth

import (
	"encoding/binary"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// decodeText strips a byte order mark and turns UTF-16 into UTF-8.
func decodeText(b []byte) string {
	switch {
	case len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF:
		return string(b[3:])
	case len(b) >= 2 && b[0] == 0xFF && b[1] == 0xFE:
		return fromUTF16(b[2:], binary.LittleEndian)
	case len(b) >= 2 && b[0] == 0xFE && b[1] == 0xFF:
		return fromUTF16(b[2:], binary.BigEndian)
	case len(b) >= 2 && b[0] == '{' && b[1] == 0:
		return fromUTF16(b, binary.LittleEndian)
	case len(b) >= 2 && b[0] == 0 && b[1] == '{':
		return fromUTF16(b, binary.BigEndian)
	}
	return string(b)
}

func fromUTF16(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}

// scanString finds "name": "value" in text that is not whole JSON: cut off,
// with a stray comma, or inside an HTML page. An answer cut off within the
// value has no value. The last occurrence counts, as it does for a parser.
func scanString(text, name string) string {
	found := ""
	quoted := `"` + name + `"`
	for rest := text; ; {
		i := strings.Index(rest, quoted)
		if i < 0 {
			return found
		}
		rest = rest[i+len(quoted):]
		after := strings.TrimLeft(rest, " \t\r\n")
		if !strings.HasPrefix(after, ":") {
			continue
		}
		if v, ok := leadingString(strings.TrimLeft(after[1:], " \t\r\n")); ok {
			found = v
		}
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

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }
