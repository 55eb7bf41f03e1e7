package spec

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// resolution is an entry with everything it inherits.
type resolution struct {
	pairs   []pair
	dropped []drop
	length  int    // of the chain of aliases
	running bool   // being resolved: meeting it again is a cycle
	reason  string // why it cannot be resolved
	code    string
}

// drop is something that an alias had inherited and lost by giving a key anew.
type drop struct {
	key  string // the one given anew
	what string // what was under it
	from string
}

// maxAliases is how long a chain of aliases may be. Without a limit a file of a
// few megabytes could ask for gigabytes.
const maxAliases = 16

// aliasKey is the only key that is gone once an entry is resolved.
const (
	aliasKey   = "alias"
	serviceKey = "service"
	methodsKey = "methods"
)

// alias returns the name an entry inherits from, "" when from none.
func (e *rawEntry) alias() string {
	for _, p := range e.pairs {
		if p.key == aliasKey && p.value.Kind == yaml.ScalarNode && p.value.ShortTag() != "!!null" {
			return p.value.Value
		}
	}
	return ""
}

func (e *rawEntry) aliasAt() place {
	for _, p := range e.pairs {
		if p.key == aliasKey {
			return p.at
		}
	}
	return e.at
}

// resolve returns the keys of the i-th version of an entry, those it inherits
// included. The result does not depend on the order of entries in a file.
//
// The rule is that of the format: each key an alias gives replaces the
// inherited one as a whole, however little of it is given, and null takes it
// away. An alias to the entry's own name means what an earlier file has under
// that name.
func (l *loader) resolve(name string, i int) *resolution {
	id := fmt.Sprintf("%d/%s", i, name)
	if r, ok := l.done[id]; ok {
		if r.running {
			return &resolution{code: "alias-cycle", reason: "the aliases lead back to this entry"}
		}
		return r
	}
	r := &resolution{running: true}
	l.done[id] = r
	*r = l.resolveNew(name, i)
	return r
}

func (l *loader) resolveNew(name string, i int) resolution {
	raw := &l.versions[name][i]
	if raw.service != "" {
		return l.resolveMethod(name, i)
	}
	target := raw.alias()
	if target == "" {
		return resolution{pairs: l.overlay.apply(name, raw.pairs, raw.pairs)}
	}
	inherited := l.target(name, i, target)
	switch {
	case inherited.reason != "":
		return inherited
	case inherited.length == maxAliases:
		return resolution{code: "alias-chain", reason: fmt.Sprintf("the chain of aliases is longer than %d", maxAliases)}
	}
	pairs := inherited.pairs
	if target != name {
		pairs = withoutService(pairs)
	}
	out := merge(raw, pairs, target)
	if modeOf(out.pairs) != modeOf(inherited.pairs) {
		out.pairs = withoutOverlay(out.pairs)
	}
	out.pairs = l.overlay.apply(name, raw.pairs, out.pairs)
	out.length = inherited.length + 1
	return out
}

// target returns what an entry inherits from.
func (l *loader) target(name string, i int, target string) resolution {
	version := len(l.versions[target]) - 1
	if target == name {
		version = i - 1
	}
	if version < 0 {
		if l.base != nil {
			if e, ok := l.base.Lookup(target); ok {
				return resolution{pairs: pairsOf(e.Provider)}
			}
		}
		if target == name {
			return resolution{code: "alias-cycle", reason: "the entry is an alias of itself, and no earlier file has one of this name"}
		}
		return resolution{code: "alias-missing", reason: fmt.Sprintf("there is no entry %q to inherit from", target)}
	}
	if l.versions[target][version].bad {
		return resolution{code: "alias-rejected", reason: fmt.Sprintf("the entry %q it inherits from is rejected", target)}
	}
	r := l.resolve(target, version)
	if r.reason != "" {
		return resolution{code: r.code, reason: fmt.Sprintf("inheriting from %q: %s", target, r.reason)}
	}
	return *r
}

// merge lays the keys of an alias over those it inherits.
func merge(raw *rawEntry, inherited []pair, target string) resolution {
	var out resolution
	own := make(map[string]pair, len(raw.pairs))
	for _, p := range raw.pairs {
		own[p.key] = p
	}
	for _, p := range inherited {
		mine, ok := own[p.key]
		if !ok {
			if p.from == "" {
				p.from = target
			}
			out.pairs = append(out.pairs, p)
			continue
		}
		out.dropped = append(out.dropped, drops(p, mine, target)...)
	}
	for _, p := range raw.pairs {
		if p.key != aliasKey && !isNull(p.value) {
			out.pairs = append(out.pairs, p)
		}
	}
	return out
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// keptUnder lists what is easily lost: the parts of the proxy key that say how
// an API behaves, and any field of a form.
var keptUnder = map[string][]string{
	"proxy":             {"retry", "paginate", "decompress"},
	"connection_config": nil,
	"credentials":       nil,
}

// drops lists what the inherited key had and the new one has not. A key that is
// given as null was taken away on purpose.
func drops(inherited, mine pair, target string) []drop {
	wanted, ok := keptUnder[mine.key]
	if !ok || isNull(mine.value) || inherited.value.Kind != yaml.MappingNode {
		return nil
	}
	var out []drop
	for i := 0; i+1 < len(inherited.value.Content); i += 2 {
		name := inherited.value.Content[i].Value
		if (wanted == nil || slices.Contains(wanted, name)) && !hasKey(mine.value, name) {
			out = append(out, drop{key: mine.key, what: name, from: target})
		}
	}
	return out
}

func hasKey(n *yaml.Node, key string) bool { return valueOf(n, key) != nil }

// dropped reports what an alias lost.
func (c *checker) dropped(drops []drop) {
	lost := map[string][]string{}
	from := map[string]string{}
	for _, d := range drops {
		lost[d.key] = append(lost[d.key], d.what)
		from[d.key] = d.from
	}
	for _, key := range []string{"proxy", "connection_config", "credentials"} {
		if len(lost[key]) == 0 {
			continue
		}
		c.doubt(key, "alias-drops", fmt.Sprintf("giving %s anew drops what %s has under it: %s", key, from[key], strings.Join(lost[key], ", ")))
	}
}

// builtinFile names the place of what was inherited from a Source.
const builtinFile = "(loaded before)"

// pairsOf turns a decoded entry back into keys.
func pairsOf(p Provider) []pair {
	data, err := json.Marshal(p)
	if err != nil {
		panic("spec: an entry that was read cannot be written: " + err.Error())
	}
	var v Value
	if err := v.UnmarshalJSON(data); err != nil {
		panic("spec: an entry that was written cannot be read: " + err.Error())
	}
	out := make([]pair, 0, len(v.Map))
	for _, m := range v.Map {
		out = append(out, pair{key: m.Name, at: place{file: builtinFile}, value: m.Value.node()})
	}
	return out
}
