package spec

import (
	"fmt"
	"maps"
	"slices"
)

// File is one provider file.
type File struct {
	Name string // for problems
	Data []byte
}

// Source is where an entry may be inherited from that is in none of the files
// being loaded: a [Set], or a catalog.
type Source interface {
	Lookup(name string) (*Entry, bool)
}

// Set holds the usable entries of some files. It does not change; the nil Set is
// empty.
type Set struct {
	entries map[string]*Entry
	names   []string
}

// Names returns the names of the entries, sorted.
func (s *Set) Names() []string {
	if s == nil {
		return nil
	}
	return slices.Clone(s.names)
}

// Lookup returns the entry called name. It is shared: callers must not change
// it.
func (s *Set) Lookup(name string) (*Entry, bool) {
	if s == nil {
		return nil, false
	}
	e, ok := s.entries[name]
	return e, ok
}

// Load reads provider files and returns what is usable of them, and everything
// that is wrong with them, in the order of the files. A later file overlays an
// earlier one: an entry replaces the entry of the same name as a whole, or
// builds on it by naming it as its alias.
//
// A bad entry is left out and takes no other with it, unless that one inherits
// from it.
func Load(files ...File) (*Set, []Problem) {
	return LoadOver(nil, files...)
}

// LoadOver is Load for files whose entries may also inherit from base. The Set
// holds the entries of the files only.
func LoadOver(base Source, files ...File) (*Set, []Problem) {
	return Options{Base: base}.Load(files...)
}

// Options are what files are loaded with. The zero Options are those of [Load].
type Options struct {
	Base    Source   // what entries may inherit from that is in none of the files
	Overlay *Overlay // laid over the entries of the files, not over those of Base

	// Inspect is called for every entry of the files whose alias, if it has one, leads
	// somewhere, in the order of their names. Nil: nobody is told.
	Inspect func(Written)
}

// Load is [Load] with options. An overlay that makes an entry unusable is left
// out of it, and what was wrong is reported as doubtful, in the overlay's file.
func (o Options) Load(files ...File) (*Set, []Problem) {
	l := &loader{base: o.Base, overlay: o.Overlay, inspect: o.Inspect, versions: map[string][]rawEntry{}, done: map[string]*resolution{}}
	var order []string
	for i, f := range files {
		if f.Name == "" {
			f.Name = fmt.Sprintf("file %d", i+1)
		}
		order = append(order, f.Name)
		entries, problems := readFile(f)
		l.problems = append(l.problems, problems...)
		for _, e := range entries {
			l.versions[e.name] = append(l.versions[e.name], e)
		}
	}
	set := &Set{entries: make(map[string]*Entry, len(l.versions))}
	for _, name := range slices.Sorted(maps.Keys(l.versions)) {
		if e := l.entry(name); e != nil {
			set.entries[name] = e
			set.names = append(set.names, name)
		}
	}
	if o.Overlay != nil {
		order = append(order, o.Overlay.files...)
	}
	sortProblems(l.problems, order)
	return set, l.problems
}

// loader resolves and compiles what the files hold.
type loader struct {
	base     Source
	overlay  *Overlay
	inspect  func(Written)
	versions map[string][]rawEntry // of each name, in the order of the files
	done     map[string]*resolution
	problems []Problem
}

// entry returns the finished entry called name, nil when it is rejected.
func (l *loader) entry(name string) *Entry {
	versions := l.versions[name]
	last := len(versions) - 1
	raw := versions[last]
	if raw.bad {
		return nil
	}
	r := l.resolve(name, last)
	if r.reason != "" {
		at := raw.aliasAt()
		l.problems = append(l.problems, Problem{File: at.file, Line: at.line, Column: at.col, Entry: name, Key: "alias", Severity: Rejected, Code: r.code, Message: r.reason})
		return nil
	}
	if l.inspect != nil {
		l.inspect(written(raw, withoutRemoved(r.pairs)))
	}
	e, problems := build(name, raw.at, withoutRemoved(r.pairs), r.dropped)
	if first := slices.IndexFunc(r.pairs, func(p pair) bool { return p.overlay }); e == nil && first >= 0 {
		var own []Problem
		at := r.pairs[first].at
		if e, own = build(name, raw.at, withoutOverlay(r.pairs), r.dropped); e != nil {
			own = append(own, l.overlay.blame(problems, at)...)
		}
		problems = own
	}
	l.problems = append(l.problems, problems...)
	return e
}

// build makes an entry of its resolved keys. It is nil when it is rejected.
func build(name string, at place, pairs []pair, dropped []drop) (*Entry, []Problem) {
	d := newDecoder(name)
	d.at[""] = at
	e := &Entry{Name: name}
	d.provider(&e.Provider, pairs)
	e.Alias = ""
	if !d.rejected() {
		c := newChecker(d, e)
		c.compile()
		c.checkKeys()
		if !d.rejected() {
			c.checkEntry(e)
		}
		c.dropped(dropped)
	}
	if d.rejected() {
		return nil, d.problems
	}
	return e, d.problems
}

// rejected reports whether a problem so far makes the entry unusable.
func (d *decoder) rejected() bool {
	for _, p := range d.problems {
		if p.Severity == Rejected {
			return true
		}
	}
	return false
}
