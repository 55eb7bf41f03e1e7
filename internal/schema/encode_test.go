package schema

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// crate says a schema that its nil slice keeps to only when it is written as [].
type crate struct {
	Of    []int   `json:"of"`
	Inner []crate `json:"inner,omitempty"`
}

func (crate) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"object","properties":{"of":{"type":"array","maxItems":1}}}`)
}

func TestEncode(t *testing.T) {
	type inner struct {
		L   []int
		M   map[string][]byte
		P   *[]int
		B   []byte
		O   []int `json:",omitempty"`
		Any any
		Own even `json:",omitempty"`
	}
	for _, test := range []struct {
		typ  reflect.Type
		v    any
		want string
	}{
		{reflect.TypeFor[inner](), inner{}, `{"L":[],"M":{},"P":null,"B":"","Any":null}`},
		{reflect.TypeFor[inner](), &inner{M: map[string][]byte{"<&>": nil}, P: new([]int)}, `{"L":[],"M":{"<&>":""},"P":null,"B":"","Any":null}`},
		{reflect.TypeFor[[][]int](), [][]int{nil, {1}, nil}, `[[],[1],[]]`},
		{reflect.TypeFor[[]int](), []int(nil), `[]`},
		{reflect.TypeFor[crate](), crate{Inner: []crate{{}, {Of: []int{1}}}}, `{"of":[],"inner":[{"of":[]},{"of":[1]}]}`},
		{reflect.TypeFor[*inner](), (*inner)(nil), `null`},
		{reflect.TypeFor[any](), nil, `null`},
		{reflect.TypeFor[any](), 1, `1`},
		{reflect.TypeFor[struct{ N big.Int }](), struct{ N big.Int }{*big.NewInt(7)}, `{"N":7}`},
	} {
		got, err := mustFor(t, test.typ).Encode(test.v)
		if err != nil || string(got) != test.want {
			t.Errorf("%s: %s, %v, want %s", test.typ, got, err, test.want)
		}
	}
}

func TestEncodeErrors(t *testing.T) {
	type few struct {
		L []int `json:"l" minItems:"1"`
		N int   `json:"n,omitempty" maximum:"3" required:"true"`
	}
	for _, test := range []struct {
		typ   reflect.Type
		v     any
		want  string
		fault bool
	}{
		{reflect.TypeFor[few](), few{N: 1}, "/l must have at least 1 item", true},
		{reflect.TypeFor[few](), few{L: []int{1}}, "/n is missing", true},
		{reflect.TypeFor[few](), few{L: []int{1}, N: 4}, "/n must be at most 3", true},
		{reflect.TypeFor[even](), even(nil), "the value must have at least 2 items", true},
		{reflect.TypeFor[crate](), crate{Inner: []crate{{Of: []int{1, 2}}}}, "/inner/0/of must have at most 1 item", true},
		{reflect.TypeFor[crate](), crate{Of: []int{1, 2}}, "/of must have at most 1 item", true},
		{reflect.TypeFor[few](), 1, "schema: encode int: need a value of type schema.few", false},
		{reflect.TypeFor[few](), nil, "need a value of type schema.few", false},
		{reflect.TypeFor[few](), (*few)(nil), "a nil pointer is no schema.few", false},
		{reflect.TypeFor[float64](), math.NaN(), "unsupported value: NaN", false},
	} {
		got, err := mustFor(t, test.typ).Encode(test.v)
		var faults Errors
		if got != nil || err == nil || !strings.Contains(err.Error(), test.want) || errors.As(err, &faults) != test.fault {
			t.Errorf("%s: %s, %v, want %s", test.typ, got, err, test.want)
		}
	}
}

func TestDecode(t *testing.T) {
	type target struct {
		N int64
		L []base
		A any
		O string `json:",omitempty"`
	}
	s := mustFor(t, reflect.TypeFor[target]())
	v := target{N: 1, L: []base{{ID: "old", Name: "old"}}, A: "old", O: "old"}
	if err := s.Decode([]byte(`{"N":9007199254740993,"L":[{"id":"a","Name":"","Same":0}],"A":9007199254740993,"X":1}`), &v); err == nil || v.N != 1 {
		t.Errorf("refused, and changed: %v, %+v", err, v)
	}
	if err := s.Decode([]byte(`{"N":9007199254740993,"L":[{"id":"a","Name":"","Same":0}],"A":[9007199254740993]}`), &v); err != nil {
		t.Fatal(err)
	}
	if v.O != "" {
		t.Errorf("what was there is still there: %+v", v)
	}
	if again, err := s.Encode(v); err != nil || string(again) != `{"N":9007199254740993,"L":[{"id":"a","Name":"","Same":0}],"A":[9007199254740993]}` {
		t.Errorf("%s %v", again, err)
	}
	for _, bad := range []any{nil, v, (*target)(nil), new(int)} {
		if err := s.Decode([]byte(`{}`), bad); err == nil || !strings.Contains(err.Error(), "need a pointer to schema.target") {
			t.Errorf("%T: %v", bad, err)
		}
	}
}
