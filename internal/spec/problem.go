package spec

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Severity says what a [Problem] means for the entry.
type Severity int

const (
	// Doubtful: the entry is usable; someone should look at it.
	Doubtful Severity = iota
	// Rejected: the entry cannot be used as written and was left out.
	Rejected
)

// String returns "doubtful" or "rejected".
func (s Severity) String() string {
	if s == Rejected {
		return "rejected"
	}
	return "doubtful"
}

// Problem is something wrong with a provider file.
type Problem struct {
	File     string
	Line     int // from 1; 0 when it has no place
	Column   int // from 1
	Entry    string
	Key      string // dotted, such as "proxy.headers.authorization"
	Severity Severity
	// Code names the kind of problem, for counting and filtering:
	// "unknown-key", "host-unconstrained".
	Code    string
	Message string
}

// String returns "file:line:column: entry: key: message", without the parts
// that are empty.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	for _, part := range []string{p.Entry, p.Key, p.Message} {
		if part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(": ")
		}
		b.WriteString(part)
	}
	return b.String()
}

// sortProblems orders problems by file as given, then by place.
func sortProblems(problems []Problem, files []string) {
	order := make(map[string]int, len(files))
	for i, f := range files {
		order[f] = i
	}
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order[a.File], order[b.File]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			strings.Compare(a.Entry, b.Entry),
		)
	})
}
