package template

import "strconv"

// MissingError says that a variable has no value.
type MissingError struct {
	Field string
	Ref   Ref
}

// Error names the field and the variable.
func (e *MissingError) Error() string {
	return prefix(e.Field) + "${" + e.Ref.String() + "} has no value"
}

// ValueError says that the value of a variable must not stand where it would
// land. It never contains the value.
type ValueError struct {
	Field  string
	Ref    Ref
	Reason string
}

// Error names the field, the variable and the reason.
func (e *ValueError) Error() string {
	return prefix(e.Field) + "the value of ${" + e.Ref.String() + "} cannot be used: " + e.Reason
}

// SyntaxError says that a template cannot be read.
type SyntaxError struct {
	Field  string
	Offset int // in bytes, into the template
	Reason string
}

// Error names the field, the offset and the reason.
func (e *SyntaxError) Error() string {
	return prefix(e.Field) + "template, at offset " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

// UnknownRefError says that a template names a variable which does not exist
// for its field.
type UnknownRefError struct {
	Field  string
	Ref    Ref
	Offset int // in bytes, into the template
}

// Error names the field and the variable.
func (e *UnknownRefError) Error() string {
	return prefix(e.Field) + "there is no variable ${" + e.Ref.String() + "} here"
}

// UnsupportedError says that a template calls a function that needs the whole
// request, where there is none: [Env.Sign] is nil.
type UnsupportedError struct {
	Field string
	Func  string
}

// Error names the field and the function.
func (e *UnsupportedError) Error() string {
	return prefix(e.Field) + "${" + e.Func + "(...)} needs the whole request, which is not at hand here"
}

func prefix(field string) string {
	if field == "" {
		return ""
	}
	return field + ": "
}
