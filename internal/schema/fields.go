package schema

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// member is a field of a struct as encoding/json sees it: promoted from embedded
// structs, or hidden by another of the same name.
type member struct {
	reflect.StructField
	name    string
	index   []int  // from the outer struct
	path    string // of embedded structs, for errors
	options string // of the json tag

	tagged    bool // the name is from a tag
	ambiguous bool // another has an equal claim to the name: neither is used
	throughP  bool // there is a pointer among the embedded structs it is promoted from
	blocked   bool // and encoding/json cannot set it, for its type is not exported
}

func (m *member) has(option string) bool {
	for o := range strings.SplitSeq(m.options, ",") {
		if o == option {
			return true
		}
	}
	return false
}

// embedded is a struct whose fields are promoted.
type embedded struct {
	typ               reflect.Type
	index             []int
	path              string
	throughP, blocked bool
	twice             bool // the type is embedded more than once at its depth
}

// members are the fields that encoding/json writes, in its order. The rules are those
// of package json: the least depth wins, then a tag, and of equals none.
func members(t reflect.Type) []*member {
	chosen := map[string]*member{}
	visited := map[reflect.Type]bool{}
	for level := []*embedded{{typ: t}}; len(level) > 0; {
		next := map[reflect.Type]*embedded{}
		var order []*embedded
		for _, e := range level {
			if visited[e.typ] {
				continue
			}
			visited[e.typ] = true
			for i := range e.typ.NumField() {
				m, inner := look(e, i)
				switch {
				case m != nil:
					m.ambiguous = e.twice
					choose(chosen, m)
				case inner == nil:
				case next[inner.typ] != nil:
					next[inner.typ].twice = true
				default:
					next[inner.typ] = inner
					order = append(order, inner)
				}
			}
		}
		level = order
	}
	var all []*member
	for _, m := range chosen {
		if !m.ambiguous {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *member) int { return slices.Compare(a.index, b.index) })
	return all
}

// choose keeps the better of two members of one name. Members come by depth.
func choose(chosen map[string]*member, m *member) {
	was := chosen[m.name]
	switch {
	case was == nil:
		chosen[m.name] = m
	case len(was.index) < len(m.index):
	case was.tagged == m.tagged:
		was.ambiguous = true
	case m.tagged:
		chosen[m.name] = m
	}
}

// look is field i of a struct: a member, a struct whose fields are promoted, or
// neither.
func look(e *embedded, i int) (*member, *embedded) {
	f := e.typ.Field(i)
	t := f.Type
	pointer := t.Kind() == reflect.Pointer && t.Name() == ""
	if pointer {
		t = t.Elem()
	}
	isStruct := t.Kind() == reflect.Struct
	if !f.IsExported() && (!f.Anonymous || !isStruct) {
		return nil, nil
	}
	tag := f.Tag.Get("json")
	if tag == "-" {
		return nil, nil
	}
	name, options, _ := strings.Cut(tag, ",")
	if !goodName(name) {
		name = ""
	}
	index := append(slices.Clone(e.index), i)
	if f.Anonymous && isStruct && name == "" {
		return nil, &embedded{
			typ: t, index: index, path: e.path + "." + f.Name,
			throughP: e.throughP || pointer,
			blocked:  e.blocked || pointer && !f.IsExported(),
		}
	}
	return &member{
		StructField: f, name: cmp.Or(name, f.Name), index: index, path: e.path + "." + f.Name,
		options: options, tagged: name != "",
		throughP: e.throughP, blocked: e.blocked || pointer && !f.IsExported(),
	}, nil
}

// goodName says whether encoding/json takes a name from a tag.
func goodName(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) {
			return false
		}
	}
	return s != ""
}
