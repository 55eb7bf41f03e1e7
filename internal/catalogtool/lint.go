package catalogtool

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// LintOptions are what files are checked for beside what the loader reports.
type LintOptions struct {
	House bool        // the rules of the built-in catalog
	Files bool        // with House: entries stand in the file that is named for them
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
	l.once()
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
	passedOn []Finding // about keys that are inherited
}

// each calls f for every entry, in the order of their names.
func (l *linter) each(f func(spec.Written)) {
	for _, name := range slices.Sorted(maps.Keys(l.written)) {
		f(l.written[name])
	}
}

// finding makes a Finding about a key of an entry.
func finding(w spec.Written, key string, s Severity, code, message string) Finding {
	f := Finding{Entry: w.Name, Key: key, Severity: s, Code: code, Message: message}
	f.File, f.Line, f.Column = w.Place(key)
	return f
}

// breaks reports a rule that an entry breaks.
func (l *linter) breaks(w spec.Written, key, code, message string) {
	f := finding(w, key, House, code, message)
	if top, _, _ := strings.Cut(strings.ReplaceAll(key, "[", "."), "."); w.Inherits[top] != "" {
		l.passedOn = append(l.passedOn, f)
		return
	}
	l.findings = append(l.findings, f)
}

// once adds what is wrong with inherited keys, where it was not reported already of
// the entry that has them first, and where that is in the files at all.
func (l *linter) once() {
	where := func(f Finding) string { return fmt.Sprint(f.File, f.Line, f.Column, f.Key, f.Code) }
	told := map[string]bool{}
	for _, f := range l.findings {
		told[where(f)] = true
	}
	for _, f := range l.passedOn {
		if f.Line > 0 && !told[where(f)] {
			told[where(f)] = true
			l.findings = append(l.findings, f)
		}
	}
}

// note reports what other programs make something else of.
func (l *linter) note(w spec.Written, key, code, message string) {
	l.findings = append(l.findings, finding(w, key, Note, code, message))
}

// said reports whether the loader has reported a code for a key.
func (l *linter) said(w spec.Written, key, code string) bool {
	return l.reported[w.Name+" "+key+" "+code]
}
