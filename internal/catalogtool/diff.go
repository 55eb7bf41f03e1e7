package catalogtool

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// DiffOptions say what [Diff] prints.
type DiffOptions struct {
	Names bool     // list the entries that only one side has
	Only  []string // keys, with what is under them; empty: all but where facts come from
}

// provenance are the keys that are not compared unless they are named.
var provenance = []string{"sources", "checked"}

// Diff prints how the entries of two sets of files differ once all that they inherit is
// resolved. Of each key it prints the value of the first set, and that of the second.
func Diff(out io.Writer, theirs, ours []spec.File, o DiffOptions) error {
	a, _, _ := inspect(theirs)
	b, _, _ := inspect(ours)
	var onlyA, onlyB []string
	shared, differing, keys := 0, 0, 0
	w := &printer{out: out}
	for _, name := range sortedKeys(a) {
		if _, ok := b[name]; !ok {
			onlyA = append(onlyA, name)
			continue
		}
		shared++
		lines := o.compare(a[name].Provider, b[name].Provider)
		if len(lines) == 0 {
			continue
		}
		differing++
		keys += len(lines)
		w.printf("%s\n  %s\n", name, strings.Join(lines, "\n  "))
	}
	for _, name := range sortedKeys(b) {
		if _, ok := a[name]; !ok {
			onlyB = append(onlyB, name)
		}
	}
	if o.Names {
		w.names("only in the file", onlyA)
		w.names("only in the built-in catalog", onlyB)
	}
	w.printf("%d entries in both: %d alike, %d differ, in %d keys; %d only in the file, %d only in the built-in catalog\n",
		shared, shared-differing, differing, keys, len(onlyA), len(onlyB))
	return w.err
}

// printer prints until something fails.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format, args...)
	}
}

func (p *printer) names(what string, names []string) {
	if len(names) > 0 {
		p.printf("%s:\n  %s\n", what, strings.Join(names, "\n  "))
	}
}

// wants reports whether a key is compared.
func (o DiffOptions) wants(key string) bool {
	if len(o.Only) == 0 {
		return !slices.ContainsFunc(provenance, func(p string) bool { return under(key, p) })
	}
	return slices.ContainsFunc(o.Only, func(only string) bool { return under(key, strings.TrimSpace(only)) })
}

// under reports whether a dotted key is another, or below it.
func under(key, top string) bool {
	rest, ok := strings.CutPrefix(key, top)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// compare returns a line for every key that differs.
func (o DiffOptions) compare(a, b spec.Provider) []string {
	before, after := flatten(a), flatten(b)
	keys := slices.Clone(before.keys)
	for _, key := range after.keys {
		if _, ok := before.values[key]; !ok {
			keys = append(keys, key)
		}
	}
	slices.SortStableFunc(keys, func(a, b string) int { // what belongs together stands together
		return cmp.Or(rank(topOf(a))-rank(topOf(b)), strings.Compare(topOf(a), topOf(b)))
	})
	var lines []string
	for _, key := range keys {
		from, to := before.values[key], after.values[key]
		if from == to || !o.wants(key) {
			continue
		}
		line := fmt.Sprintf("%s: %s → %s", key, shown(from), shown(to))
		if sameURL(from, to) {
			line += "  (the same but for a slash at the end)"
		}
		lines = append(lines, line)
	}
	return lines
}

// topOf returns the first part of a dotted key.
func topOf(key string) string {
	top, _, _ := strings.Cut(key, ".")
	return top
}

// absent is shown where a side lacks a key.
const absent = "–"

// longest is how much of a value is shown, in bytes.
const longest = 240

func shown(value string) string {
	switch {
	case value == "":
		return absent
	case len(value) > longest:
		return strings.ToValidUTF8(value[:longest], "") + "…"
	}
	return value
}

// sameURL reports whether two values are URLs that differ in a slash at the end only.
func sameURL(a, b string) bool {
	if !strings.Contains(a, "://") && !strings.HasPrefix(a, `"${`) {
		return false
	}
	trim := func(s string) string { return strings.TrimSuffix(strings.Trim(s, `"`), "/") }
	return trim(a) == trim(b)
}

// flat is an entry as dotted keys and their values as JSON, in the order of the keys.
type flat struct {
	keys   []string
	values map[string]string
}

func flatten(p spec.Provider) flat {
	out := flat{values: map[string]string{}}
	var walk func(path string, v spec.Value)
	walk = func(path string, v spec.Value) {
		if v.Kind == spec.Object && len(v.Map) > 0 {
			for _, m := range v.Map {
				walk(path+"."+m.Name, m.Value)
			}
			return
		}
		data, err := v.MarshalJSON()
		if err != nil {
			panic("catalogtool: a value cannot be written: " + err.Error())
		}
		out.keys = append(out.keys, path)
		out.values[path] = string(data)
	}
	for _, m := range inOrder(valueOf(p)) {
		walk(m.Name, m.Value)
	}
	return out
}
