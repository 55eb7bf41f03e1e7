// Package catalog holds the providers that Tieline knows from the start: the
// YAML files in providers, which people edit, and builtin.jsonl, which is
// generated from them and compiled into the program.
//
// Importing the package costs nothing but the size of that text: nothing is
// parsed until a provider is looked up, and then only that one.
package catalog

import (
	_ "embed"
	"iter"
	"strings"
)

//go:generate go run ./gen

// builtin has one line for each provider: its name, a tab, and its resolved
// entry as JSON. Lines are sorted by name, and each ends in a line feed.
//
//go:embed builtin.jsonl
var builtin string

// Lookup returns the entry of a provider as JSON, with the keys of the provider
// format and aliases resolved, and whether there is one. The text is part of the
// program and costs nothing to keep.
func Lookup(name string) (entry string, ok bool) {
	return lookup(builtin, name)
}

// Names yields the names of all providers in order.
func Names() iter.Seq[string] {
	return names(builtin)
}

// lookup finds the line that begins with name by halving the text.
func lookup(lines, name string) (string, bool) {
	for lines != "" {
		// The line around the middle begins after the line feed before it.
		middle := strings.LastIndexByte(lines[:len(lines)/2], '\n') + 1
		line, rest, _ := strings.Cut(lines[middle:], "\n")
		have, entry, _ := strings.Cut(line, "\t")
		switch strings.Compare(name, have) {
		case 0:
			return entry, true
		case -1:
			lines = lines[:middle]
		default:
			lines = rest
		}
	}
	return "", false
}

func names(lines string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(lines) {
			name, _, _ := strings.Cut(line, "\t")
			if !yield(name) {
				return
			}
		}
	}
}
