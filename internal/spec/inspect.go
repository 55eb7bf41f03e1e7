package spec

import "maps"

// Written is an entry as files have it, with everything it inherits, whether or not
// it can be used. It is for programs that work on the files themselves.
type Written struct {
	Name     string
	Alias    string // what the entry names as its alias; empty when it names none
	Provider Provider
	Inherits map[string]string // of the top-level keys that are inherited, from which entry

	places *decoder
}

// Place returns where a key stands, by its dotted path, or the nearest thing around
// it that is written in a file. The empty path is the entry itself. The line and the
// column count from 1.
func (w Written) Place(path string) (file string, line, column int) {
	at := w.places.placeOf(path)
	return at.file, at.line, at.col
}

// written makes a Written of a resolved entry. What is wrong with it is reported
// where the entry is built.
func written(raw rawEntry, pairs []pair) Written {
	d := newDecoder(raw.name)
	d.at[""] = raw.at
	w := Written{Name: raw.name, Alias: raw.alias(), places: d}
	d.provider(&w.Provider, pairs)
	w.Provider.Alias = ""
	w.Inherits = maps.Clone(d.inherits)
	return w
}
