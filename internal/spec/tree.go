package spec

import (
	"errors"
	"net/url"

	"github.com/tieline/tieline/internal/template"
)

// Param is a named text template: a header, a query parameter, a form field.
type Param struct {
	Name  string
	Value *template.Text

	// Optional: every variable in it is a field that may be left empty. Then a
	// missing or empty value leaves the parameter out and is not an error.
	Optional bool
}

// Expand returns the value of the parameter, and whether it is to be sent.
func (p Param) Expand(env *template.Env) (value string, send bool, err error) {
	return expandOptional(p.Value, p.Optional, env)
}

func expandOptional(t *template.Text, optional bool, env *template.Env) (string, bool, error) {
	if optional && env != nil && env.Lookup != nil {
		for _, r := range t.Refs() {
			if v, ok := env.Lookup(r); !ok || v == "" {
				return "", false, nil
			}
		}
	}
	v, err := t.Expand(env)
	var missing *template.MissingError
	if optional && errors.As(err, &missing) {
		return "", false, nil
	}
	return v, err == nil, err
}

// Tree is a request body, or parameters that may nest: templates in the shape
// and the order they were written in. The zero Tree is null.
type Tree struct {
	Kind     Kind
	Literal  string         // JSON form of a Number or Bool
	Text     *template.Text // of a String
	Optional bool           // of a String, as in [Param]
	Items    []Tree         // of a List
	Members  []TreeMember   // of an Object
}

// TreeMember is one name of an object and what is under it.
type TreeMember struct {
	Name string
	Tree Tree
}

// IsZero reports whether there is nothing in the tree.
func (t Tree) IsZero() bool {
	return t.Kind == Null || t.Kind == Object && len(t.Members) == 0
}

// Get returns what is under name in an object.
func (t Tree) Get(name string) (Tree, bool) {
	for _, m := range t.Members {
		if m.Name == name {
			return m.Tree, true
		}
	}
	return Tree{}, false
}

// Without returns an object without the members of those names.
func (t Tree) Without(names ...string) Tree {
	out := Tree{Kind: t.Kind}
next:
	for _, m := range t.Members {
		for _, n := range names {
			if m.Name == n {
				continue next
			}
		}
		out.Members = append(out.Members, m)
	}
	return out
}

// Expand returns the values that the templates of the tree have in env, in the
// same shape. Optional texts without a value are left out, and so is an object
// that had nothing else in it.
func (t Tree) Expand(env *template.Env) (Value, error) {
	v, _, err := t.expand(env)
	return v, err
}

func (t Tree) expand(env *template.Env) (v Value, send bool, err error) {
	switch t.Kind {
	case String:
		text, send, err := expandOptional(t.Text, t.Optional, env)
		return Value{Kind: String, Text: text}, send, err
	case Number, Bool:
		return Value{Kind: t.Kind, Text: t.Literal}, true, nil
	case List:
		return t.expandList(env)
	case Object:
		return t.expandObject(env)
	}
	return Value{}, true, nil
}

func (t Tree) expandList(env *template.Env) (Value, bool, error) {
	out := Value{Kind: List}
	for _, item := range t.Items {
		v, send, err := item.expand(env)
		if err != nil {
			return Value{}, false, err
		}
		if send {
			out.List = append(out.List, v)
		}
	}
	return out, len(out.List) > 0 || len(t.Items) == 0, nil
}

func (t Tree) expandObject(env *template.Env) (Value, bool, error) {
	out := Value{Kind: Object, Map: Map{}}
	for _, m := range t.Members {
		v, send, err := m.Tree.expand(env)
		if err != nil {
			return Value{}, false, err
		}
		if send {
			out.Map = append(out.Map, Member{Name: m.Name, Value: v})
		}
	}
	return out, len(out.Map) > 0 || len(t.Members) == 0, nil
}

// Form expands the tree for a form body or a query. What nests has no place in
// one and is an error; the loader reports it.
func (t Tree) Form(env *template.Env) (url.Values, error) {
	out := make(url.Values, len(t.Members))
	for _, m := range t.Members {
		v, send, err := m.Tree.expand(env)
		switch {
		case err != nil:
			return nil, err
		case !v.IsScalar():
			return nil, errors.New("the parameter " + m.Name + " nests, which a form cannot")
		case send && v.Kind != Null:
			out.Set(m.Name, v.Text)
		}
	}
	return out, nil
}

// texts calls f for every template of the tree, with its path below path.
func (t Tree) texts(path string, f func(path string, t *template.Text, optional bool)) {
	switch t.Kind {
	case String:
		f(path, t.Text, t.Optional)
	case List:
		for _, item := range t.Items {
			item.texts(path, f)
		}
	case Object:
		for _, m := range t.Members {
			m.Tree.texts(joinPath(path, m.Name), f)
		}
	}
}
