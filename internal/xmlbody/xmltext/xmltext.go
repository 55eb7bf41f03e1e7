// Package xmltext is what XML 1.0 can carry, and how it is written so that a
// parser reads back exactly the same characters.
//
// The escapes are those of Canonical XML 1.0 section 2.3, which Exclusive XML
// Canonicalization takes over. They are therefore right under a signature, and
// in ordinary XML they are the ones that survive the normalization of line ends
// and of attribute values (XML 1.0 sections 2.11 and 3.3.3).
package xmltext

import (
	"strings"
	"unicode/utf8"
)

// AppendText appends s as the content of an element. Valid(s) must hold.
func AppendText(dst []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '\r':
			dst = append(dst, "&#xD;"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// AppendAttr appends s as the value of an attribute in double quotes, without
// the quotes. Valid(s) must hold.
func AppendAttr(dst []byte, s string) []byte {
	for i := range len(s) {
		switch s[i] {
		case '&':
			dst = append(dst, "&amp;"...)
		case '<':
			dst = append(dst, "&lt;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		case '\t':
			dst = append(dst, "&#x9;"...)
		case '\n':
			dst = append(dst, "&#xA;"...)
		case '\r':
			dst = append(dst, "&#xD;"...)
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// Valid reports whether s is UTF-8 and all of its characters exist in XML 1.0,
// section 2.2. The others cannot be written at all, not even as references.
func Valid(s string) bool {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size <= 1 {
				return false
			}
		}
		if !isChar(r) {
			return false
		}
	}
	return true
}

func isChar(r rune) bool {
	switch {
	case r < 0x20:
		return r == '\t' || r == '\n' || r == '\r'
	default:
		return r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= 0x10FFFF
	}
}

// IsNCName reports whether s is a name without a colon (Namespaces in XML 1.0
// section 3), which is also what an xs:ID is.
func IsNCName(s string) bool {
	if s == "" || !utf8.ValidString(s) {
		return false
	}
	for i, r := range s {
		if !isNameStart(r) && (i == 0 || !isNameRest(r)) {
			return false
		}
	}
	return true
}

// IsQName reports whether s is an NCName, or two of them with a colon between.
func IsQName(s string) bool {
	prefix, local, found := strings.Cut(s, ":")
	return IsNCName(prefix) && (!found || IsNCName(local))
}

// isNameStart is NameStartChar of XML 1.0 (fifth edition) section 2.3, less the
// colon.
func isNameStart(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_':
		return true
	case r < 0xC0, r == 0xD7, r == 0xF7:
		return false
	case r <= 0x2FF, r >= 0x370 && r <= 0x1FFF && r != 0x37E:
		return true
	case r == 0x200C, r == 0x200D, r >= 0x2070 && r <= 0x218F, r >= 0x2C00 && r <= 0x2FEF:
		return true
	}
	return r >= 0x3001 && r <= 0xD7FF || r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFD || r >= 0x10000 && r <= 0xEFFFF
}

// isNameRest is what NameChar has and NameStartChar has not.
func isNameRest(r rune) bool {
	return r >= '0' && r <= '9' || r == '-' || r == '.' || r == 0xB7 ||
		r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}
