package httpapi

import (
	"encoding/json"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The rules for names, quoted in messages as clients of the surface know them.
const (
	patternProvider   = `^[a-zA-Z0-9_-]+$`
	patternKey        = `^[a-zA-Z0-9~:.@ _-]+$`
	patternConnection = `^[a-zA-Z0-9,.;:=+~[\]|@${}"'\\/_ -]+$`
	patternTagKey     = `^[a-zA-Z][a-zA-Z0-9_\-./]*$`
	patternScopes     = `^[0-9a-zA-Z:/_.*-]+(,[0-9a-zA-Z:/_.*-]+)*$`
)

const maxName = 255

// object reads the members of a JSON object, or of a query, and gathers what is
// wrong with them in the order in which they are read. Members that nobody has read
// are unknown.
type object struct {
	path    []string
	members map[string]any
	order   []string // of the members, as they came
	read    map[string]bool
	items   *[]item
}

func newObject(members map[string]any, order []string) *object {
	return &object{path: []string{}, members: members, order: order, read: map[string]bool{}, items: &[]item{}}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// typeOf names the type of a value as messages do.
func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case json.Number:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

func (o *object) at(name string) []string { return append(slices.Clone(o.path), name) }

func (o *object) report(code, message string, path []string) {
	*o.items = append(*o.items, item{Code: code, Message: message, Path: path})
}

// get returns a member, and whether it is there. JSON's null is there.
func (o *object) get(name string) (any, bool) {
	o.read[name] = true
	v, ok := o.members[name]
	return v, ok
}

// has reports whether a member is there.
func (o *object) has(name string) bool { _, ok := o.members[name]; return ok }

func (o *object) wrongType(name, want string, v any, there bool) {
	got := "undefined"
	if there {
		got = typeOf(v)
	}
	o.report("invalid_type", "Invalid input: expected "+want+", received "+got, o.at(name))
}

// rule is one more thing that a string has to be. It answers with the code and the
// message of what is wrong, or "".
type rule func(s string) (code, message string)

// text reads a string that has to be there.
func (o *object) text(name string, rules ...rule) string {
	s, _ := o.optional(name, true, rules)
	return s
}

// optionalText reads a string that may be absent.
func (o *object) optionalText(name string, rules ...rule) (string, bool) {
	return o.optional(name, false, rules)
}

func (o *object) optional(name string, required bool, rules []rule) (string, bool) {
	v, there := o.get(name)
	if !there && !required {
		return "", false
	}
	s, ok := v.(string)
	if !ok {
		o.wrongType(name, "string", v, there)
		return "", false
	}
	for _, check := range rules {
		if code, message := check(s); code != "" {
			o.report(code, message, o.at(name))
			return "", false
		}
	}
	return s, true
}

// boolean reads a boolean that may be absent.
func (o *object) boolean(name string) (value, there bool) {
	v, there := o.get(name)
	if !there {
		return false, false
	}
	b, ok := v.(bool)
	if !ok {
		o.wrongType(name, "boolean", v, true)
		return false, false
	}
	return b, true
}

// object reads an object. It is nil if it is absent or no object; absent is only
// wrong if it is required.
func (o *object) object(name string, required bool) *object {
	v, there := o.get(name)
	members, ok := v.(map[string]any)
	if !ok {
		if there || required {
			o.wrongType(name, "object", v, there)
		}
		return nil
	}
	return &object{path: o.at(name), members: members, order: sortedKeys(members), read: map[string]bool{}, items: o.items}
}

// record reads an object whose values are strings.
func (o *object) record(name string, required bool, rules ...rule) map[string]string {
	inner := o.object(name, required)
	if inner == nil {
		return nil
	}
	out := make(map[string]string, len(inner.members))
	for _, key := range inner.order {
		if v, ok := inner.optional(key, true, rules); ok {
			out[key] = v
		}
	}
	return out
}

// list reads a list of strings that may be absent.
func (o *object) list(name string, rules ...rule) ([]string, bool) {
	v, there := o.get(name)
	if !there {
		return nil, false
	}
	values, ok := v.([]any)
	if !ok {
		o.wrongType(name, "array", v, true)
		return nil, false
	}
	inner := &object{path: o.at(name), members: map[string]any{}, read: map[string]bool{}, items: o.items}
	out := make([]string, 0, len(values))
	for n, v := range values {
		index := fmt.Sprint(n)
		inner.members[index] = v
		if s, ok := inner.optional(index, true, rules); ok {
			out = append(out, s)
		}
	}
	return out, true
}

// ignore lets members be there that nobody reads.
func (o *object) ignore(names ...string) {
	for _, name := range names {
		o.read[name] = true
	}
}

// strict reports the members that nobody has read.
func (o *object) strict() {
	var unknown []string
	for _, name := range o.order {
		if !o.read[name] {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
	}
	switch len(unknown) {
	case 0:
	case 1:
		o.report("unrecognized_keys", "Unrecognized key: "+unknown[0], o.path)
	default:
		o.report("unrecognized_keys", "Unrecognized keys: "+strings.Join(unknown, ", "), o.path)
	}
}

// err is what is wrong so far, under the code of where it was found: "invalid_body",
// "invalid_query_params", "invalid_uri_params" or "invalid_headers".
func (o *object) err(code string) error {
	if len(*o.items) == 0 {
		return nil
	}
	return invalid(code, *o.items...)
}

func minLength(n int) rule {
	return func(s string) (string, string) {
		if utf8.RuneCountInString(s) < n {
			return "too_small", fmt.Sprintf("Too small: expected string to have >=%d characters", n)
		}
		return "", ""
	}
}

func maxLength(n int) rule {
	return func(s string) (string, string) {
		if utf8.RuneCountInString(s) > n {
			return "too_big", fmt.Sprintf("Too big: expected string to have <=%d characters", n)
		}
		return "", ""
	}
}

// compiled are the rules for names, which nearly every request needs.
var compiled = map[string]*regexp.Regexp{
	patternProvider:   regexp.MustCompile(patternProvider),
	patternKey:        regexp.MustCompile(patternKey),
	patternConnection: regexp.MustCompile(patternConnection),
}

// matching compiles a pattern that is seldom needed at each use.
func matching(pattern string) rule {
	return func(s string) (string, string) {
		re := compiled[pattern]
		if re == nil {
			re = regexp.MustCompile(pattern)
		}
		if !re.MatchString(s) {
			return "invalid_format", "Invalid string: must match pattern /" + pattern + "/"
		}
		return "", ""
	}
}

func isURL(s string) (string, string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return "invalid_format", "Invalid URL"
	}
	return "", ""
}

func isEmail(s string) (string, string) {
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		return "invalid_format", "Invalid email address"
	}
	return "", ""
}

func integrationKey(o *object, name string) string {
	return o.text(name, matching(patternKey), maxLength(maxName))
}

func connectionID(o *object, name string) string {
	return o.text(name, matching(patternConnection), maxLength(maxName))
}
