package template

import (
	"net/netip"
	"strconv"
	"strings"
)

// Place says which part of a host, or of more than the host, a variable fills.
type Place int

// The places of a variable in the authority of a URL.
const (
	// WholeURL is a variable the template begins with, "${connectionConfig.instance_url}/x":
	// its value is an absolute https URL, or an http one on the loopback host.
	WholeURL Place = iota + 1
	// WholeHost is all of the host, "https://${connectionConfig.hostname}/x". Its value
	// may have a port where the template has none.
	WholeHost
	// Leading is the start of a host with a literal end, "${x}.example.com".
	Leading
	// Inner is between literal text, "api.${x}.example.com".
	Inner
	// Trailing is the end of a host, "api.example.${x}".
	Trailing
	// Port is the port, "host.example.com:${x}".
	Port
)

// HostUse is one variable in the authority of a URL.
type HostUse struct {
	Ref   Ref
	Place Place
	// Suffix is the literal text that the host ends with whatever the value of
	// the variable: ".example.com". Empty when the variable is, or is
	// followed by another that is, at the end of the host.
	Suffix string
	// Before and After are the literal text next to the variable in the host.
	Before, After string
}

// ChoosesDomain reports whether the value decides which domain is called,
// rather than a name below a fixed one. A suffix such as ".com" or ".co.uk"
// fixes nothing, and neither does the "-login.com" of "${x}-login.com".
func (u HostUse) ChoosesDomain() bool {
	if u.Place == Port {
		return false
	}
	// What stands before the first dot of the suffix is in one label with the value.
	_, fixed, _ := strings.Cut(u.Suffix, ".")
	name, tld, ok := strings.Cut(fixed, ".")
	if !ok {
		return true
	}
	return len(tld) == 2 && strings.Contains(" ac co com edu gov net or org ", " "+name+" ")
}

// hostReason says why v cannot be (part of) a host name, or "". Letters,
// digits and hyphens only, and dots where the place allows them: no character
// that ends the host of a URL in any parser, and nothing that a parser would
// translate, such as a percent sign or an ideographic full stop.
func hostReason(v string, dots bool) string {
	if strings.HasPrefix(v, ".") || strings.HasSuffix(v, ".") {
		return "a name does not begin or end with a dot"
	}
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
		case c == '.' && dots:
		case c == '.':
			return "only one label of a host name belongs here, without dots"
		default:
			return "only letters, digits, hyphens and dots make a host name"
		}
	}
	return ""
}

// completeHostReason checks a host that is put together, in lower case: the
// preferred syntax of RFC 1035 section 2.3.1 with the relaxation of RFC 1123
// section 2.1. ownEnd says that the last label came from a value: then a host
// that ends in a number must be an IPv4 address in plain dotted form, as other
// spellings of addresses are only ever used to get around filters.
func completeHostReason(host string, ownEnd bool) string {
	if len(host) > 253 {
		return "the host name becomes longer than 253 characters"
	}
	last := ""
	for label := range strings.SplitSeq(host, ".") {
		if label == "" {
			return "the host name gets an empty label"
		}
		if len(label) > 63 {
			return "the host name gets a label longer than 63 characters"
		}
		if label[0] == '-' || label[len(label)-1] == '-' {
			return "a label of the host name begins or ends with a hyphen"
		}
		last = label
	}
	if ownEnd && isNumber(last) {
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is4() {
			return "the host name ends in a number without being an IPv4 address"
		}
	}
	return ""
}

// isNumber reports whether a label would be read as a number of an IPv4 address,
// by the rule of https://url.spec.whatwg.org/#ends-in-a-number-checker.
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// portReason says why v is not a port, or "".
func portReason(v string) string {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 || strconv.Itoa(n) != v {
		return "a port is a number from 1 to 65535"
	}
	return ""
}

// ValidHost reports whether v is a host name or a plain IPv4 address, without a
// port.
func ValidHost(v string) bool {
	v = strings.ToLower(v)
	return v != "" && hostReason(v, true) == "" && completeHostReason(v, true) == ""
}

// IsLoopback reports whether host, without a port, is this machine: localhost and
// the names below it (RFC 6761 section 6.3), 127.0.0.0/8 and ::1.
func IsLoopback(host string) bool {
	host = strings.ToLower(host)
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
