package discover

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object. encoding/json would match the names of a struct's
// fields in any case, "Issuer" for "issuer", so they are looked up by hand.
type object map[string]json.RawMessage

// parseObject reads a whole JSON object. A byte order mark is let pass (RFC 8259
// section 8.1).
func parseObject(body []byte) (object, bool) {
	var o object
	err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &o)
	return o, err == nil && o != nil
}

// value returns a field, nil if it is absent or null.
func (o object) value(name string) any {
	raw, ok := o[name]
	if !ok {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// text reads a string. Absent, null and empty are the same.
func (o object) text(name string) (s string, ok bool) {
	switch v := o.value(name).(type) {
	case nil:
		return "", true
	case string:
		return v, true
	}
	return "", false
}

// list reads an array of strings. A lone string counts as an array of one, as
// some servers write it.
func (o object) list(name string) (list []string, ok bool) {
	switch v := o.value(name).(type) {
	case nil:
		return nil, true
	case string:
		if v == "" {
			return nil, true
		}
		return []string{v}, true
	case []any:
		for _, e := range v {
			s, isString := e.(string)
			if !isString {
				return nil, false
			}
			list = append(list, s)
		}
		return list, true
	}
	return nil, false
}

// flag reads a boolean, also one in quotes. Absent is false.
func (o object) flag(name string) (b, ok bool) {
	switch v := o.value(name).(type) {
	case nil:
		return false, true
	case bool:
		return v, true
	case string:
		return v == "true", v == "true" || v == "false" || v == ""
	}
	return false, false
}

// seconds reads a point in time in seconds since 1970, also one in quotes.
// Absent and 0 are the zero Time.
func (o object) seconds(name string) (t time.Time, ok bool) {
	var digits string
	switch v := o.value(name).(type) {
	case nil:
		return time.Time{}, true
	case json.Number:
		digits = v.String()
	case string:
		digits = v
	default:
		return time.Time{}, false
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > 253402300799 { // the end of the year 9999
		return time.Time{}, false
	}
	if f == 0 {
		return time.Time{}, true
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// scopes splits and filters a list of scopes: what is not made of the characters
// of RFC 6749 section 3.3 could not be asked for.
func scopes(list []string) []string {
	var out []string
	for _, entry := range list {
		for _, s := range strings.Fields(entry) {
			if isScope(s) {
				out = append(out, s)
			}
		}
	}
	return out
}

func isScope(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

// isVisible says whether s is made of printable ASCII, as a client ID and a
// client secret are (RFC 6749 appendix A).
func isVisible(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0
}
