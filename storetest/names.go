package storetest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/store"
)

// oddNames returns names that are all different as bytes, and alike in the
// eyes of collations, wildcards, trimming, separators and file systems.
func oddNames() []string {
	return []string{
		"a", "A", "b", "aa", "Aa", "AA", "ab",
		" a", "a ", "a  ", "a\t", "a\n", "\ta", " ", "  ", "a\u00a0", "\u3000",
		"%", "_", "a%", "a_", "%a%", "*", "?", "a*", "[a]", "[^a]", "\\", "\\%", "a\\",
		"'", "''", "a'", "\"", "\"\"", "`", "a'; --", "$1", ":a", "?1", "{a}", "null", "NULL", "true",
		"\u00e9", "e\u0301", "\u00c9", "E\u0301", // composed and decomposed
		"\u00e5", "a\u030a", "\u212b", // å twice, and the unit ångström
		"\ufb01", "fi", "\u00df", "ss", "SS", "\u0130", "i", "I", "\u0131", "\u03c3", "\u03c2",
		"\uff21", "\u0391", "\u0410", // A thrice: fullwidth, Greek, Cyrillic
		"a\u200b", "a\u200d", "\ufeffa", "\u202ea", "a\u00ad",
		"\ufffd", "\U0001f511", "\uffee", "\U00010000", // UTF-16 would order these otherwise
		"\x01", "\x1f", "\x7f", "\u0080", "a\x1fb",
		"0", "00", "1", "10", "2", "-1", "+1", "1.0", "1e3", "0x1",
		"a/b", "a//b", "a:b", "a|b", "a,b", "a=b", "a;b", "a.b", "a&b", "a#b", "a?b", "a+b", "a b",
		".", "..", "../a", "/", "a/", "/a", "CON", "a%2Fb", "a%20b",
		strings.Repeat("x", 200), strings.Repeat("x", 199) + "y", strings.Repeat("x", 201),
	}
}

func checkOddKeys(e *env) {
	e.bystanders.neighbors(e, folder)
	second := e.open()
	names := oddNames()
	byID := map[string]store.Row{}
	for _, name := range names {
		byID[name] = e.s.put(store.Row{Key: itemKey(name), Unique: name, Due: noon(), Data: []byte(name)})
	}
	slices.Sort(names)
	var want []store.Row
	for _, name := range names {
		second.holds(byID[name])
		second.lists(store.Query{Kind: item, Unique: name}, byID[name])
		want = append(want, byID[name])
	}
	// Each is the place where a page ends, in both orders.
	second.lists(store.Query{Kind: item, Limit: 1}, want...)
	second.lists(store.Query{Kind: item, Limit: 1, DueBefore: far()}, want...)
	e.checkOddRewrite(second, names, byID)
	e.checkOddKinds(second)
}

// checkOddRewrite changes every second row and deletes every third, and looks
// at all of them again.
func (e *env) checkOddRewrite(second handle, names []string, byID map[string]store.Row) {
	e.t.Helper()
	var want []store.Row
	for i, name := range names {
		row := byID[name]
		switch {
		case i%3 == 0:
			e.s.delete(row.Key, row.Version)
			continue
		case i%2 == 0:
			row.Data = []byte("changed")
			row = e.s.put(row)
		}
		want = append(want, row)
	}
	second.lists(store.Query{Kind: item}, want...)
	for i, name := range names {
		if i%3 == 0 {
			second.absent(itemKey(name))
			second.lists(store.Query{Kind: item, Unique: name})
		}
	}
}

// alikeKeys are pairs of Kind and ID that give the same string when they are
// joined, and Kinds that are alike.
func alikeKeys() []store.Key {
	var keys []store.Key
	for _, sep := range []string{"/", ":", "|", ".", "-", "_", " ", "\x1f", "\x01", "\n", "\\"} {
		keys = append(keys,
			store.Key{Kind: store.Kind("k" + sep + "x"), ID: "y"},
			store.Key{Kind: "k", ID: "x" + sep + "y"},
		)
	}
	for _, kind := range []store.Kind{"Kind", "kind", "KIND", "kind ", " kind", "kin", "kind%", "kind_", "k\u00ednd", "ki\u0301nd"} {
		keys = append(keys, store.Key{Kind: kind, ID: "same"})
	}
	return keys
}

// checkOddKinds gives rows their ID as Unique and as a label too, and a row
// below each.
func (e *env) checkOddKinds(second handle) {
	e.t.Helper()
	byKind := map[store.Kind][]store.Row{}
	below := map[store.Key]store.Row{}
	for i, key := range alikeKeys() {
		row := e.s.put(store.Row{Key: key, Unique: key.ID, Labels: []string{key.ID}, Data: []byte(key.Kind)})
		byKind[key.Kind] = append(byKind[key.Kind], row)
		below[key] = e.s.put(store.Row{Key: store.Key{Kind: "below", ID: fmt.Sprintf("%03d", i)}, Parent: key})
	}
	for kind, rows := range byKind {
		slices.SortFunc(rows, byID)
		second.lists(store.Query{Kind: kind}, rows...)
		for _, row := range rows {
			second.holds(row)
			second.lists(store.Query{Kind: kind, Unique: row.Unique}, row)
			second.lists(store.Query{Kind: kind, Labels: row.Labels}, row)
			second.lists(store.Query{Kind: "below", Parent: row.Key}, below[row.Key])
		}
	}
	for i, key := range alikeKeys() {
		if i%2 == 0 {
			e.s.delete(key, 1)
			second.absent(key, below[key].Key)
			continue
		}
		second.get(key)
		second.holds(below[key])
	}
}
