package schema

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

type (
	Loop struct {
		*Loop
		A int
	}
	bit     uint8  // a byte that is a text
	key     string // a string that reads itself
	bothKey int    // a key that encoding/json reads with UnmarshalJSON
	readBit uint8  // a byte that only reads
)

func (b bit) MarshalText() ([]byte, error) { return []byte{'0' + byte(b)}, nil }
func (b *bit) UnmarshalText(text []byte) error {
	if s := string(text); s != "0" && s != "1" {
		return errors.New("no bit")
	}
	*b = bit(text[0] - '0')
	return nil
}

func (k *key) UnmarshalText(text []byte) error {
	*k = key(text)
	if len(text) != 2 {
		return errors.New("a key has two letters")
	}
	return nil
}

func (bothKey) MarshalText() ([]byte, error)     { return []byte("k"), nil }
func (*bothKey) UnmarshalText(text []byte) error { return errors.New("not to be asked") }
func (*bothKey) UnmarshalJSON(data []byte) error {
	if string(data) != `"k"` {
		return errors.New("no k")
	}
	return nil
}

func (*readBit) UnmarshalText(text []byte) error { return nil }

func TestCorners(t *testing.T) {
	type numbers struct {
		Zero  int     `json:"zero,omitzero" minimum:"0"`
		Above int     `json:"above,omitzero" exclusiveMinimum:"-1"`
		Below int8    `json:"below,omitzero" exclusiveMaximum:"0" minimum:"-2"`
		Both  float64 `json:"both,omitzero" minimum:"1" exclusiveMinimum:"1" maximum:"2" exclusiveMaximum:"2"`
		Face  string  `json:"face,omitzero" pattern:"^😀$" maxLength:"1"`
		F32   float32 `json:"f32,omitzero" maximum:"0.1" enum:"0.1"`
	}
	for _, test := range []struct {
		typ  reflect.Type
		json string
		want string
	}{
		{reflect.TypeFor[Loop](), `{"A":1}`, ""},
		{reflect.TypeFor[[]bit](), `["1","0","2"]`, "/2 is nothing that schema.bit can be read from"},
		{reflect.TypeFor[map[key]int](), `{"ab":1,"a":1}`, "/a has a name that the type of the map's keys cannot be read from"},
		{reflect.TypeFor[map[bothKey]int](), `{"k":1,"l":1}`, "/l has a name that the type of the map's keys cannot be read from"},
		{reflect.TypeFor[numbers](), `{"zero":-0,"above":0,"below":-1,"both":1.5,"face":"\ud83d\ude00","f32":0.1}`, ""},
		{reflect.TypeFor[numbers](), `{"zero":-1,"above":-1,"below":0,"both":1,"face":"\ud83d\ude01","f32":0.11}`,
			"/zero must be at least 0\n/above must be at least 0\n/below must be at most -1\n/both must be more than 1\n/face must match ^😀$\n/f32 must be at most 0.1"},
		{reflect.TypeFor[numbers](), `{"below":-3,"both":2}`, "/below must be at least -2\n/both must be less than 2"},
	} {
		if got := reason(mustFor(t, test.typ).Validate([]byte(test.json))); got != test.want {
			t.Errorf("%s: %s\ngot:\n%s\nwant:\n%s", test.typ, test.json, got, test.want)
		}
	}
	if _, err := For(reflect.TypeFor[[]readBit]()); err == nil || !strings.Contains(err.Error(), "[]schema.readBit is not read the way it is written") {
		t.Error(err)
	}
}

// TestFieldsAreApart: what the tags of one field say is not said of another of its type.
func TestFieldsAreApart(t *testing.T) {
	type pair struct {
		A int8 `minimum:"1"`
		B int8 `minimum:"2"`
		C int8
	}
	got := golden(t, reflect.TypeFor[pair]())
	for _, part := range []string{`"A":{"type":"integer","minimum":1,`, `"B":{"type":"integer","minimum":2,`, `"C":{"type":"integer","minimum":-128,`} {
		if !strings.Contains(got, part) {
			t.Errorf("no %s in %s", part, got)
		}
	}
}

// TestOwnWords has schemas as types say them, what they accept, and what they refuse.
func TestOwnWords(t *testing.T) {
	for _, test := range []struct {
		schema       string
		good, refuse []string
	}{
		{`true`, []string{`1`, `[{}]`}, []string{`{`}},
		{`{"type":["integer","number"]}`, []string{`1.5`, `1`}, []string{`"1"`}},
		{`{"type":"integer"}`, []string{`1.0`, `-0`, `1e300`}, []string{`1.5`, `1e-3`}},
		{`{"enum":[0,"é",null,false]}`, []string{`-0.0`, `0`, `0e9`, `"\u00e9"`, `null`, `false`}, []string{`true`, `1`, `"0"`, `[]`, `{}`}},
		{`{"const":1e400}`, []string{`1e400`}, []string{`1e401`}},
		{`{"oneOf":[{"type":"integer"},{"minimum":5}]}`, []string{`1`, `5.5`, `"x"`}, []string{`6`, `0.5`}},
		{`{"minLength":2,"minItems":1,"minimum":3}`, []string{`"ab"`, `[1]`, `3`, `null`, `{}`}, []string{`"a"`, `[]`, `2`}},
		{`{"required":["a"],"additionalProperties":{"type":"null"}}`, []string{`{"a":null}`, `{"a":null,"b":null}`, `1`}, []string{`{}`, `{"b":null}`, `{"a":1}`}},
		{`{"properties":{"a":{"type":"null"}}}`, []string{`{"a":null,"b":[1]}`, `{}`}, []string{`{"a":1}`, `{"b":1,"b":1}`}},
		{`{"format":"ipv4"}`, []string{`"1.2.3.4"`, `1`}, []string{`"1.2.3"`}},
	} {
		o, err := parseOwn(json.RawMessage(test.schema))
		if err != nil {
			t.Fatalf("%s: %v", test.schema, err)
		}
		s := &Schema{root: &node{kind: kindOwn, own: o}}
		for _, text := range slices.Concat(test.good, test.refuse) {
			if err := s.Validate([]byte(text)); (err == nil) != slices.Contains(test.good, text) {
				t.Errorf("%s: %s: %v", test.schema, text, err)
			}
		}
	}
}
