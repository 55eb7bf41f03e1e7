package tieline

import "github.com/tieline/tieline/internal/spec"

// Severity says what a [Problem] means for a provider.
type Severity int

const (
	// SeverityDoubtful: the provider is usable; someone should look at the entry.
	SeverityDoubtful Severity = iota
	// SeverityRejected: the entry cannot be used as written, and the provider is
	// not in the catalog.
	SeverityRejected
)

// String returns "doubtful" or "rejected".
func (s Severity) String() string {
	if s == SeverityRejected {
		return "rejected"
	}
	return "doubtful"
}

// Problem is something wrong with a provider file, and where. It holds nothing
// that anyone typed into a form, only what the file says.
type Problem struct {
	File string
	// Line and Column count from 1; they are 0 when the problem has no place.
	Line   int
	Column int
	// Entry is the name of the provider, empty when the file as a whole is bad.
	Entry string
	// Key is the dotted path of the key: "proxy.headers.authorization".
	Key      string
	Severity Severity
	// Code names the kind of problem, such as "unknown-key". The codes are listed
	// in docs/provider-format.md.
	Code    string
	Message string
}

// String returns "file:line:column: entry: key: message".
func (p Problem) String() string {
	return spec.Problem{File: p.File, Line: p.Line, Column: p.Column, Entry: p.Entry, Key: p.Key, Message: p.Message}.String()
}

func newProblem(p spec.Problem) Problem {
	severity := SeverityDoubtful
	if p.Severity == spec.Rejected {
		severity = SeverityRejected
	}
	return Problem{File: p.File, Line: p.Line, Column: p.Column, Entry: p.Entry, Key: p.Key, Severity: severity, Code: p.Code, Message: p.Message}
}
