package spec

import (
	"fmt"
	"reflect"
	"slices"

	"gopkg.in/yaml.v3"
)

// Overlay holds what the format has no words for, apart from the files that it
// goes with: own keys for entries of other people's files, by the name of the
// entry. It does not change; the nil Overlay is empty.
//
// An entry of an overlay names the auth_mode it is for. What it has besides:
//
//   - Own keys, which an entry of the same name and mode gets that does not have
//     them itself, not even as null.
//   - override, for what is wrong in a file as it is written: from a key of the
//     format to the value it should have (null takes the key away), the reason,
//     and optionally was, the wrong value. With was the key is only replaced as
//     long as it has that value.
//   - sources and checked, which are about the overlay and go nowhere.
//
// Aliases inherit from what an overlay made of an entry, if they have its mode.
type Overlay struct {
	files   []string
	entries map[string]*overlayEntry
}

type overlayEntry struct {
	mode      AuthMode
	own       []pair
	overrides []override
}

// override replaces a key of the format. A null value takes it away.
type override struct {
	pair
	was *yaml.Node // nil: whatever it was
}

// ReadOverlay reads the files of an overlay, and reports what is wrong with them.
// An entry with a rejected problem is left out. Of two files that have an entry
// of a name the later one counts. What only shows together with an entry is
// reported when that is loaded.
func ReadOverlay(files ...File) (*Overlay, []Problem) {
	o := &Overlay{entries: map[string]*overlayEntry{}}
	var all []Problem
	for i, f := range files {
		if f.Name == "" {
			f.Name = fmt.Sprintf("overlay %d", i+1)
		}
		o.files = append(o.files, f.Name)
		entries, problems := readFile(f)
		all = append(all, problems...)
		for _, raw := range entries {
			if raw.bad {
				continue
			}
			d := newDecoder(raw.name)
			d.at[""], d.file = raw.at, f.Name
			out := readOverlayEntry(d, raw)
			all = append(all, d.problems...)
			if !d.rejected() {
				o.entries[raw.name] = out
			}
		}
	}
	sortProblems(all, o.files)
	return o, all
}

func readOverlayEntry(d *decoder, raw rawEntry) *overlayEntry {
	out := &overlayEntry{}
	var checked []pair
	for _, p := range raw.pairs {
		d.at[p.key] = p.at
		switch {
		case p.key == "auth_mode":
			out.mode = AuthMode(p.value.Value)
		case p.key == "override":
			out.overrides = readOverrides(d, p)
		case isOwnKey(p.key):
			checked = append(checked, p)
			if p.key != "sources" && p.key != "checked" {
				p.overlay = true
				out.own = append(out.own, p)
			}
		case isKey(p.key):
			d.report(p.key, Rejected, "bad-value", "the key is one of the format, which an overlay changes under override, with a reason")
		default:
			d.report(p.key, Rejected, "unknown-key", "neither the format nor Tieline has a key of this name")
		}
	}
	if !out.mode.Valid() {
		d.report("auth_mode", Rejected, "auth-mode", "an overlay names the auth mode of the entries it is for")
	}
	for _, o := range out.overrides {
		checked = append(checked, o.pair)
	}
	// Decoding finds misspelt and mistyped keys even if no entry is ever loaded.
	d.provider(&Provider{}, slices.DeleteFunc(checked, func(p pair) bool { return p.overlay && isNull(p.value) }))
	return out
}

// isKey reports whether an entry may have a key, Tieline's own included.
func isKey(key string) bool { _, ok := keysOf(reflect.TypeFor[Provider]())[key]; return ok }

// isOwnKey reports whether a key is one of [OwnKeys], which is embedded.
func isOwnKey(key string) bool { return len(keysOf(reflect.TypeFor[Provider]())[key]) > 1 }

func readOverrides(d *decoder, p pair) []override {
	if !d.want(p.value, yaml.MappingNode, p.key, "a mapping") {
		return nil
	}
	var out []override
	d.pairs(p.value, p.key, func(key, item string, n *yaml.Node) {
		if !isKey(key) || isOwnKey(key) || key == aliasKey || key == "auth_mode" {
			d.report(item, Rejected, "bad-value", "only keys of the format can be overridden, other than alias and auth_mode")
			return
		}
		if !d.want(n, yaml.MappingNode, item, "a mapping") {
			return
		}
		o := override{pair: pair{key: key, at: d.at[item], overlay: true}}
		reason := ""
		d.pairs(n, item, func(part, at string, v *yaml.Node) {
			switch part {
			case "value":
				o.value = v
			case "was":
				o.was = v
			case "reason":
				reason = v.Value
			default:
				d.report(at, Rejected, "unknown-key", "an override has value, was and reason")
			}
		})
		if o.value == nil || reason == "" {
			d.report(item, Rejected, "missing-key", "an override needs a value and a reason")
			return
		}
		out = append(out, o)
	})
	return out
}

// apply lays the overlay over the resolved keys of an entry. own are the keys as
// they stand in its file.
func (o *Overlay) apply(name string, own, pairs []pair) []pair {
	if o == nil || o.entries[name] == nil || modeOf(pairs) != o.entries[name].mode {
		return pairs
	}
	entry := o.entries[name]
	out := slices.Clone(pairs)
	for _, add := range entry.own {
		given := slices.ContainsFunc(own, func(p pair) bool { return p.key == add.key })
		i := slices.IndexFunc(out, func(p pair) bool { return p.key == add.key })
		switch {
		case given, i >= 0 && !out[i].overlay:
		case i >= 0:
			out[i] = add
		default:
			out = append(out, add)
		}
	}
	for _, over := range entry.overrides {
		i := slices.IndexFunc(out, func(p pair) bool { return p.key == over.key })
		switch {
		case i < 0 && over.was == nil:
			out = append(out, over.pair)
		case i >= 0 && (over.was == nil || sameNode(out[i].value, over.was)):
			replaced := out[i]
			if replaced.original != nil {
				replaced = *replaced.original
			}
			out[i] = over.pair
			out[i].original = &replaced
		}
	}
	return out
}

// withoutOverlay returns the keys as they were before any overlay.
func withoutOverlay(pairs []pair) []pair {
	out := make([]pair, 0, len(pairs))
	for _, p := range pairs {
		switch {
		case !p.overlay:
			out = append(out, p)
		case p.original != nil:
			out = append(out, *p.original)
		}
	}
	return out
}

// withoutRemoved leaves out the keys that an overlay took away.
func withoutRemoved(pairs []pair) []pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.overlay && isNull(p.value) })
}

// blame makes of the problems that an entry has only because of the overlay
// problems of the overlay. Those that show elsewhere are put where it begins to
// have a say.
func (o *Overlay) blame(problems []Problem, at place) []Problem {
	var out []Problem
	for _, p := range problems {
		if p.Severity != Rejected {
			continue
		}
		if !slices.Contains(o.files, p.File) {
			p.File, p.Line, p.Column = at.file, at.line, at.col
		}
		p.Severity = Doubtful
		p.Message += "; the overlay does not fit the entry and is left out"
		out = append(out, p)
	}
	return out
}

func modeOf(pairs []pair) AuthMode {
	for _, p := range pairs {
		if p.key == "auth_mode" {
			return AuthMode(p.value.Value)
		}
	}
	return ""
}

// sameNode reports whether two values are the same, whatever their quotes and the
// order of their keys.
func sameNode(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || len(a.Content) != len(b.Content) {
		return false
	}
	switch a.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(a.Content); i += 2 {
			if other := valueOf(b, a.Content[i].Value); other == nil || !sameNode(a.Content[i+1], other) {
				return false
			}
		}
		return true
	case yaml.SequenceNode:
		for i := range a.Content {
			if !sameNode(a.Content[i], b.Content[i]) {
				return false
			}
		}
		return true
	}
	return isNull(a) && isNull(b) || a.Value == b.Value && isNull(a) == isNull(b)
}

// valueOf returns what is under a key of a mapping, nil when there is no such key.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
