package schema

import (
	"bytes"
	"net/mail"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// formatOf is the check of a format, and what a string has to be to pass it. Nil:
// there is no such format.
func formatOf(name string) (check func([]byte) bool, what string) {
	switch name {
	case "date":
		return isDate, "a date such as 2006-01-02"
	case "date-time":
		return isDateTime, "a time as RFC 3339 has it, such as 2006-01-02T15:04:05Z"
	case "email":
		return isEmail, "an email address"
	case "hostname":
		return isHostname, "a name of a host"
	case "ipv4":
		return isIPv4, "an IPv4 address"
	case "ipv6":
		return isIPv6, "an IPv6 address"
	case "uri":
		return isURI, "a URI with its scheme"
	case "uuid":
		return isUUID, "a UUID"
	}
	return nil, ""
}

func isDate(b []byte) bool {
	_, err := time.Parse(time.DateOnly, string(b))
	return err == nil
}

// isDateTime is RFC 3339 but for leap seconds and small letters, which time.Time does
// not read. What else time.Time reads, https://go.dev/issue/54580, is refused: hours
// of one digit, a comma, and zones of a day and more.
func isDateTime(b []byte) bool {
	var t time.Time
	if len(b) < len("2006-01-02T15:04:05Z") || b[13] != ':' || bytes.IndexByte(b, ',') >= 0 || t.UnmarshalText(b) != nil {
		return false
	}
	if b[len(b)-1] == 'Z' {
		return true
	}
	zone := b[len(b)-len("07:00"):]
	return string(zone[:2]) < "24" && string(zone[3:]) < "60"
}

func isEmail(b []byte) bool {
	s := string(b)
	a, err := mail.ParseAddress(s)
	return err == nil && a.Name == "" && a.Address == s
}

// isHostname follows RFC 1123, section 2.1.
func isHostname(b []byte) bool {
	if len(b) == 0 || len(b) > 253 {
		return false
	}
	for label := range strings.SplitSeq(string(b), ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			if !isAlnum(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

func isIPv4(b []byte) bool {
	a, err := netip.ParseAddr(string(b))
	return err == nil && a.Is4()
}

func isIPv6(b []byte) bool {
	a, err := netip.ParseAddr(string(b))
	return err == nil && a.Is6() && a.Zone() == ""
}

// isURI is what RFC 3986 lets a URI be written with and url.Parse takes apart.
func isURI(b []byte) bool {
	for i, c := range b {
		switch {
		case isAlnum(c), strings.IndexByte("-._~:/?#[]@!$&'()*+,;=", c) >= 0:
		case c == '%' && i+2 < len(b) && isHex(b[i+1]) && isHex(b[i+2]):
		default:
			return false
		}
	}
	u, err := url.Parse(string(b))
	return err == nil && u.IsAbs()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func isUUID(b []byte) bool {
	if len(b) != 36 {
		return false
	}
	for i, c := range b {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !isHex(c) {
				return false
			}
		}
	}
	return true
}

// isBase64 is the standard alphabet with padding (RFC 4648, section 4). Line breaks,
// which package base64 skips, are none of it.
func isBase64(b []byte) bool {
	if len(b)%4 != 0 {
		return false
	}
	for i := 0; i < 2 && len(b) > 0 && b[len(b)-1] == '='; i++ {
		b = b[:len(b)-1]
	}
	for _, c := range b {
		if !isAlnum(c) && c != '+' && c != '/' {
			return false
		}
	}
	return true
}
