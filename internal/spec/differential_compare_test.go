package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// diff is one field in which the two readings of an entry differ.
type diff struct {
	entry    refEntry
	compiled *Entry // nil when it was rejected
	world    string
	call     string // which request
	field    string // of it; empty when only one side makes it
	ref, our string // the two values; for a whole request "sent", or why not
	hole     bool   // the reference's request has a variable in it that nothing replaced
	filled   string // what ref would be had a form filled in its defaults
}

func (d diff) String() string {
	return fmt.Sprintf("%s (%s): %s %s: reference %q, here %q", d.entry.name, d.world, d.call, d.field, d.ref, d.our)
}

// absent is the value of a field that a side does not send.
const absent = "(absent)"

// TestDifferential compares what the reference system would send for each entry of
// its own provider file with what is sent here, field by field. Every difference has
// to be one that was looked at: see reviewed.
func TestDifferential(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	entries := refLoad(t, nangoFile(t))
	if len(entries) != 981 {
		t.Fatalf("%d entries, want 981", len(entries))
	}
	var found []diff
	compared := 0
	for _, e := range entries {
		compiled, _ := set.Lookup(e.name)
		all := worlds(t, e, compiled)
		for _, world := range slices.Sorted(maps.Keys(all)) {
			d, n := compare(e, compiled, world, all[world])
			found = append(found, d...)
			compared += n
		}
		found = append(found, compareKeys(e, compiled)...)
	}
	t.Logf("%d fields of %d entries compared", compared, len(entries))
	if compared < 26000 {
		t.Errorf("only %d fields were compared", compared)
	}
	judge(t, found)
}

// judge holds every difference to the reviewed list, and the list to the differences.
func judge(t *testing.T, found []diff) {
	t.Helper()
	list := reviewed()
	matched := make([]map[string]bool, len(list))
	unknown := 0
	for _, d := range found {
		i := slices.IndexFunc(list, func(r rule) bool { return r.matches(d) })
		if i < 0 {
			if unknown++; unknown <= 60 {
				t.Errorf("not on the list: %s", d)
			}
			continue
		}
		if matched[i] == nil {
			matched[i] = map[string]bool{}
		}
		matched[i][d.entry.name] = true
	}
	if unknown > 60 {
		t.Errorf("and %d more", unknown-60)
	}
	var table strings.Builder
	for i, r := range list {
		if len(matched[i]) == 0 {
			t.Errorf("nothing matches %q any more", r.name)
		}
		for _, name := range strings.Fields(r.entries) {
			if !matched[i][name] {
				t.Errorf("%s does not need %q any more", name, r.name)
			}
		}
		names := slices.Sorted(maps.Keys(matched[i]))
		fmt.Fprintf(&table, "%s: %d\n", r.name, len(names))
		if len(names) > 0 && len(names) <= 40 {
			fmt.Fprintf(&table, "\t%s\n", strings.Join(names, " "))
		}
	}
	checkTable(t, table.String())
}

// compare makes both sides' requests and returns the fields that differ, and how
// many fields were looked at.
func compare(e refEntry, compiled *Entry, world string, in diffInputs) (found []diff, fields int) {
	base := diff{entry: e, compiled: compiled, world: world}
	if compiled == nil {
		base.call, base.ref, base.our = "entry", "used", "rejected"
		return []diff{base}, 1
	}
	o, refused := newOurs(compiled, in)
	if refused != "" {
		base.call, base.ref, base.our = "connection", "created", refused
		return []diff{base}, 1
	}
	ref, our, filled := refCalls(e, in), o.calls(), refCalls(e, in.filled(e))
	names := maps.Clone(ref)
	maps.Copy(names, our)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d := base
		d.call = name
		more, n := compareCall(d, ref[name], our[name], filled[name])
		found = append(found, more...)
		fields += n
	}
	return found, fields
}

func compareCall(d diff, ref, our, filled *call) (found []diff, fields int) {
	d.ref, d.our = outcome(ref), outcome(our)
	d.filled = outcome(filled)
	d.hole = ref != nil && ref.hole()
	switch {
	case ref != nil && our != nil && ref.err != "" && our.err != "":
		return nil, 1 // neither sends anything; the words for it differ
	case d.ref != d.our:
		return []diff{d}, 1
	}
	names := maps.Clone(ref.fields)
	maps.Copy(names, our.fields)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		d.field, d.ref, d.our, d.filled = name, value(ref, name), value(our, name), value(filled, name)
		if d.ref != d.our {
			found = append(found, d)
		}
	}
	return found, len(names)
}

func outcome(c *call) string {
	switch {
	case c == nil:
		return absent
	case c.err != "":
		return c.err
	}
	return "sent"
}

func value(c *call, name string) string {
	if c == nil {
		return absent
	}
	if v, ok := c.fields[name]; ok {
		return v
	}
	return absent
}

// compareKeys compares the entry itself, once aliases are resolved.
func compareKeys(e refEntry, compiled *Entry) []diff {
	if compiled == nil {
		return nil
	}
	data, err := json.Marshal(compiled.Provider)
	if err != nil {
		panic(err)
	}
	var our map[string]any
	if err := json.Unmarshal(data, &our); err != nil {
		panic(err)
	}
	ref := pruned(e.keys).(map[string]any)
	our = pruned(our).(map[string]any)
	names := maps.Clone(ref)
	maps.Copy(names, our)
	var found []diff
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !reflect.DeepEqual(ref[name], our[name]) {
			found = append(found, diff{
				entry: e, compiled: compiled, world: "any", call: "key", field: name,
				ref: fmt.Sprint(ref[name]), our: fmt.Sprint(our[name]),
			})
		}
	}
	return found
}

// pruned is a value without what means the same as an absent key, and with scalars
// as text, which is what they become.
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, below := range v {
			below = pruned(below)
			if m, ok := below.(map[string]any); ok && len(m) == 0 || below == "" || below == "false" {
				continue
			}
			if list, ok := below.([]any); ok && len(list) == 0 {
				continue
			}
			out[k] = below
		}
		return out
	case []any:
		out := make([]any, 0, len(v))
		for _, item := range v {
			out = append(out, pruned(item))
		}
		return out
	case float64:
		return fmt.Sprintf("%.0f", v)
	}
	return refText(v)
}
