// Package catalogtool is what the command catalog/cmd/catalog does: it checks provider
// files, compares them, shows and converts entries, and writes what is generated of the
// built-in catalog.
package catalogtool

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// Severity says how bad a [Finding] is.
type Severity string

// The severities. The first two are those of the loader.
const (
	Rejected Severity = "rejected" // the entry cannot be used
	Doubtful Severity = "doubtful" // the entry is used, and somebody should look at it
	House    Severity = "house"    // the entry is not what the built-in catalog asks of its own
	Note     Severity = "note"     // the entry works here; other programs read it differently
)

// Finding is something that [Lint] found.
type Finding struct {
	File         string
	Line, Column int    // from 1; 0 when it has no place
	Entry        string // empty when it is about a file
	Key          string // dotted; empty when it is about the entry
	Severity     Severity
	Code         string
	Message      string
}

// String returns "file:line:column: severity: code: entry: key: message", without the
// parts that are empty.
func (f Finding) String() string {
	parts := []string{f.File, string(f.Severity), f.Code, f.Entry, f.Key, f.Message}
	if f.Line > 0 {
		parts[0] = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}

// fromProblem makes a Finding of what the loader found.
func fromProblem(p spec.Problem) Finding {
	f := Finding{File: p.File, Line: p.Line, Column: p.Column, Entry: p.Entry, Key: p.Key, Severity: Doubtful, Code: p.Code, Message: p.Message}
	if p.Severity == spec.Rejected {
		f.Severity = Rejected
	}
	return f
}

// sortFindings orders findings by file as given, then by place.
func sortFindings(findings []Finding, files []spec.File) {
	order := make(map[string]int, len(files))
	for i, f := range files {
		order[f.Name] = i
	}
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(order[a.File], order[b.File]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Entry, b.Entry),
			strings.Compare(a.Key, b.Key),
			strings.Compare(a.Code, b.Code),
		)
	})
}
