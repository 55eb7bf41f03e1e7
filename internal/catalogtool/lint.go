package catalogtool

import (
	"maps"
	"slices"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// LintOptions are what files are checked for beside what the loader reports.
type LintOptions struct {
	House bool        // the rules of the built-in catalog
	Notes bool        // what other programs read differently
	Now   time.Time   // no date is later than this
	Base  spec.Source // what entries may inherit from that is in none of the files; may be nil
}

// Lint returns everything that is wrong with provider files, in the order of the files
// and of their lines.
func Lint(files []spec.File, o LintOptions) []Finding {
	l := &linter{options: o, written: map[string]spec.Written{}, reported: map[string]bool{}}
	var problems []spec.Problem
	l.set, problems = spec.Options{Base: o.Base, Inspect: func(w spec.Written) { l.written[w.Name] = w }}.Load(files...)
	for _, p := range problems {
		l.findings = append(l.findings, fromProblem(p))
		l.reported[p.Entry+" "+p.Key+" "+p.Code] = true
	}
	if o.House {
		l.house(files)
	}
	if o.Notes {
		l.each(l.notes)
	}
	sortFindings(l.findings, files)
	return l.findings
}

// linter collects findings.
type linter struct {
	options  LintOptions
	set      *spec.Set
	written  map[string]spec.Written
	reported map[string]bool // "entry key code" of what the loader has said
	findings []Finding
}

// each calls f for every entry, in the order of their names.
func (l *linter) each(f func(spec.Written)) {
	for _, name := range slices.Sorted(maps.Keys(l.written)) {
		f(l.written[name])
	}
}

// report adds a finding about a key of an entry.
func (l *linter) report(w spec.Written, key string, s Severity, code, message string) {
	f := Finding{Entry: w.Name, Key: key, Severity: s, Code: code, Message: message}
	f.File, f.Line, f.Column = w.Place(key)
	l.findings = append(l.findings, f)
}

func (l *linter) breaks(w spec.Written, key, code, message string) {
	l.report(w, key, House, code, message)
}

func (l *linter) note(w spec.Written, key, code, message string) {
	l.report(w, key, Note, code, message)
}

// said reports whether the loader has reported a code for a key.
func (l *linter) said(w spec.Written, key, code string) bool {
	return l.reported[w.Name+" "+key+" "+code]
}
