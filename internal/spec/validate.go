package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxValue is the longest value of a field, in bytes.
const maxValue = 8192

// ValidateOptions say how much of a form is at hand.
type ValidateOptions struct {
	// AllowUnknown accepts values for which there is no field.
	AllowUnknown bool
	// Known are names that are accepted although no field is declared for them,
	// such as [Entry.ConfigNames].
	Known []string
	// Partial leaves out what is not given: nothing is required, and no default
	// is filled in.
	Partial bool
}

// FieldProblem says what is wrong with one value. It never contains the value.
type FieldProblem struct {
	Name    string
	Code    string // one of the constants below
	Message string
}

// Error names the field and says what is wrong.
func (p FieldProblem) Error() string { return p.Name + ": " + p.Message }

// The codes of a [FieldProblem].
const (
	ProblemRequired = "required" // there is no value
	ProblemUnknown  = "unknown"  // there is no such field
	ProblemTooLong  = "too-long" // the value has more than 8192 bytes
	ProblemEncoding = "encoding" // the value is not valid UTF-8
	ProblemControl  = "control"  // the value has control characters
	ProblemInvalid  = "invalid"  // the value does not fit pattern, format or enum
)

// Validate checks what was given for a form, and returns the values to use,
// which of them are secret, and what is wrong. The rules are those that a form
// applies in a browser, applied where they count:
//
//   - A field without a value takes its default. Without one it is required,
//     unless it is optional, or hidden, or automated: then something else
//     supplies it.
//   - Blank is no value. Spaces around a value are taken off, and line breaks at
//     its end; of a secret only the line breaks.
//   - A prefix or suffix that the form shows around the field is taken off when
//     it was typed along and the template has it already.
//   - enum, format and pattern must fit. Patterns are matched as JavaScript does,
//     anywhere in the value unless they are anchored. A pattern that RE2 cannot
//     compile is not enforced; loading the entry reported it.
//   - Values are valid UTF-8 of at most 8192 bytes without control characters.
//     Only a PEM block or a JSON document may have several lines.
//   - A field that visible_when hides is neither required nor used.
func (fs Fields) Validate(given map[string]string, o ValidateOptions) (values map[string]string, secret map[string]bool, problems []FieldProblem) {
	v := validation{fields: fs, given: given, options: o, values: map[string]string{}, secret: map[string]bool{}}
	for _, f := range fs {
		if v.visible(f, nil) {
			v.field(f)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, declared := fs.Get(name); declared {
			continue
		}
		if !o.AllowUnknown && !slices.Contains(o.Known, name) {
			v.problem(name, ProblemUnknown, "there is no field of this name")
			continue
		}
		if value, ok := v.clean(Field{Name: name}); ok {
			v.values[name] = value
			v.secret[name] = LooksSecret(name)
		}
	}
	return v.values, v.secret, v.problems
}

// validation is one run of Validate.
type validation struct {
	fields   Fields
	given    map[string]string
	options  ValidateOptions
	values   map[string]string
	secret   map[string]bool
	problems []FieldProblem
}

func (v *validation) problem(name, code, message string) {
	v.problems = append(v.problems, FieldProblem{Name: name, Code: code, Message: message})
}

// visible reports whether a field is shown, which may depend on a field that
// depends on another. A cycle hides nothing.
func (v *validation) visible(f Field, seen []string) bool {
	w := f.VisibleWhen
	if w == nil || slices.Contains(seen, f.Name) {
		return true
	}
	on, ok := v.fields.Get(w.Field)
	if !ok {
		return true
	}
	if !v.visible(on, append(seen, f.Name)) {
		return false
	}
	value := strings.TrimSpace(v.given[on.Name])
	if value == "" && on.DefaultValue != nil {
		value = *on.DefaultValue
	}
	return value == w.Equals
}

func (v *validation) field(f Field) {
	value, ok := v.clean(f)
	switch {
	case !ok:
	case value == "":
		v.absent(f)
	default:
		if reason := f.reason(value); reason != "" {
			v.problem(f.Name, ProblemInvalid, f.explain(reason))
			return
		}
		v.set(f, value)
	}
}

func (v *validation) set(f Field, value string) {
	v.values[f.Name] = value
	v.secret[f.Name] = f.IsSecret()
}

// absent handles a field without a value.
func (v *validation) absent(f Field) {
	switch {
	case v.options.Partial:
	case f.DefaultValue != nil:
		v.set(f, *f.DefaultValue)
	case f.Required():
		v.problem(f.Name, ProblemRequired, "a value is required")
	}
}

// explain adds to a reason what a person needs to do better.
func (f Field) explain(reason string) string {
	switch {
	case len(f.Enum) > 0:
		return reason + ": " + strings.Join(f.Enum, ", ")
	case f.Example != "":
		return reason + ", such as " + f.Example
	}
	return reason
}

// clean returns what was given for a field without what does not belong to the
// value, "" when nothing was; or false when it is bad.
func (v *validation) clean(f Field) (string, bool) {
	value := strings.TrimRight(v.given[f.Name], "\r\n")
	if !f.IsSecret() {
		value = strings.TrimSpace(value)
	}
	switch {
	case strings.TrimSpace(value) == "":
		return "", true
	case len(value) > maxValue:
		v.problem(f.Name, ProblemTooLong, fmt.Sprintf("the value is longer than %d bytes", maxValue))
	case !utf8.ValidString(value):
		v.problem(f.Name, ProblemEncoding, "the value is not valid UTF-8")
	case hasControl(value):
		v.problem(f.Name, ProblemControl, "the value contains control characters or line breaks")
	default:
		return f.strip(value), true
	}
	return "", false
}

// hasControl reports whether a value has characters that no single line of text
// has. Keys come as PEM or as JSON, which have several lines.
func hasControl(value string) bool {
	lines := strings.Contains(value, "-----BEGIN ") || strings.HasPrefix(value, "{") && json.Valid([]byte(value))
	for _, r := range value {
		switch {
		case lines && (r == '\n' || r == '\r' || r == '\t'):
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029':
			return true
		}
	}
	return false
}
