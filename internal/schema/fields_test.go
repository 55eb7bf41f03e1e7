package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type (
	l1 struct {
		A, B int
		C    int `json:"c"`
	}
	L2 struct {
		A int `json:"B"`
		D int `json:"c"`
		l1
	}
	L3 struct {
		*L2
		C int
		E *int
	}
	L4 struct {
		L3
		l1
		//lint:ignore SA5008 encoding/json does not take this name, and so must not we
		F int `json:"bad\"name"`
		G int `json:"ok-name!"`
		h int
	}
	Text   string
	self   struct{ *Again }
	Again  struct{ A, self int }
	tagged struct {
		L2 `json:"l2"`
		*L3
		Text
		c int
	}
)

// Fields that are not exported are there to be left out.
var _ = []any{L4{h: 1}, tagged{c: 1}, Again{self: 1}, omitShape{g: 1}}

// TestFieldsLikeJSON: the members and their order are those that encoding/json writes
// for structs that embed others and hide their fields.
func TestFieldsLikeJSON(t *testing.T) {
	pool := []reflect.Type{
		reflect.TypeFor[L2](), reflect.TypeFor[L3](), reflect.TypeFor[L4](), reflect.TypeFor[*L2](), reflect.TypeFor[Again](),
	}
	types := []reflect.Type{reflect.TypeFor[tagged](), reflect.TypeFor[L4](), reflect.TypeFor[self](), reflect.TypeFor[embeddedShape](),
		reflect.TypeFor[struct {
			L4
			L3
			A int
		}]()}
	r := seeded(t)
	for range 300 {
		types = append(types, randomStruct(r, pool))
	}
	sizes := map[int]bool{}
	for _, typ := range types {
		var got []string
		for _, m := range members(typ) {
			got = append(got, m.name)
		}
		want := written(t, typ)
		if !slices.Equal(got, want) {
			t.Fatalf("%s:\ngot  %q\nwant %q", typ, got, want)
		}
		sizes[len(want)] = true
	}
	if len(sizes) < 5 {
		t.Errorf("the structs are all alike: %v", sizes)
	}
}

// randomStruct embeds some types and has fields whose names may be theirs.
func randomStruct(r *rand.Rand, pool []reflect.Type) reflect.Type {
	var fields []reflect.StructField
	used := map[string]bool{}
	for range 1 + r.IntN(4) {
		typ := pool[r.IntN(len(pool))]
		name := typ.Name()
		if typ.Kind() == reflect.Pointer {
			name = typ.Elem().Name()
		}
		if !used[name] {
			used[name] = true
			fields = append(fields, reflect.StructField{Name: name, Type: typ, Anonymous: true})
		}
	}
	for i := range r.IntN(4) {
		tag := reflect.StructTag([]string{``, `json:"c"`, `json:"B,omitempty"`, `json:"E"`, `json:"-"`, `json:"-,"`, `json:",string"`}[r.IntN(7)])
		fields = append(fields, reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: reflect.TypeFor[int](), Tag: tag})
	}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return reflect.StructOf(fields)
}

// written is the names of the members that encoding/json writes, all pointers set.
func written(t *testing.T, typ reflect.Type) []string {
	t.Helper()
	v := reflect.New(typ)
	setAll(v.Elem())
	data, err := json.Marshal(v.Interface())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	d := json.NewDecoder(strings.NewReader(string(data)))
	for depth := 0; ; {
		token, err := d.Token()
		if err != nil {
			return names
		}
		switch token := token.(type) {
		case json.Delim:
			if token == '{' || token == '[' {
				depth++
			} else {
				depth--
			}
		case string:
			if depth == 1 {
				names = append(names, token)
				var skip json.RawMessage
				if err := d.Decode(&skip); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func setAll(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer && v.CanSet() && v.IsNil():
		v.Set(reflect.New(v.Type().Elem()))
		setAll(v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			setAll(v.Field(i))
		}
	case v.Kind() == reflect.Int && v.CanSet():
		v.SetInt(1)
	}
}

// TestRequired: what encoding/json always writes is required, if no tag says otherwise.
func TestRequired(t *testing.T) {
	type Inner struct{ A, B int }
	type outer struct {
		*Inner
		B int `required:"false"`
		C *int
		D *int   `required:"true"`
		E string `json:",omitempty"`
		F string `json:",omitzero" required:"true"`
		G []int
		H any
		I map[string]int `json:",omitempty"`
	}
	var got []string
	for _, f := range mustFor(t, reflect.TypeFor[outer]()).root.fields {
		if f.required {
			got = append(got, f.name)
		}
	}
	if want := []string{"D", "F", "G", "H"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
