package schema

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxErrors is how many faults are reported at most; the search ends with the last.
const MaxErrors = 20

// Error is one fault of a JSON text. It quotes names of members, and never values:
// those may be secret.
type Error struct {
	// Path is a JSON pointer (RFC 6901) to the value at fault, "" for the whole. For
	// a member that is missing, it is where the member should be. Names longer than
	// 100 bytes are cut short and end in "…".
	Path string
	// Reason is the rest of a sentence of which the value is the subject.
	Reason string
}

// Error is the path, if there is one, and the reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return "the value " + e.Reason
	}
	return e.Path + " " + e.Reason
}

// Errors are the faults of a JSON text in the order in which they were met: a value
// of the wrong type at its start, what is missing from an object at its end.
type Errors []*Error

// Error has a line for each fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find an [*Error].
func (e Errors) Unwrap() []error {
	all := make([]error, len(e))
	for i, err := range e {
		all[i] = err
	}
	return all
}

// step is one level of a path: a name, a place in a list, or neither yet.
type step struct {
	name  []byte
	index int
}

const (
	byName = -1 // an index: the step is its name
	unset  = -2 // an index: between two members
)

// appendPointer writes a step of a path as RFC 6901 has it.
func appendPointer(b []byte, s step) []byte {
	switch {
	case s.index == unset:
		return b
	case s.index >= 0:
		return strconv.AppendInt(append(b, '/'), int64(s.index), 10)
	}
	name, cut := s.name, false
	if len(name) > 100 {
		name, cut = name[:100], true
		for len(name) > 0 && !utf8.Valid(name) {
			name = name[:len(name)-1]
		}
	}
	b = append(b, '/')
	for _, c := range name {
		switch c {
		case '~':
			b = append(b, "~0"...)
		case '/':
			b = append(b, "~1"...)
		default:
			b = append(b, c)
		}
	}
	if cut {
		b = append(b, "…"...)
	}
	return b
}
